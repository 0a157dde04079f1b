//! Exact samples of an Ornstein-Uhlenbeck process
//!
//! ```text
//! dX = A (mu - X) dt + G dW
//! ```
//!
//! on a grid of times, for any drift A (n x n) and noise matrix G (n x m). Over a duration h the process moves by
//! `X' = mu + E (X - mu) + L z` with `E = e^{-Ah}` and `L L^T = int_0^h e^{-As} G G^T e^{-A^T s} ds`, and no step is too long
//! for that to be exact.
//!
//! E and L are computed here, by a route of their own, because samples that are to check a covariance must not be drawn from
//! it: Gauss-Legendre nodes `s_i`, weights `w_i` give the columns `sqrt(w_i) e^{-A s_i} G` of a root over a short duration,
//! and a root over twice the duration is `[L, E L]`. A root is never squared and taken again, so a singular `G G^T` (noise
//! on the velocities alone) is no special case. Chain c of seed s draws from the random stream (s, c) alone.

use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::error::{Result, SimError};

/// Nodes and weights of the eight-point Gauss-Legendre rule on [-1, 1], positive half.
const RULE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];

/// Largest |A| h of a duration that the rule is applied to. The integrand's powers then fall like (2 |A| h)^n / n!, and the
/// error of the rule, of order 16, is below 1e-20 of the integral.
const SHORT: f64 = 0.5;

/// Chains whose products are summed in one piece. The pieces are added in their order, so sums do not depend on threads.
const BLOCK: u64 = 1024;

/// Most doublings of a duration: |A| h up to 1e18.
const DOUBLINGS: u32 = 64;

/// Where paths start.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// At a point.
    Fixed(DVector<f64>),
    /// At a Gaussian draw.
    Gaussian {
        /// Mean, n.
        mean: DVector<f64>,
        /// A root L (n x k) of the covariance, L L^T.
        root: DMatrix<f64>,
    },
}

/// The motion over one duration.
#[derive(Clone, Debug)]
struct Transition {
    /// e^{-Ah}, n x n.
    propagator: DMatrix<f64>,
    /// L, n x k with k <= n.
    root: DMatrix<f64>,
}

impl Transition {
    fn over(drift: &DMatrix<f64>, noise: &DMatrix<f64>, duration: f64) -> Result<Self> {
        let rate = drift.column_iter().map(|column| column.lp_norm(1)).fold(0.0, f64::max);
        let mut doublings = 0;
        let mut short = duration;
        while rate * short > SHORT && doublings < DOUBLINGS {
            short *= 0.5;
            doublings += 1;
        }
        let (size, sources) = noise.shape();
        let mut columns = DMatrix::zeros(size, 2 * RULE.len() * sources);
        let nodes = RULE.iter().flat_map(|&(node, weight)| [(-node, weight), (node, weight)]);
        for (index, (node, weight)) in nodes.enumerate() {
            let elapsed = 0.5 * short * (1.0 + node);
            let column = (drift * -elapsed).exp() * noise * (0.5 * short * weight).sqrt();
            columns.columns_mut(index * sources, sources).copy_from(&column);
        }
        let mut transition = Self { propagator: (drift * -short).exp(), root: compressed(&columns) };
        for _ in 0..doublings {
            let Self { propagator, root } = &transition;
            let moved = propagator * root;
            let mut both = DMatrix::zeros(size, 2 * root.ncols());
            both.columns_mut(0, root.ncols()).copy_from(root);
            both.columns_mut(root.ncols(), root.ncols()).copy_from(&moved);
            transition = Self { propagator: propagator * propagator, root: compressed(&both) };
        }
        let numbers = transition.propagator.iter().chain(transition.root.iter());
        if rate * short > SHORT || numbers.into_iter().any(|value| !value.is_finite()) {
            return Err(SimError::InvalidValue {
                name: "duration",
                value: duration.to_string(),
                admissible: "so short that the propagator is a finite number".into(),
            });
        }
        Ok(transition)
    }

