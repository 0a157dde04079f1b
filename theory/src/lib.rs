//! Exact laws of stochastic gradient descent with momentum near a quadratic minimum, in discrete time and in its
//! Ornstein-Uhlenbeck limit (Kunin et al., *Rethinking the limiting dynamics of SGD*; equation numbers are theirs).
//!
//! Everything here is a pure function of a problem: no random numbers, no input or output, no threads.
//!
//! | module | what it holds |
//! |---|---|
//! | [`hyperparameters`] | learning rate, momentum, weight decay, batch size; batch sampling |
//! | [`time`] | steps and time as different types |
//! | [`quadratic`] | the loss: Hessian, eigendecomposition, both minimisers, null directions |
//! | [`gradient_noise`] | covariance of the gradient noise, from data |
//! | [`langevin`] | the paper's SDE (4)-(6) and its closed forms (7)-(9), (16), (17), G.3 |
//! | [`discrete`] | the exact law of the recursion (2) with any constant noise covariance |
//! | [`ou`] | the general Ornstein-Uhlenbeck process of appendix D, its stationary law, current and entropy production |
//! | [`variational`] | appendix E for Gaussian laws: entropy, divergence, Wasserstein distance, JKO step |
//! | [`diffusion`] | section 7: exponents of the displacement, power-law fits, windows |
//! | [`minibatch`] | the exact second moments of (2) with true minibatch noise |
//! | [`reshuffle`] | the exact law under reshuffled epochs: constant curvature, and small data by enumeration |
//! | [`fokker_planck`] | densities and currents: the Fokker-Planck equation (10), (33)-(44), exact laws and a grid solver |
//! | [`largest_eigenpairs`](mod@largest_eigenpairs) | the top eigenpairs of a symmetric operator, with residuals |
//! | [`rivals`] | published theories of the stationary state, with one interface |
//!
//! The recursion (2), in one eigendirection of the Hessian, with x the deviation from the minimum, h the curvature, eta
//! the learning rate, beta the momentum and n the noise of the batch gradient:
#![doc = langevin_equation::equation!(
    r"v_{k+1} = \beta v_k - h x_k + n_k, \qquad x_{k+1} = x_k + \eta v_{k+1}."
)]
//! Discrete laws count steps, the SDE runs in time, a step taking the time eta. In phase space positions come first,
//! then velocities: (theta, v), 2d entries.

mod cholesky;
pub mod diffusion;
pub mod discrete;
mod eigenvalue_clusters;
pub mod error;
mod extended_precision;
pub mod fokker_planck;
mod gaussian_elimination;
pub mod gradient_noise;
pub mod hyperparameters;
pub mod langevin;
mod large_matrices;
pub mod largest_eigenpairs;
pub mod linear_algebra;
pub mod minibatch;
pub mod ou;
pub mod quadratic;
pub mod reshuffle;
pub mod rivals;
mod singular_values;
pub mod time;
pub mod variational;

pub use error::{Result, TheoryError};
pub use hyperparameters::{Hyperparameters, Sampling};
pub use quadratic::{LeastSquares, Quadratic};
pub use time::{Steps, Time};
