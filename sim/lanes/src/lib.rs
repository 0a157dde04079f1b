//! Eight doubles at a time. A kernel is written once, over [`Lanes`], and runs on AVX-512, on AVX2 with FMA, or as plain
//! loops, whichever is the best the processor has ([`Processor`]).
//!
//! The number of lanes is eight on every processor and sums run over lanes in one fixed order, so a kernel gives the same
//! bits on AVX-512 and on AVX2. The portable form rounds products before it adds them (a fused multiply-add in software
//! would be many times slower), so its last bits differ.
//!
//! This is the only crate of the workspace with unsafe code: vector instructions are sound only on a processor that has
//! them, and [`Processor`] can only be made by asking the processor.

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
mod processor;
mod rows;
mod table;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use processor::{Kernel, Level, Processor};
pub use rows::PickedRows;
pub use table::Table;

/// Number of doubles side by side.
pub const LANES: usize = 8;

/// Half of them: what one of two short rows has of a register.
pub const HALF: usize = LANES / 2;

/// A quarter of them: what one of four rows has of a register where registers are few.
pub const QUARTER: usize = LANES / 4;

/// Eight doubles on one cache line, so that a register never straddles two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Line(pub [f64; LANES]);

impl Line {
    /// Zeros.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// Lanes 0 to 3 (`part` 0) or 4 to 7 (1).
    ///
    /// ```
    /// assert_eq!(langevin_lanes::Line([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).half(1), &[4.0, 5.0, 6.0, 7.0]);
    /// ```
    #[inline(always)]
    pub fn half(&self, part: usize) -> &[f64; HALF] {
        &self.0.as_chunks::<HALF>().0[part]
    }

    /// Lanes 2 `part` and 2 `part` + 1.
    ///
    /// ```
    /// assert_eq!(langevin_lanes::Line([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).quarter(3), &[6.0, 7.0]);
    /// ```
    #[inline(always)]
    pub fn quarter(&self, part: usize) -> &[f64; QUARTER] {
        &self.0.as_chunks::<QUARTER>().0[part]
    }
}

/// Lines that hold `values` row after row, each row padded with zeros to whole lines.
///
/// ```
/// let lines = langevin_lanes::lines_of_rows(&[1.0, 2.0, 3.0, 4.0], 2);
/// assert_eq!((lines.len(), lines[1].0[..3].to_vec()), (2, vec![3.0, 4.0, 0.0]));
/// ```
pub fn lines_of_rows(values: &[f64], row: usize) -> Vec<Line> {
    let per_row = row.div_ceil(LANES);
    let mut lines = Vec::with_capacity(per_row * values.len().checked_div(row).unwrap_or(0));
    for values in values.chunks(row.max(1)) {
        for part in values.chunks(LANES) {
            let mut line = Line::default();
            line.0[..part.len()].copy_from_slice(part);
            lines.push(line);
        }
    }
    lines
}

/// Lines as one slice of doubles.
///
/// ```
/// use langevin_lanes::{Line, as_values};
/// assert_eq!(as_values(&[Line([1.0; 8]), Line([2.0; 8])])[7..9], [1.0, 2.0]);
/// ```
pub fn as_values(lines: &[Line]) -> &[f64] {
    // SAFETY: a Line is eight f64 without padding bytes (repr C, size 64), and f64 needs a weaker alignment
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LANES) }
}

/// Lines as one slice of doubles that can be written.
///
/// ```
/// use langevin_lanes::{Line, as_values_mut};
/// let mut lines = [Line::default()];
/// as_values_mut(&mut lines)[3] = 5.0;
/// assert_eq!(lines[0].0[3], 5.0);
/// ```
pub fn as_values_mut(lines: &mut [Line]) -> &mut [f64] {
    // SAFETY: as in `as_values`; the borrow is exclusive, and every bit pattern is a valid f64
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES) }
}

/// The same reference, hidden from the compiler: it cannot merge loads through it with earlier ones. Where a row is used
/// twice in a kernel it is better to load it again from the first cache than to carry it through registers that are not
/// there.
///
/// ```
/// assert_eq!(*langevin_lanes::hidden(&5), 5);
/// ```
#[inline(always)]
pub fn hidden<T>(reference: &T) -> &T {
    #[cfg(target_arch = "x86_64")]
    {
        let mut address: *const T = reference;
        // SAFETY: no instruction is emitted; the address comes out as it went in, with the lifetime it had
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) address, options(readonly, nostack, preserves_flags, pure));
            &*address
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(reference)
}

/// The same number, hidden from the compiler: a loop that counts with it stays a loop. Unrolled, a kernel whose values fill
/// the registers is spread over the stack.
///
/// ```
/// assert_eq!(langevin_lanes::hidden_count(5), 5);
/// ```
#[inline(always)]
pub fn hidden_count(count: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let mut same = count;
        // SAFETY: no instruction is emitted; the number comes out as it went in
        unsafe { std::arch::asm!("/* {0} */", inout(reg) same, options(nomem, nostack, preserves_flags, pure)) };
        same
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(count)
}

