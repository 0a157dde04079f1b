//! The plan of a run: which scenarios, on which data, at which hyperparameters. Everything is derived from the data set:
//! learning rates are a fixed fraction of the largest mean-square stable one, weight decay a fixed fraction of the
//! largest curvature, both rounded to two digits and one.

use std::sync::Arc;

use langevin_sim::Dataset;
use langevin_sim::data::GaussianSpec;
use langevin_theory::langevin::{LangevinLaw, NoiseModel};
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::ou::OrnsteinUhlenbeck;
use langevin_theory::{Hyperparameters, Quadratic, Sampling, TheoryError, gradient_noise};
use nalgebra::{DMatrix, DVector};

use crate::error::{Result, VerifyError};
use crate::ledger::Ledger;
use crate::mutant::{Mutant, PhaseSpace};
use crate::problem::{Noise, Problem};
use crate::scenario::{
    GaussianExact, Identities, OrnsteinUhlenbeckExact, Oscillation, PhaseSpaceRotation, Prepared, Reshuffled, Scenario,
    StabilityEdge, StationaryMinibatch, Sweeps, TinyMinibatch, scores,
};
use crate::simulate::{data_hash, settings_hash};
use crate::tier::Tier;

/// Fraction of the largest mean-square stable learning rate at which stationary scenarios run.
const STABILITY_FRACTION: f64 = 0.3;

/// lambda over the largest curvature.
const DECAY_FRACTION: f64 = 1.0 / 70.0;

/// Multiplications of a chain that is cheap.
const SMALL_WORK: f64 = 1.6e6;

/// Most directions of the scenario with Gaussian noise on the data's own spectrum.
const GAUSSIAN_MODES: usize = 8;

/// All scenarios of a run.
pub struct Plan {
    /// The data set.
    pub prepared: Arc<Prepared>,
    /// In the order in which they run.
    pub scenarios: Vec<Box<dyn Scenario>>,
    /// How many of them, from the first, are about this data set; the others are the same in every run.
    pub own: usize,
    /// Whether it is the main job, whose checks must kill every mutant.
    pub complete: bool,
    /// The error budget over all their checks.
    pub ledger: Ledger,
    /// Hash of the data and, for a problem file, of its settings.
    pub problem_hash: String,
}

impl Plan {
    /// A plan of scenarios about the data set, followed by those that are not.
    fn new(
        prepared: Arc<Prepared>,
        problem_hash: String,
        mut scenarios: Vec<Box<dyn Scenario>>,
        tier: Tier,
    ) -> Result<Self> {
        let own = scenarios.len();
        scenarios.extend(fixed_scenarios(tier)?);
        let weights = scenarios.iter().flat_map(|scenario| {
            let checks = scenario.checks();
            let id = scenario.id().to_owned();
            checks.into_iter().filter_map(move |spec| spec.weight.map(|weight| (spec.id(&id), weight)))
        });
        let scored = scenarios.iter().any(|scenario| scenario.has_scores());
        let score = scored.then(|| (scores::spec().id(scores::SCENARIO), 1.0));
        let ledger = Ledger::new(weights.chain(score))?;
        Ok(Self { prepared, scenarios, own, complete: false, ledger, problem_hash })
    }

    /// Whether some scenario hands over scores, so that their spread is a check of the run.
    pub fn has_scores(&self) -> bool {
        self.scenarios.iter().any(|scenario| scenario.has_scores())
    }

