//! `[data]` of a training file: the tables of problem files, CIFAR-100, image folders, and a test set beside each.

use std::path::{Path, PathBuf};

use langevin_sim::data::{FeatureTable, RegressionTable, Standardize};
use langevin_verify::document::{DocumentError, Table};
use langevin_verify::problem::read_table;
use serde_json::{Map, Value};

use super::DataSet;
use super::cifar100::{LabelKind, read_cifar100};
use super::crop::Crop;
use super::image_folder::{Classes, ImageFolder};
use super::image_set::{IMAGENET, ImageSet, Normalisation};
use super::labels::one_hot;
use crate::error::{NnError, Result};

/// What `data.source` may be.
const SOURCES: &str = "digits, csv, npy, idx, cifar10, cifar100, folder, gaussian or inline";

/// Largest side of a square that networks see.
const LARGEST: u64 = 4096;

/// Most parts and threads that are sensible to ask for.
const MOST: u64 = 1024;

/// Reads the table: the training samples and, where there are some, the test samples.
///
/// # Errors
/// [`NnError`] naming the key, or the file, folder or record.
pub fn read_data(value: Value, folder: &Path) -> Result<(DataSet, Option<DataSet>)> {
    let mut table = Table::new("data", value.clone())?;
    let source = table.required_text("source")?;
    match source.as_str() {
        "folder" => image_folder(table, folder),
        "cifar100" => cifar100(table, folder),
        "digits" | "gaussian" | "inline" | "csv" | "npy" | "idx" | "cifar10" => {
            let Value::Object(entries) = value else { return Ok((training_table(value, folder)?, None)) };
            with_test(entries, &source, folder)
        }
        other => Err(table.refuse("source", format!("\"{other}\""), SOURCES).into()),
    }
}

fn training_table(value: Value, folder: &Path) -> Result<DataSet> {
    Ok(DataSet::Table(read_table(Table::new("data", value)?, folder)?))
}

fn text_of(entries: &mut Map<String, Value>, key: &'static str) -> Result<Option<String>> {
    let Some(value) = entries.remove(key) else { return Ok(None) };
    let mut single = Map::new();
    single.insert(key.into(), value);
    Ok(Table::new("data", Value::Object(single))?.text(key)?)
}

/// A table with the one that `data.test` names.
fn with_test(mut entries: Map<String, Value>, source: &str, folder: &Path) -> Result<(DataSet, Option<DataSet>)> {
    let (test, test_target) = (text_of(&mut entries, "test")?, text_of(&mut entries, "test_target")?);
    let Some(test) = test else {
        if let Some(target) = test_target {
            return Err(refuse("test_target", format!("\"{target}\""), "left out without data.test".into()).into());
        }
        return Ok((training_table(Value::Object(entries), folder)?, None));
    };
    if matches!(source, "digits" | "gaussian" | "inline") {
        let admissible =
            format!("left out: \"{source}\" has no test file (experiment.test_rows keeps rows from training)");
        return Err(refuse("test", format!("\"{test}\""), admissible).into());
    }
    if source == "npy" && test_target.is_none() {
        let admissible = "the file of the targets of data.test".into();
        return Err(DocumentError::Missing { path: "data.test_target".into(), admissible }.into());
    }
    let training = read_table(Table::new("data", Value::Object(entries.clone()))?, folder)?;
    let mut raw = entries.clone();
    raw.insert("one_hot".into(), false.into());
    raw.insert("standardize".into(), "none".into());
    let mut path = PathBuf::from(test);
    if source == "cifar10" && folder.join(&path).is_dir() {
        path = path.join("test_batch.bin");
    }
    let mut for_test = raw.clone();
    for_test.remove("rows");
    for_test.insert("path".into(), path.display().to_string().into());
    match (source, test_target) {
        // a CSV file names its target column in the same way
        ("csv", None) => {}
        (_, Some(target)) => drop(for_test.insert("target".into(), target.into())),
        // MNIST's labels lie beside its images
        (_, None) => drop(for_test.remove("target")),
    }
    let read = |entries: Map<String, Value>| read_table(Table::new("data", Value::Object(entries))?, folder);
    let found = read(for_test)?;
    let fit = |detail: String| NnError::File { path: folder.join(&path), detail };
    if found.dimension() != training.dimension() {
        return Err(fit(format!(
            "its samples have {} numbers; those of the training data {}",
            found.dimension(),
            training.dimension()
        )));
    }
    let is_one_hot = entries.get("one_hot").map_or(matches!(source, "idx" | "cifar10"), |flag| flag == true);
    let standardize = match entries.get("standardize").and_then(Value::as_str) {
        None => Standardize::None,
        Some(text) => text.parse().map_err(|detail: String| NnError::Input { detail: format!("data.{detail}") })?,
    };
    let needs_raw = (is_one_hot && source != "cifar10") || standardize != Standardize::None;
    let raw = if needs_raw { Some(read(raw)?) } else { None };
    let (targets, outputs) = match (is_one_hot, &raw) {
        (false, _) => (found.targets().to_vec(), found.outputs()),
        (true, raw) => {
            // of the ten classes of CIFAR-10 a part of the training data may lack some
            let labels = raw.as_ref().filter(|_| source != "cifar10");
            let classes = labels.map_or_else(|| (0..10).map(f64::from).collect(), |raw| distinct(raw.targets()));
            (classified(&found, &classes).map_err(fit)?, classes.len())
        }
    };
    if outputs != training.outputs() {
        return Err(fit(format!(
            "its targets have {outputs} numbers; those of the training data {}",
            training.outputs()
        )));
    }
    let features = match &raw {
        Some(raw) if standardize != Standardize::None => standardized_as(&found, raw, standardize)?,
        _ => found.features().clone(),
    };
    let test = RegressionTable::new(&found.name, features, targets, outputs)?;
    Ok((DataSet::Table(training), Some(DataSet::Table(test))))
}

