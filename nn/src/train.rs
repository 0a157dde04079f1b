//! One chain of SGD on a network, from a training file to a run's folder.

use std::path::Path;
use std::time::{Duration, Instant};

use langevin_sim::saved_state::{StateReader, StateWriter};
use langevin_sim::sgd::BatchSequence;
use langevin_verify::VerifyError;
use langevin_verify::progress::Progress;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::checkpoint::{CheckpointFile, CheckpointState, hexadecimal, write_checkpoint};
use crate::data::DeviceData;
use crate::device::libtorch_version;
use crate::directions::read_directions;
use crate::error::{NnError, Result};
use crate::interruption;
use crate::model::Mode;
use crate::network::{Loss, Network, Rates};
use crate::run_folder::{
    Evaluation, FORMAT, Manifest, Place, RunFolder, Status, checkpoint_path, holds_run, read_manifest, start_path,
};
use crate::tensor::{self, Device, Tensor, without_gradients};
use crate::track::Tracker;
use crate::training_file::TrainingFile;

/// Samples evaluated at a time.
const EVALUATED: i64 = 512;

/// Steps between two reports of progress.
const REPORT: u64 = 16;

/// A checkpoint at least this often, so that an interruption by force costs little.
const LONGEST_WITHOUT_CHECKPOINT: Duration = Duration::from_secs(600);

/// A network, its data and its batches: everything that makes steps.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    data: DeviceData,
    batches: BatchSequence,
    rates: Rates,
    loss: Loss,
    identity: Map<String, Value>,
    step: u64,
}

impl Trainer {
    /// The chain of a training file at its start.
    ///
    /// # Errors
    /// [`NnError`] for a network that does not fit its data, weights that do not fit the network, or a failing libtorch.
    pub fn new(file: &TrainingFile, device: Device) -> Result<Self> {
        let blueprint = file.architecture.blueprint(file.input, file.data.outputs() as i64)?;
        let mut network = Network::new(blueprint, file.run.precision, device, file.run.seed)?;
        if let Some(path) = &file.start.weights {
            CheckpointFile::read(path)?.load_into(&mut network, file.start.keep_velocity)?;
        }
        let data = DeviceData::new(&file.data, file.input, file.loss, file.run.precision, device)?;
        let batches = BatchSequence::new(file.data.samples(), &file.sgd, file.sampling, file.run.seed, file.run.chain)?;
        let rates = network.rates(&file.sgd)?;
        Ok(Self { network, data, batches, rates, loss: file.loss, identity: identity(file), step: 0 })
    }

    /// The network.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The data.
    pub fn data(&self) -> &DeviceData {
        &self.data
    }

    /// The network and the data, to be looked at together.
    pub fn parts(&self) -> (&Network, &DeviceData) {
        (&self.network, &self.data)
    }

