//! Experiments: a network is trained, its curvature measured where it stands, chains are run from there, and what they do is set
//! against the theory of sections 5 to 7. The folder of an experiment holds
//!
//! ```text
//! state.json                    the experiment file, to recognise a foreign folder
//! pretrain-1/, ...              runs: the training before
//! curvature.json, directions.npy
//! chains/SETTING-CHAIN/         runs: the measured chains
//! experiment.json, arrays.npz   the result, when every chain is there
//! ```
//!
//! (with several networks, as in an audit, one such set per network, in `network-1/`, ...). Every run has checkpoints, so an interrupted experiment goes on where it was;
//! shard I of N runs every N-th chain, and whoever finds all of them writes the result.

mod diffusion;
mod displacement;
mod eigenspace;
mod experiment_file;
mod figure;
mod interval;
mod oscillation;
mod point;
mod speed;
mod sweep;
mod track_file;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use experiment_file::{CurvatureKeys, ExperimentFile, ExperimentKind, Method, Phase, SweepKeys};
pub use interval::{line, moments, observed, power_law, student};
pub use point::{Curvature, Estimate, Point, prepare};
pub use track_file::Track;

pub use displacement::{BatchNoise, displacements};
pub use figure::Draft;
pub(crate) use figure::{mark, panel};
pub use point::complete as run_one;
pub use speed::noise_factor;

use langevin_theory::Hyperparameters;
use langevin_verify::networks::{ARRAYS_FILE, FORMAT, RECORD_FILE, Record, write_arrays};
use langevin_verify::output::{create_folder, write_file};
use langevin_verify::progress::Progress;

use crate::audit;
use crate::error::{NnError, Result};
use crate::tensor::Device;
use crate::training_file::TrainingFile;
use point::complete;

/// How an experiment is run.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentOptions {
    /// Where.
    pub device: Device,
    /// Go on with what the folder holds.
    pub resume: bool,
    /// This part of so many, from 1.
    pub shard: Option<(u64, u64)>,
}

/// One chain of an experiment.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Place among the settings.
    pub setting: usize,
    /// Its hyperparameters.
    pub sgd: Hyperparameters,
    /// Number of the chain.
    pub number: u64,
    /// The folder of its run.
    pub folder: PathBuf,
}