    /// The main job on a data set.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for data without curvature or without gradient noise: there is nothing to test.
    pub fn for_data(dataset: Dataset, tier: Tier) -> Result<Self> {
        let prepared = Prepared::new(dataset)?;
        let batch = default_batch(prepared.dataset.problem.samples());
        let steepest = prepared.quadratic.eigenvalues()[0];
        if steepest <= 0.0 {
            return Err(VerifyError::Input { detail: "all features are zero; at least one must vary".into() });
        }
        let decay = one_digit(DECAY_FRACTION * steepest);
        if !has_noise(&prepared, decay)? {
            return Err(VerifyError::Input {
                detail: format!(
                    "the data set \"{}\" has no gradient noise at its minimum (every sample has the same gradient); \
                     SGD on it is deterministic and there is nothing to test",
                    prepared.dataset.name
                ),
            });
        }
        let mut rates = Vec::new();
        for momentum in [0.9, 0.0] {
            rates.push((momentum, stable_rate(&prepared, momentum, decay, batch)?));
        }
        let main = Hyperparameters::new(rates[0].1, rates[0].0, decay, batch)?;
        let mut scenarios: Vec<Box<dyn Scenario>> = Vec::new();
        scenarios.push(Box::new(Identities {
            prepared: prepared.clone(),
            sgd: main,
            shown: vec![
                main,
                Hyperparameters::new(rates[1].1, 0.0, decay, batch)?,
                Hyperparameters::new(main.learning_rate(), 0.5, 0.0, batch)?,
            ],
        }));
        for &(momentum, rate) in &rates {
            for weight_decay in [decay, 0.0] {
                if weight_decay <= 0.0 && !has_noise(&prepared, 0.0)? {
                    continue;
                }
                for sampling in [Sampling::WithReplacement, Sampling::WithoutReplacement] {
                    let sgd = Hyperparameters::new(rate, momentum, weight_decay, batch)?;
                    let first = scenarios.len() == 1;
                    scenarios.push(Box::new(stationary(&prepared, sgd, sampling, tier, first)));
                }
            }
        }
        if let Some(reshuffled) = Reshuffled::new(&prepared.dataset, main, tier.pooled())? {
            scenarios.push(Box::new(reshuffled));
        }
        scenarios.extend(oscillations(&prepared, batch, tier)?);
        scenarios.push(Box::new(gaussian_on_data(&prepared, decay, batch, tier)?));
        if has_noise(&prepared, 0.0)? {
            // without weight decay the modified loss is isotropic (13)
            let limiting = Hyperparameters::new(main.learning_rate(), main.momentum(), 0.0, batch)?;
            let steps = chain_steps(&prepared, &limiting);
            if let Some(rotation) = PhaseSpaceRotation::new(&prepared, limiting, steps, tier.single())? {
                scenarios.push(Box::new(rotation));
            }
        }
        // slow directions are what diffuses for long: no weight decay, as far as there is noise without it
        let free = if has_noise(&prepared, 0.0)? { 0.0 } else { decay };
        scenarios.push(Box::new(sweeps(&prepared, main, free, tier)?));
        let hash = data_hash(&prepared.dataset);
        Ok(Self { complete: true, ..Self::new(prepared, hash, scenarios, tier)? })
    }

    /// A user's problem file: its own hyperparameters, and the scenarios that do not depend on data.
    ///
    /// # Errors
    /// [`VerifyError::Theory`] for a problem without a stationary law.
    pub fn for_problem(problem: Problem, tier: Tier) -> Result<Self> {
        let Problem { data, sgd, sampling, noise, .. } = problem;
        let hash = settings_hash(&data, &sgd, sampling, noise);
        let prepared = Prepared::new(data)?;
        if prepared.quadratic.rank() == 0 {
            return Err(VerifyError::Input { detail: "all features are zero; at least one must vary".into() });
        }
        if !has_noise(&prepared, sgd.weight_decay())? {
            return Err(VerifyError::Input {
                detail: "the data have no gradient noise at the minimum; there is nothing to test".into(),
            });
        }
        if sampling.noise_factor(prepared.dataset.problem.samples(), sgd.batch_size())? <= 0.0 {
            return Err(VerifyError::Input {
                detail: format!(
                    "sgd.batch_size is {} and the batch is the whole data set: SGD is deterministic and there is \
                     nothing to test",
                    sgd.batch_size()
                ),
            });
        }
        let mut scenarios: Vec<Box<dyn Scenario>> = Vec::new();
        match (noise, sampling) {
            (Noise::Gaussian, _) => {
                scenarios.push(Box::new(gaussian_problem(&prepared, sgd, sampling, tier)?));
            }
            (Noise::Minibatch, Sampling::Reshuffle) => {
                let without = Sampling::WithoutReplacement;
                MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, &sgd, without)?
                    .require_stable()?;
                if let Some(reshuffled) = Reshuffled::new(&prepared.dataset, sgd, tier.pooled())? {
                    scenarios.push(Box::new(reshuffled));
                }
            }
            (Noise::Minibatch, _) => {
                MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, &sgd, sampling)?
                    .require_stable()?;
                scenarios.push(Box::new(Identities { prepared: prepared.clone(), sgd, shown: vec![sgd] }));
                scenarios.push(Box::new(stationary(&prepared, sgd, sampling, tier, true)));
            }
        }
        Self::new(prepared, hash, scenarios, tier)
    }
}

