//! Kinds `gaussian-features` (streaming regression with Gaussian features) and `epoch-noise` (one direction under reshuffled
//! epochs).

use langevin_theory::minibatch::GaussianFeatures;
use langevin_theory::reshuffle::EpochNoise;
use langevin_theory::{Hyperparameters, TheoryError};
use serde_json::{Value, json};

use super::Answer;
use crate::document::{DocumentError, Table};
use crate::error::Result;
use crate::problem::read_hyperparameters;

pub(super) fn gaussian_features(mut table: Table, answer: &mut Answer) -> Result<()> {
    let sgd = read_hyperparameters(&mut table)?;
    let eigenvalues = table.numbers("eigenvalues")?.ok_or_else(|| DocumentError::Missing {
        path: "eigenvalues".into(),
        admissible: "a list of numbers of at least 0".into(),
    })?;
    let sigma2 = table.number("sigma2")?.unwrap_or(1.0);
    table.finish()?;
    let law = GaussianFeatures::new(&sgd, &eigenvalues, sigma2)?;
    answer.put("stable", Ok(law.is_stable()))?;
    answer.put("stability_sum", law.stability_sum())?;
    answer.put("variance_position", law.position_variances())?;
    answer.put("variance_velocity", law.velocity_variances())?;
    answer.put("spectral_radius", Ok(law.spectral_radius()))
}

/// Most batches of an epoch: the answer has a covariance for each.
const MOST_BATCHES: u64 = 200_000;

pub(super) fn epoch_noise(mut table: Table, answer: &mut Answer) -> Result<()> {
    let learning_rate = table.required_number("learning_rate")?;
    let momentum = table.required_number("momentum")?;
    let curvature = table.required_number("curvature")?;
    let noise_variance = table.required_number("noise_variance")?;
    let batches = table.required_count("batches_per_epoch")?;
    if batches > MOST_BATCHES {
        return Err(table.refuse("batches_per_epoch", batches, format!("at most {MOST_BATCHES}")).into());
    }
    let epochs = table.counts("epochs")?.unwrap_or_default();
    table.finish()?;
    Hyperparameters::new(learning_rate, momentum, 0.0, 1)?;
    let law = EpochNoise::new(learning_rate, momentum, curvature, noise_variance, batches);
    // wrong input is an error, a law that does not exist is not
    let law = match law {
        Err(error) if error.undefined_reason().is_none() => return Err(error.into()),
        other => other,
    };
    let of_law = |quantity: &dyn Fn(&EpochNoise) -> std::result::Result<Value, TheoryError>| {
        law.as_ref().map_err(Clone::clone).and_then(quantity)
    };
    answer.put(
        "covariance_by_position",
        of_law(&|law| {
            (0..law.batches_per_epoch()).map(|position| law.covariance(position).map(|c| json!(c))).collect()
        }),
    )?;
    answer.put("displacement", of_law(&|law| Ok(epochs.iter().map(|&count| law.displacement(count)).collect())))
}
