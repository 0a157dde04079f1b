//! Reports for the tests of the renderers: one as a run on digits would give it, and variations with surprises, with
//! hostile strings and numbers, and with nothing in it.

use crate::mutant::{Mutant, collect};
use crate::report::{
    CheckResult, ClaimResult, Comparison, CurrentFigure, DampingBoundary, DampingFigure, DampingPoint, DataSummary,
    DiffusionFigure, DisplacementFigure, EquipartitionFigure, Expectation, Figures, FittedPowerLaw, KillCell,
    KillMatrix, KillOutcome, Layer, ModeVarianceFigure, OscillationFigure, OscillationSeries, Reference, Report,
    SCHEMA, ScenarioSummary, Summary, Sweep, SweepFigure, SweepPoint, TrajectoryDirection, TrajectoryFigure, Verdict,
};

const MODES: usize = 61;
const LEARNING_RATE: f64 = 0.3;

/// A run in which everything is as expected.
pub(crate) fn report() -> Report {
    let claims: Vec<ClaimResult> = RIGHT
        .iter()
        .map(|(id, title, statement, paper, errata, headline)| {
            claim(id, title, statement, paper, errata, headline, Expectation::Supported)
        })
        .chain(WRONG.iter().map(|(id, title, statement, paper, errata, headline)| {
            claim(id, title, statement, paper, errata, headline, Expectation::Refuted)
        }))
        .collect();
    Report {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        tier: "quick".to_owned(),
        seed: 20_260_301,
        seed_origin: "epoch".to_owned(),
        family_wise_error: 1e-6,
        command: "langevin report --tier quick --data digits --seed 20260301".to_owned(),
        summary: summary(&claims),
        data: DataSummary {
            name: "digits".to_owned(),
            description: "8 by 8 images of handwritten digits, centred pixels in units of 1/16, one target per class".to_owned(),
            attribution: Some("E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0".to_owned()),
            samples: 1797,
            features: 64,
            outputs: 1,
            rank: MODES,
            hessian_trace: 4.694,
            curvature_range: [0.7001, 2.31e-5],
            hash: "0123456789abcdef".repeat(4),
        },
        kill_matrix: kill_matrix(&claims),
        claims,
        scenarios: scenarios(),
        diagnostics: vec![crate::report::ChainDiagnostics {
            scenario: SCENARIOS[0].0.to_owned(),
            quantity: "regularised loss above its minimum".to_owned(),
            chains: 4,
            draws: 1601,
            mean: 0.0131,
            exact: 0.0129,
            standard_error: 0.0002,
            rank_r_hat: 1.003,
            folded_r_hat: 1.001,
            bulk_size: 812.0,
            tail_size: 640.0,
        }],
        predictions: Vec::new(),
        baseline: None,
        evidence: None,
        figures: figures(),
        paper_settings: crate::paper_tables::settings().expect("the printed settings are valid"),
        references: vec![
            Reference {
                key: "Kunin et al. 2021".to_owned(),
                citation: "D. Kunin, J. Sagastuy-Brena, L. Gillespie, E. Margalit, H. Tanaka, S. Ganguli, D. L. K. Yamins: Rethinking the limiting dynamics of SGD: modified loss, phase space oscillations, and anomalous diffusion.".to_owned(),
            },
            Reference { key: "Catoni 2012".to_owned(), citation: "O. Catoni: Challenging the empirical mean and empirical variance: a deviation study.".to_owned() },
            Reference { key: "Gandy & Scott 2020".to_owned(), citation: "A. Gandy, J. Scott: Unit testing for MCMC and other Monte Carlo methods.".to_owned() },
        ],
    }
}

/// Two mutants, the second of which one check does not see.
fn kill_matrix(claims: &[ClaimResult]) -> KillMatrix {
    let checks: Vec<CheckResult> = claims[..3].iter().map(|claim| claim.checks[0].clone()).collect();
    let cell = |check: usize, outcome, shift| KillCell {
        check: checks[check].id.clone(),
        outcome,
        shift,
        effect: 0.31,
        p_value: 1e-40,
    };
    let cells = [
        (Mutant::Nesterov, cell(0, KillOutcome::Killed, 31.0)),
        (Mutant::ContinuousLaw, cell(0, KillOutcome::Killed, 4.5)),
        (Mutant::ContinuousLaw, cell(1, KillOutcome::Survived, 0.7)),
    ];
    collect(&cells, &checks, false)
}

