//! Claims about SGD, the statistics that decide them, and the reports that say how.
//!
//! | module | what it holds |
//! |---|---|
//! | [`claims`] | the registry of built-in claims |
//! | [`plan`] | which scenarios a run consists of |
//! | [`paper_tables`] | the hyperparameters of the paper's experiments |
//! | [`coverage`] | what of the paper is implemented, and what checks it |
//! | [`scenario`] | problems with a sampling plan; each decides several checks |
//! | [`ledger`] | the error budget |
//! | [`statistics`] | the tests |
//! | [`run`](mod@run) | plan in, [`report::Report`] out |
//! | [`render`] | the report as HTML, JUnit, Markdown |
//! | [`predict`](mod@predict) | theory only |
//! | [`simulate`](mod@simulate) | simulation only: long runs, sweeps, shards |
//! | [`modes_run`] | simulation of large problems, projected on top eigenvectors |
//! | [`networks`] | experiments on networks, as `langevin-nn` writes them |
//! | [`compare`](mod@compare) | rival theories against the exact law, and that against simulation |
//! | [`command`] | the command line |

pub mod claims;
pub mod command;
pub mod compare;
pub mod coverage;
pub mod document;
pub mod error;
mod interruption;
pub mod ledger;
pub mod modes_run;
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
pub mod tier;

pub use error::{Result, VerifyError};
