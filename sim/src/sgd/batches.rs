//! The three ways to draw batches.

use langevin_theory::Sampling;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// Draws one batch after the other for one chain.
pub(super) struct Batches {
    sampling: Sampling,
    /// With replacement: the batch. Otherwise: a permutation of all samples.
    order: Vec<u32>,
    samples: u32,
    batch: usize,
    /// Next unread place of a reshuffled epoch.
    cursor: usize,
}

impl Batches {
    pub(super) fn new(sampling: Sampling, samples: usize, batch: usize) -> Self {
        let order = match sampling {
            Sampling::WithReplacement => vec![0; batch],
            Sampling::WithoutReplacement | Sampling::Reshuffle => (0..samples as u32).collect(),
        };
        Self { sampling, order, samples: samples as u32, batch, cursor: samples }
    }

    /// The sample numbers of the next batch.
    pub(super) fn draw(&mut self, stream: &mut ChaCha8Rng) -> &[u32] {
        match self.sampling {
            Sampling::WithReplacement => {
                let samples = self.samples;
                self.order.iter_mut().for_each(|index| *index = stream.random_range(0..samples));
                &self.order
            }
            Sampling::WithoutReplacement => {
                self.shuffle_front(stream, self.batch);
                &self.order[..self.batch]
            }
            Sampling::Reshuffle => {
                if self.cursor + self.batch > self.order.len() {
                    self.shuffle_front(stream, self.order.len());
                    self.cursor = 0;
                }
                let batch = &self.order[self.cursor..self.cursor + self.batch];
                self.cursor += self.batch;
                batch
            }
        }
    }

    /// The order of the samples and the place in it; batches with replacement have neither.
    pub(super) fn save(&self, state: &mut StateWriter) {
        if self.sampling != Sampling::WithReplacement {
            state.count(self.cursor as u64);
            self.order.iter().for_each(|&sample| state.count(u64::from(sample)));
        }
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        if self.sampling == Sampling::WithReplacement {
            return Ok(());
        }
        self.cursor = state.count()? as usize;
        let mut seen = vec![false; self.order.len()];
        for place in &mut self.order {
            let sample = state.count()?;
            match seen.get_mut(sample as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(mismatch(format!("the order of the samples names {sample} twice or in vain"))),
            }
            *place = sample as u32;
        }
        if self.cursor > self.order.len() {
            return Err(mismatch(format!("sample {} of {} is next", self.cursor, self.order.len())));
        }
        Ok(())
    }

    /// Fisher-Yates for the first `count` places. From any permutation it leaves a uniform one.
    fn shuffle_front(&mut self, stream: &mut ChaCha8Rng, count: usize) {
        for place in 0..count {
            let other = stream.random_range(place as u32..self.samples) as usize;
            self.order.swap(place, other);
        }
    }
}
