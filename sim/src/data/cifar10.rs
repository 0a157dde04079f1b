//! CIFAR-10 in its binary version (A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009): records
//! of 3,073 bytes, a label 0 to 9 followed by 32 x 32 red, green and blue values. Pixels are in units of 1/255.

use std::path::{Path, PathBuf};

use super::Standardize;
use super::element::Element;
use super::feature_table::{FeatureTable, Segment};
use super::files::{malformed, name_of, open, refuse_gzip};
use super::regression_table::RegressionTable;
use crate::error::{Result, SimError};

/// Numbers of an image.
pub const PIXELS: usize = 3072;

/// Bytes of a record.
pub(super) const RECORD: usize = 1 + PIXELS;

/// Classes.
pub(super) const CLASSES: usize = 10;

/// Files of the training set.
pub(super) fn batch_names() -> impl Iterator<Item = String> {
    (1..=5).map(|number| format!("data_batch_{number}.bin"))
}

/// The files a path stands for: itself, or the five training batches in it.
fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    let kind = std::fs::metadata(path).map_err(|source| SimError::File { path: path.into(), source })?;
    if !kind.is_dir() {
        return Ok(vec![path.into()]);
    }
    let files: Vec<PathBuf> = batch_names().map(|name| path.join(name)).collect();
    let missing: Vec<String> = files.iter().filter(|file| !file.exists()).map(|file| name_of(file)).collect();
    if missing.is_empty() {
        return Ok(files);
    }
    Err(malformed(
        path,
        format!(
            "{} missing; the folder must hold data_batch_1.bin to data_batch_5.bin (the binary version of CIFAR-10), or \
             path must name one file",
            if missing.len() == 1 { format!("{} is", missing[0]) } else { format!("{} are", missing.join(", ")) }
        ),
    ))
}

pub(super) fn read(
    path: &Path,
    standardize: Standardize,
    one_hot: bool,
    rows: Option<usize>,
) -> Result<RegressionTable> {
    let mut segments = Vec::new();
    let mut labels = Vec::new();
    for file in files_of(path)? {
        let bytes = open(&file)?;
        let content = bytes.get();
        refuse_gzip(&file, content)?;
        let records = content.len() / RECORD;
        if records == 0 || !content.len().is_multiple_of(RECORD) {
            return Err(malformed(
                &file,
                format!(
                    "it has {} bytes, {records} records and {} bytes more; it must be a whole number of records of {RECORD} \
                     bytes, at least one",
                    content.len(),
                    content.len() % RECORD
                ),
            ));
        }
        for (record, bytes) in content.chunks_exact(RECORD).enumerate() {
            if usize::from(bytes[0]) >= CLASSES {
                return Err(malformed(
                    &file,
                    format!("record {record} (byte {}): the label is {}; it must be 0 to 9", record * RECORD, bytes[0]),
                ));
            }
            labels.push(f64::from(bytes[0]));
        }
        let outside = || malformed(&file, "its records do not fit into it".into());
        segments.push(Segment::new(bytes.clone(), 1, RECORD, records, PIXELS).ok_or_else(outside)?);
    }
    let mut features = FeatureTable::from_segments(segments, PIXELS, Element::U8);
    if let Some(count) = rows {
        features = features.first_rows(count)?;
        labels.truncate(count);
    }
    RegressionTable::from_labels(
        "cifar10",
        "images of 32 x 32 x 3 pixels in units of 1/255",
        (features, labels),
        (Some(CLASSES), one_hot),
        (standardize, 1.0 / 255.0),
    )
}