/// S = 32, or a quarter of small data.
fn default_batch(samples: usize) -> usize {
    32.min((samples / 4).max(1))
}

/// A number rounded to one significant digit.
fn one_digit(value: f64) -> f64 {
    format!("{value:.0e}").parse().unwrap_or(value)
}

/// A number rounded to two significant digits.
fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// Whether gradients at the ridge minimum differ between samples.
fn has_noise(prepared: &Prepared, weight_decay: f64) -> Result<bool> {
    let data = &prepared.dataset.problem;
    let minimum = prepared.quadratic.minimum_ridge(weight_decay);
    let mut trace = 0.0;
    for output in 0..data.outputs() {
        trace += gradient_noise::covariance(data, &minimum, output)?.trace();
    }
    let scale = prepared.quadratic.eigenvalues().sum() * data.targets().norm_squared() / data.samples() as f64;
    Ok(trace > 1e-20 * scale)
}

fn stable_rate(prepared: &Prepared, momentum: f64, weight_decay: f64, batch: usize) -> Result<f64> {
    let probe = Hyperparameters::new(1.0, momentum, weight_decay, batch)?;
    let law = MinibatchLaw::with_quadratic(
        &prepared.dataset.problem,
        &prepared.quadratic,
        &probe,
        Sampling::WithReplacement,
    )?;
    let limit =
        law.learning_rate_limit()?.ok_or(TheoryError::Singular { what: "no curvature limits the learning rate" })?;
    Ok(two_digits(STABILITY_FRACTION * limit))
}

/// Steps of a chain: so many relaxation times of the slowest mode, and so many samples that carry its noise, that chain
/// averages are close to normal, within limits. Small problems may take long chains.
fn chain_steps(prepared: &Prepared, sgd: &Hyperparameters) -> u64 {
    let rank = prepared.quadratic.rank();
    let slowest = prepared.quadratic.curvatures(sgd.weight_decay())[rank - 1];
    let map = langevin_theory::discrete::ModeMap::new(sgd.learning_rate(), sgd.momentum(), slowest);
    let needed = f64::max(-40.0 / map.spectral_radius().ln(), prepared.steps_of_noise(sgd));
    // without momentum the same modes relax more slowly
    let most = if sgd.momentum() < 0.5 { 1600.0 } else { 800.0 };
    let work = (sgd.batch_size() * prepared.dataset.problem.dimension()) as f64;
    let affordable = (SMALL_WORK / work).min(20_000.0);
    needed.clamp(200.0, f64::max(most, affordable)).ceil() as u64
}

fn stationary(
    prepared: &Arc<Prepared>,
    sgd: Hyperparameters,
    sampling: Sampling,
    tier: Tier,
    first: bool,
) -> StationaryMinibatch {
    let (momentum, decay) = (sgd.momentum(), sgd.weight_decay());
    let short = if sampling == Sampling::WithReplacement { "with" } else { "without" };
    let slips = if first {
        vec![Mutant::ContinuousLaw, Mutant::ContinuousAssumption3, Mutant::Uncorrelated, Mutant::StepsAsTime]
    } else {
        Vec::new()
    };
    StationaryMinibatch {
        id: format!("{short}-beta{momentum}-lambda{decay}"),
        description: format!("{}, minibatches {} replacement, stationary start", prepared.dataset.name, short),
        caption: format!("{short} replacement, β = {momentum}, λ = {decay}"),
        steps: chain_steps(prepared, &sgd),
        prepared: prepared.clone(),
        sgd,
        sampling,
        targets: [tier.pooled(), tier.single()],
        slips,
        reshuffled: 0,
        draw_displacement: first,
        draw_variances: true,
        draw_equipartition: first,
    }
}

/// Figure 2 at two momenta: the top mode is over- and underdamped.
fn oscillations(prepared: &Arc<Prepared>, batch: usize, tier: Tier) -> Result<Vec<Box<dyn Scenario>>> {
    let steepest = prepared.quadratic.eigenvalues()[0];
    // eta h = 0.01 lies between the critical values of the two momenta, 0.027 and 0.00064
    let rate = 0.01 / steepest;
    [(0.7, "overdamped"), (0.95, "underdamped")]
        .into_iter()
        .map(|(momentum, name)| {
            Ok(Box::new(Oscillation {
                id: format!("oscillation-{name}"),
                prepared: prepared.clone(),
                sgd: Hyperparameters::new(rate, momentum, 0.0, batch)?,
                steps: 240,
                target: tier.single(),
            }) as Box<dyn Scenario>)
        })
        .collect()
}

