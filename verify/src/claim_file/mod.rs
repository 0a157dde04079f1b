//! Claims of a user: a formula in, a verdict out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`expression`] | the language of formulas |
//! | [`observable`] | what a claim can be about |
//! | [`reader`] | claim files |
//! | [`check`] | both decisions, and the verdict |
//! | [`outcome`] | what was found about a claim |

pub mod check;
mod epochs;
mod exact;
pub mod expression;
mod grid;
mod ground;
pub mod observable;
pub mod outcome;
pub mod reader;
mod scene;
mod simulation;

pub use check::{CheckGround, check_claims};
pub use observable::{OBSERVABLES, Observable};
pub use outcome::{ClaimOutcome, ClaimsReport};
pub use reader::{ClaimNoise, Holds, Lag, UserClaim};
