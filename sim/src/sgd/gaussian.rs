//! A quadratic in its eigenbasis with Gaussian gradient noise of constant covariance: what SGD would be under Assumption 1
//! with Sigma frozen at the minimum.

use aligned_vec::AVec;
use nalgebra::DMatrix;
use pulp::Arch;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::kernel::{MatrixVector, padded, run, zeros};
use crate::error::{Result, SimError};

/// Curvature rho_i and linear term of each coordinate, and a root of the noise covariance per step, for each output.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    dimension: usize,
    curvature: Vec<f64>,
    /// Outputs x padded dimension.
    linear_term: Vec<f64>,
    /// Per output: diagonal, or a full row-major root of padded width.
    roots: Vec<Root>,
}

#[derive(Clone, Debug)]
enum Root {
    Diagonal(Vec<f64>),
    Full(AVec<f64>),
}

impl GaussianNoise {
    /// A gradient `curvature_i theta_i - linear_term_i + (root z)_i`, z standard normal. `linear_term` is d x outputs; one
    /// root (d x d) per output.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when the shapes do not fit or a number is not finite.
    pub fn new(curvature: Vec<f64>, linear_term: &DMatrix<f64>, roots: &[DMatrix<f64>]) -> Result<Self> {
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
        let width = padded(dimension);
        let mut padded_curvature = curvature;
        padded_curvature.resize(width, 0.0);
        let mut padded_linear = vec![0.0; width * linear_term.ncols()];
        for output in 0..linear_term.ncols() {
            for i in 0..dimension {
                padded_linear[output * width + i] = linear_term[(i, output)];
            }
        }
        let roots = roots
            .iter()
            .map(|root| {
                let diagonal = (0..dimension).all(|i| (0..dimension).all(|j| i == j || root[(i, j)] == 0.0));
                if diagonal {
                    Root::Diagonal(root.diagonal().iter().copied().collect())
                } else {
                    let mut rows = zeros(dimension * width);
                    for i in 0..dimension {
                        for j in 0..dimension {
                            rows[i * width + j] = root[(i, j)];
                        }
                    }
                    Root::Full(rows)
                }
            })
            .collect();
        Ok(Self { dimension, curvature: padded_curvature, linear_term: padded_linear, roots })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn outputs(&self) -> usize {
        self.roots.len()
    }

    /// The noisy gradient at a position; `normals` is scratch of padded width whose padding is zero.
    pub(super) fn gradient(
        &self,
        arch: Arch,
        stream: &mut ChaCha8Rng,
        normals: &mut [f64],
        position: &[f64],
        gradient: &mut [f64],
    ) {
        let width = normals.len();
        for (output, root) in self.roots.iter().enumerate() {
            let place = output * width..(output + 1) * width;
            let out = &mut gradient[place.clone()];
            normals[..self.dimension].iter_mut().for_each(|normal| *normal = StandardNormal.sample(stream));
            match root {
                Root::Diagonal(scale) => {
                    out.iter_mut().zip(scale).zip(&*normals).for_each(|((out, scale), normal)| *out = scale * normal);
                }
                Root::Full(matrix) => {
                    run(arch, MatrixVector { matrix, vector: normals, out: &mut out[..self.dimension] });
                }
            }
            let theta = &position[place.clone()];
            let linear = &self.linear_term[place];
            for (((out, rho), theta), linear) in out.iter_mut().zip(&self.curvature).zip(theta).zip(linear) {
                *out += rho * theta - linear;
            }
        }
    }
}
