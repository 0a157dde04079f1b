//! Independent chains of the recursion (2), over all cores. Chain c of seed s draws from the random stream (s, c) alone, so
//! its numbers depend on nothing else. A chain can be left between two blocks of states, saved, and taken up again with the
//! same bits.

use langevin_lanes::Processor;
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::NoiseSource;
use super::chain::Chain;
use crate::error::{Result, SimError};
use crate::observer::Observer;
use crate::random::Stream;
use crate::saved_state::StateReader;

/// States per block handed to observers. Blocks begin at its multiples.
pub const BLOCK_STEPS: u64 = 32;

/// Chains of short rows that [`Ensemble::run`] runs together, where threads have enough to do.
const TOGETHER: usize = 2;

/// Blocks of [`Ensemble::run`] between two reports of progress.
const BLOCKS_PER_REPORT: u64 = 16;

/// The vector instructions that this machine runs chains with. They decide last bits: of the chains only where there is no
/// fused multiply-add, but also of the matrices that a problem is prepared with.
pub fn instruction_set() -> String {
    format!("{} {}", std::env::consts::ARCH, Processor::best().level().name())
}

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
        let numbers: Vec<u64> = chains.collect();
        let enough = numbers.len() >= TOGETHER * rayon::current_num_threads();
        let together = if enough && self.noise.runs_together() { TOGETHER } else { 1 };
        numbers
            .par_chunks(together)
            .flat_map_iter(|numbers| {
                let mut observers: Vec<O> = numbers.iter().map(|_| observer()).collect();
                let mut chains: Vec<Chain> = numbers.iter().map(|&number| self.chain(number)).collect();
                loop {
                    let states = self.advance_together(&mut chains, steps, BLOCKS_PER_REPORT, &mut observers);
                    if states == 0 {
                        break;
                    }
                    progress(states * chains.len() as u64);
                }
                observers.into_iter().map(Observer::finish)
            })
            .collect()
    }

    /// A chain before its first state.
    ///
    /// ```
    /// # use langevin_sim::observer::{Observer, SnapshotObserver};
    /// # use langevin_sim::saved_state::{StateReader, StateWriter};
    /// # use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
    /// # use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
    /// # use nalgebra::DMatrix;
    /// # let data = LeastSquares::new(DMatrix::from_element(4, 1, 1.0), DMatrix::from_element(4, 1, 2.0)).unwrap();
    /// # let sgd = Hyperparameters::new(0.5, 0.0, 0.0, 2).unwrap();
    /// # let noise = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::WithReplacement).unwrap());
    /// # let ensemble = Ensemble::new(noise, &sgd, Start::Fixed(DMatrix::zeros(1, 1)), 1).unwrap();
    /// let mut observer = SnapshotObserver::new(&[100]);
    /// let mut chain = ensemble.chain(7);
    /// ensemble.advance(&mut chain, 100, 2, &mut observer); // two of four blocks
    /// let mut state = StateWriter::default();
    /// chain.save(&mut state);
    /// let bytes = state.into_bytes();
    /// let mut resumed = ensemble.restore(7, &mut StateReader::new(&bytes)).unwrap();
    /// assert_eq!(resumed.next_step(), 64);
    /// ensemble.advance(&mut resumed, 100, 2, &mut observer);
    /// assert_eq!(observer.finish(), ensemble.run(7..8, 100, || SnapshotObserver::new(&[100]), &|_| ())[0]);
    /// ```
    pub fn chain(&self, number: u64) -> Chain {
        Chain::new(self.processor, &self.noise, &self.start, Stream::new(self.seed, number))
    }

    /// A chain where [`Chain::save`] left it.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when it is not the state of a chain of this problem.
    pub fn restore(&self, number: u64, state: &mut StateReader<'_>) -> Result<Chain> {
        let mut chain = self.chain(number);
        chain.restore(state)?;
        Ok(chain)
    }

    /// Runs a chain for some blocks of states, at most to the state after `last_step` steps, and gives the number of states
    /// handed to the observer.
    pub fn advance(&self, chain: &mut Chain, last_step: u64, blocks: u64, observer: &mut impl Observer) -> u64 {
        self.advance_together(std::slice::from_mut(chain), last_step, blocks, std::slice::from_mut(observer))
    }

    /// Runs chains that are at the same step for some blocks of states, and gives the number of states of each.
    fn advance_together(
        &self,
        chains: &mut [Chain],
        last_step: u64,
        blocks: u64,
        observers: &mut [impl Observer],
    ) -> u64 {
        let mut handed = 0;
        for _ in 0..blocks {
            if chains.first().is_none_or(|chain| chain.next_step() > last_step) {
                break;
            }
            handed += Chain::advance_block(chains, &self.noise, &self.sgd, last_step, observers);
        }
        handed
    }
}
