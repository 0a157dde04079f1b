//! A long table for pandas, one row per number: the swept hyperparameters, the name of the quantity, the indices it has
//! (chain, step, lag, output, mode; null otherwise), value, standard error, unit. Provenance and settings are in the file's
//! key-value metadata under `langevin`.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::simulate::arrays::{Array, Simulated, Values};
use crate::sweep::cartesian;

/// Rows that are written together.
const ROWS: usize = 1 << 17;

/// Columns of indices.
const INDICES: [&str; 5] = ["chain", "step", "lag", "output", "mode"];

/// Rows at hand, column by column.
struct Table {
    sweep: Vec<Vec<f64>>,
    quantity: Vec<ByteArray>,
    indices: [Vec<Option<i64>>; 5],
    value: Vec<f64>,
    standard_error: Vec<Option<f64>>,
    unit: Vec<ByteArray>,
}

/// One row but for the sweep.
#[derive(Clone, Copy)]
struct Row {
    indices: [Option<i64>; 5],
    value: f64,
    standard_error: Option<f64>,
}

impl Table {
    fn new(axes: usize) -> Self {
        Self {
            sweep: vec![Vec::new(); axes],
            quantity: Vec::new(),
            indices: Default::default(),
            value: Vec::new(),
            standard_error: Vec::new(),
            unit: Vec::new(),
        }
    }

    fn push(&mut self, point: &[f64], quantity: &ByteArray, unit: &ByteArray, row: Row) {
        self.sweep.iter_mut().zip(point).for_each(|(column, &value)| column.push(value));
        self.quantity.push(quantity.clone());
        self.unit.push(unit.clone());
        self.indices.iter_mut().zip(row.indices).for_each(|(column, index)| column.push(index));
        self.value.push(row.value);
        self.standard_error.push(row.standard_error);
    }
}

/// An index as the column's type has it.
fn index(place: usize) -> i64 {
    (place as u64).cast_signed()
}

struct Writer<'a, W: Write + Send> {
    file: SerializedFileWriter<&'a mut W>,
    table: Table,
    axes: Vec<&'a [f64]>,
}

pub(super) fn write<W: Write + Send>(file: &mut W, simulated: &Simulated) -> io::Result<()> {
    let frame = &simulated.provenance.frame;
    let mut columns = Vec::new();
    let mut column = |name: &str, physical, repetition, logical| -> io::Result<()> {
        let column = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        columns.push(Arc::new(column.with_logical_type(logical).build().map_err(io::Error::other)?));
        Ok(())
    };
    for axis in &frame.sweep {
        column(&axis.key, Physical::DOUBLE, Repetition::REQUIRED, None)?;
    }
    column("quantity", Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String))?;
    for name in INDICES {
        column(name, Physical::INT64, Repetition::OPTIONAL, None)?;
    }
    column("value", Physical::DOUBLE, Repetition::REQUIRED, None)?;
    column("standard_error", Physical::DOUBLE, Repetition::OPTIONAL, None)?;
    column("unit", Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String))?;
    let schema = Type::group_type_builder("langevin").with_fields(columns).build().map_err(io::Error::other)?;
    let manifest = serde_json::to_string(&simulated.provenance)?;
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![KeyValue::new("langevin".into(), manifest)]))
        .build();
    let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(io::Error::other)?;
    let axes = frame.sweep.iter().map(|axis| axis.values.as_slice()).collect();
    let mut writer = Writer { file, table: Table::new(frame.sweep.len()), axes };
    writer.settings(simulated)?;
    for quantity in frame.quantities() {
        let error = simulated.real(&format!("{}_standard_error", quantity.name)).unwrap_or_default();
        let values = simulated.real(quantity.name).unwrap_or_default();
        let modes = quantity.modes.unwrap_or(1) as usize;
        let rows = values.iter().zip(error).enumerate().map(|(place, (&value, &error))| {
            let within = place % quantity.length();
            let lag = quantity.lags.as_ref().map(|lags| lags[within / modes].cast_signed());
            let mode = quantity.modes.map(|_| index(within % modes));
            Row { indices: [None, None, lag, None, mode], value, standard_error: Some(error) }
        });
        writer.rows(quantity.name, quantity.unit, quantity.length(), rows)?;
    }
    writer.trajectories(simulated)?;
    writer.finish()
}

