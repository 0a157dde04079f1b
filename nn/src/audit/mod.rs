//! The assumptions of the theory on networks: each an effect with an interval over networks trained from independent seeds.
//!
//! Along an eigenvector q, with x = q . (theta - theta_*), the records give the gradient of each batch without any assumption,
//!
//! ```text
//! G_k = q . (g_B(theta_k) + lambda theta_k) = beta q . v_k - q . v_{k+1},   G_k = a + h' x_k by least squares,   n_k = G_k - (rho + lambda) x_k - mean.
//! ```
//!
//! | effect | the theory expects |
//! |---|---|
//! | h'/(rho + lambda) (independent batches only), and the curvature along q where the chain ends over that where it began | 1: a quadratic loss (Assumption 4) |
//! | 2 E[x G]/((1 + beta) eta E v^2) | 1: stationarity (Yaida 2019) |
//! | h P/(m V), m = eta (1 + beta)/2 | 1: equipartition in each mode (E27) |
//! | Var n/(phi q' Sigma q) | 1: noise of constant strength (Assumption 1) |
//! | excess kurtosis of n, index of its tail | 0: Gaussian noise (Assumption 1) |
//! | slope of ln q'Sigma q over ln rho; cosine between Q' Sigma Q and diag rho | 1: Sigma along H (Assumption 3) |
//! | correlation of successive n; variance of its sum over an epoch, over that of independent n | 0 and 1: a martingale (E36: reshuffling has neither) |
//!
//! For the predictions of Var x and E v^2 of each mode, every assumption also has its share in their squared logarithmic errors.

mod effects;
mod explained;

use std::path::Path;

use langevin_theory::Sampling;
use langevin_verify::networks::{FigureRecord, Look, Quantity, Role};
use langevin_verify::progress::Progress;

use crate::error::Result;
use crate::experiment::{
    Draft, ExperimentFile, ExperimentOptions, Track, mark, observed, panel, prepare, run_one, student,
};
pub use effects::{Effects, ModeEffects};
pub use explained::{Explained, ModeFacts, Observed};

/// Runs the audit, or a shard of its networks. Nothing while networks are missing.
///
/// # Errors
/// [`crate::NnError`].
pub fn run(
    file: &ExperimentFile,
    folder: &Path,
    options: ExperimentOptions,
    progress: &Progress,
) -> Result<Option<Draft>> {
    let mut all = Vec::new();
    let mut last = None;
    let mut missing = false;
    for number in 0..file.chains {
        let folder = folder.join(format!("network-{}", number + 1));
        let is_mine = options.shard.is_none_or(|(part, of)| number % of.max(1) == part.saturating_sub(1));
        let is_done = crate::run_folder::read_manifest(&folder.join("chain"))
            .is_ok_and(|found| found.status == crate::run_folder::Status::Finished);
        if !is_mine && !is_done {
            missing = true;
            continue;
        }
        let mut training = file.training.clone();
        training.run.seed = training.run.seed.wrapping_add(number);
        let point = prepare(file, &training, &folder, options.device, progress)?;
        run_one(&point.training, &folder.join("chain"), options.device, progress)?;
        // the record of the last discarded step: the next batch is that of the first step after it, as epochs of `discard` steps want it
        let track = Track::read(&folder.join("chain"))?.after(file.discard.saturating_sub(1));
        all.push(Effects::new(&point, &folder.join("chain"), &track, options.device)?);
        last = Some(point);
    }
    if missing {
        return Ok(None);
    }
    let mut draft = table(&all, file.training.sampling == Sampling::Reshuffle);
    if let Some(point) = last {
        draft.describe(file, &point.curvature);
    }
    modes(&mut draft, &all);
    explain(&mut draft, &all);
    Ok(Some(draft))
}

