//! Kinds `gaussian-pair` and `jko-step`: distances between Gaussian laws, and one step of the scheme of Theorem 1.

use langevin_theory::variational::{Gaussian, JkoStep};
use nalgebra::DVector;

use super::{Answer, matrix, vector};
use crate::document::Table;
use crate::error::Result;

fn gaussian(table: &mut Table, mean: &'static str, covariance: &'static str) -> Result<Gaussian> {
    let covariance = table.required_matrix(covariance)?;
    let mean = table.vector(mean)?.unwrap_or_else(|| DVector::zeros(covariance.nrows()));
    Ok(Gaussian::new(mean, &covariance)?)
}

pub(super) fn pair(mut table: Table, answer: &mut Answer) -> Result<()> {
    let first = gaussian(&mut table, "mean1", "covariance1")?;
    let second = gaussian(&mut table, "mean2", "covariance2")?;
    // an inverse temperature changes none of these quantities; it is accepted so that documents can be shared
    let kappa = table.number("kappa")?;
    if let Some(kappa) = kappa.filter(|&kappa| kappa <= 0.0) {
        return Err(table.refuse("kappa", kappa, "above 0").into());
    }
    table.finish()?;
    answer.put("w2_squared", first.wasserstein_squared(&second))?;
    answer.put("kl_12", first.kl_divergence(&second))?;
    answer.put("kl_21", second.kl_divergence(&first))?;
    answer.put("entropy1", first.entropy())?;
    answer.put("entropy2", second.entropy())
}

pub(super) fn jko(mut table: Table, answer: &mut Answer) -> Result<()> {
    let precision = table.required_matrix("precision")?;
    let kappa = table.number("kappa")?.unwrap_or(1.0);
    let before = gaussian(&mut table, "mean", "covariance")?;
    let step = table.required_number("step")?;
    table.finish()?;
    let scheme = JkoStep::new(&precision, kappa, step)?;
    let after = scheme.apply(&before)?;
    answer.put("mean", Ok(vector(after.mean())))?;
    answer.put("covariance", Ok(matrix(after.covariance())))?;
    answer.put("free_energy_before", scheme.free_energy(&before))?;
    answer.put("free_energy_after", scheme.free_energy_after(&before))
}
