//! The paper's Figure 2: position and velocity along the top eigenvector on the way to the minimum; the SDE mean is
//! equation (7).

use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Stroke, band_entry, ink, line_entry};
use super::{Panel, Plot};
use crate::render::number::{Notation, setting, significant};
use crate::report::{OscillationFigure, OscillationSeries};

const CHAIN: Stroke = Stroke { ink: ink::CHAIN, width: 0.7, dash: None };
const MEAN: Stroke = Stroke { ink: ink::MEAN, width: 5.0, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.4, dash: None };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.6, dash: Some("5 6") };

/// Two panels per momentum.
pub(super) fn plot(figures: &[OscillationFigure]) -> Option<Plot> {
    let panels: Vec<Panel> = figures
        .iter()
        .enumerate()
        .flat_map(|(number, figure)| {
            let velocity_title =
                [Span::Upright("velocity "), Span::Italic("q"), Span::Upright(" · "), Span::Italic("v")];
            let position_title = [
                Span::Upright("position "),
                Span::Italic("q"),
                Span::Upright(" · ("),
                Span::Italic("θ − μ"),
                Span::Upright(")"),
            ];
            [
                panel(&format!("oscillation-{number}-position"), "position", &position_title, figure, &figure.position),
                panel(&format!("oscillation-{number}-velocity"), "velocity", &velocity_title, figure, &figure.velocity),
            ]
        })
        .flatten()
        .collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "oscillation",
        caption: "Position and velocity along the top eigenvector $q$, from the start to stationarity (Figure 2 of the \
                  paper). One should see the mean over the chains inside its band around the exact mean. The mean of \
                  the SDE, equation (7), should follow it closely where $\\eta h$ is small, and lag visibly where it is \
                  not. Above critical damping the mean decays without crossing zero; below, it oscillates.",
        columns: 2,
        panels,
        legend: vec![
            line_entry("one chain", CHAIN),
            band_entry("mean over the chains, with 95 % band", MEAN),
            line_entry("exact discrete mean", EXACT),
            line_entry("SDE mean, equation (7)", SDE),
        ],
    })
}

fn panel(
    id: &str,
    coordinate: &str,
    title: &[Span],
    figure: &OscillationFigure,
    series: &OscillationSeries,
) -> Option<Panel> {
    let steps: Vec<f64> = figure.steps.iter().map(|step| *step as f64).collect();
    let lines = [&series.single_chain, &series.mean, &series.exact, &series.sde];
    let y = lines
        .into_iter()
        .fold(Extent::new(Spacing::Linear), |extent, values| extent.include(values.iter().take(steps.len()).copied()));
    let x = Extent::new(Spacing::Linear)
        .include(steps.iter().copied())
        .axis(&[Span::Upright("step "), Span::Italic("k")])?;
    let y = y.axis(title)?;
    let heading = format!(
        "β = {}, {}, h = {}: {coordinate}",
        setting(figure.momentum, Notation::Typeset),
        figure.regime,
        significant(figure.curvature, 3, Notation::Typeset),
    );
    let mut drawing = Drawing::new(id, heading, (560.0, 270.0), x, y);
    let ends =
        (steps.iter().copied().fold(f64::INFINITY, f64::min), steps.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    drawing.guide((ends.0, 0.0), (ends.1, 0.0), Stroke { ink: ink::GUIDE, width: 0.8, dash: None });
    drawing.band(&steps, &series.mean, &series.half_width, ink::MEAN);
    drawing.line(&steps, &series.mean, MEAN);
    drawing.line(&steps, &series.single_chain, CHAIN);
    drawing.line(&steps, &series.exact, EXACT);
    drawing.line(&steps, &series.sde, SDE);
    Some(drawing.finish())
}
