//! Relative errors of a theory, with the name of the reason where there is nothing to compare.

use langevin_theory::rivals::{Prediction, RivalProblem, Said, Silence};
use serde::Serialize;

/// A value, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Score<T> {
    /// The value.
    Value(T),
    /// None, and why.
    Silent {
        /// Name of the reason.
        silent: &'static str,
        /// In words.
        reason: String,
    },
}

impl<T> Score<T> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Silent { .. } => None,
        }
    }

    fn silent(silence: Silence) -> Self {
        Self::Silent { silent: silence.name(), reason: silence.to_string() }
    }

    fn no_reference() -> Self {
        Self::Silent { silent: "no-reference", reason: "nothing to compare with".into() }
    }
}

impl<T> From<Said<T>> for Score<T> {
    fn from(said: Said<T>) -> Self {
        match said {
            Ok(value) => Self::Value(value),
            Err(silence) => Self::silent(silence),
        }
    }
}

/// Errors over directions or lags.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The largest one, with its sign.
    pub largest: f64,
    /// Where: h of the direction, or the lag in steps.
    pub at: f64,
    /// Root mean square.
    pub rms: f64,
    /// How many were compared.
    pub compared: usize,
    /// All of them, in order.
    pub each: Vec<f64>,
}

/// Relative errors, predicted / reference - 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Over directions.
    pub var_theta: Score<Spread>,
    /// Over directions.
    pub var_v: Score<Spread>,
    /// E|theta_k - theta_{k-1}|^2.
    pub speed: Score<f64>,
    /// The regularised loss above its minimum.
    pub excess_loss: Score<f64>,
    /// E[m v^2] / 2.
    pub kinetic: Score<f64>,
    /// Over lags.
    pub displacement: Score<Spread>,
    /// Largest learning rate with a stationary state.
    pub learning_rate_limit: Score<f64>,
}

impl Scores {
    /// A prediction against a reference, on some of the directions.
    pub fn new(
        found: &Prediction,
        found_limit: Said<f64>,
        reference: &Prediction,
        reference_limit: Said<f64>,
        problem: &RivalProblem,
        directions: &[usize],
    ) -> Self {
        let lags: Vec<f64> = problem.lags().iter().map(|lag| lag.0 as f64).collect();
        let all: Vec<usize> = (0..lags.len()).collect();
        let over_directions = |found, reference| spread(found, reference, problem.curvatures(), directions);
        Self {
            var_theta: over_directions(&found.position_variance, &reference.position_variance),
            var_v: over_directions(&found.velocity_variance, &reference.velocity_variance),
            speed: number(found.speed, reference.speed),
            excess_loss: number(found.potential_energy, reference.potential_energy),
            kinetic: number(found.kinetic_energy, reference.kinetic_energy),
            displacement: spread(&found.displacement, &reference.displacement, &lags, &all),
            learning_rate_limit: number(found_limit, reference_limit),
        }
    }
}

/// Relative error; none against zero.
fn relative(found: f64, reference: f64) -> Option<f64> {
    let error = found / reference - 1.0;
    error.is_finite().then_some(error)
}

fn number(found: Said<f64>, reference: Said<f64>) -> Score<f64> {
    match (found, reference) {
        (Err(silence), _) => Score::silent(silence),
        (Ok(found), Ok(reference)) => relative(found, reference).map_or_else(Score::no_reference, Score::Value),
        (Ok(_), Err(_)) => Score::no_reference(),
    }
}

fn spread(found: &Said<Vec<f64>>, reference: &Said<Vec<f64>>, places: &[f64], chosen: &[usize]) -> Score<Spread> {
    let (found, reference) = match (found, reference) {
        (Err(silence), _) => return Score::silent(*silence),
        (Ok(_), Err(_)) => return Score::no_reference(),
        (Ok(found), Ok(reference)) => (found, reference),
    };
    let errors: Vec<(f64, f64)> = chosen
        .iter()
        .filter_map(|&index| Some((*places.get(index)?, relative(*found.get(index)?, *reference.get(index)?)?)))
        .collect();
    let Some(&(at, largest)) = errors.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) else {
        return Score::no_reference();
    };
    let mean_square = errors.iter().map(|(_, error)| error * error).sum::<f64>() / errors.len() as f64;
    Score::Value(Spread {
        largest,
        at,
        rms: mean_square.sqrt(),
        compared: errors.len(),
        each: errors.into_iter().map(|(_, error)| error).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_and_the_largest_has_its_place() {
        let found = Ok(vec![1.1, 1.0, 3.0]);
        let reference = Ok(vec![1.0, 2.0, 0.0]);
        let Score::Value(spread) = spread(&found, &reference, &[5.0, 4.0, 3.0], &[0, 1, 2]) else {
            panic!("two directions are compared")
        };
        assert_eq!((spread.largest, spread.at, spread.compared), (-0.5, 4.0, 2));
        assert!((spread.rms - 0.13_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn silence_has_a_name() {
        let score = number(Err(Silence::NoVelocity), Ok(1.0));
        let text = serde_json::to_string(&score).expect("a score is JSON");
        assert!(text.starts_with("{\"silent\":\"no-velocity\""), "{text}");
        assert_eq!(serde_json::to_string(&number(Ok(3.0), Ok(2.0))).expect("a score is JSON"), "0.5");
        assert_eq!(number(Ok(3.0), Ok(0.0)).value(), None);
    }
}
