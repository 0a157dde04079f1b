//! The formulas of claim files: numbers, symbols, + - * / ^, comparisons, `and or not`, functions, and sums over modes.
//!
//! A parser of our own, because none of the kept crates says where in a formula an error is together with which scope a
//! symbol has: errors of exmex are texts without columns, evalexpr is under the AGPL, fasteval and meval are no longer kept.
//! It is a Pratt parser that emits postfix instructions; limits on length and nesting bound its stack, and running a
//! formula does not recurse at all.

mod error;
mod formula;
mod function;
mod parser;
mod program;
mod symbol;
mod token;

use std::fmt;
use std::sync::Arc;

pub use error::ExpressionError;
pub use formula::{Formula, Symbols};
pub use function::{FUNCTIONS, Function};
pub use program::{Point, Rounded};
pub use symbol::{OF_A_MODE, SHARED, SYMBOLS, Symbol};

use parser::{Parser, Reduced};
use program::{Binary, Instruction, Operation, Program};

/// Most characters of a formula.
pub const MOST_CHARACTERS: usize = 10_000;

/// Most levels of brackets, signs and powers.
pub const MOST_NESTED: usize = 100;

/// What a formula stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Number,
    Condition,
}

/// Which symbols a formula may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whether the formula has a value per mode: then symbols of a mode may stand outside sums.
    of_a_mode: bool,
    /// Symbols that mean nothing here, and why.
    refused: Vec<(Symbol, &'static str)>,
}

impl Scope {
    /// The scope of an observable per mode, with or without `k`.
    pub fn of_a_mode(with_lag: bool) -> Self {
        Self { of_a_mode: true, refused: Vec::new() }.lag(with_lag)
    }

    /// The scope of a total: symbols of a mode only inside sums.
    pub fn of_a_total(with_lag: bool) -> Self {
        Self { of_a_mode: false, refused: Vec::new() }.lag(with_lag)
    }

    /// The scope in which symbols of a mode may stand anywhere.
    #[must_use]
    pub fn with_modes(mut self) -> Self {
        self.of_a_mode = true;
        self
    }

    fn lag(self, with_lag: bool) -> Self {
        if with_lag { self } else { self.without(Symbol::Lag, "belongs to observables with (k)") }
    }

    /// The scope without a symbol, for a reason that completes "`name` ...".
    #[must_use]
    pub fn without(mut self, symbol: Symbol, reason: &'static str) -> Self {
        self.refused.push((symbol, reason));
        self
    }

    fn refusal(&self, symbol: Symbol) -> Option<&'static str> {
        self.refused.iter().find(|entry| entry.0 == symbol).map(|entry| entry.1)
    }
}

/// A formula that can be run: a number or a condition.
///
/// ```
/// use langevin_verify::claim_file::expression::{Expression, Point, Scope, Symbol};
/// let mut point = Point::new(2);
/// point.set_of_mode(0, Symbol::Eigenvalue, 1.0);
/// point.set_of_mode(1, Symbol::Eigenvalue, 3.0);
/// let scope = Scope::of_a_total(false);
/// let formula = Expression::parse("sum(rho^2) / max(rho)", &scope).unwrap();
/// assert!((formula.evaluate(&point, None).value - 10.0 / 3.0).abs() < 1e-14);
/// assert!(Expression::parse("rho", &scope).unwrap_err().to_string().contains("inside sum"));
/// let domain = Expression::condition("0 < mean(rho) <= 2", &scope).unwrap();
/// assert!(domain.holds(&point, None));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    program: Program,
    reduced: Vec<Reduced>,
    symbols: Vec<Symbol>,
    /// Stands in for the program.
    function: Option<formula::Function>,
}

