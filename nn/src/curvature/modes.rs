//! The whole spectrum as the theory needs it: how much gradient noise, and how much force, lies at each curvature,
//!
//! ```text
//! tr f(H) Sigma = sum_i f(rho_i) q_i' Sigma q_i,      F' f(H) F = sum_i f(rho_i) (q_i . F)^2,      F = g + lambda theta.
//! ```
//!
//! A small network has its Hessian decomposed as a matrix. For a large one, modes that were found one by one are taken as they are, and what is left
//! is a quadrature in the complement Q Q' = 0 of their eigenvectors: Lanczos' method from a vector z gives nodes and weights with
//!
//! ```text
//! sum_j w_j f(theta_j) ~ z' f(H) z,   exact for polynomials of degree below twice the number of steps.
//! ```
//!
//! With z = sum_i e_i (g_i - g)/sqrt(n) and random signs e_i, E z z' = Sigma, so that the mean over several z gives the noise; z = F gives the force.

use langevin_sim::random::Stream;
use serde::{Deserialize, Serialize};

use super::density::quadrature_from;
use super::orthonormal::{orthogonalise, row_dot, signs};
use super::{Eigenpairs, Eigenspace, HessianOperator, Objective};
use crate::error::Result;
use crate::tensor::{Device, Kind, Tensor};

/// Parameters up to which the Hessian is decomposed as a matrix.
pub const MOST_DENSE: usize = 4000;

/// Columns of the Hessian computed at a time.
const COLUMNS: usize = 256;

/// Noise and force by curvature; lists have one entry per mode, or per node of a quadrature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Modes {
    /// rho, without weight decay.
    pub curvature: Vec<f64>,
    /// q' Sigma q, for one sample.
    pub noise: Vec<f64>,
    /// (q . (g + lambda theta))^2.
    pub force: Vec<f64>,
}

/// Modes that the quadratic approximation lets grow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Growth {
    /// How many modes (or nodes of a quadrature).
    pub modes: usize,
    /// Their part of tr Sigma.
    pub noise: f64,
    /// Their part of |g + lambda theta|^2.
    pub force: f64,
}

impl Modes {
    fn push(&mut self, curvature: f64, noise: f64, force: f64) {
        self.curvature.push(curvature);
        self.noise.push(noise);
        self.force.push(force);
    }

    /// All modes, from the matrix of the Hessian.
    ///
    /// # Errors
    /// [`crate::NnError::Torch`].
    pub fn of_matrix(objective: &Objective<'_>, weight_decay: f64) -> Result<Self> {
        let (size, samples) = (objective.dimension(), objective.samples());
        let (kind, device) = (objective.network().precision().kind(), objective.network().device());
        let here = |tensor: &Tensor| tensor.on(Device::Cpu)?.as_kind(Kind::Double);
        let hessian = Tensor::zeros(&[size as i64; 2], Kind::Double, Device::Cpu)?;
        for first in (0..size).step_by(COLUMNS) {
            let rows = COLUMNS.min(size - first);
            let mut unit = vec![0.0_f32; rows * size];
            for row in 0..rows {
                unit[row * size + first + row] = 1.0;
            }
            let unit = Tensor::from_values(&unit, &[rows as i64, size as i64], kind, device)?;
            let images = here(&objective.hessian_products(&unit)?)?;
            hessian.part(first as i64..(first + rows) as i64)?.assign(&images)?;
        }
        // rounding makes it asymmetric
        let hessian = hessian.plus(&hessian.transposed()?)?.scaled(0.5)?;
        let (values, vectors) = hessian.symmetric_eigen()?;
        // one backward pass per sample; gradients along all eigenvectors would take one per mode
        let gradients = Tensor::zeros(&[samples as i64, size as i64], Kind::Double, Device::Cpu)?;
        for sample in 0..samples {
            gradients.row(sample as i64)?.assign(&here(&objective.alone(sample)?.gradient(None)?)?)?;
        }
        let along = gradients.times(&vectors)?;
        let mean = along.mean_of_rows()?;
        let centred = along.minus(&mean)?;
        let noise = centred.product(&centred)?.mean_of_rows()?.to_values()?;
        let position = here(&objective.network().phase().0.shaped(&[1, size as i64])?)?.times(&vectors)?.row(0)?;
        let force = mean.plus(&position.scaled(weight_decay)?)?.to_values()?;
        let force = force.iter().map(|force| force * force).collect();
        Ok(Self { curvature: values.to_values()?, noise, force })
    }

    /// Modes that are known one by one, and a quadrature for what they leave: `vectors` random vectors with `steps` Lanczos steps each.
    ///
    /// # Errors
    /// [`crate::NnError::Torch`].
    pub fn by_quadrature(
        objective: &Objective<'_>,
        (pairs, space): (&Eigenpairs, &Eigenspace),
        weight_decay: f64,
        (vectors, steps): (usize, usize),
        seed: u64,
    ) -> Result<Self> {
        let (kind, device) = (objective.network().precision().kind(), objective.network().device());
        let mut modes = Self::default();
        for (place, curvature) in space.curvature.iter().enumerate() {
            let force = space.gradient[place] + weight_decay * space.position[place];
            modes.push(*curvature, space.noise[(place, place)], force * force);
        }
        let position = objective.network().phase().0;
        let mean = objective.gradient(None)?;
        let mut stream = Stream::new(seed, 5);
        let samples = objective.samples();
        let mut starts = vec![(mean.plus(&position.scaled(weight_decay)?)?, None)];
        for _ in 0..vectors {
            let signs = signs(&mut stream, 1, samples, (kind, device))?.row(0)?;
            let total = signs.sum()?.value()?;
            let centred = objective.gradient(Some(&signs))?.minus(&mean.scaled(total)?)?;
            starts.push((centred.scaled((samples as f64).sqrt().recip())?, Some(1.0 / vectors as f64)));
        }
        for (mut start, share) in starts {
            orthogonalise(&mut start, &pairs.vectors)?;
            let square = row_dot(&start, &start)?;
            if square <= 0.0 {
                continue;
            }
            let unit = start.scaled(square.sqrt().recip())?.shaped(&[1, objective.dimension() as i64])?;
            for (node, weight) in quadrature_from(&HessianOperator(objective), &unit, steps.min(objective.dimension()))?
            {
                match share {
                    Some(share) => modes.push(node, weight * square * share, 0.0),
                    None => modes.push(node, 0.0, weight * square),
                }
            }
        }
        Ok(modes)
    }

    /// The modes with those of negative rho + lambda taken as flat, and how many of them, with which shares of noise and force. In the quadratic
    /// approximation they grow exponentially; in a network what is beyond it stops them.
    pub fn without_growth(&self, weight_decay: f64) -> (Self, Growth) {
        let mut flat = self.clone();
        let mut growth = Growth::default();
        for (place, curvature) in flat.curvature.iter_mut().enumerate() {
            if *curvature + weight_decay < 0.0 {
                *curvature = -weight_decay;
                growth.modes += 1;
                growth.noise += self.noise[place] / self.noise_trace();
                growth.force += self.force[place] / self.force.iter().sum::<f64>();
            }
        }
        (flat, growth)
    }

    /// tr Sigma.
    pub fn noise_trace(&self) -> f64 {
        self.noise.iter().sum()
    }
}
