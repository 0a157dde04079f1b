//! Tests of the harness, on libtorch for the processor.
#![allow(clippy::unwrap_used, clippy::float_cmp, missing_docs)]

mod curvature;
mod data_sources;
mod experiments;
mod images;
mod networks;
mod pretrained;
mod program;
mod simulator;
mod training;
