//! The Fokker-Planck equation (10), (34) with linear drift and constant diffusion, and a Gaussian as its claimed
//! solution: current (35) in corrected form (erratum E17) and residual. With the score s,
#![doc = langevin_equation::equation!(r"s(x) = \nabla \ln p = -C^{-1} (x - m), \qquad J = \left( -A (x - \mu) - \kappa^{-1} D s \right) p")]
#![doc = langevin_equation::equation!(r"\dot m = -A (m - \mu), \qquad \dot C = -A C - C A^\top + 2 \kappa^{-1} D")]
#![doc = langevin_equation::equation!(r"\frac{1}{p} \left( \frac{\partial p}{\partial t} + \operatorname{div} J \right) = -\tfrac12 \operatorname{tr}(C^{-1} \dot C) - s \cdot \dot m + \tfrac12 s^\top \dot C s - \operatorname{tr} A + \kappa^{-1} \operatorname{tr}(D C^{-1}) + \frac{J \cdot s}{p}")]
//!
//! The drift matrix need not be symmetric and D may be singular, as both are in phase space (errata E12, E15).

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::{require_diffusion, require_kappa};
use crate::error::{Result, TheoryError};
use crate::extended_precision::lower;
use crate::linear_algebra::{require_finite, require_shape, require_vector};
use crate::variational::Gaussian;

/// A Gaussian density N(m, C) with non-singular covariance, n-dimensional.
#[doc = equation!(r"p(x) = \det(2 \pi C)^{-1/2} \exp\left( -\tfrac12 (x - m)^\top C^{-1} (x - m) \right)")]
///
/// ```
/// use langevin_theory::fokker_planck::GaussianDensity;
/// use nalgebra::{dmatrix, dvector};
/// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
/// assert!((normal.density(&dvector![1.0]).unwrap() - 1.0 / (8.0 * std::f64::consts::PI).sqrt()).abs() < 1e-15);
/// // a direction without variance has no density
/// assert!(GaussianDensity::new(dvector![0.0, 0.0], dmatrix![1.0, 1.0; 1.0, 1.0]).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct GaussianDensity {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
    precision: DMatrix<f64>,
    /// -ln p at the mean.
    log_normaliser: f64,
}

impl GaussianDensity {
    /// The density with this mean (n) and covariance (n x n).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`] for a covariance
    /// that is not symmetric; [`TheoryError::Singular`] for one without inverse.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::GaussianDensity;
    /// use nalgebra::{dmatrix, dvector};
    /// assert!(GaussianDensity::new(dvector![0.0], dmatrix![2.0]).is_ok());
    /// assert!(GaussianDensity::new(dvector![0.0], dmatrix![0.0]).is_err());
    /// ```
    pub fn new(mean: DVector<f64>, covariance: DMatrix<f64>) -> Result<Self> {
        let factor = Gaussian::new(mean.clone(), &covariance)?.factor()?;
        let log_normaliser = 0.5 * (factor.log_determinant() + mean.len() as f64 * std::f64::consts::TAU.ln());
        let precision = lower(&factor.inverse());
        Ok(Self { mean, covariance, precision, log_normaliser })
    }

    /// m, n entries.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::GaussianDensity;
    /// # use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
    /// assert_eq!(normal.mean()[0], 1.0);
    /// ```
    pub fn mean(&self) -> &DVector<f64> {
        &self.mean
    }

    /// C, n x n.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::GaussianDensity;
    /// # use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
    /// assert_eq!(normal.covariance()[(0, 0)], 4.0);
    /// ```
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// C^{-1}, n x n.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::GaussianDensity;
    /// # use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
    /// assert_eq!(normal.precision()[(0, 0)], 0.25);
    /// ```
    pub fn precision(&self) -> &DMatrix<f64> {
        &self.precision
    }

