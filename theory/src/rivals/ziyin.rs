//! Ziyin, Liu, Mori and Ueda 2022: the noise of minibatches grows with the distance from the minimum. For linear
//! regression on Gaussian features of covariance A with label noise sigma^2 they find (Lemma 1 and Theorem 2; numbers
//! as in the version reviewed for ICLR 2022)
#![doc = langevin_equation::equation!(r"C = \frac1S \left( A P A + \operatorname{tr}(A P)\, A + \sigma^2 A \right)")]
#![doc = langevin_equation::equation!(r"P = \frac{\eta \sigma^2}{S} \left( 1 + \frac{\kappa_\beta}{S} \right) G_\beta^{-1}, \qquad G_\beta = 2 (1-\beta) I - \left( \frac{1-\beta}{1+\beta} + \frac1S \right) \eta A, \qquad \kappa_\beta = \frac{\operatorname{tr}(\eta A\, G_\beta^{-1})}{1 - \frac1S \operatorname{tr}(\eta A\, G_\beta^{-1})}")]
//! and, with weight decay but neither label noise nor momentum, their Proposition 3 and Theorem 4. The same derivation
//! with all three at once, and with phi in place of 1/S: about the ridge minimum mu, with sigma^2 the mean squared
//! residual at mu and d the bias of mu, A d = -lambda mu, the noise is
#![doc = langevin_equation::equation!(r"C = \varphi \left[ A W A + A \left( \operatorname{tr}(A P) + \sigma^2 \right) \right], \qquad W = P + d d^\top")]
//! Its diagonal in the eigenbasis closes,
#![doc = langevin_equation::equation!(r"a_i = \frac{\varphi\, \eta}{2 h_i (1-\beta) \left( 1 - \frac{\eta h_i}{2(1+\beta)} \right)}, \qquad s = \sum_i \frac{a_i \rho_i^2}{1 - a_i \rho_i^2}")]
#![doc = langevin_equation::equation!(r"P_i = a_i\, \frac{\rho_i (\sigma^2 + T) + \lambda^2 \mu_i^2}{1 - a_i \rho_i^2}, \qquad T = \operatorname{tr}(A P) = \frac{1}{1-s} \sum_i a_i \rho_i\, \frac{\rho_i \sigma^2 + \lambda^2 \mu_i^2}{1 - a_i \rho_i^2}")]
//! and exists iff the mean is stable, every `a_i rho_i^2 < 1` and `s < 1` (errata section 5, item 8). At lambda = 0
//! this is their Theorem 2, at beta = 0 without label noise their Theorem 4. Noise of independent batches is white, so
//! lagged moments are those of the recursion.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, said};
use super::{Rival, RivalProblem};
use crate::error::Result;

/// Discrete time, minibatch noise of Gaussian features (Ziyin, Liu, Mori and Ueda 2022). With features of covariance A
/// and label noise sigma^2 they find for the noise and the position covariance (Lemma 1 and Theorem 2 of the version
/// reviewed for ICLR 2022)
#[doc = equation!(r"C = \frac1S \left( A P A + \operatorname{tr}(A P)\, A + \sigma^2 A \right)")]
#[doc = equation!(r"P = \frac{\eta \sigma^2}{S} \left( 1 + \frac{\kappa_\beta}{S} \right) G_\beta^{-1}, \qquad G_\beta = 2 (1-\beta) I - \left( \frac{1-\beta}{1+\beta} + \frac1S \right) \eta A, \qquad \kappa_\beta = \frac{\operatorname{tr}(\eta A\, G_\beta^{-1})}{1 - \frac1S \operatorname{tr}(\eta A\, G_\beta^{-1})}")]
/// With weight decay, and phi in place of 1/S, the same derivation gives about the ridge minimum mu
#[doc = equation!(r"P_i = a_i\, \frac{\rho_i (\sigma^2 + T) + \lambda^2 \mu_i^2}{1 - a_i \rho_i^2}, \qquad a_i = \frac{\varphi\, \eta}{2 h_i (1-\beta) \left( 1 - \frac{\eta h_i}{2(1+\beta)} \right)}, \qquad T = \operatorname{tr}(A P)")]
/// which is their Theorem 4 where there is neither label noise nor momentum. A and sigma^2 are here the Hessian of the
/// data and the mean squared residual at the ridge minimum.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Rival, RivalProblem, Ziyin};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap(); // rho = sigma^2 = 1
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
/// let variance = Ziyin.predict(&problem).unwrap().position_variance.unwrap()[0];
/// assert!((variance - 1.0).abs() < 1e-15); // G = 1, kappa = 1, P = 0.5 (1 + 1) / 1
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ziyin;

