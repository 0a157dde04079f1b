//! SGD with Gaussian noise of constant, non-commuting covariance (layer L1). Replicas start in the claimed stationary law
//! and run k steps; under the claim their states are exactly Gaussian with known covariance at every k, so sums of squares
//! are exactly chi-square and regressions exactly normal. No burn-in, no effective sample size, no asymptotics.

use langevin_sim::observer::SnapshotObserver;
use langevin_sim::sgd::{Ensemble, GaussianNoise, NoiseSource, Start};
use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::linear_algebra::{covariance_inverse, covariance_root};
use langevin_theory::{Hyperparameters, Quadratic, Steps};
use nalgebra::{DMatrix, DVector};

use super::{CheckSpec, Context, Made, Outcome, Scenario, predicted_settings, relaxation_steps};
use crate::error::Result;
use crate::report::{CheckResult, Layer, Prediction, ScenarioSummary};
use crate::statistics::{Rates, chi_square, normal};

/// Curvatures and a noise covariance per step in the eigenbasis.
pub struct GaussianExact {
    /// Stable name.
    pub id: String,
    /// In words.
    pub description: String,
    /// eta, beta, lambda, S (S is only reported; `noise` is per step).
    pub sgd: Hyperparameters,
    /// rho of each direction.
    pub eigenvalues: Vec<f64>,
    /// Noise covariance per step.
    pub noise: DMatrix<f64>,
    /// Resolution pooled over modes, and of a single mode.
    pub targets: [f64; 2],
}

/// States of the replicas at the snapshot steps; the first is the start.
struct Snapshots {
    steps: Vec<u64>,
    /// Per snapshot: replicas x 2d, positions first.
    states: Vec<DMatrix<f64>>,
}

impl GaussianExact {
    fn law(&self) -> Result<ConstantNoiseLaw> {
        let size = self.eigenvalues.len();
        let hessian = DMatrix::from_diagonal(&DVector::from_vec(self.eigenvalues.clone()));
        let quadratic = Quadratic::new(hessian, DMatrix::zeros(size, 1))?;
        Ok(ConstantNoiseLaw::new(
            &quadratic,
            self.sgd.learning_rate(),
            self.sgd.momentum(),
            self.sgd.weight_decay(),
            &self.noise,
        )?)
    }

    /// 1, about one relaxation time of the slowest mode, and several of them.
    fn snapshot_steps(maps: &[ModeMap]) -> Vec<u64> {
        let slowest = maps.iter().map(relaxation_steps).fold(1.0, f64::max);
        let mut steps = vec![0, 1, slowest.ceil() as u64 + 1, (6.0 * slowest).ceil() as u64 + 2];
        steps.dedup();
        steps
    }

    fn replicas(&self, context: &Context<'_>, snapshots: usize) -> Result<u64> {
        let size = self.eigenvalues.len();
        let mut needed: f64 = 0.0;
        for spec in self.checks() {
            let Rates { alpha, power } = context.rates(&self.id, &spec)?;
            let (members, per_replica) = match spec.quantity {
                "modes" => (size * snapshots, 1),
                "pooled" => (snapshots, 2 * size),
                _ => continue,
            };
            let rates = Rates { alpha: alpha / members as f64, power };
            needed = needed.max(chi_square::degrees_for(spec.target, rates) / per_replica as f64);
        }
        Ok(needed.ceil() as u64)
    }

    fn simulate(&self, context: &Context<'_>, law: &ConstantNoiseLaw, covariance: &DMatrix<f64>) -> Result<Snapshots> {
        let size = self.eigenvalues.len();
        let steps = Self::snapshot_steps(law.maps());
        let root = covariance_root("noise_covariance", &self.noise)?;
        let zero = DMatrix::zeros(size, 1);
        let noise = GaussianNoise::new(&self.eigenvalues, &zero, &[root])?;
        let start =
            Start::Gaussian { mean: zero, roots: vec![covariance_root("the stationary covariance", covariance)?] };
        let ensemble = Ensemble::new(NoiseSource::Gaussian(noise), &self.sgd, start, context.seed_of(&self.id))?;
        let replicas = self.replicas(context, steps.len() - 1)?;
        let last = steps.last().copied().unwrap_or(0);
        let kept = context.run_chains(&ensemble, 0..replicas, last, || SnapshotObserver::new(&steps));
        let states = (0..steps.len())
            .map(|row| DMatrix::from_fn(kept.len(), 2 * size, |replica, i| kept[replica][(row, i)]))
            .collect();
        Ok(Snapshots { steps, states })
    }