/// A right theory refuted, a wrong one that survives, and an undecided claim.
pub(crate) fn report_with_surprises() -> Report {
    let mut report = report();
    let wrong = RIGHT.len();
    for (index, verdict) in [(1, Verdict::Refuted), (4, Verdict::Undecided), (wrong + 2, Verdict::Supported)] {
        let claim = &mut report.claims[index];
        claim.verdict = verdict;
        claim.as_expected = false;
        for check in &mut claim.checks {
            check.verdict = verdict;
            check.p_value = check.p_value.map(|_| if verdict == Verdict::Refuted { 3.4e-11 } else { 0.21 });
        }
    }
    report.summary = summary(&report.claims);
    report.summary.exit_code = 1;
    report
}

/// Markup, control characters and numbers that cannot be drawn, in every place that takes them.
pub(crate) fn hostile_report() -> Report {
    let odd = "<script>alert('1')</script> & \"x\" onmouseover=\"y\" | `code` $a$ \u{0}\u{7}\u{1b}[31m\u{fffe} <img src=x> \n# *b* ]]> \u{202e}é";
    let mut report = report_with_surprises();
    let text = || odd.to_owned();
    report.command = text();
    report.tier = text();
    report.seed_origin = text();
    report.data.name = text();
    report.data.description = text();
    report.data.attribution = Some(text());
    report.data.hessian_trace = f64::NAN;
    report.data.curvature_range = [f64::INFINITY, -0.0];
    let mutant = &mut report.kill_matrix.mutants[0];
    mutant.title = text();
    mutant.definition = text();
    mutant.vanishes = text();
    mutant.cells[0].check = text();
    mutant.cells[0].shift = f64::NAN;
    mutant.cells[0].effect = f64::INFINITY;
    mutant.best = Some(text());
    report.kill_matrix.idle_checks[0].purpose = Some(text());
    report.references[0] = Reference { key: text(), citation: text() };
    for claim in report.claims.iter_mut().step_by(2) {
        claim.id = text();
        claim.title = text();
        claim.statement = text();
        claim.paper = text();
        claim.errata = vec![text()];
        claim.assumptions = vec![text()];
        claim.headline = text();
        for check in &mut claim.checks {
            check.id = text();
            check.scenario = text();
            check.method = text();
            check.quantity = text();
            check.note = Some(text());
            check.replay = format!("{odd}{}", "a".repeat(300));
            check.effect = f64::NAN;
            check.interval = Some([f64::NEG_INFINITY, f64::INFINITY]);
            check.p_value = Some(0.0);
            check.samples = u64::MAX;
        }
    }
    report.claims[0].statement = r"\operatorname{<script>} \frac{1}{".to_owned();
    report.scenarios[0].id = text();
    report.scenarios[0].description = text();
    report.scenarios[0].learning_rate = f64::INFINITY;
    let figures = &mut report.figures;
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e-320, 1e308, 1.0];
    for panel in &mut figures.mode_variances {
        panel.caption = text();
        for (value, bad) in panel.measured.iter_mut().zip(bad) {
            *value = bad;
        }
        for (value, bad) in panel.half_width.iter_mut().skip(8).zip(bad) {
            *value = bad;
        }
    }
    figures.mode_variances[1].curvature = vec![f64::NAN; 3];
    figures.equipartition[0].caption = text();
    figures.equipartition[0].kinetic = bad.to_vec();
    figures.oscillation[0].regime = text();
    for (value, bad) in figures.oscillation[0].position.mean.iter_mut().zip(bad) {
        *value = bad;
    }
    figures.oscillation[1].steps.clear();
    if let Some(displacement) = &mut figures.displacement {
        displacement.measured = bad.to_vec();
    }
    if let Some(damping) = &mut figures.damping {
        damping.boundaries[0].label = text();
        damping.boundaries[1].rate_times_curvature = bad.to_vec();
        damping.points[0].regime = text();
        damping.points[1].momentum = f64::NAN;
    }
    report
}

/// A run that did nothing.
pub(crate) fn empty_report() -> Report {
    let mut report = report();
    report.claims.clear();
    report.scenarios.clear();
    report.references.clear();
    report.paper_settings.clear();
    report.kill_matrix = KillMatrix::default();
    report.figures = Figures::default();
    report.data.attribution = None;
    report.summary = Summary::default();
    report
}

