//! The paper's Figure 6 for linear regression: position and velocity along two eigenvectors, each a noisy clockwise rotation,
//! with the mean spirals of the recursion and of the SDE (errata E21, E31).

use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use super::{Panel, Plot};
use crate::render::number::{Notation, significant};
use crate::report::{TrajectoryDirection, TrajectoryFigure};

const PATH: Stroke = Stroke { ink: ink::CHAIN, width: 0.8, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.6, dash: None };
const STEP: Marker = Marker { ink: ink::EXACT, shape: Shape::Circle, radius: 2.2 };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.6, dash: Some("5 4") };
const START: Marker = Marker { ink: ink::MEASURED, shape: Shape::Diamond, radius: 4.0 };

/// Steps of the chain that are drawn: more would hide the rotation.
const SHOWN: usize = 120;

/// One panel per direction.
pub(super) fn plot(figure: &TrajectoryFigure) -> Option<Plot> {
    let panels: Vec<Panel> =
        figure.directions.iter().enumerate().filter_map(|(place, one)| panel(place, one)).collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "phase-space",
        caption: "Phase space along the same two eigenvectors (Figure 6 of the paper, for linear regression): the first 120 steps of \
                  the chain, and the mean path from two standard deviations by the recursion, one dot per step, and by the \
                  SDE. One should see clockwise rotation, faster along the steeper direction. The recursion turns by exactly \
                  $\\arccos\\bigl((1+\\beta-\\eta h)/(2\\sqrt\\beta)\\bigr)$ per step (erratum E31), the SDE by $\\eta\\sqrt{\\omega^2-\\gamma^2}$ with \
                  $\\omega = \\sqrt{2h/(\\eta(1+\\beta))}$: rates go with the square root of the eigenvalue, not with the eigenvalue \
                  (erratum E21).",
        columns: 2,
        panels,
        legend: vec![
            line_entry("one chain, 120 steps", PATH),
            line_entry("exact mean", EXACT),
            point_entry("its steps", STEP, None),
            line_entry("mean of the SDE", SDE),
            point_entry("start of the means", START, None),
        ],
    })
}

fn panel(place: usize, one: &TrajectoryDirection) -> Option<Panel> {
    let shown = |values: &[f64]| values.iter().take(SHOWN + 1).copied().collect::<Vec<f64>>();
    let (x, v) = (shown(&one.position), shown(&one.velocity));
    let extent = |chain: &[f64], coordinate: usize| {
        Extent::new(Spacing::Linear)
            .include(chain.iter().copied())
            .include(one.exact_spiral[coordinate].iter().copied())
            .include(one.sde_spiral[coordinate].iter().copied())
    };
    let horizontal = extent(&x, 0).axis(&[
        Span::Upright("position "),
        Span::Italic("q"),
        Span::Upright(" · ("),
        Span::Italic("θ − μ"),
        Span::Upright(")"),
    ])?;
    let vertical = extent(&v, 1).axis(&[
        Span::Upright("velocity "),
        Span::Italic("q"),
        Span::Upright(" · "),
        Span::Italic("v"),
    ])?;
    let angle = |angle: Option<f64>| {
        angle.map_or_else(|| "no rotation".to_owned(), |value| significant(value, 3, Notation::Typeset))
    };
    let title = format!(
        "q_{}, ρ = {}; radians per step: exact {}, SDE {}, undamped {}",
        one.index,
        significant(one.eigenvalue, 3, Notation::Typeset),
        angle(one.angle),
        angle(one.sde_angle),
        significant(one.undamped_angle, 3, Notation::Typeset),
    );
    let ends = (horizontal.ends(), vertical.ends());
    let mut drawing = Drawing::new(&format!("phase-space-{place}"), title, (560.0, 400.0), horizontal, vertical);
    let zero = Stroke { ink: ink::GUIDE, width: 0.8, dash: None };
    drawing.guide((ends.0.0, 0.0), (ends.0.1, 0.0), zero);
    drawing.guide((0.0, ends.1.0), (0.0, ends.1.1), zero);
    drawing.line(&x, &v, PATH);
    drawing.line(&one.sde_spiral[0], &one.sde_spiral[1], SDE);
    drawing.line(&one.exact_spiral[0], &one.exact_spiral[1], EXACT);
    drawing.points(&one.exact_spiral[0], &one.exact_spiral[1], STEP);
    let first =
        |spiral: &[Vec<f64>; 2]| spiral.each_ref().map(|values| values.iter().take(1).copied().collect::<Vec<f64>>());
    let [x, v] = first(&one.exact_spiral);
    drawing.points(&x, &v, START);
    Some(drawing.finish())
}
