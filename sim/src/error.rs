//! What can be wrong with data or with a simulation.

use std::path::PathBuf;

use thiserror::Error;

/// Result of a simulator function.
pub type Result<T> = std::result::Result<T, SimError>;

/// A data set that cannot be read, or a simulation that cannot be set up.
#[derive(Debug, Error)]
pub enum SimError {
    /// A file cannot be opened or read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A malformed line.
    #[error("{path}, line {line}: {detail}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, counted from 1.
        line: u64,
        /// What was found and what is admissible.
        detail: String,
    },
    /// A file that holds no usable table.
    #[error("{path}: {detail}")]
    Table {
        /// The file.
        path: PathBuf,
        /// What was found and what is admissible.
        detail: String,
    },
    /// An input outside its admissible range.
    #[error("{name} is {value}; it must be {admissible}")]
    InvalidValue {
        /// Name of the input.
        name: &'static str,
        /// What was found.
        value: String,
        /// What is admissible.
        admissible: String,
    },
    /// A saved state that does not fit what is restored.
    #[error("the saved state does not fit: {detail}")]
    SavedState {
        /// What was found and what is admissible.
        detail: String,
    },
    /// An error of the problem itself.
    #[error(transparent)]
    Theory(#[from] langevin_theory::TheoryError),
}
