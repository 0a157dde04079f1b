//! Reading TOML and JSON documents key by key, with errors that name the key, the value found and what is admissible, and
//! with suggestions for unknown keys.

use nalgebra::{DMatrix, DVector};
use serde_json::{Map, Value};
use thiserror::Error;

/// What is wrong with a document.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// The text is not TOML or JSON.
    #[error("{source_name}: {detail}")]
    Syntax {
        /// File name or `standard input`.
        source_name: String,
        /// What the parser said, with line and column.
        detail: String,
    },
    /// A key with a wrong value.
    #[error("{path} is {found}; it must be {admissible}")]
    Value {
        /// Dotted path of the key.
        path: String,
        /// What was found.
        found: String,
        /// What is admissible.
        admissible: String,
    },
    /// A key that must be there and is not.
    #[error("{path} is missing; it must be {admissible}")]
    Missing {
        /// Dotted path of the key.
        path: String,
        /// What is admissible.
        admissible: String,
    },
    /// A key that means nothing here.
    #[error("unknown key {path}{suggestion}")]
    Unknown {
        /// Dotted path of the key.
        path: String,
        /// The nearest known key, or all of them.
        suggestion: String,
    },
}

type Result<T> = std::result::Result<T, DocumentError>;

/// Largest array that is read, in numbers.
const MOST_NUMBERS: usize = 50_000_000;

/// Parses a document: JSON when the text starts with `{` or `[` that is no TOML table header, else TOML.
///
/// # Errors
/// [`DocumentError::Syntax`].
pub fn parse(source_name: &str, text: &str) -> Result<Value> {
    let syntax = |detail: String| DocumentError::Syntax { source_name: source_name.into(), detail };
    let looks_like_json =
        std::path::Path::new(source_name).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json"))
            || text.trim_start().starts_with('{')
            || (text.trim_start().starts_with('[') && serde_json::from_str::<Value>(text).is_ok());
    if looks_like_json {
        return serde_json::from_str(text).map_err(|error| syntax(error.to_string()));
    }
    let table: toml::Table = toml::from_str(text).map_err(|error| syntax(error.to_string().trim_end().to_owned()))?;
    from_toml(toml::Value::Table(table), "")
}

/// TOML as JSON. TOML can say nan and inf, which no key here admits.
fn from_toml(value: toml::Value, path: &str) -> Result<Value> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| {
            DocumentError::Value { path: path.into(), found: number.to_string(), admissible: "finite".into() }
        })?,
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| from_toml(item, &format!("{path}[{index}]")))
                .collect::<Result<_>>()?,
        ),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, item)| {
                    let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    from_toml(item, &inner).map(|item| (key, item))
                })
                .collect::<Result<_>>()?,
        ),
    })
}

/// One table of a document. Keys are taken out as they are read; [`Table::finish`] refuses what is left.
#[derive(Debug)]
pub struct Table {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Table {
    /// The table at a path (empty for the whole document).
    ///
    /// # Errors
    /// [`DocumentError::Value`] when the value is no table.
    pub fn new(path: &str, value: Value) -> Result<Self> {
        match value {
            Value::Object(entries) => Ok(Self { path: path.into(), entries, known: Vec::new() }),
            other => Err(DocumentError::Value {
                path: if path.is_empty() { "the document".into() } else { path.into() },
                found: shown(&other),
                admissible: "a table of keys".into(),
            }),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// An error about a key of this table.
    pub fn refuse(&self, key: &str, found: impl std::fmt::Display, admissible: impl Into<String>) -> DocumentError {
        DocumentError::Value { path: self.path_of(key), found: found.to_string(), admissible: admissible.into() }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries.remove(key).filter(|value| !value.is_null())
    }

    fn need<T>(&self, key: &str, value: Option<T>, admissible: &str) -> Result<T> {
        value.ok_or_else(|| {
            // a key that is missing may be there with a slip of the pen
            let slip = self.entries.keys().find(|found| is_near(found, key) && !self.known.contains(&found.as_str()));
            match slip {
                Some(found) => {
                    DocumentError::Unknown { path: self.path_of(found), suggestion: suggestion(found, &[key]) }
                }
                None => DocumentError::Missing { path: self.path_of(key), admissible: admissible.into() },
            }
        })
    }

    /// Whether a key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| !value.is_null())
    }

    /// A number.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn number(&mut self, key: &'static str) -> Result<Option<f64>> {
        self.take(key)
            .map(|value| value.as_f64().ok_or_else(|| self.refuse(key, shown(&value), "a finite number")))
            .transpose()
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// [`DocumentError::Value`], [`DocumentError::Missing`].
    pub fn required_number(&mut self, key: &'static str) -> Result<f64> {
        let value = self.number(key)?;
        self.need(key, value, "a finite number")
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn count(&mut self, key: &'static str) -> Result<Option<u64>> {
        self.take(key)
            .map(|value| whole(&value).ok_or_else(|| self.refuse(key, shown(&value), "a whole number of at least 0")))
            .transpose()
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// [`DocumentError::Value`], [`DocumentError::Missing`].
    pub fn required_count(&mut self, key: &'static str) -> Result<u64> {
        let value = self.count(key)?;
        self.need(key, value, "a whole number of at least 0")
    }

    /// A text.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        self.take(key)
            .map(|value| match value {
                Value::String(text) => Ok(text),
                other => Err(self.refuse(key, shown(&other), "a text in quotes")),
            })
            .transpose()
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`DocumentError::Value`], [`DocumentError::Missing`].
    pub fn required_text(&mut self, key: &'static str) -> Result<String> {
        let value = self.text(key)?;
        self.need(key, value, "a text in quotes")
    }

    /// True or false.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.take(key)
            .map(|value| value.as_bool().ok_or_else(|| self.refuse(key, shown(&value), "true or false")))
            .transpose()
    }

    /// Any value.
    pub fn value(&mut self, key: &'static str) -> Option<Value> {
        self.take(key)
    }

    /// A table.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn table(&mut self, key: &'static str) -> Result<Option<Table>> {
        let path = self.path_of(key);
        self.take(key).map(|value| Table::new(&path, value)).transpose()
    }

