//! The stability edge (errata E03, E31; layer L1): the SDE is stable at every learning rate, the recursion only for
//! eta h < 2 (1 + beta). Two directions, one just below and one just above the edge, start at rest at the minimum; their
//! variances must follow the exact sums, of which the second grows without bound.

use langevin_sim::observer::SnapshotObserver;
use langevin_sim::sgd::{Ensemble, GaussianNoise, NoiseSource, Start};
use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::{Hyperparameters, Steps};
use nalgebra::DMatrix;

use super::kills::Tested;
use super::{CheckSpec, Context, Made, Outcome, Scenario};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{Layer, Prediction, ScenarioSummary};
use crate::statistics::{Rates, chi_square};

/// Snapshots of the two directions.
const STEPS: [u64; 4] = [1, 16, 64, 192];

/// Distance to the edge, relative.
const DISTANCE: f64 = 0.02;

/// One momentum, two directions.
pub struct StabilityEdge {
    /// beta.
    pub momentum: f64,
    /// Resolution of a variance ratio.
    pub target: f64,
}

impl StabilityEdge {
    fn maps(&self) -> [ModeMap; 2] {
        let edge = 2.0 * (1.0 + self.momentum);
        [1.0 - DISTANCE, 1.0 + DISTANCE].map(|factor| ModeMap::new(1.0, self.momentum, factor * edge))
    }
}

impl Scenario for StabilityEdge {
    fn id(&self) -> &'static str {
        "stability-edge"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![CheckSpec::sampled("stability-edge", "growth", self.target)]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::new();
        for (name, map) in ["variance_below_the_edge", "variance_above_the_edge"].into_iter().zip(self.maps()) {
            let law = ModeLaw::new(map, 1.0)?;
            let variances = STEPS.map(|step| Ok(law.transient_covariance(Steps(step))?[0][0]));
            predictions.push(Prediction::new(name, variances.into_iter().collect::<Result<Vec<f64>>>()?));
        }
        Ok(predictions)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let maps = self.maps();
        let sgd = Hyperparameters::new(1.0, self.momentum, 0.0, 1)?;
        let zero = DMatrix::zeros(2, 1);
        let curvature: Vec<f64> = maps.iter().map(ModeMap::curvature).collect();
        let noise = GaussianNoise::new(&curvature, &zero, &[DMatrix::identity(2, 2)])?;
        let ensemble =
            Ensemble::new(NoiseSource::Gaussian(noise), &sgd, Start::Fixed(zero), context.seed_of(self.id()))?;
        let members = 2 * STEPS.len();
        let mut outcome = Outcome::default();
        for spec in self.checks() {
            let Rates { alpha, power } = context.rates(self.id(), &spec)?;
            let replicas = chi_square::degrees_for(spec.target, Rates { alpha: alpha / members as f64, power }) as u64;
            let last = STEPS[STEPS.len() - 1];
            let kept = context.run_chains(&ensemble, 0..replicas, last, || SnapshotObserver::new(&STEPS));
            let variances = (0..members)
                .map(|index| {
                    let law = ModeLaw::new(maps[index % 2], 1.0)?;
                    Ok(law.transient_covariance(Steps(STEPS[index / 2]))?[0][0])
                })
                .collect::<langevin_theory::Result<Vec<f64>>>()?;
            let growth = variances[members - 1] / variances[members - 3];
            let made = Made {
                layer: Layer::L1,
                method: "chi-square",
                quantity: "position variance from rest, measured / exact".into(),
                unit: "relative",
                samples: replicas,
                note: Some(format!(
                    "{:.0} % above the edge the variance grows {growth:.3e}-fold from step {} to step {last}; below it settles",
                    100.0 * DISTANCE,
                    STEPS[STEPS.len() - 2],
                )),
            };
            let name = |index: usize| {
                let side = if index.is_multiple_of(2) { "below" } else { "above" };
                format!("{side} the edge, k = {}", STEPS[index / 2])
            };
            let sums: Vec<f64> = (0..members)
                .map(|index| kept.iter().map(|states| states[(index / 2, index % 2)].powi(2)).sum())
                .collect();
            let tested = |index: usize, variance: f64| Tested::ChiSquare {
                sum: sums[index] / variance,
                degrees: replicas as f64,
            };
            let decided = context.decide_family(self.id(), &spec, made, members, name, |index, rates| {
                tested(index, variances[index]).finding(rates)
            })?;
            // only the direction below the edge has a stationary law that a mutant could change
            let below = Direction {
                sgd,
                eigenvalue: curvature[0],
                position: ModeLaw::new(maps[0], 1.0)?.position_variance()?,
                noise: 1.0,
                sigma2: 1.0 / curvature[0],
                samples_per_batch: None,
                with_replacement: None,
            };
            for mutant in Mutant::ALL {
                let Some(theory) = ModeTheory::mutated(mutant, &below)? else { continue };
                let of = |index: usize| tested(index, theory.variance_from_rest(STEPS[index / 2]));
                let effect = |index: usize| index.is_multiple_of(2).then(|| of(index).effect());
                outcome.kills.extend(decided.kill(mutant, effect, |index, _| of(index).p_value()));
            }
            outcome.checks.push(decided.record);
            outcome.summary = Some(ScenarioSummary {
                id: self.id().into(),
                description: format!(
                    "two directions {:.0} % below and above the stability edge, Gaussian noise, from rest",
                    100.0 * DISTANCE
                ),
                learning_rate: 1.0,
                momentum: self.momentum,
                weight_decay: 0.0,
                batch_size: 1,
                sampling: "constant covariance".into(),
                noise: "gaussian".into(),
                chains: replicas,
                steps: last,
                modes_resolved: 2,
                modes: 2,
                stability_fraction: Some(1.0 + DISTANCE),
                spectral_radius: Some(maps[1].spectral_radius().powi(2)),
                sde_error_assumption3: None,
                sde_error_true_noise: None,
                seed: context.seed_of(self.id()),
            });
        }
        Ok(outcome)
    }
}
