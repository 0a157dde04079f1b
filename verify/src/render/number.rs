//! Numbers as a reader wants to see them: three significant digits, powers of ten where they are needed, percentages
//! for relative effects, and no information thrown away silently (a p-value below 1e-300 says so).

/// How powers of ten and signs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// `−3.21×10⁻⁴`, for pages.
    Typeset,
    /// `-3.21e-4`, for XML and terminals.
    Ascii,
}

/// Below this a p-value carries no more information than that it is tiny.
const SMALLEST_P: f64 = 1e-300;

/// Relative numbers smaller than this are rounding errors, which nobody reads as a percentage.
const SMALLEST_PERCENTAGE: f64 = 1e-5;

/// A number to `digits` significant digits; scientific outside of `[1e-3, 1e5)`.
pub(super) fn significant(value: f64, digits: u8, notation: Notation) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    if value.is_infinite() {
        let infinity = match notation {
            Notation::Typeset => "∞",
            Notation::Ascii => "inf",
        };
        return signed_text(infinity, value < 0.0, notation);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.max(1);
    // Rounding first and asking for the exponent afterwards keeps 0.9996 from becoming 1.000 with four digits.
    let scientific = format!("{:.*e}", usize::from(digits) - 1, value.abs());
    let (mantissa, exponent) = split_scientific(&scientific);
    let body = if (-3..5).contains(&exponent) {
        let decimals = usize::try_from(i32::from(digits) - 1 - exponent).unwrap_or(0);
        format!("{:.decimals$}", value.abs())
    } else {
        match notation {
            Notation::Typeset => format!("{mantissa}×{}", power_of_ten(exponent)),
            Notation::Ascii => format!("{mantissa}e{exponent}"),
        }
    };
    signed_text(&body, value < 0.0, notation)
}

/// [`significant`] with an explicit plus sign: effects have a direction.
pub(super) fn signed(value: f64, digits: u8, notation: Notation) -> String {
    let text = significant(value, digits, notation);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A setting such as a learning rate: up to six significant digits, no trailing zeros.
pub(super) fn setting(value: f64, notation: Notation) -> String {
    trimmed(value, 6, notation)
}

fn trimmed(value: f64, digits: u8, notation: Notation) -> String {
    let text = significant(value, digits, notation);
    let (body, rest) = match text.find(['×', 'e']) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    if !body.contains('.') {
        return text;
    }
    let body = body.trim_end_matches('0').trim_end_matches('.');
    // 1×10⁻⁶ is written 10⁻⁶.
    if body == "1" && rest.starts_with('×') {
        return rest.trim_start_matches('×').to_owned();
    }
    format!("{body}{rest}")
}

/// A count with its thousands separated: `1,048,576`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `p = 0.0123`, `p < 10⁻³⁰⁰`.
pub(super) fn p_value(value: f64, notation: Notation) -> String {
    if value < SMALLEST_P {
        return match notation {
            Notation::Typeset => format!("p < {}", power_of_ten(-300)),
            Notation::Ascii => "p < 1e-300".to_owned(),
        };
    }
    if value.is_nan() {
        return "p is not a number".to_owned();
    }
    format!("p = {}", significant(value, 3, notation))
}

/// `e = 42.0`, `e > 10³⁰⁰`.
pub(super) fn e_value(value: f64, notation: Notation) -> String {
    if value > 1.0 / SMALLEST_P {
        return match notation {
            Notation::Typeset => format!("e > {}", power_of_ten(300)),
            Notation::Ascii => "e > 1e300".to_owned(),
        };
    }
    if value.is_nan() {
        return "e is not a number".to_owned();
    }
    format!("e = {}", significant(value, 3, notation))
}

/// The scale on which an effect, its interval and its resolution are written; one scale for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Relative effects worth a percentage.
    Percent,
    /// Everything else, with the unit that follows the number.
    Plain(String),
}

