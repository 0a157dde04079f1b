//! The grid on which a formula is held against the exact law: spectra, learning rates from far below the stability edge to
//! close to it, momenta, weight decays, batch sizes; numbers that the `where` clause or a condition of the formula compares a
//! hyperparameter with; the border of the domain in eta, found by bisection; and points between the lines.

use std::sync::{Arc, OnceLock};

use langevin_sim::Dataset;
use langevin_sim::data::GaussianSpec;
use langevin_theory::reshuffle::ReshuffledLaw;
use langevin_theory::{Hyperparameters, Sampling};
use rayon::prelude::*;

use super::epochs;
use super::expression::{Expression, Symbol};
use super::ground::{Ground, Spectrum, SpectrumKind};
use super::reader::UserClaim;
use super::scene::Scene;
use crate::error::Result;
use crate::problem::Noise;
use crate::scenario::Prepared;

/// Learning rates over the largest stable one.
const FRACTIONS: [f64; 15] = [1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95, 0.99];
const FEW_FRACTIONS: [f64; 6] = [1e-3, 0.01, 0.1, 0.3, 0.6, 0.9];

const MOMENTA: [f64; 8] = [0.0, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999];
const FEW_MOMENTA: [f64; 4] = [0.0, 0.5, 0.9, 0.99];

/// lambda over a middle curvature.
const DECAY: f64 = 0.3;

/// Points between the lines.
const SCATTERED: usize = 240;

/// Multiplications of an exact law of reshuffled epochs that is solved at many points.
const RESHUFFLED_WORK: f64 = 1e6;

/// Most numbers of a claim that become lines of the grid.
const MOST_NUMBERS: usize = 16;

/// Halvings in search of the border of a domain, and most borders that are looked for.
const HALVINGS: usize = 24;
const MOST_BORDERS: usize = 600;

/// Multiplications, N d^2, up to which a data set is small: its exact law takes a millisecond.
const SMALL: usize = 200_000;

/// Samples times features of a solve that takes long: fewer points.
const LARGE: usize = 20_000_000;

/// Everything that formulas are held against in a run. Exact laws are solved once, when they are first asked for.
pub(crate) struct Grid {
    /// How batches are drawn.
    pub(crate) sampling: Sampling,
    /// The data of the run, with one output.
    pub(crate) data: Spectrum,
    /// The hyperparameters of the problem file, if there is one.
    pub(crate) problem: Option<Hyperparameters>,
    chosen: Vec<Spectrum>,
    small: Vec<Spectrum>,
    gaussian: OnceLock<Vec<Scene>>,
    minibatch: OnceLock<Vec<Scene>>,
}

impl Grid {
    /// The grid around a data set with one output.
    pub(crate) fn new(data: &Arc<Prepared>, sampling: Sampling, problem: Option<Hyperparameters>) -> Result<Self> {
        let commuting =
            |residual: f64, eigenvalues: &[f64]| -> Vec<f64> { eigenvalues.iter().map(|rho| residual * rho).collect() };
        let steep = [2.0, 0.7, 0.1, 0.01];
        let chosen = vec![
            Spectrum::numbers("one mode", &[1.0], &commuting(0.8, &[1.0]), 0.8, 64),
            Spectrum::numbers("four modes, Sigma = sigma2 H", &steep, &commuting(0.5, &steep), 0.5, 200),
            Spectrum::numbers("four modes, Sigma not as H", &[3.0, 1.0, 0.2, 0.04], &[0.3, 2.0, 0.05, 0.4], 0.6, 100),
        ];
        let synthetic = |name: &str, eigenvalues: &[f64], rows: usize, seed: u64| -> Result<Spectrum> {
            let spec = GaussianSpec { eigenvalues: eigenvalues.to_vec(), noise: 0.5, rows, seed };
            Ok(Spectrum { name: name.into(), kind: SpectrumKind::Data(Prepared::new(Dataset::gaussian(&spec)?)?) })
        };
        let small = if sampling == Sampling::Reshuffle {
            // all orders of six samples are enumerated
            vec![
                synthetic("6 synthetic samples of 1 feature", &[1.0], 6, 3)?,
                synthetic("6 synthetic samples of 2 features", &[1.0, 0.4], 6, 17)?,
            ]
        } else {
            vec![
                synthetic("24 synthetic samples of 1 feature", &[1.0], 24, 3)?,
                synthetic("48 synthetic samples of 4 features", &[1.0, 0.7, 0.45, 0.3], 48, 17)?,
            ]
        };
        Ok(Self {
            sampling,
            data: Spectrum { name: data.dataset.name.clone(), kind: SpectrumKind::Data(data.clone()) },
            problem,
            chosen,
            small,
            gaussian: OnceLock::new(),
            minibatch: OnceLock::new(),
        })
    }

