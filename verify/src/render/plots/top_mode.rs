//! The paper's Figure 2 on one chain: position and velocity along the top eigenvector at every step, with the exact mean and
//! that of the SDE, equation (7).

use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Stroke, ink, line_entry};
use super::{Panel, Plot};
use crate::modes_run::{Curve, ModeTrajectory};
use crate::render::number::{Notation, setting, significant};

const CHAIN: Stroke = Stroke { ink: ink::MEASURED, width: 3.0, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.6, dash: None };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.6, dash: Some("5 6") };

/// Two panels per momentum.
pub(super) fn plot(trajectories: &[ModeTrajectory]) -> Option<Plot> {
    let position_title = [
        Span::Upright("position "),
        Span::Italic("q"),
        Span::Upright(" · ("),
        Span::Italic("θ − μ"),
        Span::Upright(")"),
    ];
    let velocity_title = [Span::Upright("velocity "), Span::Italic("q"), Span::Upright(" · "), Span::Italic("v")];
    let panels: Vec<Panel> = trajectories
        .iter()
        .enumerate()
        .flat_map(|(number, figure)| {
            [
                panel(&format!("top-mode-{number}-position"), "position", &position_title, figure, &figure.position),
                panel(&format!("top-mode-{number}-velocity"), "velocity", &velocity_title, figure, &figure.velocity),
            ]
        })
        .flatten()
        .collect();
    (!panels.is_empty()).then(|| Plot {
        id: "top-mode",
        caption: "Position and velocity of one chain along the top eigenvector of the Hessian (Figure 2 of the paper). \
                  One should see the chain fluctuate about the exact mean, and the mean of the SDE, equation (7) with \
                  E32's start, on it where the learning rate times the curvature is small.",
        columns: 2,
        panels,
        legend: vec![
            line_entry("SGD, one chain", CHAIN),
            line_entry("exact discrete mean", EXACT),
            line_entry("SDE mean, equation (7)", SDE),
        ],
    })
}

fn panel(id: &str, coordinate: &str, title: &[Span], figure: &ModeTrajectory, curve: &Curve) -> Option<Panel> {
    let steps: Vec<f64> = (0..curve.chain.len()).map(|step| step as f64).collect();
    let y = [&curve.chain, &curve.exact, &curve.sde]
        .into_iter()
        .fold(Extent::new(Spacing::Linear), |extent, values| extent.include(values.iter().copied()));
    let x = Extent::new(Spacing::Linear)
        .include(steps.iter().copied())
        .axis(&[Span::Upright("step "), Span::Italic("k")])?;
    let y = y.axis(title)?;
    let heading = format!(
        "β = {}, {}, ηh = {}: {coordinate}, output {}",
        setting(figure.momentum, Notation::Typeset),
        figure.regime,
        significant(figure.learning_rate * figure.curvature, 3, Notation::Typeset),
        figure.output,
    );
    let mut drawing = Drawing::new(id, heading, (560.0, 270.0), x, y);
    let last = steps.last().copied().unwrap_or(0.0);
    drawing.guide((0.0, 0.0), (last, 0.0), Stroke { ink: ink::GUIDE, width: 0.8, dash: None });
    drawing.line(&steps, &curve.chain, CHAIN);
    drawing.line(&steps, &curve.exact, EXACT);
    drawing.line(&steps, &curve.sde, SDE);
    Some(drawing.finish())
}
