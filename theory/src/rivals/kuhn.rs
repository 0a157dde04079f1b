//! Kühn and Rosenow 2023 (revised 2025 as *Anti-correlated noise in epoch-based stochastic gradient descent:
//! implications for weight variances in flat directions*): the batches of a reshuffled epoch sum to the whole data set,
//! so their noises are anticorrelated. With M batches per epoch, averaged over the place in the epoch (erratum E36):
#![doc = langevin_equation::equation!(r"\mathbb{E}[n_k n_{k+j}] = s^2 c_j, \qquad c_0 = 1, \qquad c_j = -\frac{1 - |j|/M}{M-1} \quad (0 < |j| < M), \qquad c_j = 0 \quad (|j| \ge M)")]
//!
//! That is the exact autocorrelation for noise that does not depend on the weights: two different batches of an epoch
//! have the covariance -s2/(M-1), and a lag j stays within the epoch from a fraction 1 - j/M of its places. Directions
//! slower than an epoch, h < (1-beta)/(eta M), therefore vary much less than with independent batches. Constant
//! curvature and constant covariance within a batch are assumed. The moments below are exact for that noise. With D_n
//! the displacement after n steps of the same direction under white noise of variance s2, they are
#![doc = langevin_equation::equation!(r"P = \frac{1}{M-1} \sum_{n=1}^{M-1} \left( 1 - \frac{n}{M} \right) D_n, \qquad \eta^2 V = \frac{M}{M-1} \left( D_1 - \frac{D_M}{M^2} \right)")]
#![doc = langevin_equation::equation!(r"\mathbb{E}\,|\Delta_t|^2 = \sum_{|n|<M} c_n \left( D_{t+n} - D_n \right), \qquad D_{-n} = D_n")]
//!
//! The first is `R_0 + 2 sum c_n R_n` with the autocovariance `R_n = R_0 - D_n/2`, in which R_0 cancels; the second is
//! the same sum over `(D_{n+1} - 2 D_n + D_{n-1})/2`, summed by parts. The paper goes on to approximate them with a
//! covariance proportional to the Hessian; here it is the true one.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, potential_energy, said};
use super::{Rival, RivalProblem};
use crate::discrete::ModeLaw;
use crate::error::Result;
use crate::hyperparameters::Sampling;
use crate::time::Steps;

