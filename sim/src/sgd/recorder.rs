//! States of a chain, one row per step, as observers see them.

use langevin_lanes::{LANES, Lanes, Line, as_values};

/// Room behind the last row: whole lines are written, and what is beyond a row is overwritten by the next.
pub(super) const SLACK: usize = LANES;

/// Writes rows of positions and velocities. A row holds `outputs` groups of `dimension` coordinates, without padding.
pub(super) struct Recorder<'a> {
    pub(super) positions: &'a mut [f64],
    pub(super) velocities: &'a mut [f64],
    pub(super) dimension: usize,
    /// Where the next row begins.
    pub(super) next: usize,
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
