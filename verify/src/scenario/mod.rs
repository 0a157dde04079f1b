//! Scenarios: problems with a sampling plan, each of which decides several checks from one ensemble of chains.

mod average_variance;
mod edge;
mod gaussian;
mod identities;
mod kills;
mod long_chains;
mod ornstein_uhlenbeck;
mod oscillation;
mod reshuffled;
mod rotation;
pub(crate) mod scores;
mod stationary;
mod sweeps;
mod tiny;
mod whole_states;

use std::sync::Arc;

use langevin_sim::Dataset;
use langevin_sim::Observer;
use langevin_sim::sgd::Ensemble;
use langevin_theory::discrete::ModeMap;
use langevin_theory::{Hyperparameters, LeastSquares, Quadratic};

pub use edge::StabilityEdge;
pub use gaussian::GaussianExact;
pub use identities::Identities;
pub use ornstein_uhlenbeck::OrnsteinUhlenbeckExact;
pub use oscillation::Oscillation;
pub(crate) use reshuffled::AfterBurnIn;
pub use reshuffled::Reshuffled;
pub use rotation::PhaseSpaceRotation;
pub use stationary::StationaryMinibatch;
pub use sweeps::Sweeps;
pub use tiny::TinyMinibatch;

use kills::Decided;

use crate::error::Result;
use crate::ledger::Ledger;
use crate::mutant::Mutant;
use crate::progress::Progress;
use crate::report::{ChainDiagnostics, CheckResult, Figures, KillCell, Layer, Prediction, ScenarioSummary, Verdict};
use crate::seed::scenario_seed;
use crate::statistics::{Family, Finding, Rates, Untestable};
use crate::tier::Tier;

/// One decision that a scenario announces before it runs.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// Claim it decides.
    pub claim: &'static str,
    /// Name of the quantity, the last part of the check's id.
    pub quantity: &'static str,
    /// Resolution that counts as decided, in the unit of the effect.
    pub target: f64,
    /// Share of the error budget relative to the other checks; deterministic checks take none.
    pub weight: Option<f64>,
    /// Why it exists, where no mutant moves its prediction.
    pub purpose: Option<&'static str>,
}

impl CheckSpec {
    fn sampled(claim: &'static str, quantity: &'static str, target: f64) -> Self {
        Self { claim, quantity, target, weight: Some(1.0), purpose: None }
    }

    fn deterministic(claim: &'static str, quantity: &'static str, tolerance: f64) -> Self {
        Self { claim, quantity, target: tolerance, weight: None, purpose: None }
    }

    fn because(self, purpose: &'static str) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    /// `claim/scenario/quantity`.
    pub fn id(&self, scenario: &str) -> String {
        format!("{}/{scenario}/{}", self.claim, self.quantity)
    }
}

/// What running a scenario gives.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its decisions.
    pub checks: Vec<CheckResult>,
    /// The same decisions with the predictions of mutants.
    pub kills: Vec<(Mutant, KillCell)>,
    /// What was simulated.
    pub summary: Option<ScenarioSummary>,
    /// Numbers for the plots.
    pub figures: Figures,
    /// P-values that are exactly uniform under the claims and independent of each other and of those of other scenarios: one
    /// per coordinate of whitened states. Scenarios without an exact null have none.
    pub scores: Vec<f64>,
    /// Diagnostics of a few long chains.
    pub diagnostics: Vec<ChainDiagnostics>,
}

/// A problem with a sampling plan and the checks it decides.
pub trait Scenario: Sync + Send {
    /// Stable name.
    fn id(&self) -> &str;

    /// The checks it decides, known before anything runs.
    fn checks(&self) -> Vec<CheckSpec>;

    /// What the theory says about this scenario, without random numbers: the same at every tier and seed. A later run is
    /// compared with these numbers (`--baseline`), so every scenario gives some.
    ///
    /// # Errors
    /// As those laws that they come from.
    fn predictions(&self) -> Result<Vec<Prediction>>;

