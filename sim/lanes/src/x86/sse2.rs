//! The vector instructions that every x86-64 processor has: eight lanes in four registers. What the compiler makes of plain
//! loops runs at two thirds of their speed.

// SAFETY of every block in this file: x86-64 includes SSE2. Loads and stores take references to arrays of the length they
// touch.

use std::arch::x86_64::*;

use crate::{HALF, LANES, Lanes, QUARTER};

/// SSE2.
#[derive(Clone, Copy)]
pub struct Sse2;

/// Lanes 0 and 1, 2 and 3, 4 and 5, 6 and 7.
type Pairs<T> = [T; 4];

/// An instruction on the pairs of some values.
macro_rules! pairs {
    ($instruction:ident, $a:expr) => {
        [$instruction($a[0]), $instruction($a[1]), $instruction($a[2]), $instruction($a[3])]
    };
    ($instruction:ident, $a:expr, $b:expr) => {
        [$instruction($a[0], $b[0]), $instruction($a[1], $b[1]), $instruction($a[2], $b[2]), $instruction($a[3], $b[3])]
    };
}

impl Lanes for Sse2 {
    const REGISTERS: usize = 4;

    type F = Pairs<__m128d>;
    type U = Pairs<__m128i>;

    method! {
        splat(value: f64) -> Self::F = [_mm_set1_pd(value); 4];
        load(from: &[f64; LANES]) -> Self::F = {
            let from = from.as_ptr();
            [_mm_loadu_pd(from), _mm_loadu_pd(from.add(2)), _mm_loadu_pd(from.add(4)), _mm_loadu_pd(from.add(6))]
        };
        load_twice(from: &[f64; HALF]) -> Self::F = {
            let (first, second) = (_mm_loadu_pd(from.as_ptr()), _mm_loadu_pd(from.as_ptr().add(2)));
            [first, second, first, second]
        };
        load_pair(low: &[f64; HALF], high: &[f64; HALF]) -> Self::F = {
            let (low, high) = (low.as_ptr(), high.as_ptr());
            [_mm_loadu_pd(low), _mm_loadu_pd(low.add(2)), _mm_loadu_pd(high), _mm_loadu_pd(high.add(2))]
        };
        load_quarters(from: [&[f64; QUARTER]; 4]) -> Self::F = [
            _mm_loadu_pd(from[0].as_ptr()),
            _mm_loadu_pd(from[1].as_ptr()),
            _mm_loadu_pd(from[2].as_ptr()),
            _mm_loadu_pd(from[3].as_ptr()),
        ];
        repeat_quarter(a: Self::F, part: usize) -> Self::F = [a[part]; 4];
        spread_quarter_sums(a: Self::F) -> [Self::F; 4] = {
            let low = _mm_add_pd(_mm_unpacklo_pd(a[0], a[1]), _mm_unpackhi_pd(a[0], a[1]));
            let high = _mm_add_pd(_mm_unpacklo_pd(a[2], a[3]), _mm_unpackhi_pd(a[2], a[3]));
            [
                [_mm_unpacklo_pd(low, low); 4],
                [_mm_unpackhi_pd(low, low); 4],
                [_mm_unpacklo_pd(high, high); 4],
                [_mm_unpackhi_pd(high, high); 4],
            ]
        };
        load_f32(from: &[f32; LANES]) -> Self::F = {
            let (low, high) = (_mm_loadu_ps(from.as_ptr()), _mm_loadu_ps(from.as_ptr().add(4)));
            pairs!(_mm_cvtps_pd, [low, _mm_movehl_ps(low, low), high, _mm_movehl_ps(high, high)])
        };
        load_u8(from: &[u8; LANES]) -> Self::F = Sse2.load(&from.map(f64::from));
        store(value: Self::F, to: &mut [f64; LANES]) -> () = {
            let to = to.as_mut_ptr();
            for (k, pair) in value.into_iter().enumerate() {
                _mm_storeu_pd(to.add(2 * k), pair);
            }
        };
        first(value: f64) -> Self::F =
            [_mm_set_sd(value), _mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd()];
        add(a: Self::F, b: Self::F) -> Self::F = pairs!(_mm_add_pd, a, b);
        sub(a: Self::F, b: Self::F) -> Self::F = pairs!(_mm_sub_pd, a, b);
        mul(a: Self::F, b: Self::F) -> Self::F = pairs!(_mm_mul_pd, a, b);
        div(a: Self::F, b: Self::F) -> Self::F = pairs!(_mm_div_pd, a, b);
        mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F = Sse2.add(Sse2.mul(a, b), c);
        neg_mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F = Sse2.sub(c, Sse2.mul(a, b));
        sqrt(a: Self::F) -> Self::F = pairs!(_mm_sqrt_pd, a);
        sum(a: Self::F) -> f64 = {
            let halves = halves(a);
            _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)))
        };
        spread_sums(a: [Self::F; 4]) -> [Self::F; 4] = {
            let (low, high) = (sums(a[0], a[1]), sums(a[2], a[3]));
            [
                [_mm_unpacklo_pd(low, low); 4],
                [_mm_unpackhi_pd(low, low); 4],
                [_mm_unpacklo_pd(high, high); 4],
                [_mm_unpackhi_pd(high, high); 4],
            ]
        };
        spread_half_sums(a: [Self::F; 2]) -> [Self::F; 2] = {
            let one = |a: Self::F| {
                let (low, high) = (_mm_add_pd(a[0], a[1]), _mm_add_pd(a[2], a[3]));
                let sums = _mm_add_pd(_mm_unpacklo_pd(low, high), _mm_unpackhi_pd(low, high));
                let (low, high) = (_mm_unpacklo_pd(sums, sums), _mm_unpackhi_pd(sums, sums));
                [low, low, high, high]
            };
            [one(a[0]), one(a[1])]
        };
        add_halves(low: Self::F, high: Self::F) -> Self::F = [
            _mm_add_pd(low[0], low[2]),
            _mm_add_pd(low[1], low[3]),
            _mm_add_pd(high[0], high[2]),
            _mm_add_pd(high[1], high[3]),
        ];
        select(mask: Self::U, set: Self::F, clear: Self::F) -> Self::F = {
            // the highest bit all over its lane
            let signs = [0, 1, 2, 3].map(
                #[inline(always)]
                |k| _mm_srai_epi32::<31>(mask[k]),
            );
            let masks = Sse2.with_bits(signs.map(
                #[inline(always)]
                |sign| _mm_shuffle_epi32::<0xF5>(sign),
            ));
            pairs!(_mm_or_pd, pairs!(_mm_and_pd, masks, set), pairs!(_mm_andnot_pd, masks, clear))
        };
        bits(a: Self::F) -> Self::U = pairs!(_mm_castpd_si128, a);
        with_bits(a: Self::U) -> Self::F = pairs!(_mm_castsi128_pd, a);
        splat_u(value: u64) -> Self::U = [_mm_set1_epi64x(value as i64); 4];
        load_u(from: &[u64; LANES]) -> Self::U = [
            _mm_loadu_si128(from.as_ptr().cast()),
            _mm_loadu_si128(from.as_ptr().add(2).cast()),
            _mm_loadu_si128(from.as_ptr().add(4).cast()),
            _mm_loadu_si128(from.as_ptr().add(6).cast()),
        ];
        store_u(value: Self::U, to: &mut [u64; LANES]) -> () = store(value, to.as_mut_ptr().cast());
        store_halves(value: Self::U, to: &mut [u32; 2 * LANES]) -> () = store(value, to.as_mut_ptr().cast());
        add_u(a: Self::U, b: Self::U) -> Self::U = pairs!(_mm_add_epi64, a, b);
        mul_low(a: Self::U, b: Self::U) -> Self::U = pairs!(_mm_mul_epu32, a, b);
        xor(a: Self::U, b: Self::U) -> Self::U = pairs!(_mm_xor_si128, a, b);
        or(a: Self::U, b: Self::U) -> Self::U = pairs!(_mm_or_si128, a, b);
        and(a: Self::U, b: Self::U) -> Self::U = pairs!(_mm_and_si128, a, b);
        any_less(a: Self::U, b: Self::U) -> bool = {
            // both are below 2^63: the sign of the difference tells
            let less = pairs!(_mm_sub_epi64, a, b);
            let any = _mm_or_si128(_mm_or_si128(less[0], less[1]), _mm_or_si128(less[2], less[3]));
            _mm_movemask_pd(_mm_castsi128_pd(any)) != 0
        };
    }

    shifts! {
        shl(a) = {
            let count = [_mm_cvtsi32_si128(N as i32); 4];
            pairs!(_mm_sll_epi64, a, count)
        };
        shr(a) = {
            let count = [_mm_cvtsi32_si128(N as i32); 4];
            pairs!(_mm_srl_epi64, a, count)
        };
        rotl(a) = {
            let (left, right) = ([_mm_cvtsi32_si128(N as i32); 4], [_mm_cvtsi32_si128(64 - N as i32); 4]);
            pairs!(_mm_or_si128, pairs!(_mm_sll_epi64, a, left), pairs!(_mm_srl_epi64, a, right))
        };
    }

    #[inline(always)]
    fn prefetch<T>(self, address: *const T) {
        // SAFETY: a prefetch of any address is harmless
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
}