/// Shares of the assumptions in the errors of predictions, and these errors mode by mode.
fn explain(draft: &mut Draft, all: &[Effects]) {
    const NAMES: [(&str, &str, &str); explained::ASSUMPTIONS] = [
        ("alignment", "noise that is not along $H$", "Assumption 3"),
        ("strength", "noise whose strength changes along the chain", "Assumption 1"),
        ("curvature", "curvature that changes along the chain", "Assumption 4"),
        ("independence", "batches that are not independent", "Assumption 1, E36"),
    ];
    let Some(all) = all.iter().map(|effects| effects.explained.as_ref()).collect::<Option<Vec<&Explained>>>() else {
        return;
    };
    for (observed_here, id, symbol) in [
        (Observed::Position, "position", "$\\operatorname{Var}x$"),
        (Observed::Velocity, "velocity", "$\\mathrm{E}\\,v^2$"),
    ] {
        let errors: Vec<f64> = all.iter().map(|network| network.squared_error(observed_here)).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        // the share is a ratio of means over networks; its interval is that of the ratio to first order
        let shares = |part: &dyn Fn(&Explained) -> f64| -> Vec<f64> {
            let parts: Vec<f64> = all.iter().map(|network| part(network)).collect();
            let share = parts.iter().sum::<f64>() / errors.iter().sum::<f64>();
            parts.iter().zip(&errors).map(|(part, error)| share + (part - share * error) / mean).collect()
        };
        let sizes: Vec<f64> = errors.iter().map(|error| error.sqrt()).collect();
        let what = format!("error of the theory in {symbol}: root mean square over modes of ln(measured/predicted)");
        draft.observations.push(observed(&format!("error-{id}"), &what, &sizes, None, "E27"));
        for (assumption, (name, words, reference)) in NAMES.into_iter().enumerate() {
            let what = format!("{symbol}: share of the squared error that is explained by {words}");
            let shares = shares(&|network| network.shapley_value(observed_here, assumption));
            draft.observations.push(observed(&format!("error-{id}-{name}"), &what, &shares, None, reference));
        }
        let what = format!(
            "{symbol}: share that these four leave (finite records, gradients that are not linear, a chain that is not stationary)"
        );
        let left = shares(&|network| network.left(observed_here));
        draft.observations.push(observed(&format!("error-{id}-left"), &what, &left, None, "–"));
    }
    // modes that have laws in all networks
    let has = |network: &Explained, mode: usize| network.errors.iter().any(|(found, _)| *found == mode);
    let first = all.first().map_or(&[][..], |network| network.errors.as_slice());
    let common: Vec<usize> =
        first.iter().map(|(mode, _)| *mode).filter(|&mode| all.iter().all(|network| has(network, mode))).collect();
    let numbers: Vec<f64> = common.iter().map(|mode| (mode + 1) as f64).collect();
    let mut panels = Vec::new();
    for (place, title) in ["Var x, measured over predicted", "E v², measured over predicted"].into_iter().enumerate() {
        let mut panel = panel(title, (Quantity::Mode, false), (Quantity::Ratio, true));
        let x = draft.keep("explained.mode", numbers.clone());
        let one = draft.keep("explained.one", vec![1.0; common.len()]);
        let guide = mark("exact", Role::Guide, Look::Dashes, &x, &one);
        let lines = [("with all assumptions", Role::Exact), ("with all four given up", Role::Measured)];
        let marks = lines.into_iter().enumerate().map(|(given_up, (label, role))| {
            let mean = |mode: usize| {
                let errors = all.iter().flat_map(|network| &network.errors).filter(|(found, _)| *found == mode);
                (errors.map(|(_, errors)| errors[given_up][place]).sum::<f64>() / all.len() as f64).exp()
            };
            let means = common.iter().map(|&mode| mean(mode)).collect();
            draft.drawn(&format!("explained.{place}.{given_up}"), (label, role, Look::Points), numbers.clone(), means)
        });
        let marks: Vec<_> = marks.collect();
        panel.marks = [vec![guide], marks].concat();
        panels.push(panel);
    }
    draft.figures.push(FigureRecord {
        id: "explained".into(),
        caption: "Predictions from one noise strength under all assumptions, and with what was measured in place of each: geometric means over networks."
            .into(),
        panels,
    });
}

