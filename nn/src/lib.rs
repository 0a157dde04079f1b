//! Networks on libtorch, trained by the recursion that the theory is about.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tensor`] | the one module that calls libtorch |
//! | [`device`] | where tensors live |
//! | [`doctor`] | what this machine has |
//! | [`command`] | the command line |

pub mod command;
pub mod device;
pub mod doctor;
pub mod error;
pub mod tensor;

pub use error::{NnError, Result};
