//! A quadratic in its eigenbasis with Gaussian gradient noise of constant covariance: what SGD would be under Assumption 1
//! with Sigma frozen at the minimum.

use langevin_lanes::{LANES, Line, lines_of_rows};
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;

use super::batch_kernel::Update;
use super::chain::Chain;
use super::gaussian_kernel::GaussianSteps;
use crate::error::{Result, SimError};

/// Curvature rho_i and linear term of each coordinate, and a root of the noise covariance per step, for each output.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    dimension: usize,
    /// An even number of lines.
    curvature: Vec<Line>,
    /// Outputs x lines.
    linear_term: Vec<Line>,
    roots: Vec<Root>,
}

/// A root of the covariance of one output's noise.
#[derive(Clone, Debug)]
pub(super) enum Root {
    /// Its diagonal.
    Diagonal(Vec<Line>),
    /// Its columns, of an even number of lines each.
    Full(Vec<Line>),
}

impl GaussianNoise {
    /// A gradient `curvature_i theta_i - linear_term_i + (root z)_i`, z standard normal. `linear_term` is d x outputs; one
    /// root (d x d) per output.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when the shapes do not fit or a number is not finite.
    pub fn new(curvature: &[f64], linear_term: &DMatrix<f64>, roots: &[DMatrix<f64>]) -> Result<Self> {
        let dimension = curvature.len();
        let shape = |name, value: String, admissible: String| Err(SimError::InvalidValue { name, value, admissible });
        if linear_term.nrows() != dimension || dimension == 0 {
            return shape(
                "linear_term",
                format!("{} x {}", linear_term.nrows(), linear_term.ncols()),
                format!("{dimension} x outputs, with at least one row"),
            );
        }
        if roots.len() != linear_term.ncols() || roots.iter().any(|root| root.shape() != (dimension, dimension)) {
            return shape(
                "noise roots",
                format!("{} matrices", roots.len()),
                format!("one {dimension} x {dimension} matrix per output"),
            );
        }
        let numbers = curvature.iter().chain(linear_term.iter()).chain(roots.iter().flat_map(|root| root.iter()));
        if let Some(bad) = numbers.into_iter().find(|value| !value.is_finite()) {
            return shape("gaussian noise", bad.to_string(), "finite throughout".into());
        }
        let roots = roots
            .iter()
            .map(|root| {
                let diagonal = (0..dimension).all(|i| (0..dimension).all(|j| i == j || root[(i, j)] == 0.0));
                if diagonal {
                    Root::Diagonal(even_lines(root.diagonal().as_slice(), dimension))
                } else {
                    Root::Full(even_lines(root.as_slice(), dimension))
                }
            })
            .collect();
        Ok(Self {
            dimension,
            curvature: even_lines(curvature, dimension),
            linear_term: even_lines(linear_term.as_slice(), dimension),
            roots,
        })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn outputs(&self) -> usize {
        self.roots.len()
    }

    /// Lines of one output of a position.
    pub(super) fn lines(&self) -> usize {
        self.curvature.len()
    }

    /// Runs a chain for some steps and records the states after each.
    pub(super) fn advance(&self, chain: &mut Chain, sgd: &Hyperparameters, steps: usize) {
        let Chain { processor, stream, position, velocity, noise, rows, .. } = chain;
        processor.run(GaussianSteps {
            steps,
            curvature: &self.curvature,
            linear_term: &self.linear_term,
            roots: &self.roots,
            update: Update::new(sgd, 1.0),
            position,
            velocity,
            noise,
            stream,
            recorder: rows.recorder(),
        });
    }
}

/// Rows padded with zeros to an even number of lines: normals come in pairs of lines.
fn even_lines(values: &[f64], row: usize) -> Vec<Line> {
    let width = row.next_multiple_of(2 * LANES);
    let mut padded = Vec::with_capacity(width * values.len().checked_div(row).unwrap_or(0));
    for values in values.chunks(row.max(1)) {
        padded.extend_from_slice(values);
        padded.resize(padded.len().next_multiple_of(width), 0.0);
    }
    lines_of_rows(&padded, width)
}
