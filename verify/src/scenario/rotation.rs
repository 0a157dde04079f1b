//! Rotation in phase space (section 6, Figures 4 to 6): one chain projected on two eigenvectors, and the sense and the rate
//! at which true minibatch SGD turns (layer L2). In the stationary state, for any noise with zero mean given the past,
//!
//! ```text
//! E[x_k v_{k+n} - x_{k+n} v_k] = -eta (1 + beta - eta h / 2) U_n E[v^2],    U_n = b^{(n-1)/2} sin(n phi) / sin(phi)
//! ```
//!
//! the antisymmetric part of the lag covariance: negative at first, so the state turns clockwise in the plane of position
//! and velocity, by `phi = arccos((1 + b - eta h) / (2 sqrt b))` per step where the mode is underdamped. The SDE's rate is
//! `eta sqrt(omega^2 - gamma^2)` with `omega = sqrt(2 h / (eta (1 + beta)))`: a square root of the eigenvalue, not the
//! eigenvalue as printed (erratum E21), which is tested as a wrong theory.

use std::sync::Arc;

use langevin_sim::Moments;
use langevin_sim::observer::{Observer, SnapshotObserver, StateBlock};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start};
use langevin_theory::discrete::ModeMap;
use langevin_theory::langevin::{LangevinLaw, NoiseModel, Oscillator};
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Quadratic, Sampling, Time};
use nalgebra::{DMatrix, DVector};

use super::kills::refuting;
use super::{CheckSpec, Context, Made, Outcome, Prepared, Scenario, predicted_settings, resolved_modes};
use crate::error::Result;
use crate::mutant::{Direction, ModeTheory, Mutant};
use crate::report::{Figures, Layer, Prediction, ScenarioSummary, TrajectoryDirection, TrajectoryFigure};
use crate::statistics::{Rates, chains};

/// Eigenvalue ratio of the two directions in the paper's figures.
const EIGENVALUE_RATIO: f64 = 6.0;

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 1024;

/// Most chains.
const MOST_CHAINS: u64 = 100_000;

/// Steps of the chain that is drawn.
const DRAWN: u64 = 600;

/// One output of a data set in its stationary state.
pub struct PhaseSpaceRotation {
    /// With one output.
    prepared: Arc<Prepared>,
    sgd: Hyperparameters,
    steps: u64,
    target: f64,
    /// Which output of the data that is.
    output: usize,
    /// Places of the eigenvectors: the first, and one whose eigenvalue is about six times smaller.
    directions: Vec<usize>,
}

/// Time averages of one chain, direction by direction.
struct Turning {
    /// x_k v_{k+n} - x_{k+n} v_k, per lag.
    areas: Vec<f64>,
    /// v^2.
    energy: f64,
}

struct TurningObserver<'a> {
    directions: &'a [usize],
    centre: &'a [f64],
    lags: &'a [Vec<u64>],
    paths: Vec<Vec<[f64; 2]>>,
}

impl Observer for TurningObserver<'_> {
    type Output = Vec<Turning>;

    fn observe(&mut self, block: &StateBlock<'_>) {
        for (_, x, v) in block.rows() {
            for (path, &i) in self.paths.iter_mut().zip(self.directions) {
                path.push([x[i] - self.centre[i], v[i]]);
            }
        }
    }

    fn finish(self) -> Self::Output {
        self.paths
            .iter()
            .zip(self.lags)
            .map(|(path, lags)| Turning {
                areas: lags
                    .iter()
                    .map(|&lag| {
                        let pairs = path.iter().zip(path.iter().skip(lag as usize));
                        let sum: f64 = pairs.map(|([x, v], [later, w])| x * w - later * v).sum();
                        sum / (path.len() as u64 - lag) as f64
                    })
                    .collect(),
                energy: path.iter().map(|[_, v]| v * v).sum::<f64>() / path.len() as f64,
            })
            .collect()
    }
}

/// Angle per step of the recursion, where it rotates.
fn angle(map: &ModeMap) -> Option<f64> {
    let [real, imaginary] = map.roots()[0];
    (imaginary > 0.0).then(|| imaginary.atan2(real))
}

