//! An implementation of SGD with momentum that has nothing to do with langevin's: plain loops, another random number
//! generator, one buffer b' = beta b + g as deep-learning libraries have it. `tests/` holds it, some of its bugs, and a few
//! formulas against the exact law.

use langevin_verify::theorist::{Chain, Setting, Simulator, State};
use rand::{RngExt, SeedableRng};

/// A mistake in an implementation of SGD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The buffer takes the gradient of the step before.
    OldGradient,
    /// b' = beta b + (1 - beta) g.
    Dampening,
    /// The buffer looks ahead: the gradient is taken at theta + eta beta v.
    Nesterov,
    /// Weight decay pulls theta by eta lambda theta outside of the buffer.
    DecoupledWeightDecay,
    /// Batches are drawn without replacement where independent draws are claimed.
    WithoutReplacement,
    /// The buffer is emptied every hundred steps.
    ForgottenBuffer,
}

/// SGD with momentum in plain loops, with or without a bug.
#[derive(Clone, Debug)]
pub struct PlainSgd {
    setting: Setting,
    bug: Option<Bug>,
}

impl PlainSgd {
    /// The right one.
    pub fn new(setting: Setting) -> Self {
        Self { setting, bug: None }
    }

    /// A wrong one.
    pub fn with_bug(setting: Setting, bug: Bug) -> Self {
        Self { setting, bug: Some(bug) }
    }

    /// Gradient of a random batch at a point.
    fn gradient(&self, point: &[f64], random: &mut impl RngExt) -> Vec<f64> {
        let (data, sgd) = (self.setting.data(), self.setting.hyperparameters());
        let batch = sgd.batch_size();
        let mut gradient = vec![0.0; point.len()];
        if self.bug != Some(Bug::DecoupledWeightDecay) {
            gradient.iter_mut().zip(point).for_each(|(g, theta)| *g += sgd.weight_decay() * theta);
        }
        let mut drawn: Vec<usize> = Vec::new();
        while drawn.len() < batch {
            let row = random.random_range(0..data.samples());
            if self.bug == Some(Bug::WithoutReplacement) && drawn.contains(&row) {
                continue;
            }
            drawn.push(row);
            let features = data.features().row(row);
            let output: f64 = features.iter().zip(point).map(|(x, theta)| x * theta).sum();
            let residual = output - data.targets()[(row, 0)];
            gradient.iter_mut().zip(features.iter()).for_each(|(g, x)| *g += residual * x / batch as f64);
        }
        gradient
    }
}

impl Simulator for PlainSgd {
    fn name(&self) -> String {
        self.bug.map_or_else(|| "plain loops".into(), |bug| format!("plain loops with {bug:?}"))
    }

    fn chain(&self, start: &State, steps: u64, seed: u64) -> Chain {
        let sgd = self.setting.hyperparameters();
        let (eta, beta) = (sgd.learning_rate(), sgd.momentum());
        let mut random = rand::rngs::ChaCha12Rng::seed_from_u64(seed);
        let mut theta = start.position.clone();
        // v is minus the buffer
        let mut buffer: Vec<f64> = start.velocity.iter().map(|v| -v).collect();
        let mut old = self.gradient(&theta, &mut random);
        let mut chain = Chain::new(start);
        for step in 1..=steps {
            let point: Vec<f64> = match self.bug {
                Some(Bug::Nesterov) => theta.iter().zip(&buffer).map(|(theta, b)| theta - eta * beta * b).collect(),
                _ => theta.clone(),
            };
            let new = self.gradient(&point, &mut random);
            let gradient = if self.bug == Some(Bug::OldGradient) { std::mem::replace(&mut old, new) } else { new };
            if self.bug == Some(Bug::ForgottenBuffer) && step % 100 == 0 {
                buffer.fill(0.0);
            }
            for i in 0..theta.len() {
                let share = if self.bug == Some(Bug::Dampening) { 1.0 - beta } else { 1.0 };
                buffer[i] = beta * buffer[i] + share * gradient[i];
                let mut step = eta * buffer[i];
                if self.bug == Some(Bug::DecoupledWeightDecay) {
                    step += eta * sgd.weight_decay() * theta[i];
                }
                theta[i] -= step;
            }
            // decoupled decay moves theta without the buffer: what it moved by is its velocity
            let velocity: Vec<f64> = match self.bug {
                Some(Bug::DecoupledWeightDecay) => {
                    let before = chain.position(chain.len() - 1);
                    theta.iter().zip(before).map(|(now, before)| (now - before) / eta).collect()
                }
                _ => buffer.iter().map(|b| -b).collect(),
            };
            chain.push(&theta, &velocity);
        }
        chain
    }
}
