//! The paper's continuous model: the underdamped Langevin equation (4) and, on a quadratic, the Ornstein-Uhlenbeck process
//! (5), (6) in phase space, with its closed forms in corrected form (errata E01, E02, E04, E05, E07, E09).

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
