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
use crate::data::{DataSet, DeviceData, Loader};
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
const EVALUATED: usize = 512;

/// Steps between two reports of progress.
const REPORT: u64 = 16;

/// A checkpoint at least this often, so that an interruption by force costs little.
const LONGEST_WITHOUT_CHECKPOINT: Duration = Duration::from_secs(600);

/// A network, its data and its batches: everything that makes steps.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    data: DeviceData,
    test: Option<DeviceData>,
    batches: BatchSequence,
    /// Batches of images, decoded ahead; started by the first step.
    loader: Option<Loader>,
    /// Seed and chain.
    stream: (u64, u64),
    /// Samples that are evaluated.
    evaluated: Vec<u32>,
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
        let on_device = |data: &DataSet| DeviceData::of(data, file.input, file.loss, file.run.precision, device);
        let data = on_device(&file.data)?;
        let test = file.test.as_ref().map(on_device).transpose()?;
        let batches = BatchSequence::new(file.data.samples(), &file.sgd, file.sampling, file.run.seed, file.run.chain)?;
        let rates = network.rates(&file.sgd)?;
        let all = file.data.samples();
        let count = file.run.evaluate_samples.unwrap_or(all).min(all);
        let evaluated = (0..count).map(|place| (place as u128 * all as u128 / count as u128) as u32).collect();
        Ok(Self {
            network,
            data,
            test,
            batches,
            loader: None,
            stream: (file.run.seed, file.run.chain),
            evaluated,
            rates,
            loss: file.loss,
            identity: identity(file)?,
            step: 0,
        })
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
    /// [`NnError::Torch`]; of images, [`NnError::Read`] and [`NnError::File`] naming the file. The chain is then where it was.
    pub fn step(&mut self) -> Result<Tensor> {
        let (inputs, targets) = if let Some(images) = self.data.images() {
            let loader = match &mut self.loader {
                Some(loader) => loader,
                empty => empty.insert(Loader::start(images, self.batches.clone(), self.stream.0, self.stream.1)?),
            };
            let batch = loader.next_batch()?;
            let found = self.data.loaded(&batch)?;
            loader.give_back(batch);
            self.batches.next_batch();
            found
        } else {
            self.data.batch(self.batches.next_batch())?
        };
        let loss = self.network.step(&self.rates, self.loss, &inputs, &targets)?;
        self.step += 1;
        Ok(loss)
    }

    /// The loss of all samples, or of as many as the training file says, and of the test samples.
    ///
    /// # Errors
    /// [`NnError::Torch`]; of images, [`NnError::Read`] and [`NnError::File`] naming the file.
    pub fn evaluate(&self) -> Result<Evaluation> {
        let (loss, accuracy) = self.evaluate_on(&self.data, &self.evaluated)?;
        let all = |test: &DeviceData| (0..test.samples() as u32).collect::<Vec<u32>>();
        let test = self.test.as_ref().map(|test| self.evaluate_on(test, &all(test))).transpose()?;
        let (test_loss, test_accuracy) = test.map_or((None, None), |(loss, accuracy)| (Some(loss), accuracy));
        Ok(Evaluation { step: self.step, loss, accuracy, test_loss, test_accuracy })
    }

    fn evaluate_on(&self, data: &DeviceData, samples: &[u32]) -> Result<(f64, Option<f64>)> {
        without_gradients(|| {
            let (mut loss, mut hits) = (0.0, None);
            for part in samples.chunks(EVALUATED.min(data.rows_at_a_time())) {
                let span = data.span(part)?;
                let outputs = self.network.outputs(&span.inputs, Mode::Evaluate)?;
                let value = match self.loss {
                    Loss::SquaredError => outputs.half_squared_distance(&span.targets)?,
                    Loss::CrossEntropy => outputs.cross_entropy(&span.targets)?,
                };
                loss += part.len() as f64 * value.value()?;
                if let Some(labels) = &span.labels {
                    hits = Some(hits.unwrap_or(0.0) + outputs.hits(labels)?.value()?);
                }
            }
            let count = samples.len() as f64;
            Ok((loss / count, hits.map(|hits| hits / count)))
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
        // its batches were those of another place
        self.loader = None;
        Ok(state.records)
    }
}

/// What determines the numbers of a run, except how long it is.
fn identity(file: &TrainingFile) -> Result<Map<String, Value>> {
    let (data, sgd, run) = (&file.data, &file.sgd, &file.run);
    let mut sum = Sha256::new();
    match data {
        DataSet::Table(data) => {
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
        }
        DataSet::Images(images) => {
            for (path, class) in images.folder.files() {
                sum.update(path.as_os_str().as_encoded_bytes());
                sum.update(class.to_le_bytes());
            }
            let count = data.samples() as u32;
            for sample in (0..count).step_by(data.samples().div_ceil(100).max(1)) {
                let path = images.folder.path(sample);
                sum.update(std::fs::read(&path).map_err(|source| NnError::Read { path, source })?);
            }
        }
    }
    let data_sum = hexadecimal(&sum.finalize()[..8]);
    let mut entries = json!({
        "data": data.name(),
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
    if let (DataSet::Images(images), Value::Object(entries)) = (data, &mut entries) {
        // where the folder lies does not matter
        entries.remove("data");
        entries.insert("classes".into(), images.folder.classes().len().into());
        entries.insert("crop".into(), format!("{:?}", images.crop).into());
        entries.insert("normalisation".into(), format!("{:?}", images.normalisation).into());
    }
    match entries {
        Value::Object(entries) => Ok(entries),
        _ => Ok(Map::new()),
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
            Err(error) => return Err(self.fail(trainer, error)),
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

impl Run {
    /// Keeps what there is when something else went wrong, as far as it can still be kept.
    fn fail(mut self, trainer: &Trainer, error: NnError) -> NnError {
        self.manifest.status = Status::Failed;
        self.manifest.detail = Some(format!("step {}: {error}", trainer.step + 1));
        // a batch that was drawn and not used leaves the sequence ahead of the chain: the checkpoint before is the one to go on from
        let is_between_steps = trainer.batches.step() == trainer.step;
        let state = if is_between_steps { self.checkpoint(trainer) } else { self.flush() };
        let saved = state
            .and_then(|()| self.folder.write_manifest(&self.manifest))
            .and_then(|()| self.folder.write_track(&self.manifest));
        let (step, folder) = (self.manifest.steps, self.path.display());
        let kept = match saved {
            Ok(()) => {
                format!("The records and a checkpoint of step {step} are in {folder}; --resume goes on from there")
            }
            Err(other) => format!("{folder} holds the checkpoint of step {step} ({other})"),
        };
        NnError::Stopped { step: trainer.step + 1, kept, source: Box::new(error) }
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