    fn decide(
        &self,
        context: &Context<'_>,
        spec: &CheckSpec,
        law: &ConstantNoiseLaw,
        covariance: &DMatrix<f64>,
        snapshots: &Snapshots,
    ) -> Result<CheckResult> {
        let size = self.eigenvalues.len();
        let late = snapshots.steps.len() - 1;
        let replicas = snapshots.states[0].nrows();
        let modes = (0..size).map(|i| law.mode(i)).collect::<langevin_theory::Result<Vec<ModeLaw>>>()?;
        let made = |method: &'static str, quantity: &str, unit: &'static str| Made {
            layer: Layer::L1,
            method,
            quantity: quantity.to_owned(),
            unit,
            samples: replicas as u64,
            note: None,
        };
        let name = |index: usize| {
            format!(
                "eta h = {:.3}, k = {}",
                law.maps()[index % size].rate_times_curvature(),
                snapshots.steps[1 + index / size]
            )
        };
        // sum of squares of one coordinate at one snapshot over a claimed variance
        let ratio = |coordinate: usize, snapshot: usize, variance: f64, rates: Rates| {
            let sum = snapshots.states[snapshot].column(coordinate).norm_squared() / variance;
            chi_square::test(sum, replicas as f64, rates)
        };
        let ratio_to_sde: Vec<f64> = modes.iter().map(ModeLaw::ratio_to_sde).collect::<langevin_theory::Result<_>>()?;
        match (spec.claim, spec.quantity) {
            ("gaussian-law", _) => {
                let inverse = covariance_inverse("the stationary covariance", covariance)?;
                let whitening =
                    inverse.cholesky().map_or_else(|| DMatrix::zeros(2 * size, 2 * size), nalgebra::Cholesky::unpack);
                context.decide_family(
                    &self.id,
                    spec,
                    made("chi-square", "whitened scatter, measured / exact", "relative"),
                    late,
                    |index| format!("k = {}", snapshots.steps[1 + index]),
                    |index, rates| {
                        let whitened = &snapshots.states[1 + index] * &whitening;
                        chi_square::test(whitened.norm_squared(), (2 * size * replicas) as f64, rates)
                    },
                )
            }
            ("stationary-positions" | "discretisation-factor", _) => {
                let quantity = if spec.claim == "discretisation-factor" {
                    "position variance over the SDE's, measured / (1 / (1 - eta h / (2(1 + beta))))"
                } else {
                    "position variance, measured / exact"
                };
                let made = made("chi-square", quantity, "relative");
                context.decide_family(&self.id, spec, made, size * late, name, |index, rates| {
                    let i = index % size;
                    let variance = if spec.claim == "discretisation-factor" {
                        // P_SDE = eta s^2 / (2 h (1 - beta)), times the factor
                        let h = law.maps()[i].curvature();
                        let sde =
                            self.sgd.learning_rate() * self.noise[(i, i)] / (2.0 * h * (1.0 - self.sgd.momentum()));
                        sde * ratio_to_sde[i]
                    } else {
                        covariance[(i, i)]
                    };
                    ratio(i, 1 + index / size, variance, rates)
                })
            }
            ("stationary-velocities", _) => {
                let made = made("chi-square", "velocity variance, measured / exact", "relative");
                context.decide_family(&self.id, spec, made, size * late, name, |index, rates| {
                    let i = size + index % size;
                    ratio(i, 1 + index / size, covariance[(i, i)], rates)
                })
            }
            ("stationary-cross-covariance", _) => {
                let made =
                    made("normal regression", "slope of velocity on position, in units of the spreads", "absolute");
                context.decide_family(&self.id, spec, made, size * late, name, |index, rates| {
                    let (i, snapshot) = (index % size, 1 + index / size);
                    let (p, v, c) = (covariance[(i, i)], covariance[(size + i, size + i)], covariance[(i, size + i)]);
                    let states = &snapshots.states[snapshot];
                    regression(
                        &states.column(i).into_owned(),
                        &states.column(size + i).into_owned(),
                        c / p,
                        v - c * c / p,
                        (p / v).sqrt(),
                        rates,
                    )
                })
            }
            ("autocovariance", _) => {
                // position k steps later on the position and velocity now: the slope on the position is A_k
                let made = made(
                    "normal regression",
                    "position after k steps on the state now, departure of the slope",
                    "absolute",
                );
                context.decide_family(&self.id, spec, made, size * late, name, |index, rates| {
                    let (i, snapshot) = (index % size, 1 + index / size);
                    let lag = Steps(snapshots.steps[snapshot]);
                    let power = law.maps()[i].matrix_power(lag.0);
                    let start = &snapshots.states[0];
                    let later = &snapshots.states[snapshot];
                    let now = start.column(i).into_owned();
                    let residual = later.column(i) - &now * power[0][0] - start.column(size + i) * power[0][1];
                    let spread = modes[i].transient_covariance(lag).map_or(f64::NAN, |full| full[0][0]);
                    regression(&now, &residual, 0.0, spread, 1.0, rates)
                })
            }
            ("sde-law-as-exact", _) => {
                let made = made("chi-square", "position variance, measured / SDE with the true noise", "relative");
                context.decide_family(&self.id, spec, made, size * late, name, |index, rates| {
                    let i = index % size;
                    ratio(i, 1 + index / size, covariance[(i, i)] / ratio_to_sde[i], rates)
                })
            }
            _ => context.decide_family(&self.id, spec, made("", "", "relative"), 0, name, |_, _| unreachable_finding()),
        }
    }
}

