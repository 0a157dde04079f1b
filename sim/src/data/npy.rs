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

/// An array as a table: the first axis counts rows, the others are joined.
fn open_npy(path: &Path) -> Result<FeatureTable> {
    let bytes = open(path)?;
    let content = bytes.get();
    let mut reader = std::io::Cursor::new(content);
    let header = npyz::NpyHeader::from_reader(&mut reader)
        .map_err(|error| malformed(path, format!("its NumPy header cannot be read: {error}")))?;
    let first = reader.position() as usize;
    let element = match header.dtype() {
        npyz::DType::Plain(kind) => Element::from_numpy(&kind.to_string()),
        _ => None,
    }
    .ok_or_else(|| {
        malformed(path, format!("its numbers are of type {}; the type must be one of {TYPES}", header.dtype().descr()))
    })?;
    let shape = header.shape();
    let shown = format!("{shape:?}");
    let Some((&rows, inner)) = shape.split_first() else {
        return Err(malformed(
            path,
            "it holds a single number; it must hold an array with samples along its first axis".into(),
        ));
    };
    if header.order() == npyz::Order::Fortran && shape.len() > 1 {
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
            name_of(path),
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
