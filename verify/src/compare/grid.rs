//! Where each theory holds: its largest error of the position variances over a grid of learning rates and momenta.

use std::collections::BTreeMap;
use std::path::Path;

use langevin_theory::Sampling;
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::rivals::{RivalProblem, Silence, catalogue, truth};
use rayon::prelude::*;
use serde::Serialize;

use super::score::{Score, Scores};
use crate::document::{Table, parse};
use crate::error::{Result, VerifyError};

/// Most points of a grid.
const MOST_POINTS: usize = 10_000;

/// Levels at which a theory counts as right.
const LEVELS: [f64; 3] = [0.01, 0.05, 0.2];

/// The learning rates of a grid.
#[derive(Clone, Debug, PartialEq)]
enum Rates {
    /// Fractions of the exact law's largest stable rate at the same momentum.
    Fractions(Vec<f64>),
    /// As they are.
    Absolute(Vec<f64>),
}

/// What to map.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    rates: Rates,
    /// Empty for that of the problem.
    momenta: Vec<f64>,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            rates: Rates::Fractions(vec![0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9]),
            momenta: vec![0.0, 0.5, 0.9, 0.99],
        }
    }
}

impl Grid {
    /// The word `default`, or a TOML file.
    ///
    /// # Errors
    /// [`VerifyError`] naming the file and the key.
    pub fn read(argument: &str) -> Result<Self> {
        if argument == "default" {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(Path::new(argument))
            .map_err(|error| VerifyError::Input { detail: format!("{argument}: {error}") })?;
        Self::parse(argument, &text).map_err(|error| error.in_file(argument))
    }

    /// Parses a grid: `fraction` or `learning_rate`, and `momentum`.
    ///
    /// # Errors
    /// [`VerifyError`] naming the key.
    pub fn parse(source_name: &str, text: &str) -> Result<Self> {
        const INSIDE: &str = "a list of numbers above 0 and below 1";
        const POSITIVE: &str = "a list of finite numbers above 0";
        const MOMENTA: &str = "a list of numbers of at least 0 and below 1";
        let mut table = Table::new("", parse(source_name, text)?)?;
        let fractions = table.numbers("fraction")?;
        let absolute = table.numbers("learning_rate")?;
        let momenta = table.numbers("momentum")?.unwrap_or_default();
        let shown = |values: &[f64]| format!("{values:?}");
        if momenta.iter().any(|value| !(0.0..1.0).contains(value)) {
            return Err(table.refuse("momentum", shown(&momenta), MOMENTA).into());
        }
        let rates = match (fractions, absolute) {
            (Some(values), None) => {
                if values.is_empty() || values.iter().any(|value| !(*value > 0.0 && *value < 1.0)) {
                    return Err(table.refuse("fraction", shown(&values), INSIDE).into());
                }
                Rates::Fractions(values)
            }
            (None, Some(values)) => {
                if values.is_empty() || values.iter().any(|value| !(*value > 0.0 && value.is_finite())) {
                    return Err(table.refuse("learning_rate", shown(&values), POSITIVE).into());
                }
                Rates::Absolute(values)
            }
            (None, None) => {
                // a slip of the pen is a better message than a missing key
                table.finish()?;
                return Err(VerifyError::Input {
                    detail: "the grid has no learning rates; fraction (of the stability limit) or learning_rate must be given"
                        .into(),
                });
            }
            (Some(_), Some(_)) => {
                return Err(VerifyError::Input {
                    detail: "the grid has both fraction and learning_rate; one of them must be given".into(),
                });
            }
        };
        table.finish()?;
        let (Rates::Fractions(values) | Rates::Absolute(values)) = &rates;
        let points = values.len() * momenta.len().max(1);
        if points > MOST_POINTS {
            return Err(VerifyError::Input {
                detail: format!("the grid has {points} points; it must have at most {MOST_POINTS}"),
            });
        }
        Ok(Self { rates, momenta })
    }

    /// Maps every theory. Where the exact law of reshuffled epochs would take too long, every cell says that there is none.
    ///
    /// # Errors
    /// [`VerifyError::Theory`] where the exact law fails for another reason than instability.
    pub fn map(&self, problem: &RivalProblem) -> Result<GridMap> {
        let sgd = problem.hyperparameters();
        let momenta = if self.momenta.is_empty() { vec![sgd.momentum()] } else { self.momenta.clone() };
        let (Rates::Fractions(values) | Rates::Absolute(values)) = &self.rates;
        let points = momenta.len() * values.len();
        let limits = momenta.len() * LAWS_OF_A_LIMIT;
        if problem.sampling() == Sampling::Reshuffle && !can_be_enumerated(problem, points + limits) {
            return Ok(self.map_without_law(problem, momenta));
        }
        let rows = momenta
            .into_par_iter()
            .map(|momentum| {
                let at = problem.with_rates(sgd.learning_rate(), momentum)?;
                let limit = truth(&at).learning_rate_limit(&at)?.ok();
                let rates: Vec<f64> = match (&self.rates, limit) {
                    (Rates::Absolute(rates), _) => rates.clone(),
                    (Rates::Fractions(fractions), Some(limit)) => fractions.iter().map(|part| part * limit).collect(),
                    (Rates::Fractions(_), None) => {
                        return Err(VerifyError::Input {
                            detail: "the exact law has no stability limit of which to take fractions".into(),
                        });
                    }
                };
                let points = rates
                    .into_par_iter()
                    .map(|rate| GridPoint::new(&problem.with_rates(rate, momentum)?, limit))
                    .collect::<Result<Vec<GridPoint>>>()?;
                Ok(MomentumRow { momentum, learning_rate_limit: limit, points })
            })
            .collect::<Result<Vec<MomentumRow>>>()?;
        Ok(GridMap { levels: LEVELS, note: None, rows })
    }

    /// The rates and momenta of a grid whose truth is out of reach.
    fn map_without_law(&self, problem: &RivalProblem, momenta: Vec<f64>) -> GridMap {
        let rows = momenta.into_iter().map(|momentum| {
            // where the mean ceases to be stable
            let limit = 2.0 * (1.0 + momentum) / problem.curvatures().first().copied().unwrap_or(f64::NAN);
            let rates: Vec<f64> = match &self.rates {
                Rates::Absolute(rates) => rates.clone(),
                Rates::Fractions(fractions) => fractions.iter().map(|part| part * limit).collect(),
            };
            let point = |learning_rate: f64| GridPoint {
                learning_rate,
                fraction: None,
                undefined: Some("no-exact-law".into()),
                errors: BTreeMap::new(),
            };
            MomentumRow { momentum, learning_rate_limit: None, points: rates.into_iter().map(point).collect() }
        });
        let note = format!(
            "no exact law to map against: {} samples in reshuffled batches of {} have too many orders to enumerate at every \
             point; the comparison above is with a simulation or a single enumeration. Columns are learning rates; fractions \
             are of 2(1 + beta)/h, where the mean ceases to be stable",
            problem.data().samples(),
            problem.hyperparameters().batch_size()
        );
        GridMap { levels: LEVELS, rows: rows.collect(), note: Some(note) }
    }
}

/// Laws that the search for a stability limit takes, at most.
const LAWS_OF_A_LIMIT: usize = 60;

/// Whether the orders of a reshuffled problem are few enough for this many laws: together they may take as long as the
/// largest single one.
pub(super) fn can_be_enumerated(problem: &RivalProblem, laws: usize) -> bool {
    let data = problem.data();
    let one = ReshuffledLaw::multiplications(data.samples(), problem.hyperparameters().batch_size(), data.dimension());
    data.samples() <= 63 && one * (laws * data.outputs()) as f64 <= ReshuffledLaw::MOST_WORK
}

/// Where each theory holds.
#[derive(Clone, Debug, Serialize)]
pub struct GridMap {
    /// Levels at which a theory counts as right.
    pub levels: [f64; 3],
    /// Why there is nothing in it, if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// One per momentum.
    pub rows: Vec<MomentumRow>,
}

/// One momentum of a grid.
#[derive(Clone, Debug, Serialize)]
pub struct MomentumRow {
    /// beta.
    pub momentum: f64,
    /// The exact law's largest stable learning rate.
    pub learning_rate_limit: Option<f64>,
    /// One per learning rate.
    pub points: Vec<GridPoint>,
}

/// One point of a grid.
#[derive(Clone, Debug, Serialize)]
pub struct GridPoint {
    /// eta.
    pub learning_rate: f64,
    /// eta over the largest stable one.
    pub fraction: Option<f64>,
    /// Why there is no exact law here, if there is none.
    pub undefined: Option<String>,
    /// Errors of every theory, by its id.
    pub errors: BTreeMap<String, Scores>,
}

impl GridPoint {
    fn new(problem: &RivalProblem, limit: Option<f64>) -> Result<Self> {
        let learning_rate = problem.hyperparameters().learning_rate();
        let fraction = limit.map(|limit| learning_rate / limit);
        let reference = truth(problem).predict(problem)?;
        let velocities = match (&reference.position_variance, &reference.velocity_variance) {
            (Ok(_), Ok(velocities)) => velocities.clone(),
            (Err(reason), _) | (_, Err(reason)) => {
                let undefined = Some(reason.name().to_owned());
                return Ok(Self { learning_rate, fraction, undefined, errors: BTreeMap::new() });
            }
        };
        let informed = problem.clone().with_velocity_variances(velocities)?;
        let directions: Vec<usize> = (0..problem.curvatures().len()).collect();
        let mut errors = BTreeMap::new();
        for rival in catalogue() {
            let found = rival.predict(&informed)?;
            // the limit is that of the row, not of the point
            let silent = Err(Silence::NotAddressed);
            let mut scores = Scores::new(&found, silent, &reference, silent, problem, &directions);
            for score in [&mut scores.var_theta, &mut scores.var_v, &mut scores.displacement] {
                if let Score::Value(spread) = score {
                    spread.each.clear();
                }
            }
            errors.insert(rival.id().to_owned(), scores);
        }
        Ok(Self { learning_rate, fraction, undefined: None, errors })
    }

