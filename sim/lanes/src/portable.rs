//! Lanes as arrays: what the compiler makes of plain loops.

use crate::{HALF, LANES, Lanes};

/// Plain loops.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

#[inline(always)]
fn zip<T: Copy, R>(a: [T; LANES], b: [T; LANES], f: impl Fn(T, T) -> R) -> [R; LANES] {
    std::array::from_fn(|k| f(a[k], b[k]))
}

impl Lanes for Portable {
    const REGISTERS: usize = 4;

    type F = [f64; LANES];
    type U = [u64; LANES];

    #[inline(always)]
    fn splat(self, value: f64) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f64; LANES]) -> Self::F {
        *from
    }
    #[inline(always)]
    fn load_twice(self, from: &[f64; HALF]) -> Self::F {
        self.load_pair(from, from)
    }
    #[inline(always)]
    fn load_pair(self, low: &[f64; HALF], high: &[f64; HALF]) -> Self::F {
        [low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]]
    }
    #[inline(always)]
    fn load_f32(self, from: &[f32; LANES]) -> Self::F {
        from.map(f64::from)
    }
    #[inline(always)]
    fn load_u8(self, from: &[u8; LANES]) -> Self::F {
        from.map(f64::from)
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f64; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn first(self, value: f64) -> Self::F {
        [value, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|k| a[k] * b[k] + c[k])
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|k| c[k] - a[k] * b[k])
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        a.map(f64::sqrt)
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f64 {
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }
    #[inline(always)]
    fn spread_sums(self, a: [Self::F; 4]) -> [Self::F; 4] {
        a.map(|a| self.splat(self.sum(a)))
    }
    #[inline(always)]
    fn spread_half_sums(self, a: [Self::F; 2]) -> [Self::F; 2] {
        a.map(|a| {
            let [low, high] = [0, HALF].map(|k| (a[k] + a[k + 2]) + (a[k + 1] + a[k + 3]));
            [low, low, low, low, high, high, high, high]
        })
    }
    #[inline(always)]
    fn add_halves(self, low: Self::F, high: Self::F) -> Self::F {
        std::array::from_fn(|k| if k < HALF { low[k] + low[k + HALF] } else { high[k - HALF] + high[k] })
    }
    #[inline(always)]
    fn select(self, mask: Self::U, set: Self::F, clear: Self::F) -> Self::F {
        std::array::from_fn(|k| if mask[k] >> 63 == 1 { set[k] } else { clear[k] })
    }
    #[inline(always)]
    fn bits(self, a: Self::F) -> Self::U {
        a.map(f64::to_bits)
    }
    #[inline(always)]
    fn with_bits(self, a: Self::U) -> Self::F {
        a.map(f64::from_bits)
    }
    #[inline(always)]
    fn splat_u(self, value: u64) -> Self::U {
        [value; LANES]
    }
    #[inline(always)]
    fn load_u(self, from: &[u64; LANES]) -> Self::U {
        *from
    }
    #[inline(always)]
    fn store_u(self, value: Self::U, to: &mut [u64; LANES]) {
        *to = value;
    }
    #[inline(always)]
    fn store_halves(self, value: Self::U, to: &mut [u32; 2 * LANES]) {
        for (pair, value) in to.chunks_exact_mut(2).zip(value) {
            pair[0] = value as u32;
            pair[1] = (value >> 32) as u32;
        }
    }
    #[inline(always)]
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
        zip(a, b, u64::wrapping_add)
    }
    #[inline(always)]
    fn mul_low(self, a: Self::U, b: Self::U) -> Self::U {
        zip(a, b, |x, y| (x & 0xFFFF_FFFF) * (y & 0xFFFF_FFFF))
    }
    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        zip(a, b, |x, y| x ^ y)
    }
    #[inline(always)]
    fn or(self, a: Self::U, b: Self::U) -> Self::U {
        zip(a, b, |x, y| x | y)
    }
    #[inline(always)]
    fn and(self, a: Self::U, b: Self::U) -> Self::U {
        zip(a, b, |x, y| x & y)
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::U) -> Self::U {
        a.map(|x| x << N)
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::U) -> Self::U {
        a.map(|x| x >> N)
    }
    #[inline(always)]
    fn rotl<const N: u32>(self, a: Self::U) -> Self::U {
        a.map(|x| x.rotate_left(N))
    }
    #[inline(always)]
    fn any_less(self, a: Self::U, b: Self::U) -> bool {
        let mut any = false;
        for k in 0..LANES {
            any |= a[k] < b[k];
        }
        any
    }
    #[inline(always)]
    fn prefetch<T>(self, _address: *const T) {}
}
