//! The words of a formula.

use super::error::ExpressionError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A word and where it stands, in characters from 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) width: usize,
}

/// The longest first.
const SIGNS: [&str; 18] =
    ["**", "<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", ",", "<", ">", "="];

/// Splits a formula into words; the last one is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(&first) = characters.get(place) {
        if first.is_whitespace() {
            place += 1;
            continue;
        }
        let rest = &characters[place..];
        let (kind, width) = if first.is_ascii_digit() || (first == '.' && rest.get(1).is_some_and(char::is_ascii_digit))
        {
            number(rest).ok_or_else(|| refuse(text, place, 1, "a number that cannot be read"))?
        } else if first.is_alphabetic() || first == '_' {
            let width = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            (Kind::Word(rest[..width].iter().collect()), width)
        } else {
            let sign = SIGNS.iter().find(|sign| sign.chars().eq(rest.iter().copied().take(sign.len())));
            match sign {
                Some(&"**") => (Kind::Sign("^"), 2),
                Some(&"=") => {
                    return Err(refuse(text, place, 1, "`=` means nothing here; equality is `==`"));
                }
                Some(&"&&") => return Err(refuse(text, place, 2, "`&&` means nothing here; write `and`")),
                Some(&"||") => return Err(refuse(text, place, 2, "`||` means nothing here; write `or`")),
                Some(sign) => (Kind::Sign(sign), sign.len()),
                None if first == '!' => return Err(refuse(text, place, 1, "`!` means nothing here; write `not`")),
                None => {
                    let shown = first.escape_debug();
                    return Err(refuse(text, place, 1, &format!("`{shown}` means nothing here")));
                }
            }
        };
        found.push(Token { kind, start: place, width });
        place += width;
    }
    found.push(Token { kind: Kind::End, start: characters.len(), width: 1 });
    Ok(found)
}

/// A decimal number at the beginning: digits, a point, an exponent.
fn number(rest: &[char]) -> Option<(Kind, usize)> {
    let digits = |from: usize| rest[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut width = digits(0);
    if rest.get(width) == Some(&'.') {
        width += 1 + digits(width + 1);
    }
    if matches!(rest.get(width), Some('e' | 'E')) {
        let sign = usize::from(matches!(rest.get(width + 1), Some('+' | '-')));
        let exponent = digits((width + 1 + sign).min(rest.len()));
        if exponent > 0 {
            width += 1 + sign + exponent;
        }
    }
    let text: String = rest[..width].iter().collect();
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| (Kind::Number(value), width))
}

/// An error at a place of a formula, counted from 0.
pub(super) fn refuse(text: &str, place: usize, width: usize, what: &str) -> ExpressionError {
    let column = place + 1;
    let message = match what.split_once("; ") {
        Some((what, advice)) => format!("{what} at column {column}; {advice}"),
        None => format!("{what} at column {column}"),
    };
    ExpressionError { source_text: text.to_owned(), column, width, message }
}
