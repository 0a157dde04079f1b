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
use rayon::prelude::*;

use super::kills::{Decided, refuting};
use super::long_chains::{self, Followed};
use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings, resolved_modes};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{
    DisplacementFigure, EquipartitionFigure, Figures, Layer, ModeVarianceFigure, Prediction, ScenarioSummary,
};
use crate::statistics::{Finding, Rates, chains};

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
    /// Claims that must be refuted, tested on the same chains.
    pub slips: Vec<Mutant>,
    /// Chains of every output with reshuffled epochs, tried as a mutant; the data must then consist of whole batches.
    pub reshuffled: u64,
    /// Whether the displacement is drawn.
    pub draw_displacement: bool,
    /// Whether the variances are drawn.
    pub draw_variances: bool,
    /// Whether the energies are drawn.
    pub draw_equipartition: bool,
}

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 1024;

/// What a theory says of one output, per direction.
#[derive(Clone, Debug)]
struct Predicted {
    position: Vec<f64>,
    velocity: Vec<f64>,
    cross: Vec<f64>,
    curvature: Vec<f64>,
    mass: f64,
    /// Per lag.
    displacement: Vec<f64>,
}

/// The law's numbers per direction, for one output.
struct OutputLaw {
    predicted: Predicted,
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
    fn predicted(&self) -> Vec<&Predicted> {
        self.outputs.iter().map(|one| &one.predicted).collect()
    }

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
            let predicted = Predicted {
                position: (0..size).map(|i| full[(i, i)]).collect(),
                velocity: (0..size).map(|i| full[(size + i, size + i)]).collect(),
                cross: (0..size).map(|i| full[(i, size + i)]).collect(),
                curvature: law.maps().iter().map(ModeMap::curvature).collect(),
                mass: self.sgd.mass(),
                displacement,
            };
            outputs.push(OutputLaw {
                predicted,
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

    /// One ensemble per output, with its minimum.
    fn ensembles(
        &self,
        law: &Law,
        sampling: Sampling,
        seed: impl Fn(usize) -> u64,
    ) -> Result<Vec<(Ensemble, Vec<f64>)>> {
        let data = &self.prepared.rotated;
        let minimum = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let mut ensembles = Vec::new();
        for (output, one) in law.outputs.iter().enumerate() {
            let single = LeastSquares::new(data.features().clone(), data.targets().columns(output, 1).into_owned())?;
            let noise = MinibatchNoise::new(&single, &self.sgd, sampling)?;
            let mean = minimum.columns(output, 1).into_owned();
            let centre: Vec<f64> = mean.as_slice().to_vec();
            let start = Start::Gaussian { mean, roots: vec![one.root.clone()] };
            ensembles.push((Ensemble::new(NoiseSource::Minibatch(noise), &self.sgd, start, seed(output))?, centre));
        }
        Ok(ensembles)
    }

    /// Runs chains of every output.
    fn run_outputs(
        &self,
        context: &Context<'_>,
        ensembles: &[(Ensemble, Vec<f64>)],
        chains: std::ops::Range<u64>,
        records: &mut Vec<ChainRecord>,
    ) {
        let lags = self.lags();
        let spacing = (self.steps / 8).max(1);
        for (output, (ensemble, centre)) in ensembles.iter().enumerate() {
            let observer = || (EnergyObserver::new(centre, centre.len()), DisplacementObserver::new(&lags, spacing));
            let new = context.run_chains(ensemble, chains.clone(), self.steps, observer);
            records.extend(new.into_iter().map(|(energies, displacement)| ChainRecord {
                output,
                energies,
                displacement,
            }));
        }
    }

    fn simulate(&self, context: &Context<'_>, law: &Law, resolved: &[usize]) -> Result<Vec<ChainRecord>> {
        let dimension = self.prepared.rotated.dimension();
        let seed = |output: usize| context.seed_of(&format!("{}/{output}", self.id));
        let ensembles = self.ensembles(law, self.sampling, seed)?;
        let run = |chains, records: &mut Vec<ChainRecord>| self.run_outputs(context, &ensembles, chains, records);
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

    /// Diagnostics of a few long chains of the first output: its loss, and its steepest and slowest resolved directions.
    fn diagnostics(
        &self,
        context: &Context<'_>,
        law: &Law,
        resolved: &[usize],
    ) -> Result<Vec<crate::report::ChainDiagnostics>> {
        let seed = context.seed_of(&format!("{}/long", self.id));
        let ensembles = self.ensembles(law, self.sampling, |_| seed)?;
        let (Some((ensemble, centre)), Some(output)) = (ensembles.first(), law.outputs.first()) else {
            return Ok(Vec::new());
        };
        let rank = self.prepared.quadratic.rank();
        let followed = |quantity: String, weight: &dyn Fn(usize) -> f64| {
            let weights: Vec<f64> = (0..centre.len()).map(|i| if i < rank { weight(i) } else { 0.0 }).collect();
            let exact =
                weights.iter().zip(&output.predicted.position).map(|(weight, position)| weight * position).sum();
            Followed { quantity, weights, exact }
        };
        let loss = followed("regularised loss above its minimum".into(), &|i| 0.5 * output.predicted.curvature[i]);
        let mut all = vec![loss];
        let mut ends: Vec<usize> = resolved.first().into_iter().chain(resolved.last()).copied().collect();
        ends.dedup();
        all.extend(ends.into_iter().map(|end| {
            let name = format!("squared position of mode {}", end + 1);
            followed(name, &|i| f64::from(u8::from(i == end)))
        }));
        Ok(long_chains::diagnose(context, &self.id, ensemble, centre, &all, self.steps))
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
            let series = self.series(&spec, law, &law.predicted(), resolved);
            rates.alpha /= series.len().max(1) as f64;
            for one in &series {
                let pilot = Moments::of(records.iter().map(|record| one.value(record)));
                needed = needed.max(chains::chains_needed(&pilot, spec.target, rates));
            }
        }
        Ok(needed)
    }

    /// The members of a check's family: one number per chain each, with mean zero under the predictions. Units are the law's.
    fn series(&self, spec: &CheckSpec, law: &Law, predicted: &[&Predicted], resolved: &[usize]) -> Vec<Series> {
        let members: Vec<Vec<Terms>> = law
            .outputs
            .iter()
            .zip(predicted)
            .map(|(one, predicted)| self.terms(spec, &one.predicted, predicted, resolved))
            .collect();
        Series::by_output(&members)
    }

    /// The same for the chains of one output.
    fn terms(&self, spec: &CheckSpec, law: &Predicted, predicted: &Predicted, resolved: &[usize]) -> Vec<Terms> {
        let rank = self.prepared.quadratic.rank();
        let position = |i: usize| Terms::of(vec![(Part::Position(i), 1.0 / predicted.position[i])], 1.0);
        let velocity = |i: usize| Terms::of(vec![(Part::Velocity(i), 1.0 / predicted.velocity[i])], 1.0);
        let cross = |i: usize| {
            let unit = 1.0 / (law.position[i] * law.velocity[i]).sqrt();
            Terms::of(vec![(Part::Cross(i), unit)], predicted.cross[i] * unit)
        };
        let balance = |i: usize| {
            let energy = law.curvature[i] * law.position[i];
            let (kinetic, potential) = (predicted.mass / energy, -predicted.curvature[i] / energy);
            Terms::of(vec![(Part::Velocity(i), kinetic), (Part::Position(i), potential)], 0.0)
        };
        let members = |one: &dyn Fn(usize) -> Terms| -> Vec<Terms> { resolved.iter().map(|&i| one(i)).collect() };
        let pooled = |one: &dyn Fn(usize) -> Terms| -> Vec<Terms> { Terms::mean(&members(one)).into_iter().collect() };
        let family = |one: &dyn Fn(usize) -> Terms, quantity: &str| {
            if quantity == "pooled" { pooled(one) } else { members(one) }
        };
        let Measured { of, quantity } = Measured::by(spec);
        match of {
            "stationary-positions" => family(&position, quantity),
            "stationary-velocities" => family(&velocity, quantity),
            "stationary-cross-covariance" => family(&cross, quantity),
            "equipartition" => family(&balance, quantity),
            "instantaneous-speed" => {
                let total: f64 = predicted.velocity[..rank].iter().sum();
                vec![Terms::of((0..rank).map(|i| (Part::Velocity(i), 1.0 / total)).collect(), 1.0)]
            }
            "excess-loss" => {
                let half = |i: usize| 0.5 * law.curvature[i];
                let energy: f64 = (0..rank).map(|i| half(i) * predicted.position[i]).sum();
                vec![Terms::of((0..rank).map(|i| (Part::Position(i), half(i) / energy)).collect(), 1.0)]
            }
            "displacement" => (0..predicted.displacement.len())
                .map(|lag| Terms::of(vec![(Part::Displacement(lag), 1.0 / predicted.displacement[lag])], 1.0))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The directions of every output as mutants see them.
    fn directions(&self, law: &Law) -> Result<Vec<Vec<Direction>>> {
        let data = &self.prepared.dataset.problem;
        let (samples, batch) = (data.samples(), self.sgd.batch_size());
        // the SDE divides by S: what the sampling scheme makes of that
        let scheme = self.sampling.noise_factor(samples, batch)? * batch as f64;
        let replaced = match self.sampling {
            Sampling::WithoutReplacement => {
                let with = Sampling::WithReplacement;
                let law = MinibatchLaw::with_quadratic(data, &self.prepared.quadratic, &self.sgd, with)?;
                Some(law.stationary_positions_in_eigenbasis()?)
            }
            _ => None,
        };
        let eigenvalues = self.prepared.quadratic.eigenvalues();
        let of = |output: usize, one: &OutputLaw| {
            let direction = |i: usize| Direction {
                sgd: self.sgd,
                eigenvalue: eigenvalues[i],
                position: one.predicted.position[i],
                noise: one.noise[i] * scheme,
                sigma2: one.residual * scheme,
                samples_per_batch: Some(samples as f64 / batch as f64),
                with_replacement: replaced.as_ref().map(|law| law[output][(i, i)] / one.predicted.position[i]),
            };
            (0..self.prepared.quadratic.rank()).map(direction).collect()
        };
        Ok(law.outputs.iter().enumerate().map(|(output, one)| of(output, one)).collect())
    }

    /// What a mutant says of every output; `None` where it says nothing. Numbers of directions without a prediction are NaN.
    fn mutated(&self, mutant: Mutant, law: &Law, directions: &[Vec<Direction>]) -> Result<Option<Vec<Predicted>>> {
        let mut outputs = Vec::new();
        for (one, directions) in law.outputs.iter().zip(directions) {
            let modes = directions
                .iter()
                .map(|direction| ModeTheory::mutated(mutant, direction))
                .collect::<Result<Vec<Option<ModeTheory>>>>()?;
            let Some(some) = modes.iter().flatten().next() else { return Ok(None) };
            let mut predicted = Predicted { mass: some.mass, ..one.predicted.clone() };
            for (i, mode) in modes.iter().enumerate() {
                let number = |pick: fn(&ModeTheory) -> f64| mode.as_ref().map_or(f64::NAN, pick);
                predicted.position[i] = number(ModeTheory::position);
                predicted.velocity[i] = number(ModeTheory::velocity);
                predicted.cross[i] = number(ModeTheory::cross);
                predicted.curvature[i] = number(|mode| mode.curvature);
            }
            for (value, lag) in predicted.displacement.iter_mut().zip(self.lags()) {
                *value = modes.iter().map(|mode| mode.map_or(f64::NAN, |mode| mode.displacement(lag))).sum();
            }
            outputs.push(predicted);
        }
        Ok(Some(outputs))
    }

    /// Chains with reshuffled epochs, otherwise as the tested ones.
    fn reshuffled(&self, context: &Context<'_>, law: &Law) -> Result<Vec<ChainRecord>> {
        let seed = |output: usize| context.seed_of(&format!("{}/reshuffled/{output}", self.id));
        let mut records = Vec::new();
        self.run_outputs(context, &self.ensembles(law, Sampling::Reshuffle, seed)?, 0..self.reshuffled, &mut records);
        Ok(records)
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
    ) -> Result<Decided> {
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
        if series.len() == 1 {
            return context.decide(&self.id, spec, made, |rates| test(&series[0], records, rates));
        }
        context.decide_family(&self.id, spec, made, series.len(), name, |index, rates| {
            test(&series[index], records, rates)
        })
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
                exact: pick(&law.total(|one| &one.predicted.position)),
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
                exact: law.total(|one| &one.predicted.displacement),
                sde: Self::summed(law, sde)?,
                equation17: Self::summed(law, |one| self.equation17(one, DisplacementReading::StepsAsTime))?,
                equation17_as_printed: Self::summed(law, |one| self.equation17(one, DisplacementReading::AsPrinted))?,
                steps: lags,
            });
        }
        Ok(figures)
    }
}

/// Tests one member over chains.
fn test(series: &Series, records: &[ChainRecord], rates: Rates) -> Finding {
    let mut by_output = vec![Vec::new(); series.by_output.len()];
    for record in records {
        by_output[record.output].push(series.value(record));
    }
    chains::test_strata(&by_output, rates)
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

/// What a check measures: that of a claim which must be refuted is what the claim is wrong about.
struct Measured {
    of: &'static str,
    quantity: &'static str,
}

impl Measured {
    fn by(spec: &CheckSpec) -> Self {
        let (of, quantity) = match spec.claim {
            "sde-law-as-exact" | "assumption-3-as-exact" => ("stationary-positions", "modes"),
            "kappa-without-square" | "weight-decay-forgotten" | "finite-population-missing" => {
                ("stationary-positions", "pooled")
            }
            "uncorrelated-phase-space" => ("stationary-cross-covariance", "pooled"),
            "one-plus-beta-dropped" => ("equipartition", "pooled"),
            "displacement-as-printed" => ("displacement", "lags"),
            of => (of, spec.quantity),
        };
        Self { of, quantity }
    }
}

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

    /// The mean over chains from the means of their parts; `None` where the prediction does not exist.
    fn mean(&self, means: &PartMeans) -> Option<f64> {
        let outputs = self.by_output.iter().zip(&means.by_output);
        let mean: f64 = outputs
            .map(|(Terms { terms, expected }, one)| {
                one.share * (terms.iter().map(|&(part, weight)| weight * part.of(&one.record)).sum::<f64>() - expected)
            })
            .sum();
        mean.is_finite().then_some(mean)
    }
}

/// Means over the chains of every output.
struct PartMeans {
    by_output: Vec<OutputMeans>,
}

struct OutputMeans {
    /// Share of the chains.
    share: f64,
    record: ChainRecord,
}

impl PartMeans {
    fn of(records: &[ChainRecord], outputs: usize) -> Self {
        let mean = |output: usize| {
            let own: Vec<&ChainRecord> = records.iter().filter(|record| record.output == output).collect();
            let average = |pick: &dyn Fn(&ChainRecord) -> &Vec<f64>| -> Vec<f64> {
                let size = own.first().map_or(0, |record| pick(record).len());
                (0..size).map(|i| own.iter().map(|record| pick(record)[i]).sum::<f64>() / own.len() as f64).collect()
            };
            OutputMeans {
                share: own.len() as f64 / records.len() as f64,
                record: ChainRecord {
                    output,
                    energies: ChainEnergies {
                        position: average(&|record| &record.energies.position),
                        velocity: average(&|record| &record.energies.velocity),
                        cross: average(&|record| &record.energies.cross),
                    },
                    displacement: average(&|record| &record.displacement),
                },
            }
        };
        Self { by_output: (0..outputs).map(mean).collect() }
    }
}

impl Scenario for StationaryMinibatch {
    fn id(&self) -> &str {
        &self.id
    }

