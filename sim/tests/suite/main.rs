//! Tests of the simulator: data readers, and the recursion against a plain loop.
#![allow(clippy::unwrap_used, missing_docs)]

mod data;
mod recursion;
mod tables;
