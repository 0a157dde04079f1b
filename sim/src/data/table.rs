//! Comma-separated tables of numbers.

use std::path::Path;

use nalgebra::DMatrix;

use crate::error::{Result, SimError};

/// Features and target of a file.
pub(super) fn read(path: &Path, target: Option<&str>) -> Result<(DMatrix<f64>, Vec<f64>)> {
    let bytes = std::fs::read(path).map_err(|source| SimError::File { path: path.into(), source })?;
    parse(path, &bytes, target)
}

/// Features and target of a table; `path` only names it in errors.
pub(super) fn parse(path: &Path, bytes: &[u8], target: Option<&str>) -> Result<(DMatrix<f64>, Vec<f64>)> {
    let table = |detail: String| SimError::Table { path: path.into(), detail };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let mut header: Option<Vec<String>> = None;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            SimError::Line { path: path.into(), line, detail: error.to_string() }
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        if index == 0 && record.iter().any(|field| field.parse::<f64>().is_err()) {
            header = Some(record.iter().map(str::to_owned).collect());
            continue;
        }
        let row = record
            .iter()
            .enumerate()
            .map(|(column, field)| match field.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => {
                    let name = header.as_ref().and_then(|names| names.get(column)).map_or_else(
                        || format!("column {column} (counted from 0)"),
                        |name| format!("column \"{name}\""),
                    );
                    Err(SimError::Line {
                        path: path.into(),
                        line,
                        detail: format!("{name} is \"{field}\"; it must be a finite number"),
                    })
                }
            })
            .collect::<Result<Vec<f64>>>()?;
        rows.push(row);
    }
    let Some(width) = rows.first().map(Vec::len) else {
        return Err(table("it has no rows of numbers; at least one is needed".into()));
    };
    if width < 2 {
        return Err(table(format!("it has {width} column; at least one feature and one target are needed")));
    }
    let target = match target {
        None => width - 1,
        Some(name) => header
            .as_ref()
            .and_then(|names| names.iter().position(|candidate| candidate == name))
            .or_else(|| name.parse::<usize>().ok().filter(|&column| column < width))
            .ok_or_else(|| {
                let columns = header.as_ref().map_or_else(
                    || format!("a column number below {width} (the file has no header)"),
                    |names| format!("one of {}", names.join(", ")),
                );
                table(format!("there is no target column \"{name}\"; it must be {columns}"))
            })?,
    };
    let features = DMatrix::from_fn(rows.len(), width - 1, |row, column| {
        rows[row][if column < target { column } else { column + 1 }]
    });
    Ok((features, rows.iter().map(|row| row[target]).collect()))
}
