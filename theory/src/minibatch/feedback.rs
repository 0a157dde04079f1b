//! The curvature noise K(P), with the features z in the eigenbasis of H restricted to directions with curvature, and
//! the linear operators made of it:
#![doc = langevin_equation::equation!(r"K(P) = \frac1N \sum_z z z^\top (z^\top P z) - H P H")]
//!
//! K is self-adjoint and maps positive matrices to positive ones. With the entrywise kernel G > 0 the operator
//! `P -> phi G o K(P)` is similar to the self-adjoint `Y -> phi sqrt(G) o K(sqrt(G) o Y)`.

use nalgebra::DMatrix;

use crate::error::{Result, TheoryError};
use crate::gradient_noise::weighted_outer;
use crate::linear_algebra::largest_eigenvalue;

/// Features in the eigenbasis, with their second moments.
#[derive(Clone, Debug)]
pub(crate) struct Feedback {
    /// N x r.
    features: DMatrix<f64>,
    /// rho, r entries.
    eigenvalues: Vec<f64>,
}

impl Feedback {
    pub(crate) fn new(features: DMatrix<f64>, eigenvalues: Vec<f64>) -> Self {
        Self { features, eigenvalues }
    }

    pub(crate) fn features(&self) -> &DMatrix<f64> {
        &self.features
    }

    pub(crate) fn size(&self) -> usize {
        self.eigenvalues.len()
    }

    /// z_n^T P z_n for every sample.
    pub(crate) fn energies(&self, matrix: &DMatrix<f64>) -> nalgebra::DVector<f64> {
        // column by column, as matrices are stored
        let image = &self.features * matrix;
        let mut energies = nalgebra::DVector::zeros(self.features.nrows());
        for (left, right) in image.column_iter().zip(self.features.column_iter()) {
            energies.zip_zip_apply(&left, &right, |sum, x, y| *sum += x * y);
        }
        energies
    }

    /// K(P).
    pub(crate) fn curvature_noise(&self, matrix: &DMatrix<f64>) -> DMatrix<f64> {
        let mut noise = weighted_outer(&self.features, &self.energies(matrix));
        for i in 0..self.size() {
            for j in 0..self.size() {
                noise[(i, j)] -= self.eigenvalues[i] * matrix[(i, j)] * self.eigenvalues[j];
            }
        }
        noise
    }

    /// Y -> phi sqrt(G) o K(sqrt(G) o Y), given sqrt(phi G).
    fn symmetric_gain(&self, root: &DMatrix<f64>, matrix: &DMatrix<f64>) -> DMatrix<f64> {
        self.curvature_noise(&matrix.component_mul(root)).component_mul(root)
    }

    /// Spectral radius of P -> phi G o K(P), given phi G, with the eigenvector for a warm start.
    pub(crate) fn gain(&self, kernel: &DMatrix<f64>, start: Option<&DMatrix<f64>>) -> Result<(f64, DMatrix<f64>)> {
        let size = self.size();
        let root = kernel.map(f64::sqrt);
        if root.iter().any(|value| !value.is_finite()) {
            return Err(TheoryError::Overflow { what: "the stationary kernel" });
        }
        let identity = DMatrix::identity(size, size);
        let start = start.unwrap_or(&identity);
        let image = self.symmetric_gain(&root, start).norm();
        if !image.is_finite() {
            return Err(TheoryError::Overflow { what: "the noise feedback" });
        }
        if image <= f64::MIN_POSITIVE {
            return Ok((0.0, start.clone()));
        }
        largest_eigenvalue(|matrix| self.symmetric_gain(&root, matrix), start)
    }

    /// Solves P = phi G o [source + K(P)] given phi G, by conjugate gradients; the gain must be below 1.
    pub(crate) fn fixed_point(&self, kernel: &DMatrix<f64>, source: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        const ITERATIONS: usize = 10_000;
        let root = kernel.map(f64::sqrt);
        let right = source.component_mul(&root);
        let goal = 1e-15 * right.norm();
        let mut solution = right.clone();
        let mut residual = self.symmetric_gain(&root, &solution);
        let mut direction = residual.clone();
        let mut size = residual.norm_squared();
        let mut iterations = 0..ITERATIONS;
        while size.sqrt() > goal {
            if iterations.next().is_none() {
                return Err(TheoryError::NotConverged {
                    what: "the stationary second moments",
                    iterations: ITERATIONS,
                });
            }
            let image = &direction - self.symmetric_gain(&root, &direction);
            let along = size / direction.dot(&image);
            solution += &direction * along;
            residual -= &image * along;
            let next = residual.norm_squared();
            direction = &residual + direction * (next / size);
            size = next;
        }
        // one sweep of the fixed point brings small entries to full relative accuracy
        let position = (source + self.curvature_noise(&solution.component_mul(&root))).component_mul(kernel);
        if position.iter().all(|value| value.is_finite()) {
            Ok(position)
        } else {
            Err(TheoryError::Overflow { what: "the stationary second moments" })
        }
    }
}
