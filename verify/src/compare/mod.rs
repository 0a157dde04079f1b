//! `langevin compare`: every rival theory against the exact law of a problem, and the exact law against simulation.
//!
//! The exact law is computed, not estimated, so errors of theories carry no uncertainty. Reshuffled epochs have no exact law
//! here: there the rivals are compared with a simulation, whose resolution is stated.

mod grid;
mod measured;
mod score;

use langevin_theory::rivals::{BatchNoise, Prediction, RivalProblem, Said, catalogue, truth};
use langevin_theory::{Sampling, Steps};
use serde::Serialize;

pub use grid::{Grid, GridMap, GridPoint, MomentumRow};
pub use score::{Score, Scores, Spread};

use crate::claims::CLAIMS;
use crate::error::{Result, VerifyError};
use crate::plan::Plan;
use crate::problem::{Noise, Problem};
use crate::progress::Progress;
use crate::report::{ClaimResult, Comparison as Kind, Expectation, ScenarioSummary, Summary};
use crate::run::{RunOptions, run};
use crate::scenario::Prepared;
use crate::seed::Seed;
use crate::tier::Tier;

/// Version of the JSON form; changes when a field changes its meaning or disappears.
pub const SCHEMA: &str = "langevin-compare/1";

/// What the rivals are compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Reference {
    /// `exact-minibatch`, `exact-constant-noise` or `simulation`.
    pub id: String,
    /// In words.
    pub name: String,
    /// Largest relative standard error of a position variance, when it was measured.
    pub standard_error: Option<f64>,
    /// Directions that are compared: positions in the list of curvatures.
    pub directions: Vec<usize>,
    /// Its moments.
    pub moments: Moments,
}

/// Moments of a theory, each a number (or one per direction or lag) or the reason why there is none.
#[derive(Clone, Debug, Serialize)]
pub struct Moments {
    /// Per direction: second moment of the position about the ridge minimum.
    pub var_theta: Score<Vec<f64>>,
    /// Per direction: second moment of the velocity.
    pub var_v: Score<Vec<f64>>,
    /// E|theta_k - theta_{k-1}|^2.
    pub speed: Score<f64>,
    /// The regularised loss above its minimum.
    pub excess_loss: Score<f64>,
    /// E[m v^2] / 2.
    pub kinetic: Score<f64>,
    /// Per lag: mean squared displacement.
    pub displacement: Score<Vec<f64>>,
    /// Largest learning rate with a stationary state.
    pub learning_rate_limit: Score<f64>,
}

impl Moments {
    fn new(prediction: &Prediction, limit: Said<f64>) -> Self {
        Self {
            var_theta: prediction.position_variance.clone().into(),
            var_v: prediction.velocity_variance.clone().into(),
            speed: prediction.speed.into(),
            excess_loss: prediction.potential_energy.into(),
            kinetic: prediction.kinetic_energy.into(),
            displacement: prediction.displacement.clone().into(),
            learning_rate_limit: limit.into(),
        }
    }
}

/// A theory with its errors.
#[derive(Clone, Debug, Serialize)]
pub struct RivalResult {
    /// Place by the largest error of the position variances; absent for a theory that says nothing about them, or that is
    /// given a part of the answer.
    pub rank: Option<usize>,
    /// Stable name.
    pub id: String,
    /// In words.
    pub name: String,
    /// Where it is published.
    pub citation: String,
    /// What it assumes.
    pub assumptions: Vec<String>,
    /// What it is given beyond the problem, if anything.
    pub given: Option<String>,
    /// Relative errors, predicted / reference - 1.
    pub errors: Scores,
    /// What it predicts.
    pub moments: Moments,
}

/// The exact law against simulation.
#[derive(Clone, Debug, Serialize)]
pub struct Simulation {
    /// Counts and the exit code they imply.
    pub summary: Summary,
    /// The claims with their verdicts.
    pub claims: Vec<ClaimResult>,
    /// What was simulated.
    pub scenarios: Vec<ScenarioSummary>,
}

