//! Heavy-ball SGD exactly as equation (2): v' = beta v - g_B(theta) - lambda theta, theta' = theta + eta v'.

mod batch_kernel;
mod batch_sequence;
mod batches;
mod chain;
mod ensemble;
mod gaussian;
mod gaussian_kernel;
mod minibatch;
mod recorder;
mod table_chain;
mod table_gradient;

pub use batch_sequence::BatchSequence;
pub use chain::Chain;
pub use ensemble::{BLOCK_STEPS, Ensemble, Start, instruction_set};
pub use gaussian::GaussianNoise;
pub use minibatch::MinibatchNoise;
pub use table_chain::TableChain;
pub use table_gradient::TableGradient;

use langevin_theory::Hyperparameters;

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

    /// Lines of one output of a position.
    fn lines(&self) -> usize {
        match self {
            Self::Minibatch(noise) => noise.lines(),
            Self::Gaussian(noise) => noise.lines(),
        }
    }

    /// Whether chains are best run several at a time.
    fn runs_together(&self) -> bool {
        match self {
            Self::Minibatch(noise) => noise.runs_together(),
            Self::Gaussian(_) => false,
        }
    }

    /// Runs chains for some steps and records the states after each.
    fn advance(&self, chains: &mut [Chain], sgd: &Hyperparameters, steps: usize) {
        match self {
            Self::Minibatch(noise) => noise.advance(chains, sgd, steps),
            Self::Gaussian(noise) => chains.iter_mut().for_each(|chain| noise.advance(chain, sgd, steps)),
        }
    }
}
