//! Tests of the simulator: data readers, and the recursion against a plain loop.
#![allow(clippy::unwrap_used, clippy::float_cmp, missing_docs)]

mod accumulator;
mod data;
mod kernels;
mod observers;
mod ou;
mod random;
mod recursion;
mod tables;
