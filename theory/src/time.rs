//! Steps and time.
//!
//! After k steps the SDE has run for the time
#![doc = langevin_equation::equation!(r"t = \eta k.")]
//! Erratum E01 is a confusion of the two, so they are different types here and only [`Steps::time`] leads from one to
//! the other.

use langevin_equation::equation;

use crate::error::{Result, TheoryError};
use crate::hyperparameters::Hyperparameters;

/// A number of SGD steps (k).
///
/// ```
/// use langevin_theory::Steps;
/// assert!(Steps(2) < Steps(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steps(pub u64);

impl Steps {
    /// The SDE time of this many steps,
    #[doc = equation!(r"t = \eta k.")]
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, Steps};
    /// let sgd = Hyperparameters::new(0.01, 0.9, 0.0, 32).unwrap();
    /// assert_eq!(Steps(300).time(&sgd).value(), 3.0);
    /// ```
    pub fn time(self, sgd: &Hyperparameters) -> Time {
        // a time is finite, also where the product is not
        Time((sgd.learning_rate() * self.0 as f64).min(f64::MAX))
    }
}

/// A time of the SDE (t), in units in which one step takes eta.
///
/// ```
/// use langevin_theory::{Hyperparameters, Steps, Time};
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
/// assert_eq!(Time::new(2.0).unwrap(), Steps(4).time(&sgd));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Time(f64);

impl Time {
    /// A finite, non-negative time.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative time, NaN or infinity.
    ///
    /// ```
    /// use langevin_theory::Time;
    /// assert_eq!(
    ///     Time::new(-1.0).unwrap_err().to_string(),
    ///     "time is -1; it must be finite and at least 0"
    /// );
    /// ```
    pub fn new(value: f64) -> Result<Self> {
        if value.is_finite() && value >= 0.0 {
            Ok(Self(value))
        } else {
            Err(TheoryError::InvalidValue { name: "time", value, admissible: "finite and at least 0" })
        }
    }

    /// The time that equation (17) uses *as printed*: the number of steps taken for a time (erratum E01),
    #[doc = equation!(r"t = k.")]
    /// It exists only so that the printed formula can be shown to be refuted.
    ///
    /// ```
    /// use langevin_theory::{Hyperparameters, Steps, Time};
    /// let sgd = Hyperparameters::new(0.01, 0.9, 0.0, 32).unwrap();
    /// // 1 / eta too large
    /// assert_eq!(
    ///     Time::misread_steps(Steps(300)).value() / Steps(300).time(&sgd).value(),
    ///     100.0
    /// );
    /// ```
    pub fn misread_steps(steps: Steps) -> Self {
        Self(steps.0 as f64)
    }

    /// The number, in units of time (eta per step).
    ///
    /// ```
    /// assert_eq!(langevin_theory::Time::new(0.25).unwrap().value(), 0.25);
    /// ```
    pub fn value(self) -> f64 {
        self.0
    }
}
