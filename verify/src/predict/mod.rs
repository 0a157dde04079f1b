//! `langevin predict`: theory only. A document goes in, every quantity that is defined comes out; one that does not exist
//! is null, and `undefined` says why by name.

mod discrete;
mod langevin;
mod minibatch;
mod ou;
mod reshuffle;
mod stability;
mod streaming;
mod variational;

use std::path::Path;

use langevin_theory::{Steps, TheoryError, Time};
use nalgebra::{DMatrix, DVector};
use serde_json::{Map, Value, json};

use crate::document::{Table, suggestion};
use crate::error::{Result, VerifyError};

/// Kinds that are answered.
pub const KINDS: [&str; 11] = [
    "ou",
    "sde-mode",
    "sde",
    "discrete-mode",
    "discrete",
    "minibatch",
    "gaussian-features",
    "epoch-noise",
    "gaussian-pair",
    "jko-step",
    "stability",
];

/// Answers one document, or an array of them in order. Relative paths of data files are taken from `folder`.
///
/// # Errors
/// [`VerifyError`] naming the key (and the place in the array).
///
/// ```
/// use langevin_verify::predict::predict;
/// let document = serde_json::json!({"kind": "stability", "momentum": 0.5});
/// let answer = predict(document, std::path::Path::new("")).unwrap();
/// assert_eq!(answer["limit"], 3.0);
/// ```
pub fn predict(document: Value, folder: &Path) -> Result<Value> {
    match document {
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| predict_one(item, folder).map_err(|error| error.in_file(&format!("[{index}]"))))
            .collect::<Result<Vec<Value>>>()
            .map(Value::Array),
        single => predict_one(single, folder),
    }
}

fn predict_one(document: Value, folder: &Path) -> Result<Value> {
    let mut table = Table::new("", document)?;
    let kind = table.required_text("kind")?;
    let mut answer = Answer::default();
    match kind.as_str() {
        "sde-mode" => langevin::mode(table, &mut answer)?,
        "sde" => langevin::law(table, &mut answer)?,
        "discrete-mode" => discrete::mode(table, &mut answer)?,
        "discrete" => discrete::law(table, &mut answer)?,
        "minibatch" => minibatch::law(table, &mut answer, folder)?,
        "stability" => stability::limits(table, &mut answer)?,
        "ou" => ou::process(table, &mut answer)?,
        "gaussian-features" => streaming::gaussian_features(table, &mut answer)?,
        "epoch-noise" => streaming::epoch_noise(table, &mut answer)?,
        "gaussian-pair" => variational::pair(table, &mut answer)?,
        "jko-step" => variational::jko(table, &mut answer)?,
        other => {
            return Err(VerifyError::Input { detail: format!("kind is \"{other}\"{}", suggestion(other, &KINDS)) });
        }
    }
    Ok(answer.finish(&kind))
}

/// The quantities of an answer, and why some are missing.
#[derive(Default)]
struct Answer {
    quantities: Map<String, Value>,
    undefined: Map<String, Value>,
}

impl Answer {
    /// A quantity that exists, or the reason why it does not. Errors of the input are passed on.
    fn put(&mut self, name: &str, value: std::result::Result<impl Into<Value>, TheoryError>) -> Result<()> {
        match value {
            Ok(value) => {
                let mut value = value.into();
                if let Value::Array(entries) = &mut value {
                    for (index, entry) in entries.iter_mut().enumerate().filter(|(_, entry)| entry.is_object()) {
                        self.undefined.insert(format!("{name}[{index}]"), entry.take());
                    }
                }
                self.quantities.insert(name.into(), value);
            }
            Err(error) => match error.undefined_reason() {
                Some(reason) => {
                    self.quantities.insert(name.into(), Value::Null);
                    self.undefined.insert(name.into(), explanation(reason, &error));
                }
                None => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Why an entry of a list is null. Errors of the input are passed on.
    fn explain(&mut self, name: &str, error: &TheoryError) -> Result<()> {
        let Some(reason) = error.undefined_reason() else { return Err(error.clone().into()) };
        self.undefined.insert(name.into(), explanation(reason, error));
        Ok(())
    }

    fn finish(mut self, kind: &str) -> Value {
        // JSON has no infinity: a number beyond the range of doubles has become null, and must not go unexplained
        let overflow = TheoryError::Overflow { what: "an entry" };
        for (name, value) in &self.quantities {
            let explained = self.undefined.keys().any(|key| key == name || key.starts_with(&format!("{name}[")));
            if has_null(value) && !explained {
                self.undefined.insert(name.clone(), explanation("overflow", &overflow));
            }
        }
        let mut all = Map::new();
        all.insert("kind".into(), kind.into());
        all.extend(self.quantities);
        all.insert("undefined".into(), Value::Object(self.undefined));
        Value::Object(all)
    }
}

/// Row-major array of arrays.
fn matrix(matrix: &DMatrix<f64>) -> Value {
    matrix.row_iter().map(|row| Value::from(row.iter().copied().collect::<Vec<f64>>())).collect()
}

fn vector(vector: &DVector<f64>) -> Value {
    Value::from(vector.iter().copied().collect::<Vec<f64>>())
}

fn small_matrix(matrix: [[f64; 2]; 2]) -> Value {
    json!(matrix)
}

fn explanation(reason: &str, error: &TheoryError) -> Value {
    json!({"reason": reason, "detail": error.to_string()})
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(entries) => entries.iter().any(has_null),
        _ => false,
    }
}

/// One value per entry of a list; the first reason when no entry exists. Where only some do not, each of these is its
/// explanation, which [`Answer::put`] replaces by null.
fn each<T: Copy>(
    list: &[T],
    quantity: impl FnMut(T) -> langevin_theory::Result<Value>,
) -> langevin_theory::Result<Value> {
    let found: Vec<langevin_theory::Result<Value>> = list.iter().copied().map(quantity).collect();
    let none_exists = !found.iter().any(std::result::Result::is_ok);
    found
        .into_iter()
        .map(|entry| match entry {
            Err(error) if !none_exists => match error.undefined_reason() {
                Some(reason) => Ok(explanation(reason, &error)),
                None => Err(error),
            },
            other => other,
        })
        .collect()
}

fn steps(table: &mut Table) -> Result<Vec<Steps>> {
    Ok(table.counts("steps")?.unwrap_or_default().into_iter().map(Steps).collect())
}

fn times(table: &mut Table) -> Result<Vec<Time>> {
    let values = table.numbers("times")?.unwrap_or_default();
    values.into_iter().map(|value| Time::new(value).map_err(VerifyError::from)).collect()
}
