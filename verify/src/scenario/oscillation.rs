//! The mean from a fixed start along the top eigenvector, for one momentum (equation (7) and Figure 2): exact for any noise
//! with zero mean given the past, so true minibatch SGD is held against it (layer L2).

use std::sync::Arc;

use langevin_sim::Moments;
use langevin_sim::observer::{Observer, StateBlock};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::Oscillator;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Time};
use nalgebra::DMatrix;

use super::kills::refuting;
use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{Figures, Layer, OscillationFigure, OscillationSeries, Prediction, ScenarioSummary};
use crate::statistics::{Rates, chains};

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 2048;

/// Fewest chains: the noise of an underdamped mode is skewed at first.
const FEWEST_CHAINS: u64 = 8192;

/// Most chains.
const MOST_CHAINS: u64 = 400_000;

/// Number of step counts at which the mean is tested.
const TESTED: usize = 24;

/// The output of a data set that starts farthest from its minimum, from zero, at one momentum.
pub struct Oscillation {
    /// Stable name.
    pub id: String,
    /// The data.
    pub prepared: Arc<Prepared>,
    /// eta, beta, lambda, S.
    pub sgd: Hyperparameters,
    /// Steps of each chain.
    pub steps: u64,
    /// Resolution relative to the initial distance.
    pub target: f64,
}

/// Position and velocity of one coordinate at every step.
type Path = Vec<[f64; 2]>;

/// Keeps them.
struct Track {
    coordinate: usize,
    path: Path,
}

impl Observer for Track {
    type Output = Path;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.path.extend(block.rows().map(|(_, x, v)| [x[self.coordinate], v[self.coordinate]]));
    }

    fn finish(self) -> Self::Output {
        self.path
    }
}

impl Oscillation {
    fn tested_steps(&self) -> Vec<u64> {
        let mut steps: Vec<u64> =
            (1..=TESTED as u64).map(|n| (n * n * self.steps).div_ceil((TESTED * TESTED) as u64)).collect();
        steps.dedup();
        steps
    }
}

