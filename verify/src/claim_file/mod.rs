//! Claims of a user: a formula in, a verdict out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`expression`] | the language of formulas |
//! | [`observable`] | what a claim can be about |
//! | [`reader`] | claim files |
//! | [`outcome`] | what was found about a claim |

pub mod expression;
pub mod observable;
pub mod outcome;
pub mod reader;

pub use observable::{OBSERVABLES, Observable};
pub use outcome::{ClaimOutcome, ClaimsReport};
pub use reader::{ClaimNoise, Holds, Lag, UserClaim};