    /// What is minimised.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step of (2); gives the loss of its batch before the step.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn step(&mut self) -> Result<Tensor> {
        let (inputs, targets) = self.data.batch(self.batches.next_batch())?;
        let loss = self.network.step(&self.rates, self.loss, &inputs, &targets)?;
        self.step += 1;
        Ok(loss)
    }

    /// The loss of all samples.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn evaluate(&self) -> Result<Evaluation> {
        without_gradients(|| {
            let samples = self.data.samples() as i64;
            let (mut loss, mut hits) = (0.0, 0.0);
            for first in (0..samples).step_by(EVALUATED as usize) {
                let range = first..samples.min(first + EVALUATED);
                let rows = (range.end - range.start) as f64;
                let outputs = self.network.outputs(&self.data.inputs().part(range.clone())?, Mode::Evaluate)?;
                let targets = self.data.targets().part(range.clone())?;
                let value = match self.loss {
                    Loss::SquaredError => outputs.half_squared_distance(&targets)?,
                    Loss::CrossEntropy => outputs.cross_entropy(&targets)?,
                };
                loss += rows * value.value()?;
                if let Some(labels) = self.data.labels() {
                    hits += outputs.hits(&labels.part(range)?)?.value()?;
                }
            }
            let samples = samples as f64;
            let accuracy = self.data.labels().map(|_| hits / samples);
            Ok(Evaluation { step: self.step, loss: loss / samples, accuracy })
        })
    }

    /// Writes the state of the chain.
    ///
    /// # Errors
    /// [`NnError::Verify`] when the file cannot be written.
    pub fn save(&self, path: &Path, records: u64) -> Result<()> {
        let mut state = StateWriter::default();
        self.batches.save(&mut state);
        let identity = self.identity.clone();
        let state = CheckpointState { step: self.step, records, batches: state.into_bytes(), identity };
        write_checkpoint(path, &self.network, &state)
    }

    /// Goes to the state that a checkpoint of the same run holds; gives the number of rows recorded until then.
    ///
    /// # Errors
    /// [`NnError::File`] for a checkpoint that is damaged or of another run.
    pub fn restore(&mut self, path: &Path) -> Result<u64> {
        let file = CheckpointFile::read(path)?;
        let state = file.state()?;
        for (key, value) in &self.identity {
            let found = state.identity.get(key).unwrap_or(&Value::Null);
            if found != value {
                let detail = format!("it is of a run with {key} = {found}; the training file says {value}");
                return Err(NnError::File { path: path.into(), detail });
            }
        }
        file.load_into(&mut self.network, true)?;
        let unfit = |error| NnError::File { path: path.into(), detail: format!("{error}") };
        self.batches.restore(&mut StateReader::new(&state.batches)).map_err(unfit)?;
        if self.batches.step() != state.step {
            let detail = format!("it is at step {}, its batches at step {}", state.step, self.batches.step());
            return Err(NnError::File { path: path.into(), detail });
        }
        self.step = state.step;
        Ok(state.records)
    }
}

