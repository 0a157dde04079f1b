//! Standard normals by the transformation of Box and Muller (1958), sixteen at a time.
//!
//! ```text
//! r = sqrt(-2 log u),   z_1 = r cos(phi),   z_2 = r sin(phi)
//! ```
//!
//! u is uniform on the multiples of 2^-52 in (0, 1], so |z| is at most 8.5. phi is an angle in [-pi/4, pi/4), uniform on a
//! grid of 2^-52 of its range, turned by a quarter and by a half with one random bit each. The logarithm is
//! `e log 2 + 2 artanh((m-1)/(m+1))` with the series in odd powers; sine and cosine are their series on the small angle.
//! All are good to a few units in the last place.

use langevin_lanes::{LANES, Lanes, Line};

use super::stream::{Stream, StreamLanes};

/// log 2.
const LOG_2: f64 = std::f64::consts::LN_2;

/// Reciprocals of odd numbers: artanh(f)/f in powers of f^2.
const ARTANH: [f64; 10] =
    [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0];

/// Reciprocal factorials with alternating sign: sin(x)/x in powers of x^2.
const SINE: [f64; 8] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 1_307_674_368_000.0,
];

/// cos(x) in powers of x^2.
const COSINE: [f64; 9] = [
    1.0,
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
    1.0 / 20_922_789_888_000.0,
];

/// Bits of 1.0.
const ONE: u64 = 0x3FF0_0000_0000_0000;

/// Bits of sqrt(1/2).
const ROOT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;

/// Mask of the fraction of a double.
const FRACTION: u64 = 0x000F_FFFF_FFFF_FFFF;

/// Bits of 2^52: a whole number below 2^52 added to them is 2^52 plus the number.
const SHIFTER: u64 = 0x4330_0000_0000_0000;

/// Draws whose operations take turns where there are registers for them (measured with AVX-512: 3 % faster).
const TOGETHER: usize = 2;

/// Constants in registers, and the transformation.
#[derive(Clone, Copy, Debug)]
pub struct NormalPairs;

impl NormalPairs {
    /// Sixteen normals from sixteen random words.
    #[inline(always)]
    pub fn draw<L: Lanes>(lanes: L, stream: &mut StreamLanes<L>) -> [L::F; 2] {
        let [pair] = Self::draw_together(lanes, stream);
        pair
    }

    /// The next N draws, whose independent operations take turns.
    #[inline(always)]
    pub fn draw_together<L: Lanes, const N: usize>(lanes: L, stream: &mut StreamLanes<L>) -> [[L::F; 2]; N] {
        let mut words = [[lanes.splat_u(0); N]; 2];
        for n in 0..N {
            words[0][n] = stream.next(lanes);
            words[1][n] = stream.next(lanes);
        }
        let [radius, angle] = words;
        let log = log_of_uniform(lanes, radius);
        let (cosine, sine) = small_angle(lanes, angle);
        let mut normals = [[lanes.splat(0.0); 2]; N];
        for n in 0..N {
            let radius = lanes.sqrt(lanes.mul(lanes.splat(-2.0), log[n]));
            // bit 0 turns by a half, bit 1 by a quarter
            let sign = lanes.shl::<63>(angle[n]);
            let cosine = lanes.with_bits(lanes.xor(lanes.bits(cosine[n]), sign));
            let quarter = lanes.shl::<62>(angle[n]);
            let first = lanes.select(quarter, sine[n], cosine);
            let second = lanes.select(quarter, cosine, sine[n]);
            normals[n] = [lanes.mul(radius, first), lanes.mul(radius, second)];
        }
        normals
    }

    /// One draw for each pair of lines, in their order.
    #[inline(always)]
    pub fn fill<L: Lanes>(lanes: L, stream: &mut StreamLanes<L>, pairs: &mut [[Line; 2]]) {
        let room = if L::REGISTERS < 32 { 0 } else { pairs.len() };
        let (together, rest) = pairs.split_at_mut(room / TOGETHER * TOGETHER);
        for pairs in together.as_chunks_mut::<TOGETHER>().0 {
            let normals = Self::draw_together::<L, TOGETHER>(lanes, stream);
            for (pair, normals) in pairs.iter_mut().zip(normals) {
                lanes.store(normals[0], &mut pair[0].0);
                lanes.store(normals[1], &mut pair[1].0);
            }
        }
        for pair in rest {
            let normals = Self::draw(lanes, stream);
            lanes.store(normals[0], &mut pair[0].0);
            lanes.store(normals[1], &mut pair[1].0);
        }
    }
}