    /// Whether it hands over scores: known before anything runs.
    fn has_scores(&self) -> bool {
        false
    }

    /// Simulates and decides.
    ///
    /// # Errors
    /// Problems of the input that only show here, such as a learning rate without a stationary law.
    fn run(&self, context: &Context<'_>) -> Result<Outcome>;
}

/// What scenarios share in a run.
pub struct Context<'a> {
    /// Levels.
    pub ledger: &'a Ledger,
    /// Resolution.
    pub tier: Tier,
    /// Seed of the run.
    pub seed: u64,
    /// First part of replay tokens: everything but the check's id.
    pub token: &'a str,
    /// Progress on the terminal.
    pub progress: &'a Progress,
}

impl Context<'_> {
    /// Seed of a scenario's random streams.
    pub fn seed_of(&self, scenario: &str) -> u64 {
        scenario_seed(self.seed, scenario)
    }

    /// Runs chains with progress.
    fn run_chains<O: Observer>(
        &self,
        ensemble: &Ensemble,
        chains: std::ops::Range<u64>,
        steps: u64,
        observer: impl Fn() -> O + Sync,
    ) -> Vec<O::Output> {
        self.progress.expect((chains.end - chains.start) * (steps + 1));
        ensemble.run(chains, steps, observer, &|done| self.progress.advance(done))
    }

    fn rates(&self, scenario: &str, spec: &CheckSpec) -> Result<Rates> {
        self.ledger.rates(&spec.id(scenario))
    }
}

/// How a check was made, for its record.
struct Made<'a> {
    layer: Layer,
    method: &'a str,
    quantity: String,
    unit: &'a str,
    samples: u64,
    note: Option<String>,
}

impl Context<'_> {
    fn record(&self, scenario: &str, spec: &CheckSpec, made: Made<'_>) -> CheckResult {
        CheckResult {
            id: spec.id(scenario),
            scenario: scenario.into(),
            layer: made.layer,
            method: made.method.into(),
            quantity: made.quantity,
            effect: 0.0,
            effect_unit: made.unit.into(),
            interval: None,
            minimum_detectable_effect: None,
            power: None,
            alpha: None,
            p_value: None,
            e_value: None,
            tolerance: None,
            samples: made.samples,
            family_size: 1,
            verdict: Verdict::Undecided,
            untestable: None,
            note: made.note,
            replay: format!("{}@{}", self.token, spec.id(scenario)),
            purpose: spec.purpose.map(Into::into),
        }
    }

    fn decide(
        &self,
        scenario: &str,
        spec: &CheckSpec,
        made: Made<'_>,
        test: impl FnOnce(Rates) -> Finding,
    ) -> Result<Decided> {
        let rates = self.rates(scenario, spec)?;
        let finding = test(rates);
        let mut record = self.record(scenario, spec, made);
        record.verdict = finding.verdict(rates.alpha, spec.target);
        record.effect = finding.effect;
        record.interval = finite_interval(finding.interval);
        record.minimum_detectable_effect = finite(finding.minimum_detectable_effect);
        record.p_value = Some(finding.p_value);
        record.alpha = Some(rates.alpha);
        record.power = Some(rates.power);
        let findings = vec![finding.clone()];
        stop(&mut record, finding.untestable);
        Ok(Decided { record, findings, rates })
    }

    /// Decides a family; `name` names the member with the strongest evidence.
    fn decide_family(
        &self,
        scenario: &str,
        spec: &CheckSpec,
        made: Made<'_>,
        size: usize,
        name: impl Fn(usize) -> String,
        mut test: impl FnMut(usize, Rates) -> Finding,
    ) -> Result<Decided> {
        let rates = self.rates(scenario, spec)?;
        let mut record = self.record(scenario, spec, made);
        record.family_size = size as u64;
        record.alpha = Some(rates.alpha);
        record.power = Some(rates.power);
        let mut findings = Vec::new();
        let family = Family::of(size, rates, |index, rates| {
            let finding = test(index, rates);
            findings.push(finding.clone());
            finding
        });
        let Some(family) = family else {
            record.note = join_notes(record.note, Some("nothing to test: no member is resolved".into()));
            return Ok(Decided { record, findings, rates });
        };
        record.verdict = family.verdict(rates.alpha, spec.target);
        record.effect = family.strongest.effect;
        record.interval = finite_interval(family.strongest.interval);
        record.minimum_detectable_effect = finite(family.minimum_detectable_effect);
        record.p_value = Some(family.p_value);
        record.quantity = format!("{} (largest departure: {})", record.quantity, name(family.index));
        stop(&mut record, family.untestable);
        Ok(Decided { record, findings, rates })
    }

    /// Decides a deterministic check: an error against its tolerance.
    fn decide_exactly(
        &self,
        scenario: &str,
        spec: &CheckSpec,
        quantity: String,
        error: f64,
        note: Option<String>,
    ) -> CheckResult {
        let made = Made { layer: Layer::L0, method: "deterministic", quantity, unit: "relative", samples: 0, note };
        let mut record = self.record(scenario, spec, made);
        record.effect = error;
        record.tolerance = Some(spec.target);
        record.verdict = if error <= spec.target { Verdict::Supported } else { Verdict::Refuted };
        record
    }
}

