//! A run of `langevin-nn train`, finished or not, as a record that can be rendered: what was recorded until it ended, was interrupted, left the
//! finite numbers or met a file that it could not read. `docs/nn.md` describes the folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Arrays, AxisRecord, Experiment, FORMAT, FigureRecord, Look, MarkRecord, PanelRecord, Quantity, Record, Role,
};
use crate::error::{Result, VerifyError};

/// The manifest of a run.
pub const RUN_FILE: &str = "run.json";

/// The version of it.
const RUN_FORMAT: &str = "langevin-nn run 1";

/// The rows.
const RECORDS_FILE: &str = "records.bin";

/// Most points of a line: more cannot be seen.
const POINTS: usize = 1500;

/// Folders are looked into so deep: `chains/0-0` in `network-1`.
const DEPTH: usize = 3;

#[derive(Debug, Deserialize)]
struct Manifest {
    format: String,
    status: String,
    steps: u64,
    #[serde(default)]
    identity: Map<String, Value>,
    training_file: String,
    columns: u64,
    #[serde(default)]
    evaluations: Vec<Evaluation>,
    dimension: u64,
    seconds: f64,
    detail: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Evaluation {
    step: u64,
    loss: f64,
    accuracy: Option<f64>,
    test_loss: Option<f64>,
    test_accuracy: Option<f64>,
}

/// The runs in a folder that holds no finished experiment: itself, or those below it, by name.
pub(super) fn runs_in(folder: &Path) -> Vec<PathBuf> {
    fn look(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        if folder.join(RUN_FILE).is_file() {
            found.push(folder.to_path_buf());
            return;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut below: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        below.sort();
        if depth > 0 {
            for folder in &below {
                look(folder, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    look(folder, DEPTH, &mut found);
    found
}

/// Reads the folder of a run. A last row that was written in part, by a process that was killed, is left out.
pub(super) fn read(folder: &Path) -> Result<Experiment> {
    let path = folder.join(RUN_FILE);
    let named = |path: &Path, detail: String| VerifyError::Input { detail: format!("{}: {detail}", path.display()) };
    let text = std::fs::read_to_string(&path).map_err(|error| named(&path, error.to_string()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| named(&path, format!("it is no manifest of a run: {error}")))?;
    if manifest.format != RUN_FORMAT {
        return Err(named(
            &path,
            format!("its format is \"{}\"; this version reads \"{RUN_FORMAT}\"", manifest.format),
        ));
    }
    let columns = usize::try_from(manifest.columns).unwrap_or(0);
    if !(4..1 << 20).contains(&columns) {
        return Err(named(&path, format!("rows of {columns} columns; they must have at least 4")));
    }
    let records = folder.join(RECORDS_FILE);
    let bytes = std::fs::read(&records).map_err(|error| named(&records, error.to_string()))?;
    let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    let rows: Vec<&[f64]> = values.chunks_exact(columns).collect();
    if let Some(row) = rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        return Err(named(&records, format!("row {row} has a number that is not finite")));
    }
    Ok(shown(folder, manifest, &rows))
}

fn shown(folder: &Path, manifest: Manifest, rows: &[&[f64]]) -> Experiment {
    let mut arrays = Arrays::new();
    let thin = rows.len().div_ceil(POINTS).max(1);
    for (place, name) in ["step", "loss", "local", "global"].into_iter().enumerate() {
        arrays.insert(name.into(), rows.iter().step_by(thin).map(|row| row[place]).collect());
    }
    let column = |value: fn(&Evaluation) -> Option<f64>| -> Vec<(f64, f64)> {
        manifest.evaluations.iter().filter_map(|found| Some((found.step as f64, value(found)?))).collect()
    };
    let mark = |label: &str, role, look, x: &str, y: &str| MarkRecord {
        label: label.into(),
        role,
        look,
        x: x.into(),
        y: y.into(),
        half_width: None,
    };
    let panel = |title: &str, x: Quantity, y: (Quantity, bool), marks| PanelRecord {
        title: title.into(),
        x: AxisRecord { quantity: x, logarithmic: false },
        y: AxisRecord { quantity: y.0, logarithmic: y.1 },
        square: false,
        marks,
    };
    let mut losses = vec![mark("of each batch", Role::Chain, Look::Line, "step", "loss")];
    for (name, label, role, points) in [
        ("evaluated", "of all samples", Role::Measured, column(|found| Some(found.loss))),
        ("test", "of the test samples", Role::Fit, column(|found| found.test_loss)),
    ] {
        if !points.is_empty() {
            let (steps, values) = points.into_iter().unzip();
            let names = (format!("{name}.x"), format!("{name}.y"));
            losses.push(mark(label, role, Look::Points, &names.0, &names.1));
            arrays.insert(names.0, steps);
            arrays.insert(names.1, values);
        }
    }
    let one = |name| vec![mark("one chain", Role::Chain, Look::Line, "step", name)];
    let figures = vec![FigureRecord {
        id: "run".into(),
        caption: "What was recorded: the loss, and how far the parameters moved in a step and from the start.".into(),
        panels: vec![
            panel("loss", Quantity::Step, (Quantity::Loss, false), losses),
            panel("speed", Quantity::Step, (Quantity::LocalDisplacement, true), one("local")),
            panel("displacement", Quantity::Step, (Quantity::GlobalDisplacement, true), one("global")),
        ],
    }];
    let mut settings = vec![
        ("status".to_owned(), manifest.status.clone()),
        ("records".to_owned(), rows.len().to_string()),
        ("steps at the latest checkpoint".to_owned(), manifest.steps.to_string()),
        ("parameters".to_owned(), manifest.dimension.to_string()),
    ];
    if let Some(detail) = &manifest.detail {
        settings.insert(1, ("what ended it".to_owned(), detail.clone()));
    }
    if let Some(last) = manifest.evaluations.last() {
        let percent = |part: f64| format!("{:.2} %", 100.0 * part);
        settings.push((format!("loss after step {}", last.step), format!("{:.6}", last.loss)));
        settings.extend(last.accuracy.map(|part| ("accuracy".to_owned(), percent(part))));
        settings.extend(last.test_loss.map(|loss| ("test loss".to_owned(), format!("{loss:.6}"))));
        settings.extend(last.test_accuracy.map(|part| ("test accuracy".to_owned(), percent(part))));
    }
    for (key, value) in &manifest.identity {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        settings.push((key.replace('_', " "), value));
    }
    let last = rows.last().map_or(0.0, |row| row[0]);
    let ended = manifest.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let record = Record {
        format: FORMAT.into(),
        kind: "run".into(),
        title: format!("Run {}: {} after step {last}{ended}", folder.display(), manifest.status),
        about: "One chain, as it was recorded. There is nothing here to compare with a theory: experiments do that."
            .into(),
        settings,
        observations: Vec::new(),
        figures,
        experiment_file: manifest.training_file,
        seconds: manifest.seconds,
    };
    Experiment { record, arrays }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::read_folder;

    fn write(folder: &Path, status: &str, rows: usize) {
        std::fs::create_dir_all(folder).unwrap();
        let manifest = serde_json::json!({
            "format": RUN_FORMAT, "status": status, "steps": 2, "identity": {"model": "linear"}, "training_file": "",
            "record_every": 1, "columns": 4, "directions": 0, "dimension": 3, "parameters": [],
            "evaluations": [{"step": 0, "loss": 0.5, "accuracy": null, "test_loss": 0.75}],
            "environment": {}, "seconds": 1.5, "detail": "step 3: the loss is NaN",
        });
        std::fs::write(folder.join(RUN_FILE), manifest.to_string()).unwrap();
        let values = (0..rows).flat_map(|row| [row as f64 + 1.0, 0.5, 0.25, 0.125]);
        std::fs::write(folder.join(RECORDS_FILE), values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    }

    #[test]
    fn an_unfinished_experiment_shows_the_runs_in_it() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("chains/0-0"), "diverged", 2);
        write(&folder.path().join("pretrain-1"), "finished", 0);
        let found = read_folder(folder.path()).unwrap();
        assert_eq!(found.len(), 2);
        let title = &found[0].record.title;
        assert!(title.contains("0-0: diverged after step 2: step 3: the loss is NaN"), "{title}");
        assert_eq!(found[0].arrays["loss"], [0.5, 0.5]);
        assert_eq!(found[0].arrays["test.y"], [0.75]);
        assert!(found[1].record.title.contains("finished after step 0"));
        let page = crate::render::networks_html(&found).unwrap();
        assert!(page.contains("what ended it") && page.contains("of the test samples"), "{page}");
    }

    #[test]
    fn a_row_that_was_cut_off_is_left_out_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "running", 3);
        let records = folder.path().join(RECORDS_FILE);
        let mut bytes = std::fs::read(&records).unwrap();
        bytes.truncate(2 * 32 + 13);
        std::fs::write(&records, &bytes).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap()[0].arrays["step"], [1.0, 2.0]);
        bytes[..8].copy_from_slice(&f64::NAN.to_le_bytes());
        std::fs::write(&records, &bytes).unwrap();
        let error = read_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("records.bin: row 0 has a number that is not finite"), "{error}");
        std::fs::write(folder.path().join(RUN_FILE), "{}").unwrap();
        let error = read_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("run.json: it is no manifest"), "{error}");
    }
}
