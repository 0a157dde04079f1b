//! Kinds `discrete-mode` and `discrete`: the exact law of the recursion with constant noise.

use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::{Hyperparameters, Quadratic, TheoryError};
use nalgebra::DMatrix;
use serde_json::{Value, json};

use super::{Answer, each, matrix, small_matrix, steps};
use crate::document::Table;
use crate::error::Result;
use crate::problem::read_hyperparameters_with_batch;

pub(super) fn mode(mut table: Table, answer: &mut Answer) -> Result<()> {
    let learning_rate = table.required_number("learning_rate")?;
    let momentum = table.required_number("momentum")?;
    let curvature = table.required_number("curvature")?;
    let noise_variance = table.required_number("noise_variance")?;
    let position = table.number("position")?.unwrap_or(1.0);
    let steps = steps(&mut table)?;
    table.finish()?;
    Hyperparameters::new(learning_rate, momentum, 0.0, 1)?;
    if !(learning_rate * curvature).is_finite() {
        return Err(TheoryError::InvalidValue {
            name: "learning_rate * curvature",
            value: learning_rate * curvature,
            admissible: "finite",
        }
        .into());
    }
    let law = ModeLaw::new(ModeMap::new(learning_rate, momentum, curvature), noise_variance)?;
    answer.put("regime", Ok(law.map().regime().name()))?;
    answer.put("roots", Ok(json!(law.map().roots())))?;
    answer.put("stationary_covariance", law.stationary_covariance().map(small_matrix))?;
    answer.put("ratio_to_sde", if curvature == 0.0 { zero_curvature() } else { law.ratio_to_sde() })?;
    answer.put("lag_covariance", each(&steps, |lag| law.lag_covariance(lag).map(small_matrix)))?;
    answer.put("speed", law.speed())?;
    answer.put("displacement", each(&steps, |count| law.displacement(count).and_then(finite)))?;
    answer.put("displacement_from_rest", each(&steps, |count| law.displacement_from_rest(count).and_then(finite)))?;
    answer.put(
        "transient_mean",
        each(&steps, |count| law.transient_mean(position, 0.0, count).map(|mean| json!(mean))),
    )?;
    answer.put("transient_covariance", each(&steps, |count| law.transient_covariance(count).map(small_matrix)))?;
    answer.put("potential_energy", law.potential_energy())?;
    answer.put("kinetic_energy", law.kinetic_energy())
}

fn zero_curvature() -> langevin_theory::Result<f64> {
    Err(TheoryError::Singular { what: "zero curvature: neither law has a stationary position" })
}

fn finite(value: f64) -> langevin_theory::Result<Value> {
    if value.is_finite() { Ok(value.into()) } else { Err(TheoryError::Overflow { what: "the displacement" }) }
}

pub(super) fn law(mut table: Table, answer: &mut Answer) -> Result<()> {
    let sgd = read_hyperparameters_with_batch(&mut table, 1)?;
    let hessian = table.required_matrix("hessian")?;
    let noise = table.required_matrix("noise_covariance")?;
    let steps = steps(&mut table)?;
    table.finish()?;
    let size = hessian.nrows();
    let quadratic = Quadratic::new(hessian, DMatrix::zeros(size, 1))?;
    let law = ConstantNoiseLaw::new(&quadratic, sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), &noise)?;
    answer.put("stationary_covariance", law.stationary_covariance().map(|full| matrix(&full)))?;
    answer.put("speed", law.speed())?;
    answer.put("displacement", each(&steps, |count| law.displacement(count).and_then(finite)))?;
    answer.put("lag_covariance", each(&steps, |lag| law.lag_covariance(lag).map(|full| matrix(&full))))?;
    answer.put("potential_energy", law.potential_energy())?;
    answer.put("kinetic_energy", law.kinetic_energy())?;
    answer.put("spectral_radius", Ok(law.spectral_radius()))
}