    fn checks(&self) -> Vec<CheckSpec> {
        let [pooled, single] = self.targets;
        let equipartition = |quantity, target| {
            let spec = CheckSpec::sampled("equipartition", quantity, target);
            if self.sgd.momentum() > 0.0 || self.sgd.weight_decay() > 0.0 {
                return spec;
            }
            spec.because(
                "equipartition is exact for any noise with zero mean given the past (E27); without momentum and weight decay a \
                 slip in the mass or the curvature vanishes",
            )
        };
        let mut checks = vec![
            CheckSpec::sampled("stationary-positions", "pooled", pooled),
            CheckSpec::sampled("stationary-positions", "modes", single),
            CheckSpec::sampled("stationary-velocities", "pooled", pooled),
            CheckSpec::sampled("stationary-velocities", "modes", single),
            CheckSpec::sampled("stationary-cross-covariance", "pooled", pooled),
            CheckSpec::sampled("stationary-cross-covariance", "modes", single),
            equipartition("pooled", pooled),
            equipartition("modes", single),
            CheckSpec::sampled("instantaneous-speed", "total", pooled),
            CheckSpec::sampled("excess-loss", "total", 2.0 * pooled),
            CheckSpec::sampled("displacement", "lags", single),
        ];
        checks.extend(
            self.slips.iter().filter_map(|slip| slip.claim()).map(|claim| CheckSpec::sampled(claim, "mutant", pooled)),
        );
        checks
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let law = self.law()?;
        let rank = self.prepared.quadratic.rank();
        let summed = |pick: fn(&OutputLaw) -> &[f64]| law.total(pick).into_iter().take(rank);
        let velocity = law.total(|one| &one.predicted.velocity);
        let speed = self.sgd.learning_rate().powi(2) * velocity.iter().take(rank).sum::<f64>();
        let mut predictions = vec![
            predicted_settings(&self.sgd),
            Prediction::new("curvature", law.maps.iter().take(rank).map(ModeMap::curvature)),
            Prediction::new("gradient_noise", summed(|one| &one.noise)),
            Prediction::new("position_variance", summed(|one| &one.predicted.position)),
            Prediction::new("velocity_variance", velocity.into_iter().take(rank)),
            Prediction::new("speed", [speed]),
            Prediction::new("displacement", law.total(|one| &one.predicted.displacement)),
            Prediction::new("learning_rate_limit", law.limit),
            Prediction::new("spectral_radius", [law.spectral_radius]),
        ];
        let sde = |one: &OutputLaw| Self::sde_variances(&self.sde_modes(|i| one.noise[i])?);
        predictions.push(Prediction::new("sde_position_variance", Self::summed(&law, sde)?));
        if self.slips.contains(&Mutant::ContinuousAssumption3) {
            let assumption3 = |one: &OutputLaw| Self::sde_variances(&self.assumption3_modes(one)?);
            predictions.push(Prediction::new("assumption_3_position_variance", Self::summed(&law, assumption3)?));
        }
        if self.slips.contains(&Mutant::StepsAsTime) {
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
        let directions = self.directions(&law)?;
        let mut rivals = Vec::new();
        for mutant in Mutant::ALL {
            rivals.extend(self.mutated(mutant, &law, &directions)?.map(|predicted| (mutant, predicted)));
        }
        let means = PartMeans::of(&records, law.outputs.len());
        let reshuffled = if self.reshuffled > 0 { self.reshuffled(context, &law)? } else { Vec::new() };
        let reshuffled_means = PartMeans::of(&reshuffled, law.outputs.len());
        for spec in self.checks() {
            let slip = Mutant::of_claim(spec.claim);
            let rival = rivals.iter().find(|(mutant, _)| slip == Some(*mutant));
            let predicted = rival.map_or_else(|| law.predicted(), |(_, predicted)| predicted.iter().collect());
            let series = self.series(&spec, &law, &predicted, &resolved);
            let mut decided = self.decide(context, &spec, &series, &records, &law, &resolved, note.as_ref())?;
            if slip.is_none() {
                let cells = rivals.par_iter().filter_map(|(mutant, predicted)| {
                    let series = self.series(&spec, &law, &predicted.iter().collect::<Vec<_>>(), &resolved);
                    let test = |index: usize, rates| refuting(&test(&series[index], &records, rates));
                    decided.kill(*mutant, |index| series[index].mean(&means), test)
                });
                outcome.kills.extend(cells.collect::<Vec<_>>());
                if self.reshuffled > 0 {
                    let test = |index: usize, rates| refuting(&test(&series[index], &reshuffled, rates));
                    let effect = |index: usize| series[index].mean(&reshuffled_means);
                    outcome.kills.extend(decided.kill(Mutant::Reshuffling, effect, test));
                }
            }
            if spec.claim == "excess-loss" && self.sgd.weight_decay() > 0.0 {
                let offset = self.prepared.quadratic.loss_offset(self.sgd.weight_decay());
                let offset = format!("offset (lambda/2)<mu_ols, mu_ridge> = {offset:.4e} (E09)");
                decided.record.note = super::join_notes(decided.record.note, Some(offset));
            }
            outcome.checks.push(decided.record);
        }
        // the law of the sum over outputs, as the figures show it
        let exact = law.total(|one| &one.predicted.position);
        let largest = |variances: &[f64]| {
            let errors = resolved.iter().map(|&i| variances[i] / exact[i] - 1.0);
            errors.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0)
        };
        let assumption3 = Self::summed(&law, |one| Self::sde_variances(&self.assumption3_modes(one)?))?;
        let true_noise = Self::summed(&law, |one| Self::sde_variances(&self.sde_modes(|i| one.noise[i])?))?;
        let errors = [largest(&assumption3), largest(&true_noise)];
        outcome.summary = Some(self.summary(context, &law, &resolved, records.len() as u64, errors));
        outcome.figures = self.figures(&law, &resolved, &records)?;
        outcome.diagnostics = self.diagnostics(context, &law, &resolved)?;
        Ok(outcome)
    }
}
