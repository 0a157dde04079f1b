//! The hyperparameters of equation (2), validated once, and the way batches are drawn (Assumption 1, errata E25, E36).

use crate::error::{Result, TheoryError};

/// Learning rate eta, momentum beta, weight decay lambda, batch size S. A value that exists is valid.
///
/// ```
/// use langevin_theory::Hyperparameters;
/// let sgd = Hyperparameters::new(0.3, 0.9, 0.01, 32).unwrap();
/// assert!((sgd.kappa() - 32.0 * 0.19).abs() < 1e-12);
/// let error = Hyperparameters::new(0.3, 1.0, 0.0, 32).unwrap_err();
/// assert_eq!(error.to_string(), "momentum is 1; it must be at least 0 and below 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyperparameters {
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    batch_size: usize,
}

impl Hyperparameters {
    /// Validates and keeps the four numbers.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] unless eta > 0, 0 <= beta < 1, lambda >= 0 (all finite) and S >= 1.
    pub fn new(learning_rate: f64, momentum: f64, weight_decay: f64, batch_size: usize) -> Result<Self> {
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(TheoryError::InvalidValue {
                name: "learning_rate",
                value: learning_rate,
                admissible: "finite and above 0",
            });
        }
        if !(0.0..1.0).contains(&momentum) {
            return Err(TheoryError::InvalidValue {
                name: "momentum",
                value: momentum,
                admissible: "at least 0 and below 1",
            });
        }
        if !(weight_decay.is_finite() && weight_decay >= 0.0) {
            return Err(TheoryError::InvalidValue {
                name: "weight_decay",
                value: weight_decay,
                admissible: "finite and at least 0",
            });
        }
        if batch_size == 0 {
            return Err(TheoryError::InvalidValue { name: "batch_size", value: 0.0, admissible: "at least 1" });
        }
        Ok(Self { learning_rate, momentum, weight_decay, batch_size })
    }

    /// The same hyperparameters with another learning rate.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] unless the rate is finite and above 0.
    pub fn with_learning_rate(&self, learning_rate: f64) -> Result<Self> {
        Self::new(learning_rate, self.momentum, self.weight_decay, self.batch_size)
    }

    /// eta.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// beta.
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// lambda.
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// S.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// kappa = S (1 - beta^2), after equation (6).
    pub fn kappa(&self) -> f64 {
        self.batch_size as f64 * (1.0 - self.momentum) * (1.0 + self.momentum)
    }

    /// The mass eta (1 + beta) / 2 of the Langevin equation (section 3).
    pub fn mass(&self) -> f64 {
        0.5 * self.learning_rate * (1.0 + self.momentum)
    }

    /// Largest stable eta h of the mean, 2 (1 + beta) (errata section 5, item 1).
    pub fn rate_times_curvature_limit(&self) -> f64 {
        2.0 * (1.0 + self.momentum)
    }
}

/// How the batch of a step is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// S independent uniform draws each step.
    WithReplacement,
    /// A uniform subset of size S, independent between steps.
    WithoutReplacement,
    /// A fresh permutation each epoch, cut into N/S batches: successive batches are anticorrelated.
    Reshuffle,
}

impl Sampling {
    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::WithReplacement => "with-replacement",
            Self::WithoutReplacement => "without-replacement",
            Self::Reshuffle => "reshuffle",
        }
    }

    /// phi, by which the per-sample covariance is multiplied to give that of one batch mean: 1/S with replacement,
    /// (N-S)/(S(N-1)) without (erratum E25; the latter also holds for a single batch of a reshuffled epoch).
    ///
    /// # Errors
    /// [`TheoryError::BatchSize`] when the batch cannot be drawn from N samples.
    ///
    /// ```
    /// use langevin_theory::Sampling;
    /// assert_eq!(Sampling::WithReplacement.noise_factor(6, 3).unwrap(), 1.0 / 3.0);
    /// assert_eq!(Sampling::WithoutReplacement.noise_factor(6, 3).unwrap(), 0.2);
    /// assert_eq!(Sampling::WithoutReplacement.noise_factor(1, 1).unwrap(), 0.0);
    /// ```
    pub fn noise_factor(self, samples: usize, batch_size: usize) -> Result<f64> {
        let refuse =
            |admissible| Err(TheoryError::BatchSize { batch_size, samples, sampling: self.name(), admissible });
        if batch_size == 0 || samples == 0 {
            return refuse("at least one sample and a batch of at least 1");
        }
        let (n, s) = (samples as f64, batch_size as f64);
        match self {
            Self::WithReplacement => Ok(1.0 / s),
            Self::WithoutReplacement | Self::Reshuffle if batch_size > samples => {
                refuse("a batch no larger than the data")
            }
            Self::Reshuffle if !samples.is_multiple_of(batch_size) => {
                refuse("a batch size that divides the number of samples")
            }
            Self::WithoutReplacement | Self::Reshuffle if samples == batch_size => Ok(0.0),
            Self::WithoutReplacement | Self::Reshuffle => Ok((n - s) / (s * (n - 1.0))),
        }
    }
}

impl std::str::FromStr for Sampling {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::WithReplacement, Self::WithoutReplacement, Self::Reshuffle]
            .into_iter()
            .find(|scheme| scheme.name() == text)
            .ok_or_else(|| {
                format!("sampling is \"{text}\"; it must be with-replacement, without-replacement or reshuffle")
            })
    }
}
