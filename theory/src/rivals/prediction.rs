//! What a theory says about a problem, and the names of the reasons why it may say nothing.

use langevin_equation::equation;
use thiserror::Error;

use super::problem::RivalProblem;
use crate::discrete::ModeLaw;
use crate::error::Result;

/// A predicted quantity, or why there is none.
///
/// ```
/// use langevin_theory::rivals::{Said, Silence};
/// let numbers: [Said<f64>; 2] = [Ok(1.5), Err(Silence::NoVelocity)];
/// assert_eq!(numbers.iter().flatten().sum::<f64>(), 1.5); // what was said
/// ```
pub type Said<T> = std::result::Result<T, Silence>;

/// Why a theory says nothing about a quantity.
///
/// ```
/// use langevin_theory::rivals::Silence;
/// assert_eq!(Silence::NoVelocity.to_string(), "a first-order process: its paths have no velocity");
/// assert_eq!(Silence::Undefined("unstable").name(), "unstable");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Silence {
    /// The process is of first order in time.
    #[error("a first-order process: its paths have no velocity")]
    NoVelocity,
    /// The process has a stationary state at every learning rate.
    #[error("the process in continuous time is stable at every learning rate")]
    NoStabilityLimit,
    /// The theory is about a moment at one time.
    #[error("the reading fixes moments at one time only")]
    OneTimeOnly,
    /// The theory relates two quantities and takes this one as given.
    #[error("the relation takes this quantity as given")]
    TakenAsGiven,
    /// The theory relates two quantities, and the one that it takes as given is not known.
    #[error("the relation needs the velocity variances, which are not given")]
    NeedsMeasurement,
    /// The moments are those of a simulation that does not have this quantity.
    #[error("not measured: not every direction forgets the start within the run, or the quantity is not kept")]
    NotMeasured,
    /// The theory does not address this quantity.
    #[error("the theory does not address this quantity")]
    NotAddressed,
    /// The theory is about successive batches of one permutation.
    #[error("a theory of reshuffled epochs: successive batches are independent here, or one batch is an epoch")]
    OnlyReshuffledEpochs,
    /// The theory has no such quantity at these settings; the name is that of
    /// [`TheoryError::undefined_reason`](crate::TheoryError::undefined_reason).
    #[error("the theory has no such value at these settings ({0})")]
    Undefined(&'static str),
}

impl Silence {
    /// The name used in files.
    ///
    /// ```
    /// use langevin_theory::rivals::Silence;
    /// assert_eq!(Silence::NoVelocity.name(), "no-velocity");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::NoVelocity => "no-velocity",
            Self::NoStabilityLimit => "no-stability-limit",
            Self::OneTimeOnly => "one-time-only",
            Self::TakenAsGiven => "taken-as-given",
            Self::NeedsMeasurement => "needs-measurement",
            Self::NotMeasured => "not-measured",
            Self::NotAddressed => "not-addressed",
            Self::OnlyReshuffledEpochs => "only-reshuffled-epochs",
            Self::Undefined(reason) => reason,
        }
    }
}

