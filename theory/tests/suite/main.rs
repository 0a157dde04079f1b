//! Tests of the exact laws: closed forms against matrix routes against brute force, over the whole admissible range with its
//! edges. One binary, one module per subject.
//!
//! Tolerances are counts of roundings. `f64::EPSILON` is two of the unit roundoffs, so a formula of about sixty operations
//! on well-conditioned numbers is good to 32 of them; where a function amplifies the rounding of its argument (powers,
//! phases), the tolerance grows with the amplification, which each module states. Oracles work with 106 bits and count as
//! exact.
#![allow(
    clippy::neg_cmp_op_on_partial_ord,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::items_after_statements
)]

mod comparison;
mod constant_noise;
mod diffusion;
mod documentation;
mod double_double;
mod equation17;
mod fokker_planck;
mod gradient_noise;
mod invalid_input;
mod langevin_law;
mod langevin_mode;
mod large_matrices;
mod limit_order;
mod linear_algebra;
mod minibatch;
mod minibatch_stability;
mod mode_law;
mod mode_map;
mod oscillator;
mod ou;
mod problems;
mod published_rivals;
mod quadratic;
mod reshuffle;
mod rivals;
mod variational;