/// Sweeps around the momentum and the batch size of the main problem. The default learning rate is a tenth of the
/// usual one, so that ten times as much is the usual one; less where the ends of the other sweeps need it.
fn sweeps(prepared: &Arc<Prepared>, main: Hyperparameters, decay: f64, tier: Tier) -> Result<Sweeps> {
    let batch = main.batch_size();
    let [fewest, _] = Sweeps::batch_ends(batch, prepared.dataset.problem.samples());
    let [_, highest] = Sweeps::MOMENTUM_ENDS;
    let rate = (main.learning_rate() / Sweeps::RATE_FACTOR)
        .min(stable_rate(prepared, main.momentum(), decay, fewest)?)
        .min(stable_rate(prepared, highest, decay, batch)?);
    Sweeps::new(prepared, Hyperparameters::new(two_digits(rate), main.momentum(), decay, batch)?, tier.single())
}

/// The top modes of the data with their true, non-commuting noise covariance, at half the classical stability edge.
fn gaussian_on_data(prepared: &Prepared, decay: f64, batch: usize, tier: Tier) -> Result<GaussianExact> {
    let size = prepared.quadratic.rank().min(GAUSSIAN_MODES);
    let momentum = 0.9;
    let steepest = prepared.quadratic.curvatures(decay)[0];
    let rate = 0.5 * 2.0 * (1.0 + momentum) / steepest;
    let sgd = Hyperparameters::new(rate, momentum, decay, batch)?;
    let full = noise_in_eigenbasis(prepared, decay)? / batch as f64;
    Ok(GaussianExact {
        id: "gaussian-large-rate".into(),
        description: format!(
            "top {size} modes of {} with Gaussian noise of their true covariance, half the stability edge",
            prepared.dataset.name
        ),
        sgd,
        eigenvalues: prepared.quadratic.eigenvalues().iter().take(size).copied().collect(),
        noise: full.view((0, 0), (size, size)).into_owned(),
        targets: [tier.pooled(), tier.single()],
        single_precision: false,
    })
}

fn gaussian_problem(
    prepared: &Prepared,
    sgd: Hyperparameters,
    sampling: Sampling,
    tier: Tier,
) -> Result<GaussianExact> {
    let size = prepared.quadratic.rank();
    let factor = sampling.noise_factor(prepared.dataset.problem.samples(), sgd.batch_size())?;
    let full = noise_in_eigenbasis(prepared, sgd.weight_decay())? * factor;
    Ok(GaussianExact {
        id: "gaussian-problem".into(),
        description: format!("{} with Gaussian noise of its covariance at the minimum", prepared.dataset.name),
        sgd,
        eigenvalues: prepared.quadratic.eigenvalues().iter().take(size).copied().collect(),
        noise: full.view((0, 0), (size, size)).into_owned(),
        targets: [tier.pooled(), tier.single()],
        single_precision: false,
    })
}

/// Sigma at the ridge minimum of the first output, in the eigenbasis.
fn noise_in_eigenbasis(prepared: &Prepared, decay: f64) -> Result<DMatrix<f64>> {
    let minimum = prepared.quadratic.minimum_ridge(decay);
    let covariance = gradient_noise::covariance(&prepared.dataset.problem, &minimum, 0)?;
    Ok(prepared.quadratic.to_eigenbasis(&covariance)?)
}

/// Where mutants move predictions most: beta between 0.5 and 0.9, lambda about 0.3 h, eta h near half the stability edge,
/// and noise that does not commute with H; eta = 1/2, so that steps and time differ.
fn gaussian_half_edge(tier: Tier) -> Result<GaussianExact> {
    let momentum = 0.7;
    let rate = 0.5;
    // h = (1 + beta) / eta in the first direction, half the edge
    let steepest = (1.0 + momentum) / rate;
    let decay = 0.3 * steepest;
    let root = DMatrix::from_row_slice(3, 3, &[0.9, 0.0, 0.0, 0.5, 0.6, 0.0, -0.3, 0.2, 0.4]);
    Ok(GaussianExact {
        id: "gaussian-half-edge".into(),
        description: "three modes, the first at half the stability edge, lambda = 0.3 h, Gaussian noise that does not commute with H"
            .into(),
        sgd: Hyperparameters::new(rate, momentum, decay, 1)?,
        eigenvalues: vec![steepest - decay, 1.3, 0.5],
        noise: &root * root.transpose(),
        targets: [tier.pooled(), tier.single()],
        single_precision: false,
    })
}

