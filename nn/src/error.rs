//! Errors of this crate, and the exit code each of them means.

use std::path::PathBuf;

use langevin_sim::SimError;
use langevin_theory::TheoryError;
use langevin_verify::VerifyError;
use langevin_verify::document::DocumentError;
use thiserror::Error;

/// Result of a function of this crate.
pub type Result<T> = std::result::Result<T, NnError>;

/// What can go wrong between a training file and a run.
#[derive(Debug, Error)]
pub enum NnError {
    /// libtorch refused an operation.
    #[error("libtorch, {operation}: {detail}")]
    Torch {
        /// The operation.
        operation: &'static str,
        /// What libtorch said, without its stack of frames.
        detail: String,
    },
    /// A device that was asked for and is not there.
    #[error("the device {asked} is not here: {detail}")]
    Device {
        /// What was asked for.
        asked: String,
        /// What is here, and how to get what is missing.
        detail: String,
    },
    /// An input that is wrong.
    #[error("{detail}")]
    Input {
        /// What was found and what is admissible.
        detail: String,
    },
    /// A file that is damaged or does not fit.
    #[error("{path}: {detail}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was found and what is admissible.
        detail: String,
    },
    /// A file that cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The training itself went wrong: a loss or a parameter that is not finite.
    #[error("step {step}: {detail}")]
    Diverged {
        /// The step after which it was seen.
        step: u64,
        /// What was found, and what is kept.
        detail: String,
    },
    /// Something that went wrong in the middle of a run, after which its records were saved.
    #[error("step {step}: {source}. {kept}")]
    Stopped {
        /// The step that could not be made.
        step: u64,
        /// What is kept, and how to go on.
        kept: String,
        /// What went wrong.
        source: Box<NnError>,
    },
    /// Documents, output files and interruptions.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Data.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// Hyperparameters.
    #[error(transparent)]
    Theory(#[from] TheoryError),
}

impl From<DocumentError> for NnError {
    fn from(error: DocumentError) -> Self {
        Self::Verify(error.into())
    }
}

impl NnError {
    /// The command's exit code: 2 for wrong input, 4 for interruptions, failing output, a failing libtorch, and files that vanish while they
    /// are used.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Stopped { source, .. } => match &**source {
                Self::Read { .. } => 4,
                other => other.exit_code(),
            },
            Self::Verify(error) => error.exit_code(),
            Self::Torch { .. } => 4,
            _ => 2,
        }
    }
}
