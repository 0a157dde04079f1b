//! One panel: a frame with axes, and the marks drawn inside it.

use kuva::backend::svg::SvgBackend;
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor, TextSpan};

use super::axis::{Axis, Span};
use super::{LegendEntry, Panel};

/// Colours by what they stand for, the same in all figures (Paul Tol's vibrant scheme, safe for colour-blind readers).
pub(super) mod ink {
    /// Measurements and their mean.
    pub(in super::super) const MEASURED: &str = "var(--measured,#1a1a1a)";
    /// A single chain.
    pub(in super::super) const CHAIN: &str = "var(--chain,#5f656d)";
    /// The mean over chains, pale because predictions are drawn on it.
    pub(in super::super) const MEAN: &str = "var(--mean,#b9bec5)";
    /// The exact discrete law.
    pub(in super::super) const EXACT: &str = "var(--exact,#cc3311)";
    /// The SDE as the paper uses it.
    pub(in super::super) const SDE: &str = "var(--sde,#0077bb)";
    /// The SDE with the true noise covariance.
    pub(in super::super) const SDE_TRUE_NOISE: &str = "var(--sde-true,#009988)";
    /// A fourth theory.
    pub(in super::super) const FOURTH: &str = "var(--fourth,#aa3377)";
    /// A fifth theory.
    pub(in super::super) const FIFTH: &str = "var(--fifth,#c26a00)";
    /// A loss, shaded.
    pub(in super::super) const LOSS: &str = "var(--loss,#3f7fb5)";
    /// A modified loss, shaded.
    pub(in super::super) const MODIFIED_LOSS: &str = "var(--modified-loss,#8a63b0)";
    /// Lines that guide the eye.
    pub(in super::super) const GUIDE: &str = "var(--guide,#777777)";
    /// Grid lines.
    pub(super) const GRID: &str = "var(--grid,#e4e4e4)";
    /// Frame and text.
    pub(super) const FRAME: &str = "var(--frame,#444444)";
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    /// Colour.
    pub ink: &'static str,
    /// Width in pixels.
    pub width: f64,
    /// Dash pattern; solid without one.
    pub dash: Option<&'static str>,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Filled circle.
    Circle,
    /// Filled diamond.
    Diamond,
    /// Filled square.
    Square,
    /// Filled triangle.
    Triangle,
    /// Cross of two lines.
    Cross,
    /// Open circle.
    Ring,
}

/// A point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marker {
    /// Colour.
    pub ink: &'static str,
    /// Shape.
    pub shape: Shape,
    /// Radius in pixels.
    pub radius: f64,
}

/// Width and height of a panel in pixels.
pub(super) type Size = (f64, f64);

const TEXT: u32 = 12;
const SMALL_TEXT: u32 = 11;

/// Opacity of one shaded region.
const SHADE: f64 = 0.075;

/// Opacity of bands.
const BAND: f64 = 0.35;

/// A panel under construction.
#[derive(Debug)]
pub(super) struct Drawing {
    title: String,
    scene: Scene,
    x: Axis,
    y: Axis,
    frame: Frame,
    omitted: usize,
}

