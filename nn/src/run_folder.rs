//! A run's folder: `run.json` (what the run is, how far it is), `start.safetensors` (theta_* and where the chain began),
//! `checkpoint.safetensors` (the latest), `records.bin` (rows of doubles, little-endian, grown as the run goes on) and, when
//! the run ends or is interrupted, `track.npz`. `docs/nn.md` describes them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use langevin_verify::VerifyError;
use langevin_verify::output::{create_folder, write_file, write_with};
use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use npyz::zip::write::FileOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{NnError, Result};

/// Version of the folder's contents.
pub const FORMAT: &str = "langevin-nn run 1";

/// The loss of all samples after a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: u64,
    /// Mean loss of all samples, without weight decay; batch normalisation uses its running averages.
    pub loss: f64,
    /// Part of the samples whose largest output is at their label.
    pub accuracy: Option<f64>,
    /// Mean loss of the test samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_loss: Option<f64>,
    /// Part of the test samples whose largest output is at their label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
}

/// Where a parameter lies in the position vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// The number of its first entry.
    pub first: i64,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Under way, or killed: `--resume` goes on from the latest checkpoint.
    Running,
    /// Interrupted after a checkpoint.
    Interrupted,
    /// All steps done.
    Finished,
    /// Left the finite numbers.
    Diverged,
    /// Stopped by an error, such as an image that cannot be read.
    Failed,
}

/// `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// How the run stands.
    pub status: Status,
    /// Steps done at the latest checkpoint.
    pub steps: u64,
    /// What determines the numbers.
    pub identity: Map<String, Value>,
    /// The training file.
    pub training_file: String,
    /// Steps between two records.
    pub record_every: u64,
    /// Columns of a row: step, loss, local and global displacement, then position and velocity along each direction.
    pub columns: u64,
    /// Number of directions.
    pub directions: u64,
    /// m.
    pub dimension: u64,
    /// The parameters in the position vector.
    pub parameters: Vec<Place>,
    /// Losses of all samples.
    pub evaluations: Vec<Evaluation>,
    /// Device, threads, versions of the process that wrote this.
    pub environment: Map<String, Value>,
    /// Seconds of training in all processes of the run.
    pub seconds: f64,
    /// What ended the run early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The folder of one run.
#[derive(Debug)]
pub struct RunFolder {
    folder: PathBuf,
    records: File,
    width: usize,
    rows: u64,
}

fn output(path: &Path) -> impl FnOnce(std::io::Error) -> NnError {
    let path = path.display().to_string();
    move |source| VerifyError::Output { path, source }.into()
}

/// The file of the latest checkpoint.
pub fn checkpoint_path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

/// The file of theta_*.
pub fn start_path(folder: &Path) -> PathBuf {
    folder.join("start.safetensors")
}

/// Reads `run.json`.
///
/// # Errors
/// [`NnError::Read`]; [`NnError::File`] when it is damaged or of another version.
pub fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join("run.json");
    let text = std::fs::read_to_string(&path).map_err(|source| NnError::Read { path: path.clone(), source })?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| NnError::File {
        path: path.clone(),
        detail: format!("it is no manifest of a run: {error}"),
    })?;
    if manifest.format != FORMAT {
        let detail = format!("its format is {}; this version reads {FORMAT}", manifest.format);
        return Err(NnError::File { path, detail });
    }
    Ok(manifest)
}

/// Whether a folder holds a run.
pub fn holds_run(folder: &Path) -> bool {
    folder.join("run.json").exists()
}

