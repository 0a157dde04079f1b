//! Sums over all samples of a table, in streaming passes: each panel of rows is decoded once and multiplied by all cores.
//! Every entry of a result is summed by one thread in row order, so no number depends on the number of threads.
//!
//! ```text
//! H = X^T X / N,   b = X^T Y / N,   H W,   Sigma(theta) = (1/N) sum_n r_n^2 x_n x_n^T - g g^T
//! ```

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::feature_table::FeatureTable;
use super::regression_table::RegressionTable;

/// Side of the square tiles of X^T X: 2 MB, so that a tile stays in a core's cache.
const TILE: usize = 512;

/// Rows, or columns, of a thin product that one thread takes at a time.
const STRIP: usize = 128;

/// out += A^T B for row-major A (n x a) and B (n x b), taken from panels whose rows are `a_stride` and `b_stride` long.
fn add_transposed_product(
    out: &mut [f64],
    (left, left_columns, left_stride): (&[f64], usize, usize),
    (right, right_columns, right_stride): (&[f64], usize, usize),
    rows: usize,
) {
    let left = MatRef::from_row_major_slice_with_stride(left, rows, left_columns, left_stride);
    let right = MatRef::from_row_major_slice_with_stride(right, rows, right_columns, right_stride);
    let out = MatMut::from_row_major_slice_mut(out, left_columns, right_columns);
    matmul(out, Accum::Add, left.transpose(), right, 1.0, Par::Seq);
}

/// A tile of the upper triangle of a symmetric product.
struct Tile {
    row: usize,
    column: usize,
    height: usize,
    width: usize,
    sums: Vec<f64>,
}

impl FeatureTable {
    /// (1/N) sum_n w_n x_n x_n^T, w = 1 without weights, d x d.
    ///
    /// # Panics
    /// When there are fewer weights than rows.
    pub fn second_moments(&self, weights: Option<&[f64]>) -> DMatrix<f64> {
        let size = self.columns();
        let starts: Vec<usize> = (0..size).step_by(TILE).collect();
        let mut tiles: Vec<Tile> = starts
            .iter()
            .flat_map(|&row| starts.iter().filter(move |&&column| column >= row).map(move |&column| (row, column)))
            .map(|(row, column)| {
                let (height, width) = (TILE.min(size - row), TILE.min(size - column));
                Tile { row, column, height, width, sums: vec![0.0; height * width] }
            })
            .collect();
        let mut weighted = Vec::new();
        self.panels(|rows, panel| {
            let left = match weights {
                None => panel,
                Some(weights) => {
                    weighted.resize(panel.len(), 0.0);
                    weighted
                        .par_chunks_exact_mut(size)
                        .zip(panel.par_chunks_exact(size))
                        .zip(&weights[rows.clone()])
                        .for_each(|((out, row), weight)| {
                            out.iter_mut().zip(row).for_each(|(out, value)| *out = weight * value);
                        });
                    &weighted
                }
            };
            tiles.par_iter_mut().for_each(|tile| {
                let left = (&left[tile.row..], tile.height, size);
                let right = (&panel[tile.column..], tile.width, size);
                add_transposed_product(&mut tile.sums, left, right, rows.len());
            });
        });
        let samples = self.rows() as f64;
        let mut moments = DMatrix::zeros(size, size);
        for tile in &tiles {
            for (i, sums) in tile.sums.chunks_exact(tile.width).enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    let (row, column) = (tile.row + i, tile.column + j);
                    // tiles on the diagonal are symmetric only to rounding
                    if row <= column {
                        moments[(row, column)] = sum / samples;
                        moments[(column, row)] = sum / samples;
                    }
                }
            }
        }
        moments
    }

    /// X^T F / N for the N x k matrix F whose rows `fill` writes for each panel: it is given the panel's first row, its
    /// features (row-major), and the rows of F to write (row-major, zero at first).
    fn correlate(&self, width: usize, mut fill: impl FnMut(usize, &[f64], &mut [f64])) -> DMatrix<f64> {
        let size = self.columns();
        let mut sums = vec![0.0; size * width];
        let mut factor = Vec::new();
        self.panels(|rows, panel| {
            factor.clear();
            factor.resize(rows.len() * width, 0.0);
            fill(rows.start, panel, &mut factor);
            sums.par_chunks_mut(STRIP * width).enumerate().for_each(|(strip, out)| {
                let left = (&panel[strip * STRIP..], out.len() / width, size);
                add_transposed_product(out, left, (&factor, width, width), rows.len());
            });
        });
        DMatrix::from_row_slice(size, width, &sums) / self.rows() as f64
    }

    /// H W = X^T (X W) / N for a block of vectors W (d x k), without H.
    ///
    /// # Panics
    /// When W has another number of rows than X has columns.
    pub fn hessian_product(&self, block: &DMatrix<f64>) -> DMatrix<f64> {
        let width = block.ncols();
        self.correlate(width, |_, panel, out| multiply_panel(panel, block, out))
    }
}