/// The operations of eight lanes. `F` holds doubles, `U` unsigned 64-bit integers.
///
/// A value of a type with this trait is the proof that the processor has the instructions.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// Values of eight doubles that fit into the processor's registers.
    const REGISTERS: usize;

    /// Eight doubles.
    type F: Copy;
    /// Eight 64-bit integers.
    type U: Copy;

    /// All lanes equal.
    fn splat(self, value: f64) -> Self::F;
    /// From memory, of any alignment.
    fn load(self, from: &[f64; LANES]) -> Self::F;
    /// The same values in lanes 0 to 3 and in lanes 4 to 7.
    fn load_twice(self, from: &[f64; HALF]) -> Self::F;
    /// `low` in lanes 0 to 3, `high` in lanes 4 to 7.
    fn load_pair(self, low: &[f64; HALF], high: &[f64; HALF]) -> Self::F;
    /// Lanes 2k and 2k + 1 from the k-th of four places.
    #[inline(always)]
    fn load_quarters(self, from: [&[f64; QUARTER]; 4]) -> Self::F {
        let [a, b, c, d] = from;
        self.load(&[a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]])
    }
    /// From single precision, converted exactly.
    fn load_f32(self, from: &[f32; LANES]) -> Self::F;
    /// From bytes, converted exactly.
    fn load_u8(self, from: &[u8; LANES]) -> Self::F;
    /// To memory, of any alignment.
    fn store(self, value: Self::F, to: &mut [f64; LANES]);
    /// `[value, 0, 0, 0, 0, 0, 0, 0]`.
    fn first(self, value: f64) -> Self::F;
    /// a + b.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// a - b.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// a b.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a / b.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// a b + c, rounded once where the processor fuses it.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// c - a b, rounded once where the processor fuses it.
    fn neg_mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// Square root.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// ((0+4)+(2+6)) + ((1+5)+(3+7)).
    fn sum(self, a: Self::F) -> f64;
    /// The sum of each of four values in all lanes, in the order of [`Lanes::sum`].
    fn spread_sums(self, a: [Self::F; 4]) -> [Self::F; 4];
    /// The sum of each half of two values, (0+2) + (1+3), in all lanes of that half.
    fn spread_half_sums(self, a: [Self::F; 2]) -> [Self::F; 2];
    /// The halves of `low` added, in lanes 0 to 3; those of `high`, in lanes 4 to 7.
    fn add_halves(self, low: Self::F, high: Self::F) -> Self::F;
    /// Lanes 2 `part` and 2 `part` + 1, four times.
    #[inline(always)]
    fn repeat_quarter(self, a: Self::F, part: usize) -> Self::F {
        let mut values = Line::ZERO;
        self.store(a, &mut values.0);
        self.load_quarters([values.quarter(part); 4])
    }
    /// The sum of each quarter in all lanes.
    #[inline(always)]
    fn spread_quarter_sums(self, a: Self::F) -> [Self::F; 4] {
        let mut values = [0.0; LANES];
        self.store(a, &mut values);
        let sum = |k: usize| self.splat(values[2 * k] + values[2 * k + 1]);
        [sum(0), sum(1), sum(2), sum(3)]
    }
    /// Lane by lane `set` where the highest bit of `mask` is 1, else `clear`.
    fn select(self, mask: Self::U, set: Self::F, clear: Self::F) -> Self::F;
    /// The bits of the doubles.
    fn bits(self, a: Self::F) -> Self::U;
    /// The doubles with these bits.
    fn with_bits(self, a: Self::U) -> Self::F;

    /// All lanes equal.
    fn splat_u(self, value: u64) -> Self::U;
    /// From memory.
    fn load_u(self, from: &[u64; LANES]) -> Self::U;
    /// To memory.
    fn store_u(self, value: Self::U, to: &mut [u64; LANES]);
    /// To memory as 32-bit halves, the low half of a lane before its high half.
    fn store_halves(self, value: Self::U, to: &mut [u32; 2 * LANES]);
    /// a + b modulo 2^64.
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Product of the low 32 bits of both.
    fn mul_low(self, a: Self::U, b: Self::U) -> Self::U;
    /// Exclusive or.
    fn xor(self, a: Self::U, b: Self::U) -> Self::U;
    /// Or.
    fn or(self, a: Self::U, b: Self::U) -> Self::U;
    /// And.
    fn and(self, a: Self::U, b: Self::U) -> Self::U;
    /// a 2^N modulo 2^64.
    fn shl<const N: u32>(self, a: Self::U) -> Self::U;
    /// floor(a / 2^N).
    fn shr<const N: u32>(self, a: Self::U) -> Self::U;
    /// Rotation to the left.
    fn rotl<const N: u32>(self, a: Self::U) -> Self::U;
    /// Whether a < b in any lane; both below 2^63.
    fn any_less(self, a: Self::U, b: Self::U) -> bool;

    /// Asks for the cache line of an address; never faults.
    fn prefetch<T>(self, address: *const T);
}
