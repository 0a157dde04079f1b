//! Stationary variance of the position, mode by mode: measured, exact (errata E03), and by the two SDEs (equation (9)).

use super::Plot;
use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use crate::report::ModeVarianceFigure;

const POINT: Marker = Marker { ink: ink::MEASURED, shape: Shape::Circle, radius: 2.4 };
const BAR: Stroke = Stroke { ink: ink::MEASURED, width: 1.0, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.8, dash: None };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.8, dash: Some("6 4") };
const SDE_TRUE_NOISE: Stroke = Stroke { ink: ink::SDE_TRUE_NOISE, width: 1.8, dash: Some("2 3") };

/// One panel per scenario.
pub(super) fn plot(figures: &[ModeVarianceFigure]) -> Option<Plot> {
    let panels: Vec<_> = figures.iter().enumerate().filter_map(|(number, figure)| panel(number, figure)).collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "mode-variances",
        caption: "Stationary variance of the position along every eigenvector of the Hessian, against its curvature $h$. \
                  One should see the points on the solid line, the exact law of the discrete process, in every panel. \
                  Where a broken line leaves the points, that stochastic differential equation is wrong by that much; \
                  with $\\Sigma = \\sigma^2 H$ (Assumption 3) and no weight decay it predicts the same variance for \
                  every mode. Both axes are logarithmic and dimensionless.",
        columns: 4,
        panels,
        legend: vec![
            point_entry("measured, with 95 % interval", POINT, Some(BAR)),
            line_entry("exact discrete law", EXACT),
            line_entry("SDE with Σ = σ²H (Assumption 3)", SDE),
            line_entry("SDE with the true Σ at the minimum", SDE_TRUE_NOISE),
        ],
    })
}

fn panel(number: usize, figure: &ModeVarianceFigure) -> Option<super::Panel> {
    let h = &figure.curvature;
    let y = Extent::new(Spacing::Logarithmic);
    let y = [&figure.measured, &figure.exact, &figure.sde_assumption3, &figure.sde_true_noise]
        .into_iter()
        .fold(y, |extent, values| extent.include(values.iter().take(h.len()).copied()));
    let x = Extent::new(Spacing::Logarithmic)
        .include(h.iter().copied())
        .axis(&[Span::Upright("curvature "), Span::Italic("h")])?;
    let y = y.axis(&[Span::Upright("variance "), Span::Italic("P")])?;
    let title = if figure.caption.is_empty() { figure.scenario.clone() } else { figure.caption.clone() };
    let mut drawing = Drawing::new(&format!("mode-variances-{number}"), title, (310.0, 250.0), x, y);
    drawing.line(h, &figure.sde_assumption3, SDE);
    drawing.line(h, &figure.sde_true_noise, SDE_TRUE_NOISE);
    drawing.line(h, &figure.exact, EXACT);
    drawing.bars(h, &figure.measured, &figure.half_width, BAR);
    drawing.points(h, &figure.measured, POINT);
    Some(drawing.finish())
}