    /// The gradient of the log-density, n entries, each in one over the unit of its coordinate,
    #[doc = equation!(r"s(x) = \nabla \ln p = -C^{-1} (x - m)")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`] for a point that is none.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::GaussianDensity;
    /// # use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
    /// assert_eq!(normal.score(&dvector![3.0]).unwrap()[0], -0.5); // -(3 - 1) / 4
    /// ```
    pub fn score(&self, point: &DVector<f64>) -> Result<DVector<f64>> {
        require_vector("point", point, self.mean.len())?;
        Ok(-(&self.precision * (point - &self.mean)))
    }

    /// ln p at a point (n entries); exact where p itself underflows.
    #[doc = equation!(r"\ln p(x) = -\tfrac12 (x - m)^\top C^{-1} (x - m) - \tfrac12 \ln \det(2 \pi C)")]
    ///
    /// # Errors
    /// As [`GaussianDensity::score`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::GaussianDensity;
    /// use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![0.0], dmatrix![1.0]).unwrap();
    /// let far = dvector![100.0];
    /// assert_eq!(normal.density(&far).unwrap(), 0.0);
    /// assert!((normal.log_density(&far).unwrap() + 5000.918938533205).abs() < 1e-11);
    /// ```
    pub fn log_density(&self, point: &DVector<f64>) -> Result<f64> {
        let score = self.score(point)?;
        Ok(0.5 * score.dot(&(point - &self.mean)) - self.log_normaliser)
    }

    /// p at a point (n entries), in one over the product of the units of the coordinates.
    ///
    /// # Errors
    /// As [`GaussianDensity::score`].
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::GaussianDensity;
    /// # use nalgebra::{dmatrix, dvector};
    /// let normal = GaussianDensity::new(dvector![1.0], dmatrix![4.0]).unwrap();
    /// let density = |x: f64| normal.density(&dvector![x]).unwrap();
    /// assert!((density(3.0) / density(1.0) - (-0.5_f64).exp()).abs() < 1e-15); // one deviation from the mean
    /// ```
    pub fn density(&self, point: &DVector<f64>) -> Result<f64> {
        Ok(self.log_density(point)?.exp())
    }
}

/// The Fokker-Planck equation with drift -A (x - mu), constant diffusion D and inverse temperature kappa (10),
#[doc = equation!(r"\frac{\partial p}{\partial t} = -\operatorname{div} J, \qquad J = -A (x - \mu)\, p - \kappa^{-1} D\, \nabla p")]
///
/// A claimed law is checked at any point: here the stationary law of phase space for one mode (erratum E12: A is not
/// symmetric), whose current circulates.
///
/// ```
/// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
/// use nalgebra::{dmatrix, dvector, DMatrix, DVector};
/// let equation = LinearFokkerPlanck::new(
///     dmatrix![0.0, -1.0; 4.0, 1.0],
///     dvector![0.0, 0.0],
///     dmatrix![0.0, 0.0; 0.0, 1.0],
///     2.0,
/// ).unwrap();
/// let law = GaussianDensity::new(dvector![0.0, 0.0], dmatrix![0.125, 0.0; 0.0, 0.5]).unwrap();
/// let at = dvector![0.3, -0.2];
/// let (rest, still) = (DVector::zeros(2), DMatrix::zeros(2, 2));
/// assert!(equation.residual(&law, &rest, &still, &at).unwrap().abs() < 1e-15);
/// let velocity = equation.current_velocity(&law, &at).unwrap();
/// assert!((velocity - dvector![-0.2, -1.2]).norm() < 1e-15);   // (v, -w^2 x): reversible circulation
/// ```
#[derive(Clone, Debug)]
pub struct LinearFokkerPlanck {
    drift: DMatrix<f64>,
    mean: DVector<f64>,
    /// D / kappa.
    diffusion: DMatrix<f64>,
}

