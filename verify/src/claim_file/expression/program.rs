//! The compiled form of a formula: instructions in postfix order, run on a stack. Nothing recurses, so no formula is too deep
//! to run, and every number carries a bound on its rounding error (a running error analysis, Higham 2002, section 3.3),
//!
//! fl(a + b): e = e_a + e_b + u |a + b|; fl(a b): e = |a| e_b + |b| e_a + u |a b|; f(a): e = |f'(a)| e_a + u |f(a)|.
//!
//! The bound says which departures from an exact law are roundings of the formula, so that no tolerance has to be chosen.

use super::function::Function;
use super::symbol::{OF_A_MODE, SHARED, Symbol};

/// Relative rounding error of an operation, twice the unit roundoff; library functions stay within two of them.
const ROUNDING: f64 = f64::EPSILON;

/// Relative difference below which == finds two numbers equal.
const EQUAL: f64 = 1e-12;

/// A value with a bound on its rounding error. A value that is not defined is NaN, with the column where it arose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounded {
    /// The value; NaN where it is not defined.
    pub value: f64,
    /// Bound on its rounding error.
    pub error: f64,
    /// Column (from 1) of what is not defined; 0 for a defined value.
    pub undefined_at: u32,
}

impl Rounded {
    fn exact(value: f64) -> Self {
        Self { value, error: 0.0, undefined_at: 0 }
    }

    /// A result computed from others, at a column.
    fn computed(value: f64, error: f64, inputs: &[Self], column: u32) -> Self {
        if value.is_nan() {
            let inherited = inputs.iter().find(|input| input.value.is_nan()).map(|input| input.undefined_at);
            return Self { value, error: f64::INFINITY, undefined_at: inherited.unwrap_or(column) };
        }
        let rounding = ROUNDING * value.abs();
        // an infinite slope or a NaN bound bounds nothing
        let error = if error.is_nan() { f64::INFINITY } else { error + rounding };
        Self { value, error, undefined_at: 0 }
    }
}

/// Two numbers in, one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Minimum,
    Maximum,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Binary {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
            Self::Minimum => "min",
            Self::Maximum => "max",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

/// How a quantity is taken over the modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reduction {
    Sum,
    Product,
    Mean,
    Largest,
    Smallest,
}

impl Reduction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "prod",
            Self::Mean => "mean",
            Self::Largest => "max",
            Self::Smallest => "min",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Number(f64),
    Symbol(Symbol),
    Negate,
    Not,
    Binary(Binary),
    Call(Function),
    /// condition, value if true, value if false.
    Choose,
    /// The value of a reduction, counted from 0.
    Reduced(usize),
}

/// An operation and the column it stands at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instruction {
    pub(super) operation: Operation,
    pub(super) column: u32,
}

/// A formula, or the inside of a reduction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
}

/// Values of the symbols at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Symbols with one value, in the order of [`Symbol`].
    pub(crate) shared: [f64; SHARED],
    /// The symbols of each mode.
    pub(crate) modes: Vec<[f64; OF_A_MODE]>,
}

impl Point {
    /// A point with all symbols 0 (pi apart) and a number of modes.
    ///
    /// ```
    /// use langevin_verify::claim_file::expression::{Expression, Point, Scope, Symbol};
    /// let mut point = Point::new(1);
    /// point.set(Symbol::LearningRate, 0.1);
    /// point.set_of_mode(0, Symbol::Curvature, 3.0);
    /// let formula = Expression::parse("1 - eta*h", &Scope::of_a_mode(false)).unwrap();
    /// assert!((formula.evaluate(&point, Some(0)).value - 0.7).abs() < 1e-15);
    /// ```
    pub fn new(modes: usize) -> Self {
        let mut shared = [0.0; SHARED];
        shared[Symbol::Pi.place()] = std::f64::consts::PI;
        Self { shared, modes: vec![[0.0; OF_A_MODE]; modes] }
    }

    /// Sets a symbol with one value; one of a mode is set in every mode.
    pub fn set(&mut self, symbol: Symbol, value: f64) {
        if symbol.of_a_mode() {
            self.modes.iter_mut().for_each(|mode| mode[symbol.place()] = value);
        } else {
            self.shared[symbol.place()] = value;
        }
    }

