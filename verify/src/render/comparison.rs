//! A comparison of theories as text for a terminal, as Markdown, and as one HTML page.

use askama::Template;

use super::RenderError;
use super::number::{Notation, count, percent, setting, significant};
use super::plots;
use super::wording;
use crate::compare::{Comparison, GridPoint, MomentumRow, RivalResult, Score, Spread};

const PAGE: Notation = Notation::Typeset;
const TERMINAL: Notation = Notation::Ascii;

/// Errors below this are rounding.
const ROUNDING: f64 = 1e-9;

/// What the columns of the ranking are.
const COLUMNS: [&str; 8] =
    ["theory", "var θ, largest", "var θ, rms", "var v, largest", "speed", "excess loss", "displacement", "rate limit"];

/// A relative error as a percentage.
fn error(value: f64, notation: Notation) -> String {
    if value.abs() < ROUNDING {
        return format!("0{}", percent(notation));
    }
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}{}", significant(100.0 * value, 3, notation), percent(notation))
}

fn number(score: &Score<f64>, notation: Notation) -> String {
    score.value().map_or_else(|| "–".to_owned(), |value| error(*value, notation))
}

fn largest(score: &Score<Spread>, notation: Notation) -> String {
    score.value().map_or_else(|| "–".to_owned(), |spread| error(spread.largest, notation))
}

fn root_mean_square(score: &Score<Spread>, notation: Notation) -> String {
    score.value().map_or_else(
        || "–".to_owned(),
        |spread| {
            if spread.rms < ROUNDING {
                format!("0{}", percent(notation))
            } else {
                format!("{}{}", significant(100.0 * spread.rms, 3, notation), percent(notation))
            }
        },
    )
}

/// Place and name; a theory that is given a part of the answer has no place.
fn place(rival: &RivalResult) -> String {
    rival.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string())
}

/// The cells of a row after the place.
fn cells(rival: &RivalResult, notation: Notation) -> Vec<String> {
    let errors = &rival.errors;
    vec![
        rival.id.clone(),
        largest(&errors.var_theta, notation),
        root_mean_square(&errors.var_theta, notation),
        largest(&errors.var_v, notation),
        number(&errors.speed, notation),
        number(&errors.excess_loss, notation),
        largest(&errors.displacement, notation),
        number(&errors.learning_rate_limit, notation),
    ]
}

fn headline(comparison: &Comparison) -> String {
    let first: Vec<&RivalResult> = comparison.rivals.iter().filter(|rival| rival.rank == Some(1)).collect();
    match first.first().and_then(|rival| rival.errors.var_theta.value().map(|spread| (rival, spread))) {
        None => "No theory says anything about the position variances".to_owned(),
        Some((_, spread)) => {
            let names: Vec<&str> = first.iter().map(|rival| rival.id.as_str()).collect();
            let size = if spread.largest.abs() < ROUNDING {
                "exact".to_owned()
            } else {
                format!("within {}{}", significant(100.0 * spread.largest.abs(), 2, TERMINAL), percent(TERMINAL))
            };
            format!("Closest to the {}: {} ({size} in every direction)", comparison.reference.name, names.join(", "))
        }
    }
}

fn settings(comparison: &Comparison, notation: Notation) -> String {
    format!(
        "{}: eta = {}, beta = {}, lambda = {}, S = {}, {}, {} noise; {} of {} directions with curvature compared",
        comparison.data,
        setting(comparison.learning_rate, notation),
        setting(comparison.momentum, notation),
        setting(comparison.weight_decay, notation),
        comparison.batch_size,
        comparison.sampling,
        comparison.noise,
        count(comparison.reference.directions.len() as u64),
        count(comparison.curvatures.len() as u64),
    )
}

fn reference(comparison: &Comparison, notation: Notation) -> String {
    let moments = &comparison.reference.moments;
    let shown =
        |score: &Score<f64>| score.value().map_or_else(|| "–".to_owned(), |value| significant(*value, 4, notation));
    let resolution = comparison.reference.standard_error.map_or_else(String::new, |size| {
        format!("; relative standard error up to {}{}", significant(100.0 * size, 2, notation), percent(notation))
    });
    format!(
        "{}: speed {}, excess loss {}, largest learning rate {}{resolution}",
        comparison.reference.name,
        shown(&moments.speed),
        shown(&moments.excess_loss),
        shown(&moments.learning_rate_limit),
    )
}