/// P W for a row-major panel P and a d x k matrix W, row-major.
fn multiply_panel(panel: &[f64], block: &DMatrix<f64>, out: &mut [f64]) {
    let (size, width) = block.shape();
    if width == 0 {
        return;
    }
    let block = MatRef::from_column_major_slice(block.as_slice(), size, width);
    out.par_chunks_mut(STRIP * width).zip(panel.par_chunks(STRIP * size)).for_each(|(out, panel)| {
        let rows = out.len() / width;
        let panel = MatRef::from_row_major_slice(panel, rows, size);
        let out = MatMut::from_row_major_slice_mut(out, rows, width);
        matmul(out, Accum::Replace, panel, block, 1.0, Par::Seq);
    });
}

impl RegressionTable {
    /// H = X^T X / N, d x d.
    pub fn hessian(&self) -> DMatrix<f64> {
        self.features.second_moments(None)
    }

    /// b = X^T Y / N, d x outputs.
    pub fn linear_term(&self) -> DMatrix<f64> {
        let outputs = self.outputs();
        self.features.correlate(outputs, |first, _, out| {
            let count = out.len();
            out.copy_from_slice(&self.targets()[first * outputs..][..count]);
        })
    }

    /// The gradient of the loss |Y - X theta|^2 / (2N), X^T (X theta - Y) / N, d x outputs.
    ///
    /// # Panics
    /// When the position is not d x outputs.
    pub fn gradient(&self, position: &DMatrix<f64>) -> DMatrix<f64> {
        let outputs = self.outputs();
        self.features.correlate(outputs, |first, panel, out| {
            multiply_panel(panel, position, out);
            out.iter_mut().zip(&self.targets()[first * outputs..]).for_each(|(value, target)| *value -= target);
        })
    }

    /// Residuals X theta - Y, row-major N x outputs.
    ///
    /// # Panics
    /// When the position is not d x outputs.
    pub fn residuals(&self, position: &DMatrix<f64>) -> Vec<f64> {
        let outputs = self.outputs();
        let mut residuals = vec![0.0; self.samples() * outputs];
        self.features.panels(|rows, panel| {
            let out = &mut residuals[rows.start * outputs..rows.end * outputs];
            multiply_panel(panel, position, out);
            out.iter_mut().zip(&self.targets()[rows.start * outputs..]).for_each(|(value, target)| *value -= target);
        });
        residuals
    }

    /// Covariance over samples of the gradients of one output, Sigma(theta) = (1/N) sum r_n^2 x_n x_n^T - g g^T, d x d, in two
    /// passes.
    ///
    /// # Panics
    /// When the position is not d x outputs, or the output does not exist.
    pub fn gradient_noise(&self, position: &DMatrix<f64>, output: usize) -> DMatrix<f64> {
        let outputs = self.outputs();
        let residuals = self.residuals(position);
        let squares: Vec<f64> = residuals.iter().skip(output).step_by(outputs).map(|value| value * value).collect();
        let gradient = self.gradient(position).column(output).into_owned();
        self.features.second_moments(Some(&squares)) - &gradient * gradient.transpose()
    }

    /// q_i^T Sigma(theta) q_i for directions q_i in the columns of a d x k matrix: k x outputs, in one pass, without Sigma.
    ///
    /// # Panics
    /// When the position is not d x outputs, or the directions have another number of rows.
    pub fn gradient_noise_along(&self, position: &DMatrix<f64>, directions: &DMatrix<f64>) -> DMatrix<f64> {
        let (count, outputs) = (directions.ncols(), self.outputs());
        let mut squares = DMatrix::<f64>::zeros(count, outputs);
        let mut means = DMatrix::<f64>::zeros(count, outputs);
        let (mut along, mut residuals) = (Vec::new(), Vec::new());
        self.features.panels(|rows, panel| {
            along.resize(rows.len() * count, 0.0);
            residuals.resize(rows.len() * outputs, 0.0);
            multiply_panel(panel, directions, &mut along);
            multiply_panel(panel, position, &mut residuals);
            let targets = &self.targets()[rows.start * outputs..];
            residuals.iter_mut().zip(targets).for_each(|(value, target)| *value -= target);
            for (along, residuals) in along.chunks_exact(count).zip(residuals.chunks_exact(outputs)) {
                for (output, residual) in residuals.iter().enumerate() {
                    for (index, projection) in along.iter().enumerate() {
                        let gradient = projection * residual;
                        squares[(index, output)] += gradient * gradient;
                        means[(index, output)] += gradient;
                    }
                }
            }
        });
        let samples = self.samples() as f64;
        squares.zip_map(&means, |square, mean| square / samples - (mean / samples).powi(2))
    }
}
