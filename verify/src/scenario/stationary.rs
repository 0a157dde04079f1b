//! Minibatch SGD in its stationary state: variances, cross-covariance, equipartition, speed, loss and displacement against
//! the exact law, and wrong theories against the same chains (layer L2).
//!
//! Chains start at a Gaussian draw with the exact stationary mean and covariance. The second-moment recursion is closed, so
//! second moments are stationary from the first step on and there is no burn-in. Of several outputs each chain runs one,
//! in turn: outputs that share their batches share most of their noise, and a chain of one output costs a tenth.

use std::sync::Arc;

use langevin_sim::Moments;
use langevin_sim::observer::{ChainEnergies, DisplacementObserver, EnergyObserver};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::{DisplacementReading, LangevinMode, displacement_equation17};
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
use nalgebra::DMatrix;

use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings, resolved_modes};
use crate::error::Result;
use crate::report::{
    CheckResult, DisplacementFigure, EquipartitionFigure, Figures, Layer, ModeVarianceFigure, Prediction,
    ScenarioSummary,
};
use crate::statistics::{Rates, chains};

/// A named wrong theory, tested on the same chains. It must be refuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The SDE's variances with the true Sigma, taken as exact.
    SdeTrueNoise,
    /// The SDE's variances with Sigma = sigma^2 H, taken as exact.
    SdeAssumption3,
    /// Positions and velocities uncorrelated, as in the SDE.
    SdeUncorrelated,
    /// Equation (17) as printed.
    Equation17AsPrinted,
    /// kappa = S (1 - beta).
    KappaWithoutSquare,
    /// h = rho.
    WeightDecayForgotten,
    /// mass eta / 2.
    OnePlusBetaDropped,
    /// Sigma / S for batches without replacement.
    FinitePopulationMissing,
}

impl Mutant {
    /// The claim this mutant is.
    pub fn claim(self) -> &'static str {
        match self {
            Self::SdeTrueNoise => "sde-law-as-exact",
            Self::SdeAssumption3 => "assumption-3-as-exact",
            Self::SdeUncorrelated => "uncorrelated-phase-space",
            Self::Equation17AsPrinted => "displacement-as-printed",
            Self::KappaWithoutSquare => "kappa-without-square",
            Self::WeightDecayForgotten => "weight-decay-forgotten",
            Self::OnePlusBetaDropped => "one-plus-beta-dropped",
            Self::FinitePopulationMissing => "finite-population-missing",
        }
    }
}

/// A data set, hyperparameters and independent batches.
pub struct StationaryMinibatch {
    /// Stable name.
    pub id: String,
    /// In words.
    pub description: String,
    /// Short caption for plots.
    pub caption: String,
    /// The data.
    pub prepared: Arc<Prepared>,
    /// eta, beta, lambda, S.
    pub sgd: Hyperparameters,
    /// With or without replacement.
    pub sampling: Sampling,
    /// Steps of each chain.
    pub steps: u64,
    /// Resolution pooled over modes, and of a single mode.
    pub targets: [f64; 2],
    /// Wrong theories tested on the same chains.
    pub mutants: Vec<Mutant>,
    /// Whether the displacement is drawn.
    pub draw_displacement: bool,
    /// Whether the variances are drawn.
    pub draw_variances: bool,
    /// Whether the energies are drawn.
    pub draw_equipartition: bool,
}

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 1024;

/// The law's numbers per direction, for one output.
struct OutputLaw {
    position: Vec<f64>,
    velocity: Vec<f64>,
    displacement: Vec<f64>,
    root: DMatrix<f64>,
    /// q^T Sigma q at the minimum.
    noise: Vec<f64>,
    /// Mean squared residual at the minimum: sigma^2 of Assumption 3.
    residual: f64,
    /// Expected number of samples in a batch that carry the noise of each direction.
    events: Vec<f64>,
}

/// The law of all outputs.
struct Law {
    maps: Vec<ModeMap>,
    outputs: Vec<OutputLaw>,
    limit: Option<f64>,
    spectral_radius: f64,
}

