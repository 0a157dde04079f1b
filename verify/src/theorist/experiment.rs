//! Runs chains of a simulator, decides every estimator under one error budget, and says what was found.
//!
//! Every chain starts at a draw from the exact stationary law, so there is no burn-in: under the claim each chain's number has
//! exactly the stated expectation. A pilot sets the number of chains and is then left out. The tests are Student t over chains
//! with the guards of [`statistics::chains`](crate::statistics::chains); the levels of all estimators of an experiment come
//! from one [`Ledger`], so a right simulator fails with a probability of at most 1e-6.
//!
//! Chains of a wrong simulator may have tails that no t-test bears. So the pilot of somebody's simulator is also held against
//! as many of langevin's own chains by ranks, at half of each level: under the claim both have the same law, whatever it is.

use std::fmt;

use langevin_sim::Moments;
use langevin_sim::observer::{Observer, StateBlock};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::{Chain, Estimator, ExactLaw, Setting, Simulator, StandardEstimator, State};
use crate::error::{Result, VerifyError};
use crate::ledger::Ledger;
use crate::report::Verdict;
use crate::scenario::relaxation_steps;
use crate::seed::{Seed, scenario_seed};
use crate::statistics::tail::normal_above;
use crate::statistics::{Family, Finding, Rates, chains};

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 1024;

/// Most chains.
const MOST_CHAINS: u64 = 200_000;

/// Relaxation times of the slowest mode in a chain.
const RELAXATIONS: f64 = 30.0;

/// Samples with noise that a chain sees in every mode.
const NOISE_EVENTS: f64 = 300.0;

/// Fewest and most steps of a chain.
const STEPS: [f64; 2] = [64.0, 20_000.0];

/// Largest departure of theta' - theta from eta v', over the size of the positions: rounding of a few additions.
const STEP_ROUNDING: f64 = 1e-9;

/// An experiment: a setting, whose simulator, which statistics.
pub struct Experiment<'a> {
    setting: Setting,
    simulator: Option<Box<dyn Simulator + 'a>>,
    estimators: Vec<Box<dyn Estimator + 'a>>,
    steps: Option<u64>,
    seed: Option<Seed>,
}

impl<'a> Experiment<'a> {
    /// An experiment on a setting, with langevin's own simulator and, unless an estimator is added, with all
    /// [`StandardEstimator`]s.
    pub fn on(setting: Setting) -> Self {
        Self { setting, simulator: None, estimators: Vec::new(), steps: None, seed: None }
    }

    /// Somebody's simulator instead of langevin's.
    #[must_use]
    pub fn simulator(mut self, simulator: impl Simulator + 'a) -> Self {
        self.simulator = Some(Box::new(simulator));
        self
    }

    /// One more statistic.
    #[must_use]
    pub fn estimator(mut self, estimator: impl Estimator + 'a) -> Self {
        self.estimators.push(Box::new(estimator));
        self
    }

