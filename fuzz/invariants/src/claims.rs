//! Claim files and their formulas: an error points into the text, a formula that was read can be evaluated anywhere, and
//! what is not defined is told with its column.

use langevin_verify::claim_file::UserClaim;
use langevin_verify::claim_file::expression::{Expression, ExpressionError, Point, SYMBOLS, Scope};

use crate::require_message;

/// Claim files.
pub fn claim_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match UserClaim::parse("fuzz.toml", text) {
        Ok(claims) => assert!(!claims.is_empty(), "a file without claims"),
        Err(error) => require_message(&error),
    }
}

/// Formulas; the first byte chooses what they may use.
pub fn expression(data: &[u8]) {
    let [choice, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let scope = if choice & 1 == 0 { Scope::of_a_mode(choice & 2 == 0) } else { Scope::of_a_total(choice & 2 == 0) };
    let read = if choice & 4 == 0 { Expression::parse(text, &scope) } else { Expression::condition(text, &scope) };
    let formula = match read {
        Ok(formula) => formula,
        Err(error) => return require_place(&error, text),
    };
    assert_eq!(formula.text(), text.trim());
    for scale in [0.0, 1e-3, 1.0, 1e9, f64::MAX] {
        let mut point = Point::new(3);
        for (place, &(_, symbol, _)) in SYMBOLS.iter().enumerate() {
            point.set(symbol, scale * (place as f64 - 7.5));
            point.set_of_mode(1, symbol, scale);
        }
        let of_modes = formula.evaluate_modes(&point);
        assert_eq!(of_modes.len(), 3);
        for value in of_modes.iter().chain([&formula.evaluate(&point, None)]) {
            let length = text.chars().count() as u32;
            assert!(value.value.is_nan() == (value.undefined_at > 0), "{value:?}");
            assert!(value.undefined_at <= length, "column {} of {length}", value.undefined_at);
            assert!(value.value.is_nan() || value.error >= 0.0, "{value:?}");
        }
        formula.holds(&point, Some(0));
    }
}

fn require_place(error: &ExpressionError, text: &str) {
    require_message(error);
    assert!(error.column >= 1 && error.column <= text.chars().count() + 1, "column {} of {text:?}", error.column);
}
