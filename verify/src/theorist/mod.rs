//! For a theorist's own crate: tests that hold formulas, estimators and simulators against the exact law of SGD.
//!
//! | item | what it is |
//! |---|---|
//! | [`Claim`] | a formula, as a function or as text, and how far it is said to hold |
//! | [`Formula`] | a trait: a formula of a type of its own |
//! | [`Setting`] | a data set, hyperparameters and a way to draw batches, with one output |
//! | [`ExactLaw`] | what is exactly true there |
//! | [`Estimator`] | a trait: a statistic of a chain with its expectation under the claim and its resolution |
//! | [`Simulator`] | a trait: somebody's SGD, which produces chains of states from a seed |
//! | [`Experiment`] | runs chains and decides, with a verdict per estimator |
//!
//! A claimed statistic, tested on langevin's own simulator:
//!
//! ```
//! use langevin_verify::theorist::{Chain, Estimator, ExactLaw, Experiment, Setting};
//!
//! /// The position one step later does not know its velocity now: wrong.
//! struct Uncorrelated;
//!
//! impl Estimator for Uncorrelated {
//!     fn name(&self) -> String {
//!         "x'v".into()
//!     }
//!     fn expected(&self, _: &ExactLaw) -> langevin_verify::Result<Vec<f64>> {
//!         Ok(vec![0.0])
//!     }
//!     fn measure(&self, chain: &Chain, law: &ExactLaw) -> Vec<f64> {
//!         let centre = law.minimum()[0];
//!         let products = (1..chain.len()).map(|k| (chain.position(k)[0] - centre) * chain.velocity(k - 1)[0]);
//!         vec![products.sum::<f64>() / (chain.len() - 1) as f64]
//!     }
//!     fn scale(&self, law: &ExactLaw) -> langevin_verify::Result<Vec<f64>> {
//!         let covariance = law.covariance();
//!         Ok(vec![(covariance[(0, 0)] * covariance[(law.dimension(), law.dimension())]).sqrt()])
//!     }
//! }
//!
//! let outcome = Experiment::on(Setting::small()).estimator(Uncorrelated).check().unwrap();
//! outcome.assert_refuted();
//! ```

mod chain;
mod claim;
mod estimator;
mod experiment;
mod law;
mod simulator;

pub use chain::{Chain, State};
pub use claim::{Claim, ClaimOutcome};
pub use estimator::{Estimator, StandardEstimator};
pub use experiment::{EstimatorFinding, Experiment, Outcome};
pub use law::{ExactLaw, Setting};
pub use simulator::Simulator;

pub use crate::claim_file::expression::{Formula, Symbols};
pub use crate::claim_file::{ClaimNoise, OBSERVABLES};
