//! Data sets for linear regression: the embedded digits, CSV files, synthetic Gaussian features, arrays given inline; and,
//! mapped where they lie, NumPy arrays, IDX files (MNIST) and CIFAR-10.
//!
//! A [`Dataset`] holds its features as a matrix of f64. A [`RegressionTable`] leaves them in the format of their file, so that
//! they may be larger than memory; it becomes a [`Dataset`] when they are not.

mod cifar10;
mod digits;
mod element;
mod feature_table;
mod files;
mod gaussian;
mod idx;
mod npy;
mod passes;
mod regression_table;
mod synthetic_cifar10;
mod table;

use std::path::Path;

use langevin_theory::LeastSquares;
use nalgebra::DMatrix;

use crate::error::{Result, SimError};
pub use digits::DIGITS_ATTRIBUTION;
pub use element::Element;
pub use feature_table::FeatureTable;
pub use regression_table::RegressionTable;
pub use synthetic_cifar10::write_synthetic_cifar10;

/// What is done to the features before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standardize {
    /// Nothing.
    None,
    /// Each column minus its mean.
    Center,
    /// Each column minus its mean, divided by its standard deviation (a constant column becomes zero).
    Unit,
}

impl std::str::FromStr for Standardize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "center" => Ok(Self::Center),
            "unit" => Ok(Self::Unit),
            _ => Err(format!("standardize is \"{text}\"; it must be none, center or unit")),
        }
    }
}

/// Synthetic data: y = x . w + noise * epsilon with x ~ N(0, diag(eigenvalues)), w and epsilon standard normal.
#[derive(Clone, Debug)]
pub struct GaussianSpec {
    /// Population eigenvalues of the Hessian; their number is the dimension.
    pub eigenvalues: Vec<f64>,
    /// Standard deviation of the label noise.
    pub noise: f64,
    /// Number of samples.
    pub rows: usize,
    /// Seed of the draw.
    pub seed: u64,
}

/// A named linear regression.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Short name.
    pub name: String,
    /// What it is and how it was prepared.
    pub description: String,
    /// Source and licence, where there is one.
    pub attribution: Option<String>,
    /// Features and targets.
    pub problem: LeastSquares,
}

impl Dataset {
    /// The UCI handwritten digits test set: 1,797 images of 8 x 8 pixels in units of 1/16, ten one-hot outputs (or the
    /// digit itself as a single target).
    ///
    /// # Errors
    /// [`SimError::InvalidValue`] when `rows` is 0 or above 1,797.
    ///
    /// ```
    /// use langevin_sim::data::{Dataset, Standardize};
    /// let digits = Dataset::digits(Standardize::Center, true, None).unwrap();
    /// assert_eq!((digits.problem.samples(), digits.problem.dimension(), digits.problem.outputs()), (1797, 64, 10));
    /// ```
    pub fn digits(standardize: Standardize, one_hot: bool, rows: Option<usize>) -> Result<Self> {
        let (pixels, labels) = digits::read()?;
        let (features, labels) = first_rows(pixels / 16.0, labels, rows)?;
        let targets = if one_hot { one_hot_targets(&labels)? } else { DMatrix::from_vec(labels.len(), 1, labels) };
        Ok(Self {
            name: "digits".into(),
            description: format!(
                "8 x 8 images of handwritten digits, pixels in units of 1/16{}, {}",
                described(standardize),
                if one_hot { "one-hot labels" } else { "the digit as target" }
            ),
            attribution: Some(DIGITS_ATTRIBUTION.into()),
            problem: LeastSquares::new(standardized(features, standardize), targets)?,
        })
    }

    /// A comma-separated file of numbers, with or without a header line. `target` names the target column by its header
    /// or its number counted from 0; without it the last column is taken.
    ///
    /// # Errors
    /// [`SimError::File`], [`SimError::Line`] (text, NaN, an infinity, a missing field), [`SimError::Table`].
    pub fn csv(
        path: &Path,
        target: Option<&str>,
        standardize: Standardize,
        one_hot: bool,
        rows: Option<usize>,
    ) -> Result<Self> {
        let (features, labels) = table::read(path, target)?;
        let (features, labels) = first_rows(features, labels, rows)?;
        let targets = if one_hot { one_hot_targets(&labels)? } else { DMatrix::from_vec(labels.len(), 1, labels) };
        Ok(Self {
            name: path.file_name().map_or_else(|| "csv".into(), |name| name.to_string_lossy().into_owned()),
            description: format!(
                "{} rows of a CSV file{}{}",
                features.nrows(),
                described(standardize),
                if one_hot { ", one-hot labels" } else { "" }
            ),
            attribution: None,
            problem: LeastSquares::new(standardized(features, standardize), targets)?,
        })
    }

