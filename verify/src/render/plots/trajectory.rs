//! The paper's Figures 4 and 5 for linear regression: positions and velocities of one chain along two eigenvectors, over the
//! training loss and over the two parts of the modified loss, (13) and (14).

use super::axis::{Extent, Spacing, Span};
use super::level_curves::{Form, inverse, level_curve, shade};
use super::panel::{Drawing, Stroke, ink, line_entry, region_entry};
use super::{Panel, Plot};
use crate::render::number::{Notation, significant};
use crate::report::{TrajectoryDirection, TrajectoryFigure};

const PATH: Stroke = Stroke { ink: ink::MEASURED, width: 0.7, dash: None };
const LAW: Stroke = Stroke { ink: ink::EXACT, width: 1.8, dash: Some("7 4") };

/// Half the width of a panel in standard deviations of the wider coordinate.
const REACH: f64 = 3.4;

/// Three panels.
pub(super) fn plot(figure: &TrajectoryFigure) -> Option<Plot> {
    let [first, second] = figure.directions.as_slice() else { return None };
    let diagonal = |[a, b]: [f64; 2]| [a, 0.0, b];
    let ratio = significant(first.eigenvalue / second.eigenvalue, 2, Notation::Typeset);
    let position = [&first.position, &second.position];
    let velocity = [&first.velocity, &second.velocity];
    let positions: [&[Span]; 2] = [
        &[
            Span::Upright("position "),
            Span::Italic("q"),
            Span::Upright(" · ("),
            Span::Italic("θ − μ"),
            Span::Upright(")"),
        ],
        &[
            Span::Upright("position "),
            Span::Italic("q′"),
            Span::Upright(" · ("),
            Span::Italic("θ − μ"),
            Span::Upright(")"),
        ],
    ];
    let velocities: [&[Span]; 2] = [
        &[Span::Upright("velocity "), Span::Italic("q"), Span::Upright(" · "), Span::Italic("v")],
        &[Span::Upright("velocity "), Span::Italic("q′"), Span::Upright(" · "), Span::Italic("v")],
    ];
    let loss = [first, second].map(|one: &TrajectoryDirection| one.curvature);
    let panels: Vec<Panel> = [
        panel(
            (
                "trajectory-loss",
                format!(
                    "positions over the training loss; q = q_{}, q′ = q_{}, ρ/ρ′ = {ratio}",
                    first.index, second.index
                ),
            ),
            (position, positions),
            figure.position_covariance,
            (diagonal(loss), ink::LOSS),
        ),
        panel(
            ("trajectory-modified", "positions over the modified loss Ψ_θ, (13)".to_owned()),
            (position, positions),
            figure.position_covariance,
            (diagonal(figure.modified_position), ink::MODIFIED_LOSS),
        ),
        panel(
            ("trajectory-velocity", "velocities over the modified loss Ψ_v, (14)".to_owned()),
            (velocity, velocities),
            figure.velocity_covariance,
            (diagonal(figure.modified_velocity), ink::MODIFIED_LOSS),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "trajectory",
        caption: "One chain of minibatch SGD in the stationary state, projected on the first eigenvector $q$ and on one, $q'$, with \
                  about a sixth of its eigenvalue (Figures 4 and 5 of the paper, for linear regression; the paper's own are \
                  of a network). Left and centre: positions. The training loss is steep along $q$; the modified loss (13) \
                  is isotropic without weight decay. Right: velocities over (14), the inverse Hessian. One should see a path that \
                  is much rounder than the contours of the training loss, and velocities that are smaller along $q'$. The dashed \
                  ellipses are two standard deviations of the exact law: where they are not a contour of the modified loss, \
                  the noise of real data is not proportional to the Hessian (Assumption 3, erratum E26), or the learning \
                  rate is not small (erratum E35).",
        columns: 3,
        panels,
        legend: vec![
            line_entry("one chain", PATH),
            line_entry("exact law, two standard deviations", LAW),
            region_entry("training loss, lower inside", ink::LOSS),
            region_entry("modified loss, lower inside", ink::MODIFIED_LOSS),
        ],
    })
}

fn panel(
    (id, title): (&str, String),
    (path, titles): ([&Vec<f64>; 2], [&[Span]; 2]),
    covariance: Form,
    (form, shade_ink): (Form, &'static str),
) -> Option<Panel> {
    let reach = REACH * covariance[0].max(covariance[2]).sqrt();
    let axis = |title| Extent::new(Spacing::Linear).include([-reach, reach]).axis(title);
    let mut drawing = Drawing::square(id, title, 330.0, axis(titles[0])?, axis(titles[1])?);
    shade(&mut drawing, [0.0, 0.0], form, [reach, reach], shade_ink);
    drawing.line(path[0], path[1], PATH);
    let [x, y] = level_curve([0.0, 0.0], inverse(covariance), 2.0);
    drawing.line(&x, &y, LAW);
    Some(drawing.finish())
}