fn summary(claims: &[ClaimResult]) -> Summary {
    let number = |expectation, verdict| {
        claims.iter().filter(|claim| claim.expectation == expectation && claim.verdict == verdict).count()
    };
    Summary {
        supported: number(Expectation::Supported, Verdict::Supported),
        refuted_as_required: number(Expectation::Refuted, Verdict::Refuted),
        refuted_unexpectedly: number(Expectation::Supported, Verdict::Refuted),
        not_refuted: number(Expectation::Refuted, Verdict::Supported),
        undecided: claims.iter().filter(|claim| claim.verdict == Verdict::Undecided).count(),
        checks: claims.iter().map(|claim| claim.checks.len()).sum(),
        mutants_killed: 0,
        mutants_not_killed: 0,
        exit_code: 0,
    }
}

/// Identifier, title, statement, paper, erratum, headline.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const RIGHT: [Row; 14] = [
    (
        "stationary-variance",
        "Stationary variance of the position",
        r"P_i = \frac{\eta\, s_i^2}{2 h_i (1-\beta)} \cdot \frac{1}{1 - \eta h_i / (2(1+\beta))}",
        "(9), G.1",
        "E03",
        "61 modes agree with the exact law; pooled ratio 1.0014 ± 0.0018.",
    ),
    (
        "speed",
        "Mean squared step",
        r"\mathbb{E}\|\delta_k\|^2 = \eta^2 \operatorname{tr} V",
        "(16), G.1",
        "E03",
        "The speed is right to 0.14 %, the resolution being 1 %.",
    ),
    (
        "equipartition",
        "Kinetic equals potential energy in every mode",
        r"V = \frac{H_\lambda P + P H_\lambda}{\eta(1+\beta)}",
        "G.3",
        "E27",
        "Holds in all 61 modes for independent batches.",
    ),
    (
        "cross-covariance",
        "Position and velocity of the same step",
        r"C + C^\top = \eta V, \qquad C = \operatorname{Cov}(\theta_k, v_k)",
        "G.2",
        "E27",
        "The discrete process has a covariance that the SDE lacks.",
    ),
    (
        "minibatch-law",
        "Second moments under true minibatch noise",
        r"M = \mathbb{E}\!\left[ A_{\mathcal{B}} M A_{\mathcal{B}}^\top \right] + \frac{1}{S} \begin{bmatrix} \eta^2 \Sigma & \eta \Sigma \\ \eta \Sigma & \Sigma \end{bmatrix}",
        "App. B",
        "E26",
        "Pooled variance ratio 1.0014; single modes within 1.9 %.",
    ),
    (
        "without-replacement",
        "Batches without replacement",
        r"\operatorname{Cov}(g_{\mathcal{B}}) = \frac{\Sigma}{S} \cdot \frac{N-S}{N-1}",
        "Assumption 1",
        "E25",
        "The finite-population factor is seen.",
    ),
    (
        "displacement",
        "Displacement from a stationary start",
        r"\mathbb{E}\lVert \Delta_t \rVert^2 = \sum_{l=1}^{d} 2\left( P_l - \operatorname{Cov}_l(t) \right) \le 2 \operatorname{tr} P",
        "(17)",
        "E02",
        "Saturates at twice the trace of P, as it must.",
    ),
    (
        "mean-oscillation",
        "Mean on the way to the minimum",
        r"\begin{pmatrix} a_k \\ b_k \end{pmatrix} = \begin{bmatrix} 1-\eta h & \eta\beta \\ -h & \beta \end{bmatrix}^{k} \begin{pmatrix} a_0 \\ b_0 \end{pmatrix}",
        "(7), Fig. 2",
        "E32",
        "Both momenta, 400 steps, no mode outside of the band.",
    ),
    (
        "ridge-offset",
        "Loss at the stationary mean",
        r"\mathcal{L}_\lambda(\mu_r) - \mathcal{L}(\mu_o) = \frac{\lambda}{2} \left\langle \mu_o, \mu_r \right\rangle",
        "G.3",
        "E09",
        "Equal to 13 digits.",
    ),
    (
        "drift-decomposition",
        "Drift decomposition in phase space",
        r"A = (D + Q)U, \qquad Q = AB - D = -Q^\top",
        "(18), (27)",
        "E12",
        "Residual 3.1×10⁻¹³ in the worst of 40 problems.",
    ),
    (
        "regimes",
        "Regimes of the discrete map",
        r"\text{underdamped} \iff (1-\sqrt{\beta})^2 < \eta h < (1+\sqrt{\beta})^2",
        "Sec. 7",
        "E31",
        "Roots and closed form name the same regime everywhere.",
    ),
    (
        "free-energy",
        "Free energy never rises",
        r"\frac{\mathrm{d}F}{\mathrm{d}t} = -\int \lvert \nabla (\Phi + \kappa^{-1} \log p) \rvert_D^2 \, p \,\mathrm{d}x \le 0",
        "Theorem 2",
        "E30",
        "Non-increasing along all 200 trajectories.",
    ),
    (
        "sde-limit",
        "Order of the SDE limit",
        r"\frac{P_{\text{discrete}}}{P_{\text{SDE}}} - 1 = \frac{\eta h}{2(1+\beta)} + O\!\left((\eta h)^2\right)",
        "(9)",
        "E03",
        "Measured order 1.000 in eta h.",
    ),
    (
        "midpoint",
        "Covariance of the step midpoint",
        r"\operatorname{Cov}\!\left( \tfrac{1}{2}(\theta_k + \theta_{k+1}) \right) = P_{\text{SDE}}",
        "–",
        "E03",
        "Equal to rounding for additive noise.",
    ),
];

