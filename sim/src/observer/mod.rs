//! What looks at chains while they run. Observers receive blocks of consecutive states of one chain, not single steps, and
//! return one value per chain. Blocks begin at multiples of [`crate::sgd::BLOCK_STEPS`], wherever a run was interrupted, so
//! sums over blocks have the same bits in every run.

mod autocovariance;
mod coordinates;
mod displacement;
mod distances;
mod energy;
mod origins;
mod second_moments;
mod snapshot;

pub use autocovariance::{AutocovarianceObserver, ChainAutocovariance};
pub use coordinates::{CoordinateObserver, CoordinateSums};
pub use displacement::DisplacementObserver;
pub use distances::{DistanceObserver, Distances};
pub use energy::{ChainEnergies, EnergyObserver};
pub use second_moments::SecondMomentObserver;
pub use snapshot::SnapshotObserver;

use langevin_lanes::{LANES, Lanes};

use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Consecutive states of one chain. Row r holds the state after `first_step + r` steps: `outputs` groups of `dimension`
/// coordinates. Step 0 is the initial state.
#[derive(Clone, Copy, Debug)]
pub struct StateBlock<'a> {
    /// Step number of the first row.
    pub first_step: u64,
    /// Positions, rows x width.
    pub positions: &'a [f64],
    /// Velocities, rows x width.
    pub velocities: &'a [f64],
    /// Length of a row: outputs x dimension.
    pub width: usize,
}

impl<'a> StateBlock<'a> {
    /// The rows as (step, position, velocity).
    pub fn rows(&self) -> impl Iterator<Item = (u64, &'a [f64], &'a [f64])> + use<'a> {
        let first = self.first_step;
        self.positions
            .chunks_exact(self.width)
            .zip(self.velocities.chunks_exact(self.width))
            .enumerate()
            .map(move |(row, (position, velocity))| (first + row as u64, position, velocity))
    }
}

/// Looks at one chain and summarises it.
pub trait Observer {
    /// What is kept of a chain.
    type Output: Send;

    /// Called with every block of states, in order, without gaps.
    fn observe(&mut self, block: &StateBlock<'_>);

    /// Called after the last block.
    fn finish(self) -> Self::Output;
}

/// An observer whose state can be saved between two blocks. [`restore`](Self::restore) is called on an observer made with
/// the same settings, before its first block.
///
/// ```
/// use langevin_sim::observer::{EnergyObserver, Observer, ResumableObserver, StateBlock};
/// use langevin_sim::saved_state::{StateReader, StateWriter};
/// let block = |first_step| StateBlock { first_step, positions: &[0.1, 0.2], velocities: &[0.3, 0.4], width: 1 };
/// let mut whole = EnergyObserver::new(&[0.0], 1);
/// whole.observe(&block(0));
/// let mut state = StateWriter::default();
/// whole.save(&mut state);
/// let bytes = state.into_bytes();
/// let mut resumed = EnergyObserver::new(&[0.0], 1);
/// resumed.restore(&mut StateReader::new(&bytes)).unwrap();
/// whole.observe(&block(2));
/// resumed.observe(&block(2));
/// assert_eq!(whole.finish(), resumed.finish());
/// ```
pub trait ResumableObserver: Observer {
    /// Writes the whole state.
    fn save(&self, state: &mut StateWriter);

    /// Takes a saved state.
    ///
    /// # Errors
    /// [`crate::SimError::SavedState`] when it is not the state of an observer with these settings.
    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()>;
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    type Output = (A::Output, B::Output);

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.0.observe(block);
        self.1.observe(block);
    }

    fn finish(self) -> Self::Output {
        (self.0.finish(), self.1.finish())
    }
}

impl<A: ResumableObserver, B: ResumableObserver> ResumableObserver for (A, B) {
    fn save(&self, state: &mut StateWriter) {
        self.0.save(state);
        self.1.save(state);
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.0.restore(state)?;
        self.1.restore(state)
    }
}

/// An observer that may be absent.
impl<O: Observer> Observer for Option<O> {
    type Output = Option<O::Output>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        if let Some(inner) = self {
            inner.observe(block);
        }
    }

    fn finish(self) -> Self::Output {
        self.map(Observer::finish)
    }
}

impl<O: ResumableObserver> ResumableObserver for Option<O> {
    fn save(&self, state: &mut StateWriter) {
        state.count(u64::from(self.is_some()));
        if let Some(inner) = self {
            inner.save(state);
        }
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        match (self, state.count()?) {
            (None, 0) => Ok(()),
            (Some(inner), 1) => inner.restore(state),
            (_, found) => Err(mismatch(format!("an observer is there ({found}) or absent otherwise"))),
        }
    }
}

/// The first eight values, or all there are and zeros.
#[inline(always)]
pub(super) fn part<L: Lanes>(lanes: L, values: &[f64]) -> L::F {
    if let Some(eight) = values.first_chunk::<LANES>() {
        lanes.load(eight)
    } else {
        let mut padded = [0.0; LANES];
        padded[..values.len()].copy_from_slice(values);
        lanes.load(&padded)
    }
}