    /// Steps of a chain; without a choice 30 relaxation times of the slowest mode, more where few samples carry the noise.
    #[must_use]
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = Some(steps);
        self
    }

    /// The seed. Without it, that of the variable `LANGEVIN_SEED` (a number, or `fresh`), or else a fixed one.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Simulates and decides.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a simulator whose chains have another shape or another start than was asked for, for an
    /// estimator that gives another number of values than it expects or a scale that is not positive, for a setting whose
    /// slowest mode needs longer chains than 20,000 steps, and for a `LANGEVIN_SEED` that is no seed.
    pub fn check(self) -> Result<Outcome> {
        let law = self.setting.law()?;
        let steps = match self.steps {
            Some(steps) => steps.max(1),
            None => self.own_steps(&law)?,
        };
        let seed = match self.seed {
            Some(seed) => seed,
            None => seed_of_environment()?,
        };
        let estimators: Vec<Box<dyn Estimator + 'a>> = if self.estimators.is_empty() {
            StandardEstimator::ALL.into_iter().map(|one| Box::new(one) as Box<dyn Estimator>).collect()
        } else {
            self.estimators
        };
        let measured = Measured::new(&law, &estimators)?;
        let name = self.simulator.as_ref().map_or_else(|| "langevin".into(), |simulator| simulator.name());
        let source = match self.simulator {
            Some(simulator) => Source::Theirs(simulator),
            None => Source::Own(Box::new(own_ensemble(&self.setting, &law, scenario_seed(seed.value(), &name))?)),
        };
        let reference = match &source {
            Source::Own(_) => None,
            Source::Theirs(_) => {
                let seed = scenario_seed(seed.value(), "reference");
                let source = Source::Own(Box::new(own_ensemble(&self.setting, &law, seed)?));
                Some(Run { law: &law, measured: &measured, source, steps, seed }.chains(0..PILOT)?)
            }
        };
        let run = Run { law: &law, measured: &measured, source, steps, seed: scenario_seed(seed.value(), &name) };
        let ledger = Ledger::new(estimators.iter().map(|one| (one.name(), 1.0)))?;
        let rates = |estimator: &dyn Estimator| -> Result<Rates> {
            let Rates { alpha, power } = ledger.rates(&estimator.name())?;
            Ok(Rates { alpha: if reference.is_some() { 0.5 * alpha } else { alpha }, power })
        };
        let pilot = run.chains(0..PILOT)?;
        // the p-value of each family by ranks
        let mut by_ranks = Vec::new();
        for expected in &measured.expected {
            let family = by_ranks.len();
            by_ranks.push(reference.as_ref().map(|reference| {
                let column = |chains: &[Vec<Vec<f64>>], member: usize| -> Vec<f64> {
                    chains.iter().map(|values| values[family][member]).collect()
                };
                let members = 0..expected.len();
                let p_values = members.map(|member| rank_p_value(&column(&pilot, member), &column(reference, member)));
                (p_values.fold(1.0, f64::min) * expected.len() as f64).min(1.0)
            }));
        }
        // what ranks refute is decided: then the other statistics get the fewest chains, not as many as wild tails ask for
        let mut decided = false;
        for (family, estimator) in estimators.iter().enumerate() {
            let alpha = rates(estimator.as_ref())?.alpha;
            decided |= by_ranks[family].is_some_and(|p| p <= alpha);
        }
        let mut needed = chains::FEWEST_CHAINS as u64;
        for (family, estimator) in estimators.iter().enumerate().take(if decided { 0 } else { estimators.len() }) {
            let Rates { alpha, power } = rates(estimator.as_ref())?;
            let size = measured.expected[family].len();
            let rates = Rates { alpha: alpha / size as f64, power };
            for member in 0..size {
                let moments = Moments::of(pilot.iter().map(|values| values[family][member]));
                needed = needed.max(chains::chains_needed(&moments, estimator.resolution(), rates));
            }
        }
        let count = (needed + needed * 3 / 10).min(MOST_CHAINS);
        let values = run.chains(PILOT..PILOT + count)?;
        let mut findings = Vec::new();
        for (family, estimator) in estimators.iter().enumerate() {
            let rates = rates(estimator.as_ref())?;
            let size = measured.expected[family].len();
            let test = |member: usize, rates: Rates| {
                let numbers: Vec<f64> = values.iter().map(|values| values[family][member]).collect();
                chains::test(&numbers, rates)
            };
            let Some(decided) = Family::of(size, rates, test) else {
                return Err(VerifyError::Input {
                    detail: format!(
                        "the estimator \"{}\" expects no numbers; it must expect at least one",
                        estimator.name()
                    ),
                });
            };
            findings.push(EstimatorFinding::of(estimator.as_ref(), &decided, rates, by_ranks[family]));
        }
        Ok(Outcome { simulator: name, steps, chains: count, seed, findings })
    }

    fn own_steps(&self, law: &ExactLaw) -> Result<u64> {
        let slowest = law.maps().iter().take(law.modes()).map(relaxation_steps).fold(1.0, f64::max);
        let events = self.setting.prepared().noise_events(self.setting.hyperparameters(), 0);
        let noisy = NOISE_EVENTS / events.into_iter().fold(f64::INFINITY, f64::min);
        let needed = (RELAXATIONS * slowest).max(noisy).max(STEPS[0]);
        if needed > STEPS[1] {
            return Err(VerifyError::Input {
                detail: format!(
                    "chains of {needed:.0} steps are needed to resolve the slowest mode of this setting, at most {} are run; \
                     choose more weight decay or a larger learning rate, or set the steps",
                    STEPS[1]
                ),
            });
        }
        Ok(needed.ceil() as u64)
    }
}

