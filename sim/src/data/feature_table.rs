//! Features of a large regression: a row-major table of N samples in the number format of its file, in memory or mapped,
//! with centre and scale applied as rows are read. Row n is
//!
//! ```text
//! x_n = (raw_n - centre) * scale     (column by column)
//! ```
//!
//! in f64, so every sum over samples has f64 terms and f64 accumulation whatever the storage.

use std::ops::Range;
use std::sync::Arc;

use langevin_lanes::Processor;
use langevin_mapped::MappedFile;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::Standardize;
use super::element::Element;
use crate::error::{Result, SimError};

/// Numbers of a decoded panel of rows (16 MB).
const PANEL: usize = 1 << 21;

/// Bytes in memory or in a mapped file; cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    Owned(Arc<Vec<u8>>),
    Mapped(Arc<MappedFile>),
}

impl Bytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(file) => file,
        }
    }
}

/// Rows that lie at equal distances in one piece of memory or one file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    bytes: Bytes,
    /// Byte of the first number of the first row.
    first: usize,
    /// Bytes from one row to the next.
    stride: usize,
    rows: usize,
}

impl Segment {
    /// `None` when the rows do not lie inside the bytes.
    pub(super) fn new(bytes: Bytes, first: usize, stride: usize, rows: usize, row_bytes: usize) -> Option<Self> {
        let end = match rows {
            0 => first,
            _ => (rows - 1).checked_mul(stride)?.checked_add(first)?.checked_add(row_bytes)?,
        };
        (end <= bytes.get().len()).then_some(Self { bytes, first, stride, rows })
    }
}

/// What is done to the raw numbers of a row.
#[derive(Clone, Debug)]
enum Transform {
    None,
    Scaled(f64),
    Standardized { centre: Vec<f64>, scale: Vec<f64> },
}

/// A table of features. Rows of different segments follow one another.
///
/// ```
/// use langevin_sim::data::FeatureTable;
/// let table = FeatureTable::from_u8(2, 3, vec![0, 51, 255, 1, 2, 3], 1.0 / 255.0).unwrap();
/// let mut row = [0.0; 3];
/// table.read_row(0, &mut row);
/// assert_eq!(row, [0.0, 0.2, 1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct FeatureTable {
    segments: Vec<Segment>,
    /// First row of each segment, and the number of rows at the end.
    starts: Vec<usize>,
    columns: usize,
    element: Element,
    transform: Transform,
    processor: Processor,
}

impl FeatureTable {
    pub(super) fn from_segments(segments: Vec<Segment>, columns: usize, element: Element) -> Self {
        let mut starts = vec![0];
        let mut rows = 0;
        for segment in &segments {
            rows += segment.rows;
            starts.push(rows);
        }
        Self { segments, starts, columns, element, transform: Transform::None, processor: Processor::best() }
    }

    fn owned(rows: usize, columns: usize, element: Element, bytes: Vec<u8>) -> Result<Self> {
        let expected = rows.checked_mul(columns).and_then(|count| count.checked_mul(element.width()));
        let found = bytes.len();
        let segment = (expected == Some(found) && rows > 0 && columns > 0)
            .then(|| Segment::new(Bytes::Owned(Arc::new(bytes)), 0, columns * element.width(), rows, found / rows))
            .flatten()
            .ok_or_else(|| SimError::InvalidValue {
                name: "features",
                value: format!("{found} bytes"),
                admissible: format!("{rows} x {columns} numbers of {} bytes, at least 1 x 1", element.width()),
            })?;
        Ok(Self::from_segments(vec![segment], columns, element))
    }

    /// Row-major bytes times a factor, such as 1/255 for pixels.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when the length is not rows x columns, or the factor not finite.
    pub fn from_u8(rows: usize, columns: usize, values: Vec<u8>, factor: f64) -> Result<Self> {
        Self::owned(rows, columns, Element::U8, values)?.scaled(factor)
    }

