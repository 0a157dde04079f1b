//! Mandt, Hoffman and Blei 2017: constant-rate SGD as an Ornstein-Uhlenbeck process of first order, one step per unit
//! of time. Its stationary covariance P solves a Lyapunov equation; with momentum the learning rate becomes eta / (1 -
//! beta).
#![doc = langevin_equation::equation!(r"d\theta = -\eta A \theta\, dt + \frac{\eta}{\sqrt S} \sqrt C\; dW, \qquad P A + A P = \frac{\eta}{S} C")]
#![doc = langevin_equation::equation!(r"P_i = \frac{\eta_e\, \varphi\, q_i^\top \Sigma\, q_i}{2 h_i}, \qquad \mathbb{E}\,|\theta_{k+n} - \theta_k|^2 = \sum_i 2 P_i \left( 1 - e^{-\eta_e h_i n} \right), \qquad \eta_e = \frac{\eta}{1-\beta}")]
//!
//! The learning rate that the paper recommends for sampling a posterior, `2 S d / (N tr C)` in d dimensions, is the one
//! at which the energy of this P is that of the posterior, d / (2 N).
//!
//! A is the Hessian of the regularised loss (h = rho + lambda) and C the noise covariance at its minimum, both of which
//! the paper assumes constant. The displacement is that of the process; the squared step is its value at lag 1.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, potential_energy};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// First-order Ornstein-Uhlenbeck process with the true noise covariance C at the minimum (Mandt, Hoffman and Blei
/// 2017), one step per unit of time; A is the Hessian of the regularised loss.
#[doc = equation!(r"d\theta = -\eta A \theta\, dt + \frac{\eta}{\sqrt S} \sqrt C\; dW, \qquad P A + A P = \frac{\eta}{S} C")]
/// Momentum makes the learning rate eta / (1 - beta). In the eigenbasis of A, with phi for 1/S,
#[doc = equation!(r"P_i = \frac{\eta_e\, \varphi\, q_i^\top \Sigma\, q_i}{2 h_i}, \qquad \mathbb{E}\,|\theta_{k+n} - \theta_k|^2 = \sum_i 2 P_i \left( 1 - e^{-\eta_e h_i n} \right), \qquad \eta_e = \frac{\eta}{1-\beta}")]
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Mandt, Rival, RivalProblem, Silence};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap(); // h = 1, noise 1
/// let sgd = Hyperparameters::new(0.1, 0.5, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
/// let prediction = Mandt.predict(&problem).unwrap();
/// assert!((prediction.position_variance.unwrap()[0] - 0.1).abs() < 1e-15); // 0.2 / 2
/// assert_eq!(prediction.velocity_variance, Err(Silence::NoVelocity));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mandt;

/// Moments of the first-order process with these noise strengths (not divided by the batch size).
pub(super) fn first_order(problem: &RivalProblem, strengths: impl Iterator<Item = f64>) -> Prediction {
    let sgd = problem.hyperparameters();
    let rate = sgd.learning_rate() / (1.0 - sgd.momentum());
    let position: Vec<f64> = problem
        .curvatures()
        .iter()
        .zip(strengths)
        .map(|(h, strength)| rate * problem.noise_factor() * strength / (2.0 * h))
        .collect();
    let displacement = |steps: f64| -> f64 {
        problem
            .curvatures()
            .iter()
            .zip(&position)
            .map(|(h, variance)| -2.0 * variance * (-rate * h * steps).exp_m1())
            .sum()
    };
    Prediction {
        speed: Ok(displacement(1.0)),
        displacement: Ok(problem.lags().iter().map(|lag| displacement(lag.0 as f64)).collect()),
        potential_energy: Ok(potential_energy(problem, &position)),
        position_variance: Ok(position),
        ..Prediction::silent(Silence::NoVelocity)
    }
    .finite()
}

impl Rival for Mandt {
    fn id(&self) -> &'static str {
        "mandt"
    }

    fn name(&self) -> &'static str {
        "first-order Ornstein-Uhlenbeck process (Mandt et al.)"
    }

    fn citation(&self) -> &'static str {
        "S. Mandt, M. D. Hoffman, D. M. Blei. Stochastic gradient descent as approximate Bayesian inference. Journal of \
         Machine Learning Research 18 (134), 2017."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["small learning rate", "constant noise covariance", "momentum is a learning rate of eta / (1 - beta)"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        Ok(first_order(problem, problem.noise_strengths().iter().copied()))
    }

    fn learning_rate_limit(&self, _: &RivalProblem) -> Result<Said<f64>> {
        Ok(Err(Silence::NoStabilityLimit))
    }
}