/// Two-sided p-value of the rank-sum test that two samples have the same law (Mann and Whitney 1947): it takes nothing for
/// granted about tails, and its statistic has lighter tails than the normal it is compared with.
fn rank_p_value(theirs: &[f64], ours: &[f64]) -> f64 {
    let mut pooled: Vec<(f64, bool)> =
        theirs.iter().map(|&value| (value, true)).chain(ours.iter().map(|&value| (value, false))).collect();
    pooled.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    let mut first = 0;
    while first < pooled.len() {
        // equal values share their ranks; the variance is then smaller, which the test does not use
        let last = first + pooled[first..].iter().take_while(|one| one.0.total_cmp(&pooled[first].0).is_eq()).count();
        let rank = 0.5 * (first + last + 1) as f64;
        rank_sum += rank * pooled[first..last].iter().filter(|one| one.1).count() as f64;
        first = last;
    }
    let (n, m) = (theirs.len() as f64, ours.len() as f64);
    let z = (rank_sum - 0.5 * n * (n + m + 1.0)) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    (2.0 * normal_above(z.abs())).min(1.0)
}

/// `LANGEVIN_SEED`, or the fixed seed.
pub(super) fn seed_of_environment() -> Result<Seed> {
    match std::env::var("LANGEVIN_SEED") {
        Ok(text) => text.parse().map_err(|detail| VerifyError::Input { detail: format!("LANGEVIN_SEED: {detail}") }),
        Err(_) => Ok(Seed::Epoch),
    }
}

/// What estimators expect, and how their numbers become effects.
struct Measured<'e, 'a> {
    estimators: &'e [Box<dyn Estimator + 'a>],
    expected: Vec<Vec<f64>>,
    scale: Vec<Vec<f64>>,
}

impl<'e, 'a> Measured<'e, 'a> {
    fn new(law: &ExactLaw, estimators: &'e [Box<dyn Estimator + 'a>]) -> Result<Self> {
        let (mut expected, mut scale) = (Vec::new(), Vec::new());
        for estimator in estimators {
            let (one, size) = (estimator.expected(law)?, estimator.scale(law)?);
            let refuse = |detail: String| {
                Err(VerifyError::Input { detail: format!("the estimator \"{}\" {detail}", estimator.name()) })
            };
            if one.len() != size.len() {
                return refuse(format!("expects {} numbers on {} scales; they must be as many", one.len(), size.len()));
            }
            if let Some(value) = one.iter().find(|value| !value.is_finite()) {
                return refuse(format!("expects {value}; it must be finite"));
            }
            if let Some(value) = size.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
                return refuse(format!(
                    "has a scale of {value}; it must be above 0 (give `scale` where 0 is expected)"
                ));
            }
            let resolution = estimator.resolution();
            if !(resolution.is_finite() && resolution > 0.0) {
                return refuse(format!("has a resolution of {resolution}; it must be above 0"));
            }
            expected.push(one);
            scale.push(size);
        }
        Ok(Self { estimators, expected, scale })
    }

    /// The effects of one chain, with mean zero under the claim.
    fn effects(&self, chain: &Chain, law: &ExactLaw) -> std::result::Result<Vec<Vec<f64>>, String> {
        let families = self.estimators.iter().zip(self.expected.iter().zip(&self.scale));
        families
            .map(|(estimator, (expected, scale))| {
                let values = estimator.measure(chain, law);
                if values.len() != expected.len() {
                    return Err(format!(
                        "the estimator \"{}\" measured {} numbers of a chain; it expects {}",
                        estimator.name(),
                        values.len(),
                        expected.len()
                    ));
                }
                let effects = values.iter().zip(expected).zip(scale);
                Ok(effects.map(|((value, expected), scale)| (value - expected) / scale).collect())
            })
            .collect()
    }
}

/// Where chains come from.
enum Source<'a> {
    Own(Box<Ensemble>),
    Theirs(Box<dyn Simulator + 'a>),
}