/// Scenarios that do not depend on the data set: every regime, the stability edge, wrong theories, enumerated batches.
fn fixed_scenarios(tier: Tier) -> Result<Vec<Box<dyn Scenario>>> {
    let momentum = 0.5;
    // eta h: overdamped, nearly critical (at 0.0858), underdamped, alternating (above 2.914); the edge is at 3
    let eigenvalues = vec![2.95, 1.5, 0.3, 0.09, 0.08, 0.04];
    let size = eigenvalues.len();
    let noise = DMatrix::from_fn(size, size, |i, j| {
        let decay = 0.6_f64.powi(i32::try_from(i.abs_diff(j)).unwrap_or(i32::MAX));
        decay * (1.0 + i as f64) * (1.0 + j as f64) * 0.01
    });
    let regimes = GaussianExact {
        id: "gaussian-every-regime".into(),
        description: "six modes in every damping regime, Gaussian noise that does not commute with H".into(),
        sgd: Hyperparameters::new(1.0, momentum, 0.0, 1)?,
        eigenvalues,
        noise,
        targets: [tier.pooled(), tier.single()],
        single_precision: true,
    };
    let half_edge = gaussian_half_edge(tier)?;
    let spec = GaussianSpec { eigenvalues: vec![1.0, 0.7, 0.45, 0.3], noise: 0.5, rows: 48, seed: 17 };
    let small = Prepared::new(Dataset::gaussian(&spec)?)?;
    let decay = one_digit(0.3 * small.quadratic.eigenvalues()[1]);
    let rate = stable_rate(&small, 0.8, decay, 16)?;
    let mut wrong =
        stationary(&small, Hyperparameters::new(rate, 0.8, decay, 16)?, Sampling::WithoutReplacement, tier, false);
    wrong.id = "wrong-theories".into();
    wrong.description =
        "48 synthetic samples, batches of 16 without replacement, weight decay of the order of h".into();
    wrong.draw_variances = false;
    // the effect is of order one
    wrong.reshuffled = 8192;
    wrong.slips = vec![
        Mutant::KappaWithoutSquare,
        Mutant::WeightDecayForgotten,
        Mutant::OnePlusBetaDropped,
        Mutant::FinitePopulationMissing,
        Mutant::ContinuousLaw,
        Mutant::Uncorrelated,
    ];
    Ok(vec![
        Box::new(anisotropic(tier)?),
        Box::new(phase_space(tier)?),
        Box::new(regimes),
        Box::new(half_edge),
        Box::new(StabilityEdge { momentum, target: tier.single() }),
        Box::new(wrong),
        Box::new(TinyMinibatch { target: tier.pooled() }),
    ])
}

/// The process of Figure 3 (H.4, erratum E24): drift A (b - x), noise of covariance proportional to diag(4, 1).
fn anisotropic(tier: Tier) -> Result<OrnsteinUhlenbeckExact> {
    // a spread of 0.03, a third of the half width of the paper's plot; the printed 1e-4 is a spread of 1e-4
    let kappa = 2500.0;
    let drift = DMatrix::from_row_slice(2, 2, &[2.5, -1.5, -1.5, 2.5]);
    let diffusion = DMatrix::from_row_slice(2, 2, &[4.0, 0.0, 0.0, 1.0]);
    let minimum = DVector::from_vec(vec![-0.1, 0.05]);
    let law = OrnsteinUhlenbeck::new(drift.clone(), minimum, &diffusion, kappa)?;
    Ok(OrnsteinUhlenbeckExact {
        id: "ou-anisotropic".into(),
        drift,
        noise: DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 1.0]) * (2.0 / kappa).sqrt(),
        covariance: law.stationary()?.covariance(),
        law,
        start: DVector::from_vec(vec![0.0, 0.0]),
        // the eigenvalues of A are 1 and 4
        times: vec![0.1, 0.5, 3.0],
        targets: [tier.pooled(), tier.single()],
        pace: Some(0.02),
        phase_space: None,
    })
}

