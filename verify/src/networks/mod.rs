//! Experiments on networks, as `langevin-nn experiment` writes them: a folder with `experiment.json` (a [`Record`]) and `arrays.npz` (the
//! numbers of its figures); and runs, as `langevin-nn train` writes them. Nothing here needs libtorch.

mod arrays;
mod record;
mod run;

use std::path::Path;

pub use arrays::{Arrays, read_arrays, write_arrays};
pub use record::{
    AxisRecord, FORMAT, FigureRecord, Look, MarkRecord, Observation, PanelRecord, Quantity, Record, Role,
};
pub use run::RUN_FILE;

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

/// Reads a folder: a finished experiment, a run, or the runs of an experiment that is not finished.
///
/// # Errors
/// As [`Experiment::read`]; [`VerifyError::Input`] naming the damaged file of a run.
///
/// ```
/// let error = langevin_verify::networks::read_folder("/no/such/run".as_ref()).unwrap_err();
/// assert!(error.to_string().contains("/no/such/run"));
/// ```
pub fn read_folder(folder: &Path) -> Result<Vec<Experiment>> {
    if !folder.join(RECORD_FILE).exists() {
        let runs = run::runs_in(folder);
        if !runs.is_empty() {
            return runs.iter().map(|folder| run::read(folder)).collect();
        }
        let detail = format!(
            "{}: it holds no {RECORD_FILE} and no {RUN_FILE}; it must be a folder that `langevin-nn experiment` or `langevin-nn train` wrote",
            folder.display()
        );
        return Err(VerifyError::Input { detail });
    }
    Ok(vec![Experiment::read(folder)?])
}
