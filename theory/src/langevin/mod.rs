//! The paper's continuous model: the underdamped Langevin equation (4), with erratum E04, and, on a quadratic, the
//! Ornstein-Uhlenbeck process (5), (6) in phase space, with its closed forms in corrected form (errata E01, E02, E05,
//! E07, E09).
#![doc = langevin_equation::equation!(
    r"d\theta = v\,dt, \qquad dv = -\frac{2}{\eta (1+\beta)} \left( g(\theta) + \lambda\theta + (1-\beta) v \right) dt + \frac{2}{\sqrt{\eta S}\,(1+\beta)} \sqrt{\Sigma(\theta)}\; dW"
)]
//! It runs in time: k steps of SGD take the time t = eta k. Its stationary variances are those of the recursion only to
//! first order in eta h (erratum E03), and it has no stability limit.

mod displacement;
mod law;
mod mode;
mod modified_loss;
mod oscillator;

pub use displacement::{DisplacementReading, displacement_equation17};
pub use law::{LangevinLaw, NoiseModel};
pub use mode::{LangevinMode, stationary_kernel};
pub use modified_loss::ModifiedLoss;
pub use oscillator::{Damping, Oscillator};
