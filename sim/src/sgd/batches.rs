//! The three ways to draw batches, for many steps at a time.

use std::sync::Arc;

use langevin_lanes::{Kernel, Lanes, Processor};
use langevin_theory::Sampling;

use crate::error::Result;
use crate::random::{IndexRange, IndexRanges, Stream};
use crate::saved_state::{StateReader, StateWriter, mismatch};

/// How batches are drawn from a data set: what all chains share.
#[derive(Clone, Debug)]
pub(super) struct BatchPlan {
    sampling: Sampling,
    samples: u32,
    batch: usize,
    /// Bounds of the places of a partial or full shuffle.
    places: Arc<IndexRanges>,
}

impl BatchPlan {
    pub(super) fn new(sampling: Sampling, samples: usize, batch: usize) -> Self {
        let shuffled = match sampling {
            Sampling::WithReplacement => 0,
            Sampling::WithoutReplacement => batch,
            Sampling::Reshuffle => samples,
        };
        let samples = samples as u32;
        let places = Arc::new(IndexRanges::below((0..shuffled as u32).map(|place| samples - place)));
        Self { sampling, samples, batch, places }
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// A chain's own part, before its first batch.
    pub(super) fn start(&self) -> Batches {
        let order = match self.sampling {
            Sampling::WithReplacement => Vec::new(),
            Sampling::WithoutReplacement | Sampling::Reshuffle => (0..self.samples).collect(),
        };
        Batches { cursor: order.len(), order, drawn: Vec::new(), offsets: Vec::new() }
    }
}

/// The batches of one chain.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    /// A permutation of all samples; empty with replacement.
    order: Vec<u32>,
    /// Next unread place of a reshuffled epoch.
    cursor: usize,
    /// Scratch: the batches drawn last.
    drawn: Vec<u32>,
    /// Scratch: random places of a shuffle.
    offsets: Vec<u32>,
}

impl Batches {
    /// For noise that is not drawn from data.
    pub(super) fn none() -> Self {
        Self { order: Vec::new(), cursor: 0, drawn: Vec::new(), offsets: Vec::new() }
    }

    /// The sample numbers of the next `steps` batches, one after the other.
    pub(super) fn draw(&mut self, processor: Processor, plan: &BatchPlan, stream: &mut Stream, steps: usize) -> &[u32] {
        processor.run(Draw { batches: self, plan, stream, steps });
        &self.drawn[..steps * plan.batch]
    }

    /// The order of the samples and the place in it; batches with replacement have neither.
    pub(super) fn save(&self, state: &mut StateWriter) {
        state.count(self.cursor as u64);
        state.indices(&self.order);
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        let cursor = state.count()?;
        let order = state.indices()?;
        if order.len() != self.order.len() || cursor > order.len() as u64 {
            let found = format!("place {cursor} in an order of {} samples", order.len());
            return Err(mismatch(format!("{found}; there are {}", self.order.len())));
        }
        let mut seen = vec![false; order.len()];
        for &sample in &order {
            match seen.get_mut(sample as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(mismatch(format!("the order of the samples names {sample} twice or in vain"))),
            }
        }
        (self.order, self.cursor) = (order, cursor as usize);
        Ok(())
    }
}

struct Draw<'a> {
    batches: &'a mut Batches,
    plan: &'a BatchPlan,
    stream: &'a mut Stream,
    steps: usize,
}

impl Kernel for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { batches, plan, stream, steps } = self;
        let Batches { order, cursor, drawn, offsets } = batches;
        let mut registers = stream.lanes(lanes);
        match plan.sampling {
            Sampling::WithReplacement => {
                drawn.resize((steps * plan.batch).next_multiple_of(16), 0);
                IndexRange::below(plan.samples).fill(lanes, &mut registers, drawn);
            }
            Sampling::WithoutReplacement => {
                drawn.clear();
                offsets.resize(plan.places.padded(), 0);
                for _ in 0..steps {
                    plan.places.fill(lanes, &mut registers, offsets);
                    shuffle_front(order, &offsets[..plan.batch]);
                    drawn.extend_from_slice(&order[..plan.batch]);
                }
            }
            Sampling::Reshuffle => {
                drawn.clear();
                offsets.resize(plan.places.padded(), 0);
                for _ in 0..steps {
                    if *cursor + plan.batch > order.len() {
                        plan.places.fill(lanes, &mut registers, offsets);
                        let samples = order.len();
                        shuffle_front(order, &offsets[..samples]);
                        *cursor = 0;
                    }
                    drawn.extend_from_slice(&order[*cursor..*cursor + plan.batch]);
                    *cursor += plan.batch;
                }
            }
        }
        stream.keep(lanes, &registers);
    }
}

/// Fisher-Yates for the first places, given how far on from each its partner is. From any permutation it leaves a uniform
/// one.
#[inline(always)]
fn shuffle_front(order: &mut [u32], offsets: &[u32]) {
    for (place, &offset) in offsets.iter().enumerate() {
        order.swap(place, place + offset as usize);
    }
}