const WRONG: [Row; 11] = [
    (
        "kappa-without-square",
        "Temperature with beta instead of its square",
        r"\kappa = S(1-\beta)",
        "(6)",
        "",
        "Off by a factor 1.9 in every mode.",
    ),
    (
        "time-for-steps",
        "Correlations at k instead of eta k",
        r"C_l(k) \text{ for } C_l(\eta k)",
        "(17)",
        "E01",
        "The correlation is gone after one step.",
    ),
    (
        "equation-17",
        "Displacement grows forever",
        r"\mathbb{E}\lVert \Delta_t \rVert^2 \propto t, \quad t \to \infty",
        "(17)",
        "E02",
        "19.5 predicted, 1.027 measured.",
    ),
    (
        "sigma-not-squared",
        "Noise with sigma for its square",
        r"\Sigma = \sigma H",
        "Assumption 3",
        "",
        "Off by a factor 3.4.",
    ),
    (
        "no-finite-population",
        "Factor (N - S)/(N - 1) forgotten",
        r"\operatorname{Cov}(g_{\mathcal{B}}) = \Sigma / S",
        "Assumption 1",
        "E25",
        "1.8 % too large at S = 32, N = 1797.",
    ),
    (
        "nesterov",
        "Nesterov for heavy ball",
        r"v_{k+1} = \beta v_k - g(\theta_k + \eta\beta v_k)",
        "(2)",
        "",
        "Refuted in the stiff modes.",
    ),
    (
        "dampened-momentum",
        "Dampened momentum",
        r"v_{k+1} = \beta v_k - (1-\beta)\, g(\theta_k)",
        "(2)",
        "",
        "A hundredth of the variance.",
    ),
    (
        "lambda-in-noise",
        "Weight decay put into the noise",
        r"\Sigma = \sigma^2 (H + \lambda I)",
        "Assumption 3",
        "",
        "Refuted in the flat modes.",
    ),
    (
        "zero-cross-covariance",
        "No cross-covariance in discrete time",
        r"\operatorname{Cov}(\theta_k, v_k) = 0",
        "G.2",
        "E27",
        "The covariance is eta V / 2.",
    ),
    (
        "reshuffle-as-iid",
        "Independent-batch theory for reshuffled epochs",
        r"\mathbb{E}\!\left[ \xi_k \xi_{k'}^\top \right] = 0, \quad k \neq k'",
        "A.2",
        "E36",
        "Kinetic energy half of potential energy.",
    ),
    (
        "sde-for-discrete",
        "The OU law where the discrete one is exact",
        r"P_i = \frac{\eta s_i^2}{2 h_i(1-\beta)}",
        "(9)",
        "E03",
        "Refuted in the stiff modes, by up to 5.8 %.",
    ),
];

fn claim(
    id: &str,
    title: &str,
    statement: &str,
    paper: &str,
    erratum: &str,
    headline: &str,
    expectation: Expectation,
) -> ClaimResult {
    let number = id.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let deterministic =
        ["ridge-offset", "drift-decomposition", "regimes", "free-energy", "sde-limit", "midpoint"].contains(&id);
    let checks =
        (0..=number % 4).map(|index| check(id, number.wrapping_add(index), expectation, deterministic)).collect();
    ClaimResult {
        id: id.to_owned(),
        title: title.to_owned(),
        statement: statement.to_owned(),
        paper: paper.to_owned(),
        errata: if erratum.is_empty() { vec![] } else { vec![erratum.to_owned()] },
        assumptions: vec!["quadratic loss".to_owned(), "noise with zero mean given the past".to_owned()],
        comparison: match (deterministic, id) {
            (false, _) => Comparison::Sampling,
            (true, "sde-limit") => Comparison::Limit,
            (true, _) => Comparison::Identity,
        },
        expectation,
        verdict: match expectation {
            Expectation::Supported => Verdict::Supported,
            Expectation::Refuted => Verdict::Refuted,
        },
        as_expected: true,
        headline: headline.to_owned(),
        checks,
    }
}

