//! What the theory needs along eigenvectors q_i of the Hessian at theta_*: the curvature rho_i, the gradient q_i . g, the minimum of the
//! quadratic approximation, relative to theta_*,
//!
//! ```text
//! q . (mu - theta_*) = -(q . g)/rho,    with weight decay   -(q . g + lambda q . theta_*)/(rho + lambda),
//! ```
//!
//! (section 6; with weight decay the recursion (2) relaxes to the second one), and the covariance q_i' Sigma q_j of the gradients of single
//! samples.

use nalgebra::DMatrix;

use super::{Eigenpairs, Objective};
use crate::error::Result;

/// Numbers along eigenvectors.
#[derive(Clone, Debug)]
pub struct Eigenspace {
    /// rho_i.
    pub curvature: Vec<f64>,
    /// |H q - rho q|.
    pub residual: Vec<f64>,
    /// q . g, without weight decay.
    pub gradient: Vec<f64>,
    /// q . theta_*.
    pub position: Vec<f64>,
    /// Q' Sigma Q.
    pub noise: DMatrix<f64>,
    /// q . g_i: one list per direction, one number per sample.
    pub sample_gradients: Vec<Vec<f64>>,
}

impl Eigenspace {
    /// At the position of the network.
    ///
    /// # Errors
    /// [`crate::NnError::Torch`].
    pub fn new(objective: &Objective<'_>, pairs: &Eigenpairs) -> Result<Self> {
        let sample_gradients = objective.sample_gradients_along(&pairs.vectors)?;
        let samples = objective.samples() as f64;
        let gradient: Vec<f64> = sample_gradients.iter().map(|row| row.iter().sum::<f64>() / samples).collect();
        let position = pairs.vectors.times(objective.network().phase().0)?.to_values()?;
        let noise = DMatrix::from_fn(gradient.len(), gradient.len(), |i, j| {
            let product = |(a, b): (&f64, &f64)| (a - gradient[i]) * (b - gradient[j]);
            sample_gradients[i].iter().zip(&sample_gradients[j]).map(product).sum::<f64>() / samples
        });
        Ok(Self {
            curvature: pairs.values.clone(),
            residual: pairs.residuals.clone(),
            gradient,
            position,
            noise,
            sample_gradients,
        })
    }

    /// q . (mu - theta_*) for the minimum of the quadratic approximation of L + lambda |theta|^2 / 2.
    pub fn minimum(&self, weight_decay: f64) -> Vec<f64> {
        let along = |place: usize| {
            let force = self.gradient[place] + weight_decay * self.position[place];
            -force / (self.curvature[place] + weight_decay)
        };
        (0..self.curvature.len()).map(along).collect()
    }
}
