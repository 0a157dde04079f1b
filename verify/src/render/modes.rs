//! Figure 2 of a run that records modes, as one HTML page or one SVG file.

use std::fmt::Write as _;

use askama::Template;

use super::RenderError;
use super::mathematics::escape;
use super::plots::{self, Plot};
use crate::modes_run::ModesRun;

/// Size of a panel with its heading, and of the legend's line, in a file of its own.
const WIDTH: usize = 580;
const HEIGHT: usize = 310;
const LEGEND: usize = 40;

#[derive(Template)]
#[template(path = "modes.html")]
struct Page {
    data: String,
    settings: Vec<(&'static str, String)>,
    figure: Option<Plot>,
    version: &'static str,
}

/// As one HTML page that needs nothing else.
pub(super) fn html(run: &ModesRun) -> Result<String, RenderError> {
    let summary = &run.summary;
    let text = |key: &str| match &summary[key] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let settings = [
        ("learning rate", "learning_rate"),
        ("weight decay", "weight_decay"),
        ("batch size", "batch_size"),
        ("sampling", "sampling"),
        ("steps", "steps"),
        ("chains", "chains"),
        ("seed", "seed"),
        ("eigenpairs", "eigenpairs"),
        ("largest eigenvalue", "largest_eigenvalue"),
        ("largest residual of a mode", "largest_residual"),
    ];
    let page = Page {
        data: format!("{}: {}", text("data"), run.description),
        settings: settings.iter().map(|(name, key)| (*name, text(key))).collect(),
        figure: plots::top_mode(&run.trajectories),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(page.render()?)
}

/// As one SVG file. Colours are written out: many programs know no CSS variables.
pub(super) fn svg(run: &ModesRun) -> String {
    let Some(figure) = plots::top_mode(&run.trajectories) else {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n".into();
    };
    let rows = figure.panels.len().div_ceil(figure.columns);
    let (width, height) = (figure.columns * WIDTH, rows * HEIGHT + LEGEND);
    let font = "font-family=\"system-ui, sans-serif\" font-size=\"14\" fill=\"#1a1c1f\"";
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (index, entry) in figure.legend.iter().enumerate() {
        let x = 20 + 260 * index;
        let swatch = entry.swatch.replacen("<svg ", &format!("<svg x=\"{x}\" y=\"12\" "), 1);
        let _ = writeln!(out, "{swatch}<text x=\"{}\" y=\"24\" {font}>{}</text>", x + 44, escape(&entry.label));
    }
    for (index, panel) in figure.panels.iter().enumerate() {
        let (x, y) = (index % figure.columns * WIDTH, index / figure.columns * HEIGHT + LEGEND);
        let drawing = panel.svg.replacen("<svg ", &format!("<svg x=\"{x}\" y=\"{}\" ", y + 28), 1);
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{}\" {font}>{}</text>{drawing}", x + 20, y + 18, escape(&panel.title));
    }
    out.push_str("</svg>\n");
    without_variables(&out)
}

/// `var(--name,value)` as `value`.
fn without_variables(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("var(") {
        out.push_str(before);
        let (inner, after) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(inner.split_once(',').map_or(inner, |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::without_variables;

    #[test]
    fn variables_become_their_fallback() {
        assert_eq!(without_variables("a=\"var(--x,#123)\" b=\"var(--y,red)\" c"), "a=\"#123\" b=\"red\" c");
        assert_eq!(without_variables("var(--x"), "--x");
    }
}
