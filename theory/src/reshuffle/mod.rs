//! Reshuffled epochs: every sample once per epoch, in a fresh random order. Batches of an epoch are anticorrelated, the noise
//! of an epoch sums to (nearly) zero, and equipartition fails (errata E27, E36).

mod constant_curvature;
mod enumeration;

pub use constant_curvature::EpochNoise;
pub use enumeration::{EpochMoments, ReshuffledLaw};