fn check(claim: &str, number: u64, expectation: Expectation, deterministic: bool) -> CheckResult {
    let scenario = SCENARIOS[(number % 8) as usize].0;
    let fraction = (number % 97) as f64 / 97.0;
    let refuted = expectation == Expectation::Refuted;
    let effect = match (deterministic, refuted) {
        (true, _) => 3.1e-13 * (0.2 + fraction),
        (false, true) => [-0.47, 0.9, 3.5, -0.018][(number % 4) as usize] * (1.0 + 0.2 * fraction),
        (false, false) => 0.004 * (fraction - 0.5),
    };
    let minibatch = number % 8 < 5;
    let stochastic = |value: f64| (!deterministic).then_some(value);
    CheckResult {
        id: format!("{claim}/{scenario}/pooled variance ratio"),
        scenario: scenario.to_owned(),
        layer: match (deterministic, minibatch) {
            (true, _) => Layer::L0,
            (_, true) => Layer::L2,
            _ => Layer::L1,
        },
        method: match (deterministic, minibatch) {
            (true, _) => "closed form against Stein solve",
            (_, true) if number.is_multiple_of(3) => "Catoni e-value",
            (_, true) => "Student t over chains",
            _ => "chi-square",
        }
        .to_owned(),
        quantity: if number.is_multiple_of(2) { "variance of each mode" } else { "variance, pooled over modes" }
            .to_owned(),
        effect,
        effect_unit: "relative".to_owned(),
        interval: (!deterministic).then_some([effect - 0.0061, effect + 0.0064]),
        minimum_detectable_effect: stochastic(if number.is_multiple_of(2) { 0.05 } else { 0.01 }),
        power: stochastic(0.999),
        alpha: stochastic(1.9e-8),
        p_value: if minibatch && number.is_multiple_of(3) {
            None
        } else {
            stochastic(if refuted { 0.0 } else { 0.03 + 0.9 * fraction })
        },
        e_value: if minibatch && number.is_multiple_of(3) {
            stochastic(if refuted { 3.2e41 } else { 0.4 + fraction })
        } else {
            None
        },
        tolerance: deterministic.then_some(1e-10),
        samples: if deterministic { 0 } else { 1024 },
        family_size: if number.is_multiple_of(2) { 61 } else { 1 },
        verdict: if refuted { Verdict::Refuted } else { Verdict::Supported },
        untestable: None,
        note: (number.is_multiple_of(2) && !deterministic)
            .then(|| "58 of 61 modes resolved; the other three would need 5,400 steps.".to_owned()),
        replay: format!(
            "v1:20260301:{claim}/{scenario}/{:016x}{:016x}",
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            number
        ),
        purpose: deterministic.then(|| "two routes to one number".to_owned()),
    }
}

/// Name, momentum, weight decay, sampling, noise.
const SCENARIOS: [(&str, f64, f64, &str, &str); 8] = [
    ("replacement-b9-l01", 0.9, 0.01, "with-replacement", "minibatch"),
    ("replacement-b5-l01", 0.5, 0.01, "with-replacement", "minibatch"),
    ("replacement-b0-l01", 0.0, 0.01, "with-replacement", "minibatch"),
    ("distinct-b9-l01", 0.9, 0.01, "without-replacement", "minibatch"),
    ("distinct-b9-l20", 0.9, 0.2, "without-replacement", "minibatch"),
    ("gaussian-b9-l01", 0.9, 0.01, "with-replacement", "gaussian"),
    ("gaussian-b5-l01", 0.5, 0.01, "with-replacement", "gaussian"),
    ("reshuffle-b9-l01", 0.9, 0.01, "reshuffle", "minibatch"),
];