/// Says which guard stopped a check, if any did.
fn stop(record: &mut CheckResult, untestable: Option<Untestable>) {
    let said = untestable.as_ref().map(|reason| format!("untestable: {reason}"));
    record.note = join_notes(record.note.take(), said);
    record.untestable = untestable;
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn finite_interval(interval: [f64; 2]) -> Option<[f64; 2]> {
    interval.iter().all(|end| end.is_finite()).then_some(interval)
}

fn join_notes(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

/// A data set with everything that depends on it alone.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The data set.
    pub dataset: Dataset,
    /// Its loss.
    pub quadratic: Quadratic,
    /// The data in the coordinates of the eigenbasis. SGD is equivariant under rotations, so chains run in them.
    pub rotated: LeastSquares,
}

impl Prepared {
    /// Decomposes the loss of a data set.
    ///
    /// # Errors
    /// As [`LeastSquares::quadratic`].
    pub fn new(dataset: Dataset) -> Result<Arc<Self>> {
        let quadratic = dataset.problem.quadratic()?;
        let rotated = dataset.problem.rotated(quadratic.eigenvectors())?;
        Ok(Arc::new(Self { dataset, quadratic, rotated }))
    }

    /// The same data with one of their outputs alone.
    ///
    /// # Errors
    /// As [`LeastSquares::new`], [`LeastSquares::quadratic`].
    pub fn single_output(&self, output: usize) -> Result<Arc<Self>> {
        let data = &self.dataset.problem;
        let problem = LeastSquares::new(data.features().clone(), data.targets().columns(output, 1).into_owned())?;
        Self::new(Dataset { problem, ..self.dataset.clone() })
    }

    /// The output with the largest mean squared residual at the ridge minimum.
    pub fn noisiest_output(&self, weight_decay: f64) -> usize {
        let data = &self.dataset.problem;
        let residuals = data.features() * self.quadratic.minimum_ridge(weight_decay) - data.targets();
        let norms: Vec<f64> = residuals.column_iter().map(|column| column.norm_squared()).collect();
        (0..norms.len()).max_by(|&i, &j| norms[i].total_cmp(&norms[j])).unwrap_or(0)
    }

    /// S n / N for every direction with curvature, where n = (sum g^2)^2 / sum g^4 is the number of samples that carry the
    /// noise of an output, g being the centred per-sample gradients along the direction at the minimum.
    pub fn noise_events(&self, sgd: &Hyperparameters, output: usize) -> Vec<f64> {
        let data = &self.dataset.problem;
        let minimum = self.quadratic.minimum_ridge(sgd.weight_decay());
        let residual = data.features() * minimum.column(output) - data.targets().column(output);
        let per_sample = sgd.batch_size() as f64 / data.samples() as f64;
        (0..self.quadratic.rank())
            .map(|i| {
                let mut gradients = self.rotated.features().column(i).component_mul(&residual);
                gradients.add_scalar_mut(-gradients.mean());
                let squares = gradients.component_mul(&gradients);
                let fourth = squares.norm_squared();
                if fourth > 0.0 { per_sample * squares.sum().powi(2) / fourth } else { 0.0 }
            })
            .collect()
    }

    /// Steps until every direction of every output has seen enough samples that carry its noise.
    pub fn steps_of_noise(&self, sgd: &Hyperparameters) -> f64 {
        let events = (0..self.dataset.problem.outputs()).flat_map(|output| self.noise_events(sgd, output));
        NOISE_EVENTS / events.fold(f64::INFINITY, f64::min)
    }

    /// The ridge minimum in the eigenbasis, d x outputs.
    pub fn minimum_in_eigenbasis(&self, weight_decay: f64) -> nalgebra::DMatrix<f64> {
        self.quadratic.eigenvectors().tr_mul(&self.quadratic.minimum_ridge(weight_decay))
    }
}

/// Steps in which the mean of a direction relaxes by a factor e.
pub(crate) fn relaxation_steps(map: &ModeMap) -> f64 {
    -1.0 / map.spectral_radius().ln()
}

/// The hyperparameters of a scenario among its predictions: those of built-in scenarios follow from the data.
fn predicted_settings(sgd: &Hyperparameters) -> Prediction {
    let batch_size = sgd.batch_size() as f64;
    Prediction::new("hyperparameters", [sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), batch_size])
}