    /// Sets a symbol of one mode; nothing happens for a mode that is not there or a symbol that has one value.
    pub fn set_of_mode(&mut self, mode: usize, symbol: Symbol, value: f64) {
        if symbol.of_a_mode()
            && let Some(values) = self.modes.get_mut(mode)
        {
            values[symbol.place()] = value;
        }
    }

    /// A symbol's value; NaN for a symbol of a mode without a mode.
    pub fn get(&self, symbol: Symbol, mode: Option<usize>) -> f64 {
        if symbol.of_a_mode() {
            mode.and_then(|mode| self.modes.get(mode)).map_or(f64::NAN, |values| values[symbol.place()])
        } else {
            self.shared[symbol.place()]
        }
    }

    fn rounded(&self, symbol: Symbol, mode: Option<usize>, column: u32) -> Rounded {
        let value = self.get(symbol, mode);
        let rounding = match symbol {
            Symbol::LearningRate
            | Symbol::Momentum
            | Symbol::WeightDecay
            | Symbol::BatchSize
            | Symbol::Samples
            | Symbol::Dimension
            | Symbol::Lag
            | Symbol::Eigenvalue
            | Symbol::Noise => 0.0,
            // products and sums of the others
            _ => 4.0 * ROUNDING * value.abs(),
        };
        if value.is_nan() {
            Rounded { value, error: f64::INFINITY, undefined_at: column }
        } else {
            Rounded { value, error: rounding, undefined_at: 0 }
        }
    }
}

impl Program {
    /// Runs the program in one mode, or in none. A program that the parser made leaves one value.
    pub(super) fn run(
        &self,
        point: &Point,
        mode: Option<usize>,
        reduced: &[Rounded],
        stack: &mut Vec<Rounded>,
    ) -> Rounded {
        stack.clear();
        for &Instruction { operation, column } in &self.instructions {
            let result = match operation {
                Operation::Number(value) => Rounded::exact(value),
                Operation::Symbol(symbol) => point.rounded(symbol, mode, column),
                Operation::Reduced(index) => reduced.get(index).copied().unwrap_or(nothing(column)),
                Operation::Negate => {
                    let operand = pop(stack, column);
                    Rounded { value: -operand.value, ..operand }
                }
                Operation::Not => {
                    let operand = pop(stack, column);
                    if operand.value.is_nan() { operand } else { Rounded::exact(truth(operand.value == 0.0)) }
                }
                Operation::Call(function) => call(function, pop(stack, column), column),
                Operation::Binary(binary) => {
                    let right = pop(stack, column);
                    let left = pop(stack, column);
                    combine(binary, left, right, column)
                }
                Operation::Choose => {
                    let otherwise = pop(stack, column);
                    let then = pop(stack, column);
                    let condition = pop(stack, column);
                    if condition.value.is_nan() {
                        condition
                    } else if condition.value == 0.0 {
                        otherwise
                    } else {
                        then
                    }
                }
            };
            stack.push(result);
        }
        pop(stack, 1)
    }
}

fn nothing(column: u32) -> Rounded {
    Rounded { value: f64::NAN, error: f64::INFINITY, undefined_at: column }
}