impl Expression {
    /// Parses a number.
    ///
    /// # Errors
    /// [`ExpressionError`] with the column and what is wrong there.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        Self::of(text, scope, Value::Number)
    }

    /// Parses a condition.
    ///
    /// # Errors
    /// [`ExpressionError`] with the column and what is wrong there.
    pub fn condition(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        Self::of(text, scope, Value::Condition)
    }

    fn of(text: &str, scope: &Scope, wanted: Value) -> Result<Self, ExpressionError> {
        let mut parser = Parser::new(text, scope)?;
        let program = parser.whole(wanted)?;
        Ok(Self {
            text: text.trim().to_owned(),
            program,
            reduced: parser.reduced,
            symbols: parser.symbols,
            function: None,
        })
    }

    /// A formula in Rust. It may use every symbol; where a claim is about one, that one is NaN.
    pub fn function(formula: Arc<dyn Formula>) -> Self {
        Self {
            text: "a function in Rust".into(),
            program: Program { instructions: Vec::new() },
            reduced: Vec::new(),
            symbols: symbol::SYMBOLS.iter().map(|entry| entry.1).collect(),
            function: Some(formula::Function(formula)),
        }
    }

    /// The formula as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a symbol occurs.
    pub fn uses(&self, symbol: Symbol) -> bool {
        self.symbols.contains(&symbol)
    }

    /// Whether a symbol of a mode occurs.
    pub fn uses_a_mode(&self) -> bool {
        self.symbols.iter().any(|symbol| symbol.of_a_mode())
    }

    /// The value in a mode, or of a total, with a bound on its rounding error.
    pub fn evaluate(&self, point: &Point, mode: Option<usize>) -> Rounded {
        if let Some(function) = &self.function {
            return function.evaluate(point, mode);
        }
        let mut stack = Vec::new();
        let reduced = self.reductions(point, &mut stack);
        self.program.run(point, mode, &reduced, &mut stack)
    }

    /// The values in all modes.
    pub fn evaluate_modes(&self, point: &Point) -> Vec<Rounded> {
        if let Some(function) = &self.function {
            return (0..point.modes.len()).map(|mode| function.evaluate(point, Some(mode))).collect();
        }
        let mut stack = Vec::new();
        let reduced = self.reductions(point, &mut stack);
        (0..point.modes.len()).map(|mode| self.program.run(point, Some(mode), &reduced, &mut stack)).collect()
    }

    /// Sums and their like do not depend on the mode outside, so each is taken once.
    fn reductions(&self, point: &Point, stack: &mut Vec<Rounded>) -> Vec<Rounded> {
        let mut values = Vec::with_capacity(self.reduced.len());
        for Reduced { reduction, program, column } in &self.reduced {
            let value = program::reduce(*reduction, program, *column, point, &values, stack);
            values.push(value);
        }
        values
    }

    /// Whether a condition holds; where it is not defined it does not.
    pub fn holds(&self, point: &Point, mode: Option<usize>) -> bool {
        let value = self.evaluate(point, mode).value;
        !value.is_nan() && value != 0.0
    }

    /// Numbers that a symbol is compared with, as in `beta <= 0.95`, or that are taken from it, as in `abs(beta - 0.6) < 0.01`:
    /// a grid that is to find the border must hold them.
    pub(crate) fn compared_with(&self, symbol: Symbol) -> Vec<f64> {
        let programs = std::iter::once(&self.program).chain(self.reduced.iter().map(|reduced| &reduced.program));
        let mut found = Vec::new();
        for program in programs {
            for window in program.instructions.windows(3) {
                let [first, second, third] = [window[0].operation, window[1].operation, window[2].operation];
                let is_comparison = matches!(
                    third,
                    Operation::Binary(
                        Binary::Less
                            | Binary::LessOrEqual
                            | Binary::Greater
                            | Binary::GreaterOrEqual
                            | Binary::Equal
                            | Binary::NotEqual
                            | Binary::Subtract
                    )
                );
                match (first, second) {
                    (Operation::Symbol(found_symbol), Operation::Number(value))
                    | (Operation::Number(value), Operation::Symbol(found_symbol))
                        if is_comparison && found_symbol == symbol =>
                    {
                        found.push(value);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The text around a column, for messages about values that are not defined.
    pub fn error_at(&self, column: u32, message: &str) -> ExpressionError {
        ExpressionError {
            source_text: self.text.clone(),
            column: column.max(1) as usize,
            width: 1,
            message: message.to_owned(),
        }
    }

    fn written(&self, program: &Program) -> String {
        let mut stack: Vec<String> = Vec::new();
        for Instruction { operation, .. } in &program.instructions {
            let mut pop = || stack.pop().unwrap_or_default();
            let text = match *operation {
                Operation::Number(value) => format!("{value:?}"),
                Operation::Symbol(symbol) => symbol.name().to_owned(),
                Operation::Reduced(index) => self.reduced.get(index).map_or_else(String::new, |reduced| {
                    format!("{}({})", reduced.reduction.name(), self.written(&reduced.program))
                }),
                Operation::Negate => format!("(-{})", pop()),
                Operation::Not => format!("(not {})", pop()),
                Operation::Call(function) => format!("{}({})", function.name(), pop()),
                Operation::Choose => {
                    let (otherwise, then, condition) = (pop(), pop(), pop());
                    format!("if({condition}, {then}, {otherwise})")
                }
                Operation::Binary(binary @ (Binary::Minimum | Binary::Maximum)) => {
                    let (right, left) = (pop(), pop());
                    format!("{}({left}, {right})", binary.text())
                }
                Operation::Binary(binary) => {
                    let (right, left) = (pop(), pop());
                    format!("({left} {} {right})", binary.text())
                }
            };
            stack.push(text);
        }
        stack.pop().unwrap_or_default()
    }
}

/// With every bracket written.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(_) => formatter.write_str(&self.text),
            None => formatter.write_str(&self.written(&self.program)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        Scope::of_a_mode(true)
    }

    fn value(text: &str) -> f64 {
        let mut point = Point::new(3);
        point.set(Symbol::LearningRate, 0.25);
        point.set(Symbol::Momentum, 0.5);
        for mode in 0..3 {
            point.set_of_mode(mode, Symbol::Curvature, 1.0 + mode as f64);
        }
        Expression::parse(text, &scope()).unwrap_or_else(|error| panic!("{error}")).evaluate(&point, Some(1)).value
    }

    fn refusal(text: &str) -> String {
        Expression::parse(text, &scope()).expect_err(text).to_string()
    }

    #[test]
    fn values_are_those_of_the_usual_rules() {
        for (text, expected) in [
            ("1 + 2*3", 7.0),
            ("(1 + 2)*3", 9.0),
            ("-2^2", -4.0),
            ("2^3^2", 512.0),
            ("2^-1", 0.5),
            ("2**3", 8.0),
            ("8/2/2", 2.0),
            ("8 - 2 - 2", 4.0),
            ("- - 3", 3.0),
            ("+3", 3.0),
            ("1.5e1 + .5", 15.5),
            ("eta*h", 0.5),
            ("sum(h)", 6.0),
            ("sum(h)*h", 12.0),
            ("prod(h)", 6.0),
            ("mean(h)", 2.0),
            ("max(h)", 3.0),
            ("min(h)", 1.0),
            ("max(h, 7)", 7.0),
            ("min(h, 7, 1)", 1.0),
            ("sum(h*sum(h))", 36.0),
            ("sum(max(h, 2))", 7.0),
            ("max(abs(min(h, 2)), 0.5)", 2.0),
            ("pow(h, 3)", 8.0),
            ("if(h < 2, 1, 5)", 5.0),
            ("if(1 <= h <= 2 and not (beta > 0.9), 1, 1/0)", 1.0),
            ("if(h == 1 or h != 1, 1, 2)", 1.0),
            ("log(exp(2))", 2.0),
            ("ln(1)", 0.0),
            ("cos(pi)", -1.0),
            ("sqrt(4) + floor(1.7) + ceil(1.2) + round(2.6) + sign(-2)", 7.0),
        ] {
            assert!((value(text) - expected).abs() < 1e-14, "{text}: {}", value(text));
        }
    }

    #[test]
    fn what_is_not_defined_is_nan_with_its_column() {
        let point = Point::new(1);
        for (text, column) in
            [("1 + 1/eta", 6), ("log(eta)", 1), ("2*sqrt(-1 - eta)", 3), ("1/(1/h)", 5), ("0^-1", 2), ("asin(2)", 1)]
        {
            let found = Expression::parse(text, &scope()).unwrap().evaluate(&point, Some(0));
            assert!(found.value.is_nan(), "{text}");
            assert_eq!(found.undefined_at, column, "{text}");
        }
        // a rounding outside the domain is no excuse for having no value
        let mut point = Point::new(1);
        point.set(Symbol::LearningRate, 0.1);
        let text = "sqrt(3*eta - 0.3)";
        assert!(Expression::parse(text, &scope()).unwrap().evaluate(&point, Some(0)).value.abs() < 1e-7);
    }

    #[test]
    fn errors_name_the_place_and_the_remedy() {
        for (text, parts) in [
            ("etta*h", &["unknown symbol `etta` at column 1; did you mean `eta`?", "    etta*h\n    ^^^^"][..]),
            ("eta*learning_rate", &["column 5", "did you mean `eta`?"]),
            ("2 eta", &["`eta` where an operator", "column 3"]),
            ("eta*", &["the formula ends", "column 5"]),
            ("(eta", &["`(` is not closed at column 1"]),
            ("eta)", &["`)` closes nothing at column 4"]),
            ("exp", &["without arguments"]),
            ("exp()", &["no arguments"]),
            ("exq(1)", &["unknown function `exq`", "did you mean `exp`?"]),
            ("h(1)", &["`h` is not a function", "write h*(...)"]),
            ("pow(1)", &["`pow` takes 2 arguments"]),
            ("sin(1, 2)", &["`sin` takes one argument"]),
            ("eta < 1", &["a condition where a number must stand"]),
            ("(eta < 1)*2", &["a condition to the left of `*`"]),
            ("1 + (eta and 2)", &["a number to the left of `and`"]),
            ("eta = 1", &["equality is `==`"]),
            ("eta && 1", &["write `and`"]),
            ("eta $ 1", &["`$` means nothing here at column 5"]),
            ("", &["the formula is empty"]),
            ("1e999", &["a number that cannot be read"]),
            ("sum(h, 2)", &["one argument"]),
            ("é", &["unknown symbol `é`"]),
        ] {
            let found = refusal(text);
            for part in parts {
                assert!(found.contains(part), "{text}: {found}");
            }
        }
        assert!(Expression::condition("eta", &scope()).unwrap_err().to_string().contains("a number where a condition"));
        let total = Scope::of_a_total(false);
        assert!(Expression::parse("h", &total).unwrap_err().to_string().contains("inside sum"));
        assert!(Expression::parse("sum(h)", &total).is_ok());
        assert!(Expression::parse("k", &total).unwrap_err().to_string().contains("observables with (k)"));
    }

    #[test]
    fn limits_are_stated() {
        let nested = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(refusal(&format!("{}1", "-".repeat(9000))).contains("more than 100 levels"));
        assert!(refusal(&nested).contains("10000") || refusal(&nested).contains("more than 100 levels"));
        assert!(refusal(&"1+".repeat(6000)).contains("at most 10000"));
        // long, not deep
        assert!((value(&format!("{}1", "1+".repeat(4999))) - 5000.0).abs() < 1e-9);
    }

    #[test]
    fn roundings_are_bounded_and_bounds_are_not_lavish() {
        let mut point = Point::new(1);
        point.set(Symbol::LearningRate, 1e-6);
        // 1 - cos(x) loses twelve digits, 2 sin^2(x/2) none
        let lossy = Expression::parse("(1 - cos(eta))/eta^2", &scope()).unwrap().evaluate(&point, Some(0));
        let stable = Expression::parse("2*sin(eta/2)^2/eta^2", &scope()).unwrap().evaluate(&point, Some(0));
        let exact = 0.5 - 1e-12 / 24.0;
        assert!((lossy.value - exact).abs() <= lossy.error && lossy.error > 1e-5 && lossy.error < 1e-2, "{lossy:?}");
        assert!((stable.value - exact).abs() <= stable.error && stable.error < 1e-14, "{stable:?}");
    }

    /// Formulas with their values, computed beside them in plain Rust.
    fn formula() -> impl Strategy<Value = (String, f64)> {
        let leaf = prop_oneof![
            (0_u32..1000).prop_map(|n| (format!("{}", f64::from(n) / 8.0), f64::from(n) / 8.0)),
            Just(("eta".to_owned(), 0.25)),
            Just(("beta".to_owned(), 0.5)),
            Just(("h".to_owned(), 2.0)),
            Just(("sum(h)".to_owned(), 6.0)),
        ];
        leaf.prop_recursive(6, 60, 3, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a}) + {b}"), x + y)),
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a} - ({b}))"), x - y)),
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a})*({b})"), x * y)),
                (inner.clone(), inner.clone())
                    .prop_map(|((a, x), (b, y))| (format!("({a})/(1 + abs({b}))"), x / (1.0 + y.abs()))),
                (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("max({a}, {b})"), x.max(y))),
                inner.clone().prop_map(|(a, x)| (format!("-({a})"), -x)),
                inner.clone().prop_map(|(a, x)| (format!("tanh({a})^2"), x.tanh().powi(2))),
                (inner.clone(), inner)
                    .prop_map(|((a, x), (b, y))| (format!("if({a} < {b}, {a}, -({b}))"), if x < y { x } else { -y })),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn values_equal_those_computed_beside_them((text, expected) in formula()) {
            // deeper than the limit is refused, not wrong
            if let Ok(parsed) = Expression::parse(&text, &scope()) {
                let mut point = Point::new(3);
                point.set(Symbol::LearningRate, 0.25);
                point.set(Symbol::Momentum, 0.5);
                for mode in 0..3 {
                    point.set_of_mode(mode, Symbol::Curvature, 1.0 + mode as f64);
                }
                let found = parsed.evaluate(&point, Some(1));
                // a condition may tip by rounding, where both sides are equal
                prop_assert!((found.value - expected).abs() <= found.error + 1e-12 * expected.abs().max(1.0) || text.contains("if("));
                let again = Expression::parse(&parsed.to_string(), &scope()).unwrap();
                prop_assert_eq!(again.to_string(), parsed.to_string());
                prop_assert_eq!(again.evaluate(&point, Some(1)).value.to_bits(), found.value.to_bits());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let point = Point::new(2);
            if let Ok(parsed) = Expression::parse(&text, &scope()) {
                let _ = parsed.evaluate_modes(&point);
            }
            let _ = Expression::condition(&text, &Scope::of_a_total(false)).map_err(|error| error.to_string());
        }

        #[test]
        fn no_sequence_of_words_panics(words in prop::collection::vec(prop::sample::select(vec![
            "eta", "h", "k", "1", "2.5", "+", "-", "*", "/", "^", "(", ")", ",", "<", "==", "and", "or", "not", "sum", "sum(",
            "max(", "if(", "exp(", "pow(", "mean(", "noise", "sqrt(",
        ]), 0..24)) {
            let text = words.join(" ");
            match Expression::parse(&text, &scope()) {
                Ok(parsed) => {
                    let found = parsed.evaluate(&Point::new(2), Some(1));
                    prop_assert!(!found.value.is_nan() || found.undefined_at > 0);
                    prop_assert!(Expression::parse(&parsed.to_string(), &scope()).is_ok());
                }
                Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1),
            }
        }
    }
}
