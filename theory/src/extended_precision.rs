//! Numbers of twice the precision (double-double, about 32 digits). Distances to a boundary (stability edge, critical
//! damping) are differences of nearly equal numbers; with the rounding errors of the terms carried along they keep full
//! relative precision. Propagators of drifts with widely different rates lose as many digits as the rates differ by; with
//! 32 digits at the start, enough are left.
//!
//! Algorithms: Dekker 1971, Knuth (two-sum), Hida, Li and Bailey 2001.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use nalgebra::{ClosedAddAssign, ClosedMulAssign, ClosedSubAssign, DMatrix, Scalar};
use num_traits::{One, Zero};

/// What matrix algorithms need of a number: plain doubles where speed decides, [`Extended`] where digits do.
pub(crate) trait Number:
    Scalar
    + Copy
    + Zero
    + One
    + ClosedAddAssign
    + ClosedSubAssign
    + ClosedMulAssign
    + Div<Output = Self>
    + Neg<Output = Self>
    + From<f64>
{
    /// Relative rounding error.
    const EPSILON: f64;

    /// The nearest number of this kind.
    fn nearest(number: Extended) -> Self;

    /// The nearest double.
    fn value(self) -> f64;

    /// The square root of a non-negative number.
    fn root(self) -> Self;

    /// The natural logarithm of a positive number, as a double.
    fn logarithm(self) -> f64;
}

impl Number for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn nearest(number: Extended) -> Self {
        number.value()
    }

    fn value(self) -> f64 {
        self
    }

    fn root(self) -> Self {
        self.sqrt()
    }

    fn logarithm(self) -> f64 {
        self.ln()
    }
}

impl Number for Extended {
    const EPSILON: f64 = f64::EPSILON * f64::EPSILON;

    fn nearest(number: Extended) -> Self {
        number
    }

    fn value(self) -> f64 {
        Extended::value(self)
    }

    fn root(self) -> Self {
        let first = self.high.sqrt();
        if first == 0.0 {
            return Self::from(first);
        }
        // one Newton step doubles the digits
        let rest = self.minus(Self::product(first, first));
        Self::sum(first, rest.value() / (2.0 * first))
    }

    fn logarithm(self) -> f64 {
        self.high.ln() + self.low / self.high
    }
}

/// A matrix of doubles as one of other numbers.
pub(crate) fn lift<T: Number>(matrix: &DMatrix<f64>) -> DMatrix<T> {
    matrix.map(T::from)
}

/// The nearest matrix of doubles.
pub(crate) fn lower<T: Number>(matrix: &DMatrix<T>) -> DMatrix<f64> {
    matrix.map(T::value)
}

/// The largest absolute entry; NaN when there is one.
pub(crate) fn largest<T: Number>(matrix: &DMatrix<T>) -> f64 {
    matrix
        .iter()
        .map(|entry| entry.value().abs())
        .fold(0.0, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

/// An unevaluated sum `high + low` with `|low|` at most half a unit in the last place of `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extended {
    high: f64,
    low: f64,
}

impl Extended {
    /// The exact sum of two numbers.
    pub(crate) fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let part = high - a;
        Self { high, low: (a - (high - part)) + (b - part) }
    }

    /// The exact product of two numbers.
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// The square root of a non-negative number.
    pub(crate) fn square_root(a: f64) -> Self {
        let high = a.sqrt();
        if high == 0.0 {
            return Self { high, low: 0.0 };
        }
        Self { high, low: -high.mul_add(high, -a) / (2.0 * high) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.high, other.high), Self::sum(self.low, other.low));
        let sum = Self::sum(high.high, high.low + low.high);
        Self::sum(sum.high, sum.low + low.low)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + self.high * other.low + self.low * other.high)
    }

    pub(crate) fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.minus(other.times(Self::from(first)));
        let second = rest.high / other.high;
        let rest = rest.minus(other.times(Self::from(second)));
        Self::sum(first, second).plus(Self::from(rest.high / other.high))
    }

    /// Multiplication by a power of two.
    pub(crate) fn scaled(self, power_of_two: f64) -> Self {
        Self { high: self.high * power_of_two, low: self.low * power_of_two }
    }

    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }
}

impl From<f64> for Extended {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

macro_rules! operator {
    ($trait:ident, $function:ident, $assign:ident, $assign_function:ident, $method:ident) => {
        impl $trait for Extended {
            type Output = Self;

            fn $function(self, other: Self) -> Self {
                self.$method(other)
            }
        }

        impl $assign for Extended {
            fn $assign_function(&mut self, other: Self) {
                *self = self.$method(other);
            }
        }
    };
}

operator!(Add, add, AddAssign, add_assign, plus);
operator!(Sub, sub, SubAssign, sub_assign, minus);
operator!(Mul, mul, MulAssign, mul_assign, times);
operator!(Div, div, DivAssign, div_assign, over);

impl Neg for Extended {
    type Output = Self;

    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Zero for Extended {
    fn zero() -> Self {
        Self::from(0.0)
    }

    fn is_zero(&self) -> bool {
        self.high == 0.0
    }
}

impl One for Extended {
    fn one() -> Self {
        Self::from(1.0)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    const TINY: f64 = 1.0 / (1_u64 << 57) as f64;

    #[test]
    fn doubles_are_numbers() {
        assert_eq!((Number::root(6.25_f64), Number::logarithm(1.0_f64)), (2.5, 0.0));
        assert_eq!(
            (Number::logarithm(2.0_f64), Number::logarithm(0.5_f64)),
            (std::f64::consts::LN_2, -std::f64::consts::LN_2)
        );
    }

    #[test]
    fn roots_have_32_digits_and_zero_has_one() {
        for number in [2.0, 1e-300, 3e300, 5e-324, f64::MIN_POSITIVE] {
            let exact = Extended::from(number);
            for root in [exact.root(), Extended::square_root(number)] {
                // the square of a root too small loses digits to the end of the range
                let tolerance = (1e-31 * number).max(5e-324);
                assert!((root * root - exact).value().abs() <= tolerance, "{number:e}");
            }
        }
        for root in [Extended::zero().root(), Extended::square_root(0.0)] {
            assert_eq!(root, Extended::zero());
        }
    }

    /// ln(1 + x) = x and ln(2^60 + 64) = 60 ln 2 + 2^-54, to the digits of a double.
    #[test]
    fn a_logarithm_feels_the_low_part() {
        assert_eq!(Extended::sum(1.0, TINY).logarithm(), TINY);
        assert_eq!(Extended::sum(1.0, -TINY).logarithm(), -TINY);
        let found = Extended::sum(f64::exp2(60.0), 64.0).logarithm();
        assert!((found - 60.0 * std::f64::consts::LN_2).abs() < 1e-14);
    }

    #[test]
    fn differences_keep_what_is_left() {
        let (near, far) = (Extended::sum(1.0, TINY), Extended::sum(-1.0, TINY * TINY));
        assert_eq!(near + far, Extended::sum(TINY, TINY * TINY));
        assert_eq!(near + -near, Extended::zero());
        assert_eq!((-near) + Extended::one(), Extended::from(-TINY));
    }

    /// A half unit in the last place goes to the even neighbour, which below a power of two is not the next one.
    #[test]
    fn the_nearest_double_is_the_sum_rounded() {
        let half = f64::EPSILON / 2.0;
        for (high, low) in [(1.0, half), (1.0, -half / 2.0), (-1.0, -half), (1.5, 0.25)] {
            assert_eq!(Extended::sum(high, low).value(), high + low);
        }
    }
}
