//! Heavy-ball SGD exactly as equation (2): v' = beta v - g_B(theta) - lambda theta, theta' = theta + eta v'.

mod batches;
mod ensemble;
mod gaussian;
mod kernel;
mod minibatch;
mod table_chain;
mod table_gradient;

pub use ensemble::{Ensemble, Start};
pub use gaussian::GaussianNoise;
pub use minibatch::MinibatchNoise;
pub use table_chain::TableChain;
pub use table_gradient::TableGradient;

/// Where the gradient and its noise come from.
#[derive(Clone, Debug)]
pub enum NoiseSource {
    /// The gradient of a random batch.
    Minibatch(MinibatchNoise),
    /// The gradient of a quadratic in its eigenbasis, plus Gaussian noise of constant covariance.
    Gaussian(GaussianNoise),
}

impl NoiseSource {
    /// d.
    pub fn dimension(&self) -> usize {
        match self {
            Self::Minibatch(noise) => noise.dimension(),
            Self::Gaussian(noise) => noise.dimension(),
        }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Minibatch(noise) => noise.outputs(),
            Self::Gaussian(noise) => noise.outputs(),
        }
    }
}
