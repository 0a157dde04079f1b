//! The result of a run as one value. It is built once and rendered many ways (HTML, JSON, JUnit, Markdown).
//!
//! Nothing in it depends on the wall clock, the number of threads or the machine's name: the same seed gives the
//! same bytes of JSON.

use serde::{Deserialize, Serialize};

use crate::baseline::BaselineComparison;
use crate::evidence::AccumulatedEvidence;
use crate::statistics::Untestable;

/// Version of the JSON form; changes when a field changes its meaning or disappears.
pub const SCHEMA: &str = "langevin-report/1";

/// How a claim is compared with the truth (the square in DESIGN.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Closed form against matrix route against brute force; no random numbers.
    Identity,
    /// Samples against the exact moments of the same process; the null hypothesis is exactly true.
    Sampling,
    /// The continuous-time prediction against the exact discrete law; no random numbers.
    Limit,
}

/// The statistical layer a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layer {
    /// Deterministic.
    L0,
    /// Exact null distribution (Gaussian noise).
    L1,
    /// Finite variance (true minibatch noise), independent chains.
    L2,
}

/// What a claim is expected to turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// A right theory: it must not be refuted.
    Supported,
    /// A named wrong theory: it must be refuted.
    Refuted,
}

/// The three-valued answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not refuted by a test that would have seen an effect of the stated size with the stated power.
    Supported,
    /// Rejected at the level the ledger grants.
    Refuted,
    /// The budget ended, or the data cannot be tested, before either could be said.
    Undecided,
}

impl Verdict {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }

    /// The verdict of several parts that must all hold: refuted if one of them is, undecided if one of them is or there is
    /// none, else supported.
    ///
    /// ```
    /// use langevin_verify::report::Verdict;
    /// assert_eq!(Verdict::of_all([Verdict::Undecided, Verdict::Refuted]), Verdict::Refuted);
    /// assert_eq!(Verdict::of_all([Verdict::Supported, Verdict::Supported]), Verdict::Supported);
    /// assert_eq!(Verdict::of_all([]), Verdict::Undecided);
    /// ```
    pub fn of_all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = None;
        for part in parts {
            whole = Some(match (whole, part) {
                (Some(Self::Refuted), _) | (_, Self::Refuted) => Self::Refuted,
                (Some(Self::Undecided), _) | (_, Self::Undecided) => Self::Undecided,
                (None | Some(Self::Supported), Self::Supported) => Self::Supported,
            });
        }
        whole.unwrap_or(Self::Undecided)
    }
}

/// One decision: one quantity of one claim in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// `claim/scenario/quantity`.
    pub id: String,
    /// Id of the scenario it ran in (see [`Report::scenarios`]).
    pub scenario: String,
    /// Statistical layer.
    pub layer: Layer,
    /// The test, in words: `chi-square`, `Student t over chains`, `Catoni e-value`, ...
    pub method: String,
    /// What was measured, in words.
    pub quantity: String,
    /// Estimated effect: measured / predicted - 1 unless `effect_unit` says otherwise. The largest one of a family.
    pub effect: f64,
    /// Unit of `effect`, `interval` and `minimum_detectable_effect`: `relative`, `standard deviations`, `absolute`.
    pub effect_unit: String,
    /// Confidence interval of the effect at this check's own level (absent for deterministic checks).
    pub interval: Option<[f64; 2]>,
    /// Smallest effect found with probability `power` (absent for deterministic checks; then `tolerance` is given).
    pub minimum_detectable_effect: Option<f64>,
    /// Power at the minimum detectable effect.
    pub power: Option<f64>,
    /// Level granted by the ledger.
    pub alpha: Option<f64>,
    /// Two-sided p-value, corrected for the size of the family inside this check.
    pub p_value: Option<f64>,
    /// E-value, for e-value tests.
    pub e_value: Option<f64>,
    /// Tolerance of a deterministic check.
    pub tolerance: Option<f64>,
    /// Number of independent samples (chains or replicas).
    pub samples: u64,
    /// Members of the family (modes, lags) that were tested together.
    pub family_size: u64,
    /// The answer.
    pub verdict: Verdict,
    /// The guard that stopped its test (of a built-in check, that of any member of its family): then it is no evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untestable: Option<Untestable>,
    /// Anything a reader must know: modes not resolved and the time they would need, guards that fired.
    pub note: Option<String>,
    /// Token for `langevin check --replay`.
    pub replay: String,
    /// Why the check exists, for those that no wrong theory of the kill matrix moves.
    #[serde(default)]
    pub purpose: Option<String>,
}

