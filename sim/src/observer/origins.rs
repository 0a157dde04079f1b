//! Pairs of states of one chain a list of lags apart. Origins are spaced evenly from step 0; an origin is kept until the
//! chain has gone the longest lag beyond it.

use std::collections::VecDeque;

use super::StateBlock;
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// A state: position and velocity.
pub(super) type State<'a> = (&'a [f64], &'a [f64]);

/// The origins whose lags are not all reached.
#[derive(Clone, Debug)]
pub(super) struct Origins<'a> {
    /// Ascending.
    lags: &'a [u64],
    spacing: u64,
    open: VecDeque<Origin>,
}

#[derive(Clone, Debug)]
struct Origin {
    step: u64,
    /// First lag that is not reached.
    next: usize,
    position: Vec<f64>,
    velocity: Vec<f64>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(lags: &'a [u64], spacing: u64) -> Self {
        Self { lags, spacing: spacing.max(1), open: VecDeque::new() }
    }

    pub(super) fn lags(&self) -> usize {
        self.lags.len()
    }

    /// Calls `pair(lag index, state now, state then)` for every pair that ends in this block: for one lag in the order of
    /// the steps.
    pub(super) fn observe(&mut self, block: &StateBlock<'_>, mut pair: impl FnMut(usize, State<'_>, State<'_>)) {
        let rows = (block.positions.len() / block.width) as u64;
        let end = block.first_step + rows;
        let row = |step: u64| {
            let first = (step - block.first_step) as usize * block.width;
            let place = first..first + block.width;
            (&block.positions[place.clone()], &block.velocities[place])
        };
        let mut step = block.first_step.next_multiple_of(self.spacing);
        while step < end {
            let (position, velocity) = row(step);
            self.open.push_back(Origin { step, next: 0, position: position.to_vec(), velocity: velocity.to_vec() });
            step += self.spacing;
        }
        for origin in &mut self.open {
            while let Some(lag) = self.lags.get(origin.next).filter(|&&lag| origin.step + lag < end) {
                let now = origin.step + lag;
                if now >= block.first_step {
                    pair(origin.next, row(now), (&origin.position, &origin.velocity));
                }
                origin.next += 1;
            }
        }
        self.open.retain(|origin| origin.next < self.lags.len());
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        state.count(self.open.len() as u64);
        for origin in &self.open {
            state.count(origin.step);
            state.count(origin.next as u64);
            state.numbers(&origin.position);
            state.numbers(&origin.velocity);
        }
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>, width: usize) -> Result<()> {
        self.open.clear();
        for _ in 0..state.count()? {
            let (step, next) = (state.count()?, state.count()? as usize);
            let (position, velocity) = (state.numbers()?, state.numbers()?);
            if step > u64::MAX / 2 || next >= self.lags.len() || position.len() != width || velocity.len() != width {
                return Err(mismatch("an origin of another problem"));
            }
            self.open.push_back(Origin { step, next, position, velocity });
        }
        Ok(())
    }
}