impl RunFolder {
    /// Opens the records of a run at a number of rows: those that a killed process wrote after its last checkpoint are cut off.
    ///
    /// # Errors
    /// [`NnError::Verify`]; [`NnError::File`] when rows are missing.
    pub fn open(folder: &Path, width: usize, rows: u64) -> Result<Self> {
        create_folder(folder)?;
        let path = folder.join("records.bin");
        let mut records = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(output(&path))?;
        let wanted = rows * 8 * width as u64;
        let found = records.metadata().map_err(output(&path))?.len();
        if found < wanted {
            let detail = format!("it has {found} bytes; the checkpoint was written with {rows} rows, {wanted} bytes");
            return Err(NnError::File { path, detail });
        }
        records.set_len(wanted).and_then(|()| records.seek(SeekFrom::End(0)).map(drop)).map_err(output(&path))?;
        Ok(Self { folder: folder.into(), records, width, rows })
    }

    /// Rows written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends rows and empties the list.
    ///
    /// # Errors
    /// [`NnError::Verify`].
    pub fn append(&mut self, rows: &mut Vec<f64>) -> Result<()> {
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.records.write_all(&bytes).map_err(output(&self.folder.join("records.bin")))?;
        self.rows += (rows.len() / self.width.max(1)) as u64;
        rows.clear();
        Ok(())
    }

    /// Makes sure that all rows are on the disk: a checkpoint must not be ahead of them.
    ///
    /// # Errors
    /// [`NnError::Verify`].
    pub fn sync(&mut self) -> Result<()> {
        self.records.sync_data().map_err(output(&self.folder.join("records.bin")))
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// [`NnError::Verify`].
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let path = self.folder.join("run.json");
        let text = serde_json::to_vec_pretty(manifest)
            .map_err(|error| NnError::File { path: path.clone(), detail: error.to_string() })?;
        Ok(write_file(&path, &text)?)
    }

    /// Writes `track.npz`: the records column by column, and the manifest.
    ///
    /// # Errors
    /// [`NnError::Verify`]; [`NnError::Read`].
    pub fn write_track(&mut self, manifest: &Manifest) -> Result<()> {
        let path = self.folder.join("records.bin");
        let mut bytes = Vec::new();
        self.records
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.records.read_to_end(&mut bytes))
            .map_err(|source| NnError::Read { path, source })?;
        let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|value| f64::from_le_bytes(*value)).collect();
        let directions = usize::try_from(manifest.directions).unwrap_or(0);
        let rows = values.len() / self.width.max(1);
        let part = |first: usize, count: usize| -> Vec<f64> {
            values.chunks_exact(self.width).flat_map(|row| row[first..first + count].iter().copied()).collect()
        };
        let scalar = [rows as u64];
        let matrix = [rows as u64, directions as u64];
        let steps: Vec<u64> = part(0, 1).into_iter().map(|step| step as u64).collect();
        Ok(write_with(&self.folder.join("track.npz"), |file| {
            let mut archive = NpzWriter::new(file);
            let manifest = serde_json::to_vec(manifest)?;
            add(&mut archive, "manifest", &[manifest.len() as u64], &manifest)?;
            add(&mut archive, "step", &scalar, &steps)?;
            add(&mut archive, "loss", &scalar, &part(1, 1))?;
            add(&mut archive, "local_displacement", &scalar, &part(2, 1))?;
            add(&mut archive, "global_displacement", &scalar, &part(3, 1))?;
            if directions > 0 {
                add(&mut archive, "position", &matrix, &part(4, directions))?;
                add(&mut archive, "velocity", &matrix, &part(4 + directions, directions))?;
            }
            Ok(())
        })?)
    }
}

fn add<T: npyz::AutoSerialize + Copy>(
    archive: &mut NpzWriter<impl Write + Seek>,
    name: &str,
    shape: &[u64],
    values: &[T],
) -> std::io::Result<()> {
    // a fixed time: the same numbers give the same bytes
    let options = FileOptions::default()
        .compression_method(npyz::zip::CompressionMethod::Stored)
        .last_modified_time(npyz::zip::DateTime::default())
        .large_file(size_of_val(values) as u64 >= u64::from(u32::MAX));
    let mut writer = archive.array(name, options)?.default_dtype().shape(shape).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}
