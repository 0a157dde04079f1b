//! Displacement of SGD in the stationary state and its dependence on the hyperparameters (sections 2 and 7, Figures 1 and
//! 7), for linear regression: one hyperparameter swept through 20 evenly spaced values as in Table 4, scaled to the problem.
//!
//! The speed at every setting follows from one measured speed in two ways: by (16), `eta^2 / (S (1 - beta^2))` times a
//! constant, and with each direction's discretisation factor (erratum E03). Both are drawn with the exact law of minibatch
//! SGD, in which the noise also grows with the distance from the minimum (E26). At the ends of the sweeps the speed is tested
//! against the exact law and against (16) taken as exact (layer L2).
//!
//! Exponents are fitted as the paper does it, to |Delta_k|^2 over the number of steps (H.2, H.6); they are a property of the
//! window as much as of the process (errata E19, E20).

use std::sync::Arc;

use langevin_sim::Moments;
use langevin_sim::observer::{Observer, StateBlock};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::diffusion::{DiffusionStart, PowerLaw, displacement};
use langevin_theory::discrete::ModeLaw;
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Sampling, Steps};
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::kills::refuting;
use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::paper_tables::evenly_spaced;
use crate::report::{
    DiffusionFigure, Figures, FittedPowerLaw, Layer, Prediction, ScenarioSummary, Sweep, SweepFigure, SweepPoint,
};
use crate::statistics::{Rates, chains};

/// Chains and steps of a setting that is drawn.
const DRAWN_CHAINS: u64 = 128;
const DRAWN_STEPS: u64 = 512;

/// Steps between the displacements that are kept of it.
const DRAWN_EVERY: u64 = 8;

/// The same of the long chains of Figure 1.
const LONG_CHAINS: u64 = 64;
const LONG_STEPS: u64 = 4096;
const LONG_EVERY: u64 = 16;

/// Saved values in a moving average of the local displacement (H.2).
const MOVING_AVERAGE: usize = 15;

/// Fewest and most steps of a chain that is tested, and its multiplications: batches of few samples make skewed speeds, and
/// small problems can afford long chains.
const FEWEST_STEPS: u64 = 256;
const MOST_STEPS: u64 = 4000;
const TESTED_WORK: f64 = 6e5;

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 1024;

/// Most chains of a setting that is tested.
const MOST_CHAINS: u64 = 60_000;

/// The sweeps of one output of a data set.
pub struct Sweeps {
    /// With one output.
    prepared: Arc<Prepared>,
    default: Hyperparameters,
    /// Which output of the data that is.
    output: usize,
    target: f64,
    /// Name of the swept hyperparameter, and the settings.
    families: Vec<(&'static str, Vec<Hyperparameters>)>,
}

/// A setting with its exact law.
struct Setting {
    sgd: Hyperparameters,
    /// Directions with the constant noise that has the exact moments.
    exact: Vec<ModeLaw>,
    /// Directions with the constant noise of the minimum.
    minimum_noise: Vec<ModeLaw>,
    /// Directions as mutants see them.
    directions: Vec<Direction>,
    /// tr Sigma at the minimum.
    noise: f64,
    root: DMatrix<f64>,
}

impl Setting {
    fn speed(modes: &[ModeLaw]) -> Result<f64> {
        Ok(modes.iter().map(ModeLaw::speed).sum::<langevin_theory::Result<f64>>()?)
    }

    /// The speed by a mutant; `None` where it has none.
    fn mutated_speed(&self, mutant: Mutant) -> Result<Option<f64>> {
        let velocity =
            |direction: &Direction| Ok(ModeTheory::mutated(mutant, direction)?.map(|theory| theory.velocity()));
        let velocities = self.directions.iter().map(velocity).collect::<Result<Option<Vec<f64>>>>()?;
        Ok(velocities.map(|velocities| self.sgd.learning_rate().powi(2) * velocities.iter().sum::<f64>()))
    }

    /// Equation (16) for tr Sigma = 1.
    fn equation16(&self) -> f64 {
        self.sgd.learning_rate().powi(2) / self.sgd.kappa()
    }

