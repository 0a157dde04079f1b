//! One point of a grid: a spectrum, hyperparameters and a noise, with the exact law there.
//!
//! Both exact laws are laws of single modes: constant noise is one per direction, and minibatch noise has the second
//! moments of one with another strength ([`MinibatchLaw::equivalent_modes`]). Observables are read from these. Reshuffled
//! epochs have a law of their own ([`epochs`]).

use std::sync::{Arc, OnceLock};

use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, Sampling, Steps, TheoryError};

use super::epochs::{self, EpochAverages};
use super::expression::{Point, Symbol};
use super::ground::Ground;
use super::observable::Observable;
use super::outcome::Place;
use crate::error::Result;
use crate::problem::Noise;

/// A point of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) ground: Arc<Ground>,
    pub(crate) sgd: Hyperparameters,
    pub(crate) sampling: Sampling,
    pub(crate) noise: Noise,
    laws: OnceLock<Option<Arc<Vec<ModeLaw>>>>,
    epochs: OnceLock<Option<Arc<Vec<EpochAverages>>>>,
}

/// An exact value and what an error is relative to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    pub(crate) value: f64,
    pub(crate) scale: f64,
}

/// Errors of curves that cross zero are relative to the largest value they still reach, at these later steps.
const LATER: [u64; 13] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 377, 987];

/// A curve that has decayed below this part of its start is measured against this part.
const DECAYED: f64 = 1e-12;

impl Scene {
    /// A point, if there are such hyperparameters for these data.
    pub(crate) fn new(
        ground: &Arc<Ground>,
        (rate, momentum): (f64, f64),
        batch: usize,
        sampling: Sampling,
        noise: Noise,
    ) -> Option<Self> {
        let sgd = Hyperparameters::new(rate, momentum, ground.weight_decay, batch).ok()?;
        let factor = sampling.noise_factor(ground.samples, batch).ok()?;
        let (laws, epochs) = (OnceLock::new(), OnceLock::new());
        (factor > 0.0).then(|| Self { ground: ground.clone(), sgd, sampling, noise, laws, epochs })
    }

    /// The covariance of a batch mean over that of a single sample.
    pub(crate) fn noise_factor(&self) -> f64 {
        self.sampling.noise_factor(self.ground.samples, self.sgd.batch_size()).unwrap_or(f64::NAN)
    }

    pub(crate) fn minibatch_law(&self) -> Result<Option<MinibatchLaw>> {
        let Some(prepared) = self.ground.prepared.as_ref().filter(|_| !self.is_reshuffled()) else { return Ok(None) };
        let data = &prepared.dataset.problem;
        Ok(Some(MinibatchLaw::with_quadratic(data, &prepared.quadratic, &self.sgd, self.sampling)?))
    }

    /// Whether batches of an epoch depend on each other.
    pub(crate) fn is_reshuffled(&self) -> bool {
        self.sampling == Sampling::Reshuffle && self.noise == Noise::Minibatch
    }

    /// The exact averages over a reshuffled epoch; none where there is no stationary state, or none within reach.
    pub(crate) fn epochs(&self) -> Result<Option<Arc<Vec<EpochAverages>>>> {
        if let Some(epochs) = self.epochs.get() {
            return Ok(epochs.clone());
        }
        let found = match &self.ground.prepared {
            Some(prepared) if self.is_reshuffled() => epochs::averages(prepared, &self.sgd)?,
            _ => None,
        };
        Ok(self.epochs.get_or_init(|| found.map(Arc::new)).clone())
    }

    /// The laws of all modes; none where there is no stationary state.
    pub(crate) fn laws(&self) -> Result<Option<Arc<Vec<ModeLaw>>>> {
        if let Some(laws) = self.laws.get() {
            return Ok(laws.clone());
        }
        let found = match self.solve() {
            Ok(laws) => laws,
            Err(crate::VerifyError::Theory(
                TheoryError::Unstable { .. }
                | TheoryError::MeanSquareUnstable { .. }
                | TheoryError::Singular { .. }
                | TheoryError::Overflow { .. },
            )) => None,
            Err(other) => return Err(other),
        };
        Ok(self.laws.get_or_init(|| found.map(Arc::new)).clone())
    }