/// What determines the numbers of a run, except how long it is.
fn identity(file: &TrainingFile) -> Map<String, Value> {
    let (data, sgd, run) = (&file.data, &file.sgd, &file.run);
    let mut sum = Sha256::new();
    for target in data.targets() {
        sum.update(target.to_le_bytes());
    }
    let mut row = vec![0.0; data.dimension()];
    // some rows tell data sets apart; all would take seconds for large ones
    for sample in (0..data.samples()).step_by(data.samples().div_ceil(1000).max(1)) {
        data.features().read_row(sample, &mut row);
        for value in &row {
            sum.update(value.to_le_bytes());
        }
    }
    let data_sum = hexadecimal(&sum.finalize()[..8]);
    let entries = json!({
        "data": data.name,
        "samples": data.samples(),
        "data_checksum": data_sum,
        "model": format!("{:?}", file.architecture),
        "input": format!("{:?}", file.input),
        "outputs": data.outputs(),
        "loss": file.loss.name(),
        "learning_rate": sgd.learning_rate(),
        "momentum": sgd.momentum(),
        "weight_decay": sgd.weight_decay(),
        "batch_size": sgd.batch_size(),
        "sampling": format!("{:?}", file.sampling),
        "seed": run.seed,
        "chain": run.chain,
        "precision": run.precision.name(),
        "record_every": file.track.every,
        "starts_from_weights": file.start.weights.is_some(),
        "keeps_velocity": file.start.keep_velocity,
    });
    match entries {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

/// Threads for a network and a batch size where nobody says a number: below some millions of products a step, waiting for each
/// other costs threads more than they save. It depends on nothing that changes between two runs on one machine.
///
/// # Errors
/// [`NnError::Input`] for a network that does not fit its data.
pub fn sensible_threads(file: &TrainingFile, cores: usize) -> Result<usize> {
    const WORTH_SHARING: u64 = 4_000_000;
    let blueprint = file.architecture.blueprint(file.input, file.data.outputs() as i64)?;
    let products = (blueprint.dimension() as u64).saturating_mul(file.sgd.batch_size() as u64);
    Ok(if products < WORTH_SHARING { 1 } else { cores.max(1) })
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The manifest as written last.
    pub manifest: Manifest,
    /// Steps made by this process.
    pub steps: u64,
    /// Seconds they took, checkpoints and evaluations left out.
    pub stepping: f64,
}

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// Go on with the run in the folder.
    pub resume: bool,
}

/// Trains as a file says and writes a run's folder.
///
/// # Errors
/// [`NnError`]; after an interruption or a divergence the folder holds what was recorded until then.
pub fn train(file: &TrainingFile, folder: &Path, options: Options, progress: &Progress) -> Result<Outcome> {
    if !options.resume && holds_run(folder) {
        let detail = "it holds a run: --resume goes on with it, another --out keeps it".into();
        return Err(NnError::File { path: folder.into(), detail });
    }
    if options.resume && !holds_run(folder) {
        let detail = "it holds no run to resume".into();
        return Err(NnError::File { path: folder.into(), detail });
    }
    let mut trainer = Trainer::new(file, options.device)?;
    let directions = file.track.directions.as_deref();
    let directions = directions.map(|path| read_directions(path, &trainer.network)).transpose()?;
    if options.resume {
        // displacements are measured from where the run began
        trainer.restore(&start_path(folder))?;
    }
    let mut run = Run::open(file, folder, options, &mut trainer, directions)?;
    let result = run.advance(file, &mut trainer, progress);
    run.finish(&trainer, result)
}

/// A run under way.
struct Run {
    folder: RunFolder,
    path: std::path::PathBuf,
    tracker: Tracker,
    manifest: Manifest,
    rows: Vec<f64>,
    first_step: u64,
    before: f64,
    begun: Instant,
    stepping: Duration,
    saved: Instant,
}

impl Run {
    fn open(
        file: &TrainingFile,
        path: &Path,
        options: Options,
        trainer: &mut Trainer,
        directions: Option<Tensor>,
    ) -> Result<Self> {
        let tracker = Tracker::new(&trainer.network, file.track.every, file.sgd.learning_rate(), directions)?;
        let (mut evaluations, mut before, mut records) = (Vec::new(), 0.0, 0);
        if options.resume {
            let earlier = read_manifest(path)?;
            if earlier.columns != tracker.width() as u64 {
                let detail = format!("its rows have {} columns; this run's have {}", earlier.columns, tracker.width());
                return Err(NnError::File { path: path.join("run.json"), detail });
            }
            records = trainer.restore(&checkpoint_path(path))?;
            if trainer.step > file.run.steps {
                let detail = format!("it is at step {}; run.steps is {}", trainer.step, file.run.steps);
                return Err(NnError::File { path: checkpoint_path(path), detail });
            }
            evaluations = earlier.evaluations.into_iter().filter(|found| found.step <= trainer.step).collect();
            before = earlier.seconds;
        }
        let folder = RunFolder::open(path, tracker.width(), records)?;
        let manifest = Manifest {
            format: FORMAT.into(),
            status: Status::Running,
            steps: trainer.step,
            identity: trainer.identity.clone(),
            training_file: file.text.clone(),
            record_every: file.track.every,
            columns: tracker.width() as u64,
            directions: tracker.directions() as u64,
            dimension: trainer.network.dimension() as u64,
            parameters: places(&trainer.network),
            evaluations,
            environment: environment(options.device),
            seconds: before,
            detail: None,
        };
        let now = Instant::now();
        let mut run = Self {
            folder,
            path: path.into(),
            tracker,
            manifest,
            rows: Vec::new(),
            first_step: trainer.step,
            before,
            begun: now,
            stepping: Duration::ZERO,
            saved: now,
        };
        if !options.resume {
            run.manifest.evaluations.push(trainer.evaluate()?);
            trainer.save(&start_path(path), 0)?;
            trainer.save(&checkpoint_path(path), 0)?;
            // last: a folder with a manifest can be resumed
            run.folder.write_manifest(&run.manifest)?;
        }
        Ok(run)
    }

    fn advance(&mut self, file: &TrainingFile, trainer: &mut Trainer, progress: &Progress) -> Result<()> {
        let keys = file.run;
        progress.name("training");
        progress.expect(keys.steps);
        progress.resume_at(trainer.step);
        while trainer.step < keys.steps {
            let started = Instant::now();
            let loss = trainer.step()?;
            let step = trainer.step;
            self.tracker.observe(step, &trainer.network, &loss)?;
            self.stepping += started.elapsed();
            if self.tracker.is_full() {
                self.flush()?;
            }
            if step.is_multiple_of(REPORT) {
                progress.advance(REPORT);
                progress.log();
            }
            if keys.evaluate_every > 0 && step.is_multiple_of(keys.evaluate_every) && step < keys.steps {
                self.manifest.evaluations.push(trainer.evaluate()?);
            }
            let is_due = keys.checkpoint_every > 0 && step.is_multiple_of(keys.checkpoint_every);
            if (is_due && step < keys.steps) || self.saved.elapsed() > LONGEST_WITHOUT_CHECKPOINT {
                self.checkpoint(trainer)?;
                if is_due && keys.keep_checkpoints {
                    let rows = self.folder.rows();
                    trainer.save(&self.path.join(format!("checkpoint-{step:09}.safetensors")), rows)?;
                }
            }
            if interruption::requested() {
                let detail =
                    format!("{} steps of {} are saved in {}; --resume goes on", step, keys.steps, self.path.display());
                return Err(VerifyError::Interrupted { detail }.into());
            }
        }
        self.flush()?;
        let last = trainer.evaluate()?;
        if self.manifest.evaluations.last().is_none_or(|evaluation| evaluation.step < last.step) {
            self.manifest.evaluations.push(last);
        }
        if !last.loss.is_finite() {
            let detail = format!("the loss of all samples is {}", last.loss);
            return Err(NnError::Diverged { step: last.step, detail });
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let result = self.tracker.flush(&mut self.rows);
        // also when a later row is not finite
        self.folder.append(&mut self.rows)?;
        result
    }

    fn checkpoint(&mut self, trainer: &Trainer) -> Result<()> {
        self.flush()?;
        if trainer.network.phase().0.all_finite()?.value()? == 0.0 {
            let detail =
                "a parameter is not finite: training diverges. Earlier records are kept; try a smaller learning_rate";
            return Err(NnError::Diverged { step: trainer.step, detail: detail.into() });
        }
        self.folder.sync()?;
        trainer.save(&checkpoint_path(&self.path), self.folder.rows())?;
        self.manifest.steps = trainer.step;
        self.manifest.seconds = self.before + self.begun.elapsed().as_secs_f64();
        self.saved = Instant::now();
        self.folder.write_manifest(&self.manifest)
    }

    /// Writes what there is, whatever ended the run.
    fn finish(mut self, trainer: &Trainer, result: Result<()>) -> Result<Outcome> {
        let (status, failure) = match result {
            Ok(()) => (Status::Finished, None),
            Err(error @ NnError::Verify(VerifyError::Interrupted { .. })) => (Status::Interrupted, Some(error)),
            Err(error @ NnError::Diverged { .. }) => (Status::Diverged, Some(error)),
            Err(error) => return Err(error),
        };
        self.manifest.status = status;
        if status == Status::Diverged {
            // the state is of no use, and the checkpoint before it still is
            self.manifest.detail = failure.as_ref().map(ToString::to_string);
            self.manifest.seconds = self.before + self.begun.elapsed().as_secs_f64();
            self.manifest.evaluations.retain(|evaluation| evaluation.loss.is_finite());
            self.folder.write_manifest(&self.manifest)?;
        } else if let Err(error) = self.checkpoint(trainer) {
            if matches!(error, NnError::Diverged { .. }) {
                return self.finish(trainer, Err(error));
            }
            return Err(error);
        }
        self.folder.write_track(&self.manifest)?;
        if let Some(error) = failure {
            return Err(error);
        }
        let steps = trainer.step - self.first_step;
        Ok(Outcome { manifest: self.manifest, steps, stepping: self.stepping.as_secs_f64() })
    }
}

fn places(network: &Network) -> Vec<Place> {
    let mut first = 0;
    let parameters = &network.blueprint().parameters;
    let place = |parameter: &crate::model::Parameter| {
        let place = Place { name: parameter.name.clone(), shape: parameter.shape.clone(), first };
        first += parameter.shape.iter().product::<i64>();
        place
    };
    parameters.iter().map(place).collect()
}

fn environment(device: Device) -> Map<String, Value> {
    let entries = json!({
        "langevin_nn": env!("CARGO_PKG_VERSION"),
        "libtorch": libtorch_version(),
        "device": format!("{device:?}"),
        "threads": tensor::threads(),
        "instructions": langevin_sim::sgd::instruction_set(),
    });
    match entries {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}
