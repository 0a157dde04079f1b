//! A linear regression on a table of features that may be too large for a matrix of f64.

use langevin_theory::{LeastSquares, TheoryError};
use nalgebra::DMatrix;

use super::feature_table::FeatureTable;
use super::{Dataset, Standardize, one_hot_targets};
use crate::error::{Result, SimError};

/// Most numbers that are turned into a matrix of f64 (1.6 GB).
const MOST_NUMBERS: usize = 200_000_000;

/// Features and targets with a name.
///
/// ```
/// use langevin_sim::data::{FeatureTable, RegressionTable};
/// let features = FeatureTable::from_u8(3, 1, vec![1, 2, 3], 1.0).unwrap();
/// let table = RegressionTable::new("three", features, vec![2.0, 4.0, 6.0], 1).unwrap();
/// assert_eq!(table.hessian()[(0, 0)], 14.0 / 3.0);
/// assert_eq!(table.linear_term()[(0, 0)], 28.0 / 3.0);
/// ```
#[derive(Clone, Debug)]
pub struct RegressionTable {
    /// Short name.
    pub name: String,
    /// What it is and how it was prepared.
    pub description: String,
    /// Source and licence, where there is one.
    pub attribution: Option<String>,
    pub(super) features: FeatureTable,
    targets: Vec<f64>,
    outputs: usize,
}

impl RegressionTable {
    /// Features (N x d) and targets (row-major N x outputs).
    ///
    /// # Errors
    /// [`SimError::Theory`] when the shapes do not fit or a target is not finite.
    pub fn new(name: &str, features: FeatureTable, targets: Vec<f64>, outputs: usize) -> Result<Self> {
        let samples = features.rows();
        if outputs == 0 || targets.len() != samples * outputs {
            return Err(TheoryError::Shape {
                name: "targets",
                found: format!("{} numbers", targets.len()),
                expected: format!("{samples} rows of {} numbers", outputs.max(1)),
            }
            .into());
        }
        if u32::try_from(samples).is_err() {
            return Err(SimError::InvalidValue {
                name: "rows",
                value: samples.to_string(),
                admissible: format!("at most {}", u32::MAX),
            });
        }
        if let Some(place) = targets.iter().position(|value| !value.is_finite()) {
            let (row, column) = (place / outputs, place % outputs);
            return Err(TheoryError::NotFinite { name: "targets", value: targets[place], row, column }.into());
        }
        Ok(Self { name: name.into(), description: String::new(), attribution: None, features, targets, outputs })
    }

    /// A regression that fits in memory, as a table.
    ///
    /// # Errors
    /// None for a data set that exists.
    pub fn from_dataset(data: &Dataset) -> Result<Self> {
        let problem = &data.problem;
        let targets = problem.targets().transpose().as_slice().to_vec();
        let features = FeatureTable::from_matrix(problem.features())?;
        let table = Self::new(&data.name, features, targets, problem.outputs())?;
        Ok(Self { description: data.description.clone(), attribution: data.attribution.clone(), ..table })
    }

    /// From a reader: standardised features (in units of `unit` unless they get unit variance), the first rows only, labels
    /// one-hot or as they are.
    pub(super) fn from_labels(
        name: &str,
        what: &str,
        (features, labels): (FeatureTable, Vec<f64>),
        (classes, one_hot): (Option<usize>, bool),
        (standardize, unit): (Standardize, f64),
    ) -> Result<Self> {
        let features = features.checked()?.standardized(standardize, unit)?;
        let (targets, outputs) = match (one_hot, classes) {
            (false, _) => (labels, 1),
            (true, None) => {
                let targets = one_hot_targets(&labels)?;
                (targets.transpose().as_slice().to_vec(), targets.ncols())
            }
            (true, Some(classes)) => {
                let mut targets = vec![0.0; labels.len() * classes];
                for (row, label) in targets.chunks_exact_mut(classes).zip(&labels) {
                    row[*label as usize] = 1.0;
                }
                (targets, classes)
            }
        };
        let description = format!(
            "{} {what}, {} numbers each stored as {}{}{}",
            features.rows(),
            features.columns(),
            features.element().name(),
            super::described(standardize),
            if one_hot { ", one-hot labels" } else { "" }
        );
        Ok(Self { description, ..Self::new(name, features, targets, outputs)? })
    }

    /// X.
    pub fn features(&self) -> &FeatureTable {
        &self.features
    }

    /// Y, row-major N x outputs.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// N.
    pub fn samples(&self) -> usize {
        self.features.rows()
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.features.columns()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The same regression with features and targets as matrices of f64, for everything that works on such matrices.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when there would be more than 200 million numbers.
    pub fn to_dataset(&self) -> Result<Dataset> {
        let numbers = self.samples().saturating_mul(self.dimension());
        if numbers > MOST_NUMBERS {
            return Err(SimError::InvalidValue {
                name: "the size of the data",
                value: format!("{} x {}", self.samples(), self.dimension()),
                admissible: format!(
                    "at most {MOST_NUMBERS} numbers here; use fewer rows (data.rows), or simulate with run.record = \
                     [\"modes\"], which reads features from the file"
                ),
            });
        }
        let targets = DMatrix::from_row_slice(self.samples(), self.outputs, &self.targets);
        Ok(Dataset {
            name: self.name.clone(),
            description: self.description.clone(),
            attribution: self.attribution.clone(),
            problem: LeastSquares::new(self.features.to_matrix(), targets)?,
        })
    }
}