/// The coefficient of E[v^2] in the antisymmetric part of the lag covariance.
fn turning(map: &ModeMap, lag: u64) -> f64 {
    let rate = 1.0 + map.momentum() - 0.5 * map.rate_times_curvature();
    -map.learning_rate() * rate * map.impulse(lag)
}

/// The map with the same rates whose states turn by this angle per step.
fn map_that_turns(map: &ModeMap, angle: f64) -> ModeMap {
    let curvature = (1.0 + map.momentum() - 2.0 * map.momentum().sqrt() * angle.cos()) / map.learning_rate();
    ModeMap::new(map.learning_rate(), map.momentum(), curvature)
}

/// A quarter, a half and three quarters of a turn, after one step.
fn lags(map: &ModeMap, steps: u64) -> Vec<u64> {
    let mut lags = match angle(map) {
        Some(angle) => [1, 2, 3].map(|quarters| (f64::from(quarters) * std::f64::consts::FRAC_PI_2 / angle) as u64),
        None => [2, 4, 8],
    }
    .to_vec();
    lags.push(1);
    lags.retain(|&lag| lag >= 1 && 2 * lag <= steps);
    lags.sort_unstable();
    lags.dedup();
    lags
}

impl PhaseSpaceRotation {
    /// The scenario for a data set, if chains of this length resolve any of its directions.
    ///
    /// # Errors
    /// As [`langevin_theory::LeastSquares::new`].
    pub fn new(prepared: &Arc<Prepared>, sgd: Hyperparameters, steps: u64, target: f64) -> Result<Option<Self>> {
        let output = prepared.noisiest_output(sgd.weight_decay());
        let prepared = prepared.single_output(output)?;
        let maps = Self::maps(&prepared, &sgd);
        let (resolved, _) = resolved_modes(&maps, &prepared.noise_events(&sgd, 0), steps);
        let Some(&first) = resolved.first() else { return Ok(None) };
        let eigenvalues = prepared.quadratic.eigenvalues();
        let apart = |&i: &usize| (eigenvalues[first] / eigenvalues[i] / EIGENVALUE_RATIO).ln().abs();
        let second = resolved[1..].iter().copied().min_by(|a, b| apart(a).total_cmp(&apart(b)));
        let directions = std::iter::once(first).chain(second).collect();
        Ok(Some(Self { prepared, sgd, steps, target, output, directions }))
    }

    fn maps(prepared: &Prepared, sgd: &Hyperparameters) -> Vec<ModeMap> {
        let curvatures = prepared.quadratic.curvatures(sgd.weight_decay());
        curvatures.iter().map(|&h| ModeMap::new(sgd.learning_rate(), sgd.momentum(), h)).collect()
    }

    fn map(&self, direction: usize) -> ModeMap {
        let h = self.prepared.quadratic.curvatures(self.sgd.weight_decay())[self.directions[direction]];
        ModeMap::new(self.sgd.learning_rate(), self.sgd.momentum(), h)
    }

    /// A direction as mutants see it. The sense and the rate of turning do not depend on the noise.
    fn direction(&self, direction: usize, full: &DMatrix<f64>) -> Direction {
        let i = self.directions[direction];
        Direction {
            sgd: self.sgd,
            eigenvalue: self.prepared.quadratic.eigenvalues()[i],
            position: full[(i, i)],
            noise: 1.0,
            sigma2: 1.0,
            samples_per_batch: None,
            with_replacement: None,
        }
    }

    /// The second direction as it would turn if rates were proportional to eigenvalues; `None` where one of the two does not
    /// turn, or where the two eigenvalues are too close for a difference to be seen.
    fn misprinted(&self) -> Option<ModeMap> {
        let second = *self.directions.get(1)?;
        let eigenvalues = self.prepared.quadratic.eigenvalues();
        let ratio = eigenvalues[second] / eigenvalues[self.directions[0]];
        let (fast, slow) = (angle(&self.map(0))?, angle(&self.map(1))?);
        let printed = fast * ratio;
        ((printed / slow - 1.0).abs() > 0.3).then(|| map_that_turns(&self.map(1), printed))
    }

