//! Kunin et al. 2021, the paper that this crate follows: the underdamped Langevin equation (4)-(6). Its stationary
//! moments (9) per direction, with the velocity variance V and the position variance P,
#![doc = langevin_equation::equation!(r"V = \frac{\varphi\, s}{1 - \beta^2}, \qquad P = \frac{\eta (1+\beta)}{2 h} V, \qquad s = \sigma^2 \rho \;\text{ (Assumption 3)} \quad \text{or} \quad s = q^\top \Sigma\, q")]
//! and its squared step (16), energies (G.3) and displacement 2 tr(P - Cov(eta k)) (erratum E02). Read as moments of
//! the iterates they are those of a small learning rate. In the recursion with constant noise they are exactly those of
//! the midpoints of steps, `(theta_k + theta_{k+1}) / 2`, whose covariance is `P' - eta^2 V' / 4` by equipartition;
//! that reading gives for the iterates (erratum E03, identity I3)
#![doc = langevin_equation::equation!(r"P' = \frac{P}{1 - \frac{\eta h}{2(1+\beta)}}")]
//! and says nothing about several times.

use langevin_equation::equation;

use super::prediction::{Prediction, Said, Silence, potential_energy, said};
use super::{Rival, RivalProblem};
use crate::error::Result;
use crate::langevin::LangevinMode;

/// The Langevin equation of the paper (4)-(6), in one of its readings: with the stationary moments (9)
#[doc = equation!(r"V = \frac{\varphi\, s}{1 - \beta^2}, \qquad P = \frac{\eta (1+\beta)}{2 h} V, \qquad s = \sigma^2 \rho \;\text{ (Assumption 3)} \quad \text{or} \quad s = q^\top \Sigma\, q")]
/// taken for those of the iterates, which is right at small learning rates, or for those of the midpoints of steps,
/// which is exact for constant noise and gives for the iterates (errata E02, E03)
#[doc = equation!(r"P' = \frac{P}{1 - \frac{\eta h}{2(1+\beta)}}")]
///
/// ```
/// use langevin_theory::rivals::{BatchNoise, Kunin, Rival, RivalProblem};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::dmatrix;
/// let data = LeastSquares::new(dmatrix![1.0; -1.0], dmatrix![1.0; 1.0]).unwrap();
/// let sgd = Hyperparameters::new(1.0, 0.0, 0.0, 1).unwrap();
/// let problem =
///     RivalProblem::new(&data, &sgd, Sampling::WithReplacement, BatchNoise::Minibatch, vec![]).unwrap();
/// let variance = |reading: Kunin| reading.predict(&problem).unwrap().position_variance.unwrap()[0];
/// assert_eq!(variance(Kunin::TrueNoise), 0.5);
/// assert_eq!(variance(Kunin::Midpoint), 1.0); // 1 / (1 - 1/2) of it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kunin {
    /// Sigma = sigma^2 H.
    Assumption3,
    /// The true Sigma at the ridge minimum.
    TrueNoise,
    /// The true Sigma, the process read as the law of the midpoints of steps.
    Midpoint,
}

impl Kunin {
    fn modes(self, problem: &RivalProblem) -> Result<Vec<LangevinMode>> {
        // the mode divides by the batch size
        let scheme = problem.noise_factor() * problem.hyperparameters().batch_size() as f64;
        problem
            .eigenvalues()
            .iter()
            .zip(problem.noise_strengths())
            .map(|(&rho, &strength)| {
                let strength = match self {
                    Self::Assumption3 => problem.residual_variance() * rho,
                    Self::TrueNoise | Self::Midpoint => strength,
                };
                LangevinMode::new(problem.hyperparameters(), rho, scheme * strength)
            })
            .collect()
    }

