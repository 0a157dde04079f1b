//! Whole-program tests of langevin.