/// Stationary moments as a theory has them: per direction with curvature (by descending curvature), summed over
/// outputs. Positions are about the ridge minimum, velocities per step.
///
/// ```
/// # use langevin_theory::rivals::{BatchNoise, RivalProblem};
/// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
/// # use nalgebra::dmatrix;
/// # let data = LeastSquares::new(dmatrix![1.0; 2.0], dmatrix![1.0; 1.0]).unwrap();
/// # let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 1).unwrap();
/// # let (sampling, noise) = (Sampling::WithReplacement, BatchNoise::Minibatch);
/// # let problem = RivalProblem::new(&data, &sgd, sampling, noise, vec![Steps(1)]).unwrap();
/// # use langevin_theory::rivals::{ExactMinibatch, Rival};
/// let prediction = ExactMinibatch.predict(&problem).unwrap();
/// let (position, velocity) = (prediction.position_variance.unwrap()[0], prediction.velocity_variance.unwrap()[0]);
/// assert!((prediction.speed.unwrap() - 0.1 * 0.1 * velocity).abs() < 1e-16);
/// assert!((prediction.potential_energy.unwrap() - 0.5 * 2.5 * position).abs() < 1e-16);
/// assert!((prediction.kinetic_energy.unwrap() - prediction.potential_energy.unwrap()).abs() < 1e-16);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// P_i: second moment of the position about the ridge minimum, per direction.
    pub position_variance: Said<Vec<f64>>,
    /// V_i: second moment of the velocity `v = (theta_k - theta_{k-1}) / eta`, per direction.
    pub velocity_variance: Said<Vec<f64>>,
    /// The mean squared step, summed over directions (16),
    #[doc = equation!(r"\mathbb{E}\,|\theta_k - \theta_{k-1}|^2 = \eta^2 \sum_i V_i")]
    pub speed: Said<f64>,
    /// The regularised loss above its minimum (G.3),
    #[doc = equation!(r"\tfrac12 \sum_i h_i P_i")]
    pub potential_energy: Said<f64>,
    /// The kinetic energy (G.3),
    #[doc = equation!(r"\tfrac{m}{2} \sum_i V_i, \qquad m = \tfrac{\eta}{2} (1+\beta)")]
    pub kinetic_energy: Said<f64>,
    /// The mean squared displacement at the lags n of the problem (17), summed over directions,
    #[doc = equation!(r"\mathbb{E}\,|\theta_{k+n} - \theta_k|^2")]
    pub displacement: Said<Vec<f64>>,
}

impl Prediction {
    /// Nothing about anything, for one reason.
    ///
    /// ```
    /// use langevin_theory::rivals::{Prediction, Silence};
    /// assert_eq!(Prediction::silent(Silence::NotAddressed).speed, Err(Silence::NotAddressed));
    /// ```
    pub fn silent(silence: Silence) -> Self {
        Self {
            position_variance: Err(silence),
            velocity_variance: Err(silence),
            speed: Err(silence),
            potential_energy: Err(silence),
            kinetic_energy: Err(silence),
            displacement: Err(silence),
        }
    }

    /// The moments of the discrete recursion with one law per direction.
    pub(crate) fn of_discrete_laws(problem: &RivalProblem, laws: &[ModeLaw]) -> Result<Self> {
        let each = |one: &dyn Fn(&ModeLaw) -> Result<f64>| laws.iter().map(one).collect::<Result<Vec<f64>>>();
        let total = |one: &dyn Fn(&ModeLaw) -> Result<f64>| laws.iter().map(one).sum::<Result<f64>>();
        let displacement = || problem.lags().iter().map(|&lag| total(&|law| law.displacement(lag))).collect();
        Ok(Self {
            position_variance: said(each(&ModeLaw::position_variance))?,
            velocity_variance: said(each(&ModeLaw::velocity_variance))?,
            speed: said(total(&ModeLaw::speed))?,
            potential_energy: said(total(&ModeLaw::potential_energy))?,
            kinetic_energy: said(total(&ModeLaw::kinetic_energy))?,
            displacement: said(displacement())?,
        })
    }

    /// A prediction in which a value that is not a number, or too large for one, is a named gap.
    #[must_use]
    pub(crate) fn finite(self) -> Self {
        const OVERFLOW: Silence = Silence::Undefined("overflow");
        let number = |said: Said<f64>| said.and_then(|value| if value.is_finite() { Ok(value) } else { Err(OVERFLOW) });
        let list = |said: Said<Vec<f64>>| {
            said.and_then(|all| if all.iter().all(|value| value.is_finite()) { Ok(all) } else { Err(OVERFLOW) })
        };
        Self {
            position_variance: list(self.position_variance),
            velocity_variance: list(self.velocity_variance),
            speed: number(self.speed),
            potential_energy: number(self.potential_energy),
            kinetic_energy: number(self.kinetic_energy),
            displacement: list(self.displacement),
        }
    }
}

/// A quantity that does not exist is a named gap of the prediction; an invalid input stays an error.
pub(crate) fn said<T>(result: Result<T>) -> Result<Said<T>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => error.undefined_reason().map(Silence::Undefined).map(Err).ok_or(error),
    }
}

/// Half the sum of curvature times position variance.
pub(crate) fn potential_energy(problem: &RivalProblem, position: &[f64]) -> f64 {
    problem.curvatures().iter().zip(position).map(|(h, variance)| 0.5 * h * variance).sum()
}