fn refuse(key: &str, found: String, admissible: String) -> DocumentError {
    DocumentError::Value { path: format!("data.{key}"), found, admissible }
}

/// Labels in ascending order, each once.
fn distinct(labels: &[f64]) -> Vec<f64> {
    let mut classes = labels.to_vec();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    classes
}

/// The labels of a test table as ones among zeros, numbered as the classes of the training data.
fn classified(test: &RegressionTable, classes: &[f64]) -> std::result::Result<Vec<f64>, String> {
    let number = |(sample, label): (usize, &f64)| {
        let unknown = || format!("sample {sample} has the label {label}, a class that the training data do not have");
        classes.binary_search_by(|class| class.total_cmp(label)).map(|place| place as i64).map_err(|_| unknown())
    };
    let numbers: Vec<i64> = test.targets().iter().enumerate().map(number).collect::<std::result::Result<_, _>>()?;
    Ok(one_hot(&numbers, classes.len()))
}

/// Test features centred and scaled as the training features are.
fn standardized_as(
    test: &RegressionTable,
    training: &RegressionTable,
    standardize: Standardize,
) -> Result<FeatureTable> {
    let (samples, width) = (training.samples() as f64, training.dimension());
    let mut row = vec![0.0; width];
    let (mut mean, mut square) = (vec![0.0; width], vec![0.0; width]);
    for sample in 0..training.samples() {
        training.features().read_row(sample, &mut row);
        mean.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value / samples);
    }
    for sample in 0..training.samples() {
        training.features().read_row(sample, &mut row);
        for ((sum, value), mean) in square.iter_mut().zip(&row).zip(&mean) {
            *sum += (value - mean).powi(2) / samples;
        }
    }
    let scale = |(square, mean): (&f64, &f64)| match standardize {
        // a constant column has only rounding left
        Standardize::Unit if square.sqrt() > 1e-12 * mean.abs() => 1.0 / square.sqrt(),
        Standardize::Unit => 0.0,
        _ => 1.0,
    };
    let scale: Vec<f64> = square.iter().zip(&mean).map(scale).collect();
    let mut values = Vec::with_capacity(test.samples() * width);
    for sample in 0..test.samples() {
        test.features().read_row(sample, &mut row);
        values.extend(row.iter().zip(&mean).zip(&scale).map(|((value, mean), scale)| ((value - mean) * scale) as f32));
    }
    Ok(FeatureTable::from_f32(test.samples(), width, &values)?)
}

fn cifar100(mut table: Table, folder: &Path) -> Result<(DataSet, Option<DataSet>)> {
    let path = folder.join(table.required_text("path")?);
    let test = table.text("test")?.map(|path| folder.join(path));
    let labels = match table.text("labels")?.as_deref() {
        None | Some("fine") => LabelKind::Fine,
        Some("coarse") => LabelKind::Coarse,
        Some(other) => return Err(table.refuse("labels", format!("\"{other}\""), "\"fine\" or \"coarse\"").into()),
    };
    let standardize: Standardize = match table.text("standardize")? {
        None => Standardize::None,
        Some(text) => text.parse().map_err(|detail: String| NnError::Input { detail: format!("data.{detail}") })?,
    };
    let rows = table.count("rows")?.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
    table.finish()?;
    let training = read_cifar100(&path, "train.bin", labels, rows)?;
    let test = test.map(|path| read_cifar100(&path, "test.bin", labels, None)).transpose()?;
    let finished = |table: RegressionTable| -> Result<DataSet> {
        if standardize == Standardize::None {
            return Ok(DataSet::Table(table));
        }
        let features = standardized_as(&table, &training, standardize)?;
        Ok(DataSet::Table(RegressionTable::new(&table.name, features, table.targets().to_vec(), table.outputs())?))
    };
    let test = test.map(finished).transpose()?;
    Ok((finished(training.clone())?, test))
}

