//! Jastrzebski et al. 2017: SGD as a Langevin equation in which, with the time t = eta k, only the ratio eta/S, a
//! temperature, enters the stationary state,
#![doc = langevin_equation::equation!(r"d\theta = -\nabla L\, dt + \sqrt{\frac{\eta}{S}\, C}\; dW")]
//! Two models of the noise are taken: isotropic, and like the Hessian.
#![doc = langevin_equation::equation!(r"C = c^2 I: \qquad p \propto \exp\left( -\frac{2 S L}{\eta c^2} \right), \qquad P_i = \frac{\eta_e\, \varphi\, c^2}{2 h_i}")]
#![doc = langevin_equation::equation!(r"C = \sigma^2 H: \qquad P_i = \frac{\eta_e\, \varphi\, \sigma^2 \rho_i}{2 h_i}")]
//!
//! The first is Theorem 1 (Stationary Distribution) of the version submitted to ICLR 2018, with `n = eta c^2 / (2 S)`
//! there. The second is the harmonic argument of later versions, which with C = H finds the covariance (eta/2S) I and
//! the expected loss eta tr(H) / (4 S).
//!
//! The paper leaves both constants free. Here c^2 is the mean of q'Sigma q over directions with curvature, so that the
//! total noise is right, and sigma^2 the mean squared residual at the minimum. The paper's equation has no momentum: it
//! is read as `eta_e = eta / (1 - beta)`, which is right for small rates.

use langevin_equation::equation;

use super::mandt::first_order;
use super::prediction::{Prediction, Said, Silence};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// First-order process with a model of the noise covariance (Jastrzebski et al. 2017): isotropic, or like the Hessian.
#[doc = equation!(r"C = c^2 I: \qquad p \propto \exp\left( -\frac{2 S L}{\eta c^2} \right), \qquad P_i = \frac{\eta_e\, \varphi\, c^2}{2 h_i}")]
#[doc = equation!(r"C = \sigma^2 H: \qquad P_i = \frac{\eta_e\, \varphi\, \sigma^2 \rho_i}{2 h_i}, \qquad \eta_e = \frac{\eta}{1-\beta}")]
/// The first is their theorem about the stationary distribution (Theorem 1 in the version submitted to ICLR 2018), the
/// second their harmonic argument that the expected loss is eta tr(H) / (4 S), up to the constant. Both constants are
/// free there: c^2 is here the mean of q'Sigma q over directions with curvature, sigma^2 the mean squared residual at
/// the minimum. Momentum, which their equation does not have, is read as a larger rate.
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
