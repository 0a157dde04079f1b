//! Independent chains of the recursion (2), over all cores. Chain c of seed s draws from the random stream (s, c) alone, so
//! its numbers depend on nothing else.

use langevin_lanes::Processor;
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::NoiseSource;
use super::chain::{Chain, Rows};
use crate::error::{Result, SimError};
use crate::observer::{Observer, StateBlock};
use crate::random::Stream;

/// Steps per block handed to observers. The initial state is a block of its own.
pub const BLOCK: u64 = 32;

/// Where chains start.
#[derive(Clone, Debug)]
pub enum Start {
    /// At a point (d x outputs) with zero velocity.
    Fixed(DMatrix<f64>),
    /// At a Gaussian draw of (theta, v) around a point (d x outputs) with zero mean velocity: per output a root (2d x k) of
    /// the covariance of (theta, v).
    Gaussian {
        /// Mean position, d x outputs.
        mean: DMatrix<f64>,
        /// Roots L with L L^T the covariance, one per output.
        roots: Vec<DMatrix<f64>>,
    },
}

impl Start {
    pub(super) fn mean(&self) -> &DMatrix<f64> {
        match self {
            Self::Fixed(mean) | Self::Gaussian { mean, .. } => mean,
        }
    }
}

/// A set of independent chains.
///
/// ```
/// use langevin_sim::observer::SnapshotObserver;
/// use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
/// use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
/// use nalgebra::DMatrix;
/// let data = LeastSquares::new(DMatrix::from_element(4, 1, 1.0), DMatrix::from_element(4, 1, 2.0)).unwrap();
/// let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 2).unwrap();
/// let noise = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::WithReplacement).unwrap());
/// let chains = Ensemble::new(noise, &sgd, Start::Fixed(DMatrix::zeros(1, 1)), 1).unwrap();
/// let states = chains.run(0..3, 2, || SnapshotObserver::new(&[1, 2]), &|_| ());
/// assert_eq!((states[0][(0, 0)], states[0][(1, 0)]), (1.0, 1.5)); // half way to 2 each step
/// ```
#[derive(Clone, Debug)]
pub struct Ensemble {
    noise: NoiseSource,
    sgd: Hyperparameters,
    start: Start,
    seed: u64,
    processor: Processor,
}

impl Ensemble {
    /// Chains of a problem with one seed.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when the start does not fit the problem.
    pub fn new(noise: NoiseSource, sgd: &Hyperparameters, start: Start, seed: u64) -> Result<Self> {
        let shape = (noise.dimension(), noise.outputs());
        let refuse = |name, value: String, admissible: String| Err(SimError::InvalidValue { name, value, admissible });
        if start.mean().shape() != shape {
            return refuse(
                "start",
                format!("{} x {}", start.mean().nrows(), start.mean().ncols()),
                format!("{} x {} (dimension x outputs)", shape.0, shape.1),
            );
        }
        if let Start::Gaussian { roots, .. } = &start
            && (roots.len() != shape.1 || roots.iter().any(|root| root.nrows() != 2 * shape.0))
        {
            return refuse(
                "start",
                format!("{} roots", roots.len()),
                format!("one root with {} rows per output", 2 * shape.0),
            );
        }
        Ok(Self { noise, sgd: *sgd, start, seed, processor: Processor::best() })
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.noise.dimension()
    }

    /// The same chains on other instructions.
    #[must_use]
    pub fn on(mut self, processor: Processor) -> Self {
        self.processor = processor;
        self
    }

    /// Runs the chains with these numbers for `steps` steps, each watched by an observer of its own, in parallel on the
    /// current rayon pool. Results are in chain order. `progress` is told the number of chain-steps done since it was last
    /// called.
    pub fn run<O: Observer>(
        &self,
        chains: std::ops::Range<u64>,
        steps: u64,
        observer: impl Fn() -> O + Sync,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Vec<O::Output> {
        let chains: Vec<u64> = chains.collect();
        chains
            .par_iter()
            .map(|&number| {
                let mut observer = observer();
                self.advance(&mut self.chain(number), steps, &mut observer, progress);
                observer.finish()
            })
            .collect()
    }

    /// A chain at its start.
    pub fn chain(&self, number: u64) -> Chain {
        Chain::new(self.processor, &self.noise, &self.start, Stream::new(self.seed, number))
    }

    /// Runs a chain on until it has done `steps` steps, and shows the observer every state, the initial one included. A
    /// chain may be run in several calls, and kept in between ([`Chain::to_bytes`]): where each call but the last ends at a
    /// multiple of [`BLOCK`] steps, the observer sees the same blocks as in one call.
    pub fn advance(
        &self,
        chain: &mut Chain,
        steps: u64,
        observer: &mut impl Observer,
        progress: &(dyn Fn(u64) + Sync),
    ) {
        let (dimension, outputs) = (self.noise.dimension(), self.noise.outputs());
        let mut rows = Rows::default();
        let mut observe = |rows: &Rows, first_step| {
            observer.observe(&StateBlock {
                first_step,
                positions: rows.positions(),
                velocities: rows.velocities(),
                width: dimension * outputs,
            });
        };
        if !chain.begun {
            chain.begun = true;
            rows.show(chain, dimension, outputs);
            observe(&rows, 0);
        }
        while chain.step < steps {
            let count = (steps - chain.step).min(BLOCK);
            self.noise.advance(chain, &self.sgd, count as usize, &mut rows);
            observe(&rows, chain.step + 1);
            chain.step += count;
            progress(count);
        }
    }
}
