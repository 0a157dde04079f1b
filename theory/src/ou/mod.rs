//! The general Ornstein-Uhlenbeck process of appendix D,
//!
//! ```text
//! dX = A (mu - X) dt + sqrt(2 D / kappa) dW,
//! ```
//!
//! for any drift A, symmetric or not, defective or not, and any positive semi-definite D. Its law from a Gaussian start is
//! Gaussian at all times, (30): mean `mu + e^{-At} (m_0 - mu)`, covariance
//! `kappa^{-1} int_0^t e^{-As} 2D e^{-A^T s} ds + e^{-At} C_0 e^{-A^T t}`. Where the eigenvalues of A have positive real parts
//! (erratum E14) there is a [`StationaryLaw`].
//!
//! Up to dimension 64 everything is computed with 32 digits: rates that differ by ten orders of magnitude, near-critical and
//! near-unstable drifts keep their relative precision.

mod propagation;
mod relaxation;
mod stationary;
mod symmetric_drift;

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

/// An Ornstein-Uhlenbeck process: drift A (n x n), mean mu, diffusion D (n x n), inverse temperature kappa.
///
/// ```
/// use langevin_theory::Time;
/// use langevin_theory::ou::OrnsteinUhlenbeck;
/// use nalgebra::{dmatrix, dvector};
/// // a drift that rotates: A = [[1, 2], [-2, 1]], D = I
/// let process =
///     OrnsteinUhlenbeck::new(dmatrix![1.0, 2.0; -2.0, 1.0], dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0).unwrap();
/// let law = process.stationary().unwrap();
/// assert!((law.covariance()[(0, 0)] - 1.0).abs() < 1e-15);
/// assert!((law.entropy_production().unwrap() - 8.0).abs() < 1e-14); // 2 b^2 / a
/// let time = Time::new(0.5).unwrap();
/// let spread = process.covariance(&DMatrix::zeros(2, 2), time).unwrap();
/// assert!((spread[(0, 0)] - (1.0 - (-1.0_f64).exp())).abs() < 1e-15);
/// # use nalgebra::DMatrix;
/// ```
#[derive(Clone, Debug)]
pub struct OrnsteinUhlenbeck {
    drift: DMatrix<f64>,
    mean: DVector<f64>,
    diffusion: DMatrix<f64>,
    kappa: f64,
}

impl OrnsteinUhlenbeck {
    /// The process with these coefficients. The drift need not be stable; only stationary quantities ask for that.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`] for D,
    /// [`TheoryError::InvalidValue`] for a kappa that is not positive.
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

    /// A.
    pub fn drift(&self) -> &DMatrix<f64> {
        &self.drift
    }

    /// mu.
    pub fn equilibrium(&self) -> &DVector<f64> {
        &self.mean
    }

    /// D.
    pub fn diffusion(&self) -> &DMatrix<f64> {
        &self.diffusion
    }

    /// kappa.
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// n.
    pub fn dimension(&self) -> usize {
        self.drift.nrows()
    }

    fn is_small(&self) -> bool {
        self.dimension() <= EXTENDED_DIMENSION
    }

    /// e^{-At}, n x n.
    ///
    /// # Errors
    /// [`TheoryError::Overflow`].
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

    /// Mean at a time from an initial mean, (30).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::Overflow`].
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

    /// Covariance (n x n) at a time from an initial covariance, (30).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`],
    /// [`TheoryError::Overflow`].
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

    /// Cov(X_t, X_s), n x n, row = first time, from an initial covariance at time 0: e^{-A(t-s)} Cov(X_s) for t >= s and
    /// Cov(X_t) e^{-A^T(s-t)} otherwise (25), (32) with erratum E05.
    ///
    /// # Errors
    /// As [`OrnsteinUhlenbeck::covariance`].
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

    /// The stationary law, (31). Its existence is decided, not assumed.
    ///
    /// # Errors
    /// [`TheoryError::NotHurwitz`] when deviations do not decay, [`TheoryError::Singular`] for a drift without inverse.
    pub fn stationary(&self) -> Result<StationaryLaw> {
        StationaryLaw::new(self)
    }
}

fn require_no_overflow<'a>(mut entries: impl Iterator<Item = &'a f64>, what: &'static str) -> Result<()> {
    if entries.all(|entry| entry.is_finite()) { Ok(()) } else { Err(TheoryError::Overflow { what }) }
}
