//! The stationary law of an Ornstein-Uhlenbeck process and its decomposition (appendix D, in general form: errata E12,
//! E14, E15): `A B + B A^T = 2D`, `Q = A B - D`, `U = B^{-1}`, `A = (D + Q) U`.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::OrnsteinUhlenbeck;
use super::propagation::Propagation;
use crate::cholesky::Cholesky;
use crate::error::{Result, TheoryError};
use crate::extended_precision::{Extended, Number, lift, lower};
use crate::linear_algebra::{require_vector, symmetric_eigen};

/// Part of a sum's terms below which the sum counts as zero: the coefficients come as rounded doubles.
const ROUNDING: f64 = 1e-12;

/// Stationary law with its modified potential and its circulation (31), (40), (43).
///
/// In a form that holds for any drift and diffusion (errata E12, E14, E15),
#[doc = equation!(
    r"p_{ss} = \mathcal N(\mu, \kappa^{-1} B) \propto e^{-\kappa \Psi}, \qquad A B + B A^\top = 2 D, \qquad Q = A B - D, \qquad U = B^{-1}, \qquad A = (D + Q) U."
)]
///
/// ```
/// use langevin_theory::ou::OrnsteinUhlenbeck;
/// use nalgebra::{dmatrix, dvector};
/// // a damped oscillator with noise on the velocity alone: D is singular, the law is not
/// let drift = dmatrix![0.0, -1.0; 4.0, 1.0];
/// let process =
///     OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &dmatrix![0.0, 0.0; 0.0, 1.0], 2.0)
///         .unwrap();
/// let law = process.stationary().unwrap();
/// assert!((law.covariance()[(1, 1)] - 0.5).abs() < 1e-15); // 1 / kappa
/// assert!((law.circulation()[(0, 1)] + 1.0).abs() < 1e-15);
/// assert!(!law.detailed_balance());
/// assert!(law.entropy_production().is_err()); // infinite with all coordinates even
/// // reversible when v is odd
/// assert!(law.entropy_production_with_parity(&[1, -1]).unwrap().abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct StationaryLaw {
    mean: DVector<f64>,
    kappa: f64,
    digits: Digits,
    lyapunov: DMatrix<f64>,
    circulation: DMatrix<f64>,
    detailed_balance: bool,
    precision: Result<DMatrix<f64>>,
}

/// The workings at either precision.
#[derive(Clone, Debug)]
pub(super) enum Digits {
    Double(Workings<f64>),
    Extended(Workings<Extended>),
}

/// Calls a method of the workings at their precision.
macro_rules! workings {
    ($law:expr, $workings:ident => $answer:expr) => {
        match &$law.digits {
            Digits::Double($workings) => $answer,
            Digits::Extended($workings) => $answer,
        }
    };
}

/// A sum of terms of a given size, zero where only their rounding errors are left.
fn without_rounding<T: Number>(sum: T, terms: f64) -> T {
    if sum.value().abs() <= 4096.0 * T::EPSILON * terms { T::zero() } else { sum }
}

#[derive(Clone, Debug)]
pub(super) struct Workings<T: Number> {
    drift: DMatrix<T>,
    pub(super) diffusion: DMatrix<T>,
    /// B.
    pub(super) lyapunov: DMatrix<T>,
    /// Q.
    circulation: DMatrix<T>,
    /// U and the factor of B, unless B is singular.
    inverse: Option<(DMatrix<T>, Cholesky<T>)>,
}

impl<T: Number> Workings<T> {
    fn new(process: &OrnsteinUhlenbeck) -> Result<Self> {
        let size = process.dimension();
        let lyapunov = Propagation::<T>::stationary(process.drift(), process.diffusion())?;
        let (drift, diffusion) = (lift::<T>(process.drift()), lift::<T>(process.diffusion()));
        let pull = &drift * &lyapunov;
        let half = T::from(0.5);
        // A B = D + Q with a symmetric D and a skew Q
        let terms = process.drift().abs() * lyapunov.map(|entry| entry.value().abs());
        let circulation = DMatrix::from_fn(size, size, |i, j| {
            without_rounding((pull[(i, j)] - pull[(j, i)]) * half, f64::max(terms[(i, j)], terms[(j, i)]))
        });
        let inverse = Cholesky::new(&lyapunov, 1e-14 * size as f64).map(|factor| (factor.inverse(), factor));
        Ok(Self { drift, diffusion, lyapunov, circulation, inverse })
    }