    fn displacements(&self, steps: &[u64]) -> Result<Vec<f64>> {
        let at = |&step: &u64| displacement(&self.exact, DiffusionStart::Stationary, Steps(step));
        Ok(steps.iter().map(at).collect::<langevin_theory::Result<Vec<f64>>>()?)
    }
}

/// What is kept of a chain.
struct Path {
    /// |theta_k - theta_0|^2 at the kept steps.
    displacement: Vec<f64>,
    /// |theta_k - theta_{k-1}|^2 at the kept steps.
    local: Vec<f64>,
    /// Mean of |theta_k - theta_{k-1}|^2 over all steps.
    speed: f64,
}

struct PathObserver {
    every: u64,
    learning_rate: f64,
    origin: Vec<f64>,
    path: Path,
    steps: u64,
}

impl PathObserver {
    fn new(every: u64, learning_rate: f64) -> Self {
        let path = Path { displacement: Vec::new(), local: Vec::new(), speed: 0.0 };
        Self { every, learning_rate, origin: Vec::new(), path, steps: 0 }
    }
}

impl Observer for PathObserver {
    type Output = Path;

    fn observe(&mut self, block: &StateBlock<'_>) {
        for (step, position, velocity) in block.rows() {
            if step == 0 {
                self.origin = position.to_vec();
                continue;
            }
            let local = self.learning_rate.powi(2) * velocity.iter().map(|v| v * v).sum::<f64>();
            self.path.speed += local;
            self.steps += 1;
            if step % self.every == 0 {
                self.path.local.push(local);
                let square = |(now, then): (&f64, &f64)| (now - then) * (now - then);
                self.path.displacement.push(position.iter().zip(&self.origin).map(square).sum());
            }
        }
    }

    fn finish(mut self) -> Path {
        self.path.speed /= self.steps.max(1) as f64;
        self.path
    }
}

/// Means over chains, one per kept step, with the chains' values there.
fn means(paths: &[Path]) -> Vec<Moments> {
    let kept = paths.first().map_or(0, |path| path.displacement.len());
    (0..kept).map(|index| Moments::of(paths.iter().map(|path| path.displacement[index]))).collect()
}

/// The exponent fitted to the mean displacement, and the half width of its 95 % interval by the delta method: the exponent is
/// linear in the logarithms of the means, so each chain contributes `sum_k w_k D_k / mean D_k`.
fn fitted_exponent(steps: &[u64], paths: &[Path]) -> Result<(f64, f64)> {
    let means = means(paths);
    let curve: Vec<(f64, f64)> = steps.iter().zip(&means).map(|(&k, one)| (k as f64, one.mean())).collect();
    let exponent = PowerLaw::fit(&curve)?.exponent;
    let logarithms: Vec<f64> = curve.iter().map(|(k, _)| k.ln()).collect();
    let middle = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
    let spread: f64 = logarithms.iter().map(|x| (x - middle).powi(2)).sum();
    let parts = Moments::of(paths.iter().map(|path| {
        let terms = path.displacement.iter().zip(&means).zip(&logarithms);
        terms.map(|((value, mean), x)| (x - middle) / spread * value / mean.mean()).sum::<f64>()
    }));
    Ok((exponent, 1.96 * parts.standard_error()))
}

/// The paper's fit: the last two thirds of the saved values (H.2).
fn last_two_thirds(steps: &[u64], values: &[f64]) -> Result<FittedPowerLaw> {
    let first = steps.len() / 3;
    let curve: Vec<(f64, f64)> = steps.iter().zip(values).skip(first).map(|(&k, &value)| (k as f64, value)).collect();
    let fit = PowerLaw::fit(&curve)?;
    let window = [steps[first], steps.last().copied().unwrap_or(0)];
    Ok(FittedPowerLaw { window, exponent: fit.exponent, prefactor: fit.prefactor })
}

fn kept_steps(steps: u64, every: u64) -> Vec<u64> {
    (1..=steps / every).map(|n| n * every).collect()
}

impl Sweeps {
    /// Ends of the sweep of the batch size as in Table 4, an eighth to four times the default, within the data.
    pub fn batch_ends(batch: usize, samples: usize) -> [usize; 2] {
        [batch.div_ceil(8), (4 * batch).min(samples)]
    }

    /// Ends of the sweep of the momentum, as in Table 4.
    pub const MOMENTUM_ENDS: [f64; 2] = [0.8, 0.99];

    /// Factor between the default learning rate and the ends of its sweep, as in Table 4.
    pub const RATE_FACTOR: f64 = 10.0;

