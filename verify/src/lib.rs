//! Claims about SGD, the statistics that decide them, and the reports that say how.
//!
//! | module | what it holds |
//! |---|---|
//! | [`claim_file`] | claims of a user: formulas, the grid, the simulations, the verdicts |
//! | [`claims`] | the registry of built-in claims |
//! | [`plan`] | which scenarios a run consists of |
//! | [`paper_tables`] | the hyperparameters of the paper's experiments |
//! | [`coverage`] | what of the paper is implemented, and what checks it |
//! | [`scenario`] | problems with a sampling plan; each decides several checks |
//! | [`ledger`] | the error budget |
//! | [`mutant`] | wrong theories that the checks must see, and the kill matrix |
//! | [`statistics`] | the tests |
//! | [`run`](mod@run) | plan in, [`report::Report`] out |
//! | [`baseline`] | what changed since an earlier report |
//! | [`evidence`] | e-values multiplied over runs |
//! | [`render`] | the report as HTML, JUnit, Markdown |
//! | [`predict`](mod@predict) | theory only |
//! | [`simulate`](mod@simulate) | simulation only: long runs, sweeps, shards |
//! | [`modes_run`] | simulation of large problems, projected on top eigenvectors |
//! | [`networks`] | experiments on networks, as `langevin-nn` writes them |
//! | [`compare`](mod@compare) | rival theories against the exact law, and that against simulation |
//! | [`theorist`] | tests of formulas, estimators and simulators in a crate of your own |
//! | [`command`] | the command line |

pub mod baseline;
pub mod claim_file;
pub mod claims;
pub mod command;
pub mod compare;
pub mod coverage;
pub mod document;
pub mod error;
pub mod evidence;
mod interruption;
pub mod ledger;
pub mod modes_run;
pub mod mutant;
pub mod networks;
pub mod output;
pub mod paper_tables;
pub mod plan;
pub mod predict;
pub mod problem;
pub mod progress;
pub mod render;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod simulate;
pub mod statistics;
pub mod sweep;
pub mod theorist;
pub mod tier;

pub use error::{Result, VerifyError};
