//! Experiments on networks as one HTML page and as lines for a terminal.

use askama::Template;

use super::RenderError;
use super::mathematics::prose;
use super::number::{Notation, count, significant};
use super::plots::{self, LegendEntry, Panel};
use crate::networks::{Experiment, Observation};

struct Row {
    what: String,
    effect: String,
    interval: String,
    expected: String,
    verdict: &'static str,
    replicates: String,
    reference: String,
}

struct Figure {
    id: String,
    caption: String,
    panels: Vec<Panel>,
    legend: Vec<LegendEntry>,
}

struct Section {
    title: String,
    about: String,
    settings: Vec<(String, String)>,
    rows: Vec<Row>,
    figures: Vec<Figure>,
}

#[derive(Template)]
#[template(path = "networks.html")]
struct Page {
    sections: Vec<Section>,
    version: &'static str,
}

fn verdict(observation: &Observation) -> &'static str {
    match observation.is_compatible() {
        Some(true) => "compatible",
        Some(false) => "differs",
        None => "measured",
    }
}

fn row(observation: &Observation, notation: Notation) -> Row {
    let [low, high] = observation.interval;
    let number = |value: f64| significant(value, 4, notation);
    Row {
        what: observation.what.clone(),
        effect: number(observation.effect),
        interval: format!("{} … {}", number(low), number(high)),
        expected: observation.expected.map_or_else(|| "–".to_owned(), number),
        verdict: verdict(observation),
        replicates: count(observation.replicates),
        reference: observation.reference.clone(),
    }
}

fn section(number: usize, experiment: &Experiment) -> Section {
    let record = &experiment.record;
    let mut rows = Vec::new();
    for observation in &record.observations {
        let mut row = row(observation, Notation::Typeset);
        row.what = prose(&row.what);
        rows.push(row);
    }
    let mut figures = Vec::new();
    for figure in &record.figures {
        // two experiments of one kind on a page must not share names of clip paths
        let named = crate::networks::FigureRecord { id: format!("run{number}-{}", figure.id), ..figure.clone() };
        let (panels, legend) = plots::network(&named, &experiment.arrays);
        figures.push(Figure { id: named.id, caption: prose(&figure.caption), panels, legend });
    }
    Section {
        title: record.title.clone(),
        about: prose(&record.about),
        settings: record.settings.clone(),
        rows,
        figures,
    }
}

/// As one HTML page that needs nothing else.
pub(super) fn html(experiments: &[Experiment]) -> Result<String, RenderError> {
    let sections = experiments.iter().enumerate().map(|(number, experiment)| section(number, experiment));
    let page = Page { sections: sections.collect(), version: env!("CARGO_PKG_VERSION") };
    Ok(page.render()?)
}

/// The observations as lines.
pub(super) fn text(experiment: &Experiment) -> String {
    let mut lines = vec![experiment.record.title.clone()];
    for observation in &experiment.record.observations {
        let row = row(observation, Notation::Ascii);
        lines.push(format!(
            "  {:<34} {:>10}  [{}]  expected {}  {} ({} replicates)",
            observation.id,
            row.effect,
            row.interval.replace('…', "to"),
            row.expected,
            row.verdict,
            row.replicates
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{FORMAT, Record, write_arrays};
    use crate::render::plots::networks::tests::example;

    fn experiment() -> Experiment {
        let (figure, arrays) = example();
        let observation = |id: &str, expected| Observation {
            id: id.into(),
            what: "$a_1$ over b".into(),
            effect: 0.9,
            interval: [0.8, 0.95],
            expected,
            replicates: 8,
            alpha: 0.05,
            reference: "(16)".into(),
        };
        let record = Record {
            format: FORMAT.into(),
            kind: "diffusion".into(),
            title: "A <network>".into(),
            observations: vec![
                observation("one", Some(1.0)),
                observation("two", Some(0.9)),
                observation("three", None),
            ],
            figures: vec![figure],
            ..Record::default()
        };
        Experiment { record, arrays }
    }

    #[test]
    fn a_page_says_what_differs_and_needs_nothing_else() {
        let page = html(&[experiment(), experiment()]).unwrap();
        for text in ["class=\"differs\"", "class=\"compatible\"", "class=\"measured\"", "A &#60;network&#62;", "<math"]
        {
            assert!(page.contains(text), "{text}");
        }
        for text in ["<script", "src=", "@import", "href="] {
            assert!(!page.contains(text), "{text}");
        }
        // two runs of one kind keep their clip paths apart
        assert!(page.contains("clip-run0-f-1-0") && page.contains("clip-run1-f-1-0"));
        let lines = text(&experiment());
        assert!(lines.contains("differs") && lines.contains("compatible") && lines.lines().count() == 4, "{lines}");
    }

    #[test]
    fn a_folder_is_read_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut written = experiment();
        // JSON and arrays hold what was written; NaN is no equal
        written.arrays.insert("half".into(), vec![0.1, 0.2]);
        let path = folder.path().join("experiment.json");
        std::fs::write(&path, serde_json::to_string(&written.record).unwrap()).unwrap();
        assert!(Experiment::read(folder.path()).unwrap_err().to_string().contains("arrays.npz"));
        write_arrays(&folder.path().join("arrays.npz"), &written.arrays).unwrap();
        assert_eq!(Experiment::read(folder.path()).unwrap(), written);
        written.arrays.remove("grid");
        write_arrays(&folder.path().join("arrays.npz"), &written.arrays).unwrap();
        assert!(Experiment::read(folder.path()).unwrap_err().to_string().contains("\"grid\""));
        std::fs::write(&path, "{").unwrap();
        assert!(Experiment::read(folder.path()).unwrap_err().to_string().contains("no record"));
        let other = serde_json::to_string(&Record { format: "other".into(), ..written.record }).unwrap();
        std::fs::write(&path, other).unwrap();
        assert!(Experiment::read(folder.path()).unwrap_err().to_string().contains("\"other\""));
    }
}
