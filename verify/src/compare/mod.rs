//! `langevin compare`: every rival theory against the exact law of a problem, and the exact law against simulation.
//!
//! The exact law is computed, not estimated, so errors of theories carry no uncertainty. That of reshuffled epochs is an
//! enumeration of all orders, for small data; where there are too many of them the rivals are compared with a simulation,
//! whose resolution is stated, and a grid says that there is nothing to map.

mod grid;
mod measured;
mod score;

use langevin_theory::rivals::{BatchNoise, Prediction, RivalProblem, Said, Silence, catalogue, truth};
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
    /// `exact-minibatch`, `exact-constant-noise`, `exact-reshuffled` or `simulation`.
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
    /// The exact law against simulation; absent for reshuffled epochs.
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
    let reshuffled = problem.sampling == Sampling::Reshuffle;
    let exact = !reshuffled || grid::can_be_enumerated(&rival_problem, 1);
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
        let given = matches!(prediction.velocity_variance, Err(Silence::TakenAsGiven));
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
    let simulation = if reshuffled { None } else { Some(simulate_exact(&plan, problem, source, progress)?) };
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

/// A simulation has no stability limit.
fn no_limit() -> Said<f64> {
    Err(Silence::NotMeasured)
}

/// The exact law as the reference.
fn exact_law(problem: &RivalProblem) -> Result<(Reference, Prediction)> {
    let law = truth(problem);
    let prediction = law.predict(problem)?;
    if let Err(reason) = &prediction.position_variance {
        return Err(VerifyError::Input {
            detail: format!("the {} has no stationary state: {}", law.name(), reason.name()),
        });
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::render;

    const INDEPENDENT: &str = "sampling = \"without-replacement\"";
    const RESHUFFLED: &str = "sampling = \"reshuffle\"";

    /// Eight samples x = +-1: batches have no curvature noise, so the noise is constant.
    fn problem(rest: &str) -> Problem {
        let text = format!(
            "[data]\nsource = \"inline\"\nfeatures = [[1],[-1],[1],[1],[-1],[-1],[1],[-1]]\n\
             targets = [[1.0],[0.3],[-0.7],[2.0],[0.1],[-1.1],[0.4],[0.9]]\n\
             [sgd]\nlearning_rate = 0.05\nmomentum = 0.5\nbatch_size = 1\n{rest}\n[run]\nsteps = 2000\nchains = 128\n"
        );
        Problem::parse("problem.toml", &text, Path::new("")).expect("the problem is right")
    }

    fn compared(rest: &str, grid: Option<&Grid>) -> Comparison {
        compare(&problem(rest), grid, "problem:problem.toml", &Progress::hidden()).expect("the problem has a law")
    }

    fn rival<'a>(comparison: &'a Comparison, id: &str) -> &'a RivalResult {
        comparison.rivals.iter().find(|rival| rival.id == id).expect("the theory is in the catalogue")
    }

    fn largest(comparison: &Comparison, id: &str) -> f64 {
        rival(comparison, id).errors.var_theta.value().expect("the theory has position variances").largest
    }

    #[test]
    fn theories_are_ranked_by_their_error() {
        let grid = Grid::parse("g", "fraction = [0.02, 0.5]\nmomentum = [0.0, 0.5]").expect("a grid");
        let comparison = compared(INDEPENDENT, Some(&grid));
        assert_eq!(comparison.reference.id, "exact-minibatch");
        // without curvature noise the theories of constant noise are exact, and the SDE lacks 1 / (1 - eta h / 3)
        assert_eq!([rival(&comparison, "liu").rank, rival(&comparison, "kunin-midpoint").rank], [Some(1), Some(1)]);
        assert!(largest(&comparison, "liu").abs() < 1e-12);
        for id in ["mandt", "kunin-true-noise", "kunin-assumption-3"] {
            assert!((largest(&comparison, id) + 0.05 / 3.0).abs() < 1e-12, "{id}");
            assert_eq!(rival(&comparison, id).rank, Some(3), "{id}");
        }
        assert!(largest(&comparison, "ziyin") > 0.05);
        let relation = rival(&comparison, "yaida");
        assert!(relation.rank.is_none() && relation.given.is_some());
        assert!(largest(&comparison, "yaida").abs() < 1e-12);
        assert!(matches!(
            rival(&comparison, "kuhn").errors.var_theta,
            Score::Silent { silent: "only-reshuffled-epochs", .. }
        ));
        assert!(matches!(rival(&comparison, "mandt").errors.var_v, Score::Silent { silent: "no-velocity", .. }));
        let simulation = comparison.simulation.as_ref().expect("there is an exact law");
        assert_eq!(simulation.summary.refuted_unexpectedly, 0);
        assert!(simulation.claims.iter().all(|claim| claim.expectation == Expectation::Supported));
        assert!(simulation.claims.iter().any(|claim| claim.id == "stationary-positions"));

        let map = comparison.grid.as_ref().expect("a grid was asked for");
        assert_eq!(map.rows.len(), 2);
        for row in &map.rows {
            let limit = row.learning_rate_limit.expect("there is a limit");
            assert!((limit / (2.0 * (1.0 + row.momentum)) - 1.0).abs() < 1e-9);
            let levels: Vec<_> = row.points.iter().map(|point| point.level("mandt")).collect();
            assert_eq!(levels, [Some(Some(0.05)), Some(None)], "2 % and 50 % of the limit");
            assert_eq!(row.points[1].level("liu"), Some(Some(0.01)));
            assert_eq!(row.points[0].level("kuhn"), None);
        }

        let text = render::comparison_text(&comparison);
        assert!(text.contains("liu") && text.contains("exact law against simulation"));
        let markdown = render::comparison_markdown(&comparison);
        assert!(markdown.contains("## Where each theory holds"));
        let page = render::comparison_html(&comparison).expect("the template fills in");
        for outside in ["<script", "<link", "url(http", "src=", "href=\"http"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.matches("<svg").count() >= 2);
        let json = serde_json::to_value(&comparison).expect("the comparison is JSON");
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["rivals"][0]["rank"], 1);
        assert_eq!(json["rivals"].as_array().map(Vec::len), Some(catalogue().len()));
    }

    #[test]
    fn few_orders_of_reshuffled_epochs_are_enumerated() {
        let grid = Grid::parse("g", "fraction = [0.02, 0.5]\nmomentum = [0.0, 0.5]").expect("a grid");
        let comparison = compared(RESHUFFLED, Some(&grid));
        assert_eq!(comparison.reference.id, "exact-reshuffled");
        assert!(comparison.simulation.is_none() && comparison.exit_code() == 0);
        // constant curvature: the theory of epochs is exact, those of independent batches are far off
        assert!(largest(&comparison, "kuhn").abs() < 1e-10);
        assert_eq!(rival(&comparison, "kuhn").rank, Some(1));
        assert!(largest(&comparison, "liu") > 3.0);
        let limit = comparison.reference.moments.learning_rate_limit.value().copied();
        assert!((limit.expect("there is a limit") / 3.0 - 1.0).abs() < 1e-9, "{limit:?}");
        let map = comparison.grid.as_ref().expect("a grid was asked for");
        assert!(map.note.is_none());
        for row in &map.rows {
            assert!((row.learning_rate_limit.expect("a limit") / (2.0 * (1.0 + row.momentum)) - 1.0).abs() < 1e-9);
            for point in &row.points {
                assert_eq!(point.level("kuhn"), Some(Some(0.01)));
                assert_eq!(point.level("mandt"), Some(None));
            }
        }
    }

    /// 24 samples x = +-1 in batches of 4: more orders than are enumerated.
    fn many_orders() -> Problem {
        let signs: Vec<String> = (0..24).map(|i| format!("[{}]", 1 - 2 * (i % 2))).collect();
        let targets: Vec<String> = (0..24).map(|i| format!("[{:.2}]", f64::sin(2.3 * f64::from(i)))).collect();
        let text = format!(
            "[data]\nsource = \"inline\"\nfeatures = [{}]\ntargets = [{}]\n\
             [sgd]\nlearning_rate = 0.05\nmomentum = 0.5\nbatch_size = 4\n{RESHUFFLED}\n[run]\nsteps = 2000\nchains = 128\n",
            signs.join(","),
            targets.join(",")
        );
        Problem::parse("problem.toml", &text, Path::new("")).expect("the problem is right")
    }

    #[test]
    fn many_orders_of_reshuffled_epochs_are_measured() {
        let comparison =
            compare(&many_orders(), Some(&Grid::default()), "", &Progress::hidden()).expect("it can be measured");
        assert_eq!(comparison.reference.id, "simulation");
        assert!(comparison.simulation.is_none() && comparison.exit_code() == 0);
        let standard_error = comparison.reference.standard_error.expect("it is measured");
        // constant curvature: the theory of epochs is exact, and twelve standard errors are never reached
        assert!(largest(&comparison, "kuhn").abs() < 12.0 * standard_error, "{standard_error}");
        assert_eq!(rival(&comparison, "kuhn").rank, Some(1));
        assert!(largest(&comparison, "liu") > 1.0);
        assert!(largest(&comparison, "yaida") > 1.0);
        // the grid has no truth to compare with, and says so in every cell
        let map = comparison.grid.as_ref().expect("a grid was asked for");
        assert!(map.note.as_ref().is_some_and(|note| note.contains("24 samples") && note.contains("batches of 4")));
        let mut points = map.rows.iter().flat_map(|row| &row.points);
        assert!(points.all(|point| point.undefined.as_deref() == Some("no-exact-law") && point.errors.is_empty()));
        let text = render::comparison_text(&comparison);
        assert!(text.contains("too many orders"), "{text}");
        for page in [
            render::comparison_markdown(&comparison),
            render::comparison_html(&comparison).expect("the template fills in"),
        ] {
            assert!(page.contains("too many orders"));
        }
    }

    #[test]
    fn constant_noise_has_its_own_law() {
        let comparison = compared("noise = \"gaussian\"", None);
        assert_eq!(comparison.reference.id, "exact-constant-noise");
        assert!(largest(&comparison, "liu").abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let refusal = |problem: &Problem, grid: Option<&Grid>| {
            compare(problem, grid, "", &Progress::hidden()).expect_err("there is nothing to compare")
        };
        let mut unstable = problem(INDEPENDENT);
        unstable.sgd = unstable.sgd.with_learning_rate(3.5).expect("a learning rate");
        assert_eq!(refusal(&unstable, None).exit_code(), 2);
        let mut unstable = problem("noise = \"gaussian\"");
        unstable.sgd = unstable.sgd.with_learning_rate(3.5).expect("a learning rate");
        assert!(refusal(&unstable, None).to_string().contains("no stationary state: unstable"));
    }
}