/// a_i rho_i^2 / (1 - a_i rho_i^2) summed, or `None` without a stationary state.
fn feedback(problem: &RivalProblem, responses: &[f64]) -> Option<f64> {
    let mut sum = 0.0;
    for (response, rho) in responses.iter().zip(problem.eigenvalues()) {
        let own = response * rho * rho;
        if !(0.0..1.0).contains(&own) {
            return None;
        }
        sum += own / (1.0 - own);
    }
    (sum < 1.0).then_some(sum)
}

/// a_i; infinite where the mean is not stable.
fn responses(problem: &RivalProblem, learning_rate: f64) -> Vec<f64> {
    let sgd = problem.hyperparameters();
    let response = |h: &f64| {
        let remaining = 1.0 - learning_rate * h / sgd.rate_times_curvature_limit();
        if remaining > 0.0 {
            problem.noise_factor() * learning_rate / (2.0 * h * (1.0 - sgd.momentum()) * remaining)
        } else {
            f64::INFINITY
        }
    };
    problem.curvatures().iter().map(response).collect()
}

impl Rival for Ziyin {
    fn id(&self) -> &'static str {
        "ziyin"
    }

    fn name(&self) -> &'static str {
        "discrete time, minibatches of Gaussian features (Ziyin et al.)"
    }

    fn citation(&self) -> &'static str {
        "L. Ziyin, K. Liu, T. Mori, M. Ueda. Strength of minibatch noise in SGD. International Conference on Learning \
         Representations, 2022. arXiv:2102.05375."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &[
            "Gaussian features, a fresh sample every step",
            "label noise independent of the features",
            "momentum, weight decay and label noise at once, by the same derivation",
        ]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let sgd = problem.hyperparameters();
        let responses = responses(problem, sgd.learning_rate());
        if responses.iter().any(|response| response.is_infinite()) {
            return Ok(Prediction::silent(Silence::Undefined("unstable")));
        }
        let Some(feedback) = feedback(problem, &responses) else {
            return Ok(Prediction::silent(Silence::Undefined("mean-square-unstable")));
        };
        let rows = || {
            responses.iter().zip(problem.eigenvalues()).zip(problem.minimum_squares()).map(|((&a, &rho), &square)| {
                let bias = sgd.weight_decay().powi(2) * square;
                (rho, bias, a / (1.0 - a * rho * rho))
            })
        };
        let residual = problem.residual_variance();
        let source: f64 = rows().map(|(rho, bias, gain)| gain * rho * (rho * residual + bias)).sum();
        let spread = residual + source / (1.0 - feedback);
        // what acts along a direction: rho^2 P + rho (sigma^2 + T) + lambda^2 mu^2
        let strengths = rows().map(|(rho, bias, gain)| {
            let own = rho * spread + bias;
            own + rho * rho * gain * own
        });
        let laws = problem.discrete_laws(strengths);
        match laws {
            Ok(laws) => Ok(Prediction::of_discrete_laws(problem, &laws)?.finite()),
            // strengths are sums of non-negative numbers: they can only be too large
            Err(_) => Ok(Prediction::silent(Silence::Undefined("overflow"))),
        }
    }

    /// The rate at which s reaches 1: a_i and s grow with it.
    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        let classical = match said(problem.classical_limit())? {
            Ok(limit) => limit,
            Err(gap) => return Ok(Err(gap)),
        };
        let (mut low, mut high) = (0.0, classical);
        // one binary digit of the fraction of the classical limit at a time
        for _ in 0..2 * f64::MANTISSA_DIGITS {
            let middle = f64::midpoint(low, high);
            if feedback(problem, &responses(problem, middle)).is_some() {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Ok(f64::midpoint(low, high)))
    }
}