    fn solve(&self) -> Result<Option<Vec<ModeLaw>>> {
        let modes = self.ground.eigenvalues.len();
        let laws = match self.noise {
            Noise::Gaussian => {
                let factor = self.noise_factor();
                let (eta, b) = (self.sgd.learning_rate(), self.sgd.momentum());
                (0..modes)
                    .map(|i| {
                        ModeLaw::new(ModeMap::new(eta, b, self.ground.curvature(i)), self.ground.noise[i] * factor)
                    })
                    .collect::<langevin_theory::Result<Vec<_>>>()?
            }
            Noise::Minibatch => {
                let Some(law) = self.minibatch_law()? else { return Ok(None) };
                let position = law.stationary_position_in_eigenbasis(0)?;
                law.equivalent_modes(&position)?.into_iter().take(modes).collect()
            }
        };
        for law in &laws {
            law.position_variance()?;
        }
        Ok(Some(laws))
    }

    /// The values of all symbols but k; the exact variances only if they are asked for, as they may cost a solve.
    pub(crate) fn point(&self, with_variances: bool) -> Result<Point> {
        let ground = &self.ground;
        let modes = ground.eigenvalues.len();
        let mut point = Point::new(modes);
        let (eta, b) = (self.sgd.learning_rate(), self.sgd.momentum());
        let gamma = (1.0 - b) / (eta * (1.0 + b));
        point.set(Symbol::LearningRate, eta);
        point.set(Symbol::Momentum, b);
        point.set(Symbol::WeightDecay, ground.weight_decay);
        point.set(Symbol::BatchSize, self.sgd.batch_size() as f64);
        point.set(Symbol::Samples, ground.samples as f64);
        point.set(Symbol::Dimension, ground.dimension as f64);
        point.set(Symbol::ResidualVariance, ground.residual);
        point.set(Symbol::Kappa, self.sgd.kappa());
        point.set(Symbol::Gamma, gamma);
        point.set(Symbol::Trace, ground.trace);
        let laws = if with_variances { self.laws()? } else { None };
        let epochs = if with_variances { self.epochs()? } else { None };
        for i in 0..modes {
            let h = ground.curvature(i);
            let omega = (2.0 * h / (eta * (1.0 + b))).sqrt();
            point.set_of_mode(i, Symbol::Eigenvalue, ground.eigenvalues[i]);
            point.set_of_mode(i, Symbol::Curvature, h);
            point.set_of_mode(i, Symbol::Noise, ground.noise[i]);
            point.set_of_mode(i, Symbol::LinearTerm, ground.linear[i]);
            point.set_of_mode(i, Symbol::Frequency, omega);
            point.set_of_mode(i, Symbol::DampingRatio, gamma / omega);
            if with_variances {
                let of = |value: fn(&ModeLaw) -> langevin_theory::Result<f64>| {
                    laws.as_ref().and_then(|laws| value(&laws[i]).ok()).unwrap_or(f64::NAN)
                };
                let [position, velocity] = match &epochs {
                    Some(epochs) => [epochs[i].position, epochs[i].velocity],
                    None => [of(ModeLaw::position_variance), of(ModeLaw::velocity_variance)],
                };
                point.set_of_mode(i, Symbol::PositionVariance, position);
                point.set_of_mode(i, Symbol::VelocityVariance, velocity);
            }
        }
        Ok(point)
    }

    /// The exact value of an observable after k steps: one per mode, or one in all. None where there is no stationary state.
    pub(crate) fn truth(&self, observable: Observable, steps: u64) -> Result<Option<Vec<Truth>>> {
        if self.is_reshuffled() {
            return self.truth_of_epochs(observable);
        }
        if observable == Observable::LearningRateLimit {
            let limit = self.learning_rate_limit()?;
            return Ok(Some(vec![Truth { value: limit, scale: limit }]));
        }
        let Some(laws) = self.laws()? else { return Ok(None) };
        let positive = |value: f64| Truth { value, scale: value };
        let total = |value: f64| Some(vec![positive(value)]);
        let sum = |value: &dyn Fn(&ModeLaw) -> langevin_theory::Result<f64>| -> langevin_theory::Result<f64> {
            laws.iter().map(value).sum()
        };
        let each = |value: &dyn Fn(&ModeLaw) -> langevin_theory::Result<Truth>| -> Result<Option<Vec<Truth>>> {
            Ok(Some(laws.iter().map(value).collect::<langevin_theory::Result<Vec<_>>>()?))
        };
        let eta = self.sgd.learning_rate();
        match observable {
            Observable::VarTheta => each(&|law| law.position_variance().map(positive)),
            Observable::VarV => each(&|law| law.velocity_variance().map(positive)),
            Observable::CovThetaV => each(&|law| {
                let (position, velocity) = (law.position_variance()?, law.velocity_variance()?);
                Ok(Truth { value: 0.5 * eta * velocity, scale: (position * velocity).sqrt() })
            }),
            Observable::MeanTheta => each(&|law| curve(steps, 1.0, |k| Ok(law.transient_mean(1.0, 0.0, Steps(k))?[0]))),
            Observable::MeanV => {
                each(&|law| curve(steps, law.map().curvature(), |k| Ok(law.transient_mean(1.0, 0.0, Steps(k))?[1])))
            }
            Observable::AutocovTheta => {
                each(&|law| curve(steps, law.position_variance()?, |k| Ok(law.lag_covariance(Steps(k))?[0][0])))
            }
            Observable::AutocovV => {
                each(&|law| curve(steps, law.velocity_variance()?, |k| Ok(law.lag_covariance(Steps(k))?[1][1])))
            }
            Observable::Speed => Ok(total(sum(&ModeLaw::speed)?)),
            Observable::Msd => {
                // zero steps go nowhere; the natural size is then that of one step
                let value = sum(&|law| law.displacement(Steps(steps)))?;
                let scale = if steps == 0 { sum(&ModeLaw::speed)? } else { value };
                Ok(Some(vec![Truth { value, scale }]))
            }
            Observable::ExcessLoss => Ok(total(sum(&ModeLaw::potential_energy)? + self.ground.loss_offset())),
            Observable::Kinetic => Ok(total(sum(&ModeLaw::kinetic_energy)?)),
            Observable::LearningRateLimit => Ok(None),
        }
    }