/// A whole number of at least 1.
fn positive(table: &mut Table, key: &'static str, most: u64) -> Result<Option<usize>> {
    match table.count(key)? {
        None => Ok(None),
        Some(value) if (1..=most).contains(&value) => Ok(usize::try_from(value).ok()),
        Some(value) => Err(table.refuse(key, value, format!("a whole number between 1 and {most}")).into()),
    }
}

/// Three numbers.
fn channels(table: &mut Table, key: &'static str, default: [f64; 3], are_positive: bool) -> Result<[f64; 3]> {
    let Some(values) = table.numbers(key)? else { return Ok(default) };
    match <[f64; 3]>::try_from(values) {
        Ok(values) if !are_positive || values.iter().all(|value| *value > 0.0) => Ok(values),
        Ok(values) => Err(table.refuse(key, format!("{values:?}"), "three numbers above 0").into()),
        Err(values) => {
            Err(table.refuse(key, format!("a list of {}", values.len()), "three numbers, one per channel").into())
        }
    }
}

fn classes_of(table: &mut Table) -> Result<Classes> {
    let Some(value) = table.value("classes") else { return Ok(Classes::Found) };
    if let Some(count) = value.as_u64().filter(|count| *count > 0) {
        return Ok(Classes::Count(usize::try_from(count).unwrap_or(usize::MAX)));
    }
    let names = value.as_array().and_then(|items| {
        items
            .iter()
            .map(|item| item.as_str().filter(|name| !name.is_empty()).map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    });
    match names {
        Some(names) if !names.is_empty() => Ok(Classes::Named(names)),
        _ => Err(table.refuse("classes", value, "the number of class folders, or a list of their names").into()),
    }
}

fn image_folder(mut table: Table, folder: &Path) -> Result<(DataSet, Option<DataSet>)> {
    let path = folder.join(table.required_text("path")?);
    let test = table.text("test")?.map(|path| folder.join(path));
    let classes = classes_of(&mut table)?;
    let per_class = positive(&mut table, "per_class", u64::from(u32::MAX))?;
    let size = positive(&mut table, "size", LARGEST)?.unwrap_or(224);
    // Torchvision's 256 for 224; images that come in the size of the square are taken as they are
    let default = if size == 224 { 256 } else { size };
    let resize = positive(&mut table, "resize", LARGEST)?.unwrap_or(default);
    if resize < size {
        return Err(table.refuse("resize", resize, format!("at least data.size = {size}")).into());
    }
    let is_random = match table.text("crop")?.as_deref() {
        None | Some("middle") => false,
        Some("random") => true,
        Some(other) => return Err(table.refuse("crop", format!("\"{other}\""), "\"middle\" or \"random\"").into()),
    };
    let area = table.numbers("crop_area")?;
    let random = match area.as_deref() {
        None => is_random.then_some([0.08, 1.0]),
        Some(&[low, high]) if is_random && 0.0 < low && low <= high && high <= 1.0 => Some([low, high]),
        Some(other) => {
            let admissible = "two numbers above 0 and at most 1, the smaller first, with data.crop = \"random\"";
            return Err(table.refuse("crop_area", format!("{other:?}"), admissible).into());
        }
    };
    let flip = table.flag("flip")?.unwrap_or(false);
    let mean = channels(&mut table, "mean", IMAGENET.mean, false)?;
    let deviation = channels(&mut table, "std", IMAGENET.deviation, true)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = positive(&mut table, "threads", MOST)?.unwrap_or(cores);
    let prefetch = positive(&mut table, "prefetch", MOST)?.unwrap_or(4);
    table.finish()?;
    let training = ImageFolder::read(&path, &classes, per_class)?;
    let test = match test {
        None => None,
        Some(path) => {
            let wanted = match &classes {
                Classes::Named(names) => Classes::Named(names.clone()),
                _ => Classes::Found,
            };
            Some(ImageFolder::read(&path, &wanted, None)?.numbered_as(&training)?)
        }
    };
    let crop = Crop { size, resize, random, flip };
    let images = ImageSet::new(training, crop, Normalisation { mean, deviation }, (threads, prefetch))?;
    let test = test.map(|folder| DataSet::Images(images.with_folder(folder)));
    Ok((DataSet::Images(images), test))
}