fn scenarios() -> Vec<ScenarioSummary> {
    SCENARIOS
        .iter()
        .zip(1_u64..)
        .map(|((id, momentum, weight_decay, sampling, noise), number)| ScenarioSummary {
            id: (*id).to_owned(),
            description: format!("one-vs-rest regression on digits, {sampling}, {noise} noise"),
            learning_rate: LEARNING_RATE,
            momentum: *momentum,
            weight_decay: *weight_decay,
            batch_size: 32,
            sampling: (*sampling).to_owned(),
            noise: (*noise).to_owned(),
            chains: 1024,
            steps: 400 * number,
            modes_resolved: MODES - number as usize,
            modes: MODES,
            stability_fraction: (*sampling != "reshuffle").then_some(0.031 * number as f64),
            spectral_radius: (*sampling != "reshuffle").then_some(1.0 - 0.0021 * number as f64),
            sde_error_assumption3: (*noise == "minibatch").then_some(0.8),
            sde_error_true_noise: Some(0.0641 * number as f64),
            seed: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        })
        .collect()
}

fn curvatures() -> Vec<f64> {
    (0..MODES).map(|mode| 0.71 * (0.01_f64 / 0.71).powf(mode as f64 / (MODES - 1) as f64)).collect()
}

/// A repeatable number between -1 and 1.
fn scatter(seed: usize) -> f64 {
    let hash = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (hash >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn figures() -> Figures {
    let h = curvatures();
    let mode_variances = SCENARIOS
        .iter()
        .enumerate()
        .map(|(panel, (id, beta, lambda, sampling, noise))| {
            let exact = |h: &f64, noise: f64| {
                LEARNING_RATE * noise / (2.0 * h * (1.0 - beta)) / (1.0 - LEARNING_RATE * h / (2.0 * (1.0 + beta)))
            };
            let true_noise = |mode: usize| 0.0026 * h[mode] * (1.0 + 0.5 * scatter(mode)) * (1.0 - 0.5 * h[mode]);
            let shuffled = if *sampling == "reshuffle" { 0.3 } else { 1.0 };
            let exact: Vec<f64> =
                h.iter().enumerate().map(|(mode, h)| shuffled * exact(h, 1.04 * true_noise(mode))).collect();
            ModeVarianceFigure {
                scenario: (*id).to_owned(),
                caption: format!(
                    "{}, β = {beta}, λ = {lambda}{}",
                    sampling.replace('-', " "),
                    if *noise == "gaussian" { ", Gaussian noise" } else { "" }
                ),
                measured: exact
                    .iter()
                    .enumerate()
                    .map(|(mode, value)| value * (1.0 + 0.03 * scatter(mode + 100 * panel)))
                    .collect(),
                half_width: exact.iter().map(|value| 0.045 * value).collect(),
                sde_assumption3: h
                    .iter()
                    .map(|h| LEARNING_RATE * 0.0026 * (h - 0.9 * lambda.min(0.01)) / (2.0 * h * (1.0 - beta)))
                    .collect(),
                sde_true_noise: h
                    .iter()
                    .enumerate()
                    .map(|(mode, h)| LEARNING_RATE * true_noise(mode) / (2.0 * h * (1.0 - beta)))
                    .collect(),
                exact,
                curvature: h.clone(),
            }
        })
        .collect::<Vec<_>>();
    let potential: Vec<f64> = h.iter().zip(&mode_variances[0].measured).map(|(h, p)| h * p / 2.0).collect();
    let kinetic = |factor: f64, seed: usize| {
        potential.iter().enumerate().map(|(mode, e)| factor * e * (1.0 + 0.02 * scatter(mode + seed))).collect()
    };
    let equipartition = vec![
        EquipartitionFigure {
            scenario: SCENARIOS[0].0.to_owned(),
            caption: "independent batches".to_owned(),
            kinetic: kinetic(1.0, 7),
            potential: potential.clone(),
        },
        EquipartitionFigure {
            scenario: SCENARIOS[7].0.to_owned(),
            caption: "reshuffled epochs".to_owned(),
            kinetic: kinetic(2.3, 9),
            potential: potential.iter().map(|e| 0.6 * e).collect(),
        },
    ];
    Figures {
        mode_variances,
        equipartition,
        oscillation: vec![oscillation(0.5, "overdamped", 0.07, 160), oscillation(0.9, "underdamped", 0.71, 160)],
        displacement: Some(displacement()),
        damping: Some(damping()),
        current: Some(current()),
        trajectory: Some(trajectory()),
        diffusion: Some(diffusion()),
        sweeps: Some(sweeps()),
    }
}

fn oscillation(beta: f64, regime: &str, h: f64, last: usize) -> OscillationFigure {
    let (mut x, mut v) = (1.0, 0.0);
    let (mut sde_x, mut sde_v) = (1.0, -0.5 * h);
    let (mut noisy_x, mut noisy_v) = (1.0, 0.0);
    let mut figure = OscillationFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        momentum: beta,
        regime: regime.to_owned(),
        curvature: h,
        steps: (0..=last as u64).collect(),
        position: OscillationSeries {
            single_chain: vec![],
            mean: vec![],
            half_width: vec![],
            exact: vec![],
            sde: vec![],
        },
        velocity: OscillationSeries {
            single_chain: vec![],
            mean: vec![],
            half_width: vec![],
            exact: vec![],
            sde: vec![],
        },
    };
    for step in 0..=last {
        let spread = 0.02 * (1.0 - (-0.05 * step as f64).exp());
        for (series, exact, sde, chain, scale) in
            [(&mut figure.position, x, sde_x, noisy_x, 1.0), (&mut figure.velocity, v, sde_v, noisy_v, 0.7)]
        {
            series.exact.push(exact);
            series.sde.push(sde);
            series.single_chain.push(chain);
            series.mean.push(exact + 0.4 * scale * spread * scatter(step / 9));
            series.half_width.push(scale * spread);
        }
        v = beta * v - h * x;
        x += LEARNING_RATE * v;
        noisy_v = beta * noisy_v - h * noisy_x + 0.12 * scatter(step + 31);
        noisy_x += LEARNING_RATE * noisy_v;
        for _ in 0..20 {
            let dt = LEARNING_RATE / 20.0;
            sde_v -= dt * 2.0 / (LEARNING_RATE * (1.0 + beta)) * (h * sde_x + (1.0 - beta) * sde_v);
            sde_x += dt * sde_v;
        }
    }
    figure
}

fn displacement() -> DisplacementFigure {
    let steps: Vec<u64> =
        [0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 4000].to_vec();
    let curve = |memory: f64, plateau: f64, drift: f64| -> Vec<f64> {
        steps
            .iter()
            .map(|step| {
                let k = *step as f64;
                plateau * (1.0 - (-k / 220.0).exp() * (1.0 - 0.03 * k / (k + memory))) * k / (k + memory) + drift * k
            })
            .collect()
    };
    let exact = curve(12.0, 1.9, 0.0);
    DisplacementFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        measured: exact.iter().enumerate().map(|(index, value)| value * (1.0 + 0.02 * scatter(index))).collect(),
        half_width: exact.iter().map(|value| 0.06 * value).collect(),
        sde: exact.iter().map(|value| 0.93 * value).collect(),
        equation17: curve(12.0, 1.9, 0.0011),
        equation17_as_printed: steps.iter().map(|step| 0.0007 * *step as f64).collect(),
        exact,
        steps,
    }
}