    /// Moves a deviation from mu on.
    fn apply(&self, deviation: &mut [f64], scratch: &mut [f64], stream: &mut ChaCha8Rng) {
        scratch.fill(0.0);
        for (column, value) in self.propagator.column_iter().zip(&*deviation) {
            scratch.iter_mut().zip(column.iter()).for_each(|(sum, entry)| *sum += entry * value);
        }
        kick(&self.root, scratch, stream);
        deviation.copy_from_slice(scratch);
    }
}

/// Adds root times standard normals.
fn kick(root: &DMatrix<f64>, state: &mut [f64], stream: &mut ChaCha8Rng) {
    for column in root.column_iter() {
        let normal: f64 = StandardNormal.sample(stream);
        state.iter_mut().zip(column.iter()).for_each(|(sum, entry)| *sum += entry * normal);
    }
}

/// A root with at most as many columns as rows and the same product with its transpose.
fn compressed(root: &DMatrix<f64>) -> DMatrix<f64> {
    root.transpose().qr().r().transpose()
}

/// Paths of an Ornstein-Uhlenbeck process at chosen times.
///
/// ```
/// use langevin_sim::ou::{Sampler, Start};
/// use nalgebra::{dmatrix, dvector};
/// // dX = -X dt + sqrt(2) dW from 3, looked at after 0, 1 and 5
/// let (drift, noise) = (dmatrix![1.0], dmatrix![2_f64.sqrt()]);
/// let start = Start::Fixed(dvector![3.0]);
/// let sampler = Sampler::new(&drift, dvector![0.0], &noise, &[1.0, 4.0], start, 7).unwrap();
/// let paths = sampler.run(0..2000, &|_| ());
/// let mean = |row: usize| paths.iter().map(|path| path[(row, 0)]).sum::<f64>() / 2000.0;
/// assert_eq!(mean(0), 3.0);
/// assert!((mean(1) - 3.0 * (-1.0_f64).exp()).abs() < 0.15); // seven standard errors
/// assert!(Sampler::new(&drift, dvector![0.0], &noise, &[-1.0], Start::Fixed(dvector![0.0]), 7).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    equilibrium: DVector<f64>,
    /// Deviation of the start's mean from mu.
    first: DVector<f64>,
    /// Root of the start's covariance.
    root: DMatrix<f64>,
    transitions: Vec<Transition>,
    /// For every duration, which transition it is.
    order: Vec<usize>,
    seed: u64,
}