    /// Row-major single-precision numbers.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when the length is not rows x columns, [`SimError::Theory`] for NaN or an infinity.
    pub fn from_f32(rows: usize, columns: usize, values: &[f32]) -> Result<Self> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::owned(rows, columns, Element::F32, bytes)?.checked()
    }

    /// A matrix with one sample per row.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] for a matrix without entries, [`SimError::Theory`] for NaN or an infinity.
    pub fn from_matrix(features: &DMatrix<f64>) -> Result<Self> {
        let bytes =
            features.row_iter().flat_map(|row| row.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        Self::owned(features.nrows(), features.ncols(), Element::F64, bytes.collect())?.checked()
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// d.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Format of the stored numbers.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Whether rows are read from mapped files.
    pub fn is_mapped(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment.bytes, Bytes::Mapped(_)))
    }

    /// The same features times a factor.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] for a factor that is not finite.
    pub fn scaled(mut self, factor: f64) -> Result<Self> {
        if !factor.is_finite() {
            return Err(SimError::InvalidValue {
                name: "the factor of the features",
                value: factor.to_string(),
                admissible: "finite".into(),
            });
        }
        self.transform = match self.transform {
            Transform::None => Transform::Scaled(factor),
            Transform::Scaled(before) => Transform::Scaled(before * factor),
            Transform::Standardized { centre, scale } => {
                Transform::Standardized { centre, scale: scale.iter().map(|value| value * factor).collect() }
            }
        };
        Ok(self)
    }

    /// The first rows only.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when there are not that many, or none is wanted.
    pub fn first_rows(mut self, count: usize) -> Result<Self> {
        if !(1..=self.rows()).contains(&count) {
            return Err(SimError::InvalidValue {
                name: "rows",
                value: count.to_string(),
                admissible: format!("between 1 and the {} rows there are", self.rows()),
            });
        }
        let mut left = count;
        for segment in &mut self.segments {
            segment.rows = segment.rows.min(left);
            left -= segment.rows;
        }
        let segments = self.segments.into_iter().filter(|segment| segment.rows > 0).collect();
        Ok(Self { transform: self.transform, ..Self::from_segments(segments, self.columns, self.element) })
    }

    /// Refuses NaN and infinities, in one pass over floating-point storage.
    pub(super) fn checked(self) -> Result<Self> {
        if self.element.is_integer() {
            return Ok(self);
        }
        let block = self.panel_rows();
        for first in (0..self.rows()).step_by(block) {
            let bad = (first..self.rows().min(first + block))
                .into_par_iter()
                .map_init(
                    || vec![0.0; self.columns],
                    |row_values, row| {
                        self.read_row(row, row_values);
                        let column = row_values.iter().position(|value| !value.is_finite())?;
                        Some((row, column, row_values[column]))
                    },
                )
                .find_map_first(|found| found);
            if let Some((row, column, value)) = bad {
                return Err(langevin_theory::TheoryError::NotFinite { name: "features", value, row, column }.into());
            }
        }
        Ok(self)
    }

    /// The same features centred, or centred and scaled to unit variance (a constant column becomes zero), column by
    /// column: two passes over the raw numbers. `unit` multiplies what is not scaled to unit variance.
    pub(super) fn standardized(self, standardize: Standardize, unit: f64) -> Result<Self> {
        if standardize == Standardize::None {
            return if unit.to_bits() == 1.0_f64.to_bits() { Ok(self) } else { self.scaled(unit) };
        }
        let raw = Self { transform: Transform::None, ..self };
        let samples = raw.rows() as f64;
        let mean: Vec<f64> = raw.column_sums(|_, value| value).iter().map(|sum| sum / samples).collect();
        let scale = match standardize {
            Standardize::Unit => raw
                .column_sums(|column, value| (value - mean[column]).powi(2))
                .iter()
                .zip(&mean)
                .map(|(sum, mean)| {
                    let deviation = (sum / samples).sqrt();
                    // a constant column has only rounding left
                    if deviation > 1e-12 * mean.abs() { 1.0 / deviation } else { 0.0 }
                })
                .collect(),
            _ => vec![unit; raw.columns],
        };
        Ok(Self { transform: Transform::Standardized { centre: mean, scale }, ..raw })
    }

    /// Sums of a function of every entry, column by column, in row order.
    fn column_sums(&self, term: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
        const COLUMNS: usize = 64;
        let mut sums = vec![0.0; self.columns];
        self.panels(|_, panel| {
            sums.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, sums)| {
                let first = chunk * COLUMNS;
                for row in panel.chunks_exact(self.columns) {
                    for (offset, sum) in sums.iter_mut().enumerate() {
                        *sum += term(first + offset, row[first + offset]);
                    }
                }
            });
        });
        sums
    }

    /// Row n as f64; `out` takes d numbers.
    ///
    /// # Panics
    /// When the row does not exist.
    pub fn read_row(&self, row: usize, out: &mut [f64]) {
        let place = self.starts.partition_point(|&start| start <= row) - 1;
        let segment = &self.segments[place];
        let first = segment.first + (row - self.starts[place]) * segment.stride;
        let bytes = &segment.bytes.get()[first..first + self.columns * self.element.width()];
        let out = &mut out[..self.columns];
        match &self.transform {
            Transform::None => self.element.decode(self.processor, bytes, out),
            Transform::Scaled(factor) => self.element.decode_scaled(self.processor, bytes, *factor, out),
            Transform::Standardized { centre, scale } => {
                self.element.decode_standardized(self.processor, bytes, centre, scale, out);
            }
        }
    }

    /// Rows by number, one after the other: `out` takes d numbers per row.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn gather(&self, rows: &[u32], out: &mut [f64]) {
        for (&row, values) in rows.iter().zip(out.chunks_exact_mut(self.columns)) {
            self.read_row(row as usize, values);
        }
    }

    /// Rows of a panel, the same for every pass and every number of threads.
    pub(super) fn panel_rows(&self) -> usize {
        (PANEL / self.columns).clamp(16, 4096)
    }

    /// Visits all rows in order, decoded in parallel into panels of consecutive rows: the range of rows, and their numbers
    /// row after row.
    pub(super) fn panels(&self, mut visit: impl FnMut(Range<usize>, &[f64])) {
        let block = self.panel_rows();
        let mut panel = vec![0.0; block.min(self.rows()) * self.columns];
        for first in (0..self.rows()).step_by(block) {
            let rows = first..self.rows().min(first + block);
            let values = &mut panel[..rows.len() * self.columns];
            values
                .par_chunks_exact_mut(self.columns)
                .enumerate()
                .for_each(|(offset, row)| self.read_row(first + offset, row));
            visit(rows, values);
        }
    }

    /// All features as one matrix of f64.
    pub fn to_matrix(&self) -> DMatrix<f64> {
        let mut values = vec![0.0; self.rows() * self.columns];
        values.par_chunks_exact_mut(self.columns).enumerate().for_each(|(row, out)| self.read_row(row, out));
        DMatrix::from_row_slice(self.rows(), self.columns, &values)
    }
}
