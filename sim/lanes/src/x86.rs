//! The vector instructions of x86-64.

// SAFETY of every block in this file: the intrinsics need only that the processor has the instructions. A value of `Avx512`
// or `Avx2` is made in `run_avx512` and `run_avx2` alone, whose callers have asked the processor. Loads and stores take
// references to arrays of the length they touch.

use std::arch::x86_64::*;

use crate::{HALF, Kernel, LANES, Lanes};

/// Proof that the processor has AVX-512 F and DQ.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// # Safety
/// The processor must have AVX-512 F and DQ, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(crate) unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// One method in terms of one expression of intrinsics.
macro_rules! method {
    ($($name:ident ( $($argument:ident : $kind:ty),* ) -> $result:ty = $body:expr;)*) => {$(
        #[inline(always)]
        #[allow(clippy::undocumented_unsafe_blocks)] // one argument for the whole file, at its top
        #[allow(unused_unsafe)] // some need no intrinsic
        fn $name(self, $($argument: $kind),*) -> $result {
            unsafe { $body }
        }
    )*};
}

macro_rules! shifts {
    ($($name:ident ( $a:ident ) = $body:expr;)*) => {$(
        #[inline(always)]
        #[allow(clippy::undocumented_unsafe_blocks)] // one argument for the whole file, at its top
        fn $name<const N: u32>(self, $a: Self::U) -> Self::U {
            unsafe { $body }
        }
    )*};
}

mod sse2;

pub use sse2::Sse2;

impl Lanes for Avx512 {
    const REGISTERS: usize = 32;

    type F = __m512d;
    type U = __m512i;