impl Law {
    /// A per-direction number summed over outputs.
    fn total(&self, pick: impl Fn(&OutputLaw) -> &[f64]) -> Vec<f64> {
        let mut total = vec![0.0; pick(&self.outputs[0]).len()];
        for output in &self.outputs {
            total.iter_mut().zip(pick(output)).for_each(|(sum, value)| *sum += value);
        }
        total
    }
}

/// What is kept of a chain, and which output it ran.
struct ChainRecord {
    output: usize,
    energies: ChainEnergies,
    displacement: Vec<f64>,
}

impl StationaryMinibatch {
    fn lags(&self) -> Vec<u64> {
        std::iter::successors(Some(1_u64), |&lag| Some(lag * 2)).take_while(|&lag| lag <= self.steps / 2).collect()
    }

    fn law(&self) -> Result<Law> {
        let data = &self.prepared.dataset.problem;
        let law = MinibatchLaw::with_quadratic(data, &self.prepared.quadratic, &self.sgd, self.sampling)?;
        let size = data.dimension();
        let rank = self.prepared.quadratic.rank();
        let minimum = self.prepared.quadratic.minimum_ridge(self.sgd.weight_decay());
        let residuals = data.features() * &minimum - data.targets();
        let mut outputs = Vec::new();
        for (output, position) in law.stationary_positions_in_eigenbasis()?.iter().enumerate() {
            let covariance = self.prepared.quadratic.to_eigenbasis(&law.gradient_noise_covariance(output)?)?;
            let full = law.phase_space_moment(position)?;
            let modes = law.equivalent_modes(position)?;
            let displacement = self
                .lags()
                .into_iter()
                .map(|lag| modes.iter().take(rank).map(|mode| mode.displacement(Steps(lag))).sum())
                .collect::<langevin_theory::Result<Vec<f64>>>()?;
            outputs.push(OutputLaw {
                position: (0..size).map(|i| full[(i, i)]).collect(),
                velocity: (0..size).map(|i| full[(size + i, size + i)]).collect(),
                displacement,
                root: covariance_root("the stationary covariance", &full)?,
                noise: (0..size).map(|i| covariance[(i, i)]).collect(),
                residual: residuals.column(output).norm_squared() / data.samples() as f64,
                events: self.prepared.noise_events(&self.sgd, output),
            });
        }
        Ok(Law {
            maps: law.maps(),
            outputs,
            limit: law.learning_rate_limit()?,
            spectral_radius: law.spectral_radius()?,
        })
    }

    /// One SDE mode per direction with the given noise strengths (not divided by S; scaled by the sampling scheme).
    fn sde_modes(&self, noise: impl Fn(usize) -> f64) -> Result<Vec<LangevinMode>> {
        let samples = self.prepared.dataset.problem.samples();
        let batch = self.sgd.batch_size();
        let scheme = self.sampling.noise_factor(samples, batch)? * batch as f64;
        let eigenvalues = self.prepared.quadratic.eigenvalues();
        (0..self.prepared.quadratic.rank())
            .map(|i| Ok(LangevinMode::new(&self.sgd, eigenvalues[i], (noise(i) * scheme).max(0.0))?))
            .collect()
    }

