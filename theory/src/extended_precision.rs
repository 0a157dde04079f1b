//! Error-free sums and products. Distances to a boundary (stability edge, critical damping) are differences of nearly
//! equal numbers; with the rounding errors of the terms carried along they keep full relative precision.

/// An unevaluated sum `high + low` with `|low|` at most half a unit in the last place of `high`.
#[derive(Clone, Copy, Debug)]
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
        let sum = Self::sum(self.high, other.high);
        Self::sum(sum.high, sum.low + self.low + other.low)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + self.high * other.low + self.low * other.high)
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
