//! SGD with Gaussian noise of constant, non-commuting covariance (layer L1). Replicas start in the claimed stationary law
//! and run k steps; under the claim their states are exactly Gaussian with known covariance at every k, so sums of squares
//! are exactly chi-square, regressions exactly normal, and whole states what [`WholeStates`] tests. No burn-in, no effective
//! sample size, no asymptotics.

use langevin_sim::observer::{Observer, SnapshotObserver, StateBlock};
use langevin_sim::sgd::{Ensemble, GaussianNoise, NoiseSource, Start};
use langevin_theory::discrete::{ConstantNoiseLaw, ModeMap};
use langevin_theory::linear_algebra::{covariance_inverse, covariance_root};
use langevin_theory::{Hyperparameters, Quadratic, Steps};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::kills::{Decided, Tested, refuting};
use super::whole_states::{Replicas, WholeStates, wishart_members};
use super::{CheckSpec, Context, Made, Outcome, Scenario, predicted_settings, relaxation_steps};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{KillCell, Layer, Prediction, ScenarioSummary};
use crate::statistics::{Finding, Rates, chi_square, normal, wishart};

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
    /// Whether sums in single precision are tried as a mutant.
    pub single_precision: bool,
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

    /// Replicas that start in the claimed law.
    fn ensemble(&self, covariance: &DMatrix<f64>, seed: u64) -> Result<Ensemble> {
        let root = covariance_root("noise_covariance", &self.noise)?;
        let zero = DMatrix::zeros(self.eigenvalues.len(), 1);
        let noise = GaussianNoise::new(&self.eigenvalues, &zero, &[root])?;
        let start =
            Start::Gaussian { mean: zero, roots: vec![covariance_root("the stationary covariance", covariance)?] };
        Ok(Ensemble::new(NoiseSource::Gaussian(noise), &self.sgd, start, seed)?)
    }

    fn simulate(&self, context: &Context<'_>, law: &ConstantNoiseLaw, covariance: &DMatrix<f64>) -> Result<Snapshots> {
        let size = self.eigenvalues.len();
        let steps = Self::snapshot_steps(law.maps());
        let ensemble = self.ensemble(covariance, context.seed_of(&self.id))?;
        let replicas = self.replicas(context, steps.len() - 1)?;
        let last = steps.last().copied().unwrap_or(0);
        let kept = context.run_chains(&ensemble, 0..replicas, last, || SnapshotObserver::new(&steps));
        let states = (0..steps.len())
            .map(|row| DMatrix::from_fn(kept.len(), 2 * size, |replica, i| kept[replica][(row, i)]))
            .collect();
        Ok(Snapshots { steps, states })
    }

    /// The directions as mutants see them. Noise is given per step, and they take it times S.
    fn directions(&self, covariance: &DMatrix<f64>) -> Vec<Direction> {
        let batch = self.sgd.batch_size() as f64;
        let sigma2 = batch * self.noise.trace() / self.eigenvalues.iter().sum::<f64>();
        let directions = self.eigenvalues.iter().enumerate().map(|(i, &eigenvalue)| Direction {
            sgd: self.sgd,
            eigenvalue,
            position: covariance[(i, i)],
            noise: batch * self.noise[(i, i)],
            sigma2,
            samples_per_batch: None,
            with_replacement: None,
        });
        directions.collect()
    }

    /// The theory's predictions.
    fn predicted(&self, law: &ConstantNoiseLaw, covariance: &DMatrix<f64>, lags: &[u64]) -> Result<Predicted> {
        let size = self.eigenvalues.len();
        let mut powers = Vec::new();
        let mut rest = Vec::new();
        for i in 0..size {
            powers.push(lags.iter().map(|&lag| law.maps()[i].matrix_power(lag)).collect());
            let mode = law.mode(i)?;
            let left = |&lag: &u64| Ok(mode.transient_covariance(Steps(lag))?[0][0]);
            rest.push(lags.iter().map(left).collect::<langevin_theory::Result<Vec<f64>>>()?);
        }
        Ok(Predicted {
            defined: vec![true; size],
            whitening: whitening(covariance)?,
            covariance: covariance.clone(),
            powers,
            rest,
        })
    }

    /// The predictions of a mutant; `None` where it has none. Correlations between directions stay, unless Sigma is claimed
    /// to commute with H.
    fn mutated(&self, mutant: Mutant, right: &Predicted, lags: &[u64]) -> Result<Option<Predicted>> {
        let size = self.eigenvalues.len();
        let mut modes = Vec::new();
        for direction in self.directions(&right.covariance) {
            modes.push(ModeTheory::mutated(mutant, &direction)?);
        }
        if modes.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut mutated = right.clone();
        mutated.defined = modes.iter().map(Option::is_some).collect();
        for (i, mode) in modes.iter().enumerate() {
            let Some(mode) = mode else { continue };
            mutated.powers[i] = lags.iter().map(|&lag| mode.power(lag)).collect();
            for (place, variance) in [(i, mode.position()), (size + i, mode.velocity())] {
                let factor = (variance / right.covariance[(place, place)]).sqrt();
                mutated.covariance.row_mut(place).scale_mut(factor);
                mutated.covariance.column_mut(place).scale_mut(factor);
            }
            mutated.covariance[(i, size + i)] = mode.cross();
            mutated.covariance[(size + i, i)] = mode.cross();
        }
        if matches!(mutant, Mutant::Assumption3 | Mutant::ContinuousAssumption3) {
            mutated.covariance = DMatrix::from_fn(2 * size, 2 * size, |i, j| {
                if i % size == j % size { mutated.covariance[(i, j)] } else { 0.0 }
            });
        }
        let whole = mutated.defined.iter().all(|&defined| defined);
        mutated.whitening =
            if whole { whitening(&mutated.covariance).unwrap_or_else(|_| nothing(size)) } else { nothing(size) };
        Ok(Some(mutated))
    }

    /// Number of members of a check.
    fn members(&self, spec: &CheckSpec, snapshots: &Snapshots) -> usize {
        let late = snapshots.steps.len() - 1;
        if spec.quantity == "pooled" { late } else { late * self.eigenvalues.len() }
    }

    /// A member of a check. The yardstick, units and spreads, is the theory's; what is compared with it is `predicted`, which
    /// is the theory's or a mutant's.
    fn tested(
        &self,
        spec: &CheckSpec,
        yardstick: &Predicted,
        predicted: &Predicted,
        snapshots: &Snapshots,
        index: usize,
    ) -> Option<Tested> {
        let size = self.eigenvalues.len();
        let replicas = snapshots.states[0].nrows();
        if spec.quantity == "pooled" {
            let whitened = &snapshots.states[1 + index] * &predicted.whitening;
            let (sum, degrees) = (whitened.norm_squared(), (2 * size * replicas) as f64);
            return (sum > 0.0).then_some(Tested::ChiSquare { sum, degrees });
        }
        let (i, snapshot) = (index % size, 1 + index / size);
        if !predicted.defined[i] {
            return None;
        }
        let states = &snapshots.states[snapshot];
        // sum of squares of one coordinate over a claimed variance
        let ratio = |place: usize| {
            let sum = states.column(place).norm_squared() / predicted.covariance[(place, place)];
            Tested::ChiSquare { sum, degrees: replicas as f64 }
        };
        let entry = |from: &Predicted, row: usize, column: usize| from.covariance[(row, column)];
        Some(match spec.claim {
            "stationary-velocities" => ratio(size + i),
            "stationary-cross-covariance" => {
                let slope = entry(predicted, i, size + i) / entry(predicted, i, i);
                let (p, v, c) =
                    (entry(yardstick, i, i), entry(yardstick, size + i, size + i), entry(yardstick, i, size + i));
                let (x, y) = (states.column(i).into_owned(), states.column(size + i).into_owned());
                regression(&x, &y, slope, v - c * c / p, (p / v).sqrt())
            }
            "autocovariance" => {
                // position k steps later on the position and velocity now: the slope on the position is A_k
                let start = &snapshots.states[0];
                let now = start.column(i).into_owned();
                let [on_position, on_velocity] = predicted.powers[i][snapshot - 1][0];
                let residual = states.column(i) - &now * on_position - start.column(size + i) * on_velocity;
                regression(&now, &residual, 0.0, yardstick.rest[i][snapshot - 1], 1.0)
            }
            // positions, the discretisation factor, and the SDE's law as exact
            _ => ratio(i),
        })
    }

    /// The check of whole states that a spec announces, if it does.
    fn whole(
        spec: &CheckSpec,
        yardstick: &Predicted,
        predicted: &Predicted,
        replicas: &Replicas<'_>,
    ) -> Option<WholeStates> {
        match spec.quantity {
            "wishart" => Some(WholeStates::wishart(replicas, &predicted.whitening)),
            "shape" => Some(WholeStates::shape(replicas, &predicted.whitening)),
            "products" => {
                let spread: Vec<f64> = yardstick.covariance.diagonal().iter().map(|variance| variance.sqrt()).collect();
                Some(WholeStates::products(replicas, &predicted.covariance, &predicted.powers, &spread))
            }
            _ => None,
        }
    }

    /// A check of whole states decided again with the prediction of a mutant.
    fn kill_whole(
        spec: &CheckSpec,
        (mutant, rival): (Mutant, &Predicted),
        yardstick: &Predicted,
        replicas: &Replicas<'_>,
        decided: &Decided,
    ) -> Option<(Mutant, KillCell)> {
        let whitens = rival.whitening.iter().any(|&entry| entry.abs() > 0.0);
        let predicts = match spec.quantity {
            "wishart" => whitens,
            "products" => rival.defined.iter().all(|&defined| defined),
            _ => false,
        };
        let whole = predicts.then(|| Self::whole(spec, yardstick, rival, replicas)).flatten()?;
        let rates = Rates { alpha: decided.rates.alpha / whole.members() as f64, ..decided.rates };
        let findings: Vec<Finding> = (0..whole.members()).map(|index| whole.finding(index, rates)).collect();
        decided.kill(mutant, |index| Some(findings[index].effect), |index, _| refuting(&findings[index]))
    }

    fn decide(
        &self,
        context: &Context<'_>,
        spec: &CheckSpec,
        law: &ConstantNoiseLaw,
        predictions: [&Predicted; 2],
        (snapshots, replicas): (&Snapshots, &Replicas<'_>),
    ) -> Result<Decided> {
        let size = self.eigenvalues.len();
        let [yardstick, predicted] = predictions;
        let (method, quantity, unit) = match (spec.claim, spec.quantity) {
            ("gaussian-law", "wishart") => ("Wishart", "whitened scatter: every direction and every pair", "relative"),
            ("gaussian-law", "shape") => (
                "Dvoretzky-Kiefer-Wolfowitz and binomial",
                "probability integral transform of whitened states",
                "relative",
            ),
            ("autocovariance", "products") => {
                ("chi-square of sums and differences", "correlation with a later state", "absolute")
            }
            ("gaussian-law", _) => ("chi-square", "whitened scatter, measured / exact", "relative"),
            ("discretisation-factor", _) => (
                "chi-square",
                "position variance over the SDE's, measured / (1 / (1 - eta h / (2(1 + beta))))",
                "relative",
            ),
            ("stationary-positions", _) => ("chi-square", "position variance, measured / exact", "relative"),
            ("stationary-velocities", _) => ("chi-square", "velocity variance, measured / exact", "relative"),
            ("stationary-cross-covariance", _) => {
                ("normal regression", "slope of velocity on position, in units of the spreads", "absolute")
            }
            ("autocovariance", _) => {
                ("normal regression", "position after k steps on the state now, departure of the slope", "absolute")
            }
            _ => ("chi-square", "position variance, measured / SDE with the true noise", "relative"),
        };
        let made = Made {
            layer: Layer::L1,
            method,
            quantity: quantity.to_owned(),
            unit,
            samples: snapshots.states[0].nrows() as u64,
            note: None,
        };
        let name = |index: usize| {
            if spec.quantity == "pooled" {
                return format!("k = {}", snapshots.steps[1 + index]);
            }
            let rate = law.maps()[index % size].rate_times_curvature();
            format!("eta h = {rate:.3}, k = {}", snapshots.steps[1 + index / size])
        };
        if let Some(whole) = Self::whole(spec, yardstick, predicted, replicas) {
            let name = |index: usize| whole.name(index, replicas.steps, law.maps());
            return context.decide_family(&self.id, spec, made, whole.members(), name, |index, rates| {
                whole.finding(index, rates)
            });
        }
        context.decide_family(&self.id, spec, made, self.members(spec, snapshots), name, |index, rates| {
            let tested = self.tested(spec, yardstick, predicted, snapshots, index);
            tested.map_or_else(|| normal::test(f64::NAN, f64::NAN, rates), |tested| tested.finding(rates))
        })
    }

    /// The discretisation factor times the SDE's variance, in place of the exact position variance.
    fn with_factor(&self, law: &ConstantNoiseLaw, right: &Predicted) -> Result<Predicted> {
        let mut predicted = right.clone();
        for i in 0..self.eigenvalues.len() {
            // P_SDE = eta s^2 / (2 h (1 - beta))
            let h = law.maps()[i].curvature();
            let sde = self.sgd.learning_rate() * self.noise[(i, i)] / (2.0 * h * (1.0 - self.sgd.momentum()));
            predicted.covariance[(i, i)] = sde * law.mode(i)?.ratio_to_sde()?;
        }
        Ok(predicted)
    }

    /// The whitened scatter of more replicas, their squares added one by one to one sum of single precision.
    fn single_precision(
        &self,
        context: &Context<'_>,
        right: &Predicted,
        decided: &Decided,
    ) -> Result<Option<(Mutant, KillCell)>> {
        let size = self.eigenvalues.len();
        let ensemble = self.ensemble(&right.covariance, context.seed_of(&format!("{}/single-precision", self.id)))?;
        let (mut sum, mut degrees) = (0.0_f32, 0.0);
        let steps = [1];
        for block in 0..SINGLE_PRECISION_BLOCKS {
            let chains = block * SINGLE_PRECISION_CHAINS..(block + 1) * SINGLE_PRECISION_CHAINS;
            let whitening = &right.whitening;
            let kept = context
                .run_chains(&ensemble, chains, 1, || Whitened { inner: SnapshotObserver::new(&steps), whitening });
            for square in kept.iter().flatten() {
                sum += *square as f32;
                degrees += 1.0;
            }
        }
        debug_assert_eq!(degrees as u64, 2 * size as u64 * SINGLE_PRECISION_BLOCKS * SINGLE_PRECISION_CHAINS);
        let tested = Tested::ChiSquare { sum: f64::from(sum), degrees };
        Ok(decided.kill(Mutant::SinglePrecision, |_| Some(tested.effect()), |_, _| tested.p_value()))
    }
}