impl LinearFokkerPlanck {
    /// The equation for A (n x n, per unit time), mu (n), D (n x n, symmetric positive semi-definite) and kappa.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::NotPositiveSemiDefinite`],
    /// [`TheoryError::InvalidValue`] for kappa, [`TheoryError::Overflow`] for D / kappa.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::LinearFokkerPlanck;
    /// use nalgebra::{dmatrix, dvector};
    /// let make = |diffusion| LinearFokkerPlanck::new(dmatrix![1.0], dvector![0.0], dmatrix![diffusion], 1.0);
    /// assert!(make(0.0).is_ok() && make(-1.0).is_err());
    /// ```
    pub fn new(drift: DMatrix<f64>, mean: DVector<f64>, diffusion: DMatrix<f64>, kappa: f64) -> Result<Self> {
        let size = mean.len();
        require_shape("drift", &drift, size, size)?;
        require_finite("drift", &drift)?;
        require_vector("mean", &mean, size)?;
        require_diffusion("diffusion", &diffusion, size)?;
        require_kappa(kappa)?;
        let diffusion = diffusion / kappa;
        if diffusion.iter().any(|entry| !entry.is_finite()) {
            return Err(TheoryError::Overflow { what: "the diffusion over kappa" });
        }
        Ok(Self { drift, mean, diffusion })
    }

    fn require_law(&self, law: &GaussianDensity) -> Result<()> {
        require_vector("mean of the law", law.mean(), self.mean.len())
    }

    /// The current over the density, n entries, coordinates per unit time: also where p underflows.
    #[doc = equation!(r"\frac{J}{p} = -A (x - \mu) - \kappa^{-1} D\, \nabla \ln p")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`] for a point or a law that do not fit.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let equation = LinearFokkerPlanck::new(dmatrix![2.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
    /// let velocity = |variance| {
    ///     let law = GaussianDensity::new(dvector![0.0], dmatrix![variance]).unwrap();
    ///     equation.current_velocity(&law, &dvector![1.0]).unwrap()[0]
    /// };
    /// assert_eq!(velocity(0.5), 0.0); // the stationary law: drift and diffusion balance
    /// assert_eq!(velocity(1.0), -1.0); // too wide: it contracts
    /// ```
    pub fn current_velocity(&self, law: &GaussianDensity, point: &DVector<f64>) -> Result<DVector<f64>> {
        self.require_law(law)?;
        let score = law.score(point)?;
        Ok(-(&self.drift * (point - &self.mean)) - &self.diffusion * score)
    }

    /// The probability current J of (35), corrected (erratum E17), n entries, density times coordinates per unit time.
    #[doc = equation!(r"J = -A (x - \mu)\, p - \kappa^{-1} D\, \nabla p")]
    ///
    /// # Errors
    /// As [`LinearFokkerPlanck::current_velocity`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let equation = LinearFokkerPlanck::new(dmatrix![2.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
    /// let law = GaussianDensity::new(dvector![0.0], dmatrix![1.0]).unwrap();
    /// let at = dvector![1.0];
    /// assert_eq!(equation.current(&law, &at).unwrap()[0], -law.density(&at).unwrap());
    /// ```
    pub fn current(&self, law: &GaussianDensity, point: &DVector<f64>) -> Result<DVector<f64>> {
        Ok(self.current_velocity(law, point)? * law.density(point)?)
    }

    /// The rates (dm/dt, dC/dt) with which a Gaussian solution moves, n and n x n, per unit time.
    #[doc = equation!(r"\dot m = -A (m - \mu), \qquad \dot C = -A C - C A^\top + 2 \kappa^{-1} D")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let equation = LinearFokkerPlanck::new(dmatrix![2.0], dvector![0.0], dmatrix![3.0], 1.0).unwrap();
    /// let law = GaussianDensity::new(dvector![1.0], dmatrix![0.5]).unwrap();
    /// let (mean_rate, covariance_rate) = equation.moment_rates(&law).unwrap();
    /// assert_eq!((mean_rate[0], covariance_rate[0]), (-2.0, 4.0));
    /// assert!(equation.residual(&law, &mean_rate, &covariance_rate, &dvector![0.7]).unwrap().abs() < 1e-15);
    /// ```
    pub fn moment_rates(&self, law: &GaussianDensity) -> Result<(DVector<f64>, DMatrix<f64>)> {
        self.require_law(law)?;
        let flow = &self.drift * law.covariance();
        let covariance_rate = &self.diffusion * 2.0 - &flow - flow.transpose();
        Ok((-(&self.drift * (law.mean() - &self.mean)), covariance_rate))
    }

