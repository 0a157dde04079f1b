//! Errors of rival theories, direction by direction and lag by lag, on logarithmic axes.

use super::Plot;
use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, ink, point_entry};
use crate::compare::{Comparison, RivalResult, Score, Spread};

/// Errors below this are rounding and are not drawn.
const ROUNDING: f64 = 1e-9;

/// Marks by the theory's id, so that they do not move with the ranking.
const MARKS: [(&str, &str, Shape); 10] = [
    ("mandt", ink::SDE, Shape::Circle),
    ("jastrzebski-isotropic", ink::GUIDE, Shape::Cross),
    ("jastrzebski-hessian", ink::FIFTH, Shape::Square),
    ("kunin-assumption-3", ink::SDE, Shape::Triangle),
    ("kunin-true-noise", ink::SDE_TRUE_NOISE, Shape::Ring),
    ("kunin-midpoint", ink::SDE_TRUE_NOISE, Shape::Diamond),
    ("liu", ink::MEASURED, Shape::Ring),
    ("ziyin", ink::EXACT, Shape::Diamond),
    ("yaida", ink::GUIDE, Shape::Ring),
    ("kuhn", ink::FOURTH, Shape::Triangle),
];

fn mark(id: &str) -> Marker {
    let (_, ink, shape) = MARKS.into_iter().find(|(known, ..)| *known == id).unwrap_or(MARKS[0]);
    Marker { ink, shape, radius: 3.0 }
}

/// A theory with the places and absolute values of its errors.
struct Series<'a> {
    rival: &'a RivalResult,
    places: Vec<f64>,
    errors: Vec<f64>,
}

/// What is drawn of every theory that says something: the marks that are not rounding.
fn series<'a>(
    comparison: &'a Comparison,
    places: &[f64],
    pick: impl Fn(&'a RivalResult) -> &'a Score<Spread>,
) -> Vec<Series<'a>> {
    comparison
        .rivals
        .iter()
        .filter(|rival| rival.given.is_none())
        .filter_map(|rival| pick(rival).value().map(|spread| (rival, spread)))
        .map(|(rival, spread)| {
            let kept = places.iter().zip(&spread.each).filter(|(_, error)| error.abs() >= ROUNDING);
            let (places, errors) = kept.map(|(&place, error)| (place, error.abs())).unzip();
            Series { rival, places, errors }
        })
        .filter(|one| !one.places.is_empty())
        .collect()
}

fn figure(id: &'static str, caption: &'static str, axes: [&[Span]; 2], series: &[Series<'_>]) -> Option<Plot> {
    let extent = |pick: fn(&Series<'_>) -> Vec<f64>| {
        series.iter().fold(Extent::new(Spacing::Logarithmic), |extent, one| extent.include(pick(one)))
    };
    let x = extent(|one| one.places.clone()).axis(axes[0])?;
    let y = extent(|one| one.errors.clone()).axis(axes[1])?;
    let mut drawing = Drawing::new(id, String::new(), (720.0, 430.0), x, y);
    let mut legend = Vec::new();
    for Series { rival, places, errors } in series {
        drawing.points(places, errors, mark(&rival.id));
        legend.push(point_entry(rival.id.clone(), mark(&rival.id), None));
    }
    Some(Plot { id, caption, columns: 1, panels: vec![drawing.finish()], legend })
}

/// Errors of the position variances over directions, and of the displacement over lags.
pub(super) fn plots(comparison: &Comparison) -> Vec<Plot> {
    let curvatures: Vec<f64> =
        comparison.reference.directions.iter().filter_map(|&index| comparison.curvatures.get(index).copied()).collect();
    let lags: Vec<f64> = comparison.lags.iter().map(|&lag| lag as f64).collect();
    let error = [Span::Upright("relative error, absolute value")];
    [
        figure(
            "rival-variances",
            "Relative error of the position variance, one mark per direction of the Hessian and theory. Errors at the level \
             of rounding are not drawn.",
            [&[Span::Upright("curvature "), Span::Italic("h")], &error],
            &series(comparison, &curvatures, |rival| &rival.errors.var_theta),
        ),
        figure(
            "rival-displacements",
            "Relative error of the mean squared displacement from a stationary start, one mark per lag and theory.",
            [&[Span::Upright("lag in steps")], &error],
            &series(comparison, &lags, |rival| &rival.errors.displacement),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
