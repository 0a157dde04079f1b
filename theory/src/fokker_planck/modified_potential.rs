//! The modified potential Psi of section 5 and appendix E.2: the field j of (41) and the conditions of Theorem 3, at a point.
//!
//! ```text
//! j = b - kappa^{-1} div D + D grad Psi,      b = -grad Phi                                  (41)
//! div(j e^{-kappa Psi}) = (div j - kappa j . grad Psi) e^{-kappa Psi}
//! ```
//!
//! e^{-kappa Psi} is stationary exactly when the bracket is zero everywhere; Theorem 3 asks for both of its terms to be zero,
//! or for j = 0. Stationary is not yet unique (erratum E16). The paper calls a j without divergence conservative
//! (erratum E29). Derivatives are central differences of sixth order.

use nalgebra::{DMatrix, DVector};

use super::{require_diffusion, require_kappa, require_positive};
use crate::error::{Result, TheoryError};
use crate::linear_algebra::require_vector;

/// A claimed potential Psi with its gradient, for a process with drift b and diffusion D(x).
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

/// The conditions of Theorem 3 at a point, per unit time.
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
    /// div(j e^{-kappa Psi}) e^{kappa Psi} = div j - kappa j . grad Psi; zero where e^{-kappa Psi} is stationary.
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
    /// The claim for kappa, the drift b = -grad Phi (n), the diffusion D (n x n), Psi, grad Psi (n), and the length over which
    /// they change: differences step by 1/64 of it.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for kappa or the length.
    pub fn new(kappa: f64, drift: B, diffusion: D, potential: P, gradient: G, length: f64) -> Result<Self> {
        require_kappa(kappa)?;
        require_positive("length", length)?;
        Ok(Self { kappa, drift, diffusion, potential, gradient, length })
    }

    /// j of (41), n: the stationary current over the density.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`] for a point or for what the functions return,
    /// [`TheoryError::NotPositiveSemiDefinite`] for the diffusion.
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

    /// The two terms of div(j e^{-kappa Psi}) e^{kappa Psi}.
    ///
    /// # Errors
    /// As [`ModifiedPotential::force`].
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

    /// |grad Psi given - grad Psi by differences| over 1 + |grad Psi|: a field without a potential proves nothing.
    ///
    /// # Errors
    /// As [`ModifiedPotential::force`].
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
