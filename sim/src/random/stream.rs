//! One stream of random numbers.

use langevin_lanes::{LANES, Lanes};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// Words of state of one generator.
const WORDS: usize = 4;

/// Eight xoshiro256++ generators side by side, keyed by (seed, stream number).
///
/// ```
/// use langevin_sim::random::Stream;
/// let mut a = Stream::new(1, 7);
/// let mut b = Stream::new(1, 7);
/// let mut c = Stream::new(1, 8);
/// assert_eq!(a.next_eight(), b.next_eight());
/// assert_ne!(a.next_eight(), c.next_eight());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Word by word, lane by lane.
    words: [[u64; LANES]; WORDS],
}

impl Stream {
    /// Bytes of a saved stream.
    pub const SIZE: usize = 8 * WORDS * LANES;

    /// The stream of a seed with a number.
    ///
    /// ```
    /// use langevin_sim::random::Stream;
    /// assert_ne!(Stream::new(1, 0), Stream::new(2, 0));
    /// ```
    pub fn new(seed: u64, number: u64) -> Self {
        let mut key = ChaCha8Rng::seed_from_u64(seed);
        key.set_stream(number);
        let mut words = [[0; LANES]; WORDS];
        for lane in 0..LANES {
            // the all-zero state is a fixed point; it has probability 2^-256
            while words.iter().all(|word| word[lane] == 0) {
                for word in &mut words {
                    word[lane] = key.next_u64();
                }
            }
        }
        Self { words }
    }

    /// The next number of every lane.
    ///
    /// ```
    /// use langevin_sim::random::Stream;
    /// let mut stream = Stream::new(3, 4);
    /// assert_ne!(stream.next_eight(), stream.next_eight());
    /// ```
    pub fn next_eight(&mut self) -> [u64; LANES] {
        std::array::from_fn(|lane| {
            let [a, b, c, d] = self.words.map(|word| word[lane]);
            let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
            let (mut c, mut d) = (c ^ a, d ^ b);
            let (b_next, a_next) = (b ^ c, a ^ d);
            c ^= b << 17;
            d = d.rotate_left(45);
            for (word, value) in self.words.iter_mut().zip([a_next, b_next, c, d]) {
                word[lane] = value;
            }
            result
        })
    }

    /// The complete state.
    ///
    /// ```
    /// use langevin_sim::random::Stream;
    /// let mut stream = Stream::new(3, 4);
    /// stream.next_eight();
    /// let mut again = Stream::from_bytes(&stream.to_bytes()).unwrap();
    /// assert_eq!(stream.next_eight(), again.next_eight());
    /// ```
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.words.iter().flatten()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// A saved state; `None` for the wrong number of bytes or a state that no stream has.
    ///
    /// ```
    /// use langevin_sim::random::Stream;
    /// assert!(Stream::from_bytes(&[1, 2, 3]).is_none());
    /// assert!(Stream::from_bytes(&[0; Stream::SIZE]).is_none());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() != WORDS * LANES || !rest.is_empty() {
            return None;
        }
        let mut state = [[0; LANES]; WORDS];
        for (place, word) in state.iter_mut().flatten().zip(words) {
            *place = u64::from_le_bytes(*word);
        }
        let sound = (0..LANES).all(|lane| state.iter().any(|word| word[lane] != 0));
        sound.then_some(Self { words: state })
    }

    /// The generators in registers.
    #[inline(always)]
    pub fn lanes<L: Lanes>(&self, lanes: L) -> StreamLanes<L> {
        StreamLanes { words: self.words.each_ref().map(|word| lanes.load_u(word)) }
    }

    /// Takes back what [`Stream::lanes`] gave, after use.
    #[inline(always)]
    pub fn keep<L: Lanes>(&mut self, lanes: L, registers: &StreamLanes<L>) {
        for (word, register) in self.words.iter_mut().zip(registers.words) {
            lanes.store_u(register, word);
        }
    }
}

/// A stream in registers.
#[derive(Clone, Copy)]
pub struct StreamLanes<L: Lanes> {
    words: [L::U; WORDS],
}

impl<L: Lanes> StreamLanes<L> {
    /// The next number of every lane.
    #[inline(always)]
    pub fn next(&mut self, lanes: L) -> L::U {
        let [a, b, c, d] = self.words;
        let result = lanes.add_u(lanes.rotl::<23>(lanes.add_u(a, d)), a);
        let shifted = lanes.shl::<17>(b);
        let (c, d) = (lanes.xor(c, a), lanes.xor(d, b));
        self.words = [lanes.xor(a, d), lanes.xor(b, c), lanes.xor(c, shifted), lanes.rotl::<45>(d)];
        result
    }
}