fn damping() -> DampingFigure {
    let beta: Vec<f64> = (0..=100).map(|index| f64::from(index) / 100.0).collect();
    let boundary = |label: &str, rate: fn(f64) -> f64| DampingBoundary {
        label: label.to_owned(),
        rate_times_curvature: beta.iter().map(|beta| rate(*beta)).collect(),
        momentum: beta.clone(),
    };
    let points = [0.0, 0.5, 0.9]
        .into_iter()
        .flat_map(|momentum| {
            curvatures().into_iter().map(move |h| {
                let rate = LEARNING_RATE * h;
                let regime = if rate < (1.0 - f64::sqrt(momentum)).powi(2) { "overdamped" } else { "underdamped" };
                DampingPoint { rate_times_curvature: rate, momentum, regime: regime.to_owned() }
            })
        })
        .chain([DampingPoint { rate_times_curvature: 2.4, momentum: 0.25, regime: "alternating".to_owned() }])
        .collect();
    DampingFigure {
        boundaries: vec![
            boundary("critical, (1 − √β)²", |beta| (1.0 - beta.sqrt()).powi(2)),
            boundary("critical, (1 + √β)²", |beta| (1.0 + beta.sqrt()).powi(2)),
            boundary("edge of stability, 2(1 + β)", |beta| 2.0 * (1.0 + beta)),
            boundary("critical by the SDE, (1 − β)²/(2(1 + β))", |beta| {
                (1.0 - beta).powi(2) / (2.0 * (1.0 + beta))
            }),
        ],
        points,
    }
}

