//! What is wrong with a formula, and where.

use thiserror::Error;

/// An error in a formula: the column, counted in characters from 1, and what is wrong there.
///
/// ```
/// use langevin_verify::claim_file::expression::{Expression, Scope};
/// let error = Expression::parse("etta*h", &Scope::of_a_mode(false)).unwrap_err();
/// assert_eq!(error.column, 1);
/// assert_eq!(
///     error.to_string(),
///     "unknown symbol `etta` at column 1; did you mean `eta`?\n    etta*h\n    ^^^^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}\n    {}\n    {}", self.shown().0, self.shown().1)]
pub struct ExpressionError {
    /// The formula.
    pub source_text: String,
    /// Where, in characters from 1.
    pub column: usize,
    /// How many characters are meant.
    pub width: usize,
    /// What is wrong.
    pub message: String,
}

/// Characters shown on either side of the place.
const AROUND: usize = 40;

impl ExpressionError {
    /// The part of the formula around the place, and carets below it.
    fn shown(&self) -> (String, String) {
        let characters: Vec<char> = self.source_text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let place = self.column.saturating_sub(1).min(characters.len());
        let first = place.saturating_sub(AROUND);
        let last = (place + self.width + AROUND).min(characters.len());
        let (before, after) = (if first > 0 { "..." } else { "" }, if last < characters.len() { "..." } else { "" });
        let text: String = characters[first..last].iter().collect();
        let carets = "^".repeat(self.width.clamp(1, (last - place).max(1)));
        (format!("{before}{text}{after}"), format!("{}{carets}", " ".repeat(before.len() + place - first)))
    }
}