/// What became of a mutant in a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillOutcome {
    /// The prediction moved by at least three minimum detectable effects, and the check refuted it.
    Killed,
    /// The prediction moved by less, or the check did not refute it.
    Survived,
}

/// One check decided again with a mutant's prediction, on the same evidence and at the same level. A check whose prediction
/// the mutant does not move has no cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillCell {
    /// Id of the check.
    pub check: String,
    /// What became of the mutant.
    pub outcome: KillOutcome,
    /// How far the mutant moves the prediction, in minimum detectable effects (tolerances of a deterministic check); the most
    /// of a family.
    pub shift: f64,
    /// The effect against the mutant's prediction, in the unit of the check.
    pub effect: f64,
    /// Two-sided p-value against the mutant's prediction, corrected for the size of the family; 1/e for e-value tests, and 0
    /// or 1 for deterministic checks.
    pub p_value: f64,
}

/// A row of the kill matrix: a wrong theory that the checks must see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MutantResult {
    /// Stable name.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it says.
    pub definition: String,
    /// Where it says the same as the theory.
    pub vanishes: String,
    /// The claim that it is, where it is one.
    pub claim: Option<String>,
    /// Whether any check killed it.
    pub killed: bool,
    /// The check that killed it at the largest shift; a deterministic one only where no other did.
    pub best: Option<String>,
    /// The checks whose prediction it moves.
    pub cells: Vec<KillCell>,
}

/// A check that killed no mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleCheck {
    /// Id of the check.
    pub check: String,
    /// Why it exists.
    pub purpose: Option<String>,
}

/// Mutants against the checks of claims that must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KillMatrix {
    /// The rows.
    pub mutants: Vec<MutantResult>,
    /// Number of checks that took part.
    pub checks: usize,
    /// Those of them that killed nothing.
    pub idle_checks: Vec<IdleCheck>,
}

impl KillMatrix {
    /// Mutants that some check killed.
    pub fn killed(&self) -> usize {
        self.mutants.iter().filter(|mutant| mutant.killed).count()
    }
}

/// A claim with all its checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// Stable name.
    pub id: String,
    /// One line.
    pub title: String,
    /// The statement in LaTeX (no delimiters).
    pub statement: String,
    /// Where the paper says it, e.g. `(16), G.1`.
    pub paper: String,
    /// Errata identifiers, e.g. `E01`.
    pub errata: Vec<String>,
    /// What it assumes, in words.
    pub assumptions: Vec<String>,
    /// Kind of comparison.
    pub comparison: Comparison,
    /// What it must turn out to be.
    pub expectation: Expectation,
    /// The answer over all checks. For a claim that must be refuted, one refuting check suffices.
    pub verdict: Verdict,
    /// Whether the answer is the expected one.
    pub as_expected: bool,
    /// One sentence that carries the figure a reader wants.
    pub headline: String,
    /// The decisions.
    pub checks: Vec<CheckResult>,
}

/// Counts, and the exit code they imply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Claims that had to be supported, and were.
    pub supported: usize,
    /// Wrong theories that had to be refuted, and were.
    pub refuted_as_required: usize,
    /// Claims that had to be supported but were refuted.
    pub refuted_unexpectedly: usize,
    /// Wrong theories that survived.
    pub not_refuted: usize,
    /// Claims left undecided.
    pub undecided: usize,
    /// Number of single decisions.
    pub checks: usize,
    /// Mutants of the kill matrix that some check killed.
    #[serde(default)]
    pub mutants_killed: usize,
    /// Mutants that none killed: as bad as a wrong theory that is not refuted.
    #[serde(default)]
    pub mutants_not_killed: usize,
    /// Exit code of the command.
    pub exit_code: u8,
}

