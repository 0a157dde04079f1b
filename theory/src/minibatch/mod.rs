//! The exact second moments of SGD with true minibatch noise on a linear regression (errata section 5, item 8).
//!
//! With e = theta - mu_ridge, r = X mu_ridge - Y, g0 = -lambda mu_ridge, phi the noise factor of the sampling scheme, and
//! `K(P) = (1/N) sum x x^T (x^T P x) - H P H` (the part of the noise that grows with the distance from the minimum):
//!
//! ```text
//! P_{k+1} = M P_k M^T + phi Gam E[Sigma] Gam^T,   Gam = (eta I; I),   m_{k+1} = M m_k
//! stationary: P = G o phi [Sigma(mu_ridge) + K(P)],   G the kernel of constant noise, entrywise in the eigenbasis of H
//! ```
//!
//! The stationary equation is solved by conjugate gradients in a symmetric form; its gain (a spectral radius) is tested
//! first, because a linear solve would return negative "variances" for an unstable problem (errata section 6).

mod feedback;
mod gaussian_features;
mod law;
mod transient;

pub use gaussian_features::GaussianFeatures;
pub use law::{MinibatchLaw, mean_square_learning_rate_limit};
pub use transient::Transient;
