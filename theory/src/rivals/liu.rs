//! Liu, Ziyin and Ueda 2021: SGD at finite learning rates, in discrete time, with noise of constant covariance C per
//! step. With momentum, K the Hessian and P the stationary covariance of the position:
#![doc = langevin_equation::equation!(r"\eta (1-\beta) (K P + P K) - \frac{1+\beta^2}{1-\beta^2} \eta^2 K P K + \frac{\beta}{1-\beta^2} \eta^2 (K^2 P + P K^2) = \eta^2 C")]
//! (the form in which Ziyin et al. 2022 quote it as their Theorem 1, for a scalar learning rate), whose diagonal in the
//! eigenbasis of K is
#![doc = langevin_equation::equation!(r"P_i \left[ 2 \eta (1-\beta) h_i - \frac{1-\beta}{1+\beta} \eta^2 h_i^2 \right] = \eta^2 \varphi\, q_i^\top \Sigma\, q_i")]
//! The velocity follows from the recursion itself, `V = 2 h P / (eta (1+beta))` for any white noise, and so do the
//! moments at several times. K is the Hessian of the regularised loss and C = phi Sigma at its minimum.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, potential_energy, said};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// Discrete time, constant noise covariance (Liu, Ziyin and Ueda 2021): with K the Hessian of the regularised loss and
/// C = phi Sigma at its minimum, the stationary covariance P of the position solves
#[doc = equation!(r"\eta (1-\beta) (K P + P K) - \frac{1+\beta^2}{1-\beta^2} \eta^2 K P K + \frac{\beta}{1-\beta^2} \eta^2 (K^2 P + P K^2) = \eta^2 C")]
/// (as Ziyin et al. 2022 quote it), whose diagonal in the eigenbasis of K is
#[doc = equation!(r"P_i = \frac{\eta\, \varphi\, q_i^\top \Sigma\, q_i}{(1-\beta)\, h_i \left( 2 - \frac{\eta h_i}{1+\beta} \right)}")]
/// The velocity and the moments at several times follow from the recursion itself.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Liu, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Constant, vec![]).unwrap();
/// assert_eq!(Liu.predict(&problem).unwrap().position_variance.unwrap(), [1.0]); // eta / (h (2 - eta h))
/// assert_eq!(Liu.learning_rate_limit(&problem).unwrap(), Ok(2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Liu;

impl Rival for Liu {
    fn id(&self) -> &'static str {
        "liu"
    }

    fn name(&self) -> &'static str {
        "discrete time, constant noise (Liu et al.)"
    }

    fn citation(&self) -> &'static str {
        "K. Liu, L. Ziyin, M. Ueda. Noise and fluctuation of finite learning rate stochastic gradient descent. International \
         Conference on Machine Learning, 2021. arXiv:2012.03636."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["constant noise covariance"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let sgd = problem.hyperparameters();
        let (eta, b) = (sgd.learning_rate(), sgd.momentum());
        let mut position = Vec::with_capacity(problem.curvatures().len());
        for (&h, strength) in problem.curvatures().iter().zip(problem.noise_strengths()) {
            let damping = (1.0 - b) * h * (2.0 - eta * h / (1.0 + b));
            if damping <= 0.0 {
                return Ok(Prediction::silent(Silence::Undefined("unstable")));
            }
            position.push(eta * problem.noise_factor() * strength / damping);
        }
        let velocity: Vec<f64> = problem
            .curvatures()
            .iter()
            .zip(&position)
            .map(|(h, variance)| 2.0 * h * variance / (eta * (1.0 + b)))
            .collect();
        let total: f64 = velocity.iter().sum();
        let laws = problem.discrete_laws(problem.noise_strengths().iter().copied())?;
        Ok(Prediction {
            potential_energy: Ok(potential_energy(problem, &position)),
            position_variance: Ok(position),
            velocity_variance: Ok(velocity),
            speed: Ok(eta * eta * total),
            kinetic_energy: Ok(0.5 * sgd.mass() * total),
            displacement: Prediction::of_discrete_laws(problem, &laws)?.displacement,
        }
        .finite())
    }

    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        said(problem.classical_limit())
    }
}
