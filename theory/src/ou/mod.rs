//! The general Ornstein-Uhlenbeck process of appendix D.
#![doc = langevin_equation::equation!(r"dX_t = A (\mu - X_t)\, dt + \sqrt{2 \kappa^{-1} D}\; dW_t \qquad (18)")]
//! The drift A may be symmetric or not, defective or not, and D any positive semi-definite matrix (both n x n). The law
//! from a Gaussian start is Gaussian at all times, (30), with
#![doc = langevin_equation::equation!(
    r"\mathbb E X_t = \mu + e^{-A t} (m_0 - \mu), \qquad \operatorname{Var} X_t = \kappa^{-1} \int_0^t e^{-A s}\, 2 D\, e^{-A^\top s}\, ds + e^{-A t} C_0 e^{-A^\top t}."
)]
//! Where the eigenvalues of A have positive real parts (erratum E14) there is a [`StationaryLaw`].
//!
//! Up to dimension 64 everything is computed with 32 digits: rates that differ by ten orders of magnitude,
//! near-critical and near-unstable drifts keep their relative precision.

mod propagation;
mod relaxation;
mod stationary;
mod symmetric_drift;

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number, lift, lower};
use crate::linear_algebra::{require_finite, require_positive_semi_definite, require_shape, require_vector};
use crate::time::Time;
use propagation::Propagation;
pub use relaxation::Relaxation;
pub use stationary::StationaryLaw;
pub use symmetric_drift::symmetric_drift_decomposition;

/// Largest dimension at which 32 digits are carried.
const EXTENDED_DIMENSION: usize = 64;

/// An Ornstein-Uhlenbeck process: drift A (n x n), mean mu (n entries), diffusion D (n x n), inverse temperature kappa.
#[doc = equation!(r"dX_t = A (\mu - X_t)\, dt + \sqrt{2 \kappa^{-1} D}\; dW_t \qquad (18).")]
///
/// ```
/// use langevin_theory::Time;
/// use langevin_theory::ou::OrnsteinUhlenbeck;
/// use nalgebra::{DMatrix, dmatrix, dvector};
/// let drift = dmatrix![1.0, 2.0; -2.0, 1.0]; // it rotates
/// let process =
///     OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0)
///         .unwrap();
/// let law = process.stationary().unwrap();
/// assert!((law.covariance()[(0, 0)] - 1.0).abs() < 1e-15);
/// assert!((law.entropy_production().unwrap() - 8.0).abs() < 1e-14); // 2 b^2 / a
/// let time = Time::new(0.5).unwrap();
/// let spread = process.covariance(&DMatrix::zeros(2, 2), time).unwrap();
/// assert!((spread[(0, 0)] - (1.0 - (-1.0_f64).exp())).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct OrnsteinUhlenbeck {
    drift: DMatrix<f64>,
    mean: DVector<f64>,
    diffusion: DMatrix<f64>,
    kappa: f64,
}

impl OrnsteinUhlenbeck {
    /// The process with these coefficients: A and D n x n, mu n entries. The drift need not be stable; only stationary
    /// quantities ask for that.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`] for D,
    /// [`TheoryError::InvalidValue`] for a kappa that is not positive.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let error =
    ///     OrnsteinUhlenbeck::new(dmatrix![1.0], dvector![0.0, 0.0], &dmatrix![1.0], 1.0)
    ///         .unwrap_err();
    /// assert_eq!(error.to_string(), "mean has shape 2 x 1; it must be 1 x 1");
    /// ```
    pub fn new(drift: DMatrix<f64>, mean: DVector<f64>, diffusion: &DMatrix<f64>, kappa: f64) -> Result<Self> {
        let size = drift.nrows();
        if size == 0 {
            return Err(TheoryError::Shape { name: "drift", found: "0 x 0".into(), expected: "at least 1 x 1".into() });
        }
        require_shape("drift", &drift, size, size)?;
        require_finite("drift", &drift)?;
        require_vector("mean", &mean, size)?;
        require_shape("diffusion", diffusion, size, size)?;
        require_positive_semi_definite("diffusion", diffusion)?;
        if !(kappa.is_finite() && kappa > 0.0) {
            return Err(TheoryError::InvalidValue { name: "kappa", value: kappa, admissible: "finite and above 0" });
        }
        let diffusion = (diffusion + diffusion.transpose()) * 0.5;
        Ok(Self { drift, mean, diffusion, kappa })
    }

    /// The drift A, n x n, per unit of time.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// assert_eq!(process.drift(), &dmatrix![2.0]);
    /// ```
    pub fn drift(&self) -> &DMatrix<f64> {
        &self.drift
    }