fn own_ensemble(setting: &Setting, law: &ExactLaw, seed: u64) -> Result<Ensemble> {
    let noise = MinibatchNoise::new(setting.data(), setting.hyperparameters(), setting.sampling())?;
    let mean = DMatrix::from_column_slice(law.dimension(), 1, law.minimum().as_slice());
    let start = Start::Gaussian { mean, roots: vec![law.root().clone()] };
    Ok(Ensemble::new(NoiseSource::Minibatch(noise), setting.hyperparameters(), start, seed)?)
}

struct Run<'r, 'e, 'a> {
    law: &'r ExactLaw,
    measured: &'r Measured<'e, 'a>,
    source: Source<'a>,
    steps: u64,
    seed: u64,
}

/// Keeps a whole chain and measures it at its end.
struct Whole<'r, 'e, 'a> {
    chain: Chain,
    run: &'r Run<'r, 'e, 'a>,
}

impl Observer for Whole<'_, '_, '_> {
    type Output = std::result::Result<Vec<Vec<f64>>, String>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.chain.push(block.positions, block.velocities);
    }

    fn finish(self) -> Self::Output {
        self.run.measured.effects(&self.chain, self.run.law)
    }
}

impl Run<'_, '_, '_> {
    /// The effects of chains: chain by chain, estimator by estimator.
    fn chains(&self, range: std::ops::Range<u64>) -> Result<Vec<Vec<Vec<f64>>>> {
        let results: Vec<std::result::Result<Vec<Vec<f64>>, String>> = match &self.source {
            Source::Own(ensemble) => ensemble.run(
                range,
                self.steps,
                || Whole { chain: Chain::empty(self.law.dimension()), run: self },
                &|_| {},
            ),
            Source::Theirs(simulator) => {
                range.into_par_iter().map(|number| self.chain_of(simulator.as_ref(), number)).collect()
            }
        };
        results
            .into_iter()
            .collect::<std::result::Result<Vec<_>, String>>()
            .map_err(|detail| VerifyError::Input { detail })
    }

    fn chain_of(&self, simulator: &(dyn Simulator + '_), number: u64) -> std::result::Result<Vec<Vec<f64>>, String> {
        let start = self.start(number);
        let refuse =
            |what: String| format!("the simulator \"{}\" gave a chain that cannot be used: {what}", simulator.name());
        let chain = simulator.chain(&start, self.steps, scenario_seed(self.seed ^ number, "their stream"));
        if let Some(defect) = chain.defect(&start, self.steps) {
            return Err(refuse(defect));
        }
        if let Some(step) = self.broken_step(&chain) {
            return Err(refuse(format!(
                "step {step} does not move by eta v: theta' = theta + eta v' must hold (v is minus the buffer of deep-learning \
                 libraries)"
            )));
        }
        self.measured.effects(&chain, self.law)
    }

    /// A stationary draw.
    fn start(&self, number: u64) -> State {
        let mut random = rand::rngs::ChaCha8Rng::seed_from_u64(scenario_seed(self.seed ^ number, "start"));
        let root = self.law.root();
        let normals: Vec<f64> = (0..root.ncols()).map(|_| StandardNormal.sample(&mut random)).collect();
        let drawn = root * nalgebra::DVector::from_vec(normals);
        let d = self.law.dimension();
        State {
            position: (0..d).map(|i| self.law.minimum()[i] + drawn[i]).collect(),
            velocity: (0..d).map(|i| drawn[d + i]).collect(),
        }
    }

    /// The first step whose displacement is not eta times the new velocity.
    fn broken_step(&self, chain: &Chain) -> Option<usize> {
        let eta = self.law.hyperparameters().learning_rate();
        let size = (0..chain.len()).flat_map(|k| chain.position(k)).fold(0.0_f64, |size, value| size.max(value.abs()));
        (1..chain.len()).find(|&k| {
            let coordinates = chain.position(k).iter().zip(chain.position(k - 1)).zip(chain.velocity(k));
            coordinates.into_iter().any(|((now, before), v)| (now - before - eta * v).abs() > STEP_ROUNDING * size)
        })
    }
}

/// What was found about one estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimatorFinding {
    /// Its name.
    pub estimator: String,
    /// The answer.
    pub verdict: Verdict,
    /// The member with the strongest evidence against the claim, from 0, and the size of the family.
    pub member: (usize, usize),
    /// What was found about that member, in units of the estimator's scale.
    pub strongest: Finding,
    /// p-value of the family.
    pub p_value: f64,
    /// Largest minimum detectable effect of the family.
    pub minimum_detectable_effect: f64,
    /// Level and power of the t-test; the rank test has the same level.
    pub rates: Rates,
    /// For somebody's simulator: p-value of the family from the ranks of its pilot chains among langevin's own.
    pub rank_p_value: Option<f64>,
}

