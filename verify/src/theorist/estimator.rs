//! A plug-in: statistics of a chain. The standard ones are what every simulator is tested with.

use super::{Chain, ExactLaw};
use crate::error::Result;

/// A statistic of a stationary chain: one number, or a family of numbers of one kind (modes, lags), with its exact expectation
/// under the claim. Chains start in the exact stationary law, so averages over their states have no bias.
///
/// A family is decided as one: each member at its share of the level.
pub trait Estimator: Sync {
    /// Its name in reports.
    fn name(&self) -> String;

    /// The expectation of every number under the claim.
    ///
    /// # Errors
    /// Where the claim says nothing.
    fn expected(&self, law: &ExactLaw) -> Result<Vec<f64>>;

    /// The numbers of one chain, as many as [`expected`](Self::expected) gives.
    fn measure(&self, chain: &Chain, law: &ExactLaw) -> Vec<f64>;

    /// What effects are measured in: without another choice the absolute values of what is expected, so that they are
    /// relative. What may be zero needs a natural size.
    ///
    /// # Errors
    /// As [`expected`](Self::expected).
    fn scale(&self, law: &ExactLaw) -> Result<Vec<f64>> {
        Ok(self.expected(law)?.into_iter().map(f64::abs).collect())
    }

    /// The smallest effect that must be found with a power of 99.9 %: it sets the number of chains.
    fn resolution(&self) -> f64 {
        0.05
    }
}

/// The statistics that every simulator is held to. With x and v along an eigenvector of the Hessian, x from the minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardEstimator {
    /// E x = 0, in standard deviations, per mode.
    MeanPosition,
    /// E x^2, relative, per mode.
    PositionVariance,
    /// E v^2, relative, per mode.
    VelocityVariance,
    /// E x v over the product of the spreads, per mode.
    CrossCovariance,
    /// m E v^2 = h E x^2 with m = eta (1 + beta) / 2, relative, per mode: identity I1.
    Equipartition,
    /// E|theta_k - theta_{k-1}|^2 from positions alone, relative.
    Speed,
    /// E|theta_{s+k} - theta_s|^2 for k = 2, 4, 8, 16, relative.
    Displacement,
}

impl StandardEstimator {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MeanPosition,
        Self::PositionVariance,
        Self::VelocityVariance,
        Self::CrossCovariance,
        Self::Equipartition,
        Self::Speed,
        Self::Displacement,
    ];

    /// Step counts of the displacement.
    pub const LAGS: [u64; 4] = [2, 4, 8, 16];

    /// A number per mode from the moments (mean, x^2, v^2, x v) of its exact law.
    fn of_moments(self, law: &ExactLaw, mode: usize, moments: [f64; 4]) -> f64 {
        let [mean, position, velocity, cross] = moments;
        match self {
            Self::MeanPosition => mean,
            Self::PositionVariance => position,
            Self::VelocityVariance => velocity,
            Self::CrossCovariance => cross,
            _ => law.hyperparameters().mass() * velocity - law.curvature(mode) * position,
        }
    }

    fn per_mode(self) -> bool {
        !matches!(self, Self::Speed | Self::Displacement)
    }

    /// Mean of |theta_{s+k} - theta_s|^2 over a chain.
    fn displacement(chain: &Chain, lag: usize) -> f64 {
        let square = |from: usize| -> f64 {
            chain.position(from + lag).iter().zip(chain.position(from)).map(|(b, a)| (b - a) * (b - a)).sum()
        };
        let origins = chain.len().saturating_sub(lag);
        (0..origins).map(square).sum::<f64>() / origins as f64
    }
}

/// Moments of the exact law of one mode: mean, x^2, v^2, x v.
fn exact_moments(law: &ExactLaw, mode: usize) -> [f64; 4] {
    let (full, d) = (law.covariance_in_eigenbasis(), law.dimension());
    [0.0, full[(mode, mode)], full[(d + mode, d + mode)], full[(mode, d + mode)]]
}

impl Estimator for StandardEstimator {
    fn name(&self) -> String {
        match self {
            Self::MeanPosition => "mean position",
            Self::PositionVariance => "position variance",
            Self::VelocityVariance => "velocity variance",
            Self::CrossCovariance => "covariance of position and velocity",
            Self::Equipartition => "equipartition",
            Self::Speed => "speed",
            Self::Displacement => "displacement",
        }
        .into()
    }

    fn expected(&self, law: &ExactLaw) -> Result<Vec<f64>> {
        match self {
            Self::Speed => Ok(vec![law.speed()?]),
            Self::Displacement => Self::LAGS.into_iter().map(|lag| law.displacement(lag)).collect(),
            // equipartition is the claim, not what the law happens to give
            Self::Equipartition | Self::MeanPosition => Ok(vec![0.0; law.modes()]),
            _ => Ok((0..law.modes()).map(|mode| self.of_moments(law, mode, exact_moments(law, mode))).collect()),
        }
    }

    fn measure(&self, chain: &Chain, law: &ExactLaw) -> Vec<f64> {
        match self {
            Self::Speed => return vec![Self::displacement(chain, 1)],
            Self::Displacement => return Self::LAGS.map(|lag| Self::displacement(chain, lag as usize)).to_vec(),
            _ => {}
        }
        let mut sums = vec![[0.0; 4]; law.modes()];
        let along = |state: &[f64], mode: usize| -> f64 {
            law.eigenvectors().column(mode).iter().zip(state).map(|(q, value)| q * value).sum()
        };
        let centre: Vec<f64> = (0..law.modes()).map(|mode| along(law.minimum().as_slice(), mode)).collect();
        for step in 0..chain.len() {
            for (mode, sum) in sums.iter_mut().enumerate() {
                let x = along(chain.position(step), mode) - centre[mode];
                let v = along(chain.velocity(step), mode);
                for (sum, value) in sum.iter_mut().zip([x, x * x, v * v, x * v]) {
                    *sum += value;
                }
            }
        }
        let count = chain.len() as f64;
        let means = sums.into_iter().map(|sum| sum.map(|sum| sum / count));
        means.enumerate().map(|(mode, moments)| self.of_moments(law, mode, moments)).collect()
    }

    fn scale(&self, law: &ExactLaw) -> Result<Vec<f64>> {
        if !self.per_mode() {
            return Ok(self.expected(law)?.into_iter().map(f64::abs).collect());
        }
        let size = |mode: usize| {
            let [_, position, velocity, _] = exact_moments(law, mode);
            match self {
                Self::MeanPosition => position.sqrt(),
                Self::PositionVariance => position,
                Self::VelocityVariance => velocity,
                Self::CrossCovariance => (position * velocity).sqrt(),
                _ => law.curvature(mode) * position,
            }
        };
        Ok((0..law.modes()).map(size).collect())
    }
}
