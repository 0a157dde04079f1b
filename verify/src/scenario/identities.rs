//! Deterministic checks (layer L0): the moment equations against sums over the data and over all batches, the order at which
//! the SDE meets the recursion, the mean-square edge, and the regime of every mode identified from full-batch runs of the
//! simulator.

use std::collections::BTreeMap;
use std::sync::Arc;

use langevin_sim::Dataset;
use langevin_sim::data::GaussianSpec;
use langevin_sim::observer::SnapshotObserver;
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::{ModeMap, Regime};
use langevin_theory::langevin::LangevinMode;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::DMatrix;

use super::average_variance::EnumeratedMaps;
use super::{CheckSpec, Context, Outcome, Prepared, Scenario, predicted_settings};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant, SMALLEST_SHIFT};
use crate::report::{
    CheckResult, DampingBoundary, DampingFigure, DampingPoint, Figures, KillCell, KillOutcome, Prediction,
};

/// Deterministic checks on a data set.
pub struct Identities {
    /// The data.
    pub prepared: Arc<Prepared>,
    /// Hyperparameters of the moment equations.
    pub sgd: Hyperparameters,
    /// Settings whose modes are shown in the damping diagram.
    pub shown: Vec<Hyperparameters>,
}

/// The two settings of the regime check: momentum, and eta h of the steepest mode. Between them they meet every regime.
const REGIME_SETTINGS: [(f64, f64); 2] = [(0.9, 0.05), (0.2, 2.3)];

/// Steps of the full-batch runs.
const REGIME_STEPS: u64 = 24;

impl Identities {
    /// P - M P M^T - phi Gam E[Sigma] Gam^T for the first output, with E[Sigma] summed over the data sample by sample.
    fn stein_residual(&self) -> Result<f64> {
        let law = MinibatchLaw::with_quadratic(
            &self.prepared.dataset.problem,
            &self.prepared.quadratic,
            &self.sgd,
            Sampling::WithReplacement,
        )?;
        let position = law.stationary_position_in_eigenbasis(0)?;
        let data = &self.prepared.rotated;
        let minimum = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let size = data.dimension();
        let mut noise = DMatrix::zeros(size, size);
        let mut mean = DMatrix::zeros(size, 1);
        for sample in 0..data.samples() {
            let row = data.features().row(sample).transpose();
            let residual = row.dot(&minimum.column(0)) - data.targets()[(sample, 0)];
            let energy = (row.transpose() * &position * &row)[(0, 0)];
            noise += &row * row.transpose() * ((energy + residual * residual) / data.samples() as f64);
            mean += &row * (residual / data.samples() as f64);
        }
        let eigenvalues = DMatrix::from_diagonal(self.prepared.quadratic.eigenvalues());
        noise -= &eigenvalues * &position * &eigenvalues + &mean * mean.transpose();
        noise *= law.noise_factor();
        let full = law.phase_space_moment(&position)?;
        let mut map = DMatrix::zeros(2 * size, 2 * size);
        let mut entry = DMatrix::zeros(2 * size, size);
        for (i, one) in law.maps().iter().enumerate() {
            let power = one.matrix_power(1);
            map[(i, i)] = power[0][0];
            map[(i, size + i)] = power[0][1];
            map[(size + i, i)] = power[1][0];
            map[(size + i, size + i)] = power[1][1];
            entry[(i, i)] = self.sgd.learning_rate();
            entry[(size + i, i)] = 1.0;
        }
        let next = &map * &full * map.transpose() + &entry * noise * entry.transpose();
        Ok((next - &full).norm() / full.norm())
    }

    /// The largest change that one enumerated step makes to the claimed stationary second moments.
    fn enumeration_residual() -> Result<f64> {
        let mut worst: f64 = 0.0;
        for (rows, batch, sampling) in [(5, 2, Sampling::WithReplacement), (6, 3, Sampling::WithoutReplacement)] {
            let spec = GaussianSpec { eigenvalues: vec![1.0, 0.3], noise: 0.7, rows, seed: 9 };
            let data = Dataset::gaussian(&spec)?.problem;
            for (momentum, weight_decay) in [(0.0, 0.0), (0.7, 0.2)] {
                let probe = Hyperparameters::new(1.0, momentum, weight_decay, batch)?;
                let limit = MinibatchLaw::new(&data, &probe, sampling)?.learning_rate_limit()?.unwrap_or(1.0);
                let sgd = probe.with_learning_rate(0.4 * limit)?;
                let law = MinibatchLaw::new(&data, &sgd, sampling)?;
                let d = data.dimension();
                let mut moment = DMatrix::zeros(1 + 2 * d, 1 + 2 * d);
                moment[(0, 0)] = 1.0;
                moment.view_mut((1, 1), (2 * d, 2 * d)).copy_from(&law.stationary_second_moment(0)?);
                let maps = EnumeratedMaps::new(&data, &sgd, sampling, law.minimum_ridge());
                let next = maps.second_moment_step(&moment);
                let change = (&next - &moment).view((1, 1), (2 * d, 2 * d)).norm();
                worst = worst.max(change / moment.view((1, 1), (2 * d, 2 * d)).norm());
            }
        }
        Ok(worst)
    }