    /// A table that must be there.
    ///
    /// # Errors
    /// [`DocumentError::Value`], [`DocumentError::Missing`].
    pub fn required_table(&mut self, key: &'static str) -> Result<Table> {
        let value = self.table(key)?;
        self.need(key, value, "a table of keys")
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn numbers(&mut self, key: &'static str) -> Result<Option<Vec<f64>>> {
        self.take(key).map(|value| self.as_numbers(key, &value)).transpose()
    }

    fn as_numbers(&self, key: &str, value: &Value) -> Result<Vec<f64>> {
        let items = value.as_array().ok_or_else(|| self.refuse(key, shown(value), "a list of numbers"))?;
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                item.as_f64().ok_or_else(|| self.refuse(&format!("{key}[{index}]"), shown(item), "a finite number"))
            })
            .collect()
    }

    /// A list of whole numbers.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn counts(&mut self, key: &'static str) -> Result<Option<Vec<u64>>> {
        const ADMISSIBLE: &str = "a whole number of at least 0";
        self.take(key)
            .map(|value| {
                let items =
                    value.as_array().ok_or_else(|| self.refuse(key, shown(&value), "a list of whole numbers"))?;
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        whole(item).ok_or_else(|| self.refuse(&format!("{key}[{index}]"), shown(item), ADMISSIBLE))
                    })
                    .collect()
            })
            .transpose()
    }

    /// A vector.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn vector(&mut self, key: &'static str) -> Result<Option<DVector<f64>>> {
        Ok(self.numbers(key)?.map(DVector::from_vec))
    }

    /// A row-major matrix: a list of lists of equal length; a plain list is one column.
    ///
    /// # Errors
    /// [`DocumentError::Value`].
    pub fn matrix(&mut self, key: &'static str) -> Result<Option<DMatrix<f64>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let admissible = "a list of rows, each a list of numbers of the same length";
        let rows = value.as_array().ok_or_else(|| self.refuse(key, shown(&value), admissible))?;
        if rows.is_empty() {
            return Err(self.refuse(key, "empty", admissible));
        }
        if rows.iter().all(Value::is_number) {
            return Ok(Some(DMatrix::from_vec(rows.len(), 1, self.as_numbers(key, &value)?)));
        }
        let width = rows[0].as_array().map_or(0, Vec::len);
        if width == 0 || rows.len().saturating_mul(width) > MOST_NUMBERS {
            return Err(self.refuse(key, format!("{} x {width}", rows.len()), admissible));
        }
        let mut matrix = DMatrix::zeros(rows.len(), width);
        for (index, row) in rows.iter().enumerate() {
            let name = format!("{key}[{index}]");
            let numbers = self.as_numbers(&name, row)?;
            if numbers.len() != width {
                return Err(self.refuse(&name, format!("{} numbers", numbers.len()), format!("{width} numbers")));
            }
            numbers.iter().enumerate().for_each(|(column, &number)| matrix[(index, column)] = number);
        }
        Ok(Some(matrix))
    }

    /// A matrix that must be there.
    ///
    /// # Errors
    /// [`DocumentError::Value`], [`DocumentError::Missing`].
    pub fn required_matrix(&mut self, key: &'static str) -> Result<DMatrix<f64>> {
        let value = self.matrix(key)?;
        self.need(key, value, "a list of rows, each a list of numbers")
    }

    /// Refuses keys that were not read, naming the nearest that could have been.
    ///
    /// # Errors
    /// [`DocumentError::Unknown`].
    pub fn finish(self) -> Result<()> {
        match self.entries.keys().next() {
            None => Ok(()),
            Some(key) => {
                Err(DocumentError::Unknown { path: self.path_of(key), suggestion: suggestion(key, &self.known) })
            }
        }
    }
}

/// `; did you mean "x"?`, or the whole list when nothing is near.
pub fn suggestion(found: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(found, candidate), *candidate))
        .min()
        .filter(|(_, candidate)| is_near(found, candidate));
    match nearest {
        Some((_, candidate)) => format!("; did you mean \"{candidate}\"?"),
        None if known.is_empty() => String::new(),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// Whether one word may be a slip for another.
fn is_near(found: &str, candidate: &str) -> bool {
    strsim::damerau_levenshtein(found, candidate) <= 1 + candidate.len().max(found.len()) / 3
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number))
            .map(|number| number as u64)
    })
}

/// A value as it may be quoted in a message.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::Array(items) => return format!("a list of {} items", items.len()),
        Value::Object(_) => return "a table".into(),
        other => other.to_string(),
    };
    if text.chars().count() > 60 { format!("{}...", text.chars().take(57).collect::<String>()) } else { text }
}
