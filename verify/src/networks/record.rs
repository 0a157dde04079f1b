//! What an experiment on a network says: observations, each an effect with an interval, and figures whose numbers lie in arrays.

use serde::{Deserialize, Serialize};

/// Version of the record.
pub const FORMAT: &str = "langevin-nn experiment 1";

/// `experiment.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    pub format: String,
    /// What kind of experiment.
    pub kind: String,
    /// A heading.
    pub title: String,
    /// What of the paper it is about.
    pub about: String,
    /// Names and values, as text.
    pub settings: Vec<(String, String)>,
    /// What was found.
    pub observations: Vec<Observation>,
    /// Plots.
    pub figures: Vec<FigureRecord>,
    /// The experiment file.
    pub experiment_file: String,
    /// Seconds of computing.
    pub seconds: f64,
}

/// One thing that was observed: how far it is from what a theory says, and how sure that is. Never a pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Name, unique in the record.
    pub id: String,
    /// What is measured, formulas between dollar signs.
    pub what: String,
    /// The effect: a ratio, a difference, a correlation.
    pub effect: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// The value of the effect if the theory holds, where there is one.
    pub expected: Option<f64>,
    /// Independent replicates behind the interval.
    pub replicates: u64,
    /// Probability that the interval misses.
    pub alpha: f64,
    /// The equation, assumption or erratum.
    pub reference: String,
}

impl Observation {
    /// Whether the expected value lies in the interval, where there is one.
    pub fn is_compatible(&self) -> Option<bool> {
        self.expected.map(|expected| self.interval[0] <= expected && expected <= self.interval[1])
    }
}

/// Panels under one caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureRecord {
    /// Name, unique in the record.
    pub id: String,
    /// What one should see, formulas between dollar signs.
    pub caption: String,
    /// The panels.
    pub panels: Vec<PanelRecord>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelRecord {
    /// Heading.
    pub title: String,
    /// Horizontal axis.
    pub x: AxisRecord,
    /// Vertical axis.
    pub y: AxisRecord,
    /// Whether the frame is square.
    #[serde(default)]
    pub square: bool,
    /// What is drawn, first below.
    pub marks: Vec<MarkRecord>,
}

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisRecord {
    /// What is along it.
    pub quantity: Quantity,
    /// Whether equal ratios are equal distances.
    #[serde(default)]
    pub logarithmic: bool,
}

/// What lies along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// k.
    Step,
    /// Steps fitted.
    Length,
    /// |delta_k|^2.
    LocalDisplacement,
    /// |Delta_k|^2.
    GlobalDisplacement,
    /// q_1 . (theta - theta_*).
    FirstPosition,
    /// q_k . (theta - theta_*).
    LastPosition,
    /// q_1 . v.
    FirstVelocity,
    /// q_k . v.
    LastVelocity,
    /// q . (theta - mu).
    Position,
    /// q . v.
    Velocity,
    /// eta.
    LearningRate,
    /// S.
    BatchSize,
    /// beta.
    Momentum,
    /// c.
    Exponent,
    /// rho.
    Curvature,
    /// q' Sigma q.
    Noise,
    /// Number of an eigenvector.
    Mode,
    /// A number without a unit.
    Ratio,
    /// Part of the spectrum.
    Density,
    /// Revolutions a step.
    Rotation,
    /// Distance along a direction.
    Distance,
    /// L.
    Loss,
}

/// Something drawn in a panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkRecord {
    /// What the legend says.
    pub label: String,
    /// What it stands for.
    pub role: Role,
    /// How it is drawn.
    pub look: Look,
    /// The array of horizontal coordinates; for contours the grid's.
    pub x: String,
    /// The array of vertical coordinates; for contours the grid's.
    pub y: String,
    /// The array of half widths of bars or bands; for contours the values, row by row, one row per vertical coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<String>,
}

/// What a mark stands for: its colour in all figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A measurement.
    Measured,
    /// One chain.
    Chain,
    /// The mean of chains.
    Mean,
    /// The exact discrete law of the quadratic approximation.
    Exact,
    /// The SDE of the paper.
    Sde,
    /// A fit.
    Fit,
    /// A loss.
    Loss,
    /// The modified loss.
    ModifiedLoss,
    /// A guide to the eye.
    Guide,
}

/// How a mark is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// A line.
    Line,
    /// A dashed line.
    Dashes,
    /// Points, with bars where there are half widths.
    Points,
    /// A band of half widths about a line.
    Band,
    /// Level curves of values on a grid.
    Contours,
}