impl EstimatorFinding {
    fn of(estimator: &dyn Estimator, family: &Family, rates: Rates, rank_p_value: Option<f64>) -> Self {
        Self {
            estimator: estimator.name(),
            verdict: if rank_p_value.is_some_and(|p| p <= rates.alpha) {
                Verdict::Refuted
            } else {
                family.verdict(rates.alpha, estimator.resolution())
            },
            member: (family.index, family.size),
            strongest: family.strongest.clone(),
            p_value: family.p_value,
            minimum_detectable_effect: family.minimum_detectable_effect,
            rates,
            rank_p_value,
        }
    }
}

impl fmt::Display for EstimatorFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = match self.member {
            (_, 1) => String::new(),
            (index, size) => format!(" (number {} of {size})", index + 1),
        };
        let [low, high] = self.strongest.interval;
        write!(
            formatter,
            "{:<9} {}{member}: effect {:+.4}, interval [{low:+.4}, {high:+.4}], p = {:.2e} at alpha = {:.2e}, minimum \
             detectable effect {:.4} with power {}",
            self.verdict.name(),
            self.estimator,
            self.strongest.effect,
            self.p_value,
            self.rates.alpha,
            self.minimum_detectable_effect,
            self.rates.power
        )?;
        if let Some(p) = self.rank_p_value {
            write!(formatter, ", by ranks among langevin's own chains p = {p:.2e}")?;
        }
        match &self.strongest.untestable {
            Some(reason) => write!(formatter, "; untestable: {reason}"),
            None => Ok(()),
        }
    }
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whose simulator ran.
    pub simulator: String,
    /// Steps of a chain.
    pub steps: u64,
    /// Chains that were tested.
    pub chains: u64,
    /// The seed.
    pub seed: Seed,
    /// The estimators.
    pub findings: Vec<EstimatorFinding>,
}

impl Outcome {
    /// Refuted if any estimator is, else undecided if any is, else supported.
    pub fn verdict(&self) -> Verdict {
        let any = |verdict: Verdict| self.findings.iter().any(|finding| finding.verdict == verdict);
        if any(Verdict::Refuted) {
            Verdict::Refuted
        } else if any(Verdict::Undecided) {
            Verdict::Undecided
        } else {
            Verdict::Supported
        }
    }

    /// For a test: passes if every estimator is supported.
    ///
    /// # Panics
    /// Otherwise, with every finding and how to repeat the run.
    #[track_caller]
    pub fn assert_supported(&self) {
        assert!(self.verdict() == Verdict::Supported, "{self}");
    }

    /// For a test: passes if at least one estimator is refuted.
    ///
    /// # Panics
    /// Otherwise, with every finding and how to repeat the run.
    #[track_caller]
    pub fn assert_refuted(&self) {
        assert!(self.verdict() == Verdict::Refuted, "it was to be refuted, but: {self}");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "simulator \"{}\": {} ({} chains x {} steps, false-alarm probability of all estimators together at most {:e})",
            self.simulator,
            self.verdict().name(),
            self.chains,
            self.steps,
            crate::ledger::FAMILY_WISE_ERROR
        )?;
        for finding in &self.findings {
            writeln!(formatter, "  {finding}")?;
        }
        write!(
            formatter,
            "repeat with LANGEVIN_SEED={} cargo test, new numbers with LANGEVIN_SEED=fresh",
            self.seed.value()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that are apart, all ties, and none apart, by hand.
    #[test]
    fn ranks_are_those_of_mann_and_whitney() {
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
        // U = 25 of 25: z = 12.5 / sqrt(25 * 11 / 12)
        close(rank_p_value(&[6.0, 7.0, 8.0, 9.0, 10.0], &[1.0, 2.0, 3.0, 4.0, 5.0]), 0.009_023_438_818_080_326);
        assert!((rank_p_value(&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!((rank_p_value(&[1.0, 4.0], &[2.0, 3.0]) - 1.0).abs() < 1e-12);
    }
}
