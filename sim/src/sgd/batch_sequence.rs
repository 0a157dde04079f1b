//! The batches of one chain, for programs that compute gradients in another way: for a seed and a chain number they are those
//! that [`super::Ensemble`] draws for a chain with a fixed start.

use langevin_lanes::Processor;
use langevin_theory::{Hyperparameters, Sampling};

use super::batches::{BatchPlan, Batches};
use super::ensemble::BLOCK_STEPS;
use crate::error::{Result, SimError};
use crate::random::Stream;
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// One batch after another.
///
/// ```
/// use langevin_sim::sgd::BatchSequence;
/// use langevin_theory::{Hyperparameters, Sampling};
/// let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 3).unwrap();
/// let mut batches = BatchSequence::new(6, &sgd, Sampling::Reshuffle, 1, 0).unwrap();
/// let mut epoch = batches.next_batch().to_vec();
/// epoch.extend(batches.next_batch());
/// epoch.sort_unstable();
/// assert_eq!(epoch, [0, 1, 2, 3, 4, 5]);
/// assert_eq!(batches.step(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct BatchSequence {
    processor: Processor,
    plan: BatchPlan,
    /// The state before the block at hand was drawn, from which it can be drawn again.
    before: (Stream, Batches),
    stream: Stream,
    batches: Batches,
    /// Sample numbers of the block at hand.
    block: Vec<u32>,
    /// The first step of the block at hand.
    first: u64,
    /// Batches handed out.
    step: u64,
}

impl BatchSequence {
    /// The batches of a chain from `samples` samples.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] for no samples, more than 2^32 - 1, or a batch that does not fit.
    pub fn new(samples: usize, sgd: &Hyperparameters, sampling: Sampling, seed: u64, chain: u64) -> Result<Self> {
        let batch = sgd.batch_size();
        if samples == 0 || u32::try_from(samples).is_err() {
            let admissible = "between 1 and 2^32 - 1".into();
            return Err(SimError::InvalidValue {
                name: "the number of samples",
                value: samples.to_string(),
                admissible,
            });
        }
        if batch > samples && sampling != Sampling::WithReplacement {
            let admissible =
                format!("at most the number of samples ({samples}) unless batches are drawn with replacement");
            return Err(SimError::InvalidValue { name: "batch_size", value: batch.to_string(), admissible });
        }
        let plan = BatchPlan::new(sampling, samples, batch);
        let (stream, batches) = (Stream::new(seed, chain), plan.start());
        let before = (stream.clone(), batches.clone());
        let mut made =
            Self { processor: Processor::best(), plan, before, stream, batches, block: Vec::new(), first: 0, step: 0 };
        made.draw_block();
        Ok(made)
    }

    /// Steps of the block that begins at a step. A chain's first block of states is its start and one step less.
    fn length(first: u64) -> u64 {
        if first == 0 { BLOCK_STEPS - 1 } else { BLOCK_STEPS }
    }

    fn draw_block(&mut self) {
        self.before = (self.stream.clone(), self.batches.clone());
        let steps = Self::length(self.first) as usize;
        let drawn = self.batches.draw(self.processor, &self.plan, &mut self.stream, steps);
        self.block.clear();
        self.block.extend_from_slice(drawn);
    }

    /// The sample numbers of the next batch.
    pub fn next_batch(&mut self) -> &[u32] {
        if self.step == self.first + Self::length(self.first) {
            self.first = self.step;
            self.draw_block();
        }
        let at = (self.step - self.first) as usize * self.plan.batch();
        self.step += 1;
        &self.block[at..at + self.plan.batch()]
    }

    /// Batches handed out so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Writes the place in the sequence.
    pub fn save(&self, state: &mut StateWriter) {
        state.count(self.first);
        state.count(self.step);
        state.piece(&self.before.0.to_bytes());
        self.before.1.save(state);
    }

    /// Goes to a saved place of the same sequence.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when it is not the place of such a sequence.
    ///
    /// ```
    /// # use langevin_sim::saved_state::{StateReader, StateWriter};
    /// # use langevin_sim::sgd::BatchSequence;
    /// # use langevin_theory::{Hyperparameters, Sampling};
    /// # let sgd = Hyperparameters::new(0.1, 0.9, 0.0, 3).unwrap();
    /// # let start = || BatchSequence::new(60, &sgd, Sampling::Reshuffle, 1, 0).unwrap();
    /// let mut batches = start();
    /// (0..70).for_each(|_| drop(batches.next_batch()));
    /// let mut state = StateWriter::default();
    /// batches.save(&mut state);
    /// let bytes = state.into_bytes();
    /// let mut resumed = start();
    /// resumed.restore(&mut StateReader::new(&bytes)).unwrap();
    /// assert_eq!(resumed.next_batch(), batches.next_batch());
    /// ```
    pub fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        let (first, step) = (state.count()?, state.count()?);
        let begins = first == 0 || first % BLOCK_STEPS == BLOCK_STEPS - 1;
        if !begins || step < first || step - first > Self::length(first) {
            return Err(mismatch(format!("step {step} is not in a block that begins at step {first}")));
        }
        let bytes = state.piece()?;
        self.stream = Stream::from_bytes(bytes)
            .ok_or_else(|| mismatch(format!("{} bytes are no state of a random stream", bytes.len())))?;
        self.batches.restore(state)?;
        self.first = first;
        self.draw_block();
        self.step = step;
        Ok(())
    }
}