impl Scenario for Oscillation {
    fn id(&self) -> &str {
        &self.id
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![
            CheckSpec::sampled("transient-mean-position", "steps", self.target),
            CheckSpec::sampled("transient-mean-velocity", "steps", self.target),
        ]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let minima = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let distance = minima.row(0).amax();
        let curvature = self.prepared.quadratic.curvatures(self.sgd.weight_decay())[0];
        let map = ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), curvature);
        // towards the minimum, whatever the sign of the eigenvector
        let mean =
            |row: usize| self.tested_steps().into_iter().map(move |step| -map.matrix_power(step)[row][0] * distance);
        Ok(vec![
            predicted_settings(&self.sgd),
            Prediction::new("curvature", [curvature]),
            Prediction::new("mean_position", mean(0)),
            Prediction::new("mean_velocity", mean(1)),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let quadratic = &self.prepared.quadratic;
        let data = &self.prepared.rotated;
        let minima = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let output = minima.row(0).iamax_full().1;
        let single = LeastSquares::new(data.features().clone(), data.targets().columns(output, 1).into_owned())?;
        let minimum = minima[(0, output)];
        let curvature = quadratic.curvatures(self.sgd.weight_decay())[0];
        let map = ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), curvature);
        let distance = -minimum;
        let noise = MinibatchNoise::new(&single, &self.sgd, Sampling::WithReplacement)?;
        let start = Start::Fixed(DMatrix::zeros(single.dimension(), 1));
        let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &self.sgd, start, context.seed_of(&self.id))?;
        // velocities are compared in units of the largest the mean reaches
        let exact = |step: u64| {
            let power = map.matrix_power(step);
            [power[0][0] * distance, power[1][0] * distance]
        };
        let fastest = (0..=self.steps).map(|step| exact(step)[1].abs()).fold(f64::MIN_POSITIVE, f64::max);
        let scale = [distance.abs().max(f64::MIN_POSITIVE), fastest];
        let centre = [minimum, 0.0];
        let tested = self.tested_steps();
        // the SDE started as erratum E32 says: b(0) = (v_0 + v_1)/2, velocities half a step back
        let oscillator = Oscillator::new(&self.sgd, curvature);
        let sde = |step: u64| -> langevin_theory::Result<[f64; 2]> {
            let kick = -0.5 * curvature * distance;
            let now = oscillator.propagator(Time::new(self.sgd.learning_rate() * step as f64)?);
            let half = (step as f64 - 0.5).max(0.0);
            let before = oscillator.propagator(Time::new(self.sgd.learning_rate() * half)?);
            let velocity = before[1][0] * distance + before[1][1] * kick;
            Ok([now[0][0] * distance + now[0][1] * kick, if step == 0 { 0.0 } else { velocity }])
        };
        let mut sde_error = [0.0_f64; 2];
        for step in 0..=self.steps {
            let (discrete, continuous) = (exact(step), sde(step)?);
            for part in 0..2 {
                sde_error[part] = sde_error[part].max((discrete[part] - continuous[part]).abs() / scale[part]);
            }
        }
        // the numbers a check tests at one of the steps
        let values = |paths: &[Path], part: usize, step: u64| -> Vec<f64> {
            let law = exact(step)[part];
            paths.iter().map(|path| (path[step as usize][part] - centre[part] - law) / scale[part]).collect()
        };
        let run =
            |chains| context.run_chains(&ensemble, chains, self.steps, || Track { coordinate: 0, path: Vec::new() });
        // as in stationary scenarios, the pilot sets the number of chains and is then left out
        let pilot = run(0..PILOT);
        let mut needed = 0;
        for (part, spec) in self.checks().iter().enumerate() {
            let Rates { alpha, power } = context.rates(&self.id, spec)?;
            let rates = Rates { alpha: alpha / tested.len() as f64, power };
            for &step in &tested {
                let moments = Moments::of(values(&pilot, part, step));
                needed = needed.max(chains::chains_needed(&moments, spec.target, rates));
            }
        }
        let chains = (needed + needed * 3 / 10).clamp(FEWEST_CHAINS, MOST_CHAINS);
        let paths = run(PILOT..PILOT + chains);
        let chains_run = paths.len() as u64;
        // the mean does not depend on the noise
        let direction = Direction {
            sgd: self.sgd,
            eigenvalue: quadratic.eigenvalues()[0],
            position: 1.0,
            noise: 1.0,
            sigma2: 1.0,
            samples_per_batch: None,
            with_replacement: None,
        };
        let (mut checks, mut kills) = (Vec::new(), Vec::new());
        for (part, spec) in self.checks().into_iter().enumerate() {
            let word = ["position", "velocity"][part];
            let unit = ["the initial distance", "the largest mean velocity"][part];
            let made = Made {
                layer: Layer::L2,
                method: "Student t over chains",
                quantity: format!("mean {word} along the top eigenvector minus the law, in units of {unit}"),
                unit: "relative",
                samples: chains_run,
                note: Some(format!(
                    "{} mode; the SDE's mean (7) departs from the exact one by up to {:.2} % (E32)",
                    map.regime().name(),
                    100.0 * sde_error[part]
                )),
            };
            let name = |index: usize| format!("k = {}", tested[index]);
            let decided = context.decide_family(&self.id, &spec, made, tested.len(), name, |index, rates| {
                chains::test(&values(&paths, part, tested[index]), rates)
            })?;
            for mutant in Mutant::ALL {
                let Some(theory) = ModeTheory::mutated(mutant, &direction)? else { continue };
                // how much lower the numbers of a check are with the mutant's mean
                let shift = |index: usize| {
                    let step = tested[index];
                    (theory.mean(distance, step)[part] - exact(step)[part]) / scale[part]
                };
                let effect = |index: usize| Some(decided.findings[index].effect - shift(index));
                kills.extend(decided.kill(mutant, effect, |index, rates| {
                    let shifted: Vec<f64> =
                        values(&paths, part, tested[index]).iter().map(|value| value - shift(index)).collect();
                    refuting(&chains::test(&shifted, rates))
                }));
            }
            checks.push(decided.record);
        }
        let series = |part: usize| -> Result<OscillationSeries> {
            let steps = 0..=self.steps;
            let moments: Vec<Moments> = steps
                .clone()
                .map(|step| Moments::of(paths.iter().map(|path| path[step as usize][part] - centre[part])))
                .collect();
            Ok(OscillationSeries {
                single_chain: steps.clone().map(|step| paths[0][step as usize][part] - centre[part]).collect(),
                mean: moments.iter().map(Moments::mean).collect(),
                half_width: moments.iter().map(|one| 1.96 * one.standard_error()).collect(),
                exact: steps.clone().map(|step| exact(step)[part]).collect(),
                sde: steps.map(|step| Ok(sde(step)?[part])).collect::<langevin_theory::Result<Vec<f64>>>()?,
            })
        };
        let figure = OscillationFigure {
            scenario: self.id.clone(),
            momentum: self.sgd.momentum(),
            regime: map.regime().name().into(),
            curvature,
            steps: (0..=self.steps).collect(),
            position: series(0)?,
            velocity: series(1)?,
        };
        let summary = ScenarioSummary {
            id: self.id.clone(),
            description: format!("output {output} from zero, {} top mode", map.regime().name()),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.sgd.weight_decay(),
            batch_size: self.sgd.batch_size(),
            sampling: Sampling::WithReplacement.name().into(),
            noise: "minibatch".into(),
            chains: chains_run,
            steps: self.steps,
            modes_resolved: 1,
            modes: quadratic.rank(),
            stability_fraction: None,
            spectral_radius: Some(map.spectral_radius()),
            sde_error_assumption3: None,
            sde_error_true_noise: None,
            seed: context.seed_of(&self.id),
        };
        Ok(Outcome {
            checks,
            kills,
            summary: Some(summary),
            figures: Figures { oscillation: vec![figure], ..Figures::default() },
            ..Outcome::default()
        })
    }
}
