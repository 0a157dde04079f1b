//! Joining the results of units in an order that depends on nothing but the problem: the blocks of a point are the leaves of
//! a binary tree, and a node is always its left half joined with its right half. Whoever holds both halves joins them, so
//! what is held stays small, and floating-point sums have the same bits for any number of threads, shards and interruptions.

use std::collections::BTreeMap;

use langevin_sim::saved_state::{StateReader, StateWriter, mismatch};
use langevin_sim::{MomentsOfMany, SimError};

/// Result of a range of chains.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    /// Over chains, of every quantity.
    pub(super) moments: MomentsOfMany,
    /// Chains x kept steps x 2 x outputs x dimension.
    pub(super) trajectory: Vec<f64>,
}

impl Block {
    fn merged(self, other: Self) -> Self {
        let mut trajectory = self.trajectory;
        trajectory.extend(other.trajectory);
        Self { moments: self.moments.merged(&other.moments), trajectory }
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        self.moments.save(state);
        state.numbers(&self.trajectory);
    }

    pub(super) fn restore(state: &mut StateReader<'_>, quantities: usize) -> Result<Self, SimError> {
        Ok(Self { moments: MomentsOfMany::restore(state, quantities)?, trajectory: state.numbers()? })
    }
}

/// A node: point, level (0 for a leaf), index within the level. It covers the blocks from index * 2^level on.
type Node = (usize, u32, usize);

/// Nodes of all points that are not yet joined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reduction {
    points: usize,
    blocks: usize,
    nodes: BTreeMap<Node, Block>,
}

impl Reduction {
    pub(super) fn new(points: usize, blocks: usize) -> Self {
        Self { points, blocks, nodes: BTreeMap::new() }
    }

    /// Level of the root.
    fn top(&self) -> u32 {
        self.blocks.next_power_of_two().trailing_zeros()
    }

    /// Adds the result of one block of one point.
    pub(super) fn insert(&mut self, point: usize, block: usize, result: Block) {
        self.insert_node((point, 0, block), result);
    }

    fn insert_node(&mut self, (point, mut level, mut index): Node, mut result: Block) {
        while level < self.top() {
            let sibling = index ^ 1;
            if sibling << level < self.blocks {
                let Some(other) = self.nodes.remove(&(point, level, sibling)) else { break };
                result = if sibling > index { result.merged(other) } else { other.merged(result) };
            }
            level += 1;
            index /= 2;
        }
        self.nodes.insert((point, level, index), result);
    }

    /// Whether the result of a block is in.
    pub(super) fn covers(&self, point: usize, block: usize) -> bool {
        (0..=self.top()).any(|level| self.nodes.contains_key(&(point, level, block >> level)))
    }

    /// The result of a point, when all its blocks are in.
    pub(super) fn root(&self, point: usize) -> Option<&Block> {
        self.nodes.get(&(point, self.top(), 0))
    }

    /// Takes the nodes of another part of the same run.
    pub(super) fn absorb(&mut self, other: Self) {
        for (node, result) in other.nodes {
            self.insert_node(node, result);
        }
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        state.count(self.nodes.len() as u64);
        for ((point, level, index), result) in &self.nodes {
            for part in [*point as u64, u64::from(*level), *index as u64] {
                state.count(part);
            }
            result.save(state);
        }
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>, quantities: usize) -> Result<(), SimError> {
        for _ in 0..state.count()? {
            let (point, level, index) = (state.count()? as usize, state.count()?, state.count()? as usize);
            if point >= self.points || level > u64::from(self.top()) || index >= self.blocks.div_ceil(1 << level) {
                return Err(mismatch(format!("a result of block {index}, level {level}, of point {point}")));
            }
            self.nodes.insert((point, level as u32, index), Block::restore(state, quantities)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(block: usize) -> Block {
        let mut moments = MomentsOfMany::default();
        moments.push(&[(block as f64 * 0.7).sin(), 0.1 * block as f64]);
        Block { moments, trajectory: vec![block as f64] }
    }

    /// Any order of arrival and any division into parts give the same bits; chains are in order.
    #[test]
    fn the_tree_does_not_depend_on_the_order_of_arrival() {
        for blocks in [1, 2, 3, 5, 8, 13, 64, 100] {
            let mut in_order = Reduction::new(1, blocks);
            (0..blocks).for_each(|block| in_order.insert(0, block, leaf(block)));
            let root = in_order.root(0).expect("all blocks are in");
            assert_eq!(root.trajectory, (0..blocks).map(|block| block as f64).collect::<Vec<_>>());
            for step in [1, 7, 11].into_iter().filter(|step| blocks % step != 0 || *step == 1) {
                let mut parts = [Reduction::new(1, blocks), Reduction::new(1, blocks)];
                for place in (0..blocks).rev() {
                    let block = place * step % blocks;
                    let part = &mut parts[usize::from(block > blocks / 3)];
                    assert!(!part.covers(0, block));
                    part.insert(0, block, leaf(block));
                    assert!(part.covers(0, block));
                }
                let [mut left, right] = parts;
                assert!(right.nodes.len() <= 2 * right.top() as usize + 1);
                left.absorb(right);
                assert_eq!(left, in_order, "{blocks} blocks, step {step}");
            }
        }
    }
}
