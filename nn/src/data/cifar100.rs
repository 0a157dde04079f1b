//! CIFAR-100 in its binary version (A. Krizhevsky 2009): records of 3,074 bytes, a coarse label 0 to 19, a fine label 0 to 99, then 32 x 32 red,
//! green and blue values. Pixels are in units of 1/255.

use std::path::Path;

use langevin_sim::data::{FeatureTable, RegressionTable};

use super::labels::one_hot;
use crate::error::{NnError, Result};

/// Numbers of an image.
const PIXELS: usize = 3072;

/// Bytes of a record.
const RECORD: usize = 2 + PIXELS;

/// Which of the two labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelKind {
    /// 100 classes.
    #[default]
    Fine,
    /// 20 classes.
    Coarse,
}

impl LabelKind {
    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Fine => 100,
            Self::Coarse => 20,
        }
    }
}

/// Reads a file of CIFAR-100, or `name` in a folder; the first `rows` records.
///
/// # Errors
/// [`NnError::Read`]; [`NnError::File`] for a file that is not a whole number of records, a label that is no class (naming the record and its
/// byte), or fewer records than `rows`.
pub fn read_cifar100(path: &Path, name: &str, labels: LabelKind, rows: Option<usize>) -> Result<RegressionTable> {
    let path = if path.is_dir() { path.join(name) } else { path.to_path_buf() };
    let bytes = std::fs::read(&path).map_err(|source| NnError::Read { path: path.clone(), source })?;
    let refused = |detail: String| NnError::File { path: path.clone(), detail };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(refused("it is compressed with gzip; decompress it first (tar xzf)".into()));
    }
    let records = bytes.len() / RECORD;
    if records == 0 || !bytes.len().is_multiple_of(RECORD) {
        return Err(refused(format!(
            "it has {} bytes, {records} records and {} bytes more; it must be a whole number of records of {RECORD} bytes (the binary \
             version of CIFAR-100), at least one",
            bytes.len(),
            bytes.len() % RECORD
        )));
    }
    let wanted = rows.unwrap_or(records);
    if !(1..=records).contains(&wanted) {
        return Err(refused(format!(
            "data.rows is {wanted}; it must be between 1 and the {records} records there are"
        )));
    }
    let mut pixels = Vec::with_capacity(wanted * PIXELS);
    let mut found = Vec::with_capacity(wanted);
    for (record, content) in bytes.chunks_exact(RECORD).take(wanted).enumerate() {
        for (place, limit) in [(0, 20), (1, 100)] {
            if content[place] >= limit {
                return Err(refused(format!(
                    "record {record} (byte {}): the label is {}; it must be 0 to {}",
                    record * RECORD + place,
                    content[place],
                    limit - 1
                )));
            }
        }
        found.push(i64::from(content[usize::from(labels == LabelKind::Fine)]));
        pixels.extend_from_slice(&content[2..]);
    }
    let features = FeatureTable::from_u8(wanted, PIXELS, pixels, 1.0 / 255.0)?;
    let classes = labels.classes();
    Ok(RegressionTable::new("cifar100", features, one_hot(&found, classes), classes)?)
}