impl Sampler {
    /// Paths with drift A (n x n), mean mu, noise matrix G (n x m) from a start, kept at the start and after each of the
    /// durations (time units of the process).
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] for shapes that do not fit, numbers that are not finite, a duration that is not above 0, or
    /// one over which the process grows beyond all numbers.
    pub fn new(
        drift: &DMatrix<f64>,
        equilibrium: DVector<f64>,
        noise: &DMatrix<f64>,
        durations: &[f64],
        start: Start,
        seed: u64,
    ) -> Result<Self> {
        let size = equilibrium.len();
        let (first, root) = match start {
            Start::Fixed(point) => (point, DMatrix::zeros(size, 0)),
            Start::Gaussian { mean, root } => (mean, root),
        };
        for (name, (rows, columns), fits, admissible) in [
            (
                "drift",
                drift.shape(),
                drift.shape() == (size, size) && size > 0,
                format!("{size} x {size}, at least 1 x 1"),
            ),
            ("noise", noise.shape(), noise.nrows() == size, format!("{size} x any")),
            ("start", first.shape(), first.len() == size, format!("{size} x 1")),
            ("the root of the start", root.shape(), root.nrows() == size, format!("{size} x any")),
        ] {
            if !fits {
                return Err(SimError::InvalidValue { name, value: format!("{rows} x {columns}"), admissible });
            }
        }
        let numbers = drift.iter().chain(&equilibrium).chain(noise).chain(&first).chain(&root);
        if let Some(bad) = numbers.into_iter().find(|value| !value.is_finite()) {
            return Err(SimError::InvalidValue {
                name: "the process",
                value: bad.to_string(),
                admissible: "finite throughout".into(),
            });
        }
        let mut known: Vec<f64> = Vec::new();
        let mut transitions = Vec::new();
        let mut order = Vec::new();
        for &duration in durations {
            if !(duration.is_finite() && duration > 0.0) {
                return Err(SimError::InvalidValue {
                    name: "duration",
                    value: duration.to_string(),
                    admissible: "finite and above 0".into(),
                });
            }
            let same = known.iter().position(|other| other.to_bits() == duration.to_bits());
            if same.is_none() {
                known.push(duration);
                transitions.push(Transition::over(drift, noise, duration)?);
            }
            order.push(same.unwrap_or(known.len() - 1));
        }
        let first = first - &equilibrium;
        Ok(Self { equilibrium, first, root, transitions, order, seed })
    }

    /// n.
    pub fn dimension(&self) -> usize {
        self.equilibrium.len()
    }

    /// States that are kept of a path: the start, and one after each duration.
    pub fn states(&self) -> usize {
        self.order.len() + 1
    }

    /// Writes the deviations from mu of one path, state after state.
    fn walk(&self, chain: u64, states: &mut [f64]) {
        let size = self.dimension();
        let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
        stream.set_stream(chain);
        let (mut deviation, mut scratch) = (self.first.as_slice().to_vec(), vec![0.0; size]);
        kick(&self.root, &mut deviation, &mut stream);
        let mut rows = states.chunks_exact_mut(size);
        if let Some(row) = rows.next() {
            row.copy_from_slice(&deviation);
        }
        for (row, &index) in rows.zip(&self.order) {
            self.transitions[index].apply(&mut deviation, &mut scratch, &mut stream);
            row.copy_from_slice(&deviation);
        }
    }

    /// The paths with these numbers, in their order, in parallel: each (states) x n. `progress` is told the number of moves.
    pub fn run(&self, chains: std::ops::Range<u64>, progress: &(dyn Fn(u64) + Sync)) -> Vec<DMatrix<f64>> {
        let (size, count) = (self.dimension(), self.states());
        chains
            .into_par_iter()
            .map(|chain| {
                let mut states = vec![0.0; count * size];
                self.walk(chain, &mut states);
                progress(self.order.len() as u64);
                DMatrix::from_fn(count, size, |row, i| self.equilibrium[i] + states[row * size + i])
            })
            .collect()
    }

    /// Sum over paths of `s s^T` with `s = (1, X_0 - c_0, X_1 - c_1, ...)`, one part per kept state: everything about first
    /// and second moments, lagged ones too, in memory that does not grow with the number of paths. `centres` are the c, one
    /// after the other ((states) x n numbers; missing ones count as mu).
    pub fn products(
        &self,
        chains: std::ops::Range<u64>,
        centres: &[f64],
        progress: &(dyn Fn(u64) + Sync),
    ) -> DMatrix<f64> {
        let (size, count) = (self.dimension(), self.states());
        let width = 1 + count * size;
        let shift: Vec<f64> = (0..count * size)
            .map(|index| centres.get(index).map_or(0.0, |centre| self.equilibrium[index % size] - centre))
            .collect();
        let blocks: Vec<u64> = (chains.start..chains.end).step_by(BLOCK as usize).collect();
        let sums: Vec<DMatrix<f64>> = blocks
            .into_par_iter()
            .map(|first| {
                let last = chains.end.min(first + BLOCK);
                let rows = (last - first) as usize;
                let mut states = vec![0.0; count * size];
                // a path is a column: columns are contiguous
                let mut stacked = DMatrix::zeros(width, rows);
                for (chain, mut column) in (first..last).zip(stacked.column_iter_mut()) {
                    self.walk(chain, &mut states);
                    column[0] = 1.0;
                    for (index, (state, shift)) in states.iter().zip(&shift).enumerate() {
                        column[1 + index] = state + shift;
                    }
                }
                progress((rows * self.order.len()) as u64);
                &stacked * stacked.transpose()
            })
            .collect();
        sums.into_iter().fold(DMatrix::zeros(width, width), |total, sum| total + sum)
    }
}
