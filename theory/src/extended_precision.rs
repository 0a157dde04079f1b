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
        if first < f64::MIN_POSITIVE {
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
        if high < f64::MIN_POSITIVE {
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
