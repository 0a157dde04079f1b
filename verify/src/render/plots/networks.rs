//! Figures of experiments on networks, from their records.

use super::axis::{Axis, Extent, Spacing, Span};
use super::panel::{Drawing, Marker, Shape, Stroke, band_entry, ink, line_entry, point_entry};
use super::{LegendEntry, Panel};
use crate::networks::{Arrays, AxisRecord, FigureRecord, Look, MarkRecord, PanelRecord, Quantity, Role};

/// Level curves of a loss.
const LEVELS: u32 = 10;

/// The panels of a figure, and what its marks mean.
pub(in super::super) fn figure(record: &FigureRecord, arrays: &Arrays) -> (Vec<Panel>, Vec<LegendEntry>) {
    let name = |number: usize| format!("{}-{number}", identifier(&record.id));
    let panels = record.panels.iter().enumerate().filter_map(|(number, panel)| draw(&name(number), panel, arrays));
    let mut legend: Vec<LegendEntry> = Vec::new();
    for mark in record.panels.iter().flat_map(|panel| &panel.marks) {
        if !mark.label.is_empty() && legend.iter().all(|entry| entry.label != mark.label) {
            legend.push(entry(mark));
        }
    }
    (panels.collect(), legend)
}

/// Letters, digits and hyphens: what may stand in the name of a clip path.
fn identifier(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

fn title(quantity: Quantity) -> &'static [Span] {
    use Span::{Italic, Upright};
    match quantity {
        Quantity::Step => &[Upright("step "), Italic("k")],
        Quantity::Length => &[Upright("steps fitted")],
        Quantity::LocalDisplacement => &[Upright("local displacement |"), Italic("δ"), Upright("|²")],
        Quantity::GlobalDisplacement => &[Upright("global displacement |"), Italic("Δ"), Upright("|²")],
        Quantity::FirstPosition => &[Upright("first eigenvector · ("), Italic("θ − θ"), Upright("*)")],
        Quantity::LastPosition => &[Upright("last eigenvector · ("), Italic("θ − θ"), Upright("*)")],
        Quantity::FirstVelocity => &[Upright("first eigenvector · "), Italic("v")],
        Quantity::LastVelocity => &[Upright("last eigenvector · "), Italic("v")],
        Quantity::Position => &[Upright("position "), Italic("q"), Upright(" · ("), Italic("θ − μ"), Upright(")")],
        Quantity::Velocity => &[Upright("velocity "), Italic("q"), Upright(" · "), Italic("v")],
        Quantity::LearningRate => &[Upright("learning rate "), Italic("η")],
        Quantity::BatchSize => &[Upright("batch size "), Italic("S")],
        Quantity::Momentum => &[Upright("momentum "), Italic("β")],
        Quantity::Exponent => &[Upright("exponent "), Italic("c")],
        Quantity::Curvature => &[Upright("curvature "), Italic("ρ")],
        Quantity::Noise => &[Upright("noise "), Italic("q"), Upright("ᵀΣ"), Italic("q")],
        Quantity::Mode => &[Upright("eigenvector")],
        Quantity::Ratio => &[Upright("measured / predicted")],
        Quantity::Density => &[Upright("density of eigenvalues")],
        Quantity::Rotation => &[Upright("revolutions a step")],
        Quantity::Distance => &[Upright("distance along the direction")],
        Quantity::Loss => &[Upright("loss")],
    }
}

fn colour(role: Role) -> &'static str {
    match role {
        Role::Measured => ink::MEASURED,
        Role::Chain => ink::CHAIN,
        Role::Mean => ink::MEAN,
        Role::Exact => ink::EXACT,
        Role::Sde => ink::SDE,
        Role::Fit => ink::FOURTH,
        Role::Loss => ink::LOSS,
        Role::ModifiedLoss => ink::MODIFIED_LOSS,
        Role::Guide => ink::GUIDE,
    }
}

