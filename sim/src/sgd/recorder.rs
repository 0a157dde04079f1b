//! States of a chain, one row per step, as observers see them.

use langevin_lanes::{LANES, Lanes, Line, as_values};

use crate::observer::StateBlock;

/// Room behind the last row: whole lines are written, and what is beyond a row is overwritten by the next.
const SLACK: usize = LANES;

/// The states of a block: rows of `outputs` groups of `dimension` coordinates, without padding.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    positions: Vec<f64>,
    velocities: Vec<f64>,
    dimension: usize,
    width: usize,
    filled: usize,
    /// Where a recorder begins.
    next: usize,
}

/// Writes rows of positions and velocities.
pub(super) struct Recorder<'a> {
    positions: &'a mut [f64],
    velocities: &'a mut [f64],
    pub(super) dimension: usize,
    /// Where the next row begins.
    next: usize,
}

impl Rows {
    /// Room for the states of a new block.
    pub(super) fn make_room(&mut self, dimension: usize, outputs: usize, states: usize) {
        (self.dimension, self.width) = (dimension, outputs * dimension);
        (self.filled, self.next) = (states * self.width, 0);
        self.positions.resize(self.filled + SLACK, 0.0);
        self.velocities.resize(self.filled + SLACK, 0.0);
    }

    /// Records the state before the first step.
    pub(super) fn record(&mut self, lines: usize, position: &[Line], velocity: &[Line]) {
        let mut recorder = self.recorder();
        recorder.record(lines, position, velocity);
        self.next = recorder.next;
    }

    /// For the states that are not recorded yet.
    pub(super) fn recorder(&mut self) -> Recorder<'_> {
        let Self { positions, velocities, dimension, next, .. } = self;
        Recorder { positions, velocities, dimension: *dimension, next: *next }
    }

    /// The block, of which `first_step` is the first.
    pub(super) fn block(&self, first_step: u64) -> StateBlock<'_> {
        StateBlock {
            first_step,
            positions: &self.positions[..self.filled],
            velocities: &self.velocities[..self.filled],
            width: self.width,
        }
    }
}

impl Recorder<'_> {
    /// The state of one output, in registers.
    #[inline(always)]
    pub(super) fn record_registers<L: Lanes, const V: usize>(
        &mut self,
        lanes: L,
        position: &[L::F; V],
        velocity: &[L::F; V],
    ) {
        let row = self.next..self.next + V * LANES;
        let (positions, _) = self.positions[row.clone()].as_chunks_mut::<LANES>();
        let (velocities, _) = self.velocities[row].as_chunks_mut::<LANES>();
        for j in 0..V {
            lanes.store(position[j], &mut positions[j]);
            lanes.store(velocity[j], &mut velocities[j]);
        }
        self.next += self.dimension;
    }

    /// The place of one output's next state, as lines. What is written beyond the row is overwritten by the next one, or lies
    /// behind the last row.
    #[inline(always)]
    pub(super) fn next_row(&mut self) -> (&mut [[f64; LANES]], &mut [[f64; LANES]]) {
        let row = self.next..self.next + self.dimension.next_multiple_of(LANES);
        self.next += self.dimension;
        (self.positions[row.clone()].as_chunks_mut().0, self.velocities[row].as_chunks_mut().0)
    }

    /// The state of all outputs, of `lines` lines each.
    #[inline(always)]
    pub(super) fn record(&mut self, lines: usize, position: &[Line], velocity: &[Line]) {
        for (position, velocity) in position.chunks_exact(lines).zip(velocity.chunks_exact(lines)) {
            let row = self.next..self.next + self.dimension;
            self.positions[row.clone()].copy_from_slice(&as_values(position)[..self.dimension]);
            self.velocities[row].copy_from_slice(&as_values(velocity)[..self.dimension]);
            self.next += self.dimension;
        }
    }
}
