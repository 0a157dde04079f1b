//! `langevin simulate` and `langevin merge`: a problem file in, averages over chains and trajectories out.
//!
//! Everything is in the eigenbasis of the Hessian (by descending curvature), positions about the ridge minimum. Averages
//! carry standard errors over chains.
//!
//! The work of a run is divided into units that follow from the problem alone ([`units`](self)); their results are joined in
//! a fixed tree. So the numbers have the same bits for any number of threads and shards, and for a run that was killed and
//! resumed. Memory does not grow with the number of steps or, without trajectories, of chains.
//!
//! | file | what is in it |
//! |---|---|
//! | `frame` | settings of a run, the quantities it gives, their shapes and units |
//! | `set_up`, `watch`, `workers` | points, observers, threads |
//! | `units`, `shard`, `reduction` | who does what, and how results are joined |
//! | `state_file`, `identity` | checkpoints and shards, and what they belong to |
//! | `arrays`, `file` | output |
//! | `merge`, `memory` | joining shards; the bound on memory |

mod arrays;
mod file;
mod frame;
mod identity;
mod memory;
mod merge;
mod reduction;
mod set_up;
mod shard;
mod state_file;
mod units;
mod watch;
mod workers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use arrays::{Array, Provenance, Simulated, Values};
pub(crate) use file::{check_arrays_path, write_arrays};
pub use frame::{Axis, Frame, Quantity};
pub(crate) use identity::{CODE_HASH, data_hash, settings_hash};
pub use merge::merge;
pub use shard::{Shard, ShardArgument};

use crate::error::{Result, VerifyError};
use crate::interruption;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::scenario::Prepared;
use file::Format;
use memory::MemoryBound;
use reduction::Reduction;
use state_file::{Kind, Manifest, State};
use units::Units;
use workers::Work;

/// A checkpoint is written no more often than this multiple of the time that writing it takes.
const CHECKPOINT_SHARE: u32 = 20;

/// How a problem is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the numbers go; nowhere without it, and then there are no checkpoints.
    pub out: Option<PathBuf>,
    /// Which part to run; the whole run when nothing is said.
    pub shard: Option<Shard>,
    /// Whether to go on from a checkpoint, if there is one.
    pub resume: bool,
    /// Time between checkpoints.
    pub checkpoint: Duration,
    /// Number of threads.
    pub workers: usize,
}

/// What a process did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Where the numbers come from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Seconds of simulation in this process.
    pub seconds: f64,
    /// Chain-steps of this process per second.
    pub chain_steps_per_second: f64,
    /// Chain-steps of this process: fewer than `chain_steps` after a resume, or in a shard.
    pub chain_steps_here: u64,
    /// Which part of the run this was.
    pub shard: String,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// In short.
    pub summary: Summary,
    /// The numbers; none for a shard.
    pub simulated: Option<Simulated>,
}

/// Refuses an output path before anything is read or run.
///
/// # Errors
/// [`VerifyError::Input`] for an unknown extension, [`VerifyError::Output`] for a folder that is not there.
pub fn check_path(path: &Path, shard: Option<Shard>) -> Result<()> {
    if shard.is_none() || path.extension().is_none_or(|kind| kind != "shard") {
        Format::of(path)?;
    }
    file::check_folder(path)
}

/// The checkpoint of an output.
fn checkpoint_path(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(format!("{name}.checkpoint"))
}