fn current() -> CurrentFigure {
    let wiggle = |seed: usize| (0..200).map(|index| 0.03 * scatter(index + seed)).collect::<Vec<f64>>();
    CurrentFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        kappa: 2500.0,
        centre: [0.0, 0.0],
        path: [wiggle(1), wiggle(77)],
        duration: 0.02,
        original_loss: [2.5, -1.5, 2.5],
        modified_loss: [0.8, -0.78, 1.8],
        force: [[-1.1, 2.4], [-1.1, 1.1]],
        covariance: [8.65e-4, 3.75e-4, 3.85e-4],
    }
}

fn trajectory() -> TrajectoryFigure {
    let direction = |index: usize, h: f64, angle: f64| {
        let wave = |phase: f64, size: f64| -> Vec<f64> {
            (0..200).map(|k| size * (1.0 + 0.3 * scatter(k)) * (angle * k as f64 + phase).cos()).collect()
        };
        let spiral = |faster: f64| {
            let at = |k: u8| (0.95_f64.powi(i32::from(k)), faster * angle * f64::from(k));
            [
                (0..60).map(|k| at(k).0 * at(k).1.cos()).collect::<Vec<f64>>(),
                (0..60).map(|k| -at(k).0 * at(k).1.sin()).collect::<Vec<f64>>(),
            ]
        };
        TrajectoryDirection {
            index,
            eigenvalue: h,
            curvature: h,
            position: wave(0.0, 1.0),
            velocity: wave(std::f64::consts::FRAC_PI_2, h.sqrt()),
            angle: Some(angle),
            sde_angle: Some(1.01 * angle),
            undamped_angle: 1.02 * angle,
            exact_spiral: spiral(1.0),
            sde_spiral: spiral(1.01),
        }
    };
    TrajectoryFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        learning_rate: LEARNING_RATE,
        momentum: 0.9,
        directions: vec![direction(1, 0.7, 0.47), direction(11, 0.12, 0.18)],
        position_covariance: [0.5, 0.05, 0.6],
        velocity_covariance: [0.35, 0.01, 0.06],
        modified_position: [1.0, 1.0],
        modified_velocity: [1.4, 8.3],
    }
}

fn diffusion() -> DiffusionFigure {
    let steps: Vec<u64> = (1..=100).map(|n| 16 * n).collect();
    let exact: Vec<f64> = steps.iter().map(|&k| 1.0 - (-(k as f64) / 400.0).exp()).collect();
    let fit = FittedPowerLaw { window: [544, 1600], exponent: 0.3, prefactor: 0.11 };
    DiffusionFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        learning_rate: LEARNING_RATE,
        momentum: 0.9,
        batch_size: 32,
        chains: 64,
        local: steps.iter().enumerate().map(|(index, _)| 0.01 * (1.3 + scatter(index)).abs()).collect(),
        local_average: vec![0.012; steps.len()],
        speed: 0.012,
        speed_equation16: 0.011,
        single_chain: exact.iter().enumerate().map(|(index, value)| value * (1.2 + 0.3 * scatter(index))).collect(),
        mean: exact.iter().map(|value| 1.01 * value).collect(),
        half_width: exact.iter().map(|value| 0.05 * value).collect(),
        exact,
        single_fit: fit.clone(),
        exact_fit: fit,
        steps,
    }
}

fn sweeps() -> SweepFigure {
    let sweep = |name: &str, default: f64, low: f64, high: f64| Sweep {
        hyperparameter: name.to_owned(),
        default,
        points: (0..20)
            .map(|n| {
                let part = f64::from(n) / 19.0;
                SweepPoint {
                    value: low + part * (high - low),
                    speed: 0.01 * (1.0 + part),
                    speed_half_width: 0.001,
                    speed_equation16: 0.01 * (1.0 + 0.8 * part),
                    speed_corrected: 0.01 * (1.0 + 0.9 * part),
                    speed_exact: 0.01 * (1.0 + part),
                    exponent: 1.0 - 0.5 * part,
                    exponent_half_width: 0.1,
                    exponent_exact: 1.0 - 0.5 * part,
                }
            })
            .collect(),
    };
    SweepFigure {
        scenario: SCENARIOS[0].0.to_owned(),
        steps: 512,
        sweeps: vec![
            sweep("learning_rate", 0.04, 0.004, 0.4),
            sweep("batch_size", 32.0, 4.0, 128.0),
            sweep("momentum", 0.9, 0.8, 0.99),
        ],
    }
}
