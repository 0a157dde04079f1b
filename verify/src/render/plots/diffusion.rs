//! The paper's Figure 1 for linear regression: local and global displacement, and the power law fitted to the latter (H.2).

use super::axis::{Extent, Spacing, Span};
use super::panel::{Drawing, Stroke, band_entry, ink, line_entry};
use super::{Panel, Plot};
use crate::render::number::{Notation, setting, significant};
use crate::report::{DiffusionFigure, FittedPowerLaw};

const CHAIN: Stroke = Stroke { ink: ink::CHAIN, width: 0.8, dash: None };
const MEAN: Stroke = Stroke { ink: ink::MEAN, width: 5.0, dash: None };
const EXACT: Stroke = Stroke { ink: ink::EXACT, width: 1.6, dash: None };
const SDE: Stroke = Stroke { ink: ink::SDE, width: 1.6, dash: Some("7 4") };
const AVERAGE: Stroke = Stroke { ink: ink::MEASURED, width: 1.6, dash: None };
const CHAIN_FIT: Stroke = Stroke { ink: ink::FOURTH, width: 1.6, dash: Some("9 3 2 3") };
const EXACT_FIT: Stroke = Stroke { ink: ink::FIFTH, width: 1.8, dash: Some("3 3") };

/// Two panels.
pub(super) fn plot(figure: &DiffusionFigure) -> Option<Plot> {
    let panels: Vec<Panel> = [local(figure), global(figure)].into_iter().flatten().collect();
    if panels.is_empty() {
        return None;
    }
    Some(Plot {
        id: "diffusion",
        caption: "Local displacement $\\lVert\\delta_k\\rVert^2$ (left) and global displacement $\\lVert\\Delta_k\\rVert^2$ (right) of \
                  SGD on linear regression from a stationary start (Figure 1 of the paper, which is about networks). One should \
                  see a constant speed, and a displacement that grows although nothing is learned any more. The exponents \
                  $c$ are fitted as the paper does it, to the last two thirds of the saved values (H.2). In a stationary \
                  state the exact displacement grows ever more slowly, towards $2\\operatorname{tr} P$, so $c$ depends on the window \
                  (errata E19, E20), and a fit to one chain scatters widely around it.",
        columns: 2,
        panels,
        legend: vec![
            line_entry("one chain", CHAIN),
            line_entry("its moving average over 15 values", AVERAGE),
            band_entry("mean over the chains, with 95 % band", MEAN),
            line_entry("exact law", EXACT),
            line_entry("equation (16)", SDE),
            line_entry("power law fitted to the chain", CHAIN_FIT),
            line_entry("power law fitted to the exact law", EXACT_FIT),
        ],
    })
}

fn steps(figure: &DiffusionFigure) -> Vec<f64> {
    figure.steps.iter().map(|step| *step as f64).collect()
}

fn local(figure: &DiffusionFigure) -> Option<Panel> {
    let steps = steps(figure);
    let x = Extent::new(Spacing::Linear)
        .include(steps.iter().copied())
        .axis(&[Span::Upright("step "), Span::Italic("k")])?;
    let y = Extent::new(Spacing::Logarithmic)
        .include(figure.local.iter().copied())
        .include([figure.speed, figure.speed_equation16])
        .axis(&[Span::Upright("local displacement |"), Span::Italic("δ"), Span::Upright("|²")])?;
    let title = format!(
        "η = {}, β = {}, S = {}: speed",
        setting(figure.learning_rate, Notation::Typeset),
        setting(figure.momentum, Notation::Typeset),
        figure.batch_size
    );
    let ends = x.ends();
    let mut drawing = Drawing::new("diffusion-local", title, (560.0, 330.0), x, y);
    drawing.line(&steps, &figure.local, CHAIN);
    drawing.line(&steps, &figure.local_average, AVERAGE);
    for (value, stroke) in [(figure.speed, EXACT), (figure.speed_equation16, SDE)] {
        drawing.line(&[ends.0, ends.1], &[value, value], stroke);
    }
    Some(drawing.finish())
}

fn fitted(drawing: &mut Drawing, fit: &FittedPowerLaw, stroke: Stroke) {
    let ends = fit.window.map(|step| step as f64);
    drawing.line(&ends, &ends.map(|step| fit.prefactor * step.powf(fit.exponent)), stroke);
}

fn global(figure: &DiffusionFigure) -> Option<Panel> {
    let steps = steps(figure);
    let x = Extent::new(Spacing::Logarithmic)
        .include(steps.iter().copied())
        .axis(&[Span::Upright("steps "), Span::Italic("k")])?;
    let y = [&figure.single_chain, &figure.mean, &figure.exact]
        .into_iter()
        .fold(Extent::new(Spacing::Logarithmic), |extent, values| extent.include(values.iter().copied()))
        .axis(&[Span::Upright("global displacement |"), Span::Italic("Δ"), Span::Upright("|²")])?;
    let exponent = |fit: &FittedPowerLaw| significant(fit.exponent, 2, Notation::Typeset);
    let title = format!(
        "displacement, fitted exponents: exact c = {}, this chain c = {}",
        exponent(&figure.exact_fit),
        exponent(&figure.single_fit)
    );
    let mut drawing = Drawing::new("diffusion-global", title, (560.0, 330.0), x, y);
    drawing.band(&steps, &figure.mean, &figure.half_width, ink::MEAN);
    drawing.line(&steps, &figure.mean, MEAN);
    drawing.line(&steps, &figure.single_chain, CHAIN);
    drawing.line(&steps, &figure.exact, EXACT);
    fitted(&mut drawing, &figure.single_fit, CHAIN_FIT);
    fitted(&mut drawing, &figure.exact_fit, EXACT_FIT);
    Some(drawing.finish())
}
