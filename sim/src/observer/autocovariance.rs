//! Products x_{s+n} x_s and v_{s+n} v_s of one chain at a list of lags n, per coordinate, x the deviation from a centre.

use super::origins::Origins;
use super::{Observer, ResumableObserver, StateBlock};
use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Means over origins s of products a lag apart, lags x dimension, summed over outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainAutocovariance {
    /// x_{s+n} x_s.
    pub position: Vec<f64>,
    /// v_{s+n} v_s.
    pub velocity: Vec<f64>,
}

/// Collects [`ChainAutocovariance`]. Origins are spaced evenly; an origin counts for a lag when the chain is long enough.
///
/// ```
/// use langevin_sim::observer::{AutocovarianceObserver, Observer, StateBlock};
/// let mut observer = AutocovarianceObserver::new(&[0, 1], 1, &[1.0], 1);
/// observer.observe(&StateBlock { first_step: 0, positions: &[2.0, 4.0], velocities: &[0.0, 1.0], width: 1 });
/// let products = observer.finish();
/// assert_eq!(products.position, [(1.0 + 9.0) / 2.0, 3.0]); // deviations from 1
/// assert_eq!(products.velocity, [0.5, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct AutocovarianceObserver<'a> {
    origins: Origins<'a>,
    centre: &'a [f64],
    dimension: usize,
    counts: Vec<u64>,
    sums: ChainAutocovariance,
}

impl<'a> AutocovarianceObserver<'a> {
    /// For ascending lags, a distance between origins of at least 1, and states of `centre.len() / dimension` outputs.
    pub fn new(lags: &'a [u64], spacing: u64, centre: &'a [f64], dimension: usize) -> Self {
        let zero = vec![0.0; lags.len() * dimension];
        Self {
            origins: Origins::new(lags, spacing),
            centre,
            dimension,
            counts: vec![0; lags.len()],
            sums: ChainAutocovariance { position: zero.clone(), velocity: zero },
        }
    }
}

impl Observer for AutocovarianceObserver<'_> {
    type Output = ChainAutocovariance;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let Self { origins, centre, dimension, counts, sums } = self;
        let dimension = *dimension;
        origins.observe(block, |lag, (x, v), (x0, v0)| {
            counts[lag] += 1;
            let place = lag * dimension..(lag + 1) * dimension;
            let products = &mut sums.position[place.clone()];
            for ((now, then), centre) in
                x.chunks_exact(dimension).zip(x0.chunks_exact(dimension)).zip(centre.chunks_exact(dimension))
            {
                for (((sum, now), then), centre) in products.iter_mut().zip(now).zip(then).zip(centre) {
                    *sum += (now - centre) * (then - centre);
                }
            }
            let products = &mut sums.velocity[place];
            for (now, then) in v.chunks_exact(dimension).zip(v0.chunks_exact(dimension)) {
                products.iter_mut().zip(now).zip(then).for_each(|((sum, now), then)| *sum += now * then);
            }
        });
    }

    fn finish(mut self) -> ChainAutocovariance {
        for part in [&mut self.sums.position, &mut self.sums.velocity] {
            for (sums, &count) in part.chunks_exact_mut(self.dimension).zip(&self.counts) {
                for sum in sums {
                    *sum /= count as f64;
                }
            }
        }
        self.sums
    }
}

impl ResumableObserver for AutocovarianceObserver<'_> {
    fn save(&self, state: &mut StateWriter) {
        self.origins.save(state);
        state.counts(&self.counts);
        state.numbers(&self.sums.position);
        state.numbers(&self.sums.velocity);
    }

    fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        self.origins.restore(state, self.centre.len())?;
        self.counts = state.counts()?;
        if self.counts.len() != self.origins.lags() {
            return Err(mismatch(format!("{} lags where there must be {}", self.counts.len(), self.origins.lags())));
        }
        state.numbers_into(&mut self.sums.position)?;
        state.numbers_into(&mut self.sums.velocity)
    }
}