/// Relaxation times that a chain must run for a mode to count as tested.
pub(crate) const RELAXATIONS: f64 = 30.0;

/// Noise events that a chain must see in a mode for it to count as tested. A direction whose noise comes from a handful of
/// samples (a pixel that is rarely lit) moves in rare jumps, and chain averages of it are far from normal.
pub(crate) const NOISE_EVENTS: f64 = 1000.0;

/// Modes that chains of this length resolve, and a note about the others. `events_per_step` is the expected number of
/// samples in a batch that contribute to a mode's noise.
pub(crate) fn resolved_modes(maps: &[ModeMap], events_per_step: &[f64], steps: u64) -> (Vec<usize>, Option<String>) {
    let relaxing = |index: usize| RELAXATIONS * relaxation_steps(&maps[index]);
    let noisy = |index: usize| NOISE_EVENTS / events_per_step[index];
    let all = 0..events_per_step.len();
    let fits = |needed: f64| needed <= steps as f64;
    let resolved: Vec<usize> = all.clone().filter(|&index| fits(relaxing(index)) && fits(noisy(index))).collect();
    let slow: Vec<f64> = all.clone().map(relaxing).filter(|&needed| !fits(needed)).collect();
    let sparse: Vec<f64> =
        all.clone().filter(|&index| fits(relaxing(index))).map(noisy).filter(|&needed| !fits(needed)).collect();
    let describe = |kind: &str, needs: &[f64]| {
        needs.iter().copied().reduce(f64::max).map(|longest| {
            let longest = if longest.is_finite() { format!("{:.0}", longest.ceil()) } else { "unlimited".into() };
            format!(
                "{} of {} modes {kind} (the last would need {longest} steps)",
                needs.len(),
                maps.len().min(all.len())
            )
        })
    };
    let note = join_notes(
        describe("not resolved: they relax too slowly", &slow),
        describe("not resolved: too few samples carry their noise", &sparse),
    );
    (resolved, note)
}
