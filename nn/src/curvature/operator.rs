//! Linear maps of parameter space that are known by their products.

use nalgebra::DMatrix;

use super::Objective;
use crate::error::{NnError, Result};
use crate::tensor::{Device, Kind, Tensor};

/// A linear map known by its products.
pub trait LinearOperator {
    /// m.
    fn dimension(&self) -> usize;

    /// Number type and place of vectors.
    fn place(&self) -> (Kind, Device);

    /// The images of the rows of a block, as rows.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    fn products(&self, block: &Tensor) -> Result<Tensor>;
}

/// H of a loss.
#[derive(Clone, Copy, Debug)]
pub struct HessianOperator<'a>(pub &'a Objective<'a>);

/// Sigma of a loss.
#[derive(Clone, Copy, Debug)]
pub struct NoiseOperator<'a>(pub &'a Objective<'a>);

/// H Sigma of a loss; not symmetric.
#[derive(Clone, Copy, Debug)]
pub struct HessianNoiseOperator<'a>(pub &'a Objective<'a>);

fn place(objective: &Objective<'_>) -> (Kind, Device) {
    (objective.network().precision().kind(), objective.network().device())
}

impl LinearOperator for HessianOperator<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn place(&self) -> (Kind, Device) {
        place(self.0)
    }

    fn products(&self, block: &Tensor) -> Result<Tensor> {
        self.0.hessian_products(block)
    }
}

impl LinearOperator for NoiseOperator<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn place(&self) -> (Kind, Device) {
        place(self.0)
    }

    fn products(&self, block: &Tensor) -> Result<Tensor> {
        let rows = (0..block.shape()[0]).map(|row| self.0.noise_product(&block.row(row)?));
        Tensor::stacked(&rows.collect::<Result<Vec<_>>>()?)
    }
}

impl LinearOperator for HessianNoiseOperator<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn place(&self) -> (Kind, Device) {
        place(self.0)
    }

    fn products(&self, block: &Tensor) -> Result<Tensor> {
        self.0.hessian_products(&NoiseOperator(self.0).products(block)?)
    }
}

/// A matrix on the processor, in double precision: what the methods are tested on.
#[derive(Debug)]
pub struct DenseOperator {
    transpose: Tensor,
    dimension: usize,
}

impl DenseOperator {
    /// From a square matrix.
    ///
    /// # Errors
    /// [`NnError::Input`] for one that is not square.
    pub fn new(matrix: &DMatrix<f64>) -> Result<Self> {
        let dimension = matrix.nrows();
        if dimension != matrix.ncols() || dimension == 0 {
            let detail = format!("a matrix of shape {} x {}; it must be square", dimension, matrix.ncols());
            return Err(NnError::Input { detail });
        }
        let shape = [dimension as i64; 2];
        // column-major storage read row by row is the transpose
        let transpose = Tensor::from_values(matrix.as_slice(), &shape, Kind::Double, Device::Cpu)?;
        Ok(Self { transpose, dimension })
    }
}

impl LinearOperator for DenseOperator {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn place(&self) -> (Kind, Device) {
        (Kind::Double, Device::Cpu)
    }

    fn products(&self, block: &Tensor) -> Result<Tensor> {
        block.times(&self.transpose)
    }
}
