//! Synthetic regression with Gaussian features (App. B's generative model).

use langevin_theory::LeastSquares;
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Dataset, GaussianSpec};
use crate::error::{Result, SimError};

/// Most numbers of a data set (8 GB).
const MOST_NUMBERS: usize = 1_000_000_000;

pub(super) fn draw(spec: &GaussianSpec) -> Result<Dataset> {
    let invalid = |name, value: String, admissible: &str| {
        Err(SimError::InvalidValue { name, value, admissible: admissible.into() })
    };
    if spec.eigenvalues.is_empty() {
        return invalid("eigenvalues", "empty".into(), "a list of at least one number");
    }
    if let Some(bad) = spec.eigenvalues.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
        return invalid("eigenvalues", bad.to_string(), "finite and at least 0");
    }
    if !(spec.noise.is_finite() && spec.noise >= 0.0) {
        return invalid("noise", spec.noise.to_string(), "finite and at least 0");
    }
    if spec.rows == 0 {
        return invalid("rows", "0".into(), "at least 1");
    }
    let mut stream = ChaCha8Rng::seed_from_u64(spec.seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let dimension = spec.eigenvalues.len();
    let weights: Vec<f64> = (0..dimension).map(|_| normal()).collect();
    if spec.rows.saturating_mul(dimension) > MOST_NUMBERS {
        let most = MOST_NUMBERS / dimension;
        return invalid("rows", spec.rows.to_string(), &format!("at most {most} with {dimension} eigenvalues"));
    }
    let mut features = DMatrix::zeros(spec.rows, dimension);
    let mut targets = DMatrix::zeros(spec.rows, 1);
    for row in 0..spec.rows {
        let mut target = 0.0;
        for column in 0..dimension {
            let value = spec.eigenvalues[column].sqrt() * normal();
            features[(row, column)] = value;
            target += value * weights[column];
        }
        targets[(row, 0)] = target + spec.noise * normal();
    }
    Ok(Dataset {
        name: "gaussian".into(),
        description: format!(
            "{} synthetic samples with {dimension} Gaussian features, label noise {}",
            spec.rows, spec.noise
        ),
        attribution: None,
        problem: LeastSquares::new(features, targets)?,
    })
}