    /// The sweeps around a default; every setting must be mean-square stable.
    ///
    /// # Errors
    /// [`crate::VerifyError::Theory`] for a default whose sweep leaves what is admissible.
    pub fn new(prepared: &Arc<Prepared>, default: Hyperparameters, target: f64) -> Result<Self> {
        let (eta, b, decay, batch) =
            (default.learning_rate(), default.momentum(), default.weight_decay(), default.batch_size());
        let rates = evenly_spaced(eta / Self::RATE_FACTOR, eta * Self::RATE_FACTOR)
            .into_iter()
            .map(|rate| default.with_learning_rate(rate))
            .collect::<langevin_theory::Result<Vec<Hyperparameters>>>()?;
        let [fewest, most] = Self::batch_ends(batch, prepared.dataset.problem.samples());
        let mut sizes: Vec<usize> =
            evenly_spaced(fewest as f64, most as f64).into_iter().map(|size| size.round() as usize).collect();
        sizes.dedup();
        let sizes = sizes
            .into_iter()
            .map(|size| Hyperparameters::new(eta, b, decay, size))
            .collect::<langevin_theory::Result<Vec<Hyperparameters>>>()?;
        let [low, high] = Self::MOMENTUM_ENDS;
        let momenta = evenly_spaced(low, high)
            .into_iter()
            .map(|momentum| Hyperparameters::new(eta, momentum, decay, batch))
            .collect::<langevin_theory::Result<Vec<Hyperparameters>>>()?;
        let families = vec![("learning_rate", rates), ("batch_size", sizes), ("momentum", momenta)];
        let output = prepared.noisiest_output(decay);
        Ok(Self { prepared: prepared.single_output(output)?, default, output, target, families })
    }

    fn tested_steps(&self) -> u64 {
        let work = self.default.batch_size() * self.prepared.dataset.problem.dimension();
        ((TESTED_WORK / work as f64) as u64).clamp(FEWEST_STEPS, MOST_STEPS)
    }

    fn setting(&self, sgd: &Hyperparameters) -> Result<Setting> {
        let quadratic = &self.prepared.quadratic;
        let data = &self.prepared.dataset.problem;
        let law = MinibatchLaw::with_quadratic(data, quadratic, sgd, Sampling::WithReplacement)?;
        let position = law.stationary_position_in_eigenbasis(0)?;
        let rank = quadratic.rank();
        let noise = quadratic.to_eigenbasis(&law.gradient_noise_covariance(0)?)?;
        let minimum_noise = law
            .maps()
            .into_iter()
            .take(rank)
            .enumerate()
            .map(|(i, map)| ModeLaw::new(map, law.noise_factor() * noise[(i, i)].max(0.0)))
            .collect::<langevin_theory::Result<Vec<ModeLaw>>>()?;
        let minimum = quadratic.minimum_ridge(sgd.weight_decay());
        let sigma2 = (data.features() * minimum - data.targets()).norm_squared() / data.samples() as f64;
        let direction = |i: usize| Direction {
            sgd: *sgd,
            eigenvalue: quadratic.eigenvalues()[i],
            position: position[(i, i)],
            noise: noise[(i, i)],
            sigma2,
            samples_per_batch: Some(data.samples() as f64 / sgd.batch_size() as f64),
            with_replacement: None,
        };
        Ok(Setting {
            sgd: *sgd,
            directions: (0..rank).map(direction).collect(),
            exact: law.equivalent_modes(&position)?.into_iter().take(rank).collect(),
            minimum_noise,
            noise: (0..rank).map(|i| noise[(i, i)]).sum(),
            root: covariance_root("the stationary covariance", &law.phase_space_moment(&position)?)?,
        })
    }

    fn ensemble(&self, setting: &Setting, seed: u64) -> Result<Ensemble> {
        let mean = self.prepared.minimum_in_eigenbasis(setting.sgd.weight_decay());
        let noise = MinibatchNoise::new(&self.prepared.rotated, &setting.sgd, Sampling::WithReplacement)?;
        let start = Start::Gaussian { mean, roots: vec![setting.root.clone()] };
        Ok(Ensemble::new(NoiseSource::Minibatch(noise), &setting.sgd, start, seed)?)
    }

    /// Measures the settings of the sweeps, coarsely, for the drawing.
    fn measured(&self, context: &Context<'_>, name: &str, settings: &[Setting]) -> Result<Vec<Vec<Path>>> {
        settings
            .iter()
            .enumerate()
            .map(|(index, setting)| {
                let seed = context.seed_of(&format!("{}/{name}/{index}", self.id()));
                let ensemble = self.ensemble(setting, seed)?;
                let rate = setting.sgd.learning_rate();
                Ok(context.run_chains(&ensemble, 0..DRAWN_CHAINS, DRAWN_STEPS, || PathObserver::new(DRAWN_EVERY, rate)))
            })
            .collect()
    }