fn stroke(mark: &MarkRecord) -> Stroke {
    let width = match (mark.role, mark.look) {
        (_, Look::Contours) => 1.0,
        (Role::Chain, _) => 0.8,
        (Role::Mean, _) => 4.0,
        _ => 1.6,
    };
    let dash = (mark.look == Look::Dashes).then_some("7 4");
    Stroke { ink: colour(mark.role), width, dash }
}

/// Points beyond this number are drawn small: a cloud, not single values.
const CLOUD: usize = 200;

fn marker(mark: &MarkRecord, points: usize) -> Marker {
    let shape = match mark.role {
        Role::Exact => Shape::Diamond,
        Role::Sde => Shape::Square,
        Role::Fit => Shape::Triangle,
        _ => Shape::Circle,
    };
    Marker { ink: colour(mark.role), shape, radius: if points > CLOUD { 1.1 } else { 3.2 } }
}

fn entry(mark: &MarkRecord) -> LegendEntry {
    match mark.look {
        Look::Line | Look::Dashes | Look::Contours => line_entry(mark.label.clone(), stroke(mark)),
        Look::Points => {
            let bar = mark.half_width.is_some().then(|| stroke(mark));
            point_entry(mark.label.clone(), marker(mark, 1), bar)
        }
        Look::Band => band_entry(mark.label.clone(), Stroke { width: 4.0, ..stroke(mark) }),
    }
}

fn values<'a>(arrays: &'a Arrays, name: &str) -> &'a [f64] {
    arrays.get(name).map_or(&[], Vec::as_slice)
}

fn axis(record: AxisRecord, ranges: impl Iterator<Item = f64>) -> Option<Axis> {
    let spacing = if record.logarithmic { Spacing::Logarithmic } else { Spacing::Linear };
    Extent::new(spacing).include(ranges).axis(title(record.quantity))
}

fn draw(name: &str, panel: &PanelRecord, arrays: &Arrays) -> Option<Panel> {
    let x = axis(panel.x, panel.marks.iter().flat_map(|mark| values(arrays, &mark.x).iter().copied()))?;
    let heights = panel.marks.iter().flat_map(|mark| {
        let y = values(arrays, &mark.y);
        let half = match (&mark.half_width, mark.look) {
            (Some(name), Look::Points | Look::Band) => values(arrays, name),
            _ => &[],
        };
        let ends = y.iter().zip(half).flat_map(|(y, half)| [y - half, y + half]);
        y.iter().copied().chain(ends.filter(|end| !panel.y.logarithmic || *end > 0.0)).collect::<Vec<f64>>()
    });
    let y = axis(panel.y, heights)?;
    let mut drawing = if panel.square {
        Drawing::square(name, panel.title.clone(), 300.0, x, y)
    } else {
        Drawing::new(name, panel.title.clone(), (560.0, 330.0), x, y)
    };
    for mark in &panel.marks {
        let (x, y) = (values(arrays, &mark.x), values(arrays, &mark.y));
        let half = mark.half_width.as_deref().map(|name| values(arrays, name));
        match mark.look {
            Look::Line | Look::Dashes => drawing.line(x, y, stroke(mark)),
            Look::Points => {
                if let Some(half) = half {
                    drawing.bars(x, y, half, Stroke { width: 1.2, ..stroke(mark) });
                }
                drawing.points(x, y, marker(mark, x.len()));
            }
            Look::Band => {
                if let Some(half) = half {
                    drawing.band(x, y, half, colour(mark.role));
                }
                drawing.line(x, y, stroke(mark));
            }
            Look::Contours => {
                if let Some(heights) = half {
                    contours(&mut drawing, x, y, heights, stroke(mark));
                }
            }
        }
    }
    Some(drawing.finish())
}

