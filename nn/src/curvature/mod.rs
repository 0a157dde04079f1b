//! Curvature and gradient noise of a network at a point, without a matrix of its size (appendix H.1).
//!
//! | part | what it computes |
//! |---|---|
//! | [`Objective`] | the loss of a set of samples: gradient, Hessian products, gradients of single samples along a direction |
//! | [`LinearOperator`] | what the methods below need: H, Sigma, H Sigma, or a matrix |
//! | [`subspace_iteration`], [`lanczos`] | top eigenpairs, each with its residual |
//! | [`trace`] | traces by Hutch++, with intervals |
//! | [`spectral_density`] | stochastic Lanczos quadrature |
//! | [`Eigenspace`] | gradient, minimum and noise along eigenvectors |
//! | [`Modes`] | noise and force over the whole spectrum |

mod density;
mod eigenspace;
mod lanczos;
mod modes;
mod objective;
mod operator;
mod orthonormal;
mod subspace;
mod trace;

pub use density::{Density, spectral_density};
pub use eigenspace::Eigenspace;
pub use lanczos::{LanczosPlan, lanczos};
pub use modes::{Growth, MOST_DENSE, Modes};
pub use objective::Objective;
pub use operator::{DenseOperator, HessianNoiseOperator, HessianOperator, LinearOperator, NoiseOperator};
pub use orthonormal::{normals, signs};
pub use subspace::subspace_iteration;
pub use trace::{Trace, TracePlan, trace};

use nalgebra::DMatrix;

use crate::error::Result;
use crate::tensor::Tensor;
use orthonormal::{mixed, row_dot, stacked_rows};

/// Eigenpairs of a symmetric operator, computed without its matrix.
#[derive(Debug)]
pub struct Eigenpairs {
    /// Approximate eigenvalues rho.
    pub values: Vec<f64>,
    /// |H q - rho q| of each pair, computed with a product of its own: some eigenvalue of H is within this distance of rho (up to
    /// rounding in the product), because H is symmetric and |q| = 1.
    pub residuals: Vec<f64>,
    /// Orthonormal vectors q, one per row.
    pub vectors: Tensor,
    /// Products with H that were made.
    pub products: u64,
}

/// A small matrix from products of rows, made symmetric.
fn symmetric_products(left: &Tensor, right: &Tensor) -> Result<DMatrix<f64>> {
    let size = usize::try_from(left.shape()[0]).unwrap_or(0);
    let values = left.times(&right.transposed()?)?.to_values()?;
    let matrix = DMatrix::from_row_slice(size, size, &values);
    Ok((&matrix + matrix.transpose()) * 0.5)
}

/// The best approximate eigenpairs in the span of orthonormal rows (Rayleigh-Ritz), by descending value, with their residuals.
fn rayleigh_ritz(operator: &dyn LinearOperator, rows: &Tensor) -> Result<Eigenpairs> {
    let images = operator.products(rows)?;
    let small = symmetric_products(rows, &images)?;
    let eigen = langevin_theory::linear_algebra::symmetric_eigen("the projected operator", &small)?;
    let vectors = mixed(&eigen.vectors, rows)?;
    let images = mixed(&eigen.vectors, &images)?;
    let mut residuals = Vec::new();
    for (place, value) in eigen.values.iter().enumerate() {
        let (image, vector) = (images.row(place as i64)?, vectors.row(place as i64)?);
        let difference = image.minus(&vector.scaled(*value)?)?;
        residuals.push(row_dot(&difference, &difference)?.max(0.0).sqrt());
    }
    let products = eigen.values.len() as u64;
    Ok(Eigenpairs { values: eigen.values.iter().copied().collect(), residuals, vectors, products })
}

impl Eigenpairs {
    /// The pairs at these places, in this order.
    fn at(&self, places: &[usize]) -> Result<Self> {
        let rows = places.iter().map(|&place| self.vectors.row(place as i64)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            values: places.iter().map(|&place| self.values[place]).collect(),
            residuals: places.iter().map(|&place| self.residuals[place]).collect(),
            vectors: stacked_rows(&rows)?,
            products: self.products,
        })
    }
}
