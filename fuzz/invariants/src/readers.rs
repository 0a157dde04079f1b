//! Readers of files and documents: a value or an error that says something, within limits of size, depth and time.

use std::path::Path;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use cpu_time::ThreadTime;
use langevin_sim::Dataset;
use langevin_sim::data::{RegressionTable, Standardize};
use langevin_verify::modes_run::ModesProblem;
use langevin_verify::predict::{KINDS, predict};
use langevin_verify::problem::Problem;
use langevin_verify::simulate::merge;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{numbers, require_message};

/// No small document may take more of the processor; a document that waits for ever is libFuzzer's to find (`-timeout`).
const LONGEST: Duration = Duration::from_secs(60);

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = ThreadTime::now();
    let result = work();
    let taken = began.elapsed();
    assert!(taken < LONGEST, "{what} took {taken:?} of the processor");
    result
}

/// Problem files, those with a sweep or with modes included.
pub fn problem_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // nothing may be found by a relative path
    let nowhere = Path::new("/nonexistent");
    match timed("a problem file", || Problem::parse("fuzz.toml", text, nowhere)) {
        Ok(problem) => {
            assert!(problem.run.steps > 0 && problem.run.chains > 0);
            assert!(problem.sweep.points() > 0);
        }
        Err(error) => require_message(&error),
    }
    let file = temporary(data);
    if let Err(error) = timed("a problem with modes", || ModesProblem::read(file.path())) {
        require_message(&error);
    }
}

fn temporary(data: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), data).expect("a temporary file");
    file
}

/// CSV, NPY, IDX and CIFAR-10 files; the first byte chooses the format, the second the options.
pub fn data_reader(data: &[u8]) {
    let [format, options, content @ ..] = data else { return };
    let scaling = [Standardize::None, Standardize::Center, Standardize::Unit][usize::from(options % 3)];
    let one_hot = options & 4 != 0;
    let rows = [None, Some(1), Some(3)][usize::from(options / 8 % 3)];
    // two files where a format needs two
    let (first, second) = content.split_at(content.len() / 2);
    let result = timed("a data file", || match format % 4 {
        0 => {
            let target = [None, Some("0"), Some("y")][usize::from(options / 32 % 3)];
            Dataset::csv(temporary(content).path(), target, scaling, one_hot, rows).map(|data| {
                assert!(data.problem.features().iter().all(|entry| entry.is_finite()));
            })
        }
        1 => {
            let (features, targets) = (temporary(first), temporary(second));
            let table = RegressionTable::npy(features.path(), targets.path(), scaling, one_hot, rows);
            table.map(|table| require_table(&table))
        }
        2 => {
            let (images, labels) = (temporary(first), temporary(second));
            let table = RegressionTable::idx(images.path(), Some(labels.path()), scaling, one_hot, rows);
            table.map(|table| require_table(&table))
        }
        _ => RegressionTable::cifar10(temporary(content).path(), scaling, one_hot, rows)
            .map(|table| require_table(&table)),
    });
    if let Err(error) = result {
        require_message(&error);
    }
}

fn require_table(table: &RegressionTable) {
    assert_eq!(table.targets().len(), table.samples() * table.outputs());
    assert!(table.targets().iter().all(|target| target.is_finite()));
    let mut row = vec![0.0; table.dimension()];
    table.features().read_row(table.samples() - 1, &mut row);
    if table.samples() * table.dimension() < 1 << 20 {
        match table.to_dataset() {
            Ok(data) => assert_eq!(data.problem.samples(), table.samples()),
            Err(error) => require_message(&error),
        }
    }
}

/// Files of shards and checkpoints: as they are, or, after a first byte that is odd, a manifest up to the first line break
/// and the state after it, in the file's frame with the right checksum.
pub fn shard_file(data: &[u8]) {
    let data = match data {
        [first, content @ ..] if first % 2 == 1 => framed(content),
        _ => data.to_vec(),
    };
    let data = data.as_slice();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shard = folder.path().join("run.npz.shard-1-of-1");
    std::fs::write(&shard, data).expect("a temporary file");
    match timed("a shard", || merge(std::slice::from_ref(&shard), &folder.path().join("out.json"))) {
        Ok(_) => {}
        Err(error) => require_message(&error),
    }
    assert_eq!(std::fs::read(&shard).expect("the shard is kept"), data, "merging changed a shard");
}

