//! The `[sweep]` table of a problem file: keys of `[sgd]` (and the seed) to lists or grids of values. The points of a sweep
//! are the Cartesian product of its axes, the last axis running fastest; axes are ordered by the names of their keys.

use langevin_theory::Hyperparameters;

use crate::document::{DocumentError, Table, shown};
use crate::error::{Result, VerifyError};

/// Most points of a sweep.
const MOST_POINTS: usize = 100_000;

/// What can be swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepKey {
    /// S.
    BatchSize,
    /// eta.
    LearningRate,
    /// beta.
    Momentum,
    /// `run.seed`.
    Seed,
    /// lambda.
    WeightDecay,
}

impl SweepKey {
    /// All keys, by name.
    pub const ALL: [Self; 5] = [Self::BatchSize, Self::LearningRate, Self::Momentum, Self::Seed, Self::WeightDecay];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::BatchSize => "batch_size",
            Self::LearningRate => "learning_rate",
            Self::Momentum => "momentum",
            Self::Seed => "seed",
            Self::WeightDecay => "weight_decay",
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::BatchSize | Self::Seed)
    }
}

/// One key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepAxis {
    /// What varies.
    pub key: SweepKey,
    /// Its values.
    pub values: Vec<f64>,
}

/// All axes; none for a single run.
///
/// ```
/// use std::path::Path;
/// use langevin_verify::problem::Problem;
/// let text = r#"
/// [data]
/// source = "inline"
/// features = [[1.0], [0.5]]
/// targets = [1.0, 0.0]
/// [sgd]
/// learning_rate = 0.1
/// momentum = 0.5
/// batch_size = 1
/// [sweep]
/// momentum = [0.0, 0.9]
/// learning_rate = { from = 0.01, to = 0.1, count = 3, scale = "log" }
/// "#;
/// let problem = Problem::parse("example", text, Path::new("")).unwrap();
/// assert_eq!(problem.sweep.shape(), [3, 2]); // learning_rate, momentum
/// assert_eq!(problem.sweep.values_at(5), [0.1, 0.9]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    axes: Vec<SweepAxis>,
}

impl Sweep {
    /// Reads a `[sweep]` table.
    ///
    /// # Errors
    /// [`DocumentError`] naming the key.
    pub fn read(mut table: Table) -> std::result::Result<Self, DocumentError> {
        let mut axes = Vec::new();
        for key in SweepKey::ALL {
            if let Some(values) = read_axis(&mut table, key)? {
                axes.push(SweepAxis { key, values });
            }
        }
        let points = axes.iter().fold(1_usize, |product, axis| product.saturating_mul(axis.values.len()));
        if points > MOST_POINTS {
            return Err(DocumentError::Value {
                path: "sweep".into(),
                found: format!("{points} points"),
                admissible: format!("at most {MOST_POINTS} points"),
            });
        }
        table.finish()?;
        Ok(Self { axes })
    }

    /// The axes, by the names of their keys.
    pub fn axes(&self) -> &[SweepAxis] {
        &self.axes
    }

