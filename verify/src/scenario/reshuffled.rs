//! Reshuffled epochs: batches of one epoch are anticorrelated, so the noise has memory and equipartition fails (errata E27,
//! E36). The claim of equipartition is tested where it must be refuted (layer L2).

use std::sync::Arc;

use langevin_sim::observer::{ChainEnergies, EnergyObserver, Observer, StateBlock};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_sim::{Dataset, Moments};
use langevin_theory::discrete::ModeMap;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};

use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings, relaxation_steps};
use crate::error::Result;
use crate::report::{EquipartitionFigure, Figures, Layer, Prediction, ScenarioSummary};
use crate::statistics::chains;

/// Number of chains: the effect is of order one.
const CHAINS: u64 = 1024;

/// A data set cut to whole epochs.
pub struct Reshuffled {
    prepared: Arc<Prepared>,
    sgd: Hyperparameters,
    /// Resolution of the energy ratio.
    target: f64,
}

impl Reshuffled {
    /// The data cut to the largest multiple of the batch size, or `None` when there are fewer than two batches.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn new(dataset: &Dataset, sgd: Hyperparameters, target: f64) -> Result<Option<Self>> {
        let rows = dataset.problem.samples() / sgd.batch_size() * sgd.batch_size();
        if rows < 2 * sgd.batch_size() {
            return Ok(None);
        }
        let problem = LeastSquares::new(
            dataset.problem.features().rows(0, rows).into_owned(),
            dataset.problem.targets().rows(0, rows).into_owned(),
        )?;
        let prepared = Prepared::new(Dataset { problem, ..dataset.clone() })?;
        Ok(Some(Self { prepared, sgd, target }))
    }
}

/// Hands on only what comes at or after a step.
pub(crate) struct AfterBurnIn<O> {
    /// Who looks at the rest.
    pub inner: O,
    /// First step that counts.
    pub from: u64,
}

impl<O: Observer> Observer for AfterBurnIn<O> {
    type Output = O::Output;

    fn observe(&mut self, block: &StateBlock<'_>) {
        let skipped = self.from.saturating_sub(block.first_step) as usize * block.width;
        if skipped < block.positions.len() {
            self.inner.observe(&StateBlock {
                first_step: block.first_step.max(self.from),
                positions: &block.positions[skipped..],
                velocities: &block.velocities[skipped..],
                width: block.width,
            });
        }
    }

    fn finish(self) -> Self::Output {
        self.inner.finish()
    }
}

impl Scenario for Reshuffled {
    fn id(&self) -> &'static str {
        "reshuffled"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![CheckSpec::sampled("equipartition-under-reshuffling", "mutant", self.target)]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        // the claim is equipartition itself: the mass, and the curvatures of the data cut to whole epochs
        let quadratic = &self.prepared.quadratic;
        let curvature = quadratic.curvatures(self.sgd.weight_decay());
        Ok(vec![
            predicted_settings(&self.sgd),
            Prediction::new("mass", [self.sgd.mass()]),
            Prediction::new("curvature", curvature.iter().take(quadratic.rank()).copied()),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let quadratic = &self.prepared.quadratic;
        let maps: Vec<ModeMap> = quadratic
            .curvatures(self.sgd.weight_decay())
            .iter()
            .take(quadratic.rank())
            .map(|&h| ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), h))
            .collect();
        let epoch = (self.prepared.dataset.problem.samples() / self.sgd.batch_size()) as u64;
        let slowest = maps.iter().map(relaxation_steps).fold(1.0, f64::max).min(500.0);
        // whole epochs: the state depends on the place inside one
        let burn_in = epoch * ((8.0 * slowest) / epoch as f64).ceil() as u64;
        let steps = burn_in + epoch * (400.0 / epoch as f64).ceil() as u64 - 1;
        let minimum = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let centre: Vec<f64> = minimum.as_slice().to_vec();
        let dimension = minimum.nrows();
        let noise = MinibatchNoise::new(&self.prepared.rotated, &self.sgd, Sampling::Reshuffle)?;
        let start = Start::Fixed(minimum);
        let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &self.sgd, start, context.seed_of(self.id()))?;
        let records: Vec<ChainEnergies> = context.run_chains(&ensemble, 0..CHAINS, steps, || AfterBurnIn {
            inner: EnergyObserver::new(&centre, dimension),
            from: burn_in,
        });
        let kinetic = |record: &ChainEnergies, i: usize| 0.5 * self.sgd.mass() * record.velocity[i];
        let potential = |record: &ChainEnergies, i: usize| 0.5 * maps[i].curvature() * record.position[i];
        let means: Vec<[f64; 2]> = (0..maps.len())
            .map(|i| {
                [
                    Moments::of(records.iter().map(|record| potential(record, i))).mean(),
                    Moments::of(records.iter().map(|record| kinetic(record, i))).mean(),
                ]
            })
            .collect();
        let total: f64 = means.iter().map(|[potential, _]| potential).sum();
        let kinetic_total: f64 = means.iter().map(|[_, kinetic]| kinetic).sum();
        let values: Vec<f64> = records
            .iter()
            .map(|record| (0..maps.len()).map(|i| kinetic(record, i) - potential(record, i)).sum::<f64>() / total)
            .collect();
        let mut outcome = Outcome::default();
        for spec in self.checks() {
            let made = Made {
                layer: Layer::L2,
                method: "Student t over chains",
                quantity: "kinetic - potential energy of all modes, relative to the potential".into(),
                unit: "relative",
                samples: CHAINS,
                note: Some(format!("potential energy {total:.4e}, kinetic energy {kinetic_total:.4e}")),
            };
            outcome.checks.push(context.decide(self.id(), &spec, made, |rates| chains::test(&values, rates))?.record);
        }
        outcome.summary = Some(ScenarioSummary {
            id: self.id().into(),
            description: format!("reshuffled epochs of {epoch} batches, after {burn_in} steps of burn-in"),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.sgd.weight_decay(),
            batch_size: self.sgd.batch_size(),
            sampling: Sampling::Reshuffle.name().into(),
            noise: "minibatch".into(),
            chains: CHAINS,
            steps,
            modes_resolved: maps.len(),
            modes: maps.len(),
            stability_fraction: None,
            spectral_radius: None,
            sde_error_assumption3: None,
            sde_error_true_noise: None,
            seed: context.seed_of(self.id()),
        });
        outcome.figures = Figures {
            equipartition: vec![EquipartitionFigure {
                scenario: self.id().into(),
                caption: "reshuffled epochs".into(),
                potential: means.iter().map(|mean| mean[0]).collect(),
                kinetic: means.iter().map(|mean| mean[1]).collect(),
            }],
            ..Figures::default()
        };
        Ok(outcome)
    }
}
