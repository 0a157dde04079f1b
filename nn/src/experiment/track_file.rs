//! The records of a finished chain.

use std::path::Path;

use crate::error::{NnError, Result};
use crate::run_folder::read_manifest;

/// What was recorded of a chain; all lists have one entry per record.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Steps done.
    pub steps: Vec<f64>,
    /// |delta_k|^2.
    pub local: Vec<f64>,
    /// |Delta_k|^2.
    pub global: Vec<f64>,
    /// q . (theta_k - theta_*), direction by direction.
    pub position: Vec<Vec<f64>>,
    /// q . v_k.
    pub velocity: Vec<Vec<f64>>,
}

impl Track {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// [`NnError::Read`]; [`NnError::File`] for records that are no whole rows.
    pub fn read(folder: &Path) -> Result<Self> {
        let manifest = read_manifest(folder)?;
        let path = folder.join("records.bin");
        let bytes = std::fs::read(&path).map_err(|source| NnError::Read { path: path.clone(), source })?;
        let columns = usize::try_from(manifest.columns).unwrap_or(0);
        let directions = usize::try_from(manifest.directions).unwrap_or(0);
        if columns != 4 + 2 * directions || !bytes.len().is_multiple_of(8 * columns) {
            let detail =
                format!("it has {} bytes; rows have {columns} numbers for {directions} directions", bytes.len());
            return Err(NnError::File { path, detail });
        }
        let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
        let column = |place: usize| -> Vec<f64> { values.chunks_exact(columns).map(|row| row[place]).collect() };
        Ok(Self {
            steps: column(0),
            local: column(2),
            global: column(3),
            position: (0..directions).map(|direction| column(4 + direction)).collect(),
            velocity: (0..directions).map(|direction| column(4 + directions + direction)).collect(),
        })
    }

    /// Records after a step.
    #[must_use]
    pub fn after(&self, step: u64) -> Self {
        let first = self.steps.iter().position(|found| *found > step as f64).unwrap_or(self.steps.len());
        let cut = |values: &Vec<f64>| values[first..].to_vec();
        Self {
            steps: cut(&self.steps),
            local: cut(&self.local),
            global: cut(&self.global),
            position: self.position.iter().map(cut).collect(),
            velocity: self.velocity.iter().map(cut).collect(),
        }
    }
}