    /// The point mu at which the drift vanishes, n entries.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// assert_eq!(process.equilibrium(), &dvector![1.0]);
    /// ```
    pub fn equilibrium(&self) -> &DVector<f64> {
        &self.mean
    }

    /// The diffusion D, n x n, symmetric.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// assert_eq!(process.diffusion(), &dmatrix![3.0]);
    /// ```
    pub fn diffusion(&self) -> &DMatrix<f64> {
        &self.diffusion
    }

    /// The inverse temperature kappa (erratum E29).
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// assert_eq!(process.kappa(), 4.0);
    /// ```
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// Number of coordinates n.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// assert_eq!(process.dimension(), 1);
    /// ```
    pub fn dimension(&self) -> usize {
        self.drift.nrows()
    }

    fn is_small(&self) -> bool {
        self.dimension() <= EXTENDED_DIMENSION
    }

    /// The propagator over a time, n x n,
    #[doc = equation!(r"e^{-A t}.")]
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Time, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{DMatrix, dmatrix, dvector};
    /// let drift = dmatrix![1.0, 1.0; 0.0, 1.0]; // defective
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0)
    ///         .unwrap();
    /// let propagator = process.propagator(Time::new(2.0).unwrap()).unwrap();
    /// assert!((propagator - dmatrix![1.0, -2.0; 0.0, 1.0] * (-2.0_f64).exp()).amax() < 1e-15);
    /// ```
    pub fn propagator(&self, time: Time) -> Result<DMatrix<f64>> {
        if self.is_small() {
            Ok(lower(&self.propagation::<Extended>(time)?.step))
        } else {
            Ok(self.propagation::<f64>(time)?.step)
        }
    }

    fn propagation<T: Number>(&self, time: Time) -> Result<Propagation<T>> {
        Propagation::over(&self.drift, &self.diffusion, time.value())
    }

    /// Mean at a time from an initial mean, n entries, (20), (30),
    #[doc = equation!(r"\mathbb E X_t = \mu + e^{-A t} (m_0 - \mu).")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Time, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let mean = process.mean(&dvector![5.0], Time::new(0.5).unwrap()).unwrap();
    /// assert!((mean[0] - (1.0 + 4.0 * (-1.0_f64).exp())).abs() < 1e-15);
    /// ```
    pub fn mean(&self, initial_mean: &DVector<f64>, time: Time) -> Result<DVector<f64>> {
        require_vector("initial_mean", initial_mean, self.dimension())?;
        let mean = if self.is_small() {
            self.mean_in::<Extended>(initial_mean, time)?
        } else {
            self.mean_in::<f64>(initial_mean, time)?
        };
        require_no_overflow(mean.iter(), "the mean")?;
        Ok(mean)
    }

    fn mean_in<T: Number>(&self, initial_mean: &DVector<f64>, time: Time) -> Result<DVector<f64>> {
        let step = self.propagation::<T>(time)?.step;
        let moved = step * self.deviation::<T>(initial_mean);
        Ok(DVector::from_fn(self.dimension(), |i, _| (T::from(self.mean[i]) + moved[i]).value()))
    }

    /// m - mu.
    fn deviation<T: Number>(&self, mean: &DVector<f64>) -> DVector<T> {
        DVector::from_fn(self.dimension(), |i, _| T::from(mean[i]) - T::from(self.mean[i]))
    }

    /// Covariance (n x n) at a time from an initial covariance, (24), (30),
    #[doc = equation!(
        r"\operatorname{Var} X_t = \kappa^{-1} \int_0^t e^{-A s}\, 2 D\, e^{-A^\top s}\, ds + e^{-A t} C_0 e^{-A^\top t}."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`],
    /// [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::{Time, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let covariance = process.covariance(&dmatrix![1.0], Time::new(0.5).unwrap()).unwrap();
    /// let decay = (-2.0_f64).exp();
    /// assert!((covariance[(0, 0)] - (3.0 / 8.0 * (1.0 - decay) + decay)).abs() < 1e-15);
    /// ```
    pub fn covariance(&self, initial_covariance: &DMatrix<f64>, time: Time) -> Result<DMatrix<f64>> {
        self.require_covariance(initial_covariance)?;
        let covariance = if self.is_small() {
            lower(&self.covariance_in::<Extended>(initial_covariance, time)?)
        } else {
            self.covariance_in::<f64>(initial_covariance, time)?
        };
        require_no_overflow(covariance.iter(), "the covariance")?;
        Ok(covariance)
    }

    fn require_covariance(&self, covariance: &DMatrix<f64>) -> Result<()> {
        let size = self.dimension();
        require_shape("initial_covariance", covariance, size, size)?;
        require_positive_semi_definite("initial_covariance", covariance)
    }

    fn covariance_in<T: Number>(&self, initial_covariance: &DMatrix<f64>, time: Time) -> Result<DMatrix<T>> {
        let Propagation { step, noise } = self.propagation::<T>(time)?;
        let kappa = T::from(self.kappa);
        Ok(noise.map(|entry| entry / kappa) + &step * lift::<T>(initial_covariance) * step.transpose())
    }

    /// Covariance between two times, n x n, row = first time, from an initial covariance at time 0, (25), (32) with
    /// erratum E05,
    #[doc = equation!(
        r"\operatorname{Cov}(X_t, X_s) = \begin{cases} e^{-A (t-s)} \operatorname{Var} X_s & t \ge s \\ \operatorname{Var} X_t\; e^{-A^\top (s-t)} & t < s. \end{cases}"
    )]
    ///
    /// # Errors
    /// As [`OrnsteinUhlenbeck::covariance`].
    ///
    /// ```
    /// # use langevin_theory::{Time, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{DMatrix, dmatrix, dvector};
    /// let drift = dmatrix![1.0, 2.0; -2.0, 1.0];
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0)
    ///         .unwrap();
    /// let (one, two) = (Time::new(1.0).unwrap(), Time::new(2.0).unwrap());
    /// let from = |t, s| process.cross_covariance(&DMatrix::zeros(2, 2), t, s).unwrap();
    /// assert_eq!(from(two, one), from(one, two).transpose());
    /// assert!(
    ///     (from(one, one) - process.covariance(&DMatrix::zeros(2, 2), one).unwrap()).amax()
    ///         < 1e-15
    /// );
    /// ```
    pub fn cross_covariance(
        &self,
        initial_covariance: &DMatrix<f64>,
        first: Time,
        second: Time,
    ) -> Result<DMatrix<f64>> {
        self.require_covariance(initial_covariance)?;
        let covariance = if self.is_small() {
            lower(&self.cross_covariance_in::<Extended>(initial_covariance, first, second)?)
        } else {
            self.cross_covariance_in::<f64>(initial_covariance, first, second)?
        };
        require_no_overflow(covariance.iter(), "the cross-covariance")?;
        Ok(covariance)
    }

    fn cross_covariance_in<T: Number>(
        &self,
        initial_covariance: &DMatrix<f64>,
        first: Time,
        second: Time,
    ) -> Result<DMatrix<T>> {
        let earlier = if first.value() < second.value() { first } else { second };
        let common = self.covariance_in::<T>(initial_covariance, earlier)?;
        let distance = Time::new((first.value() - second.value()).abs())?;
        let step = self.propagation::<T>(distance)?.step;
        Ok(if first.value() < second.value() { common * step.transpose() } else { step * common })
    }

    /// The stationary law, (31). Its existence is decided, not assumed: every eigenvalue of A must have a positive real
    /// part (erratum E14).
    ///
    /// # Errors
    /// [`TheoryError::NotHurwitz`] when deviations do not decay, [`TheoryError::Singular`] for a drift without inverse,
    /// [`TheoryError::Overflow`] for a covariance beyond the range of doubles.
    ///
    /// ```
    /// # use langevin_theory::{TheoryError, ou::OrnsteinUhlenbeck};
    /// # use nalgebra::{dmatrix, dvector};
    /// let process = |rate: f64| {
    ///     OrnsteinUhlenbeck::new(dmatrix![rate], dvector![0.0], &dmatrix![1.0], 1.0).unwrap()
    /// };
    /// assert_eq!(process(2.0).stationary().unwrap().covariance(), dmatrix![0.5]);
    /// assert!(matches!(process(-2.0).stationary(), Err(TheoryError::NotHurwitz { .. })));
    /// assert!(matches!(process(0.0).stationary(), Err(TheoryError::Singular { .. })));
    /// ```
    pub fn stationary(&self) -> Result<StationaryLaw> {
        let law = StationaryLaw::new(self)?;
        require_no_overflow(law.covariance().iter(), "the stationary covariance")?;
        Ok(law)
    }
}

fn require_no_overflow<'a>(mut entries: impl Iterator<Item = &'a f64>, what: &'static str) -> Result<()> {
    if entries.all(|entry| entry.is_finite()) { Ok(()) } else { Err(TheoryError::Overflow { what }) }
}