/// Replicas whose squares are added in single precision: with six directions 38 million squares. A sum of single precision
/// stops to grow at some 2^24 times the size of its terms.
const SINGLE_PRECISION_BLOCKS: u64 = 32;
const SINGLE_PRECISION_CHAINS: u64 = 100_000;

/// Squares of the whitened state at one step.
struct Whitened<'a> {
    inner: SnapshotObserver<'a>,
    whitening: &'a DMatrix<f64>,
}

impl Observer for Whitened<'_> {
    type Output = Vec<f64>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.inner.observe(block);
    }

    fn finish(self) -> Vec<f64> {
        let state = self.inner.finish();
        (state.row(0) * self.whitening).iter().map(|one| one * one).collect()
    }
}

/// What the checks compare with.
#[derive(Clone)]
struct Predicted {
    /// Directions that have a prediction at all.
    defined: Vec<bool>,
    /// Of (positions, velocities), 2d x 2d.
    covariance: DMatrix<f64>,
    /// W with W^T covariance W = 1; zero where there is none.
    whitening: DMatrix<f64>,
    /// Per direction and lag: the mean of the later state is this times the state now.
    powers: Vec<Vec<[[f64; 2]; 2]>>,
    /// Per direction and lag: variance of what is left.
    rest: Vec<Vec<f64>>,
}