impl Summary {
    /// Counts claims, and says what they and the mutants (killed, not killed) mean for the command's exit.
    ///
    /// ```
    /// use langevin_verify::report::Summary;
    /// assert_eq!(Summary::of(&[], [21, 0]).exit_code, 0);
    /// assert_eq!(Summary::of(&[], [20, 1]).exit_code, 1); // a mutant lives
    /// ```
    pub fn of(claims: &[ClaimResult], [mutants_killed, mutants_not_killed]: [usize; 2]) -> Self {
        let mut summary = Self { mutants_killed, mutants_not_killed, ..Self::default() };
        for claim in claims {
            summary.checks += claim.checks.len();
            match (claim.expectation, claim.verdict) {
                (Expectation::Supported, Verdict::Supported) => summary.supported += 1,
                (Expectation::Supported, Verdict::Refuted) => summary.refuted_unexpectedly += 1,
                (Expectation::Refuted, Verdict::Refuted) => summary.refuted_as_required += 1,
                (Expectation::Refuted, Verdict::Supported) => summary.not_refuted += 1,
                (_, Verdict::Undecided) => summary.undecided += 1,
            }
        }
        summary.exit_code = if summary.refuted_unexpectedly + summary.not_refuted + mutants_not_killed > 0 {
            1
        } else if summary.undecided > 0 {
            3
        } else {
            0
        };
        summary
    }
}

/// The data set of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// Name, e.g. `digits`.
    pub name: String,
    /// What it is and how it was prepared.
    pub description: String,
    /// Attribution and licence, where there is one.
    pub attribution: Option<String>,
    /// N.
    pub samples: usize,
    /// d.
    pub features: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Rank of the Hessian.
    pub rank: usize,
    /// Trace of the Hessian.
    pub hessian_trace: f64,
    /// Largest and smallest nonzero eigenvalue of the Hessian.
    pub curvature_range: [f64; 2],
    /// SHA-256 of the numbers of the data and, for a problem file, of its hyperparameters: runs of equal hashes answer the
    /// same question.
    #[serde(default)]
    pub hash: String,
}

/// Numbers that the theory says about a scenario, computed without random numbers: what a later run is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// What they are, e.g. `position_variance`.
    pub name: String,
    /// One number, or one per mode, lag, step or setting.
    pub values: Vec<f64>,
}

impl Prediction {
    /// A prediction of one number or several.
    pub fn new(name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self { name: name.into(), values: values.into_iter().collect() }
    }
}

/// The predictions of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioPredictions {
    /// Scenario id.
    pub scenario: String,
    /// Its predictions.
    pub predictions: Vec<Prediction>,
}

/// One simulated problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// Stable name.
    pub id: String,
    /// In words.
    pub description: String,
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// lambda.
    pub weight_decay: f64,
    /// S.
    pub batch_size: usize,
    /// `with-replacement`, `without-replacement`, `reshuffle`.
    pub sampling: String,
    /// `minibatch` or `gaussian`.
    pub noise: String,
    /// Chains or replicas.
    pub chains: u64,
    /// Steps of each chain.
    pub steps: u64,
    /// Modes whose relaxation the chains resolve, and all modes with curvature.
    pub modes_resolved: usize,
    /// All modes with curvature.
    pub modes: usize,
    /// eta / (largest mean-square stable eta).
    pub stability_fraction: Option<f64>,
    /// Per-step contraction of second moments.
    pub spectral_radius: Option<f64>,
    /// Largest departure over the modes of the SDE variance with Sigma = sigma^2 H from the exact one, relative.
    pub sde_error_assumption3: Option<f64>,
    /// The same for the SDE with the true Sigma at the minimum.
    pub sde_error_true_noise: Option<f64>,
    /// Seed of its random streams.
    pub seed: u64,
}

/// Diagnostics of one number of a few long chains, for information: no verdict rests on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainDiagnostics {
    /// Scenario id.
    pub scenario: String,
    /// What was followed, in words.
    pub quantity: String,
    /// Chains.
    pub chains: u64,
    /// States of each.
    pub draws: u64,
    /// Mean over all of them.
    pub mean: f64,
    /// The exact stationary mean.
    pub exact: f64,
    /// Standard error of the mean by lugsail batch means (Vats and Flegal 2022).
    pub standard_error: f64,
    /// Split rank-normalised R-hat (Vehtari et al. 2021).
    pub rank_r_hat: f64,
    /// The same of distances from the median.
    pub folded_r_hat: f64,
    /// Effective sample size in bulk.
    pub bulk_size: f64,
    /// Effective sample size in the tails.
    pub tail_size: f64,
}

