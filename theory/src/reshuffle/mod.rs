//! Reshuffled epochs: every sample once per epoch, in a fresh random order. Batches of an epoch are anticorrelated, the
//! noise of an epoch sums to (nearly) zero, and equipartition fails (errata E27, E36).
#![doc = langevin_equation::equation!(r"\mathbb{E}[n_i n_j] = s^2 \left( \delta_{ij} - \frac{1 - \delta_{ij}}{L - 1} \right) \quad \text{within an epoch of } L \text{ batches}, \qquad 0 \quad \text{between epochs}")]

mod constant_curvature;
mod enumeration;

pub use constant_curvature::EpochNoise;
pub use enumeration::{EpochMoments, ReshuffledLaw};
