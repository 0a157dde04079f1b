//! Tests of the harness, on libtorch for the processor.
#![allow(clippy::unwrap_used, clippy::float_cmp, missing_docs)]

mod curvature;
mod experiments;
mod networks;
mod program;
mod simulator;
mod training;
