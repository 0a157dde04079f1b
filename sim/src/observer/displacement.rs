//! Mean squared displacement |theta_{s+t} - theta_s|^2 of one chain, for a list of lags t.

use super::origins::Origins;
use super::{Observer, ResumableObserver, StateBlock};
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Mean over origins of |theta_{s+t} - theta_s|^2 of one chain, for a list of lags t. Origins s are spaced evenly; an
/// origin counts for a lag when the chain is long enough.
#[derive(Clone, Debug)]
pub struct DisplacementObserver<'a> {
    origins: Origins<'a>,
    sums: Vec<f64>,
    counts: Vec<u64>,
    /// Length of a state; 0 before the first.
    width: usize,
}

impl<'a> DisplacementObserver<'a> {
    /// For ascending lags and a distance between origins of at least 1.
    pub fn new(lags: &'a [u64], spacing: u64) -> Self {
        Self {
            origins: Origins::new(lags, spacing),
            sums: vec![0.0; lags.len()],
            counts: vec![0; lags.len()],
            width: 0,
        }
    }
}

impl Observer for DisplacementObserver<'_> {
    type Output = Vec<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let Self { origins, sums, counts, width } = self;
        *width = block.width;
        origins.observe(block, |lag, (now, _), (then, _)| {
            counts[lag] += 1;
            sums[lag] += now.iter().zip(then).map(|(now, then)| (now - then) * (now - then)).sum::<f64>();
        });
    }

    fn finish(self) -> Vec<f64> {
        self.sums.iter().zip(&self.counts).map(|(sum, &count)| sum / count as f64).collect()
    }
}

impl ResumableObserver for DisplacementObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        state.count(self.width as u64);
        self.origins.save(state);
        state.counts(&self.counts);
        state.numbers(&self.sums);
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.width = state.count()? as usize;
        self.origins.restore(state, self.width)?;
        self.counts = state.counts()?;
        if self.counts.len() != self.origins.lags() {
            return Err(mismatch(format!("{} lags where there must be {}", self.counts.len(), self.origins.lags())));
        }
        state.numbers_into(&mut self.sums)
    }
}