/// (0+4)+(2+6) and (1+5)+(3+7).
#[inline(always)]
unsafe fn halves(a: Pairs<__m128d>) -> __m128d {
    // SAFETY: at the top
    unsafe { _mm_add_pd(_mm_add_pd(a[0], a[2]), _mm_add_pd(a[1], a[3])) }
}

/// The sums of two values.
#[inline(always)]
unsafe fn sums(a: Pairs<__m128d>, b: Pairs<__m128d>) -> __m128d {
    // SAFETY: at the top
    unsafe {
        let (a, b) = (halves(a), halves(b));
        _mm_add_pd(_mm_unpacklo_pd(a, b), _mm_unpackhi_pd(a, b))
    }
}

/// # Safety
/// There must be room for four times two integers.
#[inline(always)]
unsafe fn store(value: Pairs<__m128i>, to: *mut __m128i) {
    for (k, pair) in value.into_iter().enumerate() {
        // SAFETY: the caller has room
        unsafe { _mm_storeu_si128(to.add(k), pair) };
    }
}

#[cfg(test)]
mod tests {
    use super::Sse2;
    use crate::portable::Portable;
    use crate::{LANES, Lanes};

    const A: [f64; LANES] = [0.1, -2.5, 3.0e10, 4.7, -5.3e-7, 6.0, 7.9, -0.0];
    const B: [f64; LANES] = [1.3, 0.7, -1.0e-9, 2.2, 9.1e3, -6.5, 0.3, 8.8];
    const M: [u64; LANES] = [1 << 63, 5, u64::MAX, 0x7FFF_FFFF_FFFF_FFFF, 1 << 31, 0xDEAD_BEEF_0000_0001, 0, 1 << 62];
    const N: [u64; LANES] = [3, 1 << 40, 0x1234_5678_9ABC_DEF0, 7, 0xFFFF_FFFF, 2, u64::MAX, 1 << 63];

