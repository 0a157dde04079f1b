//! The paper's Figure 7 for linear regression: speed and exponent of diffusion as one hyperparameter is swept.

use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use super::{Panel, Plot};
use crate::render::number::{Notation, setting};
use crate::report::{Sweep, SweepFigure, SweepPoint};

const POINT: Marker = Marker { ink: ink::MEASURED, shape: Shape::Circle, radius: 2.6 };
const BAR: Stroke = Stroke { ink: ink::MEASURED, width: 1.1, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.6, dash: None };
const EQUATION16: Stroke = Stroke { ink: ink::SDE, width: 1.8, dash: Some("3 3") };
const CORRECTED: Stroke = Stroke { ink: ink::SDE_TRUE_NOISE, width: 1.8, dash: Some("7 4") };
const DEFAULT: Stroke = Stroke { ink: ink::GUIDE, width: 1.0, dash: Some("1 3") };

/// Two rows of panels: speeds, and exponents.
pub(super) fn plot(figure: &SweepFigure) -> Option<Plot> {
    let rows = [Row::Speed, Row::Exponent];
    let panels: Vec<Panel> =
        rows.into_iter().flat_map(|row| figure.sweeps.iter().filter_map(move |sweep| panel(sweep, row))).collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "sweeps",
        caption: "Speed (top) and exponent of diffusion over the first 512 steps (bottom) of SGD on linear regression as one hyperparameter \
                  is swept through 20 values, the others at their defaults, marked by dotted lines (Figure 7 of the paper, with \
                  the shape of its Table 4; the paper's own is about a network). Speeds are predicted from the one measured \
                  at the default: by equation (16), and with each direction's discretisation factor (erratum E03). The exact law \
                  has, beyond that, noise that grows with the distance from the minimum (erratum E26). One should see (16) \
                  hold where the learning rate is small and fall short where it is large. Exponents are fitted to the mean \
                  displacement from a stationary start; the batch size has no influence on the exact one but through that growing \
                  noise.",
        columns: 3,
        panels,
        legend: vec![
            point_entry("measured, with 95 % interval", POINT, Some(BAR)),
            line_entry("exact law", EXACT),
            line_entry("equation (16) from one estimate", EQUATION16),
            line_entry("the same, corrected for discrete time", CORRECTED),
            line_entry("default", DEFAULT),
        ],
    })
}

#[derive(Clone, Copy)]
enum Row {
    Speed,
    Exponent,
}

fn panel(sweep: &Sweep, row: Row) -> Option<Panel> {
    let axis_title: &[Span] = match sweep.hyperparameter.as_str() {
        "learning_rate" => &[Span::Upright("learning rate "), Span::Italic("η")],
        "batch_size" => &[Span::Upright("batch size "), Span::Italic("S")],
        "momentum" => &[Span::Upright("momentum "), Span::Italic("β")],
        _ => &[Span::Upright("value")],
    };
    let of = |pick: fn(&SweepPoint) -> f64| sweep.points.iter().map(pick).collect::<Vec<f64>>();
    let values = of(|point| point.value);
    let x = Extent::new(Spacing::Linear).include(values.iter().copied()).axis(axis_title)?;
    let (spacing, title, measured, half_width, lines): (_, &[Span], _, _, Vec<(Vec<f64>, Stroke)>) = match row {
        Row::Speed => (
            Spacing::Logarithmic,
            &[Span::Upright("speed E|"), Span::Italic("δ"), Span::Upright("|²")],
            of(|point| point.speed),
            of(|point| point.speed_half_width),
            vec![
                (of(|point| point.speed_exact), EXACT),
                (of(|point| point.speed_corrected), CORRECTED),
                (of(|point| point.speed_equation16), EQUATION16),
            ],
        ),
        Row::Exponent => (
            Spacing::Linear,
            &[Span::Upright("exponent "), Span::Italic("c")],
            of(|point| point.exponent),
            of(|point| point.exponent_half_width),
            vec![(of(|point| point.exponent_exact), EXACT)],
        ),
    };
    let ends = |sign: f64| measured.iter().zip(&half_width).map(move |(value, width)| value + sign * width);
    let y = lines
        .iter()
        .fold(Extent::new(spacing), |extent, (values, _)| extent.include(values.iter().copied()))
        .include(measured.iter().copied())
        .include(ends(-1.0))
        .include(ends(1.0))
        .axis(title)?;
    let name = match row {
        Row::Speed => "speed",
        Row::Exponent => "exponent",
    };
    let heading = format!(
        "{name}, default {} = {}",
        match sweep.hyperparameter.as_str() {
            "learning_rate" => "η",
            "batch_size" => "S",
            _ => "β",
        },
        setting(sweep.default, Notation::Typeset)
    );
    let (low, high) = y.ends();
    let id = format!("sweep-{name}-{}", sweep.hyperparameter.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let mut drawing = Drawing::new(&id, heading, (400.0, 300.0), x, y);
    drawing.guide((sweep.default, low), (sweep.default, high), DEFAULT);
    for (line, stroke) in &lines {
        drawing.line(&values, line, *stroke);
    }
    drawing.bars(&values, &measured, &half_width, BAR);
    drawing.points(&values, &measured, POINT);
    Some(drawing.finish())
}
