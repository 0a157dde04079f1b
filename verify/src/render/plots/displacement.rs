//! Mean squared displacement from a stationary start against four predictions: the exact law, the SDE, and equation
//! (17) with and without its time in the right unit (errata E01, E02).

use super::Plot;
use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use crate::report::DisplacementFigure;

const POINT: Marker = Marker { ink: ink::MEASURED, shape: Shape::Circle, radius: 3.0 };
const BAR: Stroke = Stroke { ink: ink::MEASURED, width: 1.2, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.8, dash: None };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.8, dash: Some("6 4") };
const EQUATION17: Stroke = Stroke { ink: ink::FOURTH, width: 1.8, dash: Some("9 3 2 3") };
const AS_PRINTED: Stroke = Stroke { ink: ink::FIFTH, width: 1.8, dash: Some("2 3") };

/// One panel.
pub(super) fn plot(figure: &DisplacementFigure) -> Option<Plot> {
    // Step 0 has no place on a logarithmic axis, and the displacement is zero there: it is left out, not omitted.
    let first = usize::from(figure.steps.first() == Some(&0));
    let steps: Vec<f64> = figure.steps.iter().skip(first).map(|step| *step as f64).collect();
    let tail = |values: &'_ [f64]| values.iter().skip(first).take(steps.len()).copied().collect::<Vec<f64>>();
    let measured = tail(&figure.measured);
    let lines = [
        (tail(&figure.sde), SDE),
        (tail(&figure.equation17), EQUATION17),
        (tail(&figure.equation17_as_printed), AS_PRINTED),
        (tail(&figure.exact), EXACT),
    ];
    let y = Extent::new(Spacing::Logarithmic).include(measured.iter().copied());
    let y = lines.iter().fold(y, |extent, (values, _)| extent.include(values.iter().copied()));
    let x = Extent::new(Spacing::Logarithmic)
        .include(steps.iter().copied())
        .axis(&[Span::Upright("steps "), Span::Italic("k")])?;
    let y = y.axis(&[Span::Upright("mean squared displacement  E|"), Span::Italic("Δ"), Span::Upright("|²")])?;
    let mut drawing = Drawing::new("displacement", String::new(), (680.0, 430.0), x, y);
    for (values, stroke) in &lines {
        drawing.line(&steps, values, *stroke);
    }
    drawing.bars(&steps, &measured, &tail(&figure.half_width), BAR);
    drawing.points(&steps, &measured, POINT);
    Some(Plot {
        id: "displacement",
        caption: "Mean squared distance $\\mathbb{E}\\lVert\\theta_k - \\theta_0\\rVert^2$ from a stationary start. One \
                  should see the points on the exact law, which rises as $k^2$ at first and saturates at \
                  $2\\operatorname{tr} P$. Equation (17) with time $\\tau = \\eta k$ keeps a spurious linear growth \
                  (erratum E02); as printed, with $\\tau = k$, it loses the correlations at once and is plain Brownian \
                  motion (erratum E01).",
        columns: 1,
        panels: vec![drawing.finish()],
        legend: vec![
            point_entry("measured, with 95 % interval", POINT, Some(BAR)),
            line_entry("exact discrete law", EXACT),
            line_entry("SDE, 2 tr(P − Cov(ηk))", SDE),
            line_entry("equation (17), τ = ηk", EQUATION17),
            line_entry("equation (17) as printed, τ = k", AS_PRINTED),
        ],
    })
}