    /// The residual of (10) over the density, for a claimed solution N(m(t), C(t)) with the given dm/dt (n) and dC/dt
    /// (n x n), per unit time: zero at every point exactly when the claim solves (10).
    #[doc = equation!(r"\frac{1}{p} \left( \frac{\partial p}{\partial t} + \operatorname{div} J \right) = -\tfrac12 \operatorname{tr}(C^{-1} \dot C) - s \cdot \dot m + \tfrac12 s^\top \dot C s - \operatorname{tr} A + \kappa^{-1} \operatorname{tr}(D C^{-1}) + \frac{J \cdot s}{p}")]
    ///
    /// # Errors
    /// As [`LinearFokkerPlanck::current_velocity`], and [`TheoryError::Shape`], [`TheoryError::NotFinite`] for the
    /// rates.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let equation = LinearFokkerPlanck::new(dmatrix![2.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
    /// let law = GaussianDensity::new(dvector![0.0], dmatrix![1.0]).unwrap();
    /// let residual = |rate| equation.relative_residual(&law, &dvector![0.0], &dmatrix![rate], &dvector![40.0]);
    /// // the variance changes at -2 a C + 2 D / kappa = -2; at the point p underflows
    /// assert_eq!(residual(-2.0).unwrap(), 0.0);
    /// assert!(residual(0.0).unwrap().abs() > 1.0);
    /// ```
    pub fn relative_residual(
        &self,
        law: &GaussianDensity,
        mean_rate: &DVector<f64>,
        covariance_rate: &DMatrix<f64>,
        point: &DVector<f64>,
    ) -> Result<f64> {
        let size = self.mean.len();
        let velocity = self.current_velocity(law, point)?;
        require_vector("mean_rate", mean_rate, size)?;
        require_shape("covariance_rate", covariance_rate, size, size)?;
        require_finite("covariance_rate", covariance_rate)?;
        let score = law.score(point)?;
        let growth = 0.5
            * (score.dot(&(covariance_rate * &score)) - trace_of_product(law.precision(), covariance_rate))
            - score.dot(mean_rate);
        let divergence = trace_of_product(&self.diffusion, law.precision()) - self.drift.trace();
        Ok(growth + divergence + velocity.dot(&score))
    }

    /// The residual of (10) itself at a point (n entries), density per unit time,
    #[doc = equation!(r"\frac{\partial p}{\partial t} + \operatorname{div} J")]
    ///
    /// # Errors
    /// As [`LinearFokkerPlanck::relative_residual`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{GaussianDensity, LinearFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let equation = LinearFokkerPlanck::new(dmatrix![2.0], dvector![0.0], dmatrix![1.0], 1.0).unwrap();
    /// let law = GaussianDensity::new(dvector![0.0], dmatrix![1.0]).unwrap();
    /// let (still, at) = (dmatrix![0.0], dvector![0.0]);
    /// // div J = -a p + (D / kappa) p / C at the mean
    /// let expected = -law.density(&at).unwrap();
    /// assert!((equation.residual(&law, &dvector![0.0], &still, &at).unwrap() - expected).abs() < 1e-15);
    /// ```
    pub fn residual(
        &self,
        law: &GaussianDensity,
        mean_rate: &DVector<f64>,
        covariance_rate: &DMatrix<f64>,
        point: &DVector<f64>,
    ) -> Result<f64> {
        Ok(self.relative_residual(law, mean_rate, covariance_rate, point)? * law.density(point)?)
    }
}

/// tr(M^T N).
fn trace_of_product(left: &DMatrix<f64>, right: &DMatrix<f64>) -> f64 {
    left.dot(right)
}
