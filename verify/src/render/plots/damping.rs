//! Where the modes of the run lie in the plane of `eta h` and `beta`, and the regimes of the discrete map (errata E31).

use super::Plot;
use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use crate::render::number::count;
use crate::report::{DampingFigure, DampingPoint};

/// Boundaries beyond these repeat them.
const BOUNDARIES: [Stroke; 4] = [
    Stroke { ink: ink::MEASURED, width: 1.8, dash: None },
    Stroke { ink: ink::MEASURED, width: 1.8, dash: Some("7 4") },
    Stroke { ink: ink::EXACT, width: 2.0, dash: None },
    Stroke { ink: ink::GUIDE, width: 1.6, dash: Some("2 3") },
];

/// Name, place of the name, and what it leads to.
type Region = (&'static str, (f64, f64), Option<(f64, f64)>);

/// Names of the regions, each at a point that lies in it: with b = beta the map is underdamped exactly for
/// (1 - sqrt b)^2 < eta h < (1 + sqrt b)^2, alternating from there to 2 (1 + b), and unstable above. The strip of the
/// alternating regime is too thin for its name, so a line leads to it.
const REGIONS: [Region; 4] = [
    ("overdamped", (0.05, 0.3), None),
    ("underdamped", (0.4, 0.7), None),
    ("alternating", (6.5, 0.1), Some((1.75, 0.04))),
    ("unstable", (8.0, 0.55), None),
];

/// One panel.
pub(super) fn plot(figure: &DampingFigure) -> Option<Plot> {
    if figure.points.is_empty() && figure.boundaries.is_empty() {
        return None;
    }
    // A boundary runs to eta h = 0 at beta = 1; the points and the named regions decide how far left the axis goes.
    let x = Extent::new(Spacing::Logarithmic)
        .include(figure.points.iter().map(|point| point.rate_times_curvature))
        .include([0.01, 15.0])
        .axis(&[Span::Upright("learning rate × curvature  "), Span::Italic("ηh")])?;
    let y = Extent::new(Spacing::Linear)
        .include(figure.points.iter().map(|point| point.momentum))
        .include([0.0, 1.0])
        .axis(&[Span::Upright("momentum "), Span::Italic("β")])?;
    let mut drawing = Drawing::new("damping", String::new(), (720.0, 430.0), x, y);
    let mut legend = Vec::new();
    for (boundary, stroke) in figure.boundaries.iter().zip(BOUNDARIES.iter().cycle()) {
        let positive: Vec<bool> = boundary.rate_times_curvature.iter().map(|rate| *rate > 0.0).collect();
        // The end at eta h = 0 is part of every exact curve, not a value gone wrong.
        let keep = |values: &[f64]| {
            values.iter().zip(&positive).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect::<Vec<f64>>()
        };
        drawing.line(&keep(&boundary.rate_times_curvature), &keep(&boundary.momentum), *stroke);
        legend.push(line_entry(boundary.label.clone(), *stroke));
    }
    for (regime, points) in by_regime(&figure.points) {
        let marker = marker(regime);
        let rates: Vec<f64> = points.iter().map(|point| point.rate_times_curvature).collect();
        let momenta: Vec<f64> = points.iter().map(|point| point.momentum).collect();
        drawing.points(&rates, &momenta, marker);
        legend.push(point_entry(format!("{regime}: {}", count(points.len() as u64)), marker, None));
    }
    for (name, at, names) in REGIONS {
        drawing.annotation(name, at, names);
    }
    Some(Plot {
        id: "damping",
        caption: "The modes of the run in the plane of $\\eta h$ and $\\beta$; the legend counts them by regime. Left of \
                  the first boundary a mode decays without oscillating; between the boundaries it oscillates in phase \
                  space; in the thin strip before instability it changes sign at every step. One should see no mode in the \
                  unstable region.",
        columns: 1,
        panels: vec![drawing.finish()],
        legend,
    })
}

/// The points of each regime, in the order in which regimes first occur.
fn by_regime(points: &[DampingPoint]) -> Vec<(&str, Vec<&DampingPoint>)> {
    let mut groups: Vec<(&str, Vec<&DampingPoint>)> = Vec::new();
    for point in points {
        match groups.iter_mut().find(|(regime, _)| *regime == point.regime) {
            Some((_, members)) => members.push(point),
            None => groups.push((&point.regime, vec![point])),
        }
    }
    groups
}

fn marker(regime: &str) -> Marker {
    let (ink, shape) = match regime {
        "overdamped" => (ink::SDE, Shape::Circle),
        "underdamped" => (ink::FIFTH, Shape::Diamond),
        "critical" => (ink::SDE_TRUE_NOISE, Shape::Square),
        "alternating" => (ink::FOURTH, Shape::Triangle),
        "unstable" => (ink::EXACT, Shape::Cross),
        _ => (ink::GUIDE, Shape::Ring),
    };
    Marker { ink, shape, radius: 2.9 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_stand_in_their_regions() {
        for (name, at, names) in REGIONS {
            let (rate, momentum) = names.unwrap_or(at);
            let root = f64::sqrt(momentum);
            let (lower, upper, edge) = ((1.0 - root).powi(2), (1.0 + root).powi(2), 2.0 * (1.0 + momentum));
            let region = match rate {
                rate if rate < lower => "overdamped",
                rate if rate < upper => "underdamped",
                rate if rate < edge => "alternating",
                _ => "unstable",
            };
            assert_eq!(name, region);
        }
    }
}