    pub(super) fn inverse(&self) -> Result<&(DMatrix<T>, Cholesky<T>)> {
        self.inverse.as_ref().ok_or(TheoryError::Uncontrollable {
            what: "the noise does not reach every direction; the stationary law has no density",
        })
    }

    fn detailed_balance(&self) -> bool {
        let size = self.drift.nrows();
        let terms = self.drift.map(|entry| entry.value().abs()) * self.lyapunov.map(|entry| entry.value().abs());
        (0..size).all(|i| {
            (0..size).all(|j| {
                let scale = f64::max(terms[(i, j)], terms[(j, i)]);
                self.circulation[(i, j)].value().abs() <= ROUNDING * scale
            })
        })
    }

    /// tr(D^+ W B W^T) where the columns of W are in the range of D, for a W that is a sum of terms of given sizes.
    fn dissipation(&self, drift: &DMatrix<T>, terms: &DMatrix<f64>) -> Result<f64> {
        let size = drift.nrows();
        let flow = drift * &self.lyapunov * drift.transpose();
        if let Some(factor) = Cholesky::new(&self.diffusion, 1e-13) {
            let solved = factor.solve(&flow);
            return Ok((0..size).fold(T::zero(), |sum, i| sum + solved[(i, i)]).value());
        }
        // a singular D: unit diagonal, then the range from the eigenvectors
        let scale: Vec<f64> =
            (0..size).map(|i| self.diffusion[(i, i)].value()).map(|d| if d > 0.0 { d.sqrt() } else { 1.0 }).collect();
        let unit = DMatrix::from_fn(size, size, |i, j| self.diffusion[(i, j)].value() / (scale[i] * scale[j]));
        let eigen = symmetric_eigen("diffusion", &unit)?;
        // coefficients are rounded doubles, and the largest eigenvalue is at most the number of coordinates
        let noisy = 1e-12..;
        let scaled = DMatrix::from_fn(size, size, |i, j| drift[(i, j)].value() / scale[i]);
        let sizes = DMatrix::from_fn(size, size, |i, j| terms[(i, j)] / scale[i]);
        let mut production = 0.0;
        for k in 0..size {
            let direction = eigen.vectors.column(k);
            if noisy.contains(&eigen.values[k]) {
                let along = DVector::from_fn(size, |i, _| T::from(direction[i] / scale[i]));
                let image = &flow * &along;
                production += along.dot(&image).value() / eigen.values[k];
            } else {
                for j in 0..size {
                    let component: f64 = (0..size).map(|i| direction[i] * scaled[(i, j)]).sum();
                    let size_of_terms: f64 = (0..size).map(|i| direction[i].abs() * sizes[(i, j)]).sum();
                    if component.abs() > 1e-10 * size_of_terms {
                        return Err(TheoryError::Infinite {
                            what: "entropy production: the current flows along a direction without noise",
                        });
                    }
                }
            }
        }
        Ok(production)
    }

    fn entropy_production(&self) -> Result<f64> {
        let (precision, _) = self.inverse()?;
        let terms = self.circulation.map(|entry| entry.value().abs()) * precision.map(|entry| entry.value().abs());
        self.dissipation(&(&self.circulation * precision), &terms)
    }