/// Reasons for the dashes of a row.
fn silences(rival: &RivalResult) -> Vec<String> {
    let errors = &rival.errors;
    let spread = |what: &str, score: &Score<Spread>| match score {
        Score::Value(_) => None,
        Score::Silent { reason, .. } => Some(format!("{what}: {reason}")),
    };
    let plain = |what: &str, score: &Score<f64>| match score {
        Score::Value(_) => None,
        Score::Silent { reason, .. } => Some(format!("{what}: {reason}")),
    };
    [
        spread("var θ", &errors.var_theta),
        spread("var v", &errors.var_v),
        plain("speed", &errors.speed),
        plain("excess loss", &errors.excess_loss),
        spread("displacement", &errors.displacement),
        plain("rate limit", &errors.learning_rate_limit),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The head of a grid's column: the fraction of the limit, or the rate.
fn column(point: &GridPoint, notation: Notation) -> String {
    point.fraction.map_or_else(|| setting(point.learning_rate, notation), |part| setting(rounded(part), notation))
}

/// To four digits: a fraction that went through a product is what it was.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A cell of a grid, and its class on the page.
fn level(point: &GridPoint, rival: &str) -> (&'static str, &'static str) {
    match point.undefined.as_deref() {
        Some("no-exact-law") => return ("?", "undefined"),
        Some(_) => return ("x", "undefined"),
        None => {}
    }
    match point.level(rival) {
        None => ("–", "silent"),
        Some(None) => (">20", "beyond"),
        Some(Some(level)) if level < 0.02 => ("1", "one"),
        Some(Some(level)) if level < 0.1 => ("5", "five"),
        Some(Some(_)) => ("20", "twenty"),
    }
}

fn momentum_title(row: &MomentumRow, notation: Notation) -> String {
    let limit = row
        .learning_rate_limit
        .map_or_else(String::new, |limit| format!(", largest learning rate {}", significant(limit, 4, notation)));
    format!("momentum {}{limit}", setting(row.momentum, notation))
}

const GRID_MEANING: &str = "largest error of var θ over directions: within 1, 5 or 20 %, beyond (>20), silent (–), no \
                            stationary state (x), no exact law (?); columns are learning rates over the largest stable one";

/// Columns as wide as their widest cell; the first two are names and align left.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let room = " ".repeat(width - cell.chars().count());
            let gap = if index == 0 { "  " } else { "   " };
            text.extend([if index == 1 { format!("{gap}{cell}{room}") } else { format!("{gap}{room}{cell}") }]);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// For a terminal.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut text = format!(
        "{}\n{}\n\n{}\n\nerrors, predicted / reference - 1, ranked by the largest of var θ\n\n",
        settings(comparison, TERMINAL),
        reference(comparison, TERMINAL),
        headline(comparison)
    );
    let mut rows = vec![std::iter::once(String::new()).chain(COLUMNS.map(str::to_owned)).collect::<Vec<String>>()];
    for rival in &comparison.rivals {
        rows.push(std::iter::once(place(rival)).chain(cells(rival, TERMINAL)).collect());
    }
    text += &aligned(&rows);
    for rival in &comparison.rivals {
        if let Some(given) = &rival.given {
            text.extend([format!("\n{} is not ranked: it is given {given}\n", rival.id)]);
        }
    }
    if let Some(grid) = &comparison.grid {
        text.extend([format!("\n{GRID_MEANING}\n")]);
        text.extend(grid.note.iter().map(|note| format!("{note}\n")));
        for row in &grid.rows {
            text.extend([format!("\n{}\n", momentum_title(row, TERMINAL))]);
            let head = [String::new(), "theory".to_owned()].into_iter();
            let mut rows = vec![head.chain(row.points.iter().map(|point| column(point, TERMINAL))).collect()];
            for rival in &comparison.rivals {
                let names = [String::new(), rival.id.clone()].into_iter();
                rows.push(names.chain(row.points.iter().map(|point| level(point, &rival.id).0.to_owned())).collect());
            }
            text += &aligned(&rows);
        }
    }
    match &comparison.simulation {
        None if comparison.reference.standard_error.is_some() => {
            text += "\ntoo many orders of reshuffled epochs to enumerate: the reference is the simulation\n";
        }
        None => text += "\nreshuffled epochs: the reference is the enumeration of all orders, nothing was simulated\n",
        Some(simulation) => {
            text += "\nexact law against simulation\n\n";
            for claim in &simulation.claims {
                text.extend([format!("  {:<11} {}: {}\n", wording::verdict(claim.verdict), claim.id, claim.headline)]);
            }
        }
    }
    text
}

