//! The reference of reshuffled epochs, which have no exact law here: second moments measured on chains.
//!
//! Chains start at the ridge minimum and run whole epochs, first without being looked at. Only directions that relax several
//! times within that first part are compared.

use langevin_sim::Moments as Sampled;
use langevin_sim::observer::{ChainEnergies, EnergyObserver};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::Sampling;
use langevin_theory::discrete::ModeMap;
use langevin_theory::rivals::{Prediction, Silence};

use super::{Moments, Reference, no_limit};
use crate::error::{Result, VerifyError};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::scenario::{AfterBurnIn, Prepared, relaxation_steps};

/// Relaxation times after which a start at rest is forgotten.
const RELAXATIONS: f64 = 8.0;

/// Second moments per direction, summed over outputs.
pub(super) fn measure(problem: &Problem, prepared: &Prepared, progress: &Progress) -> Result<(Reference, Prediction)> {
    let sgd = problem.sgd;
    let rank = prepared.quadratic.rank();
    let maps: Vec<ModeMap> = prepared
        .quadratic
        .curvatures(sgd.weight_decay())
        .iter()
        .take(rank)
        .map(|&h| ModeMap::new(sgd.learning_rate(), sgd.momentum(), h))
        .collect();
    let epoch = (prepared.dataset.problem.samples() / sgd.batch_size()) as u64;
    let whole = |steps: f64| epoch * ((steps / epoch as f64).ceil() as u64).max(1);
    let slowest = maps.iter().map(relaxation_steps).fold(1.0, f64::max);
    let burn_in = whole((RELAXATIONS * slowest).min(problem.run.steps as f64));
    let last = burn_in + whole(problem.run.steps as f64) - 1;
    let directions: Vec<usize> =
        (0..rank).filter(|&index| RELAXATIONS * relaxation_steps(&maps[index]) <= burn_in as f64).collect();
    if directions.is_empty() {
        return Err(VerifyError::Input {
            detail: format!(
                "run.steps is {}, too few for any direction to forget the start; it must be at least {:.0}",
                problem.run.steps,
                RELAXATIONS * maps.iter().map(relaxation_steps).fold(f64::INFINITY, f64::min)
            ),
        });
    }
    let minimum = prepared.minimum_in_eigenbasis(sgd.weight_decay());
    let centre: Vec<f64> = minimum.as_slice().to_vec();
    let dimension = minimum.nrows();
    let noise = MinibatchNoise::new(&prepared.rotated, &sgd, Sampling::Reshuffle)?;
    let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &sgd, Start::Fixed(minimum), problem.run.seed)?;
    progress.name("reference");
    progress.expect(problem.run.chains * (last + 1));
    let observer = || AfterBurnIn { inner: EnergyObserver::new(&centre, dimension), from: burn_in };
    let records: Vec<ChainEnergies> =
        ensemble.run(0..problem.run.chains, last, observer, &|done| progress.advance(done));
    progress.finish();
    let moments = |one: &dyn Fn(&ChainEnergies) -> f64| Sampled::of(records.iter().map(one));
    let positions: Vec<Sampled> = (0..rank).map(|i| moments(&|record| record.position[i])).collect();
    let velocity: Vec<f64> = (0..rank).map(|i| moments(&|record| record.velocity[i]).mean()).collect();
    let position: Vec<f64> = positions.iter().map(Sampled::mean).collect();
    let standard_error = directions.iter().map(|&i| positions[i].standard_error() / position[i]).fold(0.0, f64::max);
    let complete = directions.len() == rank;
    let total = |value: f64| if complete { Ok(value) } else { Err(Silence::NotMeasured) };
    let eta = sgd.learning_rate();
    let prediction = Prediction {
        speed: total(eta * eta * velocity.iter().sum::<f64>()),
        kinetic_energy: total(0.5 * sgd.mass() * velocity.iter().sum::<f64>()),
        potential_energy: total(maps.iter().zip(&position).map(|(map, p)| 0.5 * map.curvature() * p).sum()),
        displacement: Err(Silence::NotMeasured),
        position_variance: Ok(position),
        velocity_variance: Ok(velocity),
    };
    let reference = Reference {
        id: "simulation".into(),
        name: format!("simulation ({} chains)", problem.run.chains),
        standard_error: standard_error.is_finite().then_some(standard_error),
        directions,
        moments: Moments::new(&prediction, no_limit()),
    };
    Ok((reference, prediction))
}
