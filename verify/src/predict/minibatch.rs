//! Kind `minibatch`: the exact second moments with true minibatch noise.

use std::path::Path;

use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{LeastSquares, Sampling, Steps, TheoryError};
use nalgebra::DVector;
use serde_json::Value;

use super::{Answer, matrix, steps, vector};
use crate::document::Table;
use crate::error::{Result, VerifyError};
use crate::problem::{read_data, read_hyperparameters, read_sampling};

pub(super) fn law(mut table: Table, answer: &mut Answer, folder: &Path) -> Result<()> {
    let sgd = read_hyperparameters(&mut table)?;
    let sampling = read_sampling(&mut table)?;
    let data = read_regression(&mut table, folder)?;
    let position = table.vector("initial_position")?;
    let velocity = table.vector("initial_velocity")?.unwrap_or_else(|| DVector::zeros(data.dimension()));
    let steps = steps(&mut table)?;
    table.finish()?;
    if sampling == Sampling::Reshuffle {
        return super::reshuffle::law(&data, &sgd, position.as_ref(), &velocity, &steps, answer);
    }
    let law = MinibatchLaw::new(&data, &sgd, sampling)?;
    let quadratic = law.quadratic();
    let outputs = data.outputs();
    // one output: the quantity itself; several: a list with one entry per output
    let per_output = |quantity: &dyn Fn(usize) -> langevin_theory::Result<Value>| {
        if outputs == 1 {
            quantity(0)
        } else {
            (0..outputs).map(quantity).collect::<langevin_theory::Result<Vec<Value>>>().map(Value::Array)
        }
    };

    let minimum = law.minimum_ridge();
    answer.put("minimum_ridge", per_output(&|output| Ok(vector(&minimum.column(output).into_owned()))))?;
    answer.put("hessian", Ok(matrix(quadratic.hessian())))?;
    answer.put(
        "gradient_noise_covariance",
        per_output(&|output| law.gradient_noise_covariance(output).map(|full| matrix(&full))),
    )?;
    answer.put(
        "stationary_second_moment",
        per_output(&|output| law.stationary_second_moment(output).map(|full| matrix(&full))),
    )?;
    answer.put("spectral_radius", law.spectral_radius())?;
    answer.put("stable", law.is_stable())?;
    let limit = law
        .learning_rate_limit()
        .and_then(|limit| limit.ok_or(TheoryError::Infinite { what: "nothing limits the learning rate" }));
    answer.put("learning_rate_limit", limit)?;
    answer.put("null_directions", Ok(quadratic.dimension() - quadratic.rank()))?;

    let moments = |output: usize| -> langevin_theory::Result<(Value, Value)> {
        let start = position.clone().unwrap_or_else(|| minimum.column(output).into_owned());
        let mut transient = law.transient(output, &start, &velocity)?;
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|&index| steps[index]);
        let mut means = vec![Value::Null; steps.len()];
        let mut seconds = vec![Value::Null; steps.len()];
        for index in order {
            transient.advance_to(steps[index])?;
            means[index] = vector(&transient.mean());
            seconds[index] = matrix(&transient.second_moment());
        }
        Ok((Value::Array(means), Value::Array(seconds)))
    };
    let both = (0..outputs).map(moments).collect::<langevin_theory::Result<Vec<(Value, Value)>>>();
    let shaped = |pick: fn(&(Value, Value)) -> Value| {
        both.clone().map(|pairs| if outputs == 1 { pick(&pairs[0]) } else { pairs.iter().map(pick).collect() })
    };
    answer.put("transient_mean", shaped(|pair| pair.0.clone()))?;
    answer.put("transient_second_moment", shaped(|pair| pair.1.clone()))?;

    answer.put("displacement", displacement(&law, &steps))?;
    answer.put("speed", law.speed())?;
    answer.put("potential_energy", law.potential_energy())?;
    answer.put("excess_loss", law.excess_loss())?;
    answer.put("kinetic_energy", law.kinetic_energy())
}

fn displacement(law: &MinibatchLaw, steps: &[Steps]) -> langevin_theory::Result<Value> {
    law.displacement(steps).map(Value::from)
}

/// `features` and `targets`, or `data` as in a problem file.
fn read_regression(table: &mut Table, folder: &Path) -> Result<LeastSquares> {
    let features = table.matrix("features")?;
    let targets = table.matrix("targets")?;
    let data = table.table("data")?;
    match (features, targets, data) {
        (Some(features), Some(targets), None) => Ok(LeastSquares::new(features, targets)?),
        (None, None, Some(data)) => Ok(read_data(data, folder)?.problem),
        _ => Err(VerifyError::Input {
            detail: "the data are missing or given twice; features with targets, or data, must be given".into(),
        }),
    }
}
