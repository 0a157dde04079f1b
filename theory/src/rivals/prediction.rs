//! What a theory says about a problem, and the names of the reasons why it may say nothing.

use thiserror::Error;

use super::problem::RivalProblem;
use crate::discrete::ModeLaw;
use crate::error::Result;

/// A predicted quantity, or why there is none.
pub type Said<T> = std::result::Result<T, Silence>;

/// Why a theory says nothing about a quantity.
///
/// ```
/// use langevin_theory::rivals::Silence;
/// assert_eq!(Silence::NoVelocity.name(), "no-velocity");
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

/// Stationary moments as a theory has them: per direction with curvature (by descending curvature), summed over outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Second moment of the position about the ridge minimum, per direction.
    pub position_variance: Said<Vec<f64>>,
    /// Second moment of the velocity `v = (theta_k - theta_{k-1}) / eta`, per direction.
    pub velocity_variance: Said<Vec<f64>>,
    /// E|theta_k - theta_{k-1}|^2.
    pub speed: Said<f64>,
    /// E[h x^2] / 2 over all directions: the regularised loss above its minimum.
    pub potential_energy: Said<f64>,
    /// E[m v^2] / 2 over all directions, with m = eta (1 + beta) / 2.
    pub kinetic_energy: Said<f64>,
    /// E|theta_{k+n} - theta_k|^2 at the lags n of the problem.
    pub displacement: Said<Vec<f64>>,
}

impl Prediction {
    /// Nothing about anything.
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
