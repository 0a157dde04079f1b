//! Files of unfinished work: checkpoints and shards. A file is a line that says what it is, a JSON manifest (readable with any
//! pager), the state, and SHA-256 of all that. It is written whole or not at all, and read only when the checksum is right.

use std::io::Write;
use std::path::Path;

use langevin_sim::saved_state::{StateReader, StateWriter, mismatch};
use langevin_sim::sgd::instruction_set;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::frame::Frame;
use super::identity::CODE_HASH;
use super::reduction::Reduction;
use super::shard::Shard;
use super::units::Units;
use crate::error::{Result, VerifyError};
use crate::output::write_with;

/// First bytes of every file.
const MAGIC: &[u8] = b"langevin simulation state 1\n";

/// Length of the checksum.
const CHECKSUM: usize = 32;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A run that can go on.
    Checkpoint,
    /// A finished part of a run.
    Shard,
}

/// Where the numbers of a file come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) kind: Kind,
    /// Version of this program.
    pub(super) version: String,
    pub(super) problem_hash: String,
    pub(super) code_hash: String,
    /// Vector instructions of the machine.
    pub(super) instruction_set: String,
    pub(super) shard: Shard,
    pub(super) frame: Frame,
}

impl Manifest {
    pub(super) fn new(kind: Kind, problem_hash: &str, shard: Shard, frame: &Frame) -> Self {
        Self {
            kind,
            version: env!("CARGO_PKG_VERSION").into(),
            problem_hash: problem_hash.into(),
            code_hash: CODE_HASH.into(),
            instruction_set: instruction_set(),
            shard,
            frame: frame.clone(),
        }
    }

    pub(super) fn units(&self) -> Units {
        Units::new(self.frame.points(), self.frame.chains)
    }

    /// Why a file cannot be used together with what `self` describes, if it cannot.
    pub(super) fn foreign(&self, found: &Self) -> Option<String> {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        if found.problem_hash != self.problem_hash {
            return Some(format!(
                "it belongs to another problem: its hash is {}, not {}",
                short(&found.problem_hash),
                short(&self.problem_hash)
            ));
        }
        if found.code_hash != self.code_hash {
            return Some(format!(
                "it was made by another build of langevin: version {}, code {}, not version {}, code {}",
                found.version,
                short(&found.code_hash),
                self.version,
                short(&self.code_hash)
            ));
        }
        None
    }
}

/// A unit that is under way, as its worker saved it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SavedUnit {
    pub(super) unit: usize,
    pub(super) state: Vec<u8>,
}

/// The numbers of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// Of the Hessian, descending.
    pub(super) eigenvalues: Vec<f64>,
    /// Points x outputs x dimension, in the eigenbasis.
    pub(super) minimum_ridge: Vec<f64>,
    /// Finished units.
    pub(super) reduction: Reduction,
    /// Units under way; none in a shard.
    pub(super) under_way: Vec<SavedUnit>,
}

impl State {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut state = StateWriter::default();
        state.numbers(&self.eigenvalues);
        state.numbers(&self.minimum_ridge);
        self.reduction.save(&mut state);
        state.count(self.under_way.len() as u64);
        for saved in &self.under_way {
            state.count(saved.unit as u64);
            state.piece(&saved.state);
        }
        state.into_bytes()
    }

    fn from_bytes(bytes: &[u8], manifest: &Manifest) -> langevin_sim::Result<Self> {
        let (units, frame) = (manifest.units(), &manifest.frame);
        let owned = units.owned(manifest.shard);
        let mut state = StateReader::new(bytes);
        let (eigenvalues, minimum_ridge) = (state.numbers()?, state.numbers()?);
        let expected = (frame.points() as u64).saturating_mul(frame.dimension).saturating_mul(frame.outputs);
        if eigenvalues.len() as u64 != frame.dimension || minimum_ridge.len() as u64 != expected {
            return Err(mismatch("the minimum has another dimension"));
        }
        let mut reduction = Reduction::new(units.points(), units.blocks());
        reduction.restore(&mut state, frame.chain_values())?;
        let mut under_way = Vec::new();
        for _ in 0..state.count()? {
            let unit = state.count()? as usize;
            if !owned.contains(&unit) {
                return Err(mismatch(format!("unit {unit} is not of shard {}", manifest.shard)));
            }
            under_way.push(SavedUnit { unit, state: state.piece()?.to_vec() });
        }
        state.finish()?;
        Ok(Self { eigenvalues, minimum_ridge, reduction, under_way })
    }
}

/// Writes a file in the place of what is there.
///
/// # Errors
/// [`VerifyError::Output`]; what was there before is still there.
pub(super) fn write(path: &Path, manifest: &Manifest, state: &[u8]) -> Result<()> {
    let text = serde_json::to_vec(manifest).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
    let lengths = [(text.len() as u64).to_le_bytes(), (state.len() as u64).to_le_bytes()];
    let parts = [MAGIC, &lengths[0], &lengths[1], &text, b"\n", state];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    write_with(path, |file| {
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.write_all(&hash.finalize())
    })
}

/// Reads a file.
///
/// # Errors
/// [`VerifyError::Input`] naming the file: not there, cut short, damaged, or of another version.
pub(super) fn read(path: &Path) -> Result<(Manifest, State)> {
    let refuse = |detail: String| VerifyError::Input { detail }.in_file(&path.display().to_string());
    let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let (manifest, state) = open(&bytes).map_err(refuse)?;
    let state = State::from_bytes(state, &manifest).map_err(|error| refuse(error.to_string()))?;
    Ok((manifest, state))
}

/// Manifest and state of a file whose checksum is right.
fn open(bytes: &[u8]) -> std::result::Result<(Manifest, &[u8]), String> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let beginning = &bytes[..bytes.len().min(MAGIC.len())];
        return Err(if !beginning.is_empty() && MAGIC.starts_with(beginning) {
            format!("it is cut short after {} bytes", bytes.len())
        } else {
            "it is no shard or checkpoint of this version of langevin".into()
        });
    };
    let cut = || format!("it is cut short after {} bytes", bytes.len());
    let length = |place: usize| {
        let bytes = rest.get(8 * place..8 * (place + 1))?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let (manifest, state) = length(0).zip(length(1)).ok_or_else(cut)?;
    let body = rest.get(16..).ok_or_else(cut)?;
    let whole = manifest.checked_add(state).and_then(|length| length.checked_add(1 + CHECKSUM));
    let split = bytes.len() - CHECKSUM.min(bytes.len());
    // the checksum first: lengths of a damaged file mean nothing
    if Sha256::digest(&bytes[..split]).as_slice() != &bytes[split..] {
        return Err(if whole.is_some_and(|whole| body.len() < whole) {
            cut()
        } else {
            "it is damaged: the checksum is wrong".into()
        });
    }
    if whole != Some(body.len()) {
        return Err("it is damaged: the lengths are wrong".into());
    }
    let manifest_text = &body[..manifest];
    let manifest_value: Manifest =
        serde_json::from_slice(manifest_text).map_err(|error| format!("its manifest cannot be read: {error}"))?;
    // whoever wrote this may not have been langevin
    let (shard, frame) = (manifest_value.shard, &manifest_value.frame);
    if Shard::new(shard.index(), shard.count()).is_none() || frame.excess().is_some() {
        return Err("its manifest describes no run".into());
    }
    Ok((manifest_value, &body[manifest + 1..manifest + 1 + state]))
}