    /// Whether the problem itself has an exact law with reshuffled epochs within reach.
    pub(crate) fn enumerates_data(&self) -> bool {
        let (SpectrumKind::Data(prepared), Some(sgd)) = (&self.data.kind, &self.problem) else { return false };
        let data = &prepared.dataset.problem;
        epochs::is_enumerable(data.samples(), sgd.batch_size(), data.dimension())
    }

    /// Spectra that are cheap with this noise.
    pub(crate) fn cheap(&self, noise: Noise) -> &[Spectrum] {
        match noise {
            Noise::Gaussian => &self.chosen,
            Noise::Minibatch => &self.small,
        }
    }

    fn work_of_data(&self) -> usize {
        let SpectrumKind::Data(prepared) = &self.data.kind else { return 0 };
        let problem = &prepared.dataset.problem;
        problem.samples().saturating_mul(problem.dimension()).saturating_mul(problem.dimension())
    }

    fn batches(&self, samples: usize, few: bool) -> Vec<usize> {
        if self.sampling == Sampling::Reshuffle {
            return (1..samples).filter(|batch| samples.is_multiple_of(*batch)).collect();
        }
        let largest = if self.sampling == Sampling::WithoutReplacement { samples.saturating_sub(1) } else { samples };
        let mut batches = if few { vec![32.min(largest / 4)] } else { vec![1, 4, samples / 4, largest] };
        batches.retain(|batch| *batch >= 1 && *batch <= largest);
        batches.sort_unstable();
        batches.dedup();
        if batches.is_empty() { vec![1] } else { batches }
    }

    /// The scenes that every claim about a noise is held against.
    pub(crate) fn scenes(&self, noise: Noise) -> Result<&[Scene]> {
        let cell = if noise == Noise::Gaussian { &self.gaussian } else { &self.minibatch };
        if let Some(scenes) = cell.get() {
            return Ok(scenes);
        }
        let mut scenes = Vec::new();
        for spectrum in self.cheap(noise) {
            let decays = [0.0, DECAY * middle(&spectrum.eigenvalues()), DECAY * spectrum.eigenvalues()[0]];
            let lines = Lines {
                decays: &decays,
                momenta: if noise == Noise::Gaussian { &MOMENTA } else { &FEW_MOMENTA },
                batches: &self.batches(spectrum.samples(), false),
                fractions: if self.sampling == Sampling::Reshuffle { &FEW_FRACTIONS } else { &FRACTIONS },
                rates: &[],
            };
            scenes.extend(lines.scenes(spectrum, self.sampling, noise)?);
        }
        let decays = [0.0, rounded(DECAY * middle(&self.data.eigenvalues()))];
        if self.sampling == Sampling::Reshuffle && noise == Noise::Minibatch {
            let scenes = [scenes, self.reshuffled_scenes()?].concat();
            return Ok(cell.get_or_init(|| scenes));
        }
        let costly = noise == Noise::Minibatch && self.work_of_data() > SMALL;
        let lines = Lines {
            decays: if costly { &decays[1..] } else { &decays },
            momenta: if costly && self.work_of_data() > LARGE { &[0.9] } else { &FEW_MOMENTA },
            batches: &self.batches(self.data.samples(), costly),
            fractions: if costly { &[0.003, 0.1, 0.6] } else { &FRACTIONS },
            rates: &[],
        };
        scenes.extend(lines.scenes(&self.data, self.sampling, noise)?);
        if let Some(sgd) = &self.problem {
            let ground = self.data.at(sgd.weight_decay())?;
            let rates = (sgd.learning_rate(), sgd.momentum());
            scenes.extend(Scene::new(&ground, rates, sgd.batch_size(), self.sampling, noise));
        }
        scenes.extend(self.scattered(noise)?);
        Ok(cell.get_or_init(|| scenes))
    }

    /// Scenes of the data with reshuffled epochs, as far as their orders can be enumerated in time.
    fn reshuffled_scenes(&self) -> Result<Vec<Scene>> {
        let SpectrumKind::Data(prepared) = &self.data.kind else { return Ok(Vec::new()) };
        let data = &prepared.dataset.problem;
        let work = |batch: usize| ReshuffledLaw::multiplications(data.samples(), batch, data.dimension());
        let mut scenes = Vec::new();
        if let Some(sgd) = &self.problem {
            let ground = self.data.at(sgd.weight_decay())?;
            let rates = (sgd.learning_rate(), sgd.momentum());
            if epochs::is_enumerable(data.samples(), sgd.batch_size(), data.dimension()) {
                scenes.extend(Scene::new(&ground, rates, sgd.batch_size(), self.sampling, Noise::Minibatch));
            }
        }
        let batches: Vec<usize> =
            self.batches(data.samples(), false).into_iter().filter(|&batch| work(batch) <= RESHUFFLED_WORK).collect();
        let lines = Lines {
            decays: &[0.0, rounded(DECAY * middle(&self.data.eigenvalues()))],
            momenta: &[0.0, 0.5, 0.9],
            batches: &batches,
            fractions: &FEW_FRACTIONS,
            rates: &[],
        };
        scenes.extend(lines.scenes(&self.data, self.sampling, Noise::Minibatch)?);
        Ok(scenes)
    }

