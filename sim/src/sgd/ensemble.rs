//! Independent chains of the recursion (2), over all cores. Chain c of seed s draws from the random stream (s, c) alone, so
//! its numbers depend on nothing else. A chain can be left between two blocks of states, saved, and taken up again with the
//! same bits.

use aligned_vec::AVec;
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;
use pulp::Arch;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::NoiseSource;
use super::batches::Batches;
use super::kernel::{HeavyBall, padded, run, zeros};
use super::random_stream::RandomStream;
use crate::error::{Result, SimError};
use crate::observer::{Observer, StateBlock};
use crate::saved_state::{StateReader, StateWriter};

/// States per block handed to observers. Blocks begin at its multiples.
pub const BLOCK_STEPS: u64 = 32;

/// Blocks of [`Ensemble::run`] between two reports of progress.
const BLOCKS_PER_REPORT: u64 = 16;

/// The vector instructions that this machine runs chains with. Their width decides the order of some sums, hence last bits.
pub fn instruction_set() -> String {
    let name = match Arch::new() {
        Arch::Scalar => "scalar",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(_) => "v3",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) => "v4",
        _ => "other",
    };
    format!("{} {name}", std::env::consts::ARCH)
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
    fn mean(&self) -> &DMatrix<f64> {
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
        Ok(Self { noise, sgd: *sgd, start, seed })
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
                let mut chain = self.chain(number);
                while chain.next_step() <= steps {
                    progress(self.advance(&mut chain, steps, BLOCKS_PER_REPORT, &mut observer));
                }
                observer.finish()
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
        Chain::new(self, RandomStream::new(self.seed, number))
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
        let arch = Arch::new();
        let mut handed = 0;
        for _ in 0..blocks {
            if chain.next_step > last_step {
                break;
            }
            handed += chain.advance_block(self, arch, last_step, observer);
        }
        handed
    }
}

/// One chain of an ensemble, between two blocks of states.
pub struct Chain {
    stream: RandomStream,
    /// Step number of the next state to hand to an observer.
    next_step: u64,
    dimension: usize,
    outputs: usize,
    width: usize,
    position: AVec<f64>,
    velocity: AVec<f64>,
    gradient: AVec<f64>,
    normals: AVec<f64>,
    batches: Option<Batches>,
    scale: f64,
    /// States of the block at hand.
    positions: Vec<f64>,
    velocities: Vec<f64>,
}

impl Chain {
    fn new(ensemble: &Ensemble, stream: RandomStream) -> Self {
        let (dimension, outputs) = (ensemble.noise.dimension(), ensemble.noise.outputs());
        let width = padded(dimension);
        let (batches, scale) = match &ensemble.noise {
            NoiseSource::Minibatch(noise) => (Some(noise.batches()), 1.0 / ensemble.sgd.batch_size() as f64),
            NoiseSource::Gaussian(_) => (None, 1.0),
        };
        let mut chain = Self {
            stream,
            next_step: 0,
            dimension,
            outputs,
            width,
            position: zeros(width * outputs),
            velocity: zeros(width * outputs),
            gradient: zeros(width * outputs),
            normals: zeros(width),
            batches,
            scale,
            positions: Vec::new(),
            velocities: Vec::new(),
        };
        chain.place(&ensemble.start);
        chain
    }

    /// Step number of the next state to hand to an observer; 0 for a fresh chain.
    pub fn next_step(&self) -> u64 {
        self.next_step
    }

    /// Writes the whole state: position, velocity, random stream, batch order.
    pub fn save(&self, state: &mut StateWriter) {
        state.count(self.next_step);
        self.stream.save(state);
        for padded in [&self.position, &self.velocity] {
            self.rows().for_each(|row| state.numbers(&padded[row]));
        }
        if let Some(batches) = &self.batches {
            batches.save(state);
        }
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.next_step = state.count()?;
        self.stream.restore(state)?;
        for row in self.rows() {
            state.numbers_into(&mut self.position[row])?;
        }
        for row in self.rows() {
            state.numbers_into(&mut self.velocity[row])?;
        }
        if let Some(batches) = &mut self.batches {
            batches.restore(state)?;
        }
        Ok(())
    }

    /// Places of the outputs in the padded state.
    fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (width, dimension) = (self.width, self.dimension);
        (0..self.outputs).map(move |output| output * width..output * width + dimension)
    }

    fn advance_block(&mut self, ensemble: &Ensemble, arch: Arch, last_step: u64, observer: &mut impl Observer) -> u64 {
        self.positions.clear();
        self.velocities.clear();
        let first_step = self.next_step;
        let rows = (last_step - first_step + 1).min(BLOCK_STEPS);
        for step in first_step..first_step + rows {
            if step > 0 {
                self.step(ensemble, arch);
            }
            self.record();
        }
        observer.observe(&StateBlock {
            first_step,
            positions: &self.positions,
            velocities: &self.velocities,
            width: self.dimension * self.outputs,
        });
        self.next_step += rows;
        rows
    }

    fn place(&mut self, start: &Start) {
        for output in 0..self.outputs {
            let first = output * self.width;
            for i in 0..self.dimension {
                self.position[first + i] = start.mean()[(i, output)];
            }
            if let Start::Gaussian { roots, .. } = start {
                let root = &roots[output];
                for column in root.column_iter() {
                    let normal: f64 = StandardNormal.sample(self.stream.generator());
                    for i in 0..self.dimension {
                        self.position[first + i] += column[i] * normal;
                        self.velocity[first + i] += column[self.dimension + i] * normal;
                    }
                }
            }
        }
    }

    fn step(&mut self, ensemble: &Ensemble, arch: Arch) {
        let stream = self.stream.generator();
        match (&ensemble.noise, &mut self.batches) {
            (NoiseSource::Minibatch(noise), Some(batches)) => {
                noise.gradient(arch, batches, stream, &self.position, &mut self.gradient);
            }
            (NoiseSource::Gaussian(noise), _) => {
                noise.gradient(arch, stream, &mut self.normals, &self.position, &mut self.gradient);
            }
            (NoiseSource::Minibatch(_), None) => {}
        }
        run(
            arch,
            HeavyBall {
                position: &mut self.position,
                velocity: &mut self.velocity,
                gradient: &self.gradient,
                learning_rate: ensemble.sgd.learning_rate(),
                momentum: ensemble.sgd.momentum(),
                weight_decay: ensemble.sgd.weight_decay(),
                scale: self.scale,
            },
        );
    }

    fn record(&mut self) {
        for row in self.rows() {
            self.positions.extend_from_slice(&self.position[row.clone()]);
            self.velocities.extend_from_slice(&self.velocity[row]);
        }
    }
}