fn framed(content: &[u8]) -> Vec<u8> {
    let cut = content.iter().position(|&byte| byte == b'\n').unwrap_or(content.len());
    let (manifest, state) = (&content[..cut], content.get(cut + 1..).unwrap_or_default());
    let mut file = b"langevin simulation state 1\n".to_vec();
    file.extend((manifest.len() as u64).to_le_bytes());
    file.extend((state.len() as u64).to_le_bytes());
    file.extend(manifest);
    file.push(b'\n');
    file.extend(state);
    let checksum = Sha256::digest(&file);
    file.extend(checksum);
    file
}

/// `predict` on any JSON text.
pub fn predict_document(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    require_answer(document);
}

/// `predict` on documents of every kind with the keys it takes.
pub fn predict_kind(data: &[u8]) {
    if let Some(document) = document_of(data) {
        require_answer(document);
    }
}

/// The document that `predict_kind` makes of bytes.
pub fn document_of(data: &[u8]) -> Option<Value> {
    document(&mut Unstructured::new(data)).ok()
}

fn require_answer(document: Value) {
    match timed("predict", || predict(document, Path::new("/nonexistent"))) {
        Ok(Value::Array(answers)) => answers.iter().for_each(require_explained),
        Ok(answer) => require_explained(&answer),
        Err(error) => require_message(&error),
    }
}

/// Every null has its reason.
fn require_explained(answer: &Value) {
    let Some(undefined) = answer["undefined"].as_object() else { panic!("no `undefined` in {answer}") };
    for (name, value) in answer.as_object().into_iter().flatten() {
        let explained = undefined.keys().any(|key| key == name || key.starts_with(&format!("{name}[")));
        assert!(explained || !has_null(value), "{name} is null without a reason: {answer}");
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(entries) => entries.iter().any(has_null),
        _ => false,
    }
}