/// The rectangle that holds the data.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Drawing {
    /// Axes and grid; `id` must be unique on the page.
    pub(super) fn new(id: &str, title: String, (width, height): Size, x: Axis, y: Axis) -> Self {
        let widest = y.marks.iter().filter_map(|mark| mark.label.as_deref()).map(text_width).fold(0.0, f64::max);
        let frame = Frame { left: 30.0 + widest, right: width - 14.0, top: 8.0, bottom: height - 42.0 };
        let mut scene = Scene::new(width, height).with_background(None);
        scene.text_color = Some("currentColor".to_owned());
        scene.font_family = Some("system-ui, sans-serif".to_owned());
        let mut drawing = Self { title, scene, x, y, frame, omitted: 0 };
        drawing.grid();
        drawing.axes(width, height);
        drawing.clip(format!("clip-{id}"));
        drawing
    }

    /// The same with a square frame of this width, for two coordinates in the same unit.
    pub(super) fn square(id: &str, title: String, side: f64, x: Axis, y: Axis) -> Self {
        let widest = y.marks.iter().filter_map(|mark| mark.label.as_deref()).map(text_width).fold(0.0, f64::max);
        Self::new(id, title, (30.0 + widest + side + 14.0, side + 50.0), x, y)
    }

    /// A region inside a closed curve, shaded; regions on top of each other grow darker.
    pub(super) fn region(&mut self, x: &[f64], y: &[f64], ink: &'static str) {
        let points: Vec<(f64, f64)> = x.iter().zip(y).filter_map(|(x, y)| self.pixel(*x, *y)).collect();
        self.scene.add(Primitive::Path(Box::new(PathData {
            d: path(points.into_iter()) + "Z",
            fill: Some(Color::from(ink)),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: Some(SHADE),
            stroke_dasharray: None,
        })));
    }

    /// Arrows from points, with these vectors in units of the axes.
    pub(super) fn arrows(&mut self, arrows: &[[(f64, f64); 2]], stroke: Stroke) {
        const HEAD: f64 = 3.5;
        let mut d = String::new();
        for [(x, y), (dx, dy)] in arrows {
            let (Some(from), Some(to)) = (self.pixel(*x, *y), self.pixel(x + dx, y + dy)) else { continue };
            let (along, across) = (to.0 - from.0, to.1 - from.1);
            let length = along.hypot(across);
            if length.is_nan() || length < 1.0 {
                continue;
            }
            let (u, v) = (along / length, across / length);
            let head = HEAD.min(0.6 * length);
            let side = |turn: f64| (to.0 - head * (u + turn * v), to.1 - head * (v - turn * u));
            d += &path([from, to].into_iter());
            d += &path([side(0.6), to, side(-0.6)].into_iter());
        }
        self.stroke_path(d, stroke);
    }

    /// A line through the points that have a place; a point without one leaves a gap.
    pub(super) fn line(&mut self, x: &[f64], y: &[f64], stroke: Stroke) {
        let points: Vec<Option<(f64, f64)>> = x.iter().zip(y).map(|(x, y)| self.pixel(*x, *y)).collect();
        self.omitted += points.iter().filter(|point| point.is_none()).count();
        let d: String = points.split(Option::is_none).map(|run| path(run.iter().flatten().copied())).collect();
        self.stroke_path(d, stroke);
    }

    /// A straight guide line, not counted as data.
    pub(super) fn guide(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        if let (Some(from), Some(to)) = (self.pixel(from.0, from.1), self.pixel(to.0, to.1)) {
            self.stroke_path(path([from, to].into_iter()), stroke);
        }
    }

    /// Points.
    pub(super) fn points(&mut self, x: &[f64], y: &[f64], marker: Marker) {
        for (x, y) in x.iter().zip(y) {
            match self.pixel(*x, *y) {
                Some(center) => self.scene.add(draw(marker, center)),
                None => self.omitted += 1,
            }
        }
    }

    /// Vertical bars from `y - half_width` to `y + half_width`. A lower end without a place runs off the panel.
    pub(super) fn bars(&mut self, x: &[f64], y: &[f64], half_width: &[f64], stroke: Stroke) {
        let mut d = String::new();
        for ((x, y), half_width) in x.iter().zip(y).zip(half_width) {
            let (Some(low), Some(high)) = (self.low_end(*x, y - half_width), self.pixel(*x, y + half_width)) else {
                continue;
            };
            if self.pixel(*x, *y).is_some() {
                d += &path([low, high].into_iter());
            }
        }
        self.stroke_path(d, stroke);
    }

    /// A band from `y - half_width` to `y + half_width`.
    pub(super) fn band(&mut self, x: &[f64], y: &[f64], half_width: &[f64], ink: &'static str) {
        let ends: Vec<Option<[(f64, f64); 2]>> = x
            .iter()
            .zip(y)
            .zip(half_width)
            .map(|((x, y), half_width)| {
                self.pixel(*x, *y)?;
                Some([self.low_end(*x, y - half_width)?, self.pixel(*x, y + half_width)?])
            })
            .collect();
        for run in ends.split(Option::is_none).filter(|run| run.len() > 1) {
            let upper = run.iter().flatten().map(|ends| ends[1]);
            let lower = run.iter().flatten().rev().map(|ends| ends[0]);
            self.scene.add(Primitive::Path(Box::new(PathData {
                d: path(upper.chain(lower)) + "Z",
                fill: Some(Color::from(ink)),
                stroke: Color::None,
                stroke_width: 0.0,
                opacity: Some(BAND),
                stroke_dasharray: None,
            })));
        }
    }

    /// Text at a point of the plane, if it lies inside the frame, with a line to what it names, if that is elsewhere.
    pub(super) fn annotation(&mut self, text: &str, at: (f64, f64), names: Option<(f64, f64)>) {
        if !(self.x.contains(at.0) && self.y.contains(at.1)) {
            return;
        }
        let Some((x, y)) = self.pixel(at.0, at.1) else {
            return;
        };
        if let Some((to_x, to_y)) = names.and_then(|names| self.pixel(names.0, names.1)) {
            let reach = if to_x < x { -0.5 } else { 0.5 } * text_width(text);
            let from = (x + reach + reach.signum() * 3.0, y - 4.0);
            self.stroke_path(
                path([from, (to_x, to_y)].into_iter()),
                Stroke { ink: ink::GUIDE, width: 1.0, dash: None },
            );
        }
        self.scene.add(Primitive::RichText {
            x,
            y,
            spans: vec![span(text, true)],
            size: TEXT,
            anchor: TextAnchor::Middle,
            color: Some(Color::from(ink::FRAME)),
        });
    }

    /// The finished panel.
    pub(super) fn finish(mut self) -> Panel {
        self.scene.add(Primitive::ClipEnd);
        self.scene.add(Primitive::Rect {
            x: self.frame.left,
            y: self.frame.top,
            width: self.frame.right - self.frame.left,
            height: self.frame.bottom - self.frame.top,
            fill: Color::None,
            stroke: Some(Color::from(ink::FRAME)),
            stroke_width: Some(1.0),
            opacity: None,
        });
        // Headings break between their parts, not inside "beta = 0.9".
        Panel {
            title: self.title.replace(" = ", "\u{a0}=\u{a0}"),
            svg: scalable_svg(&self.scene),
            omitted: self.omitted,
        }
    }

    fn pixel(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.x.place(x)?, self.y.place(y)?);
        Some((self.frame.x(x), self.frame.y(y)))
    }

    /// The lower end of a bar; below the axis where it has no place on it, as zero on a logarithmic axis.
    fn low_end(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        if y.is_nan() {
            return None;
        }
        let x = self.x.place(x)?;
        Some((self.frame.x(x), self.frame.y(self.y.place(y).unwrap_or(-1.0))))
    }

    fn stroke_path(&mut self, d: String, stroke: Stroke) {
        if d.is_empty() {
            return;
        }
        self.scene.add(Primitive::Path(Box::new(PathData {
            d,
            fill: None,
            stroke: Color::from(stroke.ink),
            stroke_width: stroke.width,
            opacity: None,
            stroke_dasharray: stroke.dash.map(str::to_owned),
        })));
    }

    fn segment(&mut self, from: (f64, f64), to: (f64, f64), ink: &str) {
        self.scene.add(Primitive::Line {
            x1: from.0,
            y1: from.1,
            x2: to.0,
            y2: to.1,
            stroke: Color::from(ink),
            stroke_width: 1.0,
            stroke_dasharray: None,
        });
    }

    /// Opens the region that holds the data. The SVG writer takes its definition from the scene.
    fn clip(&mut self, id: String) {
        let Frame { left: x, top: y, right, bottom } = self.frame;
        let (width, height) = (right - x, bottom - y);
        self.scene.defs.push(format!(
            "<clipPath id=\"{id}\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/></clipPath>"
        ));
        self.scene.add(Primitive::ClipStart { x, y, width, height, id });
    }

    fn grid(&mut self) {
        let frame = self.frame;
        let places =
            |axis: &Axis| axis.marks.iter().filter(|mark| mark.major).map(|mark| mark.place).collect::<Vec<_>>();
        for place in places(&self.x) {
            let x = frame.x(place);
            self.segment((x, frame.top), (x, frame.bottom), ink::GRID);
        }
        for place in places(&self.y) {
            let y = frame.y(place);
            self.segment((frame.left, y), (frame.right, y), ink::GRID);
        }
    }

    fn axes(&mut self, width: f64, height: f64) {
        let frame = self.frame;
        let mut occupied = f64::NEG_INFINITY;
        for mark in self.x.marks.clone() {
            let x = frame.x(mark.place);
            let length = if mark.major { 5.0 } else { 3.0 };
            self.segment((x, frame.bottom), (x, frame.bottom + length), ink::FRAME);
            let Some(label) = mark.label else { continue };
            let half = text_width(&label) / 2.0;
            if x - half > occupied + 4.0 && x + half < width {
                occupied = x + half;
                self.label(label, (x, frame.bottom + 18.0), TextAnchor::Middle);
            }
        }
        let mut occupied = f64::INFINITY;
        for mark in self.y.marks.clone() {
            let y = frame.y(mark.place);
            let length = if mark.major { 5.0 } else { 3.0 };
            self.segment((frame.left - length, y), (frame.left, y), ink::FRAME);
            let Some(label) = mark.label else { continue };
            if y + 14.0 < occupied {
                occupied = y;
                self.label(label, (frame.left - 8.0, y + 4.0), TextAnchor::End);
            }
        }
        let center = f64::midpoint(frame.left, frame.right);
        self.title(&self.x.title.clone(), (center, height - 8.0), None);
        let middle = f64::midpoint(frame.top, frame.bottom);
        self.title(&self.y.title.clone(), (14.0, middle), Some(-90));
    }

    fn label(&mut self, content: String, (x, y): (f64, f64), anchor: TextAnchor) {
        self.scene.add(Primitive::Text {
            x,
            y,
            content,
            size: SMALL_TEXT,
            anchor,
            rotate: None,
            bold: false,
            color: Some(Color::from(ink::FRAME)),
        });
    }

    fn title(&mut self, spans: &[Span], (x, y): (f64, f64), rotation: Option<i32>) {
        // Rich text cannot be rotated, but a group around it can.
        if let Some(angle) = rotation {
            let transform = Some(format!("rotate({angle} {x:.1} {y:.1})"));
            self.scene.add(Primitive::GroupStart { transform, title: None, extra_attrs: None });
        }
        self.scene.add(Primitive::RichText {
            x,
            y,
            spans: spans.iter().map(|part| span(part.text(), matches!(part, Span::Italic(_)))).collect(),
            size: TEXT,
            anchor: TextAnchor::Middle,
            color: None,
        });
        if rotation.is_some() {
            self.scene.add(Primitive::GroupEnd);
        }
    }
}

