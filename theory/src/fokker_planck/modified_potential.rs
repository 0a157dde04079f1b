//! The modified potential Psi of section 5 and appendix E.2: the field j of (41) and the conditions of Theorem 3, at a
//! point.
#![doc = langevin_equation::equation!(r"j = b - \kappa^{-1} \operatorname{div} D + D\, \nabla \Psi, \qquad b = -\nabla \Phi \qquad (41)")]
#![doc = langevin_equation::equation!(r"\operatorname{div}\left( j e^{-\kappa \Psi} \right) = \left( \operatorname{div} j - \kappa\, j \cdot \nabla \Psi \right) e^{-\kappa \Psi}")]
//!
//! e^{-kappa Psi} is stationary exactly when the bracket is zero everywhere; Theorem 3 asks for both of its terms to be
//! zero, or for j = 0. Stationary is not yet unique (erratum E16). The paper calls a j without divergence conservative
//! (erratum E29). Derivatives are central differences of sixth order.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::{require_diffusion, require_kappa, require_positive};
use crate::error::{Result, TheoryError};
use crate::linear_algebra::require_vector;

/// A claimed potential Psi with its gradient, for a process with drift b and diffusion D(x): the field j of (41) and
/// the conditions of Theorem 3 at a point.
#[doc = equation!(r"j = b - \kappa^{-1} \operatorname{div} D + D\, \nabla \Psi, \qquad \operatorname{div}\left( j e^{-\kappa \Psi} \right) = \left( \operatorname{div} j - \kappa\, j \cdot \nabla \Psi \right) e^{-\kappa \Psi}")]
/// The Gibbs law of Psi is stationary exactly when the last bracket is zero everywhere; Theorem 3 asks for both of its
/// terms to be zero, or for j = 0. Stationary is not yet unique (erratum E16). Derivatives are central differences of
/// sixth order.
///
/// ```
/// use langevin_theory::fokker_planck::ModifiedPotential;
/// use nalgebra::{dmatrix, dvector};
/// // linear drift A = (D + Q) U with D = I, U = I, Q a rotation: Psi = |x|^2/2, j = -Q U x (44)
/// let claim = ModifiedPotential::new(
///     2.0,
///     |x| dvector![-x[0] + x[1], -x[0] - x[1]],
///     |_| dmatrix![1.0, 0.0; 0.0, 1.0],
///     |x| 0.5 * x.norm_squared(),
///     |x| x.clone(),
///     1.0,
/// ).unwrap();
/// let at = dvector![0.4, -0.7];
/// assert!((claim.force(&at).unwrap() - dvector![-0.7, -0.4]).norm() < 1e-14);
/// let check = claim.stationarity(&at).unwrap();
/// assert!(check.residual().abs() < 1e-11 * check.scale);
/// assert!(claim.gradient_error(&at).unwrap() < 1e-11);
/// ```
#[derive(Clone, Debug)]
pub struct ModifiedPotential<B, D, P, G> {
    kappa: f64,
    drift: B,
    diffusion: D,
    potential: P,
    gradient: G,
    length: f64,
}

/// The conditions of Theorem 3 at a point, per unit time: the terms of
#[doc = equation!(r"e^{\kappa \Psi} \operatorname{div}\left( j e^{-\kappa \Psi} \right) = \operatorname{div} j - \kappa\, j \cdot \nabla \Psi")]
///
/// ```
/// use langevin_theory::fokker_planck::Stationarity;
/// let check = Stationarity { divergence: 0.5, along_gradient: 0.25, scale: 0.75 };
/// assert_eq!(check.residual(), 0.25); // of the order of its terms: not stationary
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stationarity {
    /// div j.
    pub divergence: f64,
    /// kappa j . grad Psi.
    pub along_gradient: f64,
    /// Sum of the moduli of all terms of both: what the residual is small against.
    pub scale: f64,
}