    /// Scenes for one claim: numbers its domain names, its border in eta, and points between the lines.
    pub(crate) fn scenes_for(&self, claim: &UserClaim, noise: Noise) -> Result<Vec<Scene>> {
        let mut scenes = Vec::new();
        let compared = |symbol: Symbol, admissible: &dyn Fn(f64) -> bool| {
            let found = claim.compared_with(symbol);
            between(found.into_iter().filter(|value| admissible(*value)).collect())
        };
        let momenta = compared(Symbol::Momentum, &|b| (0.0..1.0).contains(&b));
        let decays = compared(Symbol::WeightDecay, &|l| l >= 0.0 && l.is_finite());
        let rates = compared(Symbol::LearningRate, &|eta| eta > 0.0 && eta.is_finite());
        let batches: Vec<usize> =
            compared(Symbol::BatchSize, &|s| (1.0..1e9).contains(&s)).into_iter().map(|s| s as usize).collect();
        if momenta.len() + decays.len() + rates.len() + batches.len() > 0 {
            let with = |values: &[f64], more: &[f64]| [values, more].concat();
            let spectra = self.cheap(noise).iter().chain((noise == Noise::Gaussian).then_some(&self.data));
            for spectrum in spectra {
                let usual = [0.0, DECAY * middle(&spectrum.eigenvalues())];
                let mut sizes = self.batches(spectrum.samples(), false);
                sizes.extend(&batches);
                let lines = Lines {
                    decays: &with(&usual, &decays),
                    momenta: &with(&[0.0, 0.5, 0.9], &momenta),
                    batches: &sizes,
                    fractions: &FEW_FRACTIONS,
                    rates: &rates,
                };
                scenes.extend(lines.scenes(spectrum, self.sampling, noise)?);
            }
        }
        if let Some(domain) = &claim.domain {
            let lags = claim.lags();
            let mut borders = Self::borders(domain, self.scenes(noise)?, &lags)?;
            borders.extend(Self::borders(domain, &scenes, &lags)?);
            scenes.extend(borders);
        }
        Ok(scenes)
    }

    /// A low-discrepancy sequence through the hyperparameters (Roberts 2018: multiples of powers of the root of
    /// x^5 = x + 1).
    fn scattered(&self, noise: Noise) -> Result<Vec<Scene>> {
        const ROOT: f64 = 1.167_303_978_261_418_7;
        let mut scenes = Vec::new();
        for index in 0..SCATTERED {
            let part = |axis: i32| (0.5 + (index as f64 + 1.0) / ROOT.powi(axis + 1)).fract();
            let spectra = self.cheap(noise);
            let spectrum = &spectra[index % spectra.len()];
            let eigenvalues = spectrum.eigenvalues();
            let momentum = 1.0 - 10_f64.powf(-3.0 * part(0));
            let decay = eigenvalues[0] * 10_f64.powf(-4.0 * part(1));
            let fraction = 10_f64.powf(-4.0 * part(2));
            let ground = spectrum.at(decay)?;
            let batch = 1 + (part(3) * (ground.samples - 1) as f64) as usize;
            let at = |rate: f64| Scene::new(&ground, (rate, momentum), batch, self.sampling, noise);
            let Some(probe) = at(1.0) else { continue };
            scenes.extend(at(fraction * probe.learning_rate_limit()?));
        }
        Ok(scenes)
    }

