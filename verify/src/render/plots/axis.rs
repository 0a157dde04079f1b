//! Axes: the range that data need, the marks a reader expects on it, and the map onto the unit interval.

use crate::render::number::{Notation, power_of_ten, setting};

/// Magnitudes outside of these cannot be placed without overflow and are not drawn.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-300;

/// How values are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Equal differences are equal distances.
    Linear,
    /// Equal ratios are equal distances; only positive values have a place.
    Logarithmic,
}

impl Spacing {
    /// The coordinate along the axis, if the value has one.
    fn coordinate(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => (value.abs() <= LARGEST).then_some(value),
            Self::Logarithmic => (SMALLEST..=LARGEST).contains(&value).then(|| value.log10()),
        }
    }
}

/// The smallest range that holds some values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    spacing: Spacing,
    range: Option<(f64, f64)>,
}

impl Extent {
    /// Holds nothing yet.
    pub(super) fn new(spacing: Spacing) -> Self {
        Self { spacing, range: None }
    }

    /// Widens the range to these values, where they have a place.
    pub(super) fn include(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        for coordinate in values.into_iter().filter_map(|value| self.spacing.coordinate(value)) {
            self.range = Some(match self.range {
                None => (coordinate, coordinate),
                Some((low, high)) => (low.min(coordinate), high.max(coordinate)),
            });
        }
        self
    }

    /// The axis, with a little room at both ends; nothing if no value had a place.
    pub(super) fn axis(self, title: &[Span]) -> Option<Axis> {
        let (low, high) = self.range?;
        let (low, high) = if high - low > 1e-9 * (high.abs() + low.abs()) {
            let room = 0.04 * (high - low);
            (low - room, high + room)
        } else {
            // One value: as much room around it as makes readable marks.
            let room = match self.spacing {
                Spacing::Logarithmic => 0.5,
                Spacing::Linear if low == 0.0 => 1.0,
                Spacing::Linear => 0.5 * low.abs(),
            };
            (low - room, high + room)
        };
        let marks = match self.spacing {
            Spacing::Linear => linear_marks(low, high),
            Spacing::Logarithmic => logarithmic_marks(low, high),
        };
        Some(Axis { spacing: self.spacing, low, high, marks, title: title.to_vec() })
    }
}

/// A piece of an axis title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Words and numerals.
    Upright(&'static str),
    /// A symbol.
    Italic(&'static str),
}

impl Span {
    /// The characters, without their slant.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Upright(text) | Self::Italic(text) => text,
        }
    }
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// Where, between 0 and 1.
    pub place: f64,
    /// Text, for the major marks that have room for it.
    pub label: Option<String>,
    /// Whether a grid line belongs to it.
    pub major: bool,
}

/// A range with marks and a title.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    spacing: Spacing,
    low: f64,
    high: f64,
    /// The marks, ascending.
    pub marks: Vec<Mark>,
    /// The title.
    pub title: Vec<Span>,
}

impl Axis {
    /// Where a value lies, 0 at the low end and 1 at the high end; outside of that the panel clips.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = (self.spacing.coordinate(value)? - self.low) / (self.high - self.low);
        // Far outside, the drawing needs only the direction.
        Some(place.clamp(-20.0, 20.0))
    }

    /// Whether a value lies inside the range.
    pub(super) fn contains(&self, value: f64) -> bool {
        self.place(value).is_some_and(|place| (0.0..=1.0).contains(&place))
    }

    /// The values at the two ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        match self.spacing {
            Spacing::Linear => (self.low, self.high),
            Spacing::Logarithmic => (10.0_f64.powf(self.low), 10.0_f64.powf(self.high)),
        }
    }
}

/// Four to seven marks at multiples of 1, 2 or 5 times a power of ten.
fn linear_marks(low: f64, high: f64) -> Vec<Mark> {
    let span = high - low;
    let rough = span / 7.0;
    let decade = 10.0_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * decade).find(|step| *step >= rough).unwrap_or(decade);
    if !(step.is_normal() && span.is_finite()) {
        return Vec::new();
    }
    let first = (low / step).ceil();
    (0..20)
        .map(|index| (first + f64::from(index)) * step)
        .take_while(|value| *value <= high)
        .map(|value| {
            // Multiples of 0.1 are not exact: 0.30000000000000004 is meant to be 0.3, and 1e-17 to be 0.
            let value = if value.abs() < 1e-9 * step { 0.0 } else { value };
            Mark { place: (value - low) / span, label: Some(setting(value, Notation::Typeset)), major: true }
        })
        .collect()
}

/// Powers of ten with unlabelled marks at 2 to 9 between them; labels at 1, 2 and 5 on ranges of about one decade.
fn logarithmic_marks(low: f64, high: f64) -> Vec<Mark> {
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    let whole_decades = (high.floor() as i32 - low.ceil() as i32 + 1).max(0);
    let every = whole_decades / 7 + 1;
    let mut marks = Vec::new();
    for exponent in first..=last {
        for digit in 1..=9_u8 {
            let coordinate = f64::from(exponent) + f64::from(digit).log10();
            if !(low..=high).contains(&coordinate) {
                continue;
            }
            let power = digit == 1;
            let label = if whole_decades >= 2 {
                (power && exponent.rem_euclid(every) == 0).then(|| power_of_ten(exponent))
            } else if high - low < 0.35 || [1, 2, 5].contains(&digit) {
                Some(setting(10.0_f64.powf(coordinate), Notation::Typeset))
            } else {
                None
            };
            if power || label.is_some() || every == 1 {
                let major = label.is_some() && (power || whole_decades < 2);
                marks.push(Mark { place: (coordinate - low) / (high - low), label, major });
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(spacing: Spacing, values: &[f64]) -> Vec<String> {
        let axis = Extent::new(spacing).include(values.iter().copied()).axis(&[]);
        axis.map(|axis| axis.marks.into_iter().filter_map(|mark| mark.label).collect()).unwrap_or_default()
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(labels(Spacing::Linear, &[0.0, 1.0]), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(Spacing::Linear, &[0.0, 400.0]), ["0", "100", "200", "300", "400"]);
        assert_eq!(labels(Spacing::Logarithmic, &[1e-4, 1e-1]), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]);
        assert_eq!(labels(Spacing::Logarithmic, &[0.1, 0.6]), ["0.1", "0.2", "0.5"]);
        assert!(labels(Spacing::Logarithmic, &[1e-200, 1e200]).len() < 12);
    }

    #[test]
    fn values_without_a_place_leave_no_axis() {
        assert!(Extent::new(Spacing::Logarithmic).include([0.0, -1.0, f64::NAN, f64::INFINITY]).axis(&[]).is_none());
        assert!(Extent::new(Spacing::Linear).include([f64::NAN]).axis(&[]).is_none());
    }

    #[test]
    fn one_value_makes_an_axis() {
        for spacing in [Spacing::Linear, Spacing::Logarithmic] {
            for value in [1e-250, 0.5, 1.0, 1e250] {
                let axis = Extent::new(spacing).include([value]).axis(&[]).expect("one value has a place");
                assert!(axis.contains(value), "{spacing:?} {value}");
            }
        }
        assert!(Extent::new(Spacing::Linear).include([0.0]).axis(&[]).is_some_and(|axis| axis.contains(0.0)));
    }
}
