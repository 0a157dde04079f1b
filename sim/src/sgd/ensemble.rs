//! Independent chains of the recursion (2), over all cores. Chain c of seed s draws from the random stream (s, c) alone, so
//! its numbers depend on nothing else.

use aligned_vec::AVec;
use langevin_theory::Hyperparameters;
use nalgebra::DMatrix;
use pulp::Arch;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::NoiseSource;
use super::batches::Batches;
use super::kernel::{HeavyBall, padded, run, zeros};
use crate::error::{Result, SimError};
use crate::observer::{Observer, StateBlock};

/// Steps per block handed to observers.
const BLOCK: usize = 32;

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
        let arch = Arch::new();
        let chains: Vec<u64> = chains.collect();
        chains
            .par_iter()
            .map(|&chain| {
                let mut observer = observer();
                self.run_chain(arch, chain, steps, &mut observer, progress);
                observer.finish()
            })
            .collect()
    }

    fn run_chain(
        &self,
        arch: Arch,
        chain: u64,
        steps: u64,
        observer: &mut impl Observer,
        progress: &(dyn Fn(u64) + Sync),
    ) {
        let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
        stream.set_stream(chain);
        let mut state = Chain::new(self, &mut stream);
        let mut step = 0;
        let (mut positions, mut velocities) = (Vec::new(), Vec::new());
        loop {
            positions.clear();
            velocities.clear();
            let rows = (steps + 1 - step).min(BLOCK as u64);
            for row in 0..rows {
                if step + row > 0 {
                    state.step(self, arch, &mut stream);
                }
                state.record(&mut positions, &mut velocities);
            }
            observer.observe(&StateBlock {
                first_step: step,
                positions: &positions,
                velocities: &velocities,
                width: state.dimension * state.outputs,
            });
            step += rows;
            progress(rows);
            if step > steps {
                break;
            }
        }
    }
}

/// State and scratch of one chain; rows are padded.
struct Chain {
    dimension: usize,
    outputs: usize,
    width: usize,
    position: AVec<f64>,
    velocity: AVec<f64>,
    gradient: AVec<f64>,
    normals: AVec<f64>,
    batches: Option<Batches>,
    scale: f64,
}

impl Chain {
    fn new(ensemble: &Ensemble, stream: &mut ChaCha8Rng) -> Self {
        let (dimension, outputs) = (ensemble.noise.dimension(), ensemble.noise.outputs());
        let width = padded(dimension);
        let (batches, scale) = match &ensemble.noise {
            NoiseSource::Minibatch(noise) => (Some(noise.batches()), 1.0 / ensemble.sgd.batch_size() as f64),
            NoiseSource::Gaussian(_) => (None, 1.0),
        };
        let mut chain = Self {
            dimension,
            outputs,
            width,
            position: zeros(width * outputs),
            velocity: zeros(width * outputs),
            gradient: zeros(width * outputs),
            normals: zeros(width),
            batches,
            scale,
        };
        chain.place(&ensemble.start, stream);
        chain
    }

    fn place(&mut self, start: &Start, stream: &mut ChaCha8Rng) {
        for output in 0..self.outputs {
            let first = output * self.width;
            for i in 0..self.dimension {
                self.position[first + i] = start.mean()[(i, output)];
            }
            if let Start::Gaussian { roots, .. } = start {
                let root = &roots[output];
                for column in root.column_iter() {
                    let normal: f64 = StandardNormal.sample(stream);
                    for i in 0..self.dimension {
                        self.position[first + i] += column[i] * normal;
                        self.velocity[first + i] += column[self.dimension + i] * normal;
                    }
                }
            }
        }
    }

    fn step(&mut self, ensemble: &Ensemble, arch: Arch, stream: &mut ChaCha8Rng) {
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

    fn record(&self, positions: &mut Vec<f64>, velocities: &mut Vec<f64>) {
        for output in 0..self.outputs {
            let row = output * self.width..output * self.width + self.dimension;
            positions.extend_from_slice(&self.position[row.clone()]);
            velocities.extend_from_slice(&self.velocity[row]);
        }
    }
}
