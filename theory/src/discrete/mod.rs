//! The exact law of the discrete recursion (2) on a quadratic, with noise of any constant covariance (errata section 5,
//! items 1-7): one eigendirection in closed form, and all of them together when the noise does not commute with the
//! Hessian.

pub(crate) mod constant_noise;
mod map;
mod mode;

pub use constant_noise::{ConstantNoiseLaw, stationary_kernel};
pub use map::{ModeMap, Regime};
pub use mode::ModeLaw;
