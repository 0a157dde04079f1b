//! SGD with Gaussian noise of constant, non-commuting covariance (layer L1). Replicas start in the claimed stationary law
//! and run k steps; under the claim their states are exactly Gaussian with known covariance at every k, so sums of squares
//! are exactly chi-square, regressions exactly normal, whitened scatters exactly Wishart, probability integral transforms
//! exactly uniform, and sums of lagged products differences of chi-squares. No burn-in, no effective sample size, no asymptotics.

use langevin_sim::observer::SnapshotObserver;
use langevin_sim::sgd::{Ensemble, GaussianNoise, NoiseSource, Start};
use langevin_theory::discrete::{ConstantNoiseLaw, ModeLaw, ModeMap};
use langevin_theory::linear_algebra::{covariance_inverse, covariance_root};
use langevin_theory::{Hyperparameters, Quadratic, Steps};
use nalgebra::{DMatrix, DVector};

use super::{CheckSpec, Context, Made, Outcome, Scenario, relaxation_steps};
use crate::error::Result;
use crate::report::{CheckResult, Layer, ScenarioSummary};
use crate::statistics::pit::{self, Transformed};
use crate::statistics::{Rates, chi_square, lagged, normal, wishart};

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
            let share = |members: usize| Rates { alpha: alpha / members as f64, power };
            needed = needed.max(match spec.quantity {
                "modes" => chi_square::degrees_for(spec.target, share(size * snapshots)),
                "pooled" => chi_square::degrees_for(spec.target, share(snapshots)) / (2 * size) as f64,
                "wishart" => {
                    let rates = share(snapshots * wishart_members(2 * size));
                    wishart::count_for(spec.target, |count| {
                        wishart::likelihood_ratio_resolution(2 * size, count, rates)
                    }) as f64
                }
                // the resolution of a correlation is at most that of a variance ratio at half of the level
                "products" => chi_square::degrees_for(spec.target, share(2 * snapshots * 4 * size * size)),
                _ => continue,
            });
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
        let at = |snapshot: usize| format!("k = {}", snapshots.steps[1 + snapshot]);
        match (spec.claim, spec.quantity) {
            ("gaussian-law", "wishart") => {
                let whitening = whitening(covariance)?;
                let scatters: Vec<DMatrix<f64>> = snapshots.states[1..]
                    .iter()
                    .map(|states| whitening.tr_mul(&states.tr_mul(states)) * &whitening)
                    .collect();
                let members = wishart_members(2 * size);
                let name = |index: usize| {
                    let kind = match index % members {
                        0 => "determinant".into(),
                        1 => "likelihood ratio".into(),
                        place => {
                            let (row, column) = pair(place - 2);
                            format!("whitened coordinates {} and {}", column + 1, row + 1)
                        }
                    };
                    format!("{kind}, {}", at(index / members))
                };
                let made = made("Wishart", "whitened scatter: every direction and every pair", "relative");
                let count = replicas as u64;
                context.decide_family(&self.id, spec, made, members * late, name, |index, rates| {
                    let scatter = &scatters[index / members];
                    match index % members {
                        0 => wishart::determinant(scatter, count, rates),
                        1 => wishart::likelihood_ratio(scatter, count, rates),
                        place => {
                            let (row, column) = pair(place - 2);
                            wishart::product(scatter, column, row, rates)
                        }
                    }
                })
            }
            ("gaussian-law", "shape") => {
                let whitening = whitening(covariance)?;
                let transformed: Vec<Transformed> = snapshots.states[1..]
                    .iter()
                    .map(|states| Transformed::new((states * &whitening).as_slice().to_vec()))
                    .collect();
                let name = |index: usize| {
                    let kind = if index.is_multiple_of(2) { "distance of distribution functions" } else { "bins" };
                    format!("{kind}, {}", at(index / 2))
                };
                let made = made(
                    "Dvoretzky-Kiefer-Wolfowitz and binomial",
                    "probability integral transform of whitened states",
                    "relative",
                );
                context.decide_family(&self.id, spec, made, 2 * late, name, |index, rates| {
                    let values = &transformed[index / 2];
                    if index.is_multiple_of(2) { pit::distance(values, rates) } else { pit::bins(values, rates) }
                })
            }
            ("autocovariance", "products") => {
                // E[z_k z_0^T] = M^k Cov(z), in units of the stationary spreads
                let start = &snapshots.states[0];
                let spread: Vec<f64> = (0..2 * size).map(|i| covariance[(i, i)].sqrt()).collect();
                let per_lag: Vec<[DMatrix<f64>; 3]> = (1..=late)
                    .map(|snapshot| {
                        let mut expected = DMatrix::zeros(2 * size, 2 * size);
                        for (i, map) in law.maps().iter().enumerate() {
                            let power = map.matrix_power(snapshots.steps[snapshot]);
                            for column in 0..2 * size {
                                let now = [covariance[(i, column)], covariance[(size + i, column)]];
                                for (row, factors) in [(i, power[0]), (size + i, power[1])] {
                                    expected[(row, column)] = factors[0] * now[0] + factors[1] * now[1];
                                }
                            }
                        }
                        let later = &snapshots.states[snapshot];
                        [expected, later.tr_mul(start), later.tr_mul(later)]
                    })
                    .collect();
                let squares = start.tr_mul(start);
                let place =
                    |index: usize| (index / (4 * size * size), index / (2 * size) % (2 * size), index % (2 * size));
                let coordinate = |i: usize| {
                    let kind = if i < size { "position" } else { "velocity" };
                    format!("{kind} of eta h = {:.3}", law.maps()[i % size].rate_times_curvature())
                };
                let name = |index: usize| {
                    let (lag, row, column) = place(index);
                    format!("{} on {}, {}", coordinate(row), coordinate(column), at(lag))
                };
                let made = made("chi-square of sums and differences", "correlation with a later state", "absolute");
                context.decide_family(&self.id, spec, made, 4 * size * size * late, name, |index, rates| {
                    let (lag, row, column) = place(index);
                    let [expected, products, later] = &per_lag[lag];
                    let unit = spread[row] * spread[column];
                    let own =
                        [later[(row, row)] / spread[row].powi(2), squares[(column, column)] / spread[column].powi(2)];
                    let (products, correlation) = (products[(row, column)] / unit, expected[(row, column)] / unit);
                    lagged::test(own, products, correlation, replicas as u64, rates)
                })
            }
            ("gaussian-law", _) => {
                let whitening = whitening(covariance)?;
                context.decide_family(
                    &self.id,
                    spec,
                    made("chi-square", "whitened scatter, measured / exact", "relative"),
                    late,
                    at,
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

/// W with W^T C W = 1.
fn whitening(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let inverse = covariance_inverse("the stationary covariance", covariance)?;
    Ok(covariance_root("the stationary precision", &inverse)?)
}

/// Determinant, likelihood ratio, and all pairs of coordinates.
fn wishart_members(dimension: usize) -> usize {
    2 + dimension * (dimension - 1) / 2
}

/// The pairs (row, column) with column < row, in order.
fn pair(index: usize) -> (usize, usize) {
    let mut row = 1;
    let mut before = 0;
    while before + row <= index {
        before += row;
        row += 1;
    }
    (row, index - before)
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
            CheckSpec::sampled("gaussian-law", "wishart", single),
            CheckSpec::sampled("gaussian-law", "shape", single),
            CheckSpec::sampled("stationary-positions", "modes", single),
            CheckSpec::sampled("stationary-velocities", "modes", single),
            CheckSpec::sampled("stationary-cross-covariance", "slopes", single),
            CheckSpec::sampled("discretisation-factor", "modes", single),
            CheckSpec::sampled("autocovariance", "slopes", single),
            CheckSpec::sampled("autocovariance", "products", single),
            CheckSpec::sampled("sde-law-as-exact", "mutant", single),
        ]
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