fn pop(stack: &mut Vec<Rounded>, column: u32) -> Rounded {
    stack.pop().unwrap_or(nothing(column))
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn call(function: Function, operand: Rounded, column: u32) -> Rounded {
    let Rounded { mut value, error, .. } = operand;
    // outside its domain by a rounding only
    let border = match function {
        Function::Sqrt => Some(value.max(0.0)),
        Function::Asin | Function::Acos => Some(value.clamp(-1.0, 1.0)),
        Function::Acosh => Some(value.max(1.0)),
        _ => None,
    };
    if let Some(inside) = border.filter(|inside| (inside - value).abs() <= error) {
        value = inside;
    }
    let result = function.value(value);
    let result = if result.is_infinite() && value.is_finite() && function != Function::Exp && !grows(function) {
        // log(0), atanh(1)
        f64::NAN
    } else {
        result
    };
    let carried = if error == 0.0 {
        0.0
    } else if function == Function::Sqrt && value <= error {
        error.sqrt()
    } else {
        error * function.slope(value, result)
    };
    let mut computed = Rounded::computed(result, carried, &[operand], column);
    computed.error += ROUNDING * result.abs();
    computed
}

/// Functions that may overflow without being undefined.
fn grows(function: Function) -> bool {
    matches!(function, Function::Expm1 | Function::Sinh | Function::Cosh | Function::Tan)
}

#[allow(clippy::float_cmp, reason = "infinities are equal to themselves and to nothing near")]
fn combine(binary: Binary, left: Rounded, right: Rounded, column: u32) -> Rounded {
    let (a, b, ea, eb) = (left.value, right.value, left.error, right.error);
    let both = [left, right];
    let compare = |holds: bool| {
        if a.is_nan() || b.is_nan() {
            Rounded::computed(f64::NAN, 0.0, &both, column)
        } else {
            Rounded::exact(truth(holds))
        }
    };
    let equal = a == b || (a - b).abs() <= EQUAL * a.abs().max(b.abs()) + ea + eb;
    match binary {
        Binary::Add => Rounded::computed(a + b, ea + eb, &both, column),
        Binary::Subtract => Rounded::computed(a - b, ea + eb, &both, column),
        Binary::Multiply => {
            let carried = if ea == 0.0 && eb == 0.0 { 0.0 } else { a.abs() * eb + b.abs() * ea + ea * eb };
            Rounded::computed(a * b, carried, &both, column)
        }
        Binary::Divide => {
            let value = if b == 0.0 { f64::NAN } else { a / b };
            Rounded::computed(value, (ea + value.abs() * eb) / b.abs(), &both, column)
        }
        Binary::Power => {
            let value = if a == 0.0 && b < 0.0 { f64::NAN } else { a.powf(b) };
            let base = if ea == 0.0 { 0.0 } else { (b * value / a).abs() * ea };
            let exponent = if eb == 0.0 || a == 0.0 { 0.0 } else { (value * a.abs().ln()).abs() * eb };
            let mut power = Rounded::computed(value, base + exponent, &both, column);
            power.error += ROUNDING * value.abs();
            power
        }
        // f64::min and max pass over NaN
        Binary::Minimum => Rounded::computed(if a <= b || a.is_nan() { a } else { b }, ea.max(eb), &both, column),
        Binary::Maximum => Rounded::computed(if a >= b || a.is_nan() { a } else { b }, ea.max(eb), &both, column),
        Binary::Less => compare(a < b && !equal),
        Binary::LessOrEqual => compare(a < b || equal),
        Binary::Greater => compare(a > b && !equal),
        Binary::GreaterOrEqual => compare(a > b || equal),
        Binary::Equal => compare(equal),
        Binary::NotEqual => compare(!equal),
        Binary::And => {
            if a == 0.0 || b == 0.0 {
                Rounded::exact(0.0)
            } else {
                compare(true)
            }
        }
        Binary::Or => {
            if (a != 0.0 && !a.is_nan()) || (b != 0.0 && !b.is_nan()) {
                Rounded::exact(1.0)
            } else {
                compare(false)
            }
        }
    }
}

/// Takes a program over all modes.
pub(super) fn reduce(
    reduction: Reduction,
    program: &Program,
    column: u32,
    point: &Point,
    reduced: &[Rounded],
    stack: &mut Vec<Rounded>,
) -> Rounded {
    let mut total: Option<Rounded> = None;
    for mode in 0..point.modes.len() {
        let value = program.run(point, Some(mode), reduced, stack);
        total = Some(match total {
            None => value,
            Some(total) => {
                let binary = match reduction {
                    Reduction::Sum | Reduction::Mean => Binary::Add,
                    Reduction::Product => Binary::Multiply,
                    Reduction::Largest => Binary::Maximum,
                    Reduction::Smallest => Binary::Minimum,
                };
                combine(binary, total, value, column)
            }
        });
    }
    let Some(total) = total else { return nothing(column) };
    if reduction == Reduction::Mean {
        combine(Binary::Divide, total, Rounded::exact(point.modes.len() as f64), column)
    } else {
        total
    }
}