fn table(all: &[Effects], reshuffled: bool) -> Draft {
    let mean = |part: fn(&ModeEffects) -> f64| -> Vec<f64> {
        all.iter().map(|effects| effects.modes.iter().map(part).sum::<f64>() / effects.modes.len() as f64).collect()
    };
    let whole = |part: fn(&Effects) -> f64| -> Vec<f64> { all.iter().map(part).collect() };
    let row = |id: &str, what: &str, effects: &[f64], expected: Option<f64>, reference: &str| {
        observed(id, what, effects, expected, reference)
    };
    // within an epoch the noise to come is minus the noise so far, which position remembers: least squares then measure that, too
    let (slope, expected_slope) = if reshuffled {
        (
            "slope of the batch gradient over position, over $\\rho+\\lambda$; within a reshuffled epoch noise and position are correlated, so it is no curvature",
            None,
        )
    } else {
        ("quadratic loss: slope of the batch gradient over position, over $\\rho+\\lambda$", Some(1.0))
    };
    Draft {
        about: "What the theory assumes about a network at the end of training. Effects are means over the eigenvectors; intervals are over networks \
                trained from independent seeds. The last rows say what each assumption costs: by how much the squared error of a prediction falls when the assumption is \
                given up for what was measured (a mean over the orders in which all four are; negative: the error grows). The spectrum is that of the last network."
            .into(),
        observations: vec![
            row("stationarity", "stationarity: $2\\,\\mathrm{E}[xG]/((1+\\beta)\\eta\\,\\mathrm{E}v^2)$", &mean(|mode| mode.stationarity), Some(1.0), "Yaida 2019"),
            row("quadratic-slope", slope, &mean(|mode| mode.slope), expected_slope, "Assumption 4"),
            row("quadratic-end", "quadratic loss: curvature along $q$ where the chain ends, over $\\rho$", &mean(|mode| mode.curvature_at_end), Some(1.0), "Assumption 4"),
            row("noise-strength", "noise: variance along the chain over $\\varphi\\,q^\\top\\Sigma q$ at its start", &mean(|mode| mode.noise), Some(1.0), "Assumption 1, E25"),
            row("kurtosis", "Gaussian noise: excess kurtosis of batch gradients", &mean(|mode| mode.kurtosis), Some(0.0), "Assumption 1"),
            row("tail-batch", "tail index (Hill) of batch gradients; above 4 the fourth moment exists, 2 is the edge of a variance", &mean(|mode| mode.tail_index), None, "Assumption 1"),
            row("tail-sample", "tail index (Hill) of gradients of single samples", &mean(|mode| mode.sample_tail_index), None, "Assumption 1"),
            row("alignment-slope", "noise along $H$: slope of $\\ln q^\\top\\Sigma q$ over $\\ln\\rho$", &whole(|effects| effects.alignment_slope), Some(1.0), "Assumption 3"),
            row("alignment-cosine", "noise along $H$: cosine between $Q^\\top\\Sigma Q$ and $\\operatorname{diag}\\rho$", &whole(|effects| effects.alignment_cosine), Some(1.0), "Assumption 3"),
            row("lag-one", "martingale: correlation of the noise of successive steps", &mean(|mode| mode.lag_one), Some(0.0), "Assumption 1, E36"),
            row("epoch", "martingale: variance of the noise summed over an epoch, over that of independent noise", &mean(|mode| mode.epoch), Some(1.0), "E36"),
            row("equipartition", "equipartition: $hP/(mV)$ in each mode", &mean(|mode| mode.equipartition), Some(1.0), "G.3, E27"),
        ],
        ..Draft::default()
    }
}

/// One effect of a mode.
type Part = fn(&ModeEffects) -> f64;

/// The same effects mode by mode.
fn modes(draft: &mut Draft, all: &[Effects]) {
    let count = all.iter().map(|effects| effects.modes.len()).min().unwrap_or(0);
    let numbers: Vec<f64> = (1..=count).map(|mode| mode as f64).collect();
    let x = draft.keep("mode", numbers.clone());
    let mut panels = Vec::new();
    let parts: [(&str, &str, Part); 4] = [
        ("slope of the gradient over ρ + λ", "slope", |mode| mode.slope),
        ("equipartition hP/(mV)", "equipartition", |mode| mode.equipartition),
        ("noise over φ qᵀΣq", "noise", |mode| mode.noise),
        ("sum over an epoch", "epoch", |mode| mode.epoch),
    ];
    for (title, name, part) in parts {
        let (means, halves): (Vec<f64>, Vec<f64>) = (0..count)
            .map(|mode| student(&all.iter().map(|effects| part(&effects.modes[mode])).collect::<Vec<f64>>()))
            .unzip();
        let mut panel = panel(title, (Quantity::Mode, false), (Quantity::Ratio, false));
        let one = draft.keep("one", vec![1.0; count]);
        let mut guide = mark("what the theory expects", Role::Exact, Look::Dashes, &x, &one);
        guide.half_width = None;
        let looks = ("mean over networks, 95 %", Role::Measured, Look::Points);
        panel.marks = vec![guide, draft.drawn_with(name, looks, numbers.clone(), (means, halves))];
        panels.push(panel);
    }
    draft.figures.push(FigureRecord {
        id: "modes".into(),
        caption: "Four of the effects, eigenvector by eigenvector.".into(),
        panels,
    });
}