/// Variances mode by mode, measured and predicted (positions).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeVarianceFigure {
    /// Scenario id.
    pub scenario: String,
    /// Short caption, e.g. `with replacement, beta = 0.9, lambda = 0.01`.
    pub caption: String,
    /// h of each mode shown, descending.
    pub curvature: Vec<f64>,
    /// Measured variance of the position.
    pub measured: Vec<f64>,
    /// Half width of the 95 % interval of `measured`.
    pub half_width: Vec<f64>,
    /// The exact discrete law.
    pub exact: Vec<f64>,
    /// The SDE with Sigma = sigma^2 H (Assumption 3).
    pub sde_assumption3: Vec<f64>,
    /// The SDE with the true Sigma at the minimum.
    pub sde_true_noise: Vec<f64>,
}

/// Kinetic against potential energy, mode by mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EquipartitionFigure {
    /// Scenario id.
    pub scenario: String,
    /// Short label of the series, e.g. `independent batches`, `reshuffled epochs`.
    pub caption: String,
    /// h P / 2, measured.
    pub potential: Vec<f64>,
    /// m V / 2, measured.
    pub kinetic: Vec<f64>,
}

/// One coordinate of the oscillation figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OscillationSeries {
    /// One chain.
    pub single_chain: Vec<f64>,
    /// Mean over the chains.
    pub mean: Vec<f64>,
    /// Half width of the 95 % interval of the mean.
    pub half_width: Vec<f64>,
    /// The exact discrete mean.
    pub exact: Vec<f64>,
    /// The SDE mean, equation (7).
    pub sde: Vec<f64>,
}

/// Figure 2 of the paper: the mean along the top eigenvector, for one momentum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OscillationFigure {
    /// Scenario id.
    pub scenario: String,
    /// beta.
    pub momentum: f64,
    /// `overdamped`, `underdamped`, ...
    pub regime: String,
    /// h of the mode.
    pub curvature: f64,
    /// Step counts.
    pub steps: Vec<u64>,
    /// q . (theta - mu).
    pub position: OscillationSeries,
    /// q . v.
    pub velocity: OscillationSeries,
}

/// The mean squared displacement from a stationary start, with four predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisplacementFigure {
    /// Scenario id.
    pub scenario: String,
    /// Step counts.
    pub steps: Vec<u64>,
    /// Measured E|theta_t - theta_0|^2.
    pub measured: Vec<f64>,
    /// Half width of its 95 % interval.
    pub half_width: Vec<f64>,
    /// The exact discrete law.
    pub exact: Vec<f64>,
    /// The SDE, 2 tr(P - Cov(eta t)).
    pub sde: Vec<f64>,
    /// Equation (17) with tau = eta k.
    pub equation17: Vec<f64>,
    /// Equation (17) as printed (tau = k).
    pub equation17_as_printed: Vec<f64>,
}

/// One mode in the damping diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DampingPoint {
    /// eta h.
    pub rate_times_curvature: f64,
    /// beta.
    pub momentum: f64,
    /// Regime of the discrete map.
    pub regime: String,
}

/// A boundary in the damping diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DampingBoundary {
    /// Legend text.
    pub label: String,
    /// eta h along the curve.
    pub rate_times_curvature: Vec<f64>,
    /// beta along the curve.
    pub momentum: Vec<f64>,
}

/// The (eta h, beta) plane with the run's modes on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DampingFigure {
    /// Where the regimes meet.
    pub boundaries: Vec<DampingBoundary>,
    /// The run's modes.
    pub points: Vec<DampingPoint>,
}

/// Figure 3 of the paper: a path of a two-dimensional Ornstein-Uhlenbeck process with anisotropic noise, the loss whose
/// gradient is its drift, the modified loss and the stationary current. Quadratic forms are given as [11, 12, 22].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurrentFigure {
    /// Scenario id.
    pub scenario: String,
    /// Inverse temperature.
    pub kappa: f64,
    /// mu.
    pub centre: [f64; 2],
    /// The path, coordinate by coordinate.
    pub path: [Vec<f64>; 2],
    /// Time between its states.
    pub duration: f64,
    /// A: the loss is (x - mu)^T A (x - mu) / 2.
    pub original_loss: [f64; 3],
    /// U: the modified loss is (x - mu)^T U (x - mu) / 2.
    pub modified_loss: [f64; 3],
    /// -QU, by rows: the force whose product with the density is the current.
    pub force: [[f64; 2]; 2],
    /// Stationary covariance.
    pub covariance: [f64; 3],
}