/// A key that a kind of document may have.
enum Key {
    Number(&'static str),
    Count(&'static str),
    Numbers(&'static str),
    Counts(&'static str),
    Vector(&'static str),
    Square(&'static str),
    SemiDefinite(&'static str),
    Tall(&'static str),
    Pairs(&'static str),
    Points(&'static str),
    Signs(&'static str),
    Sampling,
}

use Key::{Count, Counts, Number, Numbers, Pairs, Points, SemiDefinite, Signs, Square, Tall, Vector};

fn keys_of(kind: &str) -> Vec<Key> {
    let shared = || vec![Number("learning_rate"), Number("momentum"), Number("weight_decay"), Count("batch_size")];
    let with = |more: Vec<Key>| shared().into_iter().chain(more).collect();
    match kind {
        "ou" => vec![
            Square("drift"),
            Vector("mean"),
            SemiDefinite("diffusion"),
            Number("kappa"),
            Vector("initial_mean"),
            SemiDefinite("initial_covariance"),
            Numbers("times"),
            Pairs("pairs"),
            Points("points"),
            Signs("parity"),
        ],
        "sde-mode" => with(vec![
            Number("sigma2"),
            Number("curvature"),
            Number("position"),
            Number("velocity"),
            Numbers("times"),
            Counts("steps"),
        ]),
        "sde" => with(vec![
            SemiDefinite("hessian"),
            Vector("linear_term"),
            Number("sigma2"),
            SemiDefinite("noise_covariance"),
            Vector("initial_position"),
            Vector("initial_velocity"),
            Numbers("times"),
            Counts("steps"),
        ]),
        "discrete-mode" => vec![
            Number("learning_rate"),
            Number("momentum"),
            Number("curvature"),
            Number("noise_variance"),
            Counts("steps"),
            Number("position"),
        ],
        "discrete" => vec![
            Number("learning_rate"),
            Number("momentum"),
            Number("weight_decay"),
            SemiDefinite("hessian"),
            SemiDefinite("noise_covariance"),
            Counts("steps"),
        ],
        "minibatch" => with(vec![
            Tall("features"),
            Tall("targets"),
            Key::Sampling,
            Vector("initial_position"),
            Vector("initial_velocity"),
            Counts("steps"),
        ]),
        "gaussian-features" => with(vec![Numbers("eigenvalues"), Number("sigma2")]),
        "epoch-noise" => vec![
            Number("learning_rate"),
            Number("momentum"),
            Number("curvature"),
            Number("noise_variance"),
            Count("batches_per_epoch"),
            Counts("epochs"),
        ],
        "gaussian-pair" => vec![
            Vector("mean1"),
            SemiDefinite("covariance1"),
            Vector("mean2"),
            SemiDefinite("covariance2"),
            Number("kappa"),
        ],
        "jko-step" => {
            vec![SemiDefinite("precision"), Number("kappa"), Vector("mean"), SemiDefinite("covariance"), Number("step")]
        }
        _ => vec![Number("momentum"), Number("curvature"), Number("curvature_variance")],
    }
}

fn document(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let kind = KINDS[bytes.choose_index(KINDS.len())?];
    let size = bytes.int_in_range(1..=4_usize)?;
    let samples = bytes.int_in_range(1..=6_usize)?;
    let mut document = Map::new();
    document.insert("kind".into(), kind.into());
    for key in keys_of(kind) {
        // now and then a key is missing
        if bytes.ratio(1, 24)? {
            continue;
        }
        let (name, value) = match key {
            Number(name) => (name, number(bytes)?),
            Count(name) => (name, count(bytes)?),
            Numbers(name) => (name, list(bytes, 4, number)?),
            Counts(name) => (name, list(bytes, 4, count)?),
            Vector(name) => (name, exactly(bytes, size, number)?),
            Square(name) => (name, exactly(bytes, size, |bytes| exactly(bytes, size, number))?),
            SemiDefinite(name) => {
                let matrix = numbers::semi_definite(bytes, size)?;
                (name, matrix.row_iter().map(|row| json!(row.iter().copied().collect::<Vec<f64>>())).collect())
            }
            Tall(name) => {
                let columns = if name == "targets" { 1 } else { size };
                (name, exactly(bytes, samples, |bytes| exactly(bytes, columns, number))?)
            }
            Pairs(name) => (name, list(bytes, 3, |bytes| exactly(bytes, 2, number))?),
            Points(name) => (name, list(bytes, 3, |bytes| exactly(bytes, size, number))?),
            Signs(name) => (name, exactly(bytes, size, |bytes| Ok(json!(if bytes.arbitrary()? { 1 } else { -1 })))?),
            Key::Sampling => {
                let schemes = ["with-replacement", "without-replacement", "reshuffle"];
                ("sampling", schemes[bytes.choose_index(3)?].into())
            }
        };
        document.insert(name.into(), value);
    }
    Ok(Value::Object(document))
}

/// JSON has no NaN: it becomes null, which is no number either.
fn number(bytes: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!(if bytes.ratio(7, 8)? { numbers::between(bytes, 0.0, 1.0)? } else { numbers::any(bytes)? }))
}

fn count(bytes: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!(match bytes.int_in_range(0..=5_u8)? {
        0 => bytes.arbitrary::<u64>()?,
        1 => bytes.int_in_range(0..=1_000_000_u64)?,
        _ => bytes.int_in_range(0..=40_u64)?,
    }))
}

fn exactly(
    bytes: &mut Unstructured<'_>,
    length: usize,
    entry: impl Fn(&mut Unstructured<'_>) -> Result<Value>,
) -> Result<Value> {
    (0..length).map(|_| entry(bytes)).collect::<Result<Vec<Value>>>().map(Value::Array)
}

fn list(
    bytes: &mut Unstructured<'_>,
    most: usize,
    entry: impl Fn(&mut Unstructured<'_>) -> Result<Value>,
) -> Result<Value> {
    let length = bytes.int_in_range(0..=most)?;
    exactly(bytes, length, entry)
}