/// Discrete time, constant noise covariance, anticorrelated within an epoch of M batches (Kühn and Rosenow 2023,
/// erratum E36): averaged over the place in the epoch, the noise has the autocorrelation
#[doc = equation!(r"\mathbb{E}[n_k n_{k+j}] = s^2 c_j, \qquad c_0 = 1, \qquad c_j = -\frac{1 - |j|/M}{M-1} \quad (0 < |j| < M), \qquad c_j = 0 \quad (|j| \ge M)")]
/// The stationary moments for it follow from the displacement D_n of the same direction after n steps under white
/// noise:
#[doc = equation!(r"P = \frac{1}{M-1} \sum_{n=1}^{M-1} \left( 1 - \frac{n}{M} \right) D_n, \qquad \eta^2 V = \frac{M}{M-1} \left( D_1 - \frac{D_M}{M^2} \right)")]
#[doc = equation!(r"\mathbb{E}\,|\Delta_t|^2 = \sum_{|n|<M} c_n \left( D_{t+n} - D_n \right), \qquad D_{-n} = D_n")]
/// Directions slower than an epoch, h < (1-beta)/(eta M), vary much less than with independent batches. The authors go
/// on with a covariance proportional to the Hessian; here it is the true one.
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Kuhn, Liu, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0; 1.0; -1.0], dmatrix![1.0; 1.0; 1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(0.01, 0.0, 0.0, 1).unwrap();
/// let problem = RivalProblem::new(&data, &sgd, Sampling::Reshuffle, BatchNoise::Minibatch, vec![]).unwrap();
/// let variance = |theory: &dyn Rival| theory.predict(&problem).unwrap().position_variance.unwrap()[0];
/// assert!(variance(&Kuhn) < 0.05 * variance(&Liu)); // a direction much slower than an epoch
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Kuhn;

/// Longest epoch that is summed.
const LONGEST_EPOCH: u64 = 1_000_000;

/// One direction under white noise, with its displacements over an epoch.
struct Direction {
    law: ModeLaw,
    batches: u64,
    /// D_0 ..= D_M.
    white: Vec<f64>,
}

impl Direction {
    fn new(law: ModeLaw, batches: u64) -> Result<Self> {
        let white = (0..=batches).map(|n| law.displacement(Steps(n))).collect::<Result<Vec<f64>>>()?;
        Ok(Self { law, batches, white })
    }

    /// -c_n (M-1) = 1 - n/M.
    fn weight(&self, lag: u64) -> f64 {
        1.0 - lag as f64 / self.batches as f64
    }

    fn others(&self) -> f64 {
        (self.batches - 1) as f64
    }

    fn position_variance(&self) -> f64 {
        let terms = self.white.iter().zip(0..self.batches).skip(1).map(|(white, lag)| self.weight(lag) * white);
        terms.sum::<f64>() / self.others()
    }

    /// eta^2 V.
    fn speed(&self) -> f64 {
        let epoch = self.batches as f64;
        epoch / self.others() * (self.white[1] - self.white[self.batches as usize] / (epoch * epoch))
    }

    fn displacement(&self, steps: Steps) -> Result<f64> {
        let white = |lag: u64| -> Result<f64> {
            match self.white.get(lag as usize) {
                Some(&known) => Ok(known),
                None => self.law.displacement(Steps(lag)),
            }
        };
        let here = white(steps.0)?;
        // c_n = c_{-n}, and the weights 1 - n/M sum to (M-1)/2: 2 (D_t - D_n) replaced by differences that stay small
        let mut sum = 0.0;
        for lag in 1..self.batches {
            let apart = white(steps.0.saturating_add(lag))? + white(steps.0.abs_diff(lag))?;
            sum += self.weight(lag) * (2.0 * here - apart + 2.0 * self.white[lag as usize]);
        }
        Ok(sum / self.others())
    }
}

fn moments(problem: &RivalProblem) -> Result<Prediction> {
    let eta = problem.hyperparameters().learning_rate();
    let directions = problem
        .discrete_laws(problem.noise_strengths().iter().copied())?
        .into_iter()
        .map(|law| Direction::new(law, problem.batches_per_epoch()))
        .collect::<Result<Vec<Direction>>>()?;
    let position: Vec<f64> = directions.iter().map(Direction::position_variance).collect();
    let speed: f64 = directions.iter().map(Direction::speed).sum();
    let displacement = problem
        .lags()
        .iter()
        .map(|&lag| directions.iter().map(|direction| direction.displacement(lag)).sum::<Result<f64>>());
    Ok(Prediction {
        displacement: said(displacement.collect())?,
        potential_energy: Ok(potential_energy(problem, &position)),
        position_variance: Ok(position),
        velocity_variance: Ok(directions.iter().map(|direction| direction.speed() / (eta * eta)).collect()),
        speed: Ok(speed),
        kinetic_energy: Ok(0.5 * problem.hyperparameters().mass() * speed / (eta * eta)),
    }
    .finite())
}

impl Rival for Kuhn {
    fn id(&self) -> &'static str {
        "kuhn"
    }

    fn name(&self) -> &'static str {
        "anticorrelated noise of reshuffled epochs (Kuhn and Rosenow)"
    }

    fn citation(&self) -> &'static str {
        "M. Kuhn, B. Rosenow. Correlated noise in epoch-based stochastic gradient descent: implications for weight variances. \
         arXiv:2306.05300, 2023."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        &["reshuffled epochs", "constant curvature of batches", "constant noise covariance, averaged over the epoch"]
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let batches = problem.batches_per_epoch();
        if problem.sampling() != Sampling::Reshuffle || batches < 2 {
            return Ok(Prediction::silent(Silence::OnlyReshuffledEpochs));
        }
        if batches > LONGEST_EPOCH {
            return Ok(Prediction::silent(Silence::Undefined("overflow")));
        }
        Ok(said(moments(problem))?.unwrap_or_else(Prediction::silent))
    }

    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        if problem.sampling() == Sampling::Reshuffle {
            said(problem.classical_limit())
        } else {
            Ok(Err(Silence::OnlyReshuffledEpochs))
        }
    }
}