    /// The same for reshuffled epochs.
    fn truth_of_epochs(&self, observable: Observable) -> Result<Option<Vec<Truth>>> {
        let Some(modes) = self.epochs()?.filter(|_| epochs::is_known(observable)) else { return Ok(None) };
        let positive = |value: f64| Truth { value, scale: value };
        let velocity: f64 = modes.iter().map(|mode| mode.velocity).sum();
        let eta = self.sgd.learning_rate();
        Ok(Some(match observable {
            Observable::VarTheta => modes.iter().map(|mode| positive(mode.position)).collect(),
            Observable::VarV => modes.iter().map(|mode| positive(mode.velocity)).collect(),
            Observable::CovThetaV => {
                let truth =
                    |mode: &EpochAverages| Truth { value: mode.cross, scale: (mode.position * mode.velocity).sqrt() };
                modes.iter().map(truth).collect()
            }
            // theta_s - theta_{s-1} = eta v_s
            Observable::Speed => vec![positive(eta * eta * velocity)],
            Observable::Kinetic => vec![positive(0.5 * self.sgd.mass() * velocity)],
            _ => {
                let potential =
                    modes.iter().enumerate().map(|(i, mode)| 0.5 * self.ground.curvature(i) * mode.position);
                vec![positive(potential.sum::<f64>() + self.ground.loss_offset())]
            }
        }))
    }

    /// The largest learning rate with a stationary state at this momentum and weight decay; of reshuffled epochs that of their
    /// mean at a constant curvature, beyond which points have no law.
    pub(crate) fn learning_rate_limit(&self) -> Result<f64> {
        if self.noise == Noise::Minibatch
            && let Some(law) = self.minibatch_law()?
            && let Some(limit) = law.learning_rate_limit()?
        {
            return Ok(limit);
        }
        let steepest = self.ground.curvature(0);
        Ok(self.sgd.rate_times_curvature_limit() / steepest)
    }

    /// Where a value is, for a mode or a total.
    pub(crate) fn place(&self, mode: Option<usize>, steps: Option<u64>) -> Place {
        let shown = mode.unwrap_or(0);
        Place {
            spectrum: self.ground.name.clone(),
            learning_rate: self.sgd.learning_rate(),
            momentum: self.sgd.momentum(),
            weight_decay: self.ground.weight_decay,
            batch_size: self.sgd.batch_size() as u64,
            samples: self.ground.samples as u64,
            rate_times_curvature: self.sgd.learning_rate() * self.ground.curvature(shown),
            mode: mode.map(|mode| mode as u64 + 1),
            curvature: mode.map(|mode| self.ground.curvature(mode)),
            noise: mode.map(|mode| self.ground.noise[mode]),
            steps,
        }
    }
}

/// A value of a curve that may cross zero: its errors are relative to the largest value it still reaches from there on.
fn curve(
    steps: u64,
    start: f64,
    value: impl Fn(u64) -> langevin_theory::Result<f64>,
) -> langevin_theory::Result<Truth> {
    let now = value(steps)?;
    let mut scale = now.abs().max(DECAYED * start.abs());
    for later in LATER {
        scale = scale.max(value(steps.saturating_add(later))?.abs());
    }
    Ok(Truth { value: now, scale })
}
