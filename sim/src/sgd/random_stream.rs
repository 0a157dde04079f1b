//! The random numbers of one chain: ChaCha8 (Bernstein 2008), keyed by the seed, with the chain's number as stream. A stream
//! knows its position, so it can be left and taken up again anywhere.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::error::Result;
use crate::saved_state::{StateReader, StateWriter};

/// Random numbers of one chain.
#[derive(Debug)]
pub(super) struct RandomStream {
    generator: ChaCha8Rng,
}

impl RandomStream {
    pub(super) fn new(seed: u64, chain: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(chain);
        Self { generator }
    }

    pub(super) fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.generator
    }

    /// The position only: seed and chain are known to whoever restores.
    pub(super) fn save(&self, state: &mut StateWriter) {
        let position = self.generator.get_word_pos();
        state.count(position as u64);
        state.count((position >> 64) as u64);
    }

    pub(super) fn restore(&mut self, state: &mut StateReader<'_>) -> Result<()> {
        let position = u128::from(state.count()?) | u128::from(state.count()?) << 64;
        self.generator.set_word_pos(position);
        Ok(())
    }
}
