//! Jastrzebski et al. 2017: SGD as `d theta = -grad L dt + sqrt((eta/S) C) dW`, so that only the ratio eta/S, a temperature,
//! enters the stationary state. Two models of the noise are taken in the paper:
//!
//! ```text
//! C isotropic, c^2 I:      p ~ exp(-2 L S / (eta c^2)),   P_i = eta_e phi c^2 / (2 h)
//! C like the Hessian:      C = sigma^2 H,                 P_i = eta_e phi sigma^2 rho / (2 h)
//! ```
//!
//! The paper leaves both constants free. Here c^2 is the mean of q'Sigma q over directions with curvature, so that the total
//! noise is right, and sigma^2 the mean squared residual at the minimum. The paper's equation has no momentum: it is read
//! as `eta_e = eta / (1 - beta)`, which is right for small rates.

use super::mandt::first_order;
use super::prediction::{Prediction, Said, Silence};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// First-order process with a model of the noise covariance.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Jastrzebski, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap(); // rho = sigma^2 = 1
/// let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 4).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
/// let variance = Jastrzebski::HessianLike.predict(&problem).unwrap().position_variance.unwrap()[0];
/// assert!((variance - 0.1 / 8.0).abs() < 1e-15); // half the temperature eta / S
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jastrzebski {
    /// C = c^2 I: the theorem about the stationary density.
    Isotropic,
    /// C = sigma^2 H: the argument about the expected loss.
    HessianLike,
}

impl Rival for Jastrzebski {
    fn id(&self) -> &'static str {
        match self {
            Self::Isotropic => "jastrzebski-isotropic",
            Self::HessianLike => "jastrzebski-hessian",
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Isotropic => "temperature eta/S, isotropic noise (Jastrzebski et al.)",
            Self::HessianLike => "temperature eta/S, noise like the Hessian (Jastrzebski et al.)",
        }
    }

    fn citation(&self) -> &'static str {
        "S. Jastrzebski, Z. Kenton, D. Arpit, N. Ballas, A. Fischer, Y. Bengio, A. Storkey. Three factors influencing minima \
         in SGD. arXiv:1711.04623, 2017."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        match self {
            Self::Isotropic => &[
                "small learning rate",
                "noise covariance c^2 I, with the right trace",
                "momentum read as a learning rate of eta / (1 - beta)",
            ],
            Self::HessianLike => &[
                "small learning rate",
                "noise covariance sigma^2 H",
                "momentum read as a learning rate of eta / (1 - beta)",
            ],
        }
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let strengths = problem.noise_strengths();
        let mean = strengths.iter().sum::<f64>() / strengths.len().max(1) as f64;
        let strength = |rho: f64| match self {
            Self::Isotropic => mean,
            Self::HessianLike => problem.residual_variance() * rho,
        };
        Ok(first_order(problem, problem.eigenvalues().iter().map(|&rho| strength(rho))))
    }

    fn learning_rate_limit(&self, _: &RivalProblem) -> Result<Said<f64>> {
        Ok(Err(Silence::NoStabilityLimit))
    }
}
