//! How the work of a run is divided. A unit is a range of chains of one point of the sweep; how many units there are follows
//! from the problem alone. Shard I of N owns the units from (I - 1) U / N to I U / N, so every shard is a range, neighbouring
//! ranges of chains meet in one shard, and shards beyond the number of units are empty.

use std::ops::Range;

use super::shard::Shard;

/// Most ranges into which the chains of a point are divided.
const MOST_BLOCKS: u64 = 1024;

/// The units of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Units {
    points: usize,
    chains: u64,
    blocks: usize,
}

impl Units {
    pub(super) fn new(points: usize, chains: u64) -> Self {
        Self { points, chains, blocks: chains.min(MOST_BLOCKS) as usize }
    }

    /// Ranges of chains per point.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) fn points(&self) -> usize {
        self.points
    }

    /// Point and block of a unit.
    pub(super) fn place(&self, unit: usize) -> (usize, usize) {
        (unit / self.blocks, unit % self.blocks)
    }

    /// The chains of a unit.
    pub(super) fn chains(&self, unit: usize) -> Range<u64> {
        let first = |block: usize| part(self.chains, block as u64, self.blocks as u64);
        let (_, block) = self.place(unit);
        first(block)..first(block + 1)
    }

    /// The units of a shard.
    pub(super) fn owned(&self, shard: Shard) -> Range<usize> {
        let units = (self.points * self.blocks) as u64;
        part(units, shard.index() - 1, shard.count()) as usize..part(units, shard.index(), shard.count()) as usize
    }
}

/// total * index / count, which need not overflow.
fn part(total: u64, index: u64, count: u64) -> u64 {
    (u128::from(total) * u128::from(index) / u128::from(count)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_cover_all_chains_once() {
        for chains in [1, 2, 1023, 1024, 1025, 5000, u64::MAX / 2] {
            let units = Units::new(3, chains);
            let mut next = 0;
            for block in 0..units.blocks() {
                let range = units.chains(units.blocks() + block);
                assert!(range.start == next && range.end > next, "{chains}: {range:?}");
                next = range.end;
            }
            assert_eq!(next, chains);
        }
    }

    #[test]
    fn shards_cover_all_units_once() {
        for (points, chains, count) in [(1, 1, 5), (1, 7, 3), (4, 2000, 9), (3, 10, 1)] {
            let units = Units::new(points, chains);
            let mut next = 0;
            for index in 1..=count {
                let owned = units.owned(Shard::new(index, count).unwrap());
                assert_eq!(owned.start, next);
                next = owned.end;
            }
            assert_eq!(next, points * units.blocks());
        }
    }
}
