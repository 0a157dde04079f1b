//! The exact law of reshuffled epochs in the form of the rivals: [`ReshuffledLaw`], which enumerates all orders of small data,
//! averaged over the places in an epoch.

use super::prediction::{Prediction, Said, Silence, potential_energy, said};
use super::{Rival, RivalProblem};
use crate::error::{Result, TheoryError};
use crate::reshuffle::ReshuffledLaw;

/// The exact second moments with a fresh permutation every epoch, where there are few enough of them.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, ExactReshuffled, Kuhn, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0; 1.0; -1.0], dmatrix![1.0; 1.0; 0.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.2, 0.5, 0.0, 1).unwrap();
/// let problem = RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap();
/// let variance = |theory: &dyn Rival| theory.predict(&problem).unwrap().position_variance.unwrap()[0];
/// // all batches have the same curvature: anticorrelated noise is all there is to an epoch
/// assert!((variance(&Kuhn) / variance(&ExactReshuffled) - 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ExactReshuffled;

fn law(problem: &RivalProblem) -> Result<ReshuffledLaw> {
    ReshuffledLaw::new(problem.data(), problem.hyperparameters())
}

fn moments(problem: &RivalProblem) -> Result<Prediction> {
    let law = law(problem)?;
    let dimension = problem.data().dimension();
    let rank = problem.curvatures().len();
    let directions = problem.quadratic().eigenvectors();
    let mut position = vec![0.0; rank];
    let mut velocity = vec![0.0; rank];
    for output in 0..problem.data().outputs() {
        let places = law.stationary(output)?;
        let weight = 1.0 / places.len() as f64;
        for place in &places {
            for (first, sums) in [(0, &mut position), (dimension, &mut velocity)] {
                let block = place.second_moment.view((first, first), (dimension, dimension));
                for (i, sum) in sums.iter_mut().enumerate() {
                    let direction = directions.column(i);
                    *sum += weight * direction.dot(&(block * direction));
                }
            }
        }
    }
    let eta = problem.hyperparameters().learning_rate();
    let total: f64 = velocity.iter().sum();
    Ok(Prediction {
        speed: Ok(eta * eta * total),
        kinetic_energy: Ok(0.5 * problem.hyperparameters().mass() * total),
        potential_energy: Ok(potential_energy(problem, &position)),
        position_variance: Ok(position),
        velocity_variance: Ok(velocity),
        displacement: Err(Silence::NotAddressed),
    }
    .finite())
}

impl Rival for ExactReshuffled {
    fn id(&self) -> &'static str {
        "exact-reshuffled"
    }

    fn name(&self) -> &'static str {
        "exact law of reshuffled SGD, all orders enumerated"
    }

    fn citation(&self) -> &'static str {
        "langevin_theory::reshuffle (errata section 5, item 9)."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["reshuffled epochs", "averaged over the places in an epoch"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        Ok(said(moments(problem))?.unwrap_or_else(Prediction::silent))
    }

    /// By halving an interval in which the second moments of an epoch cease to be stable.
    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        said(limit(problem))
    }
}

fn limit(problem: &RivalProblem) -> Result<f64> {
    // 2^-34 of the limit
    const HALVINGS: usize = 34;
    const WHAT: &str = "no learning rate between 2^-20 and 4 times the limit of the mean divides stable from unstable";
    let momentum = problem.hyperparameters().momentum();
    let stable = |rate: f64| -> Result<bool> {
        match law(&problem.with_rates(rate, momentum)?)?.spectral_radius() {
            Ok(radius) => Ok(radius < 1.0),
            Err(TheoryError::Overflow { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    let mut high = problem.classical_limit()?;
    for _ in 0..2 {
        if stable(high)? {
            high *= 2.0;
        }
    }
    let mut low = high;
    for _ in 0..22 {
        low *= 0.5;
        if stable(low)? {
            break;
        }
        high = low;
    }
    if !stable(low)? || stable(high)? {
        return Err(TheoryError::Infinite { what: WHAT });
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if stable(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(0.5 * (low + high))
}
