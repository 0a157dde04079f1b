//! Errors of this crate, and the exit code each of them means.

use langevin_sim::SimError;
use langevin_theory::TheoryError;
use thiserror::Error;

use crate::document::DocumentError;

/// Result of a function of this crate.
pub type Result<T> = std::result::Result<T, VerifyError>;

/// What can go wrong between the command line and a report.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A document with a wrong key or value.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An input that is wrong in another way.
    #[error("{detail}")]
    Input {
        /// What was found and what is admissible.
        detail: String,
    },
    /// An error inside a named file.
    #[error("{file}: {source}")]
    InFile {
        /// The file.
        file: String,
        /// The error.
        source: Box<VerifyError>,
    },
    /// Data or simulation set-up.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The problem itself.
    #[error(transparent)]
    Theory(#[from] TheoryError),
    /// Output that could not be written.
    #[error("{path}: {source}")]
    Output {
        /// Where to.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Output that could not be rendered.
    #[error("{detail}")]
    Render {
        /// What went wrong.
        detail: String,
    },
    /// The user stopped the run.
    #[error("interrupted: {detail}")]
    Interrupted {
        /// What was saved.
        detail: String,
    },
}

impl VerifyError {
    /// The error with the name of the file it is about.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        match self {
            already @ (Self::InFile { .. } | Self::Document(DocumentError::Syntax { .. })) => already,
            other => Self::InFile { file: file.into(), source: Box::new(other) },
        }
    }

    /// The command's exit code: 2 for wrong input, 4 for interruptions and failing output.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output { .. } | Self::Render { .. } | Self::Interrupted { .. } => 4,
            Self::InFile { source, .. } => source.exit_code(),
            _ => 2,
        }
    }
}
