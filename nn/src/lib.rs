//! Networks on libtorch, trained by the recursion that the theory is about.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tensor`] | the one module that calls libtorch |
//! | [`device`] | where tensors live |
//! | [`model`] | networks as lists of layers |
//! | [`network`] | position, velocity, and a step of equation (2) |
//! | [`data`] | data sets: tables, and images decoded batch by batch |
//! | [`training_file`] | what a run is |
//! | [`train`](mod@train) | one chain, from a training file to a run's folder |
//! | [`track`] | what is recorded |
//! | [`directions`] | what states are projected on |
//! | [`check`](mod@check) | whether a file can be run |
//! | [`checkpoint`] | states and weights in files |
//! | [`curvature`] | Hessian and gradient noise: products, eigenpairs, traces, densities |
//! | [`hessian_products`] | products with the Hessian in files, and their time |
//! | [`experiment`] | the paper's figures, from an experiment file to a record |
//! | [`audit`] | the assumptions of the theory |
//! | [`run_folder`] | the files of a run |
//! | [`doctor`] | what this machine has |
//! | [`command`] | the command line |

// libtorch counts in i64, Rust in usize; no number of entries comes near the end of either
#![allow(clippy::cast_possible_wrap)]

pub mod audit;
pub mod check;
pub mod checkpoint;
pub mod command;
pub mod curvature;
pub mod data;
pub mod device;
pub mod directions;
pub mod doctor;
pub mod error;
pub mod experiment;
pub mod hessian_products;
mod interruption;
pub mod model;
pub mod network;
pub mod run_folder;
pub mod tensor;
pub mod track;
pub mod train;
pub mod training_file;

pub use error::{NnError, Result};
