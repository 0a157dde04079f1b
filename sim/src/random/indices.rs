//! Whole numbers below a bound, without bias: the product of 32 random bits with the bound, whose upper half is the number,
//! is rejected where its lower half falls into the part that some numbers have and others have not (Lemire 2019).

use langevin_lanes::{LANES, Lanes};

use super::stream::StreamLanes;

/// Numbers drawn at a time.
const PAIRS: usize = 2 * LANES;

/// The whole numbers from 0 to a bound.
#[derive(Clone, Copy, Debug)]
pub struct IndexRange {
    bound: u32,
    /// 2^32 modulo the bound: lower halves below it are rejected.
    excess: u32,
}

impl IndexRange {
    /// Numbers below a bound of at least 1.
    ///
    /// ```
    /// use langevin_sim::random::IndexRange;
    /// assert_eq!(IndexRange::below(10).bound(), 10);
    /// ```
    pub fn below(bound: u32) -> Self {
        let bound = bound.max(1);
        Self { bound, excess: bound.wrapping_neg() % bound }
    }

    /// The bound.
    ///
    /// ```
    /// use langevin_sim::random::IndexRange;
    /// assert_eq!(IndexRange::below(0).bound(), 1); // there is no number below 0
    /// ```
    pub fn bound(self) -> u32 {
        self.bound
    }

    /// Fills places sixteen at a time; a set of sixteen with a rejected number is drawn again as a whole, which leaves the
    /// accepted ones uniform and independent. `out` is as long as a multiple of sixteen.
    #[inline(always)]
    pub(crate) fn fill<L: Lanes>(self, lanes: L, stream: &mut StreamLanes<L>, out: &mut [u32]) {
        let bound = lanes.splat_u(u64::from(self.bound));
        let excess = lanes.splat_u(u64::from(self.excess));
        for sixteen in out.as_chunks_mut::<PAIRS>().0 {
            draw(lanes, stream, [bound; 2], [excess; 2], sixteen);
        }
    }
}

/// One number below each of many bounds, sixteen at a time.
#[derive(Clone, Debug)]
pub(crate) struct IndexRanges {
    /// Bounds and excesses; lane k of the first half belongs to place 2k, of the second to place 2k + 1.
    sixteens: Vec<[[u64; LANES]; 4]>,
}

impl IndexRanges {
    /// For bounds of at least 1.
    pub(crate) fn below(bounds: impl Iterator<Item = u32>) -> Self {
        let bounds: Vec<IndexRange> = bounds.map(IndexRange::below).collect();
        let sixteens = bounds
            .chunks(PAIRS)
            .map(|ranges| {
                let mut parts = [[1; LANES], [1; LANES], [0; LANES], [0; LANES]];
                for (place, range) in ranges.iter().enumerate() {
                    parts[place % 2][place / 2] = u64::from(range.bound);
                    parts[2 + place % 2][place / 2] = u64::from(range.excess);
                }
                parts
            })
            .collect();
        Self { sixteens }
    }

    /// Number of places rounded up to a multiple of sixteen.
    pub(crate) fn padded(&self) -> usize {
        PAIRS * self.sixteens.len()
    }

    /// Fills all places.
    #[inline(always)]
    pub(crate) fn fill<L: Lanes>(&self, lanes: L, stream: &mut StreamLanes<L>, out: &mut [u32]) {
        for (parts, sixteen) in self.sixteens.iter().zip(out.as_chunks_mut::<PAIRS>().0) {
            let [low, high, low_excess, high_excess] = parts.each_ref().map(|part| lanes.load_u(part));
            draw(lanes, stream, [low, high], [low_excess, high_excess], sixteen);
        }
    }
}

#[inline(always)]
fn draw<L: Lanes>(
    lanes: L,
    stream: &mut StreamLanes<L>,
    bounds: [L::U; 2],
    excesses: [L::U; 2],
    out: &mut [u32; PAIRS],
) {
    let lower = lanes.splat_u(0xFFFF_FFFF);
    let upper = lanes.splat_u(0xFFFF_FFFF_0000_0000);
    loop {
        let bits = stream.next(lanes);
        let low = lanes.mul_low(bits, bounds[0]);
        let high = lanes.mul_low(lanes.shr::<32>(bits), bounds[1]);
        let rejected =
            lanes.any_less(lanes.and(low, lower), excesses[0]) | lanes.any_less(lanes.and(high, lower), excesses[1]);
        if !rejected {
            lanes.store_halves(lanes.or(lanes.shr::<32>(low), lanes.and(high, upper)), out);
            return;
        }
    }
}
