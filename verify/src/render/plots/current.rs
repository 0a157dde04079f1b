//! The paper's Figure 3 (H.4, erratum E24): a path of an Ornstein-Uhlenbeck process with anisotropic noise over the loss whose
//! gradient is its drift, and over the modified loss, with the stationary current.

use super::axis::{Axis, Extent, Spacing, Span};
use super::level_curves::{Form, inverse, level_curve, shade};
use super::panel::{Drawing, Stroke, ink, line_entry, region_entry};
use super::{Panel, Plot};
use crate::report::CurrentFigure;

const PATH: Stroke = Stroke { ink: ink::MEASURED, width: 0.45, dash: None };
const LAW: Stroke = Stroke { ink: ink::EXACT, width: 1.8, dash: Some("7 4") };
const CURRENT: Stroke = Stroke { ink: ink::FIFTH, width: 1.7, dash: None };

/// Half the width of a panel in standard deviations of the wider coordinate.
const REACH: f64 = 3.2;

/// Arrows per side.
const ARROWS: i32 = 14;

/// Two panels.
pub(super) fn plot(figure: &CurrentFigure) -> Option<Plot> {
    let panels: Vec<Panel> = [
        ("current-original", "over the original loss Φ", figure.original_loss, ink::LOSS),
        ("current-modified", "over the modified loss Ψ", figure.modified_loss, ink::MODIFIED_LOSS),
    ]
    .into_iter()
    .filter_map(|(id, title, form, ink)| panel(figure, id, title, form, ink))
    .collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "current",
        caption: "An Ornstein-Uhlenbeck process with drift $A(b - x)$, $A = \\begin{pmatrix} 2.5 & -1.5 \\\\ -1.5 & 2.5 \
                  \\end{pmatrix}$, and anisotropic noise $D = \\operatorname{diag}(4, 1)$ (Figure 3 of the paper, erratum E24), \
                  the same path in both panels. The temperature is chosen so that the path can be seen, $\\kappa = 2500$: the \
                  noise amplitude $\\sqrt{2/\\kappa}$ is 0.028 where the paper prints $10^{-4}$. One should see that the path and \
                  the ellipse of two standard deviations of the exact law follow the contours of the modified loss $\\Psi$, \
                  not those of the original loss $\\Phi$, and that the current $J_{ss} = -QU(x-\\mu)\\,p_{ss}$ runs along the contours \
                  of $\\Psi$.",
        columns: 2,
        panels,
        legend: vec![
            line_entry("path", PATH),
            line_entry("exact law, two standard deviations", LAW),
            line_entry("stationary current (arrows, length as the root of its size)", CURRENT),
            region_entry("original loss, lower inside", ink::LOSS),
            region_entry("modified loss, lower inside", ink::MODIFIED_LOSS),
        ],
    })
}

fn axis(centre: f64, reach: f64, title: &[Span]) -> Option<Axis> {
    Extent::new(Spacing::Linear).include([centre - reach, centre + reach]).axis(title)
}

fn panel(figure: &CurrentFigure, id: &str, title: &str, form: Form, shade_ink: &'static str) -> Option<Panel> {
    let centre = figure.centre;
    let reach = REACH * figure.covariance[0].max(figure.covariance[2]).sqrt();
    let x = axis(centre[0], reach, &[Span::Italic("x"), Span::Upright("₁")])?;
    let y = axis(centre[1], reach, &[Span::Italic("x"), Span::Upright("₂")])?;
    let mut drawing = Drawing::square(id, title.to_owned(), 440.0, x, y);
    shade(&mut drawing, centre, form, [reach, reach], shade_ink);
    drawing.line(&figure.path[0], &figure.path[1], PATH);
    drawing.arrows(&current(figure, reach), CURRENT);
    let [x, y] = level_curve(centre, inverse(figure.covariance), 2.0);
    drawing.line(&x, &y, LAW);
    Some(drawing.finish())
}

/// Arrows along the current on a grid of points, the longest about as long as the grid is wide.
fn current(figure: &CurrentFigure, reach: f64) -> Vec<[(f64, f64); 2]> {
    let precision = inverse(figure.covariance);
    let pitch = 2.0 * reach / f64::from(ARROWS);
    let mut arrows = Vec::new();
    for row in 0..ARROWS {
        for column in 0..ARROWS {
            let [x, y] = [column, row].map(|index| (f64::from(index) + 0.5) * pitch - reach);
            let exponent = 0.5 * (precision[0] * x * x + 2.0 * precision[1] * x * y + precision[2] * y * y);
            let density = (-exponent).exp();
            let [u, v] = figure.force.map(|[a, b]| (a * x + b * y) * density);
            arrows.push([(figure.centre[0] + x, figure.centre[1] + y), (u, v)]);
        }
    }
    let longest = arrows.iter().map(|[_, (u, v)]| u.hypot(*v)).fold(f64::MIN_POSITIVE, f64::max);
    for [_, (u, v)] in &mut arrows {
        // a density falls by orders of magnitude: the square root of the size keeps the outer arrows in sight
        let size = u.hypot(*v).max(f64::MIN_POSITIVE);
        let stretch = 1.1 * pitch * (size / longest).sqrt() / size;
        (*u, *v) = (*u * stretch, *v * stretch);
    }
    // the middle of an arrow is where the current is that
    arrows.into_iter().map(|[(x, y), (u, v)]| [(x - 0.5 * u, y - 0.5 * v), (u, v)]).collect()
}
