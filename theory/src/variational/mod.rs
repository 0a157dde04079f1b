//! The variational formulation of appendix E for Gaussian laws: entropy, Kullback-Leibler divergence, Wasserstein distance
//! (39), and the step of Jordan, Kinderlehrer and Otto (Theorem 1).

mod gaussian;
mod jko;

pub use gaussian::Gaussian;
pub(crate) use gaussian::divergence;
pub use jko::JkoStep;
