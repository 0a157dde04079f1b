//! Kinetic against potential energy of every mode: `m V = h P` is an identity for independent batches, and it fails
//! for reshuffled epochs (errata E27, E36).

use super::Plot;
use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, ink, line_entry, point_entry};
use crate::report::EquipartitionFigure;

const DIAGONAL: Stroke = Stroke { ink: ink::GUIDE, width: 1.4, dash: Some("6 4") };

/// Series beyond these repeat them.
const SERIES: [(&str, Shape); 6] = [
    (ink::SDE, Shape::Circle),
    (ink::EXACT, Shape::Triangle),
    (ink::SDE_TRUE_NOISE, Shape::Square),
    (ink::FIFTH, Shape::Diamond),
    (ink::FOURTH, Shape::Cross),
    (ink::MEASURED, Shape::Ring),
];

/// All series in one panel, with the diagonal.
pub(super) fn plot(figures: &[EquipartitionFigure]) -> Option<Plot> {
    // The two axes are the same, so that the diagonal is one.
    let extent = figures.iter().fold(Extent::new(Spacing::Logarithmic), |extent, figure| {
        let members = figure.potential.len().min(figure.kinetic.len());
        extent.include(figure.potential.iter().chain(&figure.kinetic).take(2 * members).copied())
    });
    let x = extent.axis(&[Span::Upright("potential energy "), Span::Italic("hP"), Span::Upright("/2")])?;
    let y = extent.axis(&[Span::Upright("kinetic energy "), Span::Italic("mV"), Span::Upright("/2")])?;
    let (low, high) = x.ends();
    let mut drawing = Drawing::new("equipartition", String::new(), (560.0, 470.0), x, y);
    drawing.guide((low, low), (high, high), DIAGONAL);
    let mut legend = Vec::new();
    for (figure, (ink, shape)) in figures.iter().zip(SERIES.iter().cycle()) {
        let marker = Marker { ink, shape: *shape, radius: 3.2 };
        drawing.points(&figure.potential, &figure.kinetic, marker);
        let label = if figure.caption.is_empty() { &figure.scenario } else { &figure.caption };
        legend.push(point_entry(label.clone(), marker, None));
    }
    legend.push(line_entry("equipartition, mV = hP", DIAGONAL));
    Some(Plot {
        id: "equipartition",
        caption: "Measured kinetic energy $m V / 2$, with the mass $m = \\eta(1+\\beta)/2$, against measured potential \
                  energy $h P / 2$, one point per mode. One should see every mode of the independent batches on the \
                  diagonal: the two energies are equal whatever the noise, as long as its mean given the past is zero. \
                  Reshuffled epochs violate that condition and should leave the diagonal.",
        columns: 1,
        panels: vec![drawing.finish()],
        legend,
    })
}
