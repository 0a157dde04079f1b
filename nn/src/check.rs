//! `langevin-nn check`: whether a training or experiment file can be run, without running it. The file, its data, the network and the weights it
//! starts from are read; with `decode`, every image is.

use std::path::Path;

use serde::Serialize;

use crate::checkpoint::CheckpointFile;
use crate::data::{DataSet, read_image};
use crate::error::{NnError, Result};
use crate::experiment::ExperimentFile;
use crate::network::Network;
use crate::tensor::Device;
use crate::training_file::TrainingFile;

/// What a file comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// training or experiment.
    pub kind: &'static str,
    /// The training data.
    pub data: String,
    /// N.
    pub samples: usize,
    /// Samples that are never trained on.
    pub test_samples: usize,
    /// Outputs, or classes.
    pub outputs: usize,
    /// The shape of an input.
    pub input: Vec<i64>,
    /// m.
    pub parameters: usize,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Steps of the run.
    pub steps: u64,
    /// Settings of the hyperparameters.
    pub settings: usize,
    /// Images that were decoded.
    pub decoded: usize,
}

fn decode_all(data: &DataSet) -> Result<usize> {
    let DataSet::Images(images) = data else { return Ok(0) };
    images.for_all(|sample| read_image(&images.folder.path(sample)).map(drop))?;
    Ok(images.folder.samples())
}

/// Reads everything that a run would read first.
///
/// # Errors
/// [`NnError`], the one that the run would end with.
pub fn check(path: &Path, decode: bool) -> Result<Checked> {
    let text = std::fs::read_to_string(path).map_err(|source| NnError::Read { path: path.into(), source })?;
    let is_experiment = text.lines().any(|line| line.trim_start().starts_with("[experiment]"));
    let (training, settings, test) = if is_experiment {
        let file = ExperimentFile::read(path)?;
        let settings = file.settings()?.len();
        (file.training, settings, file.held_out)
    } else {
        let file = TrainingFile::read(path)?;
        let test = file.test.clone();
        (file, 1, test)
    };
    let blueprint = training.architecture.blueprint(training.input, training.data.outputs() as i64)?;
    let parameters = usize::try_from(blueprint.dimension()).unwrap_or(0);
    if let Some(weights) = &training.start.weights {
        let mut network = Network::new(blueprint, training.run.precision, Device::Cpu, training.run.seed)?;
        CheckpointFile::read(weights)?.load_into(&mut network, training.start.keep_velocity)?;
    }
    let mut decoded = 0;
    if decode {
        decoded = decode_all(&training.data)? + test.as_ref().map_or(Ok(0), decode_all)?;
    }
    Ok(Checked {
        kind: if is_experiment { "experiment" } else { "training" },
        data: training.data.name(),
        samples: training.data.samples(),
        test_samples: test.as_ref().map_or(0, DataSet::samples),
        outputs: training.data.outputs(),
        input: training.input.of_batch(1)[1..].to_vec(),
        parameters,
        steps_per_epoch: training.data.samples() / training.sgd.batch_size(),
        steps: training.run.steps,
        settings,
        decoded,
    })
}

impl Checked {
    /// For a terminal.
    pub fn to_text(&self) -> String {
        let sides: Vec<String> = self.input.iter().map(i64::to_string).collect();
        let mut lines = vec![
            format!("{}: {} samples of {}, {} outputs", self.data, self.samples, sides.join(" x "), self.outputs),
            format!("test samples: {}", self.test_samples),
            format!("parameters: {}", self.parameters),
            format!("steps: {}, {} to an epoch; settings: {}", self.steps, self.steps_per_epoch, self.settings),
        ];
        if self.decoded > 0 {
            lines.push(format!("images decoded: {}", self.decoded));
        }
        lines.join("\n")
    }
}