/// Runs an experiment, or a shard of it. Gives the record, or nothing while chains are missing.
///
/// # Errors
/// [`NnError`]; after an interruption, `resume` goes on.
pub fn run(
    file: &ExperimentFile,
    folder: &Path,
    options: ExperimentOptions,
    progress: &Progress,
) -> Result<Option<Record>> {
    let begun = Instant::now();
    enter(file, folder, options.resume)?;
    let draft = if file.kind == ExperimentKind::Audit {
        audit::run(file, folder, options, progress)?
    } else {
        figures(file, folder, options, progress)?
    };
    let Some(draft) = draft else { return Ok(None) };
    let record = Record {
        format: FORMAT.into(),
        kind: file.kind.name().into(),
        title: file.title.clone(),
        about: draft.about,
        settings: draft.settings,
        observations: draft.observations,
        figures: draft.figures,
        experiment_file: file.text.clone(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    write_arrays(&folder.join(ARRAYS_FILE), &draft.arrays)?;
    let path = folder.join(RECORD_FILE);
    let text = serde_json::to_vec_pretty(&record)
        .map_err(|error| NnError::File { path: path.clone(), detail: error.to_string() })?;
    write_file(&path, &text)?;
    Ok(Some(record))
}

/// Makes sure that a folder is this experiment's.
fn enter(file: &ExperimentFile, folder: &Path, resume: bool) -> Result<()> {
    let path = folder.join("state.json");
    let Ok(found) = std::fs::read_to_string(&path) else {
        create_folder(folder)?;
        let state = serde_json::json!({ "experiment_file": file.text });
        return Ok(write_file(&path, state.to_string().as_bytes())?);
    };
    let is_same = serde_json::from_str::<serde_json::Value>(&found)
        .is_ok_and(|found| found["experiment_file"].as_str() == Some(&file.text));
    if !is_same {
        let detail = "it is of another experiment file; another --out keeps it".into();
        return Err(NnError::File { path, detail });
    }
    if !resume {
        let detail = "it holds this experiment: --resume goes on with it, another --out keeps it".into();
        return Err(NnError::File { path: folder.into(), detail });
    }
    Ok(())
}

/// A network, and what was recorded of its chains.
#[derive(Debug)]
pub struct Subject {
    /// Where its chains start.
    pub point: Point,
    /// By setting, then by chain.
    pub tracks: Vec<Vec<Track>>,
}

/// Independent replicates of an effect at a setting: one per network, a mean over its chains; with one network, one per chain.
pub(crate) fn replicated(subjects: &[Subject], setting: usize, effect: impl Fn(&Subject, &Track) -> f64) -> Vec<f64> {
    let of = |subject: &Subject| -> Vec<f64> {
        subject.tracks.get(setting).map_or(&[][..], Vec::as_slice).iter().map(|track| effect(subject, track)).collect()
    };
    match subjects {
        [subject] => of(subject),
        _ => subjects.iter().map(|subject| moments(&of(subject)).0).collect(),
    }
}

/// The folder and training file of a network, and its chains.
fn network(file: &ExperimentFile, folder: &Path, number: u64) -> Result<(PathBuf, TrainingFile, Vec<Chain>)> {
    let folder = if file.networks > 1 { folder.join(format!("network-{}", number + 1)) } else { folder.into() };
    let mut training = file.training.clone();
    training.run.seed = training.run.seed.wrapping_add(number);
    let mut chains = Vec::new();
    for (setting, sgd) in file.settings()?.into_iter().enumerate() {
        for number in 0..file.chains {
            let folder = folder.join("chains").join(format!("{setting}-{number}"));
            // settings share no batches: their averages are independent
            let number = setting as u64 * file.chains + number;
            chains.push(Chain { setting, sgd, number, folder });
        }
    }
    Ok((folder, training, chains))
}

/// The kinds that are about chains of networks.
fn figures(
    file: &ExperimentFile,
    folder: &Path,
    options: ExperimentOptions,
    progress: &Progress,
) -> Result<Option<Draft>> {
    let is_mine = |place: u64| options.shard.is_none_or(|(part, of)| place % of.max(1) == part.saturating_sub(1));
    let is_there = |chain: &Chain| {
        crate::run_folder::read_manifest(&chain.folder).is_ok_and(|found| {
            found.status == crate::run_folder::Status::Finished && found.steps == file.training.run.steps
        })
    };
    let settings = file.settings()?;
    let mut place = 0;
    let mut is_whole = true;
    for number in 0..file.networks {
        let (folder, training, chains) = network(file, folder, number)?;
        let mine: Vec<bool> = (place..).take(chains.len()).map(is_mine).collect();
        place += chains.len() as u64;
        if mine.contains(&true) {
            let point = prepare(file, &training, &folder, options.device, progress)?;
            for (chain, _) in chains.iter().zip(&mine).filter(|(_, is_mine)| **is_mine) {
                let mut training = point.training.clone();
                training.sgd = chain.sgd;
                training.run.chain = chain.number;
                complete(&training, &chain.folder, options.device, progress)?;
            }
        }
        is_whole &= chains.iter().all(is_there);
    }
    if !is_whole {
        return Ok(None);
    }
    let mut subjects = Vec::new();
    for number in 0..file.networks {
        let (folder, training, chains) = network(file, folder, number)?;
        let point = prepare(file, &training, &folder, options.device, progress)?;
        let mut tracks = vec![Vec::new(); settings.len()];
        for chain in &chains {
            tracks[chain.setting].push(Track::read(&chain.folder)?);
        }
        subjects.push(Subject { point, tracks });
    }
    let Some(first) = subjects.first() else { return Ok(None) };
    let mut draft = match file.kind {
        ExperimentKind::Diffusion => diffusion::draft(file, &subjects)?,
        ExperimentKind::Oscillation => oscillation::draft(file, &first.point, &settings, &first.tracks)?,
        ExperimentKind::Sweep => sweep::draft(file, &subjects, &settings)?,
        ExperimentKind::Eigenspace | ExperimentKind::Audit => eigenspace::draft(file, &subjects, options.device)?,
    };
    draft.describe(file, &first.point.curvature);
    Ok(Some(draft))
}