    /// Whether there is only one point: that of `[sgd]` itself.
    pub fn is_single(&self) -> bool {
        self.axes.is_empty()
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Number of values of each axis.
    pub fn shape(&self) -> Vec<u64> {
        self.axes.iter().map(|axis| axis.values.len() as u64).collect()
    }

    /// The value of each axis at a point.
    pub fn values_at(&self, point: usize) -> Vec<f64> {
        cartesian(&self.axes.iter().map(|axis| axis.values.as_slice()).collect::<Vec<_>>(), point)
    }

    /// Hyperparameters and seed at a point.
    ///
    /// # Errors
    /// [`VerifyError::Theory`] for values outside their range.
    pub fn at(&self, point: usize, sgd: &Hyperparameters, seed: u64) -> Result<(Hyperparameters, u64)> {
        let (mut learning_rate, mut momentum, mut weight_decay) =
            (sgd.learning_rate(), sgd.momentum(), sgd.weight_decay());
        let (mut batch_size, mut seed) = (sgd.batch_size(), seed);
        for (axis, value) in self.axes.iter().zip(self.values_at(point)) {
            match axis.key {
                SweepKey::BatchSize => batch_size = value as usize,
                SweepKey::LearningRate => learning_rate = value,
                SweepKey::Momentum => momentum = value,
                SweepKey::Seed => seed = value as u64,
                SweepKey::WeightDecay => weight_decay = value,
            }
        }
        Ok((Hyperparameters::new(learning_rate, momentum, weight_decay, batch_size)?, seed))
    }

    /// A point in words: `learning_rate = 0.1, momentum = 0.9`.
    pub fn describe(&self, point: usize) -> String {
        let parts: Vec<String> = self
            .axes
            .iter()
            .zip(self.values_at(point))
            .map(|(axis, value)| format!("{} = {value}", axis.key.name()))
            .collect();
        parts.join(", ")
    }

    /// Refuses a sweep where only one point is wanted.
    ///
    /// # Errors
    /// [`VerifyError::Input`].
    pub fn refuse(&self, command: &str) -> Result<()> {
        if self.is_single() {
            return Ok(());
        }
        Err(VerifyError::Input {
            detail: format!(
                "[sweep] has {} points; langevin {command} takes one problem: remove the table",
                self.points()
            ),
        })
    }
}

/// One value of each axis: the place `index` of the Cartesian product, the last axis running fastest.
pub(crate) fn cartesian(axes: &[&[f64]], index: usize) -> Vec<f64> {
    let mut rest = index;
    let mut values: Vec<f64> = axes
        .iter()
        .rev()
        .map(|axis| {
            let value = axis[rest % axis.len()];
            rest /= axis.len();
            value
        })
        .collect();
    values.reverse();
    values
}

fn read_axis(table: &mut Table, key: SweepKey) -> std::result::Result<Option<Vec<f64>>, DocumentError> {
    const ADMISSIBLE: &str = "a list of numbers, or a grid { from, to, count, scale = \"linear\" or \"log\" }";
    let name = key.name();
    let values = match table.value(name) {
        None => return Ok(None),
        Some(value @ serde_json::Value::Object(_)) => read_grid(Table::new(&format!("sweep.{name}"), value)?)?,
        Some(serde_json::Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                item.as_f64().ok_or_else(|| table.refuse(&format!("{name}[{index}]"), shown(item), "a finite number"))
            })
            .collect::<std::result::Result<Vec<f64>, _>>()?,
        Some(other) => return Err(table.refuse(name, shown(&other), ADMISSIBLE)),
    };
    if values.is_empty() {
        return Err(table.refuse(name, "empty", ADMISSIBLE));
    }
    for (index, &value) in values.iter().enumerate() {
        let whole = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
        if key.is_whole() && !whole {
            return Err(table.refuse(&format!("{name}[{index}]"), value, "a whole number of at least 0"));
        }
        if values[..index].contains(&value) {
            return Err(table.refuse(&format!("{name}[{index}]"), format!("{value} again"), "named once"));
        }
    }
    Ok(Some(values))
}

/// Evenly spaced values, or values with evenly spaced logarithms; both ends are exact. The logarithms are computed by the
/// same code on every machine, since shards must agree on every bit of a point.
fn read_grid(mut table: Table) -> std::result::Result<Vec<f64>, DocumentError> {
    let from = table.required_number("from")?;
    let to = table.required_number("to")?;
    let count = table.required_count("count")?;
    let scale = table.text("scale")?;
    if !(1..=MOST_POINTS as u64).contains(&count) {
        return Err(table.refuse("count", count, format!("from 1 to {MOST_POINTS}")));
    }
    let last = count - 1;
    // the product first: whole numbers stay whole
    let part = move |span: f64, index: u64| span * index as f64 / last.max(1) as f64;
    let between: Box<dyn Fn(u64) -> f64> = match scale.as_deref() {
        None | Some("linear") => Box::new(move |index| from + part(to - from, index)),
        Some("log") => {
            for (key, value) in [("from", from), ("to", to)] {
                if value <= 0.0 {
                    return Err(table.refuse(key, value, "positive on a log scale"));
                }
            }
            let (low, high) = (libm::log(from), libm::log(to));
            Box::new(move |index| libm::exp(low + part(high - low, index)))
        }
        Some(other) => return Err(table.refuse("scale", format!("\"{other}\""), "linear or log")),
    };
    table.finish()?;
    Ok((0..count)
        .map(|index| match index {
            0 => from,
            _ if index == last => to,
            _ => between(index),
        })
        .collect())
}