/// A double in [1, 2) from the upper 52 bits.
#[inline(always)]
fn one_to_two<L: Lanes>(lanes: L, bits: L::U) -> L::F {
    lanes.with_bits(lanes.or(lanes.shr::<12>(bits), lanes.splat_u(ONE)))
}

/// log of uniform numbers in (0, 1].
#[inline(always)]
fn log_of_uniform<L: Lanes, const N: usize>(lanes: L, bits: [L::U; N]) -> [L::F; N] {
    let one = lanes.splat(1.0);
    let mut exponent = [one; N];
    let mut f = [one; N];
    let mut square = [one; N];
    for n in 0..N {
        let uniform = lanes.sub(lanes.splat(2.0), one_to_two(lanes, bits[n]));
        // u = 2^e m with m in [sqrt(1/2), sqrt(2))
        let shifted = lanes.add_u(lanes.bits(uniform), lanes.splat_u(ONE - ROOT_HALF));
        let mantissa = lanes.add_u(lanes.and(shifted, lanes.splat_u(FRACTION)), lanes.splat_u(ROOT_HALF));
        let mantissa = lanes.with_bits(mantissa);
        let biased = lanes.with_bits(lanes.or(lanes.shr::<52>(shifted), lanes.splat_u(SHIFTER)));
        exponent[n] = lanes.sub(biased, lanes.splat(f64::from_bits(SHIFTER) + 1023.0));
        f[n] = lanes.div(lanes.sub(mantissa, one), lanes.add(mantissa, one));
        square[n] = lanes.mul(f[n], f[n]);
    }
    let mut log = polynomial(lanes, square, &ARTANH);
    for n in 0..N {
        log[n] = lanes.mul_add(exponent[n], lanes.splat(LOG_2), lanes.mul(lanes.add(f[n], f[n]), log[n]));
    }
    log
}

/// Cosines and sines of angles uniform in [-pi/4, pi/4).
#[inline(always)]
fn small_angle<L: Lanes, const N: usize>(lanes: L, bits: [L::U; N]) -> ([L::F; N], [L::F; N]) {
    const QUARTER: f64 = std::f64::consts::FRAC_PI_4;
    let mut x = [lanes.splat(0.0); N];
    let mut square = x;
    for n in 0..N {
        // (2m - 3) pi/4 for m in [1, 2)
        x[n] = lanes.mul_add(one_to_two(lanes, bits[n]), lanes.splat(2.0 * QUARTER), lanes.splat(-3.0 * QUARTER));
        square[n] = lanes.mul(x[n], x[n]);
    }
    let mut sine = polynomial(lanes, square, &SINE);
    for n in 0..N {
        sine[n] = lanes.mul(x[n], sine[n]);
    }
    (polynomial(lanes, square, &COSINE), sine)
}

/// By Horner's rule.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize, const TERMS: usize>(
    lanes: L,
    x: [L::F; N],
    coefficients: &[f64; TERMS],
) -> [L::F; N] {
    let mut value = [lanes.splat(coefficients[TERMS - 1]); N];
    let mut index = TERMS - 1;
    while index > 0 {
        index -= 1;
        for n in 0..N {
            value[n] = lanes.mul_add(value[n], x[n], lanes.splat(coefficients[index]));
        }
    }
    value
}

/// Fills lines with normals, two lines at a time; where their number is odd, the second half of the last draw is left out.
///
/// ```
/// use langevin_lanes::{Line, Processor};
/// use langevin_sim::random::{Stream, fill_normals};
/// let mut lines = [Line::default(); 1000];
/// fill_normals(Processor::best(), &mut Stream::new(1, 2), &mut lines);
/// let square: f64 = lines.iter().flat_map(|line| line.0).map(|z| z * z).sum();
/// assert!((square / 8000.0 - 1.0).abs() < 0.1);
/// ```
pub fn fill_normals(processor: langevin_lanes::Processor, stream: &mut Stream, lines: &mut [Line]) {
    processor.run(Fill { stream, lines });
}

struct Fill<'a> {
    stream: &'a mut Stream,
    lines: &'a mut [Line],
}

impl langevin_lanes::Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let mut registers = self.stream.lanes(lanes);
        let (pairs, rest) = self.lines.as_chunks_mut::<2>();
        NormalPairs::fill(lanes, &mut registers, pairs);
        for line in rest {
            lanes.store(NormalPairs::draw(lanes, &mut registers)[0], &mut line.0);
        }
        self.stream.keep(lanes, &registers);
    }
}

// the array type of a line and of a store are one
const _: () = assert!(size_of::<Line>() == 8 * LANES);