    /// Departure from 1 of the order in eta h at which the SDE's variance meets the discrete one, the latter from iterating
    /// the moment recursion to its limit.
    fn sde_limit_order() -> Result<f64> {
        let mut worst: f64 = 0.0;
        for momentum in [0.0, 0.5, 0.9] {
            let error = |rate: f64| -> Result<f64> {
                let sgd = Hyperparameters::new(rate, momentum, 0.0, 1)?;
                let sde = LangevinMode::new(&sgd, 1.0, 1.0)?.stationary_covariance()?[0][0];
                Ok((iterated_variance(rate, momentum) / sde - 1.0).ln())
            };
            let order = (error(0.02)? - error(0.01)?) / std::f64::consts::LN_2;
            // error(u) = a u / (1 - a u) with a = 1/(2(1+b)): the measured order exceeds 1 by about a u / ln 2
            let expected = 1.0
                + ((1.0 - 0.01 / (2.0 * (1.0 + momentum))).ln() - (1.0 - 0.02 / (2.0 * (1.0 + momentum))).ln())
                    / std::f64::consts::LN_2;
            worst = worst.max((order - expected).abs());
        }
        Ok(worst)
    }

    /// |spectral radius - 1| of the second-moment map at the claimed largest learning rate.
    fn edge_error(&self) -> Result<(f64, f64)> {
        let law = |sgd: &Hyperparameters| {
            MinibatchLaw::with_quadratic(
                &self.prepared.dataset.problem,
                &self.prepared.quadratic,
                sgd,
                Sampling::WithReplacement,
            )
        };
        match law(&self.sgd)?.learning_rate_limit()? {
            None => Ok((0.0, f64::INFINITY)),
            Some(limit) => {
                let radius = law(&self.sgd.with_learning_rate(limit)?)?.spectral_radius()?;
                Ok(((radius - 1.0).abs(), limit))
            }
        }
    }