    fn simulate(&self, context: &Context<'_>, law: &Law, resolved: &[usize]) -> Result<Vec<ChainRecord>> {
        let data = &self.prepared.rotated;
        let minimum = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let dimension = minimum.nrows();
        let lags = self.lags();
        let spacing = (self.steps / 8).max(1);
        let mut ensembles = Vec::new();
        for (output, one) in law.outputs.iter().enumerate() {
            let single = LeastSquares::new(data.features().clone(), data.targets().columns(output, 1).into_owned())?;
            let noise = MinibatchNoise::new(&single, &self.sgd, self.sampling)?;
            let mean = minimum.columns(output, 1).into_owned();
            let centre: Vec<f64> = mean.as_slice().to_vec();
            let start = Start::Gaussian { mean, roots: vec![one.root.clone()] };
            let seed = context.seed_of(&format!("{}/{output}", self.id));
            ensembles.push((Ensemble::new(NoiseSource::Minibatch(noise), &self.sgd, start, seed)?, centre));
        }
        let run = |chains: std::ops::Range<u64>, records: &mut Vec<ChainRecord>| {
            for (output, (ensemble, centre)) in ensembles.iter().enumerate() {
                let observer = || (EnergyObserver::new(centre, dimension), DisplacementObserver::new(&lags, spacing));
                let new = context.run_chains(ensemble, chains.clone(), self.steps, observer);
                records.extend(new.into_iter().map(|(energies, displacement)| ChainRecord {
                    output,
                    energies,
                    displacement,
                }));
            }
        };
        let outputs = ensembles.len() as u64;
        let work = (self.steps * (self.sgd.batch_size() * dimension) as u64) as f64 * 2.0;
        let most = (context.tier.most_work() / work) as u64 / outputs;
        // the pilot sets the number of chains and is then left out: chain averages are skewed, and a sample whose size
        // depends on its own spread would have a biased mean
        let pilot = PILOT.div_ceil(outputs);
        let mut records = Vec::new();
        run(0..pilot, &mut records);
        let needed = self.chains_needed(context, law, resolved, &records)?.div_ceil(outputs);
        records.clear();
        run(pilot..pilot + (needed + needed * 3 / 10).min(most), &mut records);
        Ok(records)
    }

    fn chains_needed(
        &self,
        context: &Context<'_>,
        law: &Law,
        resolved: &[usize],
        records: &[ChainRecord],
    ) -> Result<u64> {
        let mut needed = 0;
        for spec in self.checks() {
            if !DRIVING.contains(&spec.claim) {
                continue;
            }
            let mut rates = context.rates(&self.id, &spec)?;
            let series = self.series(&spec, law, resolved);
            rates.alpha /= series.len().max(1) as f64;
            for one in &series {
                let pilot = Moments::of(records.iter().map(|record| one.value(record)));
                needed = needed.max(chains::chains_needed(&pilot, spec.target, rates));
            }
        }
        Ok(needed)
    }

    /// The members of a check's family: one number per chain each, with mean zero under the claim.
    fn series(&self, spec: &CheckSpec, law: &Law, resolved: &[usize]) -> Vec<Series> {
        let members: Vec<Vec<Terms>> =
            law.outputs.iter().map(|one| self.terms(spec, &law.maps, one, resolved)).collect();
        Series::by_output(&members)
    }