/// Runs a problem, or a shard of it.
///
/// # Errors
/// [`VerifyError::Input`] for a start that does not exist, a simulation that diverges, output too large, a checkpoint that is
/// damaged or foreign or in the way; [`VerifyError::Output`] when a file cannot be written: the last checkpoint is kept;
/// [`VerifyError::Interrupted`] after a signal.
pub fn simulate(problem: &Problem, options: &RunOptions, progress: &Progress) -> Result<Finished> {
    let prepared = Prepared::new(problem.data.clone())?;
    let frame = Frame::new(problem, &prepared)?;
    let shard = options.shard.unwrap_or(Shard::WHOLE);
    let problem_hash = identity::problem_hash(problem);
    let checkpoint_manifest = Manifest::new(Kind::Checkpoint, &problem_hash, shard, &frame);
    let shard_manifest = Manifest::new(Kind::Shard, &problem_hash, shard, &frame);
    let units = Units::new(frame.points(), frame.chains);
    let owned = units.owned(shard);
    let out = options.out.as_ref().map(|out| if options.shard.is_some() { shard.path(out) } else { out.clone() });
    let summary = |done: u64, seconds: f64| Summary {
        provenance: Provenance {
            version: shard_manifest.version.clone(),
            problem_hash: problem_hash.clone(),
            code_hash: shard_manifest.code_hash.clone(),
            frame: frame.clone(),
        },
        seconds,
        chain_steps_per_second: done as f64 / seconds.max(1e-9),
        chain_steps_here: done,
        shard: shard.to_string(),
        file: out.as_ref().map(|path| path.display().to_string()),
    };
    if let Some(path) = out.as_ref().filter(|path| options.shard.is_some() && path.exists()) {
        check_finished_shard(path, &shard_manifest)?;
        progress.note(&format!("{} is already complete", path.display()));
        return Ok(Finished { summary: summary(0, 0.0), simulated: None });
    }
    let checkpoint = out.as_deref().map(checkpoint_path);
    let minimum_ridge: Vec<f64> = (0..units.points())
        .map(|point| {
            let (sgd, _) = problem.sweep.at(point, &problem.sgd, problem.run.seed)?;
            Ok(prepared.minimum_in_eigenbasis(sgd.weight_decay()).as_slice().to_vec())
        })
        .collect::<Result<Vec<_>>>()?
        .concat();
    let eigenvalues: Vec<f64> = prepared.quadratic.eigenvalues().iter().copied().collect();
    let state = match checkpoint.as_deref().filter(|path| path.exists()) {
        Some(path) => take_up(path, options.resume, &checkpoint_manifest, progress)?,
        None => State {
            eigenvalues: eigenvalues.clone(),
            minimum_ridge: minimum_ridge.clone(),
            reduction: Reduction::new(units.points(), units.blocks()),
            under_way: Vec::new(),
        },
    };
    let owned_steps = |keep: &dyn Fn(usize) -> bool| -> u64 {
        let chains = owned.clone().filter(|&unit| keep(unit)).map(|unit| units.chains(unit));
        chains.map(|chains| (chains.end - chains.start) * frame.steps).sum()
    };
    let finished_before = owned_steps(&|unit| {
        let (point, block) = units.place(unit);
        state.reduction.covers(point, block)
    });
    let workers = options.workers.clamp(1, owned.len().max(1));
    let work = Work::new(problem, &prepared, &frame, owned.clone(), state, progress);
    let first_point = work.first_point()?;
    let is_parquet = matches!(out.as_deref().map(Format::of), Some(Ok(Format::Parquet)));
    let bound = MemoryBound::new(&frame, units, owned.len() as u64, workers as u64, is_parquet);
    progress.note(&format!("{} chain-steps, {}", owned_steps(&|_| true), bound.text()));
    if !frame.sweep.is_empty() {
        drop(first_point);
    }

    progress.name("simulate");
    progress.expect(owned_steps(&|_| true));
    progress.resume_at(finished_before);
    let began = Instant::now();
    let save = || -> Result<()> {
        match &checkpoint {
            Some(path) => {
                state_file::write(path, &checkpoint_manifest, &work.state(&eigenvalues, &minimum_ridge).to_bytes())
            }
            None => Ok(()),
        }
    };
    if checkpoint.is_some() {
        interruption::defer();
    }
    let mut due = began + options.checkpoint;
    let complete = work.run(workers, || {
        if checkpoint.is_some() && interruption::requested() {
            work.stop();
        } else if checkpoint.is_some() && Instant::now() >= due {
            let writing = Instant::now();
            save()?;
            due = Instant::now() + options.checkpoint.max(writing.elapsed() * CHECKPOINT_SHARE);
        }
        progress.log();
        Ok(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    progress.finish();
    let resume = || checkpoint.as_ref().map_or_else(String::new, |path| path.display().to_string());
    if !complete {
        save()?;
        return Err(VerifyError::Interrupted {
            detail: format!("what was finished is saved in {}; --resume goes on from there", resume()),
        });
    }
    let summary = summary(work.done(), seconds);
    let state = work.into_state(eigenvalues, minimum_ridge);
    let simulated = if options.shard.is_some() { None } else { Some(Simulated::new(&shard_manifest, &state)?) };
    if let Some(path) = &out {
        let written = match &simulated {
            Some(simulated) => file::write(path, simulated),
            None => state_file::write(path, &shard_manifest, &state.to_bytes()),
        };
        if let Err(error) = written {
            // the run is done; where the place can still take a checkpoint, nothing is lost
            let kept = checkpoint.as_ref().is_some_and(|kept| {
                state_file::write(kept, &checkpoint_manifest, &state.to_bytes()).is_ok() || kept.exists()
            });
            if kept {
                progress.note(&format!("the last good state is in {}; --resume goes on from there", resume()));
            }
            return Err(error);
        }
    }
    if let Some(path) = checkpoint.filter(|path| path.exists()) {
        std::fs::remove_file(&path)
            .map_err(|source| VerifyError::Output { path: path.display().to_string(), source })?;
    }
    Ok(Finished { summary, simulated })
}

/// A finished shard is not run again; another file in its place is not overwritten.
fn check_finished_shard(path: &Path, expected: &Manifest) -> Result<()> {
    let (found, _) = state_file::read(path)?;
    let reason = expected.foreign(&found).or_else(|| {
        (found.kind != Kind::Shard || found.shard != expected.shard)
            .then(|| format!("it is of shard {}, not {}", found.shard, expected.shard))
    });
    match reason {
        Some(reason) => {
            Err(VerifyError::Input { detail: format!("it is in the way: {reason}; remove it or name another --out") }
                .in_file(&path.display().to_string()))
        }
        None => Ok(()),
    }
}

/// The state of a checkpoint of this very run.
fn take_up(path: &Path, resume: bool, expected: &Manifest, progress: &Progress) -> Result<State> {
    if !resume {
        let detail =
            "an earlier run was interrupted: give --resume to go on from this checkpoint, or remove it to begin anew";
        return Err(VerifyError::Input { detail: detail.into() }.in_file(&path.display().to_string()));
    }
    let (found, state) = state_file::read(path)?;
    let reason = expected.foreign(&found).or_else(|| {
        (found.kind != Kind::Checkpoint || found.shard != expected.shard)
            .then(|| format!("it is of shard {}, not {}", found.shard, expected.shard))
    });
    if let Some(reason) = reason {
        let detail = format!("it cannot be resumed: {reason}; remove it to begin anew");
        return Err(VerifyError::Input { detail }.in_file(&path.display().to_string()));
    }
    if found.instruction_set != expected.instruction_set {
        progress.note(&format!(
            "{} was written with {} instructions, this machine has {}; last bits may differ from an uninterrupted run",
            path.display(),
            found.instruction_set,
            expected.instruction_set
        ));
    }
    progress.note(&format!("resuming from {}", path.display()));
    Ok(state)
}