    fn diffusion(&self, context: &Context<'_>, setting: &Setting) -> Result<DiffusionFigure> {
        let seed = context.seed_of(&format!("{}/long", self.id()));
        let ensemble = self.ensemble(setting, seed)?;
        let rate = setting.sgd.learning_rate();
        let paths = context.run_chains(&ensemble, 0..LONG_CHAINS, LONG_STEPS, || PathObserver::new(LONG_EVERY, rate));
        let steps = kept_steps(LONG_STEPS, LONG_EVERY);
        let exact = setting.displacements(&steps)?;
        let means = means(&paths);
        let local = paths[0].local.clone();
        let local_average = (0..local.len())
            .map(|index| {
                let window =
                    &local[index.saturating_sub(MOVING_AVERAGE / 2)..local.len().min(index + MOVING_AVERAGE / 2 + 1)];
                window.iter().sum::<f64>() / window.len() as f64
            })
            .collect();
        Ok(DiffusionFigure {
            scenario: self.id().into(),
            learning_rate: rate,
            momentum: setting.sgd.momentum(),
            batch_size: setting.sgd.batch_size(),
            chains: LONG_CHAINS,
            local,
            local_average,
            speed: Setting::speed(&setting.exact)?,
            speed_equation16: setting.equation16() * setting.noise,
            single_fit: last_two_thirds(&steps, &paths[0].displacement)?,
            single_chain: paths[0].displacement.clone(),
            mean: means.iter().map(Moments::mean).collect(),
            half_width: means.iter().map(|one| 1.96 * one.standard_error()).collect(),
            exact_fit: last_two_thirds(&steps, &exact)?,
            exact,
            steps,
        })
    }