/// Level curves at equal steps of the square root above the least value, by linear interpolation on the edges of each cell.
fn contours(drawing: &mut Drawing, x: &[f64], y: &[f64], heights: &[f64], stroke: Stroke) {
    let columns = x.len();
    if columns < 2 || y.len() < 2 || heights.len() != columns * y.len() {
        return;
    }
    let finite = || heights.iter().copied().filter(|height| height.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if high <= low || !(high - low).is_finite() {
        return;
    }
    for level in 1..LEVELS {
        let part = f64::from(level) / f64::from(LEVELS);
        let height = low + (high - low) * part * part;
        for row in 0..y.len() - 1 {
            for column in 0..columns - 1 {
                for [from, to] in cell(x, y, heights, (row, column), height) {
                    drawing.guide(from, to, stroke);
                }
            }
        }
    }
}

/// The pieces of a level curve in one cell: between the points where its four edges cross the level.
fn cell(x: &[f64], y: &[f64], heights: &[f64], (row, column): (usize, usize), level: f64) -> Vec<[(f64, f64); 2]> {
    let corner = |across: usize, up: usize| {
        ((x[column + across], y[row + up]), heights[(row + up) * x.len() + column + across] - level)
    };
    let corners = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
    let mut crossings = Vec::new();
    for edge in 0..4 {
        let ((from, below), (to, above)) = (corners[edge], corners[(edge + 1) % 4]);
        if (below < 0.0) != (above < 0.0) && below.is_finite() && above.is_finite() {
            let part = below / (below - above);
            crossings.push((from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1)));
        }
    }
    // two crossings are one piece, four (a saddle) two
    crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[cfg(test)]
pub(in crate::render) mod tests {
    use super::*;

    /// A record with every look, and arrays of which some cannot be drawn.
    pub(in crate::render) fn example() -> (FigureRecord, Arrays) {
        let axis = |quantity| AxisRecord { quantity, logarithmic: false };
        let mark = |look, half: Option<&str>| MarkRecord {
            label: format!("{look:?}"),
            role: Role::Measured,
            look,
            x: "x".into(),
            y: "y".into(),
            half_width: half.map(str::to_owned),
        };
        let panel = PanelRecord {
            title: "t < u".into(),
            x: axis(Quantity::Step),
            y: axis(Quantity::Loss),
            square: true,
            marks: vec![
                mark(Look::Line, None),
                mark(Look::Dashes, None),
                mark(Look::Points, Some("half")),
                mark(Look::Band, Some("half")),
                mark(Look::Contours, Some("grid")),
            ],
        };
        let figure = FigureRecord { id: "f/1".into(), caption: "$x$ & y".into(), panels: vec![panel] };
        let arrays = Arrays::from([
            ("x".into(), vec![0.0, 1.0]),
            ("y".into(), vec![0.0, 1.0]),
            ("half".into(), vec![0.1, f64::NAN]),
            ("grid".into(), vec![0.0, 1.0, 1.0, 2.0]),
        ]);
        (figure, arrays)
    }

    #[test]
    fn every_look_is_drawn_and_nothing_that_is_no_number() {
        let (record, arrays) = example();
        let (panels, legend) = figure(&record, &arrays);
        assert_eq!((panels.len(), legend.len()), (1, 5));
        assert!(panels[0].svg.contains("clip-f-1-0") && !panels[0].svg.contains("NaN"), "{}", panels[0].svg);
        // arrays that are not there leave the panel out
        assert!(figure(&record, &Arrays::new()).0.is_empty());
    }

    #[test]
    fn a_level_curve_of_a_plane_is_straight() {
        let (x, y) = ([0.0, 1.0], [0.0, 1.0]);
        // height = x + y: the level 1/2 runs from (1/2, 0) to (0, 1/2)
        let pieces = cell(&x, &y, &[0.0, 1.0, 1.0, 2.0], (0, 0), 0.5);
        assert_eq!(pieces, [[(0.5, 0.0), (0.0, 0.5)]]);
        assert!(cell(&x, &y, &[0.0, 1.0, 1.0, 2.0], (0, 0), 3.0).is_empty());
        assert!(cell(&x, &y, &[f64::NAN; 4], (0, 0), 0.5).is_empty());
    }
}