impl Frame {
    fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, place: f64) -> f64 {
        self.bottom - place * (self.bottom - self.top)
    }
}

/// A legend entry for a line.
pub(super) fn line_entry(label: impl Into<String>, stroke: Stroke) -> LegendEntry {
    swatch(label, |scene| {
        scene.add(Primitive::Path(Box::new(PathData {
            d: path([(1.0, 7.0), (35.0, 7.0)].into_iter()),
            fill: None,
            stroke: Color::from(stroke.ink),
            stroke_width: stroke.width,
            opacity: None,
            stroke_dasharray: stroke.dash.map(str::to_owned),
        })));
    })
}

/// A legend entry for shaded regions.
pub(super) fn region_entry(label: impl Into<String>, ink: &'static str) -> LegendEntry {
    swatch(label, |scene| {
        for part in 1..=6 {
            scene.add(Primitive::Rect {
                x: 1.0,
                y: 1.0,
                width: 34.0 * f64::from(part) / 6.0,
                height: 12.0,
                fill: Color::from(ink),
                stroke: None,
                stroke_width: None,
                opacity: Some(SHADE),
            });
        }
    })
}

/// A legend entry for points, with the bar they carry.
pub(super) fn point_entry(label: impl Into<String>, marker: Marker, bar: Option<Stroke>) -> LegendEntry {
    swatch(label, |scene| {
        if let Some(bar) = bar {
            scene.add(Primitive::Line {
                x1: 18.0,
                y1: 0.5,
                x2: 18.0,
                y2: 13.5,
                stroke: Color::from(bar.ink),
                stroke_width: bar.width,
                stroke_dasharray: None,
            });
        }
        scene.add(draw(marker, (18.0, 7.0)));
    })
}

