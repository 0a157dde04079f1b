//! A data set so small that all batches can be enumerated: the variance of a chain's average is known exactly, and a Catoni
//! e-value decides without any assumption about tails (layer L2).

use langevin_sim::Dataset;
use langevin_sim::data::GaussianSpec;
use langevin_sim::observer::EnergyObserver;
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Sampling};
use nalgebra::DMatrix;

use super::average_variance::EnumeratedMaps;
use super::kills::Decided;
use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{Layer, Prediction, ScenarioSummary, Verdict};
use crate::statistics::{Finding, Rates, Untestable, catoni};

/// Steps of each chain.
const STEPS: u64 = 200;

/// Six samples, two features, batches of two.
pub struct TinyMinibatch {
    /// Resolution of the pooled variance ratio.
    pub target: f64,
}

impl TinyMinibatch {
    /// The data, and hyperparameters at which fourth moments contract.
    fn problem() -> Result<(Dataset, Hyperparameters)> {
        let spec = GaussianSpec { eigenvalues: vec![1.0, 0.4], noise: 0.5, rows: 6, seed: 5 };
        let data = Dataset::gaussian(&spec)?;
        let mut sgd = Hyperparameters::new(1.0, 0.8, 0.1, 2)?;
        let law = MinibatchLaw::new(&data.problem, &sgd, Sampling::WithReplacement)?;
        let mut rate = 0.5 * law.learning_rate_limit()?.unwrap_or(1.0);
        loop {
            sgd = sgd.with_learning_rate(rate)?;
            let maps = EnumeratedMaps::new(&data.problem, &sgd, Sampling::WithReplacement, law.minimum_ridge());
            if maps.fourth_moment_growth() < 0.99 {
                return Ok((data, sgd));
            }
            rate *= 0.8;
        }
    }

    /// Both checks, stopped by the gate.
    fn stopped(&self, context: &Context<'_>, reason: &Untestable) -> Outcome {
        let mut outcome = Outcome::default();
        for spec in self.checks() {
            let made = Made {
                layer: Layer::L2,
                method: "Catoni e-value",
                quantity: "variance, measured / exact".into(),
                unit: "relative",
                samples: 0,
                note: None,
            };
            let mut record = context.record(self.id(), &spec, made);
            super::stop(&mut record, Some(reason.clone()));
            outcome.checks.push(record);
        }
        outcome
    }

    /// Mutants that have a stationary law of every direction.
    fn rivals(
        prepared: &Prepared,
        law: &MinibatchLaw,
        second: &DMatrix<f64>,
        sgd: &Hyperparameters,
    ) -> Result<Vec<(Mutant, Vec<ModeTheory>)>> {
        let data = &prepared.rotated;
        let noise = law.gradient_noise_covariance(0)?;
        let residual = data.features() * law.minimum_ridge() - data.targets();
        let samples = data.samples() as f64;
        let directions: Vec<Direction> = (0..data.dimension())
            .map(|i| Direction {
                sgd: *sgd,
                eigenvalue: prepared.quadratic.eigenvalues()[i],
                position: second[(i, i)],
                noise: noise[(i, i)],
                sigma2: residual.norm_squared() / samples,
                samples_per_batch: Some(samples / sgd.batch_size() as f64),
                with_replacement: None,
            })
            .collect();
        let mut rivals = Vec::new();
        for mutant in Mutant::ALL {
            let modes: Option<Vec<ModeTheory>> = directions
                .iter()
                .map(|direction| ModeTheory::mutated(mutant, direction))
                .collect::<Result<Vec<Option<ModeTheory>>>>()?
                .into_iter()
                .collect();
            rivals.extend(modes.map(|modes| (mutant, modes)));
        }
        Ok(rivals)
    }
}

