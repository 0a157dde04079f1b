//! The figures of the report as inline SVG.
//!
//! A [`Plot`] is a grid of panels with one legend outside of them, so that the page can reflow the panels and no
//! legend ever covers data. kuva supplies the drawing primitives and the SVG writer. Its ready-made axes are not
//! used: their logarithmic ticks stop at 1e-10 and have no minor marks, their error bars have caps of a fixed width
//! that merge when sixty modes stand side by side, and their clip paths are numbered by a process-wide counter, while a
//! report must have the same bytes every time. [`axis`] and [`panel`] do that part.
//!
//! Colours are CSS variables with the light value as fallback: the page can turn dark, and a panel copied out of it
//! still has its colours. Series differ in dash or shape as well as in colour.

use crate::compare::Comparison;
use crate::modes_run::ModeTrajectory;
use crate::networks::{Arrays, FigureRecord};
use crate::report::Figures;

mod axis;
mod current;
mod damping;
mod diffusion;
mod displacement;
mod equipartition;
mod level_curves;
mod mode_variances;
pub(super) mod networks;
mod oscillation;
mod panel;
mod phase_space;
mod rivals;
mod sweeps;
mod top_mode;
mod trajectory;

/// One figure: panels and the legend they share.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// Name of the figure, unique on the page.
    pub id: &'static str,
    /// What one should see, with formulas between dollar signs.
    pub caption: &'static str,
    /// Columns on a wide page.
    pub columns: usize,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
    /// What the marks mean.
    pub legend: Vec<LegendEntry>,
}

impl Plot {
    /// Values that could not be drawn: not finite, or not positive on a logarithmic axis.
    pub(super) fn omitted(&self) -> usize {
        self.panels.iter().map(|panel| panel.omitted).sum()
    }
}

/// One pair of axes with its data.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Text above the panel.
    pub title: String,
    /// The drawing.
    pub svg: String,
    /// Values that could not be drawn.
    pub omitted: usize,
}

/// One line of a legend.
#[derive(Clone, Debug)]
pub(super) struct LegendEntry {
    /// A small drawing of the mark.
    pub swatch: String,
    /// What it stands for.
    pub label: String,
}

/// The figures that have anything to show, in the order of the report.
pub(super) fn all(figures: &Figures) -> Vec<Plot> {
    [
        mode_variances::plot(&figures.mode_variances),
        equipartition::plot(&figures.equipartition),
        oscillation::plot(&figures.oscillation),
        figures.displacement.as_ref().and_then(displacement::plot),
        figures.damping.as_ref().and_then(damping::plot),
        figures.current.as_ref().and_then(current::plot),
        figures.trajectory.as_ref().and_then(trajectory::plot),
        figures.trajectory.as_ref().and_then(phase_space::plot),
        figures.diffusion.as_ref().and_then(diffusion::plot),
        figures.sweeps.as_ref().and_then(sweeps::plot),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The figures of a comparison of theories.
pub(super) fn rivals(comparison: &Comparison) -> Vec<Plot> {
    rivals::plots(comparison)
}

/// Figure 2 on one chain.
pub(super) fn top_mode(trajectories: &[ModeTrajectory]) -> Option<Plot> {
    top_mode::plot(trajectories)
}

/// A figure of an experiment on a network: its panels, and what their marks mean.
pub(super) fn network(record: &FigureRecord, arrays: &Arrays) -> (Vec<Panel>, Vec<LegendEntry>) {
    networks::figure(record, arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use crate::report::{DampingFigure, DisplacementFigure, EquipartitionFigure, ModeVarianceFigure};

    #[test]
    fn the_example_has_every_figure() {
        let plots = all(&example::report().figures);
        let panels: Vec<usize> = plots.iter().map(|plot| plot.panels.len()).collect();
        assert_eq!(panels, [8, 1, 4, 1, 1, 2, 3, 2, 2, 6]);
        assert!(plots.iter().all(|plot| plot.omitted() == 0));
        assert!(plots.iter().all(|plot| !plot.legend.is_empty()));
    }

    #[test]
    fn the_same_numbers_give_the_same_bytes() {
        let figures = example::report().figures;
        let draw =
            || all(&figures).iter().flat_map(|plot| plot.panels.clone()).map(|panel| panel.svg).collect::<String>();
        assert_eq!(draw(), draw());
    }

    #[test]
    fn empty_figures_are_left_out() {
        assert!(all(&Figures::default()).is_empty());
        let figures = Figures { damping: Some(DampingFigure::default()), ..Figures::default() };
        assert!(all(&figures).is_empty());
    }

    #[test]
    fn numbers_that_cannot_be_drawn_are_skipped_and_counted() {
        let figures = example::hostile_report().figures;
        let plots = all(&figures);
        assert!(plots.iter().any(|plot| plot.omitted() > 0));
        for panel in plots.iter().flat_map(|plot| &plot.panels) {
            for bad in ["NaN", "inf", "Infinity"] {
                assert!(!panel.svg.contains(bad), "{bad} in {}", panel.svg);
            }
        }
    }

    #[test]
    fn one_mode_and_five_hundred_modes_are_drawn() {
        for modes in [1_u16, 500] {
            let curvature: Vec<f64> = (0..modes).map(|mode| 0.7 * 0.99_f64.powi(i32::from(mode))).collect();
            let figure = ModeVarianceFigure {
                scenario: "s".to_owned(),
                caption: "c".to_owned(),
                measured: curvature.clone(),
                half_width: vec![],
                exact: curvature.clone(),
                sde_assumption3: vec![],
                sde_true_noise: vec![f64::NAN; usize::from(modes)],
                curvature,
            };
            let figures = Figures { mode_variances: vec![figure], ..Figures::default() };
            let plots = all(&figures);
            assert_eq!(plots[0].panels[0].svg.matches("<circle").count(), usize::from(modes));
            assert_eq!(plots[0].omitted(), usize::from(modes));
        }
    }

    #[test]
    fn lengths_may_differ() {
        let figures = Figures {
            equipartition: vec![EquipartitionFigure {
                scenario: "s".to_owned(),
                caption: "c".to_owned(),
                potential: vec![1.0, 2.0, 3.0],
                kinetic: vec![1.0],
            }],
            displacement: Some(DisplacementFigure {
                scenario: "s".to_owned(),
                steps: vec![0, 1, 10],
                measured: vec![],
                half_width: vec![1.0],
                exact: vec![0.0, 1.0],
                sde: vec![f64::INFINITY, 1e-320, 1e308],
                equation17: vec![],
                equation17_as_printed: vec![-1.0; 9],
            }),
            ..Figures::default()
        };
        assert_eq!(all(&figures).len(), 2);
    }
}
