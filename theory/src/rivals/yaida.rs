//! Yaida 2018: fluctuation-dissipation relations, exact for every stationary state at any learning rate when the noise
//! of a step has mean zero given the past. They relate observables and give no absolute value. The first of them, with
//! momentum ((FDR1') in the paper; without dampening), and what it is on a quadratic in every eigendirection:
#![doc = langevin_equation::equation!(r"\langle \theta \cdot \nabla L \rangle = \tfrac{\eta}{2} (1+\beta)\, \langle v \cdot v \rangle, \qquad h_i P_i = m V_i, \qquad m = \tfrac{\eta}{2} (1+\beta)")]
//!
//! The latter is the identity behind erratum E27. Without momentum the second relation adds nothing on a quadratic,
//! being the same identity weighted with h. The quantity taken as given is the velocity variance of every direction,
//! measured or exact, see [`RivalProblem::with_velocity_variances`]. Predicted from it are the position variances and
//! the loss.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, potential_energy};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// Position variances from velocity variances: the first fluctuation-dissipation relation with momentum (Yaida 2018,
/// (FDR1') there, without dampening), and what it is on a quadratic in every eigendirection,
#[doc = equation!(r"\langle \theta \cdot \nabla L \rangle = \tfrac{\eta}{2} (1+\beta)\, \langle v \cdot v \rangle, \qquad P_i = \frac{m V_i}{h_i}, \qquad m = \tfrac{\eta}{2} (1+\beta)")]
/// It is exact for every stationary state at any learning rate when the noise of a step has mean zero given the past
/// (erratum E27), and says nothing without the velocity variances: see [`RivalProblem::with_velocity_variances`].
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Rival, RivalProblem, Silence, Yaida};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap(); // h = 1
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
/// assert_eq!(Yaida.predict(&problem).unwrap().position_variance, Err(Silence::NeedsMeasurement));
/// let measured = problem.with_velocity_variances(vec![8.0]).unwrap();
/// assert_eq!(Yaida.predict(&measured).unwrap().position_variance.unwrap(), [2.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Yaida;

impl Rival for Yaida {
    fn id(&self) -> &'static str {
        "yaida"
    }

    fn name(&self) -> &'static str {
        "fluctuation-dissipation, from the velocity variances (Yaida)"
    }

    fn citation(&self) -> &'static str {
        "S. Yaida. Fluctuation-dissipation relations for stochastic gradient descent. International Conference on Learning \
         Representations, 2019. arXiv:1810.00004, 2018."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["stationary state", "noise of a step with mean zero given the past", "velocity variances known"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let Some(velocities) = problem.velocity_variances() else {
            return Ok(Prediction::silent(Silence::NeedsMeasurement));
        };
        let mass = problem.hyperparameters().mass();
        let position: Vec<f64> =
            problem.curvatures().iter().zip(velocities).map(|(h, velocity)| mass * velocity / h).collect();
        Ok(Prediction {
            potential_energy: Ok(potential_energy(problem, &position)),
            position_variance: Ok(position),
            displacement: Err(Silence::NotAddressed),
            ..Prediction::silent(Silence::TakenAsGiven)
        }
        .finite())
    }

    fn learning_rate_limit(&self, _: &RivalProblem) -> Result<Said<f64>> {
        Ok(Err(Silence::NotAddressed))
    }
}