    /// Every operation, as bits.
    fn results<L: Lanes>(lanes: L) -> Vec<u64> {
        let (a, b) = (lanes.load(&A), lanes.load(&B));
        let (m, n) = (lanes.load_u(&M), lanes.load_u(&N));
        let floats = [
            lanes.add(a, b),
            lanes.sub(a, b),
            lanes.mul(a, b),
            lanes.div(a, b),
            lanes.mul_add(a, b, a),
            lanes.neg_mul_add(a, b, a),
            lanes.sqrt(lanes.mul(a, a)),
            lanes.splat(0.3),
            lanes.load_twice(&[0.1, 0.2, 0.3, 0.4]),
            lanes.load_pair(&[0.1, 0.2, 0.3, 0.4], &[0.5, 0.6, 0.7, 0.8]),
            lanes.load_quarters([&[0.1, 0.2], &[0.3, 0.4], &[0.5, 0.6], &[0.7, 0.8]]),
            lanes.repeat_quarter(a, 2),
            lanes.add_halves(a, b),
            lanes.first(0.4),
            lanes.load_f32(&A.map(|value| value as f32)),
            lanes.load_u8(&[0, 1, 2, 3, 100, 200, 254, 255]),
            lanes.select(m, a, b),
            lanes.with_bits(m),
        ];
        let sums = lanes.spread_sums([a, b, lanes.add(a, b), lanes.mul(a, b)]);
        let integers = [
            lanes.splat_u(77),
            lanes.add_u(m, n),
            lanes.mul_low(m, n),
            lanes.xor(m, n),
            lanes.or(m, n),
            lanes.and(m, n),
            lanes.shl::<13>(m),
            lanes.shr::<13>(m),
            lanes.rotl::<13>(m),
            lanes.bits(a),
        ];
        let mut bits = vec![lanes.sum(a).to_bits(), lanes.sum(b).to_bits()];
        let halves = lanes.spread_half_sums([a, b]);
        for value in floats.into_iter().chain(sums).chain(halves).chain(lanes.spread_quarter_sums(a)) {
            let mut stored = [0.0; LANES];
            lanes.store(value, &mut stored);
            bits.extend(stored.map(f64::to_bits));
        }
        for value in integers {
            let (mut stored, mut halves) = ([0; LANES], [0; 2 * LANES]);
            lanes.store_u(value, &mut stored);
            lanes.store_halves(value, &mut halves);
            bits.extend(stored);
            bits.extend(halves.map(u64::from));
        }
        bits
    }

    #[test]
    fn every_operation_equals_plain_loops() {
        assert_eq!(results(Sse2), results(Portable));
    }

    #[test]
    fn less_in_any_lane() {
        let few = Sse2.load_u(&[5, 6, 7, 8, 9, 10, 11, (1 << 63) - 1]);
        for k in 0..LANES {
            let mut other = [5, 6, 7, 8, 9, 10, 11, (1 << 63) - 1];
            assert!(!Sse2.any_less(few, Sse2.load_u(&other)));
            other[k] -= 1;
            assert!(Sse2.any_less(Sse2.load_u(&other), few) && !Sse2.any_less(few, Sse2.load_u(&other)));
        }
    }
}