impl Scenario for TinyMinibatch {
    fn id(&self) -> &'static str {
        "tiny-minibatch"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![
            CheckSpec::sampled("stationary-positions", "pooled", self.target),
            CheckSpec::sampled("stationary-velocities", "pooled", self.target),
        ]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let (data, sgd) = Self::problem()?;
        let law = MinibatchLaw::new(&data.problem, &sgd, Sampling::WithReplacement)?;
        let second = law.stationary_second_moment_in_eigenbasis(0)?;
        let d = data.problem.dimension();
        Ok(vec![
            predicted_settings(&sgd),
            Prediction::new("position_variance", (0..d).map(|i| second[(i, i)])),
            Prediction::new("velocity_variance", (d..2 * d).map(|i| second[(i, i)])),
            Prediction::new("learning_rate_limit", law.learning_rate_limit()?),
            Prediction::new("spectral_radius", [law.spectral_radius()?]),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let (data, sgd) = Self::problem()?;
        let prepared = Prepared::new(data)?;
        let rotated = &prepared.rotated;
        let law = MinibatchLaw::new(rotated, &sgd, Sampling::WithReplacement)?;
        // the data are already in the eigenbasis, up to signs that do not matter to squares
        let second = law.stationary_second_moment(0)?;
        let d = rotated.dimension();
        let mut augmented = DMatrix::zeros(1 + 2 * d, 1 + 2 * d);
        augmented[(0, 0)] = 1.0;
        augmented.view_mut((1, 1), (2 * d, 2 * d)).copy_from(&second);
        let maps = EnumeratedMaps::new(rotated, &sgd, Sampling::WithReplacement, law.minimum_ridge());

        let specs = self.checks();
        let weights: Vec<DMatrix<f64>> = [0, d]
            .into_iter()
            .map(|offset| {
                let mut weight = DMatrix::zeros(1 + 2 * d, 1 + 2 * d);
                for i in offset..offset + d {
                    weight[(1 + i, 1 + i)] = 1.0 / (d as f64 * second[(i, i)]);
                }
                weight
            })
            .collect();
        let variances = match maps.gated_variances(&augmented, &weights, STEPS) {
            Ok(variances) => variances,
            Err(reason) => return Ok(self.stopped(context, &reason)),
        };
        let mut chains = 0;
        for (spec, &variance) in specs.iter().zip(&variances) {
            let Rates { alpha, power } = context.rates(self.id(), spec)?;
            chains = chains.max(catoni::values_needed(spec.target, variance, alpha, power));
        }
        let noise = MinibatchNoise::new(rotated, &sgd, Sampling::WithReplacement)?;
        let roots = vec![covariance_root("the stationary covariance", &second)?];
        let start = Start::Gaussian { mean: law.minimum_ridge().clone(), roots };
        let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &sgd, start, context.seed_of(self.id()))?;
        let centre: Vec<f64> = law.minimum_ridge().as_slice().to_vec();
        let records = context.run_chains(&ensemble, 0..chains, STEPS, || EnergyObserver::new(&centre, d));

        let rivals = Self::rivals(&prepared, &law, &second, &sgd)?;
        let mut outcome = Outcome::default();
        for (part, spec) in specs.iter().enumerate() {
            let Rates { alpha, power } = context.rates(self.id(), spec)?;
            let claimed = |i: usize| second[(part * d + i, part * d + i)];
            let values: Vec<f64> = records
                .iter()
                .map(|record| {
                    let energies = [&record.position, &record.velocity][part];
                    (0..d).map(|i| energies[i] / (d as f64 * claimed(i))).sum::<f64>() - 1.0
                })
                .collect();
            let variance = variances[part];
            let log_e = catoni::log_e_value(&values, 0.0, variance, alpha);
            let (interval, effect) = catoni::interval(&values, variance, alpha);
            let shift = catoni::minimum_detectable_shift(values.len(), variance, alpha, power);
            let word = ["position", "velocity"][part];
            let mut record = context.record(
                self.id(),
                spec,
                Made {
                    layer: Layer::L2,
                    method: "Catoni e-value",
                    quantity: format!("{word} variance, measured / exact, pooled over {d} modes"),
                    unit: "relative",
                    samples: chains,
                    note: Some(format!(
                        "standard deviation of a chain's average from the theory: {:.4}",
                        variance.value().sqrt()
                    )),
                },
            );
            record.effect = effect;
            record.interval = super::finite_interval(interval);
            record.minimum_detectable_effect = Some(shift);
            record.power = Some(power);
            record.alpha = Some(alpha);
            // beyond the range of double precision an e-value is reported at its end
            record.e_value = Some(log_e.min(700.0).exp());
            let threshold = (1.0 / alpha).ln();
            // neither for an e-value that is NaN
            record.verdict = if log_e >= threshold {
                Verdict::Refuted
            } else if log_e < threshold && shift <= spec.target {
                Verdict::Supported
            } else {
                Verdict::Undecided
            };
            let finding = Finding {
                effect,
                interval,
                minimum_detectable_effect: shift,
                p_value: (-log_e).exp().min(1.0),
                untestable: None,
            };
            let decided = Decided { record, findings: vec![finding], rates: Rates { alpha, power } };
            for (mutant, modes) in &rivals {
                // the mean of the numbers of a check as the mutant has it
                let mean = modes
                    .iter()
                    .enumerate()
                    .map(|(i, mode)| [mode.position(), mode.velocity()][part] / (d as f64 * claimed(i)))
                    .sum::<f64>()
                    - 1.0;
                let p_value = |_, _| (-catoni::log_e_value(&values, mean, variance, alpha)).exp().min(1.0);
                outcome.kills.extend(decided.kill(*mutant, |_| Some(effect - mean), p_value));
            }
            outcome.checks.push(decided.record);
        }
        outcome.summary = Some(ScenarioSummary {
            id: self.id().into(),
            description: "six samples, two features: all batches enumerated".into(),
            learning_rate: sgd.learning_rate(),
            momentum: sgd.momentum(),
            weight_decay: sgd.weight_decay(),
            batch_size: sgd.batch_size(),
            sampling: Sampling::WithReplacement.name().into(),
            noise: "minibatch".into(),
            chains,
            steps: STEPS,
            modes_resolved: d,
            modes: d,
            stability_fraction: law.learning_rate_limit()?.map(|limit| sgd.learning_rate() / limit),
            spectral_radius: Some(law.spectral_radius()?),
            sde_error_assumption3: None,
            sde_error_true_noise: None,
            seed: context.seed_of(self.id()),
        });
        Ok(outcome)
    }
}