impl Scale {
    /// The scale for numbers of this unit and of these sizes.
    pub(super) fn for_unit(unit: &str, values: &[f64]) -> Self {
        let largest =
            values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |largest, value| largest.max(value.abs()));
        match unit {
            "relative" if largest == 0.0 || largest >= SMALLEST_PERCENTAGE => Self::Percent,
            "relative" => Self::Plain(" (relative)".to_owned()),
            "absolute" | "" => Self::Plain(String::new()),
            "standard deviations" => Self::Plain(" s.d.".to_owned()),
            other => Self::Plain(format!(" {other}")),
        }
    }

    /// A number with its direction and unit.
    pub(super) fn signed(&self, value: f64, notation: Notation) -> String {
        match self {
            _ if value.is_nan() => significant(value, 3, notation),
            Self::Percent => signed(100.0 * value, 3, notation) + self.unit(notation),
            Self::Plain(unit) => signed(value, 3, notation) + unit,
        }
    }

    /// A size that was chosen, with its unit: no trailing zeros.
    pub(super) fn size(&self, value: f64, notation: Notation) -> String {
        match self {
            _ if value.is_nan() => significant(value, 3, notation),
            Self::Percent => trimmed(100.0 * value, 3, notation) + self.unit(notation),
            Self::Plain(unit) => trimmed(value, 3, notation) + unit,
        }
    }

    /// `[−0.22, +0.50] %`.
    pub(super) fn interval(&self, [low, high]: [f64; 2], notation: Notation) -> String {
        let factor = if *self == Self::Percent { 100.0 } else { 1.0 };
        format!(
            "[{}, {}]{}",
            signed(factor * low, 3, notation),
            signed(factor * high, 3, notation),
            self.unit(notation)
        )
    }

    fn unit(&self, notation: Notation) -> &str {
        match self {
            Self::Percent => percent(notation),
            Self::Plain(unit) => unit,
        }
    }
}

/// The percent sign with its space, which does not break on a page.
pub(super) fn percent(notation: Notation) -> &'static str {
    match notation {
        Notation::Typeset => "\u{a0}%",
        Notation::Ascii => " %",
    }
}

/// `10⁻³`.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let exponent = exponent.to_string();
    let superscript = exponent.chars().map(|digit| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    });
    "10".chars().chain(superscript).collect()
}

fn signed_text(body: &str, negative: bool, notation: Notation) -> String {
    match (negative, notation) {
        (false, _) => body.to_owned(),
        (true, Notation::Typeset) => format!("−{body}"),
        (true, Notation::Ascii) => format!("-{body}"),
    }
}

fn split_scientific(text: &str) -> (&str, i32) {
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_powers_of_ten() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.00"),
            (0.99996, "1.00"),
            (-0.012345, "−0.0123"),
            (0.00012345, "1.23×10⁻⁴"),
            (1234.5, "1234"),
            (99_999.0, "1.00×10⁵"),
            (1e-310, "1.00×10⁻³¹⁰"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "−∞"),
            (f64::NAN, "not a number"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value, 3, Notation::Typeset), text);
        }
        assert_eq!(significant(-1.5e-9, 3, Notation::Ascii), "-1.50e-9");
    }

    #[test]
    fn settings_have_no_trailing_zeros() {
        assert_eq!(setting(0.1 + 0.2, Notation::Typeset), "0.3");
        assert_eq!(setting(0.9, Notation::Ascii), "0.9");
        assert_eq!(setting(1e-6, Notation::Typeset), "10⁻⁶");
        assert_eq!(setting(1e-6, Notation::Ascii), "1e-6");
        assert_eq!(setting(100.0, Notation::Typeset), "100");
        assert_eq!(setting(0.0, Notation::Typeset), "0");
    }

    #[test]
    fn evidence_beyond_the_floating_point_range_says_so() {
        assert_eq!(p_value(0.0, Notation::Typeset), "p < 10⁻³⁰⁰");
        assert_eq!(p_value(1e-305, Notation::Ascii), "p < 1e-300");
        assert_eq!(p_value(0.25, Notation::Ascii), "p = 0.250");
        assert_eq!(p_value(f64::NAN, Notation::Ascii), "p is not a number");
        assert_eq!(e_value(f64::INFINITY, Notation::Ascii), "e > 1e300");
        assert_eq!(e_value(12.0, Notation::Typeset), "e = 12.0");
    }

    #[test]
    fn one_scale_for_an_effect_and_its_interval() {
        let scale = Scale::for_unit("relative", &[0.0014, -0.0022, 0.005]);
        assert_eq!(scale.signed(0.0014, Notation::Typeset), "+0.140\u{a0}%");
        assert_eq!(scale.interval([-0.0022, 0.005], Notation::Typeset), "[−0.220, +0.500]\u{a0}%");
        assert_eq!(scale.size(0.01, Notation::Ascii), "1 %");
        let rounding = Scale::for_unit("relative", &[3e-13]);
        assert_eq!(rounding.size(3e-13, Notation::Ascii), "3e-13 (relative)");
        let deviations = Scale::for_unit("standard deviations", &[1.0]);
        assert_eq!(deviations.signed(-1.25, Notation::Ascii), "-1.25 s.d.");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1024), "1,024");
        assert_eq!(count(1_048_576), "1,048,576");
    }
}
