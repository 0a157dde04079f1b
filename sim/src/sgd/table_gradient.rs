//! Batch gradients on a table of features in its file's number format, for large d and several outputs: a piece of the
//! batch at a time is decoded to f64, and two small matrix products give its residuals and its part of the gradient,
//!
//! ```text
//! R = P Theta - Y,   G += P^T R
//! ```

use std::sync::Arc;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::data::RegressionTable;

/// Numbers of a decoded piece (512 KB): with the position it fits a core's second-level cache.
const PIECE: usize = 1 << 16;

/// Sums gradients over batches of a table. Holds the scratch of one thread.
///
/// ```
/// use langevin_sim::data::{FeatureTable, RegressionTable};
/// use langevin_sim::sgd::TableGradient;
/// let features = FeatureTable::from_u8(2, 1, vec![1, 2], 1.0).unwrap();
/// let table = RegressionTable::new("two", features, vec![3.0, 5.0], 1).unwrap();
/// let mut gradient = [0.0];
/// TableGradient::new(table.into()).sum(&[0, 1, 1], &[1.0], &mut gradient);
/// assert_eq!(gradient, [1.0 * (1.0 - 3.0) + 2.0 * 2.0 * (2.0 - 5.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct TableGradient {
    table: Arc<RegressionTable>,
    panel: Vec<f64>,
    residuals: Vec<f64>,
    /// Rows of a piece.
    rows: usize,
}

impl TableGradient {
    /// For batches of a table.
    pub fn new(table: Arc<RegressionTable>) -> Self {
        let rows = (PIECE / table.dimension()).clamp(8, 256);
        Self { panel: vec![0.0; rows * table.dimension()], residuals: vec![0.0; rows * table.outputs()], rows, table }
    }

    /// The table.
    pub fn table(&self) -> &Arc<RegressionTable> {
        &self.table
    }

    /// Sum over a batch of x (x . theta - y), not divided by its size. Positions and gradients are outputs x d, row-major.
    ///
    /// # Panics
    /// When the lengths are not outputs x d, or a sample does not exist.
    pub fn sum(&mut self, batch: &[u32], position: &[f64], gradient: &mut [f64]) {
        let (dimension, outputs) = (self.table.dimension(), self.table.outputs());
        gradient.fill(0.0);
        let position = MatRef::from_row_major_slice(position, outputs, dimension);
        let mut gradient = MatMut::from_row_major_slice_mut(gradient, outputs, dimension);
        for piece in batch.chunks(self.rows) {
            let panel = &mut self.panel[..piece.len() * dimension];
            self.table.features().gather(piece, panel);
            let residuals = &mut self.residuals[..piece.len() * outputs];
            for (&sample, row) in piece.iter().zip(residuals.chunks_exact_mut(outputs)) {
                row.copy_from_slice(&self.table.targets()[sample as usize * outputs..][..outputs]);
            }
            let panel = MatRef::from_row_major_slice(panel, piece.len(), dimension);
            let mut residuals = MatMut::from_row_major_slice_mut(residuals, piece.len(), outputs);
            // R = Y - P Theta^T, so the gradient takes it with a minus sign
            matmul(residuals.as_mut(), Accum::Add, panel, position.transpose(), -1.0, Par::Seq);
            matmul(gradient.as_mut(), Accum::Add, residuals.transpose(), panel, -1.0, Par::Seq);
        }
    }
}