    /// The members of a check: direction, place of the lag, and the map that is claimed to turn it.
    fn members(&self, claim: &str) -> Vec<(usize, usize, ModeMap)> {
        let of = |direction: usize, map: ModeMap| {
            let count = lags(&self.map(direction), self.steps).len();
            (0..count).map(move |lag| (direction, lag, map)).collect::<Vec<_>>()
        };
        if claim == "phase-space-rotation" {
            (0..self.directions.len()).flat_map(|direction| of(direction, self.map(direction))).collect()
        } else {
            self.misprinted().map(|map| of(1, map)).unwrap_or_default()
        }
    }

    /// The mean path of one direction from a point, by the recursion and by the SDE.
    fn spirals(&self, map: &ModeMap, start: [f64; 2]) -> Result<[[Vec<f64>; 2]; 2]> {
        const STEPS: u64 = 60;
        let oscillator = Oscillator::new(&self.sgd, map.curvature());
        let mut spirals = [const { [const { Vec::new() }; 2] }; 2];
        for step in 0..=STEPS {
            let time = Time::new(self.sgd.learning_rate() * step as f64)?;
            for (spiral, power) in spirals.iter_mut().zip([map.matrix_power(step), oscillator.propagator(time)]) {
                for (coordinate, row) in spiral.iter_mut().zip(power) {
                    coordinate.push(row[0] * start[0] + row[1] * start[1]);
                }
            }
        }
        Ok(spirals)
    }

    fn figure(&self, path: &DMatrix<f64>, centre: &[f64], full: &DMatrix<f64>) -> Result<Option<TrajectoryFigure>> {
        let &[first, second] = self.directions.as_slice() else { return Ok(None) };
        let size = centre.len();
        let eigenvalues = self.prepared.quadratic.eigenvalues();
        let directions = (0..2)
            .map(|direction| {
                let (map, i) = (self.map(direction), self.directions[direction]);
                let oscillator = Oscillator::new(&self.sgd, map.curvature());
                let sde_rate = (oscillator.omega_squared() - oscillator.gamma().powi(2)).max(0.0).sqrt();
                // from where few chains are found, so that the spiral surrounds the path
                let [exact_spiral, sde_spiral] = self.spirals(&map, [2.0 * full[(i, i)].sqrt(), 0.0])?;
                Ok(TrajectoryDirection {
                    index: i + 1,
                    eigenvalue: eigenvalues[i],
                    curvature: map.curvature(),
                    position: path.column(i).iter().map(|x| x - centre[i]).collect(),
                    velocity: path.column(size + i).iter().copied().collect(),
                    angle: angle(&map),
                    sde_angle: (sde_rate > 0.0).then_some(sde_rate * self.sgd.learning_rate()),
                    undamped_angle: oscillator.omega_squared().sqrt() * self.sgd.learning_rate(),
                    exact_spiral,
                    sde_spiral,
                })
            })
            .collect::<Result<Vec<TrajectoryDirection>>>()?;
        // the modified loss of the two directions alone; sigma^2 is a common factor
        let plane = DMatrix::from_diagonal(&DVector::from_vec(vec![eigenvalues[first], eigenvalues[second]]));
        let plane = Quadratic::new(plane, DMatrix::zeros(2, 1))?;
        let precision = LangevinLaw::new(&plane, &self.sgd, NoiseModel::ProportionalToHessian(1.0))?.precision()?;
        let block = |offset: usize| {
            let [i, j] = [offset + first, offset + second];
            [full[(i, i)], full[(i, j)], full[(j, j)]]
        };
        Ok(Some(TrajectoryFigure {
            scenario: self.id().into(),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            directions,
            position_covariance: block(0),
            velocity_covariance: block(size),
            modified_position: [precision[(0, 0)], precision[(1, 1)]],
            modified_velocity: [precision[(2, 2)], precision[(3, 3)]],
        }))
    }
}