impl Stationarity {
    /// The difference of the two terms, per unit time; zero where the Gibbs law is stationary.
    #[doc = equation!(r"e^{\kappa \Psi} \operatorname{div}\left( j e^{-\kappa \Psi} \right) = \operatorname{div} j - \kappa\, j \cdot \nabla \Psi")]
    ///
    /// ```
    /// use langevin_theory::fokker_planck::Stationarity;
    /// assert_eq!(Stationarity { divergence: 1.0, along_gradient: 1.0, scale: 2.0 }.residual(), 0.0);
    /// ```
    pub fn residual(&self) -> f64 {
        self.divergence - self.along_gradient
    }
}

impl<B, D, P, G> ModifiedPotential<B, D, P, G>
where
    B: Fn(&DVector<f64>) -> DVector<f64>,
    D: Fn(&DVector<f64>) -> DMatrix<f64>,
    P: Fn(&DVector<f64>) -> f64,
    G: Fn(&DVector<f64>) -> DVector<f64>,
{
    /// The claim for kappa, the drift b = -grad Phi (n), the diffusion D (n x n), Psi, grad Psi (n), and the length
    /// over which they change: differences step by 1/64 of it.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for kappa or the length.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ModifiedPotential;
    /// use nalgebra::{DVector, dmatrix};
    /// let make = |kappa| {
    ///     let square = |x: &DVector<f64>| 0.5 * x.norm_squared();
    ///     ModifiedPotential::new(kappa, |x| -x, |_| dmatrix![1.0], square, |x| x.clone(), 1.0)
    /// };
    /// assert!(make(1.0).is_ok() && make(0.0).is_err());
    /// ```
    pub fn new(kappa: f64, drift: B, diffusion: D, potential: P, gradient: G, length: f64) -> Result<Self> {
        require_kappa(kappa)?;
        require_positive("length", length)?;
        Ok(Self { kappa, drift, diffusion, potential, gradient, length })
    }

    /// The field j of (41), n entries, coordinates per unit time: the stationary current over the density.
    #[doc = equation!(r"j = b - \kappa^{-1} \operatorname{div} D + D\, \nabla \Psi")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`] for a point or for what the functions return,
    /// [`TheoryError::NotPositiveSemiDefinite`] for the diffusion.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ModifiedPotential;
    /// use nalgebra::{DVector, dmatrix, dvector};
    /// // D = 1 + x^2 and Phi = x^2 / 2: with kappa = 1, Psi = (3/2) ln(1 + x^2) leaves no current
    /// let square = |x: &DVector<f64>| 1.0 + x[0] * x[0];
    /// let claim = ModifiedPotential::new(
    ///     1.0,
    ///     |x| -x,
    ///     |x| dmatrix![square(x)],
    ///     |x| 1.5 * square(x).ln(),
    ///     |x| x * (3.0 / square(x)),
    ///     1.0,
    /// ).unwrap();
    /// assert!(claim.force(&dvector![0.8]).unwrap().norm() < 1e-12);
    /// ```
    pub fn force(&self, point: &DVector<f64>) -> Result<DVector<f64>> {
        let size = point.len();
        require_vector("point", point, size)?;
        let (drift, gradient) = ((self.drift)(point), (self.gradient)(point));
        require_vector("drift", &drift, size)?;
        require_vector("gradient", &gradient, size)?;
        let mut force = drift + self.diffusion_at(point)? * gradient;
        for axis in 0..size {
            let derivative =
                self.derivative(point, axis, |at| self.diffusion_at(at).map(|d| d.column(axis).into_owned()))?;
            force -= derivative / self.kappa;
        }
        Ok(force)
    }

    /// The two terms of the residual at a point (n entries), per unit time,
    #[doc = equation!(r"e^{\kappa \Psi} \operatorname{div}\left( j e^{-\kappa \Psi} \right) = \operatorname{div} j - \kappa\, j \cdot \nabla \Psi")]
    ///
    /// # Errors
    /// As [`ModifiedPotential::force`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ModifiedPotential;
    /// use nalgebra::{DVector, dmatrix, dvector};
    /// // the printed law of section 5, e^{-kappa x A x}, against e^{-kappa x A x / 2} (erratum E11), with A = 1
    /// let claim = |factor: f64| {
    ///     let potential = move |x: &DVector<f64>| 0.5 * factor * x.norm_squared();
    ///     ModifiedPotential::new(1.0, |x| -x, |_| dmatrix![1.0], potential, move |x| x * factor, 1.0).unwrap()
    /// };
    /// let residual = |factor| claim(factor).stationarity(&dvector![0.5]).unwrap().residual();
    /// assert!(residual(1.0).abs() < 1e-12 && (residual(2.0) - 0.5).abs() < 1e-12);
    /// ```
    pub fn stationarity(&self, point: &DVector<f64>) -> Result<Stationarity> {
        let force = self.force(point)?;
        let gradient = (self.gradient)(point);
        let products = force.component_mul(&gradient) * self.kappa;
        let mut stationarity =
            Stationarity { divergence: 0.0, along_gradient: products.sum(), scale: products.abs().sum() };
        for axis in 0..point.len() {
            let term = self.derivative(point, axis, |at| self.force(at))?[axis];
            stationarity.divergence += term;
            stationarity.scale += term.abs();
        }
        Ok(stationarity)
    }

    /// How far the given gradient is from that of the given potential at a point (n entries), as a fraction: a field
    /// without a potential proves nothing.
    #[doc = equation!(r"\frac{\left| \nabla \Psi_{\text{given}} - \nabla \Psi_{\text{differences}} \right|}{1 + \left| \nabla \Psi_{\text{given}} \right|}")]
    ///
    /// # Errors
    /// As [`ModifiedPotential::force`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::ModifiedPotential;
    /// use nalgebra::{DVector, dmatrix, dvector};
    /// let square = |x: &DVector<f64>| 0.5 * x.norm_squared();
    /// let claim = ModifiedPotential::new(1.0, |x| -x, |_| dmatrix![1.0], square, |x| 2.0 * x, 1.0).unwrap();
    /// assert!((claim.gradient_error(&dvector![1.0]).unwrap() - 1.0 / 3.0).abs() < 1e-12); // |2 - 1| / (1 + 2)
    /// ```
    pub fn gradient_error(&self, point: &DVector<f64>) -> Result<f64> {
        require_vector("point", point, point.len())?;
        let gradient = (self.gradient)(point);
        require_vector("gradient", &gradient, point.len())?;
        let mut error = gradient.clone();
        for axis in 0..point.len() {
            let value = |at: &DVector<f64>| {
                let height = DVector::from_element(1, (self.potential)(at));
                require_vector("potential", &height, 1).map(|()| height)
            };
            error[axis] -= self.derivative(point, axis, value)?[0];
        }
        Ok(error.norm() / (1.0 + gradient.norm()))
    }

    fn diffusion_at(&self, point: &DVector<f64>) -> Result<DMatrix<f64>> {
        let matrix = (self.diffusion)(point);
        require_diffusion("diffusion", &matrix, point.len())?;
        Ok(matrix)
    }

    /// d/dx_axis by central differences of sixth order.
    fn derivative(
        &self,
        point: &DVector<f64>,
        axis: usize,
        function: impl Fn(&DVector<f64>) -> Result<DVector<f64>>,
    ) -> Result<DVector<f64>> {
        const WEIGHTS: [f64; 3] = [45.0, -9.0, 1.0];
        let step = self.length / 64.0;
        let mut sum: Option<DVector<f64>> = None;
        for (index, weight) in WEIGHTS.into_iter().enumerate() {
            let offset = step * (index + 1) as f64;
            let (mut ahead, mut behind) = (point.clone(), point.clone());
            ahead[axis] += offset;
            behind[axis] -= offset;
            let difference = (function(&ahead)? - function(&behind)?) * (weight / (60.0 * step));
            sum = Some(match sum {
                None => difference,
                Some(sum) => sum + difference,
            });
        }
        sum.ok_or(TheoryError::Singular { what: "a difference quotient without terms" })
    }
}