/// The result of a comparison as one value, built once and rendered many ways.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of this program.
    pub version: String,
    /// Name of the data set.
    pub data: String,
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// lambda.
    pub weight_decay: f64,
    /// S.
    pub batch_size: usize,
    /// How batches are drawn.
    pub sampling: String,
    /// `minibatch` or `gaussian`.
    pub noise: String,
    /// Seed of the simulation.
    pub seed: u64,
    /// h of every direction with curvature, descending.
    pub curvatures: Vec<f64>,
    /// q^T Sigma q at the minimum, summed over outputs.
    pub noise_strengths: Vec<f64>,
    /// Mean squared residual at the minimum, summed over outputs.
    pub sigma2: f64,
    /// Lags of the displacement, in steps.
    pub lags: Vec<u64>,
    /// What the rivals are compared with.
    pub reference: Reference,
    /// The rivals: ranked ones first.
    pub rivals: Vec<RivalResult>,
    /// The exact law against simulation; absent where there is no exact law.
    pub simulation: Option<Simulation>,
    /// Where each theory holds.
    pub grid: Option<GridMap>,
}

impl Comparison {
    /// The command's exit code: that of the exact law against simulation.
    pub fn exit_code(&self) -> u8 {
        self.simulation.as_ref().map_or(0, |simulation| simulation.summary.exit_code)
    }
}

/// Lags of the displacement: powers of two up to this.
const LONGEST_LAG: u64 = 1 << 14;

/// Compares every rival with the exact law of a problem, and that with simulation. `source` names the problem in replay
/// tokens.
///
/// # Errors
/// [`VerifyError::Input`] for data without curvature or noise; [`VerifyError::Theory`] for a problem without a stationary
/// law.
pub fn compare(problem: &Problem, grid: Option<&Grid>, source: &str, progress: &Progress) -> Result<Comparison> {
    let prepared = Prepared::new(problem.data.clone())?;
    let noise = match problem.noise {
        Noise::Minibatch => BatchNoise::Minibatch,
        Noise::Gaussian => BatchNoise::Constant,
    };
    let lags: Vec<u64> =
        std::iter::successors(Some(1), |lag| Some(lag * 2)).take_while(|&l| l <= LONGEST_LAG).collect();
    let steps = lags.iter().copied().map(Steps).collect();
    let data = &prepared.dataset.problem;
    let rival_problem =
        RivalProblem::with_quadratic(data, &prepared.quadratic, &problem.sgd, problem.sampling, noise, steps)?;
    let exact = problem.sampling != Sampling::Reshuffle;
    if grid.is_some() && !exact {
        return Err(VerifyError::Input {
            detail:
                "--grid maps errors against the exact law, and sgd.sampling is \"reshuffle\", which has none; it must \
                     be with-replacement or without-replacement"
                    .into(),
        });
    }
    // the plan refuses what cannot be compared before anything is computed
    let plan = Plan::for_problem(problem.clone(), Tier::Quick)?;
    let (reference, known) =
        if exact { exact_law(&rival_problem)? } else { measured::measure(problem, &prepared, progress)? };
    let informed = match &known.velocity_variance {
        Ok(velocities) if reference.directions.len() == velocities.len() => {
            rival_problem.clone().with_velocity_variances(velocities.clone())?
        }
        _ => rival_problem.clone(),
    };
    let limit = if exact { truth(&rival_problem).learning_rate_limit(&rival_problem)? } else { no_limit() };
    let mut rivals = Vec::new();
    for rival in catalogue() {
        let prediction = rival.predict(&informed)?;
        let rival_limit = rival.learning_rate_limit(&informed)?;
        let given = matches!(prediction.velocity_variance, Err(langevin_theory::rivals::Silence::TakenAsGiven));
        rivals.push(RivalResult {
            rank: None,
            id: rival.id().into(),
            name: rival.name().into(),
            citation: rival.citation().into(),
            assumptions: rival.assumptions().iter().map(|&text| text.into()).collect(),
            given: given.then(|| format!("the velocity variances of the {}", reference.name)),
            errors: Scores::new(&prediction, rival_limit, &known, limit, &rival_problem, &reference.directions),
            moments: Moments::new(&prediction, rival_limit),
        });
    }
    rank(&mut rivals);
    let grid = grid.map(|grid| grid.map(&rival_problem)).transpose()?;
    let simulation = if exact { Some(simulate_exact(&plan, problem, source, progress)?) } else { None };
    Ok(Comparison {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        data: prepared.dataset.name.clone(),
        learning_rate: problem.sgd.learning_rate(),
        momentum: problem.sgd.momentum(),
        weight_decay: problem.sgd.weight_decay(),
        batch_size: problem.sgd.batch_size(),
        sampling: problem.sampling.name().into(),
        noise: problem.noise.name().into(),
        seed: problem.run.seed,
        curvatures: rival_problem.curvatures().to_vec(),
        noise_strengths: rival_problem.noise_strengths().to_vec(),
        sigma2: rival_problem.residual_variance(),
        lags,
        reference: Reference { moments: Moments::new(&known, limit), ..reference },
        rivals,
        simulation,
        grid,
    })
}