/// As Markdown.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!(
        "# {}\n\n{}\n\n{}\n\nErrors, predicted / reference - 1, ranked by the largest of var θ.\n\n",
        headline(comparison),
        settings(comparison, PAGE),
        reference(comparison, PAGE)
    );
    text += &row(std::iter::once("#".to_owned()).chain(COLUMNS.map(str::to_owned)).collect());
    text.extend([format!("|---|---|{}\n", "---:|".repeat(COLUMNS.len() - 1))]);
    for rival in &comparison.rivals {
        text += &row(std::iter::once(place(rival)).chain(cells(rival, PAGE)).collect());
    }
    if let Some(grid) = &comparison.grid {
        text.extend([format!("\n## Where each theory holds\n\n{GRID_MEANING}.\n")]);
        text.extend(grid.note.iter().map(|note| format!("\n{note}.\n")));
        for momentum in &grid.rows {
            text.extend([format!("\n{}\n\n", momentum_title(momentum, PAGE))]);
            let head = std::iter::once("theory".to_owned());
            text += &row(head.chain(momentum.points.iter().map(|point| column(point, PAGE))).collect());
            text.extend([format!("|---|{}\n", "---:|".repeat(momentum.points.len()))]);
            for rival in &comparison.rivals {
                let levels = momentum.points.iter().map(|point| level(point, &rival.id).0.to_owned());
                text += &row(std::iter::once(rival.id.clone()).chain(levels).collect());
            }
        }
    }
    if let Some(simulation) = &comparison.simulation {
        text += "\n## The exact law against simulation\n\n| verdict | claim | |\n|---|---|---|\n";
        for claim in &simulation.claims {
            text += &row(vec![wording::verdict(claim.verdict).to_owned(), claim.id.clone(), claim.headline.clone()]);
        }
    }
    text += "\n## Theories\n\n";
    for rival in &comparison.rivals {
        text.extend([format!("- `{}`: {}. {}\n", rival.id, rival.name, rival.citation)]);
        text.extend([format!("  - assumes: {}\n", rival.assumptions.join("; "))]);
        for silence in silences(rival) {
            text.extend([format!("  - {silence}\n")]);
        }
    }
    text
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    headline: String,
    data: String,
    settings: String,
    reference: String,
    columns: [&'static str; 8],
    ranking: Vec<Row>,
    figures: Vec<plots::Plot>,
    grid_meaning: &'static str,
    grid_note: String,
    grids: Vec<GridTable>,
    verdicts: Vec<[String; 3]>,
    theories: Vec<Theory>,
    version: String,
    schema: String,
}

struct Row {
    place: String,
    cells: Vec<String>,
    given: Option<String>,
}

struct GridTable {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<(&'static str, &'static str)>)>,
}

struct Theory {
    id: String,
    name: String,
    citation: String,
    assumptions: String,
    silences: Vec<String>,
}

/// As one HTML page that needs nothing else.
pub(super) fn html(comparison: &Comparison) -> Result<String, RenderError> {
    let ranking = comparison
        .rivals
        .iter()
        .map(|rival| Row { place: place(rival), cells: cells(rival, PAGE), given: rival.given.clone() })
        .collect();
    let grids = comparison.grid.iter().flat_map(|grid| &grid.rows).map(|row| GridTable {
        title: momentum_title(row, PAGE),
        columns: row.points.iter().map(|point| column(point, PAGE)).collect(),
        rows: comparison
            .rivals
            .iter()
            .map(|rival| (rival.id.clone(), row.points.iter().map(|point| level(point, &rival.id)).collect()))
            .collect(),
    });
    let theories = comparison.rivals.iter().map(|rival| Theory {
        id: rival.id.clone(),
        name: rival.name.clone(),
        citation: rival.citation.clone(),
        assumptions: rival.assumptions.join("; "),
        silences: silences(rival),
    });
    let verdicts = comparison.simulation.iter().flat_map(|simulation| &simulation.claims);
    let page = Page {
        headline: headline(comparison),
        data: comparison.data.clone(),
        settings: settings(comparison, PAGE),
        reference: reference(comparison, PAGE),
        columns: COLUMNS,
        ranking,
        figures: plots::rivals(comparison),
        grid_meaning: GRID_MEANING,
        grid_note: comparison.grid.as_ref().and_then(|grid| grid.note.clone()).unwrap_or_default(),
        grids: grids.collect(),
        verdicts: verdicts
            .map(|claim| [wording::verdict(claim.verdict).to_owned(), claim.title.clone(), claim.headline.clone()])
            .collect(),
        theories: theories.collect(),
        version: comparison.version.clone(),
        schema: comparison.schema.clone(),
    };
    Ok(page.render()?)
}
