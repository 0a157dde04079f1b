//! Kind `minibatch` with reshuffled epochs: exact by enumeration for small data. Step counts are numbers of epochs; moments
//! are listed at every position in the epoch, 0 being its boundary.

use langevin_theory::reshuffle::{EpochMoments, ReshuffledLaw};
use langevin_theory::{Hyperparameters, LeastSquares, Steps, TheoryError, gradient_noise};
use nalgebra::{DMatrix, DVector};
use serde_json::Value;

use super::{Answer, matrix, vector};
use crate::error::{Result, VerifyError};

pub(super) fn law(
    data: &LeastSquares,
    sgd: &Hyperparameters,
    position: Option<&DVector<f64>>,
    velocity: &DVector<f64>,
    steps: &[Steps],
    answer: &mut Answer,
) -> Result<()> {
    let law = ReshuffledLaw::new(data, sgd).map_err(|error| match error {
        TheoryError::NoExactLaw { .. } => VerifyError::Input {
            detail: format!(
                "sampling is \"reshuffle\" with {} samples of {} features in batches of {}: {error}",
                data.samples(),
                data.dimension(),
                sgd.batch_size()
            ),
        },
        other => other.into(),
    })?;
    let epochs: Vec<u64> = steps.iter().map(|count| count.0).collect();
    let quadratic = law.quadratic();
    let (outputs, dimension) = (data.outputs(), data.dimension());
    let per_output = |quantity: &dyn Fn(usize) -> langevin_theory::Result<Value>| {
        if outputs == 1 { quantity(0) } else { (0..outputs).map(quantity).collect::<langevin_theory::Result<Value>>() }
    };
    let minimum = law.minimum_ridge();
    answer.put("minimum_ridge", per_output(&|output| Ok(vector(&minimum.column(output).into_owned()))))?;
    answer.put("hessian", Ok(matrix(quadratic.hessian())))?;
    answer.put(
        "gradient_noise_covariance",
        per_output(&|output| gradient_noise::covariance(data, minimum, output).map(|full| matrix(&full))),
    )?;
    let stationary =
        (0..outputs).map(|output| law.stationary(output)).collect::<langevin_theory::Result<Vec<Vec<EpochMoments>>>>();
    let of_stationary = |quantity: &dyn Fn(&EpochMoments) -> Value| {
        stationary.clone().map(|all| {
            let lists: Vec<Value> = all.iter().map(|positions| positions.iter().map(quantity).collect()).collect();
            if outputs == 1 { lists[0].clone() } else { Value::Array(lists) }
        })
    };
    answer.put("stationary_mean", of_stationary(&|moments| vector(&moments.mean)))?;
    answer.put("stationary_second_moment", of_stationary(&|moments| matrix(&moments.second_moment)))?;
    let radius = law.spectral_radius();
    answer.put("stable", radius.clone().map(|radius| radius < 1.0))?;
    answer.put("spectral_radius", radius)?;
    answer.put(
        "learning_rate_limit",
        Err::<f64, _>(TheoryError::NoExactLaw {
            what: "the learning-rate limit of reshuffled epochs has no closed form",
        }),
    )?;
    answer.put("null_directions", Ok(dimension - quadratic.rank()))?;

    let transient = |quantity: fn(&EpochMoments) -> Value| {
        per_output(&|output| {
            let start = position.cloned().unwrap_or_else(|| minimum.column(output).into_owned());
            let all = law.transient(output, &start, velocity, &epochs)?;
            Ok(all.iter().map(|positions| positions.iter().map(quantity).collect::<Value>()).collect())
        })
    };
    answer.put("transient_mean", transient(|moments| vector(&moments.mean)))?;
    answer.put("transient_second_moment", transient(|moments| matrix(&moments.second_moment)))?;
    let displacement = (0..outputs).map(|output| law.displacement(output, &epochs)).try_fold(
        vec![0.0; epochs.len()],
        |mut sum, one| -> langevin_theory::Result<Vec<f64>> {
            sum.iter_mut().zip(one?).for_each(|(total, value)| *total += value);
            Ok(sum)
        },
    );
    answer.put("displacement", displacement)?;

    let curvature = quadratic.hessian() + DMatrix::identity(dimension, dimension) * sgd.weight_decay();
    let potential = |moments: &EpochMoments| {
        0.5 * (&curvature * moments.second_moment.view((0, 0), (dimension, dimension))).trace()
    };
    let kinetic = |moments: &EpochMoments| {
        0.5 * sgd.mass() * moments.second_moment.view((dimension, dimension), (dimension, dimension)).trace()
    };
    let summed = |energy: &dyn Fn(&EpochMoments) -> f64, offset: f64| {
        stationary.clone().map(|all| {
            (0..law.batches_per_epoch())
                .map(|place| offset + all.iter().map(|positions| energy(&positions[place])).sum::<f64>())
                .collect::<Vec<f64>>()
        })
    };
    answer.put("potential_energy", summed(&potential, 0.0))?;
    answer.put("excess_loss", summed(&potential, quadratic.loss_offset(sgd.weight_decay())))?;
    answer.put("kinetic_energy", summed(&kinetic, 0.0))
}
