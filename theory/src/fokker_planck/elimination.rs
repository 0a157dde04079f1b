//! Gaussian elimination for `e I + sum_j r_ij (unit_j - unit_i) unit_j^T`, a banded matrix with non-negative rates r_ij
//! from j to i and column sums e >= 0, without any subtraction (Grassmann, Taksar and Heyman 1985; Alfa, Xue and Ye
//! 2002): pivots are rebuilt from the rates and the column sums, for i, j > k,
#![doc = langevin_equation::equation!(r"\mathrm{pivot}_k = e_k + \sum_{i>k} r_{ik}, \qquad r_{ij} \leftarrow r_{ij} + \frac{r_{ik}\, r_{kj}}{\mathrm{pivot}_k}, \qquad e_j \leftarrow e_j + \frac{e_k\, r_{kj}}{\mathrm{pivot}_k}")]
//! so every entry of the factors and of the solution of a non-negative right-hand side is non-negative and good to a
//! small relative error, however stiff the rates are. With e = 0 the same elimination gives the null vector, tails
//! included.

use nalgebra::DVector;

use crate::error::{Result, TheoryError};

/// Largest number of entries of a factor (1 GiB).
const ENTRIES: usize = 1 << 27;

/// Powers of two that a [`Wide`] number counts as one.
const BLOCK: i32 = 300;

const UNREACHED: &str =
    "the generator on the grid: not every cell is reached from every other, so no law is unique and positive";

/// The factors of the matrix.
pub(super) struct Elimination {
    size: usize,
    half_width: usize,
    /// Column j: r_ij at `j (2 w + 1) + w + i - j`.
    rates: Vec<f64>,
    pivots: Vec<f64>,
}

impl Elimination {
    /// Factors the matrix with constant column sums `excess` and rates (from, to, rate), |from - to| <= half_width.
    pub(super) fn new(
        size: usize,
        half_width: usize,
        excess: f64,
        rates: impl Iterator<Item = (usize, usize, f64)>,
    ) -> Result<Self> {
        let stride = 2 * half_width + 1;
        if size.checked_mul(stride).is_none_or(|entries| entries > ENTRIES) {
            return Err(TheoryError::InvalidValue {
                name: "number of cells times twice the shorter side",
                value: size as f64 * stride as f64,
                admissible: "at most 2^27",
            });
        }
        let mut matrix = vec![0.0; size * stride];
        for (from, to, rate) in rates {
            matrix[from * stride + half_width + to - from] += rate;
        }
        let mut excesses = vec![excess; size];
        let mut pivots = vec![0.0; size];
        for k in 0..size {
            let reach = half_width.min(size - 1 - k);
            let (head, tail) = matrix.split_at_mut((k + 1) * stride);
            let start = k * stride + half_width + 1;
            let below = &head[start..start + reach];
            let pivot = excesses[k] + below.iter().sum::<f64>();
            pivots[k] = pivot;
            if pivot == 0.0 {
                if k + 1 < size {
                    return Err(TheoryError::Singular { what: UNREACHED });
                }
                break;
            }
            for distance in 1..=reach {
                let column = &mut tail[(distance - 1) * stride..distance * stride];
                let arriving = column[half_width - distance];
                if arriving > 0.0 {
                    let factor = arriving / pivot;
                    excesses[k + distance] += excesses[k] * factor;
                    let first = half_width + 1 - distance;
                    for (entry, &leaving) in column[first..first + reach].iter_mut().zip(below) {
                        *entry += leaving * factor;
                    }
                }
            }
            if !pivot.is_finite() {
                return Err(TheoryError::Overflow { what: "a pivot of the generator on the grid" });
            }
        }
        Ok(Self { size, half_width, rates: matrix, pivots })
    }

    fn column(&self, k: usize) -> &[f64] {
        let stride = 2 * self.half_width + 1;
        &self.rates[k * stride..(k + 1) * stride]
    }

