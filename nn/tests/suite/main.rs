//! Tests of the harness, on libtorch for the processor.

mod curvature;
mod experiments;
mod networks;
mod program;
mod simulator;
mod training;