fn no_limit() -> Said<f64> {
    Err(langevin_theory::rivals::Silence::Undefined("no-exact-law"))
}

/// The exact law as the reference.
fn exact_law(problem: &RivalProblem) -> Result<(Reference, Prediction)> {
    let law = truth(problem);
    let prediction = law.predict(problem)?;
    if let Err(reason) = &prediction.position_variance {
        return Err(VerifyError::Input { detail: format!("the {} has no stationary state: {reason}", law.name()) });
    }
    let reference = Reference {
        id: law.id().into(),
        name: law.name().into(),
        standard_error: None,
        directions: (0..problem.curvatures().len()).collect(),
        moments: Moments::new(&prediction, no_limit()),
    };
    Ok((reference, prediction))
}

/// Orders the rivals by their largest error and numbers those that compete; equal errors share a place.
fn rank(rivals: &mut [RivalResult]) {
    let key = |rival: &RivalResult| match &rival.errors.var_theta {
        Score::Value(spread) if rival.given.is_none() => Some(spread.largest.abs()),
        _ => None,
    };
    rivals.sort_by(|a, b| {
        let (a, b) = (key(a).unwrap_or(f64::INFINITY), key(b).unwrap_or(f64::INFINITY));
        a.total_cmp(&b)
    });
    let mut previous: Option<(usize, f64)> = None;
    for (index, rival) in rivals.iter_mut().enumerate() {
        let Some(error) = key(rival) else { continue };
        let place = match previous {
            // to rounding
            Some((place, before)) if error - before <= 1e-9 * error + 1e-12 => place,
            _ => index + 1,
        };
        previous = Some((place, error));
        rival.rank = Some(place);
    }
}

/// The checks of the exact law on this problem alone.
fn simulate_exact(plan: &Plan, problem: &Problem, source: &str, progress: &Progress) -> Result<Simulation> {
    let about_the_law = |claim: &str| {
        CLAIMS.iter().any(|known| {
            known.id == claim && known.comparison == Kind::Sampling && known.expectation == Expectation::Supported
        })
    };
    let mut only = Vec::new();
    for scenario in plan.scenarios.iter().take(plan.own) {
        only.extend(
            scenario.checks().iter().filter(|spec| about_the_law(spec.claim)).map(|spec| spec.id(scenario.id())),
        );
    }
    let seed = Seed::Given(problem.run.seed);
    let options = RunOptions { tier: Tier::Quick, seed, only: &only, source, command: String::new(), progress };
    let report = run(plan, &options)?;
    Ok(Simulation { summary: report.summary, claims: report.claims, scenarios: report.scenarios })
}