    /// Synthetic Gaussian features with a given spectrum.
    ///
    /// # Errors
    /// [`SimError::InvalidValue`].
    ///
    /// ```
    /// use langevin_sim::data::{Dataset, GaussianSpec};
    /// let spec = GaussianSpec { eigenvalues: vec![1.0, 0.1], noise: 0.5, rows: 100, seed: 7 };
    /// let data = Dataset::gaussian(&spec).unwrap();
    /// assert_eq!(data.problem.dimension(), 2);
    /// ```
    pub fn gaussian(spec: &GaussianSpec) -> Result<Self> {
        gaussian::draw(spec)
    }

    /// Arrays given directly.
    ///
    /// # Errors
    /// [`SimError::Theory`] for shapes that do not fit or entries that are not finite.
    pub fn inline(features: DMatrix<f64>, targets: DMatrix<f64>, standardize: Standardize) -> Result<Self> {
        Ok(Self {
            name: "inline".into(),
            description: format!("{} rows given inline{}", features.nrows(), described(standardize)),
            attribution: None,
            problem: LeastSquares::new(standardized(features, standardize), targets)?,
        })
    }
}

impl RegressionTable {
    /// The training set of CIFAR-10 in its binary version: a folder with `data_batch_1.bin` to `data_batch_5.bin`, or one such
    /// file. Pixels are in units of 1/255; ten one-hot outputs, or the label itself.
    ///
    /// # Errors
    /// [`SimError::File`]; [`SimError::Table`] for a file that is not a whole number of records or a label above 9 (naming
    /// the record and its byte); [`SimError::InvalidValue`] for `rows`.
    pub fn cifar10(path: &Path, standardize: Standardize, one_hot: bool, rows: Option<usize>) -> Result<Self> {
        cifar10::read(path, standardize, one_hot, rows)
    }

    /// An IDX file of samples (MNIST's `train-images-idx3-ubyte`) and one of labels; without `target` the labels are looked
    /// for beside the images under MNIST's name. Bytes are in units of 1/255. Not compressed.
    ///
    /// # Errors
    /// As [`RegressionTable::cifar10`].
    pub fn idx(
        path: &Path,
        target: Option<&Path>,
        standardize: Standardize,
        one_hot: bool,
        rows: Option<usize>,
    ) -> Result<Self> {
        idx::read(path, target, standardize, one_hot, rows)
    }

    /// NumPy arrays: samples along the first axis of `path`, targets (N, or N x outputs) in `target`; C order, any real or
    /// integer type, values as they are.
    ///
    /// # Errors
    /// As [`RegressionTable::cifar10`]; [`SimError::Theory`] for NaN or an infinity.
    pub fn npy(
        path: &Path,
        target: &Path,
        standardize: Standardize,
        one_hot: bool,
        rows: Option<usize>,
    ) -> Result<Self> {
        npy::read(path, target, standardize, one_hot, rows)
    }
}

fn described(standardize: Standardize) -> &'static str {
    match standardize {
        Standardize::None => "",
        Standardize::Center => ", centred",
        Standardize::Unit => ", centred and scaled to unit variance",
    }
}

fn first_rows(features: DMatrix<f64>, labels: Vec<f64>, rows: Option<usize>) -> Result<(DMatrix<f64>, Vec<f64>)> {
    let available = labels.len();
    match rows {
        None => Ok((features, labels)),
        Some(count) if (1..=available).contains(&count) => {
            Ok((features.rows(0, count).into_owned(), labels[..count].to_vec()))
        }
        Some(count) => Err(SimError::InvalidValue {
            name: "rows",
            value: count.to_string(),
            admissible: format!("between 1 and the {available} rows there are"),
        }),
    }
}

fn standardized(mut features: DMatrix<f64>, standardize: Standardize) -> DMatrix<f64> {
    if standardize == Standardize::None {
        return features;
    }
    for mut column in features.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
        if standardize == Standardize::Unit {
            let deviation = (column.norm_squared() / column.len() as f64).sqrt();
            // a constant column has only rounding left
            if deviation > 1e-12 * mean.abs() {
                column /= deviation;
            } else {
                column.fill(0.0);
            }
        }
    }
    features
}

/// One column per distinct whole-number label, in ascending order.
fn one_hot_targets(labels: &[f64]) -> Result<DMatrix<f64>> {
    const MOST: usize = 1000;
    let mut classes: Vec<f64> = labels.to_vec();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    if let Some(bad) = classes.iter().find(|label| label.fract() != 0.0) {
        return Err(SimError::InvalidValue {
            name: "target",
            value: bad.to_string(),
            admissible: "a whole number when one_hot is set".into(),
        });
    }
    if classes.len() > MOST {
        return Err(SimError::InvalidValue {
            name: "the number of classes",
            value: classes.len().to_string(),
            admissible: format!("at most {MOST}"),
        });
    }
    Ok(DMatrix::from_fn(labels.len(), classes.len(), |row, class| {
        if labels[row].total_cmp(&classes[class]).is_eq() { 1.0 } else { 0.0 }
    }))
}