    /// Solves in place.
    pub(super) fn solve(&self, values: &mut DVector<f64>) {
        let values = values.as_mut_slice();
        for k in 0..self.size {
            let reach = self.half_width.min(self.size - 1 - k);
            let (done, rest) = values.split_at_mut(k + 1);
            let factor = done[k] / self.pivots[k];
            let below = &self.column(k)[self.half_width + 1..];
            for (value, rate) in rest[..reach].iter_mut().zip(below) {
                *value += rate * factor;
            }
        }
        for k in (0..self.size).rev() {
            let reach = self.half_width.min(k);
            let (rest, done) = values.split_at_mut(k);
            done[0] /= self.pivots[k];
            let above = &self.column(k)[self.half_width - reach..self.half_width];
            for (value, rate) in rest[k - reach..].iter_mut().zip(above) {
                *value += rate * done[0];
            }
        }
    }

    /// The null vector, for excess 0, up to a factor. Its entries may span more than the range of doubles: those too far
    /// below the largest become zero.
    pub(super) fn null_vector(&self) -> Result<DVector<f64>> {
        let mut values = vec![Wide::ZERO; self.size];
        values[self.size - 1] = Wide { mantissa: 1.0, block: 0 };
        for k in (0..self.size).rev() {
            let reach = self.half_width.min(k);
            let (rest, done) = values.split_at_mut(k);
            if k + 1 < self.size {
                done[0] = done[0].over(self.pivots[k]);
            }
            if done[0].mantissa == 0.0 {
                return Err(TheoryError::Singular { what: UNREACHED });
            }
            let above = &self.column(k)[self.half_width - reach..self.half_width];
            for (value, &rate) in rest[k - reach..].iter_mut().zip(above) {
                *value = value.plus(done[0].times(rate));
            }
        }
        let top = values.iter().map(|value| value.block).max().unwrap_or(0);
        Ok(DVector::from_fn(self.size, |k, _| values[k].relative_to(top)))
    }
}

/// A non-negative number `mantissa 2^(300 block)` of any size.
#[derive(Clone, Copy)]
struct Wide {
    mantissa: f64,
    block: i32,
}

impl Wide {
    const ZERO: Self = Self { mantissa: 0.0, block: i32::MIN };

    /// The mantissa at least 2^-150 and below 2^150, unless it is zero.
    fn normalised(mut self) -> Self {
        while self.mantissa >= 2f64.powi(BLOCK / 2) && self.mantissa.is_finite() {
            self.mantissa *= 2f64.powi(-BLOCK);
            self.block += 1;
        }
        while self.mantissa < 2f64.powi(-BLOCK / 2) && self.mantissa > 0.0 {
            self.mantissa *= 2f64.powi(BLOCK);
            self.block -= 1;
        }
        self
    }

    /// A factor brought to a size at which products and quotients with a mantissa stay in range, and its blocks.
    fn lifted(factor: f64) -> (f64, i32) {
        if factor < 2f64.powi(-2 * BLOCK) { (factor * 2f64.powi(2 * BLOCK), -2) } else { (factor, 0) }
    }

    fn times(self, factor: f64) -> Self {
        if factor == 0.0 || self.mantissa == 0.0 {
            return Self::ZERO;
        }
        let (factor, block) = Self::lifted(factor);
        Self { mantissa: self.mantissa * factor, block: self.block + block }.normalised()
    }

    fn over(self, divisor: f64) -> Self {
        if self.mantissa == 0.0 {
            return Self::ZERO;
        }
        let (divisor, block) = Self::lifted(divisor);
        Self { mantissa: self.mantissa / divisor, block: self.block - block }.normalised()
    }

    fn plus(self, other: Self) -> Self {
        if self.mantissa == 0.0 {
            return other;
        }
        let block = self.block.max(other.block);
        Self { mantissa: self.relative_to(block) + other.relative_to(block), block }.normalised()
    }