    fn entropy_production_with_parity(&self, parity: &[f64]) -> Result<f64> {
        let (precision, _) = self.inverse()?;
        let size = parity.len();
        let signs = |i: usize, j: usize| T::from(parity[i] * parity[j]);
        for i in 0..size {
            for j in 0..size {
                let coupling = self.diffusion[(i, j)].value();
                if parity[i] * parity[j] < 0.0 && coupling.abs() > 0.0 {
                    return Err(TheoryError::Infinite {
                        what: "entropy production: the diffusion couples coordinates of opposite parity",
                    });
                }
            }
        }
        let reversed = DMatrix::from_fn(size, size, |i, j| precision[(i, j)] * signs(i, j));
        let score = &self.diffusion * &reversed;
        let half = T::from(0.5);
        // half the difference of the drifts of the process and of its time reversal
        let terms = self.drift.map(|entry| entry.value().abs())
            + self.diffusion.map(|entry| entry.value().abs()) * precision.map(|entry| entry.value().abs());
        let difference = DMatrix::from_fn(size, size, |i, j| {
            let drift = (self.drift[(i, j)] + self.drift[(i, j)] * signs(i, j)) * half;
            without_rounding(drift - score[(i, j)], terms[(i, j)])
        });
        self.dissipation(&difference, &terms)
    }

    /// B^{-1} applied to a deviation, and the quadratic form.
    fn pull(&self, deviation: &DVector<f64>) -> Result<(DVector<T>, f64)> {
        let (precision, factor) = self.inverse()?;
        let deviation = DVector::from_fn(deviation.nrows(), |i, _| T::from(deviation[i]));
        Ok((precision * &deviation, factor.norm_squared(&deviation)))
    }

    fn force(&self, deviation: &DVector<f64>) -> Result<DVector<f64>> {
        let (pull, _) = self.pull(deviation)?;
        Ok((&self.circulation * pull).map(|entry| -entry.value()))
    }
}

impl StationaryLaw {
    pub(super) fn new(process: &OrnsteinUhlenbeck) -> Result<Self> {
        if process.is_small() {
            Ok(Self::with_digits(process, Workings::new(process)?, Digits::Extended))
        } else {
            Ok(Self::with_digits(process, Workings::new(process)?, Digits::Double))
        }
    }

    fn with_digits<T: Number>(
        process: &OrnsteinUhlenbeck,
        workings: Workings<T>,
        digits: fn(Workings<T>) -> Digits,
    ) -> Self {
        Self {
            mean: process.equilibrium().clone(),
            kappa: process.kappa(),
            lyapunov: lower(&workings.lyapunov),
            circulation: lower(&workings.circulation),
            detailed_balance: workings.detailed_balance(),
            precision: workings.inverse().map(|(precision, _)| lower(precision)),
            digits: digits(workings),
        }
    }

    pub(super) fn digits(&self) -> &Digits {
        &self.digits
    }

    /// The stationary mean mu, n entries.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// assert_eq!(law.mean(), &dvector![1.0]);
    /// ```
    pub fn mean(&self) -> &DVector<f64> {
        &self.mean
    }

    /// The solution B of the Lyapunov equation (23), n x n,
    #[doc = equation!(r"A B + B A^\top = 2 D.")]
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift.clone(), dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let b = law.lyapunov();
    /// assert!((&drift * b + b * drift.transpose() - diffusion * 2.0).amax() < 1e-14);
    /// ```
    pub fn lyapunov(&self) -> &DMatrix<f64> {
        &self.lyapunov
    }

    /// The stationary covariance, n x n,
    #[doc = equation!(r"\kappa^{-1} B.")]
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// assert!((law.covariance()[(0, 0)] - 3.0 / (2.0 * 4.0)).abs() < 1e-16); // D / (A kappa)
    /// ```
    pub fn covariance(&self) -> DMatrix<f64> {
        &self.lyapunov / self.kappa
    }

    /// The circulation, skew, n x n, in the form that holds for any A (erratum E12; (27) holds for a symmetric one),
    #[doc = equation!(r"Q = A B - D.")]
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift.clone(), dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let q = law.circulation();
    /// assert!((drift * law.lyapunov() - diffusion - q).amax() < 1e-14);
    /// assert_eq!(q.transpose(), -q);
    /// ```
    pub fn circulation(&self) -> &DMatrix<f64> {
        &self.circulation
    }

    /// The precision, n x n, which makes the decomposition (26),
    #[doc = equation!(r"U = B^{-1}, \qquad A = (D + Q) U.")]
    ///
    /// # Errors
    /// [`TheoryError::Uncontrollable`] when B is singular (erratum E15).
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift.clone(), dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let again = (diffusion + law.circulation()) * law.precision().unwrap();
    /// assert!((again - drift).amax() < 1e-14);
    /// ```
    pub fn precision(&self) -> Result<&DMatrix<f64>> {
        self.precision.as_ref().map_err(Clone::clone)
    }

