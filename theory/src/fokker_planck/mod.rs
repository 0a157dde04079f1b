//! The Fokker-Planck equation (10), (34) of the Ito process (33) with drift b (`b = -grad Phi` where there is a
//! potential) and diffusion matrix D, and its probability current in corrected form (erratum E17):
#![doc = langevin_equation::equation!(r"dX = b(X)\, dt + \sqrt{2 D(X) / \kappa}\; dW")]
#![doc = langevin_equation::equation!(r"\frac{\partial p}{\partial t} = -\operatorname{div} J, \qquad J = b\, p - \kappa^{-1} \operatorname{div}(D p), \qquad \operatorname{div}(D p)_i = \sum_j \partial_j (D_{ij}\, p)")]
//!
//! | item | what it is |
//! |---|---|
//! | [`LinearFokkerPlanck`], [`GaussianDensity`] | linear drift: current and residual of a Gaussian, in any dimension |
//! | [`ModifiedPotential`] | j of (41), (44) and the conditions of Theorem 3 at a point |
//! | [`HeavyTail`] | the exact stationary law for D = d0 + d1 x^2: power-law tails |
//! | [`ScalarStationaryLaw`] | any one-dimensional stationary law, by quadrature |
//! | [`Grid`], [`GridDensity`], [`GridFokkerPlanck`], [`TimeStepping`] | finite volumes in one and two dimensions |

mod elimination;
mod gaussian;
mod generator;
mod grid;
mod grid_density;
mod heavy_tail;
mod modified_potential;
mod scalar_stationary;
mod time_stepping;

pub use gaussian::{GaussianDensity, LinearFokkerPlanck};
pub use generator::GridFokkerPlanck;
pub use grid::{Axis, Grid};
pub use grid_density::GridDensity;
pub use heavy_tail::HeavyTail;
pub use modified_potential::{ModifiedPotential, Stationarity};
pub use scalar_stationary::ScalarStationaryLaw;
pub use time_stepping::TimeStepping;

use nalgebra::DMatrix;

use crate::error::{Result, TheoryError};

/// Refuses an inverse temperature that is none.
fn require_kappa(kappa: f64) -> Result<()> {
    require_positive("kappa", kappa)
}

/// Refuses anything but a positive finite number.
fn require_positive(name: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(TheoryError::InvalidValue { name, value, admissible: "finite and greater than 0" })
}

/// Refuses a matrix that is not square of the given size and symmetric positive semi-definite.
fn require_diffusion(name: &'static str, matrix: &DMatrix<f64>, size: usize) -> Result<()> {
    crate::linear_algebra::require_shape(name, matrix, size, size)?;
    crate::linear_algebra::require_finite(name, matrix)?;
    for row in 0..size {
        if matrix[(row, row)] < 0.0 {
            let detail = format!("its diagonal entry {row} is {:e}", matrix[(row, row)]);
            return Err(TheoryError::NotPositiveSemiDefinite { name, detail });
        }
    }
    crate::linear_algebra::require_positive_semi_definite(name, matrix)
}