    /// Chains of the settings at the ends of the sweeps, enough of them for the checks.
    fn tested(&self, context: &Context<'_>, ends: &[&Setting]) -> Result<Vec<Vec<f64>>> {
        let spec = &self.checks()[0];
        let steps = self.tested_steps();
        let Rates { alpha, power } = context.rates(self.id(), spec)?;
        let rates = Rates { alpha: alpha / ends.len() as f64, power };
        ends.iter()
            .enumerate()
            .map(|(index, setting)| {
                let seed = context.seed_of(&format!("{}/tested/{index}", self.id()));
                let ensemble = self.ensemble(setting, seed)?;
                let exact = Setting::speed(&setting.exact)?;
                let rate = setting.sgd.learning_rate();
                let run = |range| -> Vec<f64> {
                    let paths = context.run_chains(&ensemble, range, steps, || PathObserver::new(steps, rate));
                    paths.iter().map(|path| path.speed / exact).collect()
                };
                let pilot = Moments::of(run(0..PILOT));
                let needed = chains::chains_needed(&pilot, self.target, rates);
                // a pilot sees little of a heavy tail and makes its skewness too small, so the guard needs more room: half again
                // the chains, and the slack of the plan, stand for a skewness 1.8 times the upper bound from the pilot
                Ok(run(PILOT..PILOT + (needed + needed / 2).min(MOST_CHAINS)))
            })
            .collect()
    }
}

impl Scenario for Sweeps {
    fn id(&self) -> &'static str {
        "sweeps"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![
            CheckSpec::sampled("speed-across-settings", "ends", self.target),
            CheckSpec::sampled("speed-from-one-estimate", "mutant", self.target),
        ]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let ends = self.families.iter().flat_map(|(_, sweep)| sweep.first().into_iter().chain(sweep.last()));
        let settings = std::iter::once(&self.default)
            .chain(ends)
            .map(|sgd| self.setting(sgd))
            .collect::<Result<Vec<Setting>>>()?;
        let speeds = settings.iter().map(|one| Setting::speed(&one.exact)).collect::<Result<Vec<f64>>>()?;
        Ok(vec![
            predicted_settings(&self.default),
            Prediction::new("speed", speeds),
            Prediction::new("speed_equation16", settings.iter().map(|one| one.equation16() * one.noise)),
            Prediction::new("displacement", settings[0].displacements(&kept_steps(DRAWN_STEPS, DRAWN_EVERY))?),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let default = self.setting(&self.default)?;
        let mut settings: Vec<Vec<Setting>> = Vec::new();
        for (_, sweep) in &self.families {
            settings.push(sweep.par_iter().map(|sgd| self.setting(sgd)).collect::<Result<_>>()?);
        }
        let ends: Vec<&Setting> =
            settings.iter().flat_map(|sweep| sweep.first().into_iter().chain(sweep.last())).collect();
        let tested = self.tested(context, &ends)?;
        let estimate = Setting::speed(&default.exact)?;
        let exact = ends.iter().map(|end| Setting::speed(&end.exact)).collect::<Result<Vec<f64>>>()?;
        let (mut checks, mut kills) = (Vec::new(), Vec::new());
        for spec in self.checks() {
            let mutant = spec.claim == "speed-from-one-estimate";
            let made = Made {
                layer: Layer::L2,
                method: "Student t over chains",
                quantity: if mutant {
                    "speed, measured / (16) from the exact speed at the default".into()
                } else {
                    "speed, measured / exact".into()
                },
                unit: "relative",
                samples: tested.iter().map(|values| values.len() as u64).sum(),
                note: None,
            };
            let name = |index: usize| {
                let sgd = &ends[index].sgd;
                format!("eta = {}, beta = {}, S = {}", sgd.learning_rate(), sgd.momentum(), sgd.batch_size())
            };
            let numbers = |index: usize, claimed: f64| -> Vec<f64> {
                let ratio = exact[index] / claimed;
                tested[index].iter().map(|value| value * ratio - 1.0).collect()
            };
            let decided = context.decide_family(self.id(), &spec, made, ends.len(), name, |index, rates| {
                let claimed =
                    if mutant { estimate * ends[index].equation16() / default.equation16() } else { exact[index] };
                chains::test(&numbers(index, claimed), rates)
            })?;
            if !mutant {
                for mutant in Mutant::ALL {
                    let claimed =
                        ends.iter().map(|end| end.mutated_speed(mutant)).collect::<Result<Vec<Option<f64>>>>()?;
                    let effect =
                        |index: usize| claimed[index].map(|claimed| Moments::of(numbers(index, claimed)).mean());
                    kills.extend(decided.kill(mutant, effect, |index, rates| {
                        refuting(&chains::test(&numbers(index, claimed[index].unwrap_or(f64::NAN)), rates))
                    }));
                }
            }
            checks.push(decided.record);
        }
        // the drawing
        let diffusion = self.diffusion(context, &default)?;
        let at_default = self.measured(context, "default", std::slice::from_ref(&default))?;
        let measured_default = Moments::of(at_default[0].iter().map(|path| path.speed)).mean();
        let corrected_default = Setting::speed(&default.minimum_noise)?;
        let steps = kept_steps(DRAWN_STEPS, DRAWN_EVERY);
        let mut sweeps = Vec::new();
        for ((name, _), settings) in self.families.iter().zip(&settings) {
            let measured = self.measured(context, name, settings)?;
            let points = settings
                .iter()
                .zip(&measured)
                .map(|(setting, paths)| {
                    let speed = Moments::of(paths.iter().map(|path| path.speed));
                    let (exponent, exponent_half_width) = fitted_exponent(&steps, paths)?;
                    let exact: Vec<(f64, f64)> =
                        steps.iter().map(|&k| k as f64).zip(setting.displacements(&steps)?).collect();
                    let sgd = &setting.sgd;
                    Ok(SweepPoint {
                        value: match *name {
                            "learning_rate" => sgd.learning_rate(),
                            "batch_size" => sgd.batch_size() as f64,
                            _ => sgd.momentum(),
                        },
                        speed: speed.mean(),
                        speed_half_width: 1.96 * speed.standard_error(),
                        speed_equation16: measured_default * setting.equation16() / default.equation16(),
                        speed_corrected: measured_default * Setting::speed(&setting.minimum_noise)? / corrected_default,
                        speed_exact: Setting::speed(&setting.exact)?,
                        exponent,
                        exponent_half_width,
                        exponent_exact: PowerLaw::fit(&exact)?.exponent,
                    })
                })
                .collect::<Result<Vec<SweepPoint>>>()?;
            let value = match *name {
                "learning_rate" => self.default.learning_rate(),
                "batch_size" => self.default.batch_size() as f64,
                _ => self.default.momentum(),
            };
            sweeps.push(Sweep { hyperparameter: (*name).into(), default: value, points });
        }
        let summary = ScenarioSummary {
            id: self.id().into(),
            description: format!(
                "output {}; one hyperparameter swept at a time, the ends of the sweeps tested; the default is listed",
                self.output
            ),
            learning_rate: self.default.learning_rate(),
            momentum: self.default.momentum(),
            weight_decay: self.default.weight_decay(),
            batch_size: self.default.batch_size(),
            sampling: Sampling::WithReplacement.name().into(),
            noise: "minibatch".into(),
            chains: tested.iter().map(|values| values.len() as u64).sum(),
            steps: self.tested_steps(),
            modes_resolved: self.prepared.quadratic.rank(),
            modes: self.prepared.quadratic.rank(),
            stability_fraction: None,
            spectral_radius: None,
            sde_error_assumption3: None,
            sde_error_true_noise: None,
            seed: context.seed_of(self.id()),
        };
        let sweeps = Some(SweepFigure { scenario: self.id().into(), steps: DRAWN_STEPS, sweeps });
        let figures = Figures { diffusion: Some(diffusion), sweeps, ..Figures::default() };
        Ok(Outcome { checks, kills, summary: Some(summary), figures, ..Outcome::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(displacement: Vec<f64>) -> Path {
        Path { displacement, local: Vec::new(), speed: 0.0 }
    }

    #[test]
    fn the_observer_measures_from_the_start() {
        let mut observer = PathObserver::new(2, 0.5);
        // one coordinate at 1, 2, 4, 7, 11: velocities are increments over eta
        observer.observe(&StateBlock {
            first_step: 0,
            positions: &[1.0, 2.0, 4.0],
            velocities: &[9.0, 2.0, 4.0],
            width: 1,
        });
        observer.observe(&StateBlock { first_step: 3, positions: &[7.0, 11.0], velocities: &[6.0, 8.0], width: 1 });
        let path = observer.finish();
        assert_eq!(path.displacement, [9.0, 100.0]);
        assert_eq!(path.local, [4.0, 16.0]);
        assert!((path.speed - (1.0 + 4.0 + 9.0 + 16.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn exponents_are_those_of_the_mean_and_chains_are_its_error() {
        let steps = kept_steps(64, 4);
        let power = |factor: f64, c: f64| path(steps.iter().map(|&k| factor * (k as f64).powf(c)).collect());
        // chains that differ by a factor alone have the same exponent
        let (exponent, error) = fitted_exponent(&steps, &[power(1.0, 0.7), power(3.0, 0.7), power(0.2, 0.7)]).unwrap();
        assert!((exponent - 0.7).abs() < 1e-12 && error < 1e-12, "{exponent} {error}");
        // small differences of exponents: the interval is that of their mean
        let parts = [0.699, 0.7, 0.701, 0.7];
        let (exponent, error) = fitted_exponent(&steps, &parts.map(|c| power(1.0, c))).unwrap();
        let spread = Moments::of(parts).standard_error();
        assert!((exponent - 0.7).abs() < 1e-5 && (error / (1.96 * spread) - 1.0).abs() < 0.02, "{exponent} {error}");
    }

    #[test]
    fn the_fit_leaves_out_the_first_third() {
        let steps = kept_steps(300, 1);
        let values: Vec<f64> = steps.iter().map(|&k| if k <= 100 { 1e9 } else { 2.0 * (k as f64).powf(1.3) }).collect();
        let fit = last_two_thirds(&steps, &values).unwrap();
        assert_eq!(fit.window, [101, 300]);
        assert!((fit.exponent - 1.3).abs() < 1e-10 && (fit.prefactor - 2.0).abs() < 1e-8);
    }

    #[test]
    fn sweeps_have_the_shape_of_table_4() {
        assert_eq!(Sweeps::batch_ends(256, 1_000_000), [32, 1024]);
        assert_eq!(Sweeps::batch_ends(1, 3), [1, 3]);
        let spec = langevin_sim::data::GaussianSpec { eigenvalues: vec![1.0, 0.2], noise: 0.5, rows: 200, seed: 3 };
        let prepared = Prepared::new(langevin_sim::Dataset::gaussian(&spec).unwrap()).unwrap();
        let sweeps = Sweeps::new(&prepared, Hyperparameters::new(0.01, 0.9, 0.0, 32).unwrap(), 0.05).unwrap();
        let ends: Vec<(Hyperparameters, Hyperparameters)> =
            sweeps.families.iter().map(|(_, family)| (family[0], family[family.len() - 1])).collect();
        assert!(sweeps.families.iter().all(|(_, family)| family.len() == 20));
        assert!((ends[0].1.learning_rate() / ends[0].0.learning_rate() / 100.0 - 1.0).abs() < 1e-12);
        assert_eq!((ends[1].0.batch_size(), ends[1].1.batch_size()), (4, 128));
        assert!((ends[2].0.momentum() - 0.8).abs() + (ends[2].1.momentum() - 0.99).abs() < 1e-12);
    }
}