/// The Cholesky factor of the precision.
fn whitening(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let size = covariance.nrows();
    let inverse = covariance_inverse("the stationary covariance", covariance)?;
    Ok(inverse.cholesky().map_or_else(|| DMatrix::zeros(size, size), nalgebra::Cholesky::unpack))
}

/// No whitening.
fn nothing(size: usize) -> DMatrix<f64> {
    DMatrix::zeros(2 * size, 2 * size)
}

/// Tests y = slope x + e with e ~ N(0, variance) independent of x: given x, the estimated slope is exactly normal. The effect
/// is the slope's departure times `unit`.
fn regression(x: &DVector<f64>, y: &DVector<f64>, slope: f64, variance: f64, unit: f64) -> Tested {
    let weight = x.norm_squared();
    let departure = (x.dot(y) - slope * weight) / weight;
    let error = (variance / weight).sqrt();
    Tested::Normal { z: departure / error, scale: error * unit }
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
            CheckSpec::sampled("gaussian-law", "shape", single)
                .because("that states are Gaussian at all, which the mutants do not deny"),
            CheckSpec::sampled("stationary-positions", "modes", single),
            CheckSpec::sampled("stationary-velocities", "modes", single),
            CheckSpec::sampled("stationary-cross-covariance", "slopes", single),
            CheckSpec::sampled("discretisation-factor", "modes", single),
            CheckSpec::sampled("autocovariance", "slopes", single),
            CheckSpec::sampled("autocovariance", "products", single),
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

    fn has_scores(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let law = self.law()?;
        let covariance = law.stationary_covariance_in_eigenbasis()?;
        let snapshots = self.simulate(context, &law, &covariance)?;
        let replicas = Replicas::new(&snapshots.states, &snapshots.steps);
        let lags = &snapshots.steps[1..];
        let right = self.predicted(&law, &covariance, lags)?;
        let factor = self.with_factor(&law, &right)?;
        let mut rivals = Vec::new();
        for mutant in Mutant::ALL {
            rivals.extend(self.mutated(mutant, &right, lags)?.map(|predicted| (mutant, predicted)));
        }
        let (mut checks, mut kills) = (Vec::new(), Vec::new());
        for spec in self.checks() {
            let slip = Mutant::of_claim(spec.claim);
            let predicted = match slip {
                Some(slip) => rivals.iter().find(|(mutant, _)| *mutant == slip).map_or(&right, |(_, rival)| rival),
                None if spec.claim == "discretisation-factor" => &factor,
                None => &right,
            };
            let decided = self.decide(context, &spec, &law, [&right, predicted], (&snapshots, &replicas))?;
            if matches!(spec.quantity, "wishart" | "products") {
                let again = |(mutant, rival): &(Mutant, Predicted)| {
                    Self::kill_whole(&spec, (*mutant, rival), &right, &replicas, &decided)
                };
                kills.extend(rivals.par_iter().filter_map(again).collect::<Vec<_>>());
            } else if slip.is_none() && spec.quantity != "shape" {
                let cells = rivals.par_iter().filter_map(|(mutant, rival)| {
                    let tested = |index: usize| self.tested(&spec, &right, rival, &snapshots, index);
                    let effect = |index: usize| tested(index).map(Tested::effect);
                    decided.kill(*mutant, effect, |index, _| tested(index).map_or(f64::NAN, Tested::p_value))
                });
                kills.extend(cells.collect::<Vec<_>>());
                if self.single_precision && (spec.claim, spec.quantity) == ("gaussian-law", "pooled") {
                    kills.extend(self.single_precision(context, &right, &decided)?);
                }
            }
            checks.push(decided.record);
        }
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
        // coordinates of whitened states are independent
        let scores = snapshots.states.last().map_or_else(Vec::new, |states| {
            let whitened = states * &right.whitening;
            let degrees = whitened.nrows() as f64;
            let squares = whitened.column_iter().map(|column| column.norm_squared());
            squares.map(|sum| Tested::ChiSquare { sum, degrees }.p_value()).collect()
        });
        Ok(Outcome { checks, kills, summary: Some(summary), scores, ..Outcome::default() })
    }
}