    /// The same for the chains of one output.
    fn terms(&self, spec: &CheckSpec, maps: &[ModeMap], law: &OutputLaw, resolved: &[usize]) -> Vec<Terms> {
        let (eta, b) = (self.sgd.learning_rate(), self.sgd.momentum());
        let mass = self.sgd.mass();
        let rank = self.prepared.quadratic.rank();
        let h = |i: usize| maps[i].curvature();
        let correlation = |i: usize| (0.5 * maps[i].rate_times_curvature() / (1.0 + b)).sqrt();
        let position = |i: usize| Terms::of(vec![(Part::Position(i), 1.0 / law.position[i])], 1.0);
        let velocity = |i: usize| Terms::of(vec![(Part::Velocity(i), 1.0 / law.velocity[i])], 1.0);
        let cross = |i: usize| {
            Terms::of(vec![(Part::Cross(i), 1.0 / (law.position[i] * law.velocity[i]).sqrt())], correlation(i))
        };
        let balance = |mass: f64| {
            move |i: usize| {
                let energy = h(i) * law.position[i];
                Terms::of(vec![(Part::Velocity(i), mass / energy), (Part::Position(i), -h(i) / energy)], 0.0)
            }
        };
        let scaled = |ratio: &dyn Fn(usize) -> f64, i: usize| {
            Terms::of(vec![(Part::Position(i), 1.0 / (ratio(i) * law.position[i]))], 1.0)
        };
        let members = |one: &dyn Fn(usize) -> Terms| -> Vec<Terms> { resolved.iter().map(|&i| one(i)).collect() };
        let pooled = |one: &dyn Fn(usize) -> Terms| -> Vec<Terms> { Terms::mean(&members(one)).into_iter().collect() };
        match (spec.claim, spec.quantity) {
            ("stationary-positions", "pooled") => pooled(&position),
            ("stationary-positions", _) => members(&position),
            ("stationary-velocities", "pooled") => pooled(&velocity),
            ("stationary-velocities", _) => members(&velocity),
            ("stationary-cross-covariance", "pooled") => pooled(&cross),
            ("stationary-cross-covariance", _) => members(&cross),
            ("equipartition", "pooled") => pooled(&balance(mass)),
            ("equipartition", _) => members(&balance(mass)),
            ("instantaneous-speed", _) => {
                let total: f64 = law.velocity[..rank].iter().sum();
                vec![Terms::of((0..rank).map(|i| (Part::Velocity(i), 1.0 / total)).collect(), 1.0)]
            }
            ("excess-loss", _) => {
                let energy: f64 = (0..rank).map(|i| 0.5 * h(i) * law.position[i]).sum();
                vec![Terms::of((0..rank).map(|i| (Part::Position(i), 0.5 * h(i) / energy)).collect(), 1.0)]
            }
            ("displacement", _) => (0..law.displacement.len())
                .map(|lag| Terms::of(vec![(Part::Displacement(lag), 1.0 / law.displacement[lag])], 1.0))
                .collect(),
            ("uncorrelated-phase-space", _) => pooled(&|i| Terms { expected: 0.0, ..cross(i) }),
            ("kappa-without-square", _) => pooled(&|i| scaled(&|_| 1.0 + b, i)),
            ("one-plus-beta-dropped", _) => pooled(&balance(0.5 * eta)),
            ("weight-decay-forgotten", _) => {
                let ratio = |i: usize| {
                    let rho = self.prepared.quadratic.eigenvalues()[i];
                    h(i) * maps[i].edge_distance() / (rho * ModeMap::new(eta, b, rho).edge_distance())
                };
                pooled(&|i| scaled(&ratio, i))
            }
            _ => Vec::new(),
        }
    }

    /// Series of mutants whose prediction is a law of its own.
    fn rival_series(&self, mutant: Mutant, law: &Law, resolved: &[usize]) -> Result<Vec<Series>> {
        let against = |variances: &[f64]| -> Vec<Terms> {
            resolved.iter().map(|&i| Terms::of(vec![(Part::Position(i), 1.0 / variances[i])], 1.0)).collect()
        };
        let mut members = Vec::new();
        let rival = match mutant {
            Mutant::FinitePopulationMissing => MinibatchLaw::with_quadratic(
                &self.prepared.dataset.problem,
                &self.prepared.quadratic,
                &self.sgd,
                Sampling::WithReplacement,
            )?
            .stationary_positions_in_eigenbasis()?,
            _ => Vec::new(),
        };
        for (output, one) in law.outputs.iter().enumerate() {
            members.push(match mutant {
                Mutant::SdeTrueNoise => against(&Self::sde_variances(&self.sde_modes(|i| one.noise[i])?)?),
                Mutant::SdeAssumption3 => against(&Self::sde_variances(&self.assumption3_modes(one)?)?),
                Mutant::FinitePopulationMissing => {
                    Terms::mean(&against(rival[output].diagonal().as_slice())).into_iter().collect()
                }
                Mutant::Equation17AsPrinted => {
                    let curve = self.equation17(one, DisplacementReading::AsPrinted)?;
                    (0..curve.len())
                        .map(|lag| Terms::of(vec![(Part::Displacement(lag), 1.0 / curve[lag])], 1.0))
                        .collect()
                }
                _ => Vec::new(),
            });
        }
        Ok(Series::by_output(&members))
    }