    /// Whether the stationary current vanishes, all coordinates even under time reversal (erratum E28):
    #[doc = equation!(r"Q = 0 \quad\Leftrightarrow\quad A D = D A^\top.")]
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{DMatrix, dmatrix, dvector};
    /// let balanced = |drift: DMatrix<f64>, diffusion: DMatrix<f64>| {
    ///     let process =
    ///         OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &diffusion, 1.0).unwrap();
    ///     process.stationary().unwrap().detailed_balance()
    /// };
    /// // an anisotropic diffusion can keep it, an isotropic one can break it
    /// assert!(balanced(dmatrix![1.0, 0.0; 0.0, 2.0], dmatrix![4.0, 0.0; 0.0, 1.0]));
    /// assert!(!balanced(dmatrix![1.0, 2.0; -2.0, 1.0], dmatrix![1.0, 0.0; 0.0, 1.0]));
    /// ```
    pub fn detailed_balance(&self) -> bool {
        self.detailed_balance
    }

    fn deviation(&self, point: &DVector<f64>) -> Result<DVector<f64>> {
        require_vector("point", point, self.mean.nrows())?;
        Ok(point - &self.mean)
    }

    /// The modified loss at a point (n entries), (43),
    #[doc = equation!(r"\Psi(x) = \tfrac12 (x - \mu)^\top U (x - \mu).")]
    ///
    /// # Errors
    /// [`TheoryError::Uncontrollable`] when B is singular, [`TheoryError::Shape`], [`TheoryError::NotFinite`].
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// // U = A / D
    /// assert!((law.potential(&dvector![4.0]).unwrap() - 0.5 * 9.0 * 2.0 / 3.0).abs() < 1e-15);
    /// ```
    pub fn potential(&self, point: &DVector<f64>) -> Result<f64> {
        let deviation = self.deviation(point)?;
        workings!(self, workings => Ok(0.5 * workings.pull(&deviation)?.1))
    }

    /// The force at a point, n entries, (44), divergence-free and orthogonal to the gradient of the potential,
    #[doc = equation!(r"j(x) = -Q U (x - \mu).")]
    ///
    /// # Errors
    /// As [`StationaryLaw::potential`].
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process = OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let point = dvector![1.0, 3.0];
    /// let gradient = law.precision().unwrap() * &point;
    /// assert!(law.force(&point).unwrap().dot(&gradient).abs() < 1e-13);
    /// ```
    pub fn force(&self, point: &DVector<f64>) -> Result<DVector<f64>> {
        let deviation = self.deviation(point)?;
        workings!(self, workings => workings.force(&deviation))
    }

    /// Logarithm of the stationary density at a point (n entries), natural,
    #[doc = equation!(r"\ln p_{ss}(x) = \tfrac12 \ln \det \left( \frac{\kappa U}{2\pi} \right) - \kappa \Psi(x).")]
    ///
    /// # Errors
    /// As [`StationaryLaw::potential`].
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let process =
    ///     OrnsteinUhlenbeck::new(dmatrix![2.0], dvector![1.0], &dmatrix![3.0], 4.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let variance = 3.0 / 8.0;
    /// let expected = -0.5 * (std::f64::consts::TAU * variance).ln();
    /// assert!((law.log_density(&dvector![1.0]).unwrap() - expected).abs() < 1e-15);
    /// ```
    pub fn log_density(&self, point: &DVector<f64>) -> Result<f64> {
        let potential = self.potential(point)?;
        let size = self.mean.nrows() as f64;
        let log_determinant = workings!(self, workings => workings.inverse()?.1.log_determinant());
        let normalisation = size * (self.kappa / std::f64::consts::TAU).ln() - log_determinant;
        Ok(0.5 * normalisation - self.kappa * potential)
    }