    /// The finest level that a theory's position variances keep, `None` beyond all of them; nothing if it is silent here.
    pub fn level(&self, rival: &str) -> Option<Option<f64>> {
        let spread = self.errors.get(rival)?.var_theta.value()?;
        Some(LEVELS.into_iter().find(|level| spread.largest.abs() <= *level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Grid::parse("grid.toml", text).expect_err("the grid is wrong").to_string()
    }

    #[test]
    fn a_grid_takes_fractions_or_rates() {
        let grid = Grid::parse("g", "fraction = [0.1, 0.5]\nmomentum = [0, 0.9]").expect("a grid");
        assert_eq!(grid, Grid { rates: Rates::Fractions(vec![0.1, 0.5]), momenta: vec![0.0, 0.9] });
        let grid = Grid::parse("g", "learning_rate = [1]").expect("a grid");
        assert_eq!(grid, Grid { rates: Rates::Absolute(vec![1.0]), momenta: vec![] });
        assert_eq!(Grid::read("default").expect("a grid"), Grid::default());
    }

    #[test]
    fn a_wrong_grid_is_named() {
        assert_eq!(refusal("fractoin = [0.1]"), "unknown key fractoin; did you mean \"fraction\"?");
        assert_eq!(refusal("fraction = [0.1]\nmomentun = [0.1]"), "unknown key momentun; did you mean \"momentum\"?");
        assert_eq!(refusal("fraction = [1.5]"), "fraction is [1.5]; it must be a list of numbers above 0 and below 1");
        assert_eq!(
            refusal("fraction = [0.5]\nmomentum = [1]"),
            "momentum is [1.0]; it must be a list of numbers of at least 0 and below 1"
        );
        assert!(refusal("").contains("must be given"));
        assert!(refusal("fraction = [0.5]\nlearning_rate = [0.5]").contains("both"));
        assert!(refusal("learning_rate = [-1]").contains("above 0"));
        assert!(Grid::read("/nowhere/grid.toml").is_err());
    }
}
