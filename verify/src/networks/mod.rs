//! Experiments on networks, as `langevin-nn experiment` writes them: a folder with `experiment.json` (a [`Record`]) and `arrays.npz` (the
//! numbers of its figures). Nothing here needs libtorch.

mod arrays;
mod record;

use std::path::Path;

pub use arrays::{Arrays, read_arrays, write_arrays};
pub use record::{
    AxisRecord, FORMAT, FigureRecord, Look, MarkRecord, Observation, PanelRecord, Quantity, Record, Role,
};

use crate::error::{Result, VerifyError};

/// The file of the record in the folder of an experiment.
pub const RECORD_FILE: &str = "experiment.json";

/// The file of the arrays beside it.
pub const ARRAYS_FILE: &str = "arrays.npz";

/// An experiment that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// What was measured.
    pub record: Record,
    /// The numbers of its figures by name.
    pub arrays: Arrays,
}

impl Experiment {
    /// Reads the folder of an experiment.
    ///
    /// # Errors
    /// [`VerifyError::Input`] naming the file: missing, damaged, of another version, or with a figure whose numbers are not there.
    ///
    /// ```
    /// use langevin_verify::networks::Experiment;
    /// let error = Experiment::read("/no/such/run".as_ref()).unwrap_err();
    /// assert!(error.to_string().contains("experiment.json"));
    /// ```
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD_FILE);
        let named = |detail: String| VerifyError::Input { detail: format!("{}: {detail}", path.display()) };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            named(format!("{error}; it must be in the folder of an experiment that `langevin-nn experiment` finished"))
        })?;
        let record: Record = serde_json::from_str(&text).map_err(|error| named(format!("it is no record: {error}")))?;
        if record.format != FORMAT {
            return Err(named(format!("its format is \"{}\"; this version reads \"{FORMAT}\"", record.format)));
        }
        let arrays = read_arrays(&folder.join(ARRAYS_FILE))?;
        for mark in record.figures.iter().flat_map(|figure| &figure.panels).flat_map(|panel| &panel.marks) {
            for name in [Some(&mark.x), Some(&mark.y), mark.half_width.as_ref()].into_iter().flatten() {
                if !arrays.contains_key(name) {
                    return Err(named(format!(
                        "a figure needs the array \"{name}\", which {ARRAYS_FILE} does not hold"
                    )));
                }
            }
        }
        Ok(Self { record, arrays })
    }
}