impl Scenario for PhaseSpaceRotation {
    fn id(&self) -> &'static str {
        "rotation"
    }

    fn checks(&self) -> Vec<CheckSpec> {
        let mut checks = vec![CheckSpec::sampled("phase-space-rotation", "lags", self.target)];
        if self.misprinted().is_some() {
            checks.push(CheckSpec::sampled("rotation-rate-as-printed", "mutant", self.target));
        }
        checks
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let maps = (0..self.directions.len()).map(|direction| self.map(direction));
        let turned = self.members("phase-space-rotation").into_iter().map(|(direction, lag, map)| {
            let lag = lags(&self.map(direction), self.steps)[lag];
            turning(&map, lag)
        });
        Ok(vec![
            predicted_settings(&self.sgd),
            Prediction::new("directions", self.directions.iter().map(|&i| (i + 1) as f64)),
            Prediction::new("angle", maps.filter_map(|map| angle(&map))),
            Prediction::new("antisymmetric_lag_covariance", turned),
        ])
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let quadratic = &self.prepared.quadratic;
        let data = &self.prepared.dataset.problem;
        let law = MinibatchLaw::with_quadratic(data, quadratic, &self.sgd, Sampling::WithReplacement)?;
        let full = law.phase_space_moment(&law.stationary_position_in_eigenbasis(0)?)?;
        let mean = self.prepared.minimum_in_eigenbasis(self.sgd.weight_decay());
        let centre: Vec<f64> = mean.as_slice().to_vec();
        let size = centre.len();
        let noise = MinibatchNoise::new(&self.prepared.rotated, &self.sgd, Sampling::WithReplacement)?;
        let start = Start::Gaussian { mean, roots: vec![covariance_root("the stationary covariance", &full)?] };
        let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), &self.sgd, start, context.seed_of(self.id()))?;
        let lags: Vec<Vec<u64>> = (0..self.directions.len()).map(|d| lags(&self.map(d), self.steps)).collect();
        let observer = || TurningObserver {
            directions: &self.directions,
            centre: &centre,
            lags: &lags,
            paths: vec![Vec::new(); self.directions.len()],
        };
        // in units of twice the product of the spreads, the largest that the antisymmetric part can be
        let value = |turnings: &[Turning], (direction, lag, map): (usize, usize, ModeMap)| {
            let i = self.directions[direction];
            let one = &turnings[direction];
            let expected = turning(&map, lags[direction][lag]) * one.energy;
            (one.areas[lag] - expected) / (2.0 * (full[(i, i)] * full[(size + i, size + i)]).sqrt())
        };
        let pilot = context.run_chains(&ensemble, 0..PILOT, self.steps, observer);
        let mut needed = 0;
        let specs = self.checks();
        let members = self.members("phase-space-rotation");
        let Rates { alpha, power } = context.rates(self.id(), &specs[0])?;
        for &member in &members {
            let moments = Moments::of(pilot.iter().map(|one| value(one, member)));
            let rates = Rates { alpha: alpha / members.len() as f64, power };
            needed = needed.max(chains::chains_needed(&moments, self.target, rates));
        }
        let chains_run = (needed + needed * 3 / 10).min(MOST_CHAINS);
        let records = context.run_chains(&ensemble, PILOT..PILOT + chains_run, self.steps, observer);
        let degrees = |map: &ModeMap| angle(map).map_or_else(|| "none".into(), |angle| format!("{angle:.4}"));
        let (mut checks, mut kills) = (Vec::new(), Vec::new());
        for spec in &specs {
            let members = self.members(spec.claim);
            let turned: Vec<String> = (0..self.directions.len())
                .map(|d| format!("q_{}: {} rad per step", self.directions[d] + 1, degrees(&self.map(d))))
                .collect();
            let made = Made {
                layer: Layer::L2,
                method: "Student t over chains",
                quantity: "antisymmetric part of the lag covariance minus the claimed one, over twice the spreads"
                    .into(),
                unit: "absolute",
                samples: chains_run,
                note: Some(format!("exact angles: {}", turned.join(", "))),
            };
            let name = |index: usize| {
                let (direction, lag, _) = members[index];
                format!("q_{}, lag {}", self.directions[direction] + 1, lags[direction][lag])
            };
            let decided = context.decide_family(self.id(), spec, made, members.len(), name, |index, rates| {
                let values: Vec<f64> = records.iter().map(|one| value(one, members[index])).collect();
                chains::test(&values, rates)
            })?;
            if spec.claim == "phase-space-rotation" {
                for mutant in Mutant::ALL {
                    let theories = (0..self.directions.len())
                        .map(|direction| ModeTheory::mutated(mutant, &self.direction(direction, &full)))
                        .collect::<Result<Vec<Option<ModeTheory>>>>()?;
                    // a chain's number with the mutant's turning in place of the law's
                    let number = |one: &[Turning], index: usize| {
                        let (direction, lag, map) = members[index];
                        let lag = lags[direction][lag];
                        let i = self.directions[direction];
                        let claimed = theories[direction].map_or(f64::NAN, |theory| theory.turning(lag));
                        let unit = 2.0 * (full[(i, i)] * full[(size + i, size + i)]).sqrt();
                        value(one, members[index]) - (claimed - turning(&map, lag)) * one[direction].energy / unit
                    };
                    let all = |index: usize| records.iter().map(move |one| number(one, index));
                    let effect = |index: usize| Some(all(index).sum::<f64>() / records.len() as f64);
                    kills.extend(decided.kill(mutant, effect, |index, rates| {
                        refuting(&chains::test(&all(index).collect::<Vec<f64>>(), rates))
                    }));
                }
            }
            checks.push(decided.record);
        }
        let every_step: Vec<u64> = (0..=DRAWN).collect();
        let path = &context.run_chains(&ensemble, 0..1, DRAWN, || SnapshotObserver::new(&every_step))[0];
        let summary = ScenarioSummary {
            id: self.id().into(),
            description: format!("output {}, turning in phase space", self.output),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.sgd.weight_decay(),
            batch_size: self.sgd.batch_size(),
            sampling: Sampling::WithReplacement.name().into(),
            noise: "minibatch".into(),
            chains: chains_run,
            steps: self.steps,
            modes_resolved: self.directions.len(),
            modes: quadratic.rank(),
            stability_fraction: None,
            spectral_radius: None,
            sde_error_assumption3: None,
            sde_error_true_noise: None,
            seed: context.seed_of(self.id()),
        };
        let trajectory = self.figure(path, &centre, &full)?;
        Ok(Outcome {
            checks,
            kills,
            summary: Some(summary),
            figures: Figures { trajectory, ..Figures::default() },
            ..Outcome::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use langevin_theory::Steps;
    use langevin_theory::discrete::ModeLaw;

    use super::*;

    /// The closed form of the rotation against the lag covariance itself, in every regime.
    #[test]
    fn the_turning_is_the_antisymmetric_part_of_the_lag_covariance() {
        for (rate, momentum) in [(0.001, 0.5), (0.08578, 0.5), (0.3, 0.9), (1.7, 0.9), (2.95, 0.5), (1.2, 0.0)] {
            let map = ModeMap::new(rate, momentum, 1.0);
            let law = ModeLaw::new(map, 0.7).unwrap();
            for lag in [1, 2, 3, 10, 77] {
                let [[_, x_later_v_now], [v_later_x_now, _]] = law.lag_covariance(Steps(lag)).unwrap();
                let exact = v_later_x_now - x_later_v_now;
                let claimed = turning(&map, lag) * law.velocity_variance().unwrap();
                let scale = (law.velocity_variance().unwrap() * law.position_variance().unwrap()).sqrt();
                assert!((exact - claimed).abs() < 1e-12 * scale, "{rate} {momentum} {lag}: {exact} {claimed}");
            }
        }
    }

    #[test]
    fn angles_are_those_of_the_roots() {
        let map = ModeMap::new(0.3, 0.9, 1.0);
        let expected = (1.6_f64 / (2.0 * 0.9_f64.sqrt())).acos();
        assert!((angle(&map).unwrap() - expected).abs() < 1e-12);
        assert!((angle(&map_that_turns(&map, 0.123)).unwrap() - 0.123).abs() < 1e-10);
        assert!(angle(&ModeMap::new(0.001, 0.5, 1.0)).is_none());
    }
}