/// A legend entry for a line in its band.
pub(super) fn band_entry(label: impl Into<String>, stroke: Stroke) -> LegendEntry {
    swatch(label, |scene| {
        scene.add(Primitive::Rect {
            x: 1.0,
            y: 1.0,
            width: 34.0,
            height: 12.0,
            fill: Color::from(stroke.ink),
            stroke: None,
            stroke_width: None,
            opacity: Some(BAND),
        });
        scene.add(Primitive::Line {
            x1: 1.0,
            y1: 7.0,
            x2: 35.0,
            y2: 7.0,
            stroke: Color::from(stroke.ink),
            stroke_width: stroke.width,
            stroke_dasharray: None,
        });
    })
}

fn swatch(label: impl Into<String>, add: impl FnOnce(&mut Scene)) -> LegendEntry {
    let mut scene = Scene::new(36.0, 14.0).with_background(None);
    add(&mut scene);
    LegendEntry { swatch: scalable_svg(&scene), label: label.into() }
}

/// kuva fixes the size; a view box lets the page scale it.
fn scalable_svg(scene: &Scene) -> String {
    let view_box = format!("<svg viewBox=\"0 0 {} {}\" ", scene.width, scene.height);
    SvgBackend::new().render_scene(scene).replacen("<svg ", &view_box, 1)
}