impl<W: Write + Send> Writer<'_, W> {
    /// What is known without simulation.
    fn settings(&mut self, simulated: &Simulated) -> io::Result<()> {
        let frame = &simulated.provenance.frame;
        let (dimension, outputs) = (frame.dimension as usize, frame.outputs as usize);
        let known = |indices, value| Row { indices, value, standard_error: None };
        let eigenvalues = simulated.real("eigenvalues").unwrap_or_default();
        // the spectrum does not depend on what is swept; every point repeats it, so that rows can be joined by point
        let rows = (0..frame.points()).flat_map(|_| {
            eigenvalues
                .iter()
                .enumerate()
                .map(|(mode, &value)| known([None, None, None, None, Some(index(mode))], value))
        });
        self.rows("eigenvalue", "1/t^2", dimension, rows)?;
        let minimum = simulated.real("minimum_ridge").unwrap_or_default();
        let rows = minimum.iter().enumerate().map(|(place, &value)| {
            let (output, mode) = (place / dimension % outputs, place % dimension);
            known([None, None, None, Some(index(output)), Some(index(mode))], value)
        });
        self.rows("minimum_ridge", "theta", dimension * outputs, rows)
    }

    fn trajectories(&mut self, simulated: &Simulated) -> io::Result<()> {
        let frame = &simulated.provenance.frame;
        let Some(Array { values: Values::Real(values), .. }) =
            simulated.arrays.iter().find(|array| array.name == "trajectory")
        else {
            return Ok(());
        };
        let (dimension, outputs) = (frame.dimension as usize, frame.outputs as usize);
        let (width, steps) = (dimension * outputs, frame.trajectory_steps());
        let per_point = values.len() / frame.points();
        for (part, (name, unit)) in
            [("trajectory_position", "theta"), ("trajectory_velocity", "theta/t")].iter().enumerate()
        {
            let rows =
                values.chunks_exact(width).enumerate().filter(|(row, _)| row % 2 == part).flat_map(|(row, state)| {
                    let kept = row / 2;
                    let step = steps[kept % steps.len()].cast_signed();
                    let chain = (kept / steps.len()) as u64 % frame.chains;
                    state.iter().enumerate().map(move |(place, &value)| {
                        let (output, mode) = (index(place / dimension), index(place % dimension));
                        let indices = [Some(chain.cast_signed()), Some(step), None, Some(output), Some(mode)];
                        Row { indices, value, standard_error: None }
                    })
                });
            self.rows(name, unit, per_point / 2, rows)?;
        }
        Ok(())
    }

    /// Rows of one quantity at all points, so many per point.
    fn rows(&mut self, name: &str, unit: &str, per_point: usize, rows: impl Iterator<Item = Row>) -> io::Result<()> {
        let (name, unit) = (ByteArray::from(name), ByteArray::from(unit));
        let mut point = Vec::new();
        for (place, row) in rows.enumerate() {
            if place % per_point.max(1) == 0 {
                point = cartesian(&self.axes, place / per_point.max(1));
            }
            self.table.push(&point, &name, &unit, row);
            if self.table.value.len() == ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let table = std::mem::replace(&mut self.table, Table::new(self.axes.len()));
        if table.value.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(io::Error::other)?;
        for column in &table.sweep {
            write_column(&mut group, Column::Real(column))?;
        }
        write_column(&mut group, Column::Text(&table.quantity))?;
        for column in &table.indices {
            write_column(&mut group, Column::Index(column))?;
        }
        write_column(&mut group, Column::Real(&table.value))?;
        write_column(&mut group, Column::MaybeReal(&table.standard_error))?;
        write_column(&mut group, Column::Text(&table.unit))?;
        group.close().map_err(io::Error::other)?;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.close().map_err(io::Error::other)?;
        Ok(())
    }
}

/// A column's values.
enum Column<'a> {
    Real(&'a [f64]),
    MaybeReal(&'a [Option<f64>]),
    Index(&'a [Option<i64>]),
    Text(&'a [ByteArray]),
}

fn write_column<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, column: Column<'_>) -> io::Result<()> {
    let mut writer =
        group.next_column().map_err(io::Error::other)?.ok_or_else(|| io::Error::other("a column too many"))?;
    let mismatch = || io::Error::other("a column of another type");
    let written = match (writer.untyped(), column) {
        (ColumnWriter::DoubleColumnWriter(typed), Column::Real(values)) => typed.write_batch(values, None, None),
        (ColumnWriter::DoubleColumnWriter(typed), Column::MaybeReal(values)) => {
            let (present, levels) = optional(values);
            typed.write_batch(&present, Some(&levels), None)
        }
        (ColumnWriter::Int64ColumnWriter(typed), Column::Index(values)) => {
            let (present, levels) = optional(values);
            typed.write_batch(&present, Some(&levels), None)
        }
        (ColumnWriter::ByteArrayColumnWriter(typed), Column::Text(values)) => typed.write_batch(values, None, None),
        _ => return Err(mismatch()),
    };
    written.map_err(io::Error::other)?;
    writer.close().map_err(io::Error::other)
}

/// The values that are there, and for every row whether it is.
fn optional<T: Copy>(values: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    (values.iter().flatten().copied().collect(), values.iter().map(|value| i16::from(value.is_some())).collect())
}
