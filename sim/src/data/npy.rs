//! NumPy arrays (`.npy`): features with the samples along the first axis, in C order and any real or integer type, mapped
//! where they lie; targets in a second file, N or N x outputs.

use std::path::Path;

use super::Standardize;
use super::element::Element;
use super::feature_table::{FeatureTable, Segment};
use super::files::{malformed, name_of, open};
use super::regression_table::RegressionTable;
use crate::error::{Result, SimError};

const TYPES: &str = "f4, f8, u1, u2, u4, u8, i1, i2, i4, i8 or b1";

/// What the header of a file says.
struct Header<'a> {
    kind: &'a str,
    fortran_order: bool,
    shape: Vec<u64>,
    /// Byte of the first number.
    first: usize,
}

/// Reads a header of any version: magic, version, length, and a Python dictionary with three keys. `None` for anything else,
/// such as a structured type.
fn read_header(content: &[u8]) -> Option<Header<'_>> {
    let after_magic = content.strip_prefix(b"\x93NUMPY")?;
    let (&[major, _], rest) = after_magic.split_first_chunk::<2>()?;
    let (length, text) = if major == 1 {
        let (length, text) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(*length)), text)
    } else {
        let (length, text) = rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*length) as usize, text)
    };
    let first = content.len() - text.len() + length;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    let value = |key: &str| -> Option<&str> {
        let quoted = ['\'', '"'].iter().find_map(|quote| text.split_once(&format!("{quote}{key}{quote}")))?;
        Some(quoted.1.trim_start().strip_prefix(':')?.trim_start())
    };
    let kind = value("descr")?;
    let quote = kind.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let kind = kind[1..].split_once(quote)?.0;
    let fortran_order = match value("fortran_order")? {
        text if text.starts_with("True") => true,
        text if text.starts_with("False") => false,
        _ => return None,
    };
    let lengths = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
    let shape = lengths
        .split(',')
        .map(str::trim)
        .filter(|length| !length.is_empty())
        .map(|length| length.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    Some(Header { kind, fortran_order, shape, first })
}

/// An array as a table: the first axis counts rows, the others are joined.
fn open_npy(path: &Path) -> Result<FeatureTable> {
    let bytes = open(path)?;
    let content = bytes.get();
    let Header { kind, fortran_order, shape, first } = read_header(content).ok_or_else(|| {
        malformed(path, "it has no NumPy header: the file must start with \\x93NUMPY and describe an array".into())
    })?;
    let element = Element::from_numpy(kind)
        .ok_or_else(|| malformed(path, format!("its numbers are of type {kind}; the type must be one of {TYPES}")))?;
    let shown = format!("{shape:?}");
    let Some((&rows, inner)) = shape.split_first() else {
        return Err(malformed(
            path,
            "it holds a single number; it must hold an array with samples along its first axis".into(),
        ));
    };
    if fortran_order && shape.len() > 1 {
        return Err(malformed(
            path,
            "its numbers are in Fortran order; save it in C order (numpy.ascontiguousarray), so that a sample lies in one piece"
                .into(),
        ));
    }
    let columns = inner.iter().try_fold(1_u64, |product, &length| product.checked_mul(length));
    let size = columns
        .and_then(|columns| columns.checked_mul(rows))
        .and_then(|count| count.checked_mul(element.width() as u64))
        .and_then(|size| size.checked_add(first as u64))
        .filter(|&size| size > first as u64)
        .ok_or_else(|| malformed(path, format!("its shape is {shown}; every length must be at least 1")))?;
    if size != content.len() as u64 {
        return Err(malformed(
            path,
            format!(
                "it has {} bytes; its header says {} numbers of shape {shown}, which takes {size} bytes",
                content.len(),
                element.name()
            ),
        ));
    }
    // the file has this many bytes, so the numbers fit into a usize
    let (rows, columns) = (rows as usize, columns.unwrap_or(1) as usize);
    let row = columns * element.width();
    let segment = Segment::new(bytes.clone(), first, row, rows, row)
        .ok_or_else(|| malformed(path, "its numbers do not fit into it".into()))?;
    Ok(FeatureTable::from_segments(vec![segment], columns, element))
}

pub(super) fn read(
    path: &Path,
    target: &Path,
    standardize: Standardize,
    one_hot: bool,
    rows: Option<usize>,
) -> Result<RegressionTable> {
    let mut features = open_npy(path)?;
    let mut targets = open_npy(target)?;
    if targets.rows() != features.rows() {
        return Err(malformed(
            target,
            format!(
                "it has {} rows; it must have {}, one for each sample of {}",
                targets.rows(),
                features.rows(),
                name_of(path)
            ),
        ));
    }
    let outputs = targets.columns();
    if one_hot && outputs != 1 {
        return Err(SimError::InvalidValue {
            name: "one_hot",
            value: "true".into(),
            admissible: format!("false for targets of {outputs} columns"),
        });
    }
    if let Some(count) = rows {
        features = features.first_rows(count)?;
        targets = targets.first_rows(count)?;
    }
    let mut values = vec![0.0; targets.rows() * outputs];
    values.chunks_exact_mut(outputs).enumerate().for_each(|(row, out)| targets.read_row(row, out));
    if outputs == 1 {
        return RegressionTable::from_labels(
            &name_of(path),
            "samples of a NumPy array",
            (features, values),
            (None, one_hot),
            (standardize, 1.0),
        );
    }
    let features = features.checked()?.standardized(standardize, 1.0)?;
    let description = format!(
        "{} samples of a NumPy array, {} numbers each stored as {}{}",
        features.rows(),
        features.columns(),
        features.element().name(),
        super::described(standardize)
    );
    let mut table = RegressionTable::new(&name_of(path), features, values, outputs)?;
    table.description = description;
    Ok(table)
}