    /// The stationary probability current at a point, n entries (15), (51),
    #[doc = equation!(r"J(x) = j(x)\, p_{ss}(x).")]
    ///
    /// # Errors
    /// As [`StationaryLaw::potential`].
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process = OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let point = dvector![1.0, 3.0];
    /// let (current, force) = (law.current(&point).unwrap(), law.force(&point).unwrap());
    /// let density = law.log_density(&point).unwrap().exp();
    /// assert!((current - force * density).amax() < 1e-15);
    /// ```
    pub fn current(&self, point: &DVector<f64>) -> Result<DVector<f64>> {
        Ok(self.force(point)? * self.log_density(point)?.exp())
    }

    /// Entropy production in nats per unit time, all coordinates even under time reversal,
    #[doc = equation!(r"\kappa\, \mathbb E\, j^\top D^{-1} j = \operatorname{tr} \left( D^{-1} Q U Q^\top \right).")]
    ///
    /// # Errors
    /// [`TheoryError::Infinite`] when the current flows along directions without noise,
    /// [`TheoryError::Uncontrollable`], [`TheoryError::Overflow`].
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{DMatrix, dmatrix, dvector};
    /// let drift = dmatrix![1.0, 2.0; -2.0, 1.0]; // B = D = I, Q = [[0, 2], [-2, 0]]
    /// let process =
    ///     OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &DMatrix::identity(2, 2), 1.0)
    ///         .unwrap();
    /// assert!(
    ///     (process.stationary().unwrap().entropy_production().unwrap() - 8.0).abs() < 1e-14
    /// );
    /// ```
    pub fn entropy_production(&self) -> Result<f64> {
        representable(workings!(self, workings => workings.entropy_production())?)
    }

    /// Entropy production in nats per unit time when some coordinates change sign under time reversal (parity -1,
    /// velocities; one entry, 1 or -1, for each of the n coordinates): the rate of the Kullback-Leibler divergence
    /// between the paths of the stationary process and those of its time reversal about the mean (erratum E28),
    #[doc = equation!(
        r"\operatorname{tr} \left( D^{+} W B W^\top \right), \qquad W = \tfrac12 (A + \varepsilon A \varepsilon) - D\, \varepsilon U \varepsilon, \qquad \varepsilon = \operatorname{diag}(\text{parity})."
    )]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::InvalidValue`] for a parity that is not 1 or -1; otherwise as
    /// [`StationaryLaw::entropy_production`], and [`TheoryError::Infinite`] when D couples coordinates of opposite
    /// parity.
    ///
    /// ```
    /// # use langevin_theory::ou::OrnsteinUhlenbeck;
    /// # use nalgebra::{dmatrix, dvector};
    /// let (drift, diffusion) = (dmatrix![2.0, 1.0; -1.0, 1.0], dmatrix![1.0, 0.0; 0.0, 3.0]);
    /// let process = OrnsteinUhlenbeck::new(drift, dvector![0.0, 0.0], &diffusion, 2.0).unwrap();
    /// let law = process.stationary().unwrap();
    /// let even = law.entropy_production_with_parity(&[1, 1]).unwrap();
    /// assert!((even - law.entropy_production().unwrap()).abs() < 1e-13);
    /// assert!(law.entropy_production_with_parity(&[1, 0]).is_err());
    /// ```
    pub fn entropy_production_with_parity(&self, parity: &[i8]) -> Result<f64> {
        if parity.len() != self.mean.nrows() {
            return Err(TheoryError::Shape {
                name: "parity",
                found: format!("{} entries", parity.len()),
                expected: format!("{} entries", self.mean.nrows()),
            });
        }
        if let Some(&wrong) = parity.iter().find(|sign| sign.abs() != 1) {
            return Err(TheoryError::InvalidValue { name: "parity", value: f64::from(wrong), admissible: "1 or -1" });
        }
        let signs: Vec<f64> = parity.iter().map(|&sign| f64::from(sign)).collect();
        representable(workings!(self, workings => workings.entropy_production_with_parity(&signs))?)
    }
}

/// A rate within the range of doubles.
fn representable(rate: f64) -> Result<f64> {
    if rate.is_finite() { Ok(rate) } else { Err(TheoryError::Overflow { what: "the entropy production" }) }
}