    /// Moments of the process, taken for those of the iterates.
    fn as_iterates(problem: &RivalProblem, modes: &[LangevinMode]) -> Result<Prediction> {
        let sgd = problem.hyperparameters();
        let velocity: Vec<f64> = modes.iter().map(LangevinMode::velocity_variance).collect();
        let total: f64 = velocity.iter().sum();
        let position: Result<Vec<f64>> =
            modes.iter().map(|mode| mode.stationary_covariance().map(|moment| moment[0][0])).collect();
        let displacement: Result<Vec<f64>> =
            problem.lags().iter().map(|&lag| modes.iter().map(|mode| mode.displacement(lag)).sum()).collect();
        let position = said(position)?;
        Ok(Prediction {
            potential_energy: position.as_ref().map(|all| potential_energy(problem, all)).map_err(|&gap| gap),
            position_variance: position,
            speed: Ok(sgd.learning_rate().powi(2) * total),
            kinetic_energy: Ok(0.5 * sgd.mass() * total),
            displacement: said(displacement)?,
            velocity_variance: Ok(velocity),
        }
        .finite())
    }

    /// Moments of the iterates whose midpoints have the moments of the process: h P' = m V' and P = P' - eta^2 V' / 4.
    fn as_midpoints(problem: &RivalProblem, modes: &[LangevinMode]) -> Result<Prediction> {
        let sgd = problem.hyperparameters();
        let mut inflations = Vec::with_capacity(modes.len());
        for h in problem.curvatures() {
            let share = sgd.learning_rate() * h / sgd.rate_times_curvature_limit();
            if share >= 1.0 {
                return Ok(Prediction::silent(Silence::Undefined("unstable")));
            }
            inflations.push(1.0 / (1.0 - share));
        }
        let process = Self::as_iterates(problem, modes)?;
        let inflated = |said: Said<Vec<f64>>| -> Said<Vec<f64>> {
            said.map(|all| all.iter().zip(&inflations).map(|(variance, inflation)| variance * inflation).collect())
        };
        let position = inflated(process.position_variance);
        let velocity = inflated(process.velocity_variance);
        let total = velocity.as_ref().map(|all| all.iter().sum::<f64>()).map_err(|&gap| gap);
        Ok(Prediction {
            potential_energy: position.as_ref().map(|all| potential_energy(problem, all)).map_err(|&gap| gap),
            position_variance: position,
            speed: total.map(|total| sgd.learning_rate().powi(2) * total),
            kinetic_energy: total.map(|total| 0.5 * sgd.mass() * total),
            displacement: Err(Silence::OneTimeOnly),
            velocity_variance: velocity,
        }
        .finite())
    }
}

impl Rival for Kunin {
    fn id(&self) -> &'static str {
        match self {
            Self::Assumption3 => "kunin-assumption-3",
            Self::TrueNoise => "kunin-true-noise",
            Self::Midpoint => "kunin-midpoint",
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Assumption3 => "Langevin equation, noise sigma^2 H (Kunin et al.)",
            Self::TrueNoise => "Langevin equation, true noise (Kunin et al.)",
            Self::Midpoint => "Langevin equation, true noise, midpoints of steps (Kunin et al.)",
        }
    }

    fn citation(&self) -> &'static str {
        "D. Kunin, J. Sagastuy-Brena, L. Gillespie, E. Margalit, H. Tanaka, S. Ganguli, D. L. K. Yamins. Rethinking the \
         limiting dynamics of SGD: modified loss, phase space oscillations, and anomalous diffusion. arXiv:2107.09133, 2021."
    }

    fn assumptions(&self) -> &'static [&'static str] {
        match self {
            Self::Assumption3 => &["small learning rate", "noise covariance sigma^2 H (Assumption 3)"],
            Self::TrueNoise => &["small learning rate", "constant noise covariance"],
            Self::Midpoint => &["constant noise covariance", "moments are those of the midpoints of steps"],
        }
    }

    fn predict(&self, problem: &RivalProblem) -> Result<Prediction> {
        let modes = self.modes(problem)?;
        match self {
            Self::Assumption3 | Self::TrueNoise => Self::as_iterates(problem, &modes),
            Self::Midpoint => Self::as_midpoints(problem, &modes),
        }
    }

    fn learning_rate_limit(&self, problem: &RivalProblem) -> Result<Said<f64>> {
        match self {
            Self::Assumption3 | Self::TrueNoise => Ok(Err(Silence::NoStabilityLimit)),
            Self::Midpoint => said(problem.classical_limit()),
        }
    }
}
