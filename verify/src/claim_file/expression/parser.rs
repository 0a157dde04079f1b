//! A Pratt parser that emits postfix instructions and checks types as it goes: numbers and conditions do not mix.

use super::error::ExpressionError;
use super::function::FUNCTIONS;
use super::program::{Binary, Instruction, Operation, Program, Reduction};
use super::symbol::{SYMBOLS, Symbol, suggestion};
use super::token::{Kind, Token, refuse, tokens};
use super::{MOST_CHARACTERS, MOST_NESTED, Scope, Value};

type Result<T> = std::result::Result<T, ExpressionError>;

/// A finished reduction and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reduced {
    pub(super) reduction: Reduction,
    pub(super) program: Program,
    pub(super) column: u32,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    scope: &'a Scope,
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
    /// Inside how many reductions.
    reductions: usize,
    program: Program,
    pub(super) reduced: Vec<Reduced>,
    pub(super) symbols: Vec<Symbol>,
}

/// Names with a meaning of their own.
const SPECIAL: [&str; 7] = ["sum", "prod", "mean", "max", "min", "pow", "if"];

/// Whether two arguments make it a function of them, and one a reduction.
fn reduction_named(name: &str) -> Option<Reduction> {
    [Reduction::Sum, Reduction::Product, Reduction::Mean, Reduction::Largest, Reduction::Smallest]
        .into_iter()
        .find(|reduction| reduction.name() == name)
}

/// Binding powers of or, and, not, comparisons, sums, products, signs and powers.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;
const POWER: u8 = 8;

