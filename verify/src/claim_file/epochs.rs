//! Reshuffled epochs: what a claim about minibatch noise means there, its exact law, and how chains are read.
//!
//! The state depends on the place in the epoch, so every observable is the average over the places of an epoch, in the state
//! that repeats from epoch to epoch. Second moments come from the exact law of [`ReshuffledLaw`] where the orders of the
//! samples can be enumerated. There is no exact law of lagged products here: those are decided by simulation alone, over
//! whole epochs after a burn-in.

use langevin_sim::observer::{
    AutocovarianceObserver, ChainAutocovariance, ChainEnergies, DisplacementObserver, EnergyObserver, Observer,
    StateBlock,
};
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::{Hyperparameters, TheoryError};

use super::observable::Observable;
use crate::error::Result;
use crate::scenario::Prepared;

/// Most multiplications of one exact law: about a second.
const MOST_WORK: f64 = 5e8;

/// Relaxation times of the slowest mode after which chains from the minimum count as stationary: second moments are then off
/// by e^-16.
pub(crate) const BURN_IN: f64 = 8.0;

/// Most steps of a burn-in.
pub(crate) const LONGEST_BURN_IN: f64 = 20_000.0;

/// Stationary second moments of one mode, averaged over the places of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochAverages {
    pub(crate) position: f64,
    pub(crate) velocity: f64,
    pub(crate) cross: f64,
}

/// Whether the exact law of these data is within reach.
pub(crate) fn is_enumerable(samples: usize, batch: usize, dimension: usize) -> bool {
    ReshuffledLaw::multiplications(samples, batch, dimension) <= MOST_WORK
}

/// Observables that the exact law knows.
pub(crate) fn is_known(observable: Observable) -> bool {
    matches!(
        observable,
        Observable::VarTheta
            | Observable::VarV
            | Observable::CovThetaV
            | Observable::Speed
            | Observable::ExcessLoss
            | Observable::Kinetic
    )
}

/// The exact averages per mode with curvature; none where there is no stationary state or no exact law within reach.
pub(crate) fn averages(prepared: &Prepared, sgd: &Hyperparameters) -> Result<Option<Vec<EpochAverages>>> {
    let data = &prepared.dataset.problem;
    let dimension = data.dimension();
    if !is_enumerable(data.samples(), sgd.batch_size(), dimension) {
        return Ok(None);
    }
    let places = match ReshuffledLaw::new(data, sgd).and_then(|law| law.stationary(0)) {
        Ok(places) => places,
        Err(
            TheoryError::MeanSquareUnstable { .. }
            | TheoryError::Unstable { .. }
            | TheoryError::Singular { .. }
            | TheoryError::Overflow { .. }
            | TheoryError::NoExactLaw { .. }
            | TheoryError::BatchSize { .. },
        ) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let vectors = prepared.quadratic.eigenvectors();
    let share = 1.0 / places.len() as f64;
    let along = |row: usize, column: usize, mode: usize| -> f64 {
        let q = vectors.column(mode);
        let blocks = places.iter().map(|place| {
            let block = place.second_moment.view((row * dimension, column * dimension), (dimension, dimension));
            q.dot(&(block * q))
        });
        blocks.sum::<f64>() * share
    };
    Ok(Some(
        (0..prepared.quadratic.rank())
            .map(|mode| EpochAverages {
                position: along(0, 0, mode),
                velocity: along(1, 1, mode),
                cross: along(0, 1, mode),
            })
            .collect(),
    ))
}

/// What is kept of a chain, all of it over whole epochs.
pub(crate) struct EpochRecord {
    pub(crate) energies: ChainEnergies,
    /// Per lag.
    pub(crate) displacement: Vec<f64>,
    /// Per lag.
    pub(crate) products: Vec<ChainAutocovariance>,
}

/// Hands on the states from one step to another, both included.
struct Window<O> {
    inner: O,
    first: u64,
    last: u64,
}

impl<O: Observer> Observer for Window<O> {
    type Output = O::Output;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let states = (block.positions.len() / block.width.max(1)) as u64;
        let from = self.first.max(block.first_step);
        let to = (block.first_step + states).min(self.last + 1);
        if from < to {
            let part = |offset: u64| (offset - block.first_step) as usize * block.width;
            self.inner.observe(&StateBlock {
                first_step: from,
                positions: &block.positions[part(from)..part(to)],
                velocities: &block.velocities[part(from)..part(to)],
                width: block.width,
            });
        }
    }

    fn finish(self) -> O::Output {
        self.inner.finish()
    }
}

/// When chains are read: whole epochs from a boundary on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// First step that counts.
    pub(crate) first: u64,
    /// States that count: a whole number of epochs.
    pub(crate) states: u64,
}

impl Schedule {
    /// A schedule of at least `steps` states after a burn-in, with epochs of so many batches.
    pub(crate) fn new(burn_in: u64, steps: u64, batches: u64) -> Self {
        let whole = |steps: u64| steps.div_ceil(batches).max(1) * batches;
        Self { first: whole(burn_in), states: whole(steps) }
    }

    /// Steps of a chain whose last origin looks `lag` steps ahead.
    pub(crate) fn steps(self, lag: u64) -> u64 {
        self.first + self.states - 1 + lag
    }
}

/// Reads a chain over whole epochs: as many origins at every place.
pub(crate) struct EpochObserver<'a> {
    energies: Window<EnergyObserver<'a>>,
    displacement: Vec<Window<DisplacementObserver<'a>>>,
    products: Vec<Window<AutocovarianceObserver<'a>>>,
}

impl<'a> EpochObserver<'a> {
    pub(crate) fn new(observable: Observable, schedule: Schedule, lags: &'a [u64], centre: &'a [f64]) -> Self {
        let first = schedule.first;
        let single = |index: usize| &lags[index..=index];
        let when = |wanted: bool| 0..if wanted { lags.len() } else { 0 };
        let displacement = matches!(observable, Observable::Msd);
        let products = matches!(observable, Observable::AutocovTheta | Observable::AutocovV);
        Self {
            energies: Window { inner: EnergyObserver::new(centre, centre.len()), first, last: schedule.steps(0) },
            displacement: when(displacement)
                .map(|index| Window {
                    inner: DisplacementObserver::new(single(index), 1),
                    first,
                    last: schedule.steps(lags[index]),
                })
                .collect(),
            products: when(products)
                .map(|index| Window {
                    inner: AutocovarianceObserver::new(single(index), 1, centre, centre.len()),
                    first,
                    last: schedule.steps(lags[index]),
                })
                .collect(),
        }
    }
}

impl Observer for EpochObserver<'_> {
    type Output = EpochRecord;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.energies.observe(block);
        self.displacement.iter_mut().for_each(|observer| observer.observe(block));
        self.products.iter_mut().for_each(|observer| observer.observe(block));
    }

    fn finish(self) -> EpochRecord {
        EpochRecord {
            energies: self.energies.finish(),
            displacement: self.displacement.into_iter().flat_map(Window::finish).collect(),
            products: self.products.into_iter().map(Window::finish).collect(),
        }
    }
}
