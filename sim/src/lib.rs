//! Samples of stochastic gradient descent on linear regression: data sets, the heavy-ball recursion (2) with minibatch or
//! Gaussian noise, ensembles of independent chains, observers and mergeable accumulators. Also of Ornstein-Uhlenbeck
//! processes ([`ou`]), exactly, on any grid of times.
//!
//! Nothing here knows a formula for what SGD does: from `langevin-theory` it takes only the vocabulary of a problem.
//! Random streams are keyed by (seed, chain), so results do not depend on the number of threads. Kernels run on the widest
//! instructions the processor has ([`langevin_lanes`]).

// only code inlined into a function that is compiled for an instruction set uses it
#![allow(clippy::inline_always)]

pub mod accumulator;
pub mod data;
pub mod error;
pub mod observer;
pub mod ou;
pub mod random;
pub mod saved_state;
pub mod sgd;

pub use accumulator::{Moments, MomentsOfMany};
pub use data::Dataset;
pub use error::{Result, SimError};
pub use observer::{Observer, ResumableObserver, StateBlock};
pub use sgd::{Chain, Ensemble, NoiseSource, Start};