fn binary_of(kind: &Kind) -> Option<(Binary, u8)> {
    Some(match kind {
        Kind::Sign("+") => (Binary::Add, SUM),
        Kind::Sign("-") => (Binary::Subtract, SUM),
        Kind::Sign("*") => (Binary::Multiply, PRODUCT),
        Kind::Sign("/") => (Binary::Divide, PRODUCT),
        Kind::Sign("^") => (Binary::Power, POWER),
        Kind::Sign("<") => (Binary::Less, COMPARISON),
        Kind::Sign("<=") => (Binary::LessOrEqual, COMPARISON),
        Kind::Sign(">") => (Binary::Greater, COMPARISON),
        Kind::Sign(">=") => (Binary::GreaterOrEqual, COMPARISON),
        Kind::Sign("==") => (Binary::Equal, COMPARISON),
        Kind::Sign("!=") => (Binary::NotEqual, COMPARISON),
        Kind::Word(word) if word == "and" => (Binary::And, AND),
        Kind::Word(word) if word == "or" => (Binary::Or, OR),
        _ => return None,
    })
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, scope: &'a Scope) -> Result<Self> {
        let length = text.chars().count();
        if length > MOST_CHARACTERS {
            let what = format!("{length} characters; a formula has at most {MOST_CHARACTERS}");
            // the message is about the whole, so it does not show all of it
            let shown: String = text.chars().take(60).collect();
            return Err(ExpressionError { source_text: shown, column: 1, width: 1, message: what });
        }
        Ok(Self {
            text,
            scope,
            tokens: tokens(text)?,
            place: 0,
            depth: 0,
            reductions: 0,
            program: Program::default(),
            reduced: Vec::new(),
            symbols: Vec::new(),
        })
    }

    /// Parses the whole formula, which must have this type.
    pub(super) fn whole(&mut self, wanted: Value) -> Result<Program> {
        if self.peek().kind == Kind::End {
            return Err(self.refuse_here(match wanted {
                Value::Number => "the formula is empty; it must be an expression such as `eta*noise/S`",
                Value::Condition => "the condition is empty; it must be one such as `eta*h < 1`",
            }));
        }
        let start = self.place;
        let found = self.expression(0)?;
        match &self.peek().kind {
            Kind::End => {}
            Kind::Sign(")") => return Err(self.refuse_here("`)` closes nothing")),
            Kind::Sign(",") => return Err(self.refuse_here("`,` outside the arguments of a function")),
            other => {
                let what = format!("{} where an operator such as * or + must stand", shown(other));
                return Err(self.refuse_here(&what));
            }
        }
        if found != wanted {
            let end = self.tokens[self.place.saturating_sub(1)].clone();
            let first = &self.tokens[start];
            let width = end.start + end.width - first.start;
            return Err(refuse(
                self.text,
                first.start,
                width,
                match wanted {
                    Value::Number => {
                        "a condition where a number must stand; conditions belong into `where` or `if(...)`"
                    }
                    Value::Condition => "a number where a condition must stand; write one such as `eta*h < 1`",
                },
            ));
        }
        Ok(std::mem::take(&mut self.program))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.place.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.place += 1;
        token
    }

    fn refuse_here(&self, what: &str) -> ExpressionError {
        self.refuse_at(self.peek(), what)
    }

    fn refuse_at(&self, token: &Token, what: &str) -> ExpressionError {
        refuse(self.text, token.start, token.width, what)
    }

    fn emit(&mut self, operation: Operation, token: &Token) {
        self.program.instructions.push(Instruction { operation, column: column(token) });
    }

    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            let what = format!("more than {MOST_NESTED} levels of brackets, signs and powers");
            return Err(self.refuse_here(&what));
        }
        Ok(())
    }

    fn expression(&mut self, least: u8) -> Result<Value> {
        self.descend()?;
        let mut left = self.operand()?;
        while let Some((binary, power)) = binary_of(&self.peek().kind) {
            if power < least {
                break;
            }
            let token = self.next();
            if power == COMPARISON {
                left = self.comparisons(binary, left, &token)?;
                continue;
            }
            let logical = matches!(binary, Binary::And | Binary::Or);
            let wanted = if logical { Value::Condition } else { Value::Number };
            self.require(left, wanted, &token, "left")?;
            // powers group to the right, everything else to the left; a power takes a sign: 2^-1
            let right = if binary == Binary::Power { self.expression(SIGN)? } else { self.expression(power + 1)? };
            self.require(right, wanted, &token, "right")?;
            self.emit(Operation::Binary(binary), &token);
        }
        self.depth -= 1;
        Ok(left)
    }

    /// One comparison, or a chain of them: a < b < c is a < b and b < c.
    fn comparisons(&mut self, first: Binary, left: Value, token: &Token) -> Result<Value> {
        self.require(left, Value::Number, token, "left")?;
        let (mut binary, mut token) = (first, token.clone());
        let mut links = 0;
        loop {
            let start = self.program.instructions.len();
            let right = self.expression(COMPARISON + 1)?;
            self.require(right, Value::Number, &token, "right")?;
            let operand: Vec<Instruction> = self.program.instructions[start..].to_vec();
            self.emit(Operation::Binary(binary), &token);
            if links > 0 {
                self.emit(Operation::Binary(Binary::And), &token);
            }
            match binary_of(&self.peek().kind) {
                Some((following, COMPARISON)) => {
                    binary = following;
                    token = self.next();
                    self.program.instructions.extend(operand);
                    links += 1;
                }
                _ => return Ok(Value::Condition),
            }
        }
    }

    fn require(&self, found: Value, wanted: Value, token: &Token, side: &str) -> Result<()> {
        if found == wanted {
            return Ok(());
        }
        let name = shown(&token.kind);
        let what = match wanted {
            Value::Number => format!("a condition to the {side} of {name}, which takes numbers"),
            Value::Condition => format!("a number to the {side} of {name}, which takes conditions"),
        };
        Err(self.refuse_at(token, &what))
    }

    fn operand(&mut self) -> Result<Value> {
        let token = self.next();
        match &token.kind {
            Kind::Number(value) => {
                self.emit(Operation::Number(*value), &token);
                Ok(Value::Number)
            }
            Kind::Sign("(") => {
                let inner = self.expression(0)?;
                self.close(&token)?;
                Ok(inner)
            }
            Kind::Sign(sign @ ("-" | "+")) => {
                let inner = self.expression(SIGN)?;
                self.require(inner, Value::Number, &token, "right")?;
                if *sign == "-" {
                    self.emit(Operation::Negate, &token);
                }
                Ok(Value::Number)
            }
            Kind::Word(word) if word == "not" => {
                let inner = self.expression(NOT)?;
                self.require(inner, Value::Condition, &token, "right")?;
                self.emit(Operation::Not, &token);
                Ok(Value::Condition)
            }
            Kind::Word(word) if self.peek().kind == Kind::Sign("(") => self.call(word, &token),
            Kind::Word(word) => self.symbol(word, &token),
            Kind::End => Err(self.refuse_at(&token, "the formula ends where a number must stand")),
            other @ Kind::Sign(_) => {
                Err(self.refuse_at(&token, &format!("{} where a number must stand", shown(other))))
            }
        }
    }

    fn close(&mut self, open: &Token) -> Result<()> {
        match &self.peek().kind {
            Kind::Sign(")") => {
                self.place += 1;
                Ok(())
            }
            Kind::End => Err(self.refuse_at(open, "`(` is not closed")),
            other => {
                let what = format!("{} where an operator or `)` must stand", shown(other));
                Err(self.refuse_here(&what))
            }
        }
    }

    fn symbol(&mut self, word: &str, token: &Token) -> Result<Value> {
        let Some(symbol) = Symbol::named(word) else {
            let is_function = SPECIAL.contains(&word) || FUNCTIONS.iter().any(|entry| entry.0 == word);
            if is_function {
                return Err(
                    self.refuse_at(token, &format!("the function `{word}` without arguments; write {word}(...)"))
                );
            }
            let known: Vec<&str> =
                SYMBOLS.iter().filter(|entry| self.scope.refusal(entry.1).is_none()).map(|entry| entry.0).collect();
            let advice = suggestion(word, &known);
            return Err(self.refuse_at(token, &format!("unknown symbol `{}`{advice}", short(word))));
        };
        if let Some(reason) = self.scope.refusal(symbol) {
            return Err(self.refuse_at(token, &format!("`{word}` {reason}")));
        }
        if symbol.of_a_mode() && !self.scope.of_a_mode && self.reductions == 0 {
            return Err(self.refuse_at(
                token,
                &format!("`{word}` has a value per mode and the observable is a total; take it inside sum(...), prod, mean, max or min"),
            ));
        }
        if !self.symbols.contains(&symbol) {
            self.symbols.push(symbol);
        }
        self.emit(Operation::Symbol(symbol), token);
        Ok(Value::Number)
    }

    fn call(&mut self, word: &str, token: &Token) -> Result<Value> {
        let open = self.next();
        if self.peek().kind == Kind::Sign(")") {
            return Err(self.refuse_at(token, &format!("`{}` has no arguments", short(word))));
        }
        if let Some(reduction) = reduction_named(word) {
            return self.reduction(reduction, token, &open);
        }
        let expected: &[Value] = match word {
            "pow" => &[Value::Number, Value::Number],
            "if" => &[Value::Condition, Value::Number, Value::Number],
            _ => &[Value::Number],
        };
        let function = FUNCTIONS.iter().find(|entry| entry.0 == word).map(|entry| entry.1);
        if function.is_none() && !SPECIAL.contains(&word) {
            if Symbol::named(word).is_some() {
                let advice = format!("`{word}` is not a function; write {word}*(...) for a product");
                return Err(self.refuse_at(token, &advice));
            }
            let known: Vec<&str> = FUNCTIONS.iter().map(|entry| entry.0).chain(SPECIAL).collect();
            let advice = suggestion(word, &known);
            return Err(self.refuse_at(token, &format!("unknown function `{}`{advice}", short(word))));
        }
        for (index, &wanted) in expected.iter().enumerate() {
            if index > 0 {
                self.comma(word, expected.len(), token)?;
            }
            self.argument(wanted, word)?;
        }
        if self.peek().kind == Kind::Sign(",") {
            return Err(self.refuse_here(&format!("`{word}` takes {} and no more", counted(expected.len()))));
        }
        self.close(&open)?;
        let operation = match (word, function) {
            ("pow", _) => Operation::Binary(Binary::Power),
            (_, Some(function)) => Operation::Call(function),
            _ => Operation::Choose,
        };
        self.emit(operation, token);
        Ok(Value::Number)
    }

    fn argument(&mut self, wanted: Value, word: &str) -> Result<()> {
        let start = self.peek().clone();
        if self.expression(0)? == wanted {
            return Ok(());
        }
        Err(self.refuse_at(
            &start,
            &match wanted {
                Value::Number => format!("a condition where `{word}` takes a number"),
                Value::Condition => format!("a number where `{word}` takes a condition"),
            },
        ))
    }

    fn comma(&mut self, word: &str, count: usize, token: &Token) -> Result<()> {
        if self.peek().kind == Kind::Sign(",") {
            self.place += 1;
            return Ok(());
        }
        Err(self.refuse_at(token, &format!("`{word}` takes {}", counted(count))))
    }

    /// One argument is taken over all modes; max and min of several are the largest and smallest of them.
    fn reduction(&mut self, reduction: Reduction, token: &Token, open: &Token) -> Result<Value> {
        let word = reduction.name();
        let several = matches!(reduction, Reduction::Largest | Reduction::Smallest) && self.has_comma();
        if several {
            self.argument(Value::Number, word)?;
            while self.peek().kind == Kind::Sign(",") {
                self.place += 1;
                self.argument(Value::Number, word)?;
                let binary = if reduction == Reduction::Largest { Binary::Maximum } else { Binary::Minimum };
                self.emit(Operation::Binary(binary), token);
            }
            self.close(open)?;
            return Ok(Value::Number);
        }
        let outside = std::mem::take(&mut self.program);
        self.reductions += 1;
        self.argument(Value::Number, word)?;
        self.reductions -= 1;
        if self.peek().kind == Kind::Sign(",") {
            return Err(self.refuse_here(&format!("`{word}` takes one argument, over all modes, and no more")));
        }
        self.close(open)?;
        let program = std::mem::replace(&mut self.program, outside);
        self.reduced.push(Reduced { reduction, program, column: column(token) });
        self.emit(Operation::Reduced(self.reduced.len() - 1), token);
        Ok(Value::Number)
    }

    /// Whether the bracket that is open here holds a comma of its own.
    fn has_comma(&self) -> bool {
        let mut depth = 0_usize;
        for token in &self.tokens[self.place..] {
            match token.kind {
                Kind::Sign("(") => depth += 1,
                Kind::Sign(")") if depth == 0 => return false,
                Kind::Sign(")") => depth -= 1,
                Kind::Sign(",") if depth == 0 => return true,
                _ => {}
            }
        }
        false
    }
}

fn column(token: &Token) -> u32 {
    u32::try_from(token.start + 1).unwrap_or(u32::MAX)
}

fn counted(arguments: usize) -> String {
    if arguments == 1 { "one argument".into() } else { format!("{arguments} arguments") }
}

fn short(word: &str) -> String {
    if word.chars().count() > 40 { format!("{}...", word.chars().take(37).collect::<String>()) } else { word.into() }
}

fn shown(kind: &Kind) -> String {
    match kind {
        Kind::Number(value) => format!("`{value}`"),
        Kind::Word(word) => format!("`{}`", short(word)),
        Kind::Sign(sign) => format!("`{sign}`"),
        Kind::End => "the end of the formula".into(),
    }
}