    /// Recovers trace and determinant of every mode's map from full-batch runs of the simulator.
    fn identify_maps(&self, context: &Context<'_>) -> Result<Vec<Identified>> {
        let data = &self.prepared.rotated;
        let (samples, dimension) = (data.samples(), data.dimension());
        let without_targets = LeastSquares::new(data.features().clone(), DMatrix::zeros(samples, 1))?;
        let rank = self.prepared.quadratic.rank();
        let steepest = self.prepared.quadratic.eigenvalues()[0];
        let every_step: Vec<u64> = (0..=REGIME_STEPS).collect();
        let mut maps = Vec::new();
        for (momentum, rate) in REGIME_SETTINGS {
            if steepest <= 0.0 {
                continue;
            }
            let sgd = Hyperparameters::new(rate / steepest, momentum, 0.0, samples)?;
            let noise = MinibatchNoise::new(&without_targets, &sgd, Sampling::WithoutReplacement)?;
            // x_1 = (3 - u) x_0 is far from both eigenvectors of every mode; the size of the start, a random number, drops out
            let mut direction = DMatrix::from_element(2 * dimension, 1, 1.0);
            direction.rows_mut(dimension, dimension).fill(2.0 / (sgd.learning_rate() * momentum));
            let start = Start::Gaussian { mean: DMatrix::zeros(dimension, 1), roots: vec![direction] };
            let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &sgd, start, context.seed_of(self.id()))?;
            let path = &context.run_chains(&ensemble, 0..1, REGIME_STEPS, || SnapshotObserver::new(&every_step))[0];
            for i in 0..rank {
                let map = ModeMap::new(sgd.learning_rate(), momentum, self.prepared.quadratic.eigenvalues()[i]);
                let positions: Vec<f64> = path.column(i).iter().copied().collect();
                let [trace, determinant] = identify(&positions);
                maps.push(Identified { sgd, map, trace, determinant });
            }
        }
        Ok(maps)
    }

    /// Mutants against the identified maps: the error in units of the tolerance.
    fn kills(identified: &[Identified], check: &CheckResult, tolerance: f64) -> Result<Vec<(Mutant, KillCell)>> {
        let mut kills = Vec::new();
        for mutant in Mutant::ALL {
            let mut worst: f64 = 0.0;
            for one in identified {
                let direction = Direction {
                    sgd: one.sgd,
                    eigenvalue: one.map.curvature(),
                    position: 1.0,
                    noise: 1.0,
                    sigma2: 1.0,
                    samples_per_batch: None,
                    with_replacement: None,
                };
                // what a mutant does to a map with these eigenvalues
                let Some(theory) = ModeTheory::mutated(mutant, &direction)? else { continue };
                let [[a, b], [c, d]] = theory.step();
                worst = worst.max(one.error(a + d, a * d - b * c));
            }
            if worst > tolerance {
                let shift = worst / tolerance;
                let outcome = if shift >= SMALLEST_SHIFT { KillOutcome::Killed } else { KillOutcome::Survived };
                kills.push((mutant, KillCell { check: check.id.clone(), outcome, shift, effect: worst, p_value: 0.0 }));
            }
        }
        Ok(kills)
    }

    fn damping_figure(&self) -> DampingFigure {
        let momenta: Vec<f64> = (0..=200).map(|n| 0.995 * f64::from(n) / 200.0).collect();
        let boundary = |label: &str, curve: &dyn Fn(f64) -> f64| DampingBoundary {
            label: label.into(),
            rate_times_curvature: momenta.iter().map(|&b| curve(b)).collect(),
            momentum: momenta.clone(),
        };
        let boundaries = vec![
            boundary("critical, recursion", &|b| ((1.0 - b) / (1.0 + b.sqrt())).powi(2)),
            boundary("critical (alternating), recursion", &|b| (1.0 + b.sqrt()).powi(2)),
            boundary("stability edge, recursion", &|b| 2.0 * (1.0 + b)),
            boundary("critical, SDE", &|b| (1.0 - b).powi(2) / (2.0 * (1.0 + b))),
        ];
        let rank = self.prepared.quadratic.rank();
        let points = self
            .shown
            .iter()
            .flat_map(|sgd| {
                self.prepared
                    .quadratic
                    .curvatures(sgd.weight_decay())
                    .iter()
                    .take(rank)
                    .map(|&h| {
                        let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), h);
                        DampingPoint {
                            rate_times_curvature: map.rate_times_curvature(),
                            momentum: sgd.momentum(),
                            regime: map.regime().name().into(),
                        }
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        DampingFigure { boundaries, points }
    }
}

/// A mode's map as the simulator shows it.
struct Identified {
    sgd: Hyperparameters,
    map: ModeMap,
    trace: f64,
    determinant: f64,
}

impl Identified {
    /// The larger departure of trace and determinant.
    fn error(&self, trace: f64, determinant: f64) -> f64 {
        (self.trace - trace).abs().max((self.determinant - determinant).abs())
    }

    fn regime_differs(&self) -> bool {
        regime_of(self.trace, self.determinant) != self.map.regime() && !close_to_critical(self.trace, self.determinant)
    }
}

/// Stationary variance of the position of one direction with unit curvature and noise, from the moment recursion.
fn iterated_variance(rate: f64, momentum: f64) -> f64 {
    let (mut p, mut c, mut v) = (0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..200_000 {
        let velocity = momentum * momentum * v - 2.0 * momentum * c + p + 1.0;
        let ahead = momentum * c - p;
        let next = p + 2.0 * rate * ahead + rate * rate * velocity;
        c = ahead + rate * velocity;
        v = velocity;
        p = next;
    }
    p
}

/// Least-squares (T, b) of x_{n+2} = T x_{n+1} - b x_n.
fn identify(positions: &[f64]) -> [f64; 2] {
    let (mut aa, mut ab, mut bb, mut ay, mut by) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for window in positions.windows(3) {
        // relative weights: every window counts, whatever the mode has decayed to
        let weight = 1.0 / (window[0].abs() + window[1].abs()).max(f64::MIN_POSITIVE).powi(2);
        let (a, b, y) = (window[1], -window[0], window[2]);
        aa += weight * a * a;
        ab += weight * a * b;
        bb += weight * b * b;
        ay += weight * a * y;
        by += weight * b * y;
    }
    let determinant = aa * bb - ab * ab;
    [(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant]
}

fn regime_of(trace: f64, determinant: f64) -> Regime {
    let discriminant = trace * trace - 4.0 * determinant;
    if discriminant < 0.0 {
        Regime::Underdamped
    } else if trace < 0.0 {
        if trace.abs() < 1.0 + determinant { Regime::Alternating } else { Regime::Unstable }
    } else {
        Regime::Overdamped
    }
}

/// Closer to critical damping than the identification resolves.
fn close_to_critical(trace: f64, determinant: f64) -> bool {
    (trace * trace - 4.0 * determinant).abs() < 1e-6
}

impl Scenario for Identities {
    fn id(&self) -> &'static str {
        "identities"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        vec![
            CheckSpec::deterministic("moment-equations", "stein-residual", 1e-10)
                .because("the moment equation summed sample by sample against its solution: two routes to one number"),
            CheckSpec::deterministic("moment-equations", "enumeration", 1e-10)
                .because("the average over all batches against the closed form: two routes to one number"),
            CheckSpec::deterministic("sde-limit-order", "order", 1e-6)
                .because("the order at which the SDE meets the recursion: a limit, not a prediction for samples"),
            CheckSpec::deterministic("mean-square-edge", "spectral-radius", 1e-9)
                .because("the stability edge against the spectral radius: two routes to one number"),
            CheckSpec::deterministic("damping-regimes", "trace-determinant", 1e-7),
            CheckSpec::deterministic("damping-regimes", "regimes", 0.0)
                .because("names of regimes, which follow from traces and determinants"),
        ]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let law = MinibatchLaw::with_quadratic(
            &self.prepared.dataset.problem,
            &self.prepared.quadratic,
            &self.sgd,
            Sampling::WithReplacement,
        )?;
        let rank = self.prepared.quadratic.rank();
        let steepest = self.prepared.quadratic.curvatures(self.sgd.weight_decay())[0];
        Ok(vec![
            predicted_settings(&self.sgd),
            Prediction::new("eigenvalues", self.prepared.quadratic.eigenvalues().iter().take(rank).copied()),
            Prediction::new("learning_rate_limit", law.learning_rate_limit()?),
            Prediction::new("classical_learning_rate_limit", [self.sgd.rate_times_curvature_limit() / steepest]),
            Prediction::new("spectral_radius", [law.spectral_radius()?]),
            Prediction::new("loss_offset", [self.prepared.quadratic.loss_offset(self.sgd.weight_decay())]),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let id = self.id();
        let (edge, limit) = self.edge_error()?;
        let steepest = self.prepared.quadratic.curvatures(self.sgd.weight_decay())[0];
        let classical = self.sgd.rate_times_curvature_limit() / steepest;
        let maps = self.identify_maps(context)?;
        let expected =
            |one: &Identified| one.error(1.0 + one.sgd.momentum() - one.map.rate_times_curvature(), one.sgd.momentum());
        let identified = maps.iter().map(expected).fold(0.0, f64::max);
        let differing = maps.iter().filter(|one| one.regime_differs()).count();
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for one in &maps {
            *counts.entry(one.map.regime().name()).or_insert(0) += 1;
        }
        let mut kills = Vec::new();
        let by_regime: Vec<String> = counts.iter().map(|(regime, count)| format!("{count} {regime}")).collect();
        let mut checks: Vec<CheckResult> = Vec::new();
        for spec in self.checks() {
            let (quantity, error, note) = match spec.quantity {
                "stein-residual" => (
                    "residual of the stationary moment equation, noise summed sample by sample",
                    self.stein_residual()?,
                    None,
                ),
                "enumeration" => (
                    "change of the stationary moments in one step averaged over all batches, tiny data",
                    Self::enumeration_residual()?,
                    None,
                ),
                "order" => (
                    "order of the SDE's variance error in eta h, departure from theory",
                    Self::sde_limit_order()?,
                    None,
                ),
                "spectral-radius" => (
                    "spectral radius of the second-moment map at the largest learning rate, minus 1",
                    edge,
                    Some(format!("largest learning rate {limit:.4}, classical 2(1 + beta)/h_max = {classical:.4}")),
                ),
                "trace-determinant" => (
                    "trace and determinant of every mode's map, identified from full-batch runs",
                    identified,
                    Some(by_regime.join(", ")),
                ),
                _ => (
                    "modes whose identified regime differs from the predicted one",
                    differing as f64,
                    Some(by_regime.join(", ")),
                ),
            };
            let check = context.decide_exactly(id, &spec, quantity.into(), error, note);
            if spec.quantity == "trace-determinant" {
                kills.extend(Self::kills(&maps, &check, spec.target)?);
            }
            checks.push(check);
        }
        Ok(Outcome {
            checks,
            kills,
            figures: Figures { damping: Some(self.damping_figure()), ..Figures::default() },
            ..Outcome::default()
        })
    }
}
