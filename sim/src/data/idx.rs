//! IDX files, the format of MNIST: two zero bytes, a type, the number of dimensions, each dimension as a big-endian 32-bit
//! number, then the numbers, big-endian. Bytes are pixels and come in units of 1/255; other types come as they are.

use std::path::{Path, PathBuf};

use super::Standardize;
use super::element::Element;
use super::feature_table::{Bytes, FeatureTable, Segment};
use super::files::{malformed, name_of, open, refuse_gzip};
use super::regression_table::RegressionTable;
use crate::error::Result;

/// A file's dimensions and numbers.
struct Contents {
    bytes: Bytes,
    element: Element,
    dimensions: Vec<usize>,
    first: usize,
}

fn open_idx(path: &Path) -> Result<Contents> {
    let bytes = open(path)?;
    let content = bytes.get();
    refuse_gzip(path, content)?;
    let &[zero, also_zero, code, rank, ..] = content else {
        return Err(malformed(path, format!("it has {} bytes; an IDX file has at least 8", content.len())));
    };
    let element = Element::from_idx(code).filter(|_| zero == 0 && also_zero == 0 && rank > 0).ok_or_else(|| {
        malformed(
            path,
            format!(
                "its first four bytes are {zero:02x} {also_zero:02x} {code:02x} {rank:02x}; an IDX file starts with 00 00, \
                 then 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64), then the number of dimensions"
            ),
        )
    })?;
    let first = 4 + 4 * usize::from(rank);
    let Some(header) = content.get(4..first) else {
        return Err(malformed(path, format!("it ends in its header, after {} bytes of {first}", content.len())));
    };
    let dimensions: Vec<usize> =
        header.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number) as usize).collect();
    let expected = dimensions
        .iter()
        .try_fold(element.width(), |product, &dimension| product.checked_mul(dimension))
        .and_then(|size| size.checked_add(first));
    if expected != Some(content.len()) || dimensions.contains(&0) {
        let shape: Vec<String> = dimensions.iter().map(usize::to_string).collect();
        return Err(malformed(
            path,
            format!(
                "it has {} bytes; its header says {} numbers of type {}, which takes {}",
                content.len(),
                shape.join(" x "),
                element.name(),
                expected
                    .filter(|_| !dimensions.contains(&0))
                    .map_or_else(|| "an impossible size".into(), |size| format!("{size} bytes"))
            ),
        ));
    }
    Ok(Contents { bytes, element, dimensions, first })
}

/// Labels beside images, as MNIST names them.
fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let renamed = name.replace("images", "labels").replace("idx3", "idx1");
    (renamed != name).then(|| images.with_file_name(renamed))
}

pub(super) fn read(
    path: &Path,
    target: Option<&Path>,
    standardize: Standardize,
    one_hot: bool,
    rows: Option<usize>,
) -> Result<RegressionTable> {
    let images = open_idx(path)?;
    let [samples, inner @ ..] = &images.dimensions[..] else {
        return Err(malformed(path, "it has no dimensions".into()));
    };
    if inner.is_empty() {
        return Err(malformed(
            path,
            format!("it is a list of {samples} numbers; features need at least 2 dimensions (samples first)"),
        ));
    }
    let columns: usize = inner.iter().product();
    let label_path = target
        .map(Path::to_path_buf)
        .or_else(|| labels_beside(path))
        .ok_or_else(|| malformed(path, "data.target is missing; it must name the IDX file of the labels".into()))?;
    let found = open_idx(&label_path)?;
    if found.dimensions != [*samples] {
        let shape: Vec<String> = found.dimensions.iter().map(usize::to_string).collect();
        return Err(malformed(
            &label_path,
            format!(
                "it holds {} labels; it must hold {samples}, one for each sample of {}",
                shape.join(" x "),
                name_of(path)
            ),
        ));
    }
    let width = images.element.width();
    let table_of = |contents: &Contents, path: &Path, columns: usize| {
        let row = columns * contents.element.width();
        Segment::new(contents.bytes.clone(), contents.first, row, *samples, row)
            .map(|segment| FeatureTable::from_segments(vec![segment], columns, contents.element))
            .ok_or_else(|| malformed(path, "its numbers do not fit into it".into()))
    };
    let mut features = table_of(&images, path, columns)?;
    let labels_table = table_of(&found, &label_path, 1)?.checked()?;
    let mut labels = vec![0.0; *samples];
    labels.iter_mut().enumerate().for_each(|(row, label)| labels_table.read_row(row, std::slice::from_mut(label)));
    if let Some(count) = rows {
        features = features.first_rows(count)?;
        labels.truncate(count);
    }
    let unit = if width == 1 { 1.0 / 255.0 } else { 1.0 };
    RegressionTable::from_labels(
        &name_of(path),
        if width == 1 { "samples of an IDX file in units of 1/255" } else { "samples of an IDX file" },
        (features, labels),
        (None, one_hot),
        (standardize, unit),
    )
}