    /// Between neighbours in eta of which one is inside the domain and one outside: the last point inside.
    fn borders(domain: &Expression, scenes: &[Scene], lags: &[u64]) -> Result<Vec<Scene>> {
        if domain.uses(Symbol::PositionVariance) || domain.uses(Symbol::VelocityVariance) {
            return Ok(Vec::new());
        }
        let lag = lags.first().copied().unwrap_or(0);
        let inside = |scene: &Scene, mode: usize| -> Result<bool> {
            let mut point = scene.point(false)?;
            point.set(Symbol::Lag, lag as f64);
            Ok(domain.holds(&point, Some(mode)))
        };
        let mut found = Vec::new();
        for pair in scenes.windows(2) {
            let (low, high) = (&pair[0], &pair[1]);
            let same_line = Arc::ptr_eq(&low.ground, &high.ground)
                && low.sgd.momentum().to_bits() == high.sgd.momentum().to_bits()
                && low.sgd.batch_size() == high.sgd.batch_size();
            let cheap = low.ground.eigenvalues.len() <= 8 || low.noise == Noise::Gaussian;
            if !same_line || !cheap || found.len() >= MOST_BORDERS {
                continue;
            }
            for mode in 0..low.ground.eigenvalues.len().min(8) {
                let (first, last) = (inside(low, mode)?, inside(high, mode)?);
                if first == last {
                    continue;
                }
                let (mut in_rate, mut out_rate) = (low.sgd.learning_rate(), high.sgd.learning_rate());
                if last {
                    std::mem::swap(&mut in_rate, &mut out_rate);
                }
                let at = |rate: f64| {
                    let sgd = &low.sgd;
                    Scene::new(&low.ground, (rate, sgd.momentum()), sgd.batch_size(), low.sampling, low.noise)
                };
                let mut nearest = None;
                for _ in 0..HALVINGS {
                    let middle = 0.5 * (in_rate + out_rate);
                    let Some(scene) = at(middle) else { break };
                    if inside(&scene, mode)? {
                        in_rate = middle;
                        nearest = Some(scene);
                    } else {
                        out_rate = middle;
                    }
                }
                found.extend(nearest);
            }
        }
        Ok(found)
    }

    /// Lines of shrinking learning rates, for orders: one per spectrum, momentum and weight decay.
    pub(crate) fn shrinking(&self, noise: Noise) -> Result<Vec<Vec<Scene>>> {
        let fractions: Vec<f64> = (1..=16).map(|j| 10_f64.powf(-0.5 * f64::from(j))).rev().collect();
        let mut lines = Vec::new();
        let reshuffled = self.sampling == Sampling::Reshuffle && noise == Noise::Minibatch;
        let small = self.work_of_data() <= SMALL && !reshuffled;
        let data = (noise == Noise::Gaussian || small).then_some(&self.data);
        for spectrum in self.cheap(noise).iter().chain(data) {
            for decay in [0.0, DECAY * middle(&spectrum.eigenvalues())] {
                for momentum in [0.0, 0.5, 0.9] {
                    let batch = if reshuffled { 2 } else { 4.min(spectrum.samples().saturating_sub(1)).max(1) };
                    let batches = [batch];
                    let line = Lines {
                        decays: &[decay],
                        momenta: &[momentum],
                        batches: &batches,
                        fractions: &fractions,
                        rates: &[],
                    };
                    lines.push(line.scenes(spectrum, self.sampling, noise)?);
                }
            }
        }
        Ok(lines)
    }
}

/// A product of axes.
struct Lines<'a> {
    decays: &'a [f64],
    momenta: &'a [f64],
    batches: &'a [usize],
    fractions: &'a [f64],
    /// Learning rates as they are.
    rates: &'a [f64],
}

impl Lines<'_> {
    fn scenes(&self, spectrum: &Spectrum, sampling: Sampling, noise: Noise) -> Result<Vec<Scene>> {
        let mut keys: Vec<(Arc<Ground>, f64, usize)> = Vec::new();
        for &decay in self.decays {
            let ground = spectrum.at(decay)?;
            for &momentum in self.momenta {
                keys.extend(self.batches.iter().map(|&batch| (ground.clone(), momentum, batch)));
            }
        }
        let lines = keys
            .into_par_iter()
            .map(|(ground, momentum, batch)| -> Result<Vec<Scene>> {
                let at = |rate: f64| Scene::new(&ground, (rate, momentum), batch, sampling, noise);
                let Some(probe) = at(1.0) else { return Ok(Vec::new()) };
                let limit = probe.learning_rate_limit()?;
                let mut rates: Vec<f64> = self.fractions.iter().map(|part| part * limit).collect();
                rates.extend(self.rates.iter().filter(|rate| **rate < limit));
                rates.sort_by(f64::total_cmp);
                Ok(rates.into_iter().filter_map(at).collect())
            })
            .collect::<Result<Vec<Vec<Scene>>>>()?;
        Ok(lines.into_iter().flatten().collect())
    }
}

/// Numbers, ascending, and those in the middle between neighbours: inside a window that two of them bound.
fn between(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    let middles: Vec<f64> = numbers.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
    numbers.extend(middles);
    numbers.truncate(MOST_NUMBERS);
    numbers
}

/// The curvature in the middle of the list.
pub(crate) fn middle(eigenvalues: &[f64]) -> f64 {
    eigenvalues.get(eigenvalues.len() / 2).copied().unwrap_or(1.0)
}

/// A number rounded to two significant digits.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}