    method! {
        splat(value: f64) -> __m512d = _mm512_set1_pd(value);
        load(from: &[f64; LANES]) -> __m512d = _mm512_loadu_pd(from.as_ptr());
        load_twice(from: &[f64; HALF]) -> __m512d = _mm512_broadcast_f64x4(_mm256_loadu_pd(from.as_ptr()));
        load_pair(low: &[f64; HALF], high: &[f64; HALF]) -> __m512d = _mm512_insertf64x4::<1>(
            _mm512_castpd256_pd512(_mm256_loadu_pd(low.as_ptr())),
            _mm256_loadu_pd(high.as_ptr()),
        );
        load_f32(from: &[f32; LANES]) -> __m512d = _mm512_cvtps_pd(_mm256_loadu_ps(from.as_ptr()));
        load_u8(from: &[u8; LANES]) -> __m512d =
            _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.as_ptr().cast())));
        store(value: __m512d, to: &mut [f64; LANES]) -> () = _mm512_storeu_pd(to.as_mut_ptr(), value);
        first(value: f64) -> __m512d = _mm512_zextpd128_pd512(_mm_set_sd(value));
        add(a: __m512d, b: __m512d) -> __m512d = _mm512_add_pd(a, b);
        sub(a: __m512d, b: __m512d) -> __m512d = _mm512_sub_pd(a, b);
        mul(a: __m512d, b: __m512d) -> __m512d = _mm512_mul_pd(a, b);
        div(a: __m512d, b: __m512d) -> __m512d = _mm512_div_pd(a, b);
        mul_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d = _mm512_fmadd_pd(a, b, c);
        neg_mul_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d = _mm512_fnmadd_pd(a, b, c);
        sqrt(a: __m512d) -> __m512d = _mm512_sqrt_pd(a);
        sum(a: __m512d) -> f64 = {
            let four = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a));
            sum_of_four(four)
        };
        spread_half_sums(a: [__m512d; 2]) -> [__m512d; 2] = {
            let pairs = pairs(a[0], a[1]);
            let sums = _mm512_add_pd(pairs, _mm512_permute_pd::<0x55>(pairs));
            [_mm512_shuffle_f64x2::<0x50>(sums, sums), _mm512_shuffle_f64x2::<0xFA>(sums, sums)]
        };
        add_halves(low: __m512d, high: __m512d) -> __m512d = halves(low, high);
        select(mask: __m512i, set: __m512d, clear: __m512d) -> __m512d =
            _mm512_mask_blend_pd(_mm512_movepi64_mask(mask), clear, set);
        bits(a: __m512d) -> __m512i = _mm512_castpd_si512(a);
        with_bits(a: __m512i) -> __m512d = _mm512_castsi512_pd(a);
        splat_u(value: u64) -> __m512i = _mm512_set1_epi64(value as i64);
        load_u(from: &[u64; LANES]) -> __m512i = _mm512_loadu_epi64(from.as_ptr().cast());
        store_u(value: __m512i, to: &mut [u64; LANES]) -> () = _mm512_storeu_epi64(to.as_mut_ptr().cast(), value);
        store_halves(value: __m512i, to: &mut [u32; 2 * LANES]) -> () =
            _mm512_storeu_epi32(to.as_mut_ptr().cast(), value);
        add_u(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi64(a, b);
        mul_low(a: __m512i, b: __m512i) -> __m512i = _mm512_mul_epu32(a, b);
        xor(a: __m512i, b: __m512i) -> __m512i = _mm512_xor_si512(a, b);
        or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
        and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        any_less(a: __m512i, b: __m512i) -> bool = _mm512_cmplt_epi64_mask(a, b) != 0;
    }

    shifts! {
        shl(a) = _mm512_sll_epi64(a, _mm_cvtsi32_si128(N as i32));
        shr(a) = _mm512_srl_epi64(a, _mm_cvtsi32_si128(N as i32));
        rotl(a) = _mm512_rolv_epi64(a, _mm512_set1_epi64(i64::from(N)));
    }

    #[inline(always)]
    #[allow(clippy::undocumented_unsafe_blocks)] // one argument for the whole file, at its top
    fn spread_sums(self, a: [__m512d; 4]) -> [__m512d; 4] {
        // halves, then pairs, then the two lanes of a pair
        unsafe {
            let pairs = pairs(halves(a[0], a[1]), halves(a[2], a[3]));
            let sums = _mm512_add_pd(pairs, _mm512_permute_pd::<0x55>(pairs));
            [
                _mm512_shuffle_f64x2::<0x00>(sums, sums),
                _mm512_shuffle_f64x2::<0x55>(sums, sums),
                _mm512_shuffle_f64x2::<0xAA>(sums, sums),
                _mm512_shuffle_f64x2::<0xFF>(sums, sums),
            ]
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, address: *const T) {
        // SAFETY: a prefetch of any address is harmless
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
}

/// The lower and upper halves of two values, added: four lanes of each.
#[inline(always)]
unsafe fn halves(x: __m512d, y: __m512d) -> __m512d {
    // SAFETY: the caller has AVX-512 F
    unsafe { _mm512_add_pd(_mm512_shuffle_f64x2::<0x44>(x, y), _mm512_shuffle_f64x2::<0xEE>(x, y)) }
}

/// Even and odd pairs of lanes of two values, added.
#[inline(always)]
unsafe fn pairs(x: __m512d, y: __m512d) -> __m512d {
    // SAFETY: the caller has AVX-512 F
    unsafe { _mm512_add_pd(_mm512_shuffle_f64x2::<0x88>(x, y), _mm512_shuffle_f64x2::<0xDD>(x, y)) }
}

/// (0+2) + (1+3) of each of four values.
#[inline(always)]
unsafe fn sums_of_four(a: __m256d, b: __m256d, c: __m256d, d: __m256d) -> __m256d {
    // SAFETY: the caller has AVX2
    unsafe {
        let even = _mm256_add_pd(_mm256_permute2f128_pd::<0x20>(a, c), _mm256_permute2f128_pd::<0x31>(a, c));
        let odd = _mm256_add_pd(_mm256_permute2f128_pd::<0x20>(b, d), _mm256_permute2f128_pd::<0x31>(b, d));
        _mm256_add_pd(_mm256_unpacklo_pd(even, odd), _mm256_unpackhi_pd(even, odd))
    }
}

/// (0+2) + (1+3).
#[inline(always)]
unsafe fn sum_of_four(a: __m256d) -> f64 {
    // SAFETY: the caller has AVX2
    unsafe {
        let two = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd::<1>(a));
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
}

/// Lanes 0 to 3 and lanes 4 to 7.
#[derive(Clone, Copy)]
pub struct Halves<T>(T, T);

impl Lanes for Avx2 {
    const REGISTERS: usize = 8;

    type F = Halves<__m256d>;
    type U = Halves<__m256i>;

    method! {
        splat(value: f64) -> Self::F = Halves(_mm256_set1_pd(value), _mm256_set1_pd(value));
        load(from: &[f64; LANES]) -> Self::F =
            Halves(_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from.as_ptr().add(4)));
        load_twice(from: &[f64; HALF]) -> Self::F = {
            let four = _mm256_loadu_pd(from.as_ptr());
            Halves(four, four)
        };
        load_pair(low: &[f64; HALF], high: &[f64; HALF]) -> Self::F =
            Halves(_mm256_loadu_pd(low.as_ptr()), _mm256_loadu_pd(high.as_ptr()));
        load_f32(from: &[f32; LANES]) -> Self::F = Halves(
            _mm256_cvtps_pd(_mm_loadu_ps(from.as_ptr())),
            _mm256_cvtps_pd(_mm_loadu_ps(from.as_ptr().add(4))),
        );
        load_u8(from: &[u8; LANES]) -> Self::F = {
            let words = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.as_ptr().cast()));
            Halves(
                _mm256_cvtepi32_pd(_mm256_castsi256_si128(words)),
                _mm256_cvtepi32_pd(_mm256_extracti128_si256::<1>(words)),
            )
        };
        store(value: Self::F, to: &mut [f64; LANES]) -> () = {
            _mm256_storeu_pd(to.as_mut_ptr(), value.0);
            _mm256_storeu_pd(to.as_mut_ptr().add(4), value.1);
        };
        first(value: f64) -> Self::F = Halves(_mm256_zextpd128_pd256(_mm_set_sd(value)), _mm256_setzero_pd());
        add(a: Self::F, b: Self::F) -> Self::F = Halves(_mm256_add_pd(a.0, b.0), _mm256_add_pd(a.1, b.1));
        sub(a: Self::F, b: Self::F) -> Self::F = Halves(_mm256_sub_pd(a.0, b.0), _mm256_sub_pd(a.1, b.1));
        mul(a: Self::F, b: Self::F) -> Self::F = Halves(_mm256_mul_pd(a.0, b.0), _mm256_mul_pd(a.1, b.1));
        div(a: Self::F, b: Self::F) -> Self::F = Halves(_mm256_div_pd(a.0, b.0), _mm256_div_pd(a.1, b.1));
        mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F =
            Halves(_mm256_fmadd_pd(a.0, b.0, c.0), _mm256_fmadd_pd(a.1, b.1, c.1));
        neg_mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F =
            Halves(_mm256_fnmadd_pd(a.0, b.0, c.0), _mm256_fnmadd_pd(a.1, b.1, c.1));
        sqrt(a: Self::F) -> Self::F = Halves(_mm256_sqrt_pd(a.0), _mm256_sqrt_pd(a.1));
        sum(a: Self::F) -> f64 = sum_of_four(_mm256_add_pd(a.0, a.1));
        spread_half_sums(a: [Self::F; 2]) -> [Self::F; 2] = {
            let sums = sums_of_four(a[0].0, a[0].1, a[1].0, a[1].1);
            [
                Halves(_mm256_permute4x64_pd::<0x00>(sums), _mm256_permute4x64_pd::<0x55>(sums)),
                Halves(_mm256_permute4x64_pd::<0xAA>(sums), _mm256_permute4x64_pd::<0xFF>(sums)),
            ]
        };
        add_halves(low: Self::F, high: Self::F) -> Self::F =
            Halves(_mm256_add_pd(low.0, low.1), _mm256_add_pd(high.0, high.1));
        select(mask: Self::U, set: Self::F, clear: Self::F) -> Self::F = Halves(
            _mm256_blendv_pd(clear.0, set.0, _mm256_castsi256_pd(mask.0)),
            _mm256_blendv_pd(clear.1, set.1, _mm256_castsi256_pd(mask.1)),
        );
        bits(a: Self::F) -> Self::U = Halves(_mm256_castpd_si256(a.0), _mm256_castpd_si256(a.1));
        with_bits(a: Self::U) -> Self::F = Halves(_mm256_castsi256_pd(a.0), _mm256_castsi256_pd(a.1));
        splat_u(value: u64) -> Self::U = Halves(_mm256_set1_epi64x(value as i64), _mm256_set1_epi64x(value as i64));
        load_u(from: &[u64; LANES]) -> Self::U = Halves(
            _mm256_loadu_si256(from.as_ptr().cast()),
            _mm256_loadu_si256(from.as_ptr().add(4).cast()),
        );
        store_u(value: Self::U, to: &mut [u64; LANES]) -> () = {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), value.0);
            _mm256_storeu_si256(to.as_mut_ptr().add(4).cast(), value.1);
        };
        store_halves(value: Self::U, to: &mut [u32; 2 * LANES]) -> () = {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), value.0);
            _mm256_storeu_si256(to.as_mut_ptr().add(8).cast(), value.1);
        };
        add_u(a: Self::U, b: Self::U) -> Self::U = Halves(_mm256_add_epi64(a.0, b.0), _mm256_add_epi64(a.1, b.1));
        mul_low(a: Self::U, b: Self::U) -> Self::U = Halves(_mm256_mul_epu32(a.0, b.0), _mm256_mul_epu32(a.1, b.1));
        xor(a: Self::U, b: Self::U) -> Self::U = Halves(_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1));
        or(a: Self::U, b: Self::U) -> Self::U = Halves(_mm256_or_si256(a.0, b.0), _mm256_or_si256(a.1, b.1));
        and(a: Self::U, b: Self::U) -> Self::U = Halves(_mm256_and_si256(a.0, b.0), _mm256_and_si256(a.1, b.1));
        any_less(a: Self::U, b: Self::U) -> bool = {
            let less = _mm256_or_si256(_mm256_cmpgt_epi64(b.0, a.0), _mm256_cmpgt_epi64(b.1, a.1));
            _mm256_testz_si256(less, less) == 0
        };
    }

    shifts! {
        shl(a) = {
            let count = _mm_cvtsi32_si128(N as i32);
            Halves(_mm256_sll_epi64(a.0, count), _mm256_sll_epi64(a.1, count))
        };
        shr(a) = {
            let count = _mm_cvtsi32_si128(N as i32);
            Halves(_mm256_srl_epi64(a.0, count), _mm256_srl_epi64(a.1, count))
        };
        rotl(a) = {
            let (left, right) = (_mm_cvtsi32_si128(N as i32), _mm_cvtsi32_si128(64 - N as i32));
            Halves(
                _mm256_or_si256(_mm256_sll_epi64(a.0, left), _mm256_srl_epi64(a.0, right)),
                _mm256_or_si256(_mm256_sll_epi64(a.1, left), _mm256_srl_epi64(a.1, right)),
            )
        };
    }

    #[inline(always)]
    #[allow(clippy::undocumented_unsafe_blocks)] // one argument for the whole file, at its top
    fn spread_sums(self, a: [Self::F; 4]) -> [Self::F; 4] {
        unsafe {
            let [a, b, c, d] = a.map(
                #[inline(always)]
                |a| _mm256_add_pd(a.0, a.1),
            );
            let sums = sums_of_four(a, b, c, d);
            [
                _mm256_permute4x64_pd::<0x00>(sums),
                _mm256_permute4x64_pd::<0x55>(sums),
                _mm256_permute4x64_pd::<0xAA>(sums),
                _mm256_permute4x64_pd::<0xFF>(sums),
            ]
            .map(
                #[inline(always)]
                |sum| Halves(sum, sum),
            )
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, address: *const T) {
        // SAFETY: a prefetch of any address is harmless
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
}
