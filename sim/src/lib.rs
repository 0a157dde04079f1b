//! Samples of stochastic gradient descent on linear regression: data sets, the heavy-ball recursion (2) with minibatch or
//! Gaussian noise, ensembles of independent chains, observers and mergeable accumulators.
//!
//! Nothing here knows a formula for what SGD does: from `langevin-theory` it takes only the vocabulary of a problem.
//! Random streams are keyed by (seed, chain), so results do not depend on the number of threads.

pub mod accumulator;
pub mod data;
pub mod error;
pub mod observer;
pub mod saved_state;
pub mod sgd;

pub use accumulator::{Moments, MomentsOfMany};
pub use data::Dataset;
pub use error::{Result, SimError};
pub use observer::{Observer, ResumableObserver, StateBlock};
pub use sgd::{Chain, Ensemble, NoiseSource, Start};
