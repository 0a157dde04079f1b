//! Whole-program tests: one binary, one module per subject.

mod agreement;
mod certified;
mod claims;
mod command_line;
mod corpora;
mod history;
mod kill_matrix;
mod large;
mod networks;
mod program;
mod reference_cases;
mod simulate;