    fn equation17(&self, law: &OutputLaw, reading: DisplacementReading) -> Result<Vec<f64>> {
        let steps: Vec<Steps> = self.lags().into_iter().map(Steps).collect();
        Ok(displacement_equation17(&self.sgd, &self.sde_modes(|i| law.noise[i])?, reading, &steps)?)
    }

    fn sde_variances(modes: &[LangevinMode]) -> Result<Vec<f64>> {
        modes.iter().map(|mode| Ok(mode.stationary_covariance()?[0][0])).collect()
    }

    fn assumption3_modes(&self, law: &OutputLaw) -> Result<Vec<LangevinMode>> {
        let eigenvalues = self.prepared.quadratic.eigenvalues();
        self.sde_modes(|i| law.residual * eigenvalues[i])
    }

    /// A per-direction or per-lag prediction summed over outputs.
    fn summed(law: &Law, one: impl Fn(&OutputLaw) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let mut total: Vec<f64> = Vec::new();
        for output in &law.outputs {
            let values = one(output)?;
            total.resize(values.len(), 0.0);
            total.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        Ok(total)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one decision, used once")]
    fn decide(
        &self,
        context: &Context<'_>,
        spec: &CheckSpec,
        series: &[Series],
        records: &[ChainRecord],
        law: &Law,
        resolved: &[usize],
        note: Option<&String>,
    ) -> Result<CheckResult> {
        let per_mode = series.len() == resolved.len() && series.len() > 1;
        let (what, unit) = describe(spec);
        let made = Made {
            layer: Layer::L2,
            method: "Student t over chains",
            quantity: if spec.quantity == "pooled" {
                format!("{what}, pooled over {} modes", resolved.len())
            } else {
                what.into()
            },
            unit,
            samples: records.len() as u64,
            note: note.cloned(),
        };
        let lags = self.lags();
        let name = |index: usize| match series[index].by_output[0].terms.first() {
            Some((Part::Displacement(lag), _)) => format!("t = {}", lags[*lag]),
            _ if per_mode => format!("h = {:.3e}", law.maps[resolved[index]].curvature()),
            _ => "all modes".into(),
        };
        let test = |index: usize, rates: Rates| {
            let values: Vec<f64> = records.iter().map(|record| series[index].value(record)).collect();
            chains::test(&values, rates)
        };
        if series.len() == 1 {
            return context.decide(&self.id, spec, made, |rates| test(0, rates));
        }
        context.decide_family(&self.id, spec, made, series.len(), name, test)
    }

    fn summary(
        &self,
        context: &Context<'_>,
        law: &Law,
        resolved: &[usize],
        chains: u64,
        errors: [f64; 2],
    ) -> ScenarioSummary {
        ScenarioSummary {
            id: self.id.clone(),
            description: self.description.clone(),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.sgd.weight_decay(),
            batch_size: self.sgd.batch_size(),
            sampling: self.sampling.name().into(),
            noise: "minibatch".into(),
            chains,
            steps: self.steps,
            modes_resolved: resolved.len(),
            modes: self.prepared.quadratic.rank(),
            stability_fraction: law.limit.map(|limit| self.sgd.learning_rate() / limit),
            spectral_radius: Some(law.spectral_radius),
            sde_error_assumption3: Some(errors[0]),
            sde_error_true_noise: Some(errors[1]),
            seed: context.seed_of(&self.id),
        }
    }

    fn figures(&self, law: &Law, resolved: &[usize], records: &[ChainRecord]) -> Result<Figures> {
        let mut figures = Figures::default();
        // a quantity summed over outputs: the sum of each output's mean over its own chains, with its standard error
        let summed = |part: Part| {
            let (mut mean, mut variance) = (0.0, 0.0);
            for output in 0..law.outputs.len() {
                let own = records.iter().filter(|record| record.output == output);
                let moments = Moments::of(own.map(|record| part.of(record)));
                mean += moments.mean();
                variance += moments.standard_error().powi(2);
            }
            (mean, variance.sqrt())
        };
        let pick = |values: &[f64]| -> Vec<f64> { resolved.iter().map(|&i| values[i]).collect() };
        let sde = |one: &OutputLaw| Self::sde_variances(&self.sde_modes(|i| one.noise[i])?);
        let assumption3 = |one: &OutputLaw| Self::sde_variances(&self.assumption3_modes(one)?);
        if self.draw_variances {
            let measured: Vec<(f64, f64)> = resolved.iter().map(|&i| summed(Part::Position(i))).collect();
            figures.mode_variances.push(ModeVarianceFigure {
                scenario: self.id.clone(),
                caption: self.caption.clone(),
                curvature: resolved.iter().map(|&i| law.maps[i].curvature()).collect(),
                measured: measured.iter().map(|one| one.0).collect(),
                half_width: measured.iter().map(|one| 1.96 * one.1).collect(),
                exact: pick(&law.total(|one| &one.position)),
                sde_assumption3: pick(&Self::summed(law, assumption3)?),
                sde_true_noise: pick(&Self::summed(law, sde)?),
            });
        }
        if self.draw_equipartition {
            let energies = |part: &dyn Fn(usize) -> Part, factor: &dyn Fn(usize) -> f64| {
                resolved.iter().map(|&i| factor(i) * summed(part(i)).0).collect()
            };
            figures.equipartition.push(EquipartitionFigure {
                scenario: self.id.clone(),
                caption: "independent batches".into(),
                potential: energies(&Part::Position, &|i| 0.5 * law.maps[i].curvature()),
                kinetic: energies(&Part::Velocity, &|_| 0.5 * self.sgd.mass()),
            });
        }
        if self.draw_displacement {
            let lags = self.lags();
            let measured: Vec<(f64, f64)> = (0..lags.len()).map(|lag| summed(Part::Displacement(lag))).collect();
            let sde = |one: &OutputLaw| -> Result<Vec<f64>> {
                let modes = self.sde_modes(|i| one.noise[i])?;
                let total = |&lag: &u64| modes.iter().map(|mode| mode.displacement(Steps(lag))).sum();
                Ok(lags.iter().map(total).collect::<langevin_theory::Result<Vec<f64>>>()?)
            };
            figures.displacement = Some(DisplacementFigure {
                scenario: self.id.clone(),
                measured: measured.iter().map(|one| one.0).collect(),
                half_width: measured.iter().map(|one| 1.96 * one.1).collect(),
                exact: law.total(|one| &one.displacement),
                sde: Self::summed(law, sde)?,
                equation17: Self::summed(law, |one| self.equation17(one, DisplacementReading::StepsAsTime))?,
                equation17_as_printed: Self::summed(law, |one| self.equation17(one, DisplacementReading::AsPrinted))?,
                steps: lags,
            });
        }
        Ok(figures)
    }
}

/// Claims whose resolution sets the number of chains.
const DRIVING: [&str; 7] = [
    "stationary-positions",
    "stationary-velocities",
    "stationary-cross-covariance",
    "equipartition",
    "instantaneous-speed",
    "excess-loss",
    "displacement",
];

/// What a check measures, in words, and the unit of its effect.
fn describe(spec: &CheckSpec) -> (&'static str, &'static str) {
    match (spec.claim, spec.quantity) {
        ("stationary-positions", _) => ("position variance, measured / exact", "relative"),
        ("stationary-velocities", _) => ("velocity variance, measured / exact", "relative"),
        ("stationary-cross-covariance", _) => ("correlation of position and velocity, measured - exact", "absolute"),
        ("equipartition", _) => ("kinetic - potential energy, relative to the potential", "relative"),
        ("instantaneous-speed", _) => ("squared step length, measured / exact", "relative"),
        ("excess-loss", _) => ("regularised loss above its minimum, measured / exact", "relative"),
        ("displacement", _) => ("mean squared displacement, measured / exact", "relative"),
        ("sde-law-as-exact", _) => ("position variance, measured / SDE with the true noise", "relative"),
        ("assumption-3-as-exact", _) => ("position variance, measured / SDE with sigma^2 H", "relative"),
        ("uncorrelated-phase-space", _) => ("correlation of position and velocity", "absolute"),
        ("displacement-as-printed", _) => ("mean squared displacement, measured / (17) as printed", "relative"),
        ("kappa-without-square", _) => ("position variance, measured / law with kappa = S(1 - beta)", "relative"),
        ("weight-decay-forgotten", _) => ("position variance, measured / law with h = rho", "relative"),
        ("one-plus-beta-dropped", _) => ("kinetic - potential energy with mass eta / 2", "relative"),
        ("finite-population-missing", _) => ("position variance, measured / law with Sigma / S", "relative"),
        _ => ("", "relative"),
    }
}

/// One number of a chain's record.
#[derive(Clone, Copy, Debug)]
enum Part {
    Position(usize),
    Velocity(usize),
    Cross(usize),
    Displacement(usize),
}

impl Part {
    fn of(self, record: &ChainRecord) -> f64 {
        match self {
            Self::Position(i) => record.energies.position[i],
            Self::Velocity(i) => record.energies.velocity[i],
            Self::Cross(i) => record.energies.cross[i],
            Self::Displacement(i) => record.displacement[i],
        }
    }
}

/// A weighted sum of a chain's numbers, minus its expectation under the claim, for the chains of one output.
#[derive(Clone, Debug)]
struct Terms {
    terms: Vec<(Part, f64)>,
    expected: f64,
}

impl Terms {
    fn of(terms: Vec<(Part, f64)>, expected: f64) -> Self {
        Self { terms, expected }
    }

    /// The average of several; `None` of none.
    fn mean(all: &[Terms]) -> Option<Self> {
        let share = 1.0 / all.len() as f64;
        (!all.is_empty()).then(|| Self {
            terms: all.iter().flat_map(|one| one.terms.iter().map(|&(part, weight)| (part, weight * share))).collect(),
            expected: all.iter().map(|one| one.expected * share).sum(),
        })
    }
}

/// One member of a family: a number per chain with mean zero under the claim, whichever output the chain ran.
#[derive(Clone, Debug)]
struct Series {
    by_output: Vec<Terms>,
}

impl Series {
    /// From the members of every output, in the same order.
    fn by_output(outputs: &[Vec<Terms>]) -> Vec<Self> {
        let members = outputs.iter().map(Vec::len).min().unwrap_or(0);
        (0..members)
            .map(|member| Self { by_output: outputs.iter().map(|terms| terms[member].clone()).collect() })
            .collect()
    }

    fn value(&self, record: &ChainRecord) -> f64 {
        let Terms { terms, expected } = &self.by_output[record.output];
        terms.iter().map(|&(part, weight)| weight * part.of(record)).sum::<f64>() - expected
    }
}

impl Scenario for StationaryMinibatch {
    fn id(&self) -> &str {
        &self.id
    }

    fn checks(&self) -> Vec<CheckSpec> {
        let [pooled, single] = self.targets;
        let mut checks = vec![
            CheckSpec::sampled("stationary-positions", "pooled", pooled),
            CheckSpec::sampled("stationary-positions", "modes", single),
            CheckSpec::sampled("stationary-velocities", "pooled", pooled),
            CheckSpec::sampled("stationary-velocities", "modes", single),
            CheckSpec::sampled("stationary-cross-covariance", "pooled", pooled),
            CheckSpec::sampled("stationary-cross-covariance", "modes", single),
            CheckSpec::sampled("equipartition", "pooled", pooled),
            CheckSpec::sampled("equipartition", "modes", single),
            CheckSpec::sampled("instantaneous-speed", "total", pooled),
            CheckSpec::sampled("excess-loss", "total", 2.0 * pooled),
            CheckSpec::sampled("displacement", "lags", single),
        ];
        checks.extend(self.mutants.iter().map(|mutant| CheckSpec::sampled(mutant.claim(), "mutant", pooled)));
        checks
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let law = self.law()?;
        let rank = self.prepared.quadratic.rank();
        let summed = |pick: fn(&OutputLaw) -> &[f64]| law.total(pick).into_iter().take(rank);
        let velocity = law.total(|one| &one.velocity);
        let speed = self.sgd.learning_rate().powi(2) * velocity.iter().take(rank).sum::<f64>();
        let mut predictions = vec![
            predicted_settings(&self.sgd),
            Prediction::new("curvature", law.maps.iter().take(rank).map(ModeMap::curvature)),
            Prediction::new("gradient_noise", summed(|one| &one.noise)),
            Prediction::new("position_variance", summed(|one| &one.position)),
            Prediction::new("velocity_variance", velocity.into_iter().take(rank)),
            Prediction::new("speed", [speed]),
            Prediction::new("displacement", law.total(|one| &one.displacement)),
            Prediction::new("learning_rate_limit", law.limit),
            Prediction::new("spectral_radius", [law.spectral_radius]),
        ];
        let sde = |one: &OutputLaw| Self::sde_variances(&self.sde_modes(|i| one.noise[i])?);
        predictions.push(Prediction::new("sde_position_variance", Self::summed(&law, sde)?));
        if self.mutants.contains(&Mutant::SdeAssumption3) {
            let assumption3 = |one: &OutputLaw| Self::sde_variances(&self.assumption3_modes(one)?);
            predictions.push(Prediction::new("assumption_3_position_variance", Self::summed(&law, assumption3)?));
        }
        if self.mutants.contains(&Mutant::Equation17AsPrinted) {
            for (name, reading) in [
                ("displacement_equation17", DisplacementReading::StepsAsTime),
                ("displacement_equation17_as_printed", DisplacementReading::AsPrinted),
            ] {
                predictions.push(Prediction::new(name, Self::summed(&law, |one| self.equation17(one, reading))?));
            }
        }
        Ok(predictions)
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let law = self.law()?;
        // a mode counts when the chains of every output resolve it
        let events: Vec<f64> = (0..self.prepared.quadratic.rank())
            .map(|i| law.outputs.iter().map(|one| one.events[i]).fold(f64::INFINITY, f64::min))
            .collect();
        let (resolved, note) = resolved_modes(&law.maps, &events, self.steps);
        let records = self.simulate(context, &law, &resolved)?;
        let mut outcome = Outcome::default();
        for spec in self.checks() {
            let mutant = self.mutants.iter().find(|mutant| mutant.claim() == spec.claim);
            let series = match mutant {
                Some(&mutant) => {
                    let rival = self.rival_series(mutant, &law, &resolved)?;
                    if rival.is_empty() { self.series(&spec, &law, &resolved) } else { rival }
                }
                None => self.series(&spec, &law, &resolved),
            };
            let mut check = self.decide(context, &spec, &series, &records, &law, &resolved, note.as_ref())?;
            if spec.claim == "excess-loss" && self.sgd.weight_decay() > 0.0 {
                let offset = self.prepared.quadratic.loss_offset(self.sgd.weight_decay());
                let offset = format!("offset (lambda/2)<mu_ols, mu_ridge> = {offset:.4e} (E09)");
                check.note = super::join_notes(check.note, Some(offset));
            }
            outcome.checks.push(check);
        }
        // the law of the sum over outputs, as the figures show it
        let exact = law.total(|one| &one.position);
        let largest = |variances: &[f64]| {
            let errors = resolved.iter().map(|&i| variances[i] / exact[i] - 1.0);
            errors.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0)
        };
        let assumption3 = Self::summed(&law, |one| Self::sde_variances(&self.assumption3_modes(one)?))?;
        let true_noise = Self::summed(&law, |one| Self::sde_variances(&self.sde_modes(|i| one.noise[i])?))?;
        let errors = [largest(&assumption3), largest(&true_noise)];
        outcome.summary = Some(self.summary(context, &law, &resolved, records.len() as u64, errors));
        outcome.figures = self.figures(&law, &resolved, &records)?;
        Ok(outcome)
    }
}