/// One direction of the limiting trajectory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryDirection {
    /// Place of the eigenvector, counted from 1.
    pub index: usize,
    /// rho.
    pub eigenvalue: f64,
    /// h.
    pub curvature: f64,
    /// q . (theta - mu) of one chain, step by step.
    pub position: Vec<f64>,
    /// q . v of the same chain.
    pub velocity: Vec<f64>,
    /// Angle per step of the recursion; absent where the mode does not rotate.
    pub angle: Option<f64>,
    /// Angle per step of the SDE; absent where it does not rotate.
    pub sde_angle: Option<f64>,
    /// Frequency of the current (15) times eta, sqrt(2 eta h / (1 + beta)): the rate without friction (erratum E21).
    pub undamped_angle: f64,
    /// Mean (position, velocity) from one point, by the recursion.
    pub exact_spiral: [Vec<f64>; 2],
    /// The same by the SDE.
    pub sde_spiral: [Vec<f64>; 2],
}

/// Figures 4 to 6 of the paper, for linear regression: one chain of SGD in the stationary state, projected on two
/// eigenvectors. Quadratic forms and covariances are given as [11, 12, 22].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryFigure {
    /// Scenario id.
    pub scenario: String,
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// The two directions.
    pub directions: Vec<TrajectoryDirection>,
    /// Exact stationary covariance of the positions.
    pub position_covariance: [f64; 3],
    /// Exact stationary covariance of the velocities.
    pub velocity_covariance: [f64; 3],
    /// Curvatures of the modified loss over positions, (13), up to a factor.
    pub modified_position: [f64; 2],
    /// Curvatures of the modified loss over velocities, (14), up to a factor.
    pub modified_velocity: [f64; 2],
}

/// A power law fitted to a displacement, as in H.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPowerLaw {
    /// First and last step of the fit.
    pub window: [u64; 2],
    /// c.
    pub exponent: f64,
    /// alpha of alpha k^c.
    pub prefactor: f64,
}

/// Figure 1 of the paper, for linear regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffusionFigure {
    /// Scenario id.
    pub scenario: String,
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// S.
    pub batch_size: usize,
    /// Chains of the mean.
    pub chains: u64,
    /// Step counts.
    pub steps: Vec<u64>,
    /// |theta_k - theta_{k-1}|^2 of one chain.
    pub local: Vec<f64>,
    /// Its moving average over 15 saved values.
    pub local_average: Vec<f64>,
    /// Exact E|theta_k - theta_{k-1}|^2.
    pub speed: f64,
    /// Equation (16) with the true noise.
    pub speed_equation16: f64,
    /// |theta_k - theta_0|^2 of one chain.
    pub single_chain: Vec<f64>,
    /// Mean over the chains.
    pub mean: Vec<f64>,
    /// Half width of its 95 % interval.
    pub half_width: Vec<f64>,
    /// The exact law from a stationary start.
    pub exact: Vec<f64>,
    /// Fit to the chain.
    pub single_fit: FittedPowerLaw,
    /// Fit to the exact law.
    pub exact_fit: FittedPowerLaw,
}

/// One setting of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The swept value.
    pub value: f64,
    /// Measured speed E|theta_k - theta_{k-1}|^2, half width of its 95 % interval.
    pub speed: f64,
    /// Half width of its 95 % interval.
    pub speed_half_width: f64,
    /// Equation (16) from the one speed measured at the default.
    pub speed_equation16: f64,
    /// The same with each direction's discretisation factor (erratum E03).
    pub speed_corrected: f64,
    /// The exact law.
    pub speed_exact: f64,
    /// Exponent fitted to the mean measured displacement.
    pub exponent: f64,
    /// Half width of its 95 % interval.
    pub exponent_half_width: f64,
    /// Exponent fitted to the exact displacement.
    pub exponent_exact: f64,
}