fn draw(marker: Marker, (x, y): (f64, f64)) -> Primitive {
    let r = marker.radius;
    let fill = Color::from(marker.ink);
    let polygon = |corners: &[(f64, f64)]| {
        let d = path(corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy))) + "Z";
        (d, Some(fill.clone()), Color::None, 0.0)
    };
    let (d, fill, stroke, stroke_width) = match marker.shape {
        Shape::Circle => {
            return Primitive::Circle { cx: x, cy: y, r, fill, fill_opacity: None, stroke: None, stroke_width: None };
        }
        Shape::Ring => {
            let stroke = Some(fill);
            return Primitive::Circle {
                cx: x,
                cy: y,
                r,
                fill: Color::None,
                fill_opacity: None,
                stroke,
                stroke_width: Some(1.3),
            };
        }
        Shape::Diamond => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        Shape::Square => polygon(&[(-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)]),
        Shape::Triangle => polygon(&[(0.0, -1.3), (1.2, 0.9), (-1.2, 0.9)]),
        Shape::Cross => {
            let arms = path([(x - r, y - r), (x + r, y + r)].into_iter())
                + &path([(x - r, y + r), (x + r, y - r)].into_iter());
            (arms, None, fill, 1.5)
        }
    };
    Primitive::Path(Box::new(PathData { d, fill, stroke, stroke_width, opacity: None, stroke_dasharray: None }))
}

/// Path data with a tenth of a pixel, which is finer than any screen shows; points closer than that are merged.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (x, y) in points {
        if last.is_some_and(|(a, b)| (x - a).abs() < 0.1 && (y - b).abs() < 0.1) {
            continue;
        }
        let command = if last.is_none() { 'M' } else { 'L' };
        d.extend([format!("{command}{x:.1} {y:.1}")]);
        last = Some((x, y));
    }
    d
}

fn span(text: &str, italic: bool) -> TextSpan {
    TextSpan { italic, ..TextSpan::plain(text) }
}

/// Roughly how wide a label is; the fonts of the reader's system are not known.
fn text_width(text: &str) -> f64 {
    let width = |c: char| match c {
        '⁰'..='⁹' | '⁻' | '¹' | '²' | '³' => 0.45,
        '×' => 0.85,
        '.' | ',' | ' ' => 0.32,
        _ => 0.64,
    };
    f64::from(SMALL_TEXT) * text.chars().map(width).sum::<f64>()
}