/// The Langevin equation (4) of four directions with noise that does not commute with H: the mass, the friction, the
/// curvature and the fluctuating force of section 3 are sampled, the law is that of (6) to (9).
fn phase_space(tier: Tier) -> Result<OrnsteinUhlenbeckExact> {
    // with this mass and friction curvatures below 0.056 are overdamped
    let sgd = Hyperparameters::new(0.2, 0.8, 0.02, 4)?;
    let hessian = DMatrix::from_row_slice(
        4,
        4,
        &[2.0, 0.3, 0.0, 0.0, 0.3, 1.2, 0.2, 0.0, 0.0, 0.2, 0.5, 0.05, 0.0, 0.0, 0.05, 0.03],
    );
    let linear = DMatrix::from_column_slice(4, 1, &[1.0, -0.5, 0.3, 0.02]);
    let root = DMatrix::from_row_slice(
        4,
        4,
        &[1.0, 0.0, 0.0, 0.0, 0.5, 0.6, 0.0, 0.0, -0.3, 0.2, 0.7, 0.0, 0.1, -0.1, 0.2, 0.3],
    );
    let size = hessian.nrows();
    let mass = 0.5 * sgd.learning_rate() * (1.0 + sgd.momentum());
    let friction = 1.0 - sgd.momentum();
    let identity = DMatrix::identity(size, size);
    let mut drift = DMatrix::zeros(2 * size, 2 * size);
    drift.view_mut((0, size), (size, size)).copy_from(&-&identity);
    drift.view_mut((size, 0), (size, size)).copy_from(&((&hessian + &identity * sgd.weight_decay()) / mass));
    drift.view_mut((size, size), (size, size)).copy_from(&(&identity * (friction / mass)));
    let mut noise = DMatrix::zeros(2 * size, size);
    let force = (sgd.learning_rate() / sgd.batch_size() as f64).sqrt();
    noise.view_mut((size, 0), (size, size)).copy_from(&(&root * (force / mass)));
    let quadratic = Quadratic::new(hessian, linear)?;
    let claimed = LangevinLaw::new(&quadratic, &sgd, NoiseModel::Covariance(&root * root.transpose()))?;
    let mut minimum = DVector::zeros(2 * size);
    minimum.rows_mut(0, size).copy_from(&claimed.minimum_ridge());
    Ok(OrnsteinUhlenbeckExact {
        id: "ou-phase-space".into(),
        drift,
        noise,
        law: OrnsteinUhlenbeck::new(claimed.drift(), minimum, &claimed.diffusion(), sgd.kappa())?,
        covariance: claimed.stationary_covariance()?,
        start: DVector::zeros(2 * size),
        times: vec![0.3, 2.0, 20.0],
        targets: [tier.pooled(), tier.single()],
        pace: None,
        phase_space: Some(PhaseSpace { quadratic, sgd }),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::claims::CLAIMS;

    /// The main job decides every claim of the registry, and nothing else.
    #[test]
    fn claims_and_checks_belong_together() {
        let plan =
            Plan::for_data(Dataset::digits(langevin_sim::data::Standardize::Center, true, None).unwrap(), Tier::Quick)
                .unwrap();
        let specs = plan.scenarios.iter().flat_map(|scenario| scenario.checks());
        let checked: BTreeSet<&str> = specs.map(|spec| spec.claim).chain([scores::CLAIM]).collect();
        let registered: BTreeSet<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
        assert_eq!(checked, registered);
        assert_eq!(registered.len(), CLAIMS.len(), "an id is used twice");
    }

    /// What `--baseline` compares: a scenario without predictions would change unseen.
    #[test]
    fn every_scenario_predicts_numbers() {
        let plan =
            Plan::for_data(Dataset::digits(langevin_sim::data::Standardize::Center, true, None).unwrap(), Tier::Quick)
                .unwrap();
        for scenario in &plan.scenarios {
            let predictions = scenario.predictions().unwrap();
            let numbers: usize = predictions.iter().map(|prediction| prediction.values.len()).sum();
            assert!(numbers > 1, "{} predicts {numbers} numbers", scenario.id());
            let names: BTreeSet<&str> = predictions.iter().map(|prediction| prediction.name.as_str()).collect();
            assert_eq!(names.len(), predictions.len(), "{}: a name is used twice", scenario.id());
            assert!(
                predictions.iter().all(|one| one.values.iter().all(|value| value.is_finite())),
                "{}",
                scenario.id()
            );
        }
    }
}