/// One hyperparameter swept, the others at their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// `learning_rate`, `batch_size`, `momentum`.
    pub hyperparameter: String,
    /// The default value.
    pub default: f64,
    /// The settings, ascending.
    pub points: Vec<SweepPoint>,
}

/// Figure 7 of the paper, for linear regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepFigure {
    /// Scenario id.
    pub scenario: String,
    /// Steps of the displacement that exponents are fitted to.
    pub steps: u64,
    /// The sweeps.
    pub sweeps: Vec<Sweep>,
}

/// A row of the paper's Tables 1 to 4 with what follows from its hyperparameters alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaperSetting {
    /// 1 to 4.
    pub table: u8,
    /// The figures whose experiments it is about.
    pub figures: String,
    /// Model.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// Epochs of training.
    pub epochs: u32,
    /// S, or its range.
    pub batch_size: [f64; 2],
    /// eta, or its range.
    pub learning_rate: [f64; 2],
    /// beta, or its range.
    pub momentum: [f64; 2],
    /// lambda.
    pub weight_decay: f64,
    /// Number of settings in the row.
    pub settings: usize,
    /// Curvature above which a mode of the recursion is underdamped, (1 - sqrt beta)^2 / eta; its range over the row.
    pub critical_curvature: [f64; 2],
    /// The same of the SDE, (1 - beta)^2 / (2 eta (1 + beta)).
    pub critical_curvature_sde: [f64; 2],
    /// Curvature at which the mean is unstable, 2 (1 + beta) / eta.
    pub unstable_curvature: [f64; 2],
    /// Steps of momentum (1 + beta) / (1 - beta), below which motion is straight.
    pub momentum_steps: [f64; 2],
}

/// The numbers behind the plots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// One panel per scenario shown.
    pub mode_variances: Vec<ModeVarianceFigure>,
    /// One series per sampling scheme.
    pub equipartition: Vec<EquipartitionFigure>,
    /// One panel pair (position, velocity) per momentum.
    pub oscillation: Vec<OscillationFigure>,
    /// Absent when the displacement was not simulated.
    pub displacement: Option<DisplacementFigure>,
    /// Absent when nothing was simulated.
    pub damping: Option<DampingFigure>,
    /// Absent when the process was not sampled.
    #[serde(default)]
    pub current: Option<CurrentFigure>,
    /// Absent when no chain was followed.
    #[serde(default)]
    pub trajectory: Option<TrajectoryFigure>,
    /// Absent when the displacement of long chains was not simulated.
    #[serde(default)]
    pub diffusion: Option<DiffusionFigure>,
    /// Absent when nothing was swept.
    #[serde(default)]
    pub sweeps: Option<SweepFigure>,
}

/// A source the run's formulas were taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Short key, e.g. `Kunin et al. 2021`.
    pub key: String,
    /// Full citation.
    pub citation: String,
}

/// Everything a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of langevin.
    pub version: String,
    /// `quick`, `nightly`, `weekly`.
    pub tier: String,
    /// The seed as the command line takes it.
    pub seed: u64,
    /// `epoch` (the constant in the code), `given`, `fresh`.
    pub seed_origin: String,
    /// Family-wise false-alarm probability of the whole run.
    pub family_wise_error: f64,
    /// The command that repeats the run.
    pub command: String,
    /// Counts and exit code.
    pub summary: Summary,
    /// The data set.
    pub data: DataSummary,
    /// The claims, in registry order.
    pub claims: Vec<ClaimResult>,
    /// The simulated problems.
    pub scenarios: Vec<ScenarioSummary>,
    /// Diagnostics of long chains, for information.
    #[serde(default)]
    pub diagnostics: Vec<ChainDiagnostics>,
    /// Mutants against checks.
    #[serde(default)]
    pub kill_matrix: KillMatrix,
    /// What the theory says about the scenarios.
    #[serde(default)]
    pub predictions: Vec<ScenarioPredictions>,
    /// What changed since an earlier report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineComparison>,
    /// The evidence of all runs of this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<AccumulatedEvidence>,
    /// Numbers behind the plots.
    pub figures: Figures,
    /// The paper's own settings (Tables 1 to 4).
    #[serde(default)]
    pub paper_settings: Vec<PaperSetting>,
    /// Sources.
    pub references: Vec<Reference>,
}
