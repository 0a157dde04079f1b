//! A plug-in: somebody's implementation of SGD.

use super::{Chain, State};

/// An implementation of SGD with momentum on the data of a [`Setting`](super::Setting): least squares,
/// L = |Y - X theta|^2 / (2N) + (lambda/2)|theta|^2. It is tested against the exact law: means, variances, cross-covariance,
/// equipartition, speed and displacement.
///
/// The convention is v' = beta v - g, theta' = theta + eta v', g the gradient of a batch with weight decay, at theta. A buffer
/// b' = beta b + g with theta' = theta - eta b' (the usual one of deep-learning libraries) is v = -b.
///
/// ```
/// use langevin_verify::theorist::{Chain, Experiment, Setting, Simulator, State};
/// use rand::{RngExt, SeedableRng};
///
/// /// Plain loops.
/// struct Mine(Setting);
///
/// impl Simulator for Mine {
///     fn name(&self) -> String {
///         "plain loops".into()
///     }
///     fn chain(&self, start: &State, steps: u64, seed: u64) -> Chain {
///         let (data, sgd) = (self.0.data(), self.0.hyperparameters());
///         let mut random = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
///         let State { mut position, mut velocity } = start.clone();
///         let mut chain = Chain::new(start);
///         for _ in 0..steps {
///             let mut gradient: Vec<f64> = position.iter().map(|theta| sgd.weight_decay() * theta).collect();
///             for _ in 0..sgd.batch_size() {
///                 let row = random.random_range(0..data.samples());
///                 let x = data.features().row(row);
///                 let residual: f64 =
///                     x.iter().zip(&position).map(|(x, theta)| x * theta).sum::<f64>() - data.targets()[(row, 0)];
///                 for (g, x) in gradient.iter_mut().zip(x.iter()) {
///                     *g += residual * x / sgd.batch_size() as f64;
///                 }
///             }
///             for ((theta, v), g) in position.iter_mut().zip(&mut velocity).zip(&gradient) {
///                 *v = sgd.momentum() * *v - g;
///                 *theta += sgd.learning_rate() * *v;
///             }
///             chain.push(&position, &velocity);
///         }
///         chain
///     }
/// }
///
/// let setting = Setting::small();
/// Experiment::on(setting.clone()).simulator(Mine(setting)).check().unwrap().assert_supported();
/// ```
pub trait Simulator: Sync {
    /// Its name in reports.
    fn name(&self) -> String;

    /// One chain: the start and the states after 1 to `steps` steps. Chains of different seeds must be independent, equal
    /// arguments must give equal chains.
    fn chain(&self, start: &State, steps: u64, seed: u64) -> Chain;
}