/// A family of size 0 never calls its test.
fn unreachable_finding() -> crate::statistics::Finding {
    normal::test(f64::NAN, f64::NAN, Rates { alpha: 0.5, power: 0.5 })
}

/// Tests y = slope x + e with e ~ N(0, variance) independent of x: given x, the estimated slope is exactly normal. The effect
/// is the slope's departure times `unit`.
fn regression(
    x: &DVector<f64>,
    y: &DVector<f64>,
    slope: f64,
    variance: f64,
    unit: f64,
    rates: Rates,
) -> crate::statistics::Finding {
    let weight = x.norm_squared();
    let departure = (x.dot(y) - slope * weight) / weight;
    let error = (variance / weight).sqrt();
    normal::test(departure / error, error * unit, rates)
}

impl Scenario for GaussianExact {
    fn id(&self) -> &str {
        &self.id
    }

    fn checks(&self) -> Vec<CheckSpec> {
        let [pooled, single] = self.targets;
        vec![
            CheckSpec::sampled("gaussian-law", "pooled", pooled),
            CheckSpec::sampled("stationary-positions", "modes", single),
            CheckSpec::sampled("stationary-velocities", "modes", single),
            CheckSpec::sampled("stationary-cross-covariance", "slopes", single),
            CheckSpec::sampled("discretisation-factor", "modes", single),
            CheckSpec::sampled("autocovariance", "slopes", single),
            CheckSpec::sampled("sde-law-as-exact", "mutant", single),
        ]
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let law = self.law()?;
        let covariance = law.stationary_covariance_in_eigenbasis()?;
        let size = self.eigenvalues.len();
        let late = Self::snapshot_steps(law.maps()).last().copied().unwrap_or(0);
        let ratios = (0..size).map(|i| law.mode(i)?.ratio_to_sde()).collect::<langevin_theory::Result<Vec<f64>>>()?;
        Ok(vec![
            predicted_settings(&self.sgd),
            Prediction::new("curvature", law.maps().iter().map(ModeMap::curvature)),
            Prediction::new("position_variance", (0..size).map(|i| covariance[(i, i)])),
            Prediction::new("velocity_variance", (0..size).map(|i| covariance[(size + i, size + i)])),
            Prediction::new("cross_covariance", (0..size).map(|i| covariance[(i, size + i)])),
            Prediction::new("ratio_to_sde", ratios),
            Prediction::new("speed", [law.speed()?]),
            Prediction::new("displacement", [law.displacement(Steps(late))?]),
            Prediction::new("spectral_radius", [law.spectral_radius()]),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let law = self.law()?;
        let covariance = law.stationary_covariance_in_eigenbasis()?;
        let snapshots = self.simulate(context, &law, &covariance)?;
        let checks = self
            .checks()
            .iter()
            .map(|spec| self.decide(context, spec, &law, &covariance, &snapshots))
            .collect::<Result<Vec<CheckResult>>>()?;
        let worst = (0..self.eigenvalues.len())
            .map(|i| Ok(1.0 / law.mode(i)?.ratio_to_sde()? - 1.0))
            .collect::<langevin_theory::Result<Vec<f64>>>()?
            .into_iter()
            .fold(0.0, |worst: f64, error: f64| if error.abs() > worst.abs() { error } else { worst });
        let summary = ScenarioSummary {
            id: self.id.clone(),
            description: self.description.clone(),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.sgd.weight_decay(),
            batch_size: self.sgd.batch_size(),
            sampling: "constant covariance".into(),
            noise: "gaussian".into(),
            chains: snapshots.states[0].nrows() as u64,
            steps: snapshots.steps.last().copied().unwrap_or(0),
            modes_resolved: self.eigenvalues.len(),
            modes: self.eigenvalues.len(),
            stability_fraction: law
                .maps()
                .iter()
                .map(|map| map.rate_times_curvature() / self.sgd.rate_times_curvature_limit())
                .reduce(f64::max),
            spectral_radius: Some(law.spectral_radius().powi(2)),
            sde_error_assumption3: None,
            sde_error_true_noise: Some(worst),
            seed: context.seed_of(&self.id),
        };
        Ok(Outcome { checks, summary: Some(summary), ..Outcome::default() })
    }
}
