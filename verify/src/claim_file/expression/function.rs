//! The functions of a formula: values, and how far roundings of the arguments may carry.

/// A function of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// e^x.
    Exp,
    /// Natural logarithm.
    Log,
    /// e^x - 1.
    Expm1,
    /// log(1 + x).
    Log1p,
    /// Square root.
    Sqrt,
    /// Absolute value.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Tangent.
    Tan,
    /// Inverse sine.
    Asin,
    /// Inverse cosine.
    Acos,
    /// Inverse tangent.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine.
    Acosh,
    /// Inverse hyperbolic tangent.
    Atanh,
    /// Largest whole number not above x.
    Floor,
    /// Smallest whole number not below x.
    Ceil,
    /// Nearest whole number.
    Round,
}

/// Functions of one number by name.
pub const FUNCTIONS: [(&str, Function); 23] = [
    ("exp", Function::Exp),
    ("log", Function::Log),
    ("ln", Function::Log),
    ("expm1", Function::Expm1),
    ("log1p", Function::Log1p),
    ("sqrt", Function::Sqrt),
    ("abs", Function::Abs),
    ("sign", Function::Sign),
    ("sin", Function::Sin),
    ("cos", Function::Cos),
    ("tan", Function::Tan),
    ("asin", Function::Asin),
    ("acos", Function::Acos),
    ("atan", Function::Atan),
    ("sinh", Function::Sinh),
    ("cosh", Function::Cosh),
    ("tanh", Function::Tanh),
    ("asinh", Function::Asinh),
    ("acosh", Function::Acosh),
    ("atanh", Function::Atanh),
    ("floor", Function::Floor),
    ("ceil", Function::Ceil),
    ("round", Function::Round),
];

impl Function {
    /// The (first) name of the function.
    pub(super) fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|entry| entry.1 == self).map_or("", |entry| entry.0)
    }

    pub(super) fn value(self, x: f64) -> f64 {
        match self {
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Expm1 => x.exp_m1(),
            Self::Log1p => x.ln_1p(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Tanh => x.tanh(),
            Self::Asinh => x.asinh(),
            Self::Acosh => x.acosh(),
            Self::Atanh => x.atanh(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round(),
        }
    }

    /// The absolute value of the derivative, by which a rounding of the argument grows.
    pub(super) fn slope(self, x: f64, value: f64) -> f64 {
        match self {
            Self::Exp => value,
            Self::Log => 1.0 / x.abs(),
            Self::Expm1 => (value + 1.0).abs(),
            Self::Log1p => 1.0 / (1.0 + x).abs(),
            Self::Sqrt => 0.5 / value,
            Self::Abs => 1.0,
            Self::Sign | Self::Floor | Self::Ceil | Self::Round => 0.0,
            Self::Sin => x.cos().abs(),
            Self::Cos => x.sin().abs(),
            Self::Tan => 1.0 + value * value,
            Self::Asin | Self::Acos => 1.0 / ((1.0 - x) * (1.0 + x)).sqrt(),
            Self::Atan => 1.0 / (1.0 + x * x),
            Self::Sinh => x.cosh(),
            Self::Cosh => x.sinh().abs(),
            Self::Tanh => 1.0 - value * value,
            Self::Asinh => 1.0 / (1.0 + x * x).sqrt(),
            Self::Acosh => 1.0 / ((x - 1.0) * (x + 1.0)).sqrt(),
            Self::Atanh => 1.0 / ((1.0 - x) * (1.0 + x)).abs(),
        }
    }
}
