//! The hyperparameters of equation (2), validated once, and the way batches are drawn (Assumption 1, errata E25, E36).

use langevin_equation::equation;

use crate::error::{Result, TheoryError};

/// Learning rate eta, momentum beta, weight decay lambda, batch size S of the recursion (2).
#[doc = equation!(
    r"v_{k+1} = \beta v_k - g_{\mathcal B}(\theta_k) - \lambda \theta_k, \qquad \theta_{k+1} = \theta_k + \eta v_{k+1}."
)]
/// A value that exists is valid.
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
    ///
    /// ```
    /// use langevin_theory::Hyperparameters;
    /// assert!(Hyperparameters::new(0.1, 0.0, 0.0, 1).is_ok()); // plain SGD
    /// let error = Hyperparameters::new(0.1, 0.9, 0.0, 0).unwrap_err();
    /// assert_eq!(error.to_string(), "batch_size is 0; it must be at least 1");
    /// ```
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
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// let sgd =
    ///     Hyperparameters::new(0.1, 0.9, 0.01, 32).unwrap().with_learning_rate(0.2).unwrap();
    /// assert_eq!((sgd.learning_rate(), sgd.momentum()), (0.2, 0.9));
    /// ```
    pub fn with_learning_rate(&self, learning_rate: f64) -> Result<Self> {
        Self::new(learning_rate, self.momentum, self.weight_decay, self.batch_size)
    }

    /// Learning rate eta: time per step.
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.1, 0.9, 0.01, 32).unwrap().learning_rate(), 0.1);
    /// ```
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// Momentum beta, without unit.
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.1, 0.9, 0.01, 32).unwrap().momentum(), 0.9);
    /// ```
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// Weight decay lambda, in units of curvature: it adds to every eigenvalue of the Hessian.
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.1, 0.9, 0.01, 32).unwrap().weight_decay(), 0.01);
    /// ```
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// Batch size S, in samples.
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.1, 0.9, 0.01, 32).unwrap().batch_size(), 32);
    /// ```
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The inverse temperature that follows equation (6),
    #[doc = equation!(r"\kappa = S\,(1-\beta^2).")]
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.1, 0.5, 0.0, 4).unwrap().kappa(), 3.0);
    /// ```
    pub fn kappa(&self) -> f64 {
        self.batch_size as f64 * (1.0 - self.momentum) * (1.0 + self.momentum)
    }

    /// The mass of a parameter in the Langevin equation (section 3), in units of time,
    #[doc = equation!(r"m = \frac{\eta}{2}(1+\beta).")]
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// assert_eq!(Hyperparameters::new(0.5, 0.5, 0.0, 4).unwrap().mass(), 0.375);
    /// ```
    pub fn mass(&self) -> f64 {
        0.5 * self.learning_rate * (1.0 + self.momentum)
    }

    /// The stability edge of the mean (errata section 5, item 1): it converges when
    #[doc = equation!(r"0 < \eta h < 2(1+\beta).")]
    ///
    /// ```
    /// # use langevin_theory::Hyperparameters;
    /// # use langevin_theory::discrete::ModeMap;
    /// let limit = Hyperparameters::new(0.5, 0.5, 0.0, 4).unwrap().rate_times_curvature_limit();
    /// assert_eq!(limit, 3.0);
    /// assert!(
    ///     ModeMap::new(0.5, 0.5, 5.9).is_stable() && !ModeMap::new(0.5, 0.5, 6.1).is_stable()
    /// );
    /// ```
    pub fn rate_times_curvature_limit(&self) -> f64 {
        2.0 * (1.0 + self.momentum)
    }
}

/// How the batch of a step is drawn.
///
/// ```
/// use langevin_theory::Sampling;
/// assert_eq!("reshuffle".parse(), Ok(Sampling::Reshuffle));
/// ```
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
    ///
    /// ```
    /// # use langevin_theory::Sampling;
    /// assert_eq!(Sampling::WithReplacement.name(), "with-replacement");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::WithReplacement => "with-replacement",
            Self::WithoutReplacement => "without-replacement",
            Self::Reshuffle => "reshuffle",
        }
    }

    /// By how much the covariance of one sample's gradient is multiplied to give that of a batch mean (erratum E25),
    #[doc = equation!(
        r"\varphi = \begin{cases} 1/S & \text{with replacement} \\ \dfrac{N-S}{S(N-1)} & \text{without, or one batch of a reshuffled epoch.} \end{cases}"
    )]
    /// It has no unit; N is `samples`, S is `batch_size`.
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
