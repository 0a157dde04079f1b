//! Time averages of x_i^2, v_i^2 and x_i v_i of one chain. Sums run within blocks first: the rounding of a long chain then
//! grows with the number of its blocks, not of its steps.

use super::{Observer, ResumableObserver, StateBlock};
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter};

/// Time averages of x^2, v^2 and x v of one chain, coordinate by coordinate, summed over outputs; x is the deviation from a
/// centre.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainEnergies {
    /// Mean over time of sum over outputs of x_i^2, per coordinate.
    pub position: Vec<f64>,
    /// The same of v_i^2.
    pub velocity: Vec<f64>,
    /// The same of x_i v_i.
    pub cross: Vec<f64>,
}

impl ChainEnergies {
    fn zero(dimension: usize) -> Self {
        let zero = vec![0.0; dimension];
        Self { position: zero.clone(), velocity: zero.clone(), cross: zero }
    }

    fn parts(&mut self) -> [&mut Vec<f64>; 3] {
        [&mut self.position, &mut self.velocity, &mut self.cross]
    }
}

/// Collects [`ChainEnergies`].
#[derive(Clone, Debug)]
pub struct EnergyObserver<'a> {
    centre: &'a [f64],
    sums: ChainEnergies,
    /// Sums of the block at hand.
    block: ChainEnergies,
    count: u64,
}

impl<'a> EnergyObserver<'a> {
    /// For states of `centre.len() / dimension` outputs.
    pub fn new(centre: &'a [f64], dimension: usize) -> Self {
        Self { centre, sums: ChainEnergies::zero(dimension), block: ChainEnergies::zero(dimension), count: 0 }
    }
}

impl Observer for EnergyObserver<'_> {
    type Output = ChainEnergies;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let dimension = self.sums.position.len();
        self.block.parts().into_iter().for_each(|part| part.fill(0.0));
        for (_, position, velocity) in block.rows() {
            self.count += 1;
            for ((x, v), centre) in position
                .chunks_exact(dimension)
                .zip(velocity.chunks_exact(dimension))
                .zip(self.centre.chunks_exact(dimension))
            {
                let sums =
                    self.block.position.iter_mut().zip(self.block.velocity.iter_mut()).zip(self.block.cross.iter_mut());
                for (((x, v), c), ((xx, vv), xv)) in x.iter().zip(v).zip(centre).zip(sums) {
                    let deviation = x - c;
                    *xx += deviation * deviation;
                    *vv += v * v;
                    *xv += deviation * v;
                }
            }
        }
        for (total, part) in self.sums.parts().into_iter().zip(self.block.parts()) {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += *part);
        }
    }

    fn finish(mut self) -> ChainEnergies {
        let scale = 1.0 / self.count.max(1) as f64;
        self.sums.parts().into_iter().flatten().for_each(|sum| *sum *= scale);
        self.sums
    }
}

impl ResumableObserver for EnergyObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        state.count(self.count);
        for part in [&self.sums.position, &self.sums.velocity, &self.sums.cross] {
            state.numbers(part);
        }
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.count = state.count()?;
        self.sums.parts().into_iter().try_for_each(|part| state.numbers_into(part))
    }
}
