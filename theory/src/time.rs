//! Steps and time. The SDE runs in time `t = eta k` after `k` steps; erratum E01 is a confusion of the two, so they are
//! different types here and only [`Steps::time`] leads from one to the other.

use crate::error::{Result, TheoryError};
use crate::hyperparameters::Hyperparameters;

/// A number of SGD steps (k).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steps(pub u64);

impl Steps {
    /// The SDE time of this many steps, `t = eta k`.
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
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Time(f64);

impl Time {
    /// A finite, non-negative time.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for a negative time, NaN or infinity.
    pub fn new(value: f64) -> Result<Self> {
        if value.is_finite() && value >= 0.0 {
            Ok(Self(value))
        } else {
            Err(TheoryError::InvalidValue { name: "time", value, admissible: "finite and at least 0" })
        }
    }

    /// The time that equation (17) uses *as printed*: the number of steps taken for a time (erratum E01).
    ///
    /// It exists only so that the printed formula can be shown to be refuted.
    pub fn misread_steps(steps: Steps) -> Self {
        Self(steps.0 as f64)
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}