    /// The number in units of 2^(300 block), zero where it is below the range of doubles.
    fn relative_to(self, block: i32) -> f64 {
        match block.saturating_sub(self.block) {
            // in single blocks: the power itself may be below the smallest double
            gap if gap <= 4 => (0..gap).fold(self.mantissa, |value, _| value * 2f64.powi(-BLOCK)),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::{BLOCK, Wide};

    /// A number is `coefficient 2^exponent` to the last bit, coefficient from 1 to 2, with a mantissa in its range.
    fn assert_is(found: Wide, coefficient: f64, exponent: i32) {
        let rest = exponent - BLOCK * found.block;
        assert!((-BLOCK / 2..BLOCK / 2).contains(&rest), "2^{exponent}: block {}", found.block);
        assert_eq!(found.mantissa, coefficient * 2f64.powi(rest), "2^{exponent}: block {}", found.block);
    }

    fn wide(coefficient: f64, exponent: i32) -> Wide {
        Wide { mantissa: coefficient * 2f64.powi(exponent), block: 0 }
    }

    #[test]
    fn every_number_has_one_mantissa_and_one_block() {
        for exponent in [-1000, -450, -449, -200, -151, -150, -149, -1, 0, 1, 149, 150, 200, 449, 450, 1000] {
            assert_is(wide(1.0, exponent).normalised(), 1.0, exponent);
            assert_is(wide(1.75, exponent).normalised(), 1.75, exponent);
        }
        assert_is(Wide { mantissa: f64::from_bits(1), block: 7 }.normalised(), 1.0, 7 * BLOCK - 1074);
        assert_eq!(Wide::ZERO.normalised().mantissa, 0.0);
    }

    #[test]
    fn products_and_quotients_are_exact_beyond_the_range_of_doubles() {
        for own in [-150, -20, 0, 20, 149] {
            for other in [-1000, -700, -601, -600, -599, -300, -1, 0, 1, 290] {
                // 1.25 1.5 = 1.875
                let factor = 1.5 * 2f64.powi(other);
                assert_is(wide(1.25, own).times(factor), 1.875, own + other);
                assert_is(wide(1.875, own).over(factor), 1.25, own - other);
            }
            assert_is(wide(1.25, own).times(f64::from_bits(1)), 1.25, own - 1074);
            assert_is(wide(1.25, own).over(f64::from_bits(1)), 1.25, own + 1074);
        }
        // 2^-3000, factor by factor, and back
        let down = (0..10).fold(wide(1.0, 0), |number, _| number.times(2f64.powi(-300)));
        assert_is(down, 1.0, -3000);
        assert_is((0..10).fold(down, |number, _| number.over(2f64.powi(-300))), 1.0, 0);
    }

    #[test]
    fn zero_adds_nothing_to_a_number_of_any_size() {
        let small = wide(1.5, 0).times(2f64.powi(-900)).times(2f64.powi(-900));
        let large = wide(1.0, 0).over(2f64.powi(-900)).over(2f64.powi(-900));
        for zero in [Wide::ZERO, large.times(0.0), Wide::ZERO.times(2f64.powi(-700)), Wide::ZERO.over(2f64.powi(-700))]
        {
            assert_is(small.plus(zero), 1.5, -1800);
            assert_is(zero.plus(small), 1.5, -1800);
            assert_eq!(zero.plus(zero).mantissa, 0.0);
        }
        // 2^149 + 2^150 across the border of two blocks; what is far below leaves no trace
        assert_is(wide(1.0, 149).plus(wide(1.0, 150).normalised()), 1.5, 150);
        assert_is(large.plus(small), 1.0, 1800);
    }

    #[test]
    fn numbers_return_to_doubles_down_to_the_smallest() {
        let number = Wide { mantissa: 1.5 * 2f64.powi(149), block: -4 };
        // 1.5 2^(149 - 1200): 2^-1074 is the smallest double
        assert_eq!(number.relative_to(0), f64::from_bits(3 << 22));
        assert_eq!(number.relative_to(-3), 1.5 * 2f64.powi(-151));
        assert_eq!(number.relative_to(-4), number.mantissa);
        assert_eq!(number.relative_to(1), 0.0);
        assert_eq!(Wide::ZERO.relative_to(5), 0.0);
    }
}
