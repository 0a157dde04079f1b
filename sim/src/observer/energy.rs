//! Time averages of x_i^2, v_i^2 and x_i v_i of one chain.

use super::{CoordinateObserver, Observer, ResumableObserver, StateBlock};
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

/// Collects [`ChainEnergies`].
#[derive(Clone, Debug)]
pub struct EnergyObserver<'a> {
    /// Sums over states and not yet over outputs.
    sums: CoordinateObserver<'a>,
    dimension: usize,
}

impl<'a> EnergyObserver<'a> {
    /// For states of `centre.len() / dimension` outputs.
    pub fn new(centre: &'a [f64], dimension: usize) -> Self {
        Self { sums: CoordinateObserver::new(centre), dimension: dimension.max(1) }
    }
}

impl Observer for EnergyObserver<'_> {
    type Output = ChainEnergies;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.sums.observe(block);
    }

    fn finish(self) -> ChainEnergies {
        let sums = self.sums.finish();
        let scale = 1.0 / sums.count.max(1) as f64;
        let mean = |sums: &[f64]| {
            let over_outputs = |i| sums.iter().skip(i).step_by(self.dimension).sum::<f64>() * scale;
            (0..self.dimension).map(over_outputs).collect()
        };
        ChainEnergies {
            position: mean(&sums.position_square),
            velocity: mean(&sums.velocity_square),
            cross: mean(&sums.product),
        }
    }
}

impl ResumableObserver for EnergyObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        self.sums.save(state);
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.sums.restore(state)
    }
}
