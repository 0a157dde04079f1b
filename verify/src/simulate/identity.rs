//! Which problem and which code a file of numbers comes from: SHA-256 of the canonical problem (settings and the bits of the
//! data, not the names of files), and of the sources this program was built from. Equal hashes mean equal numbers, up to what
//! the processor's vector width does to last bits ([`instruction_set`](langevin_sim::sgd::instruction_set)).

use langevin_sim::Dataset;
use langevin_sim::saved_state::StateWriter;
use langevin_theory::{Hyperparameters, Sampling};
use nalgebra::DMatrix;
use sha2::{Digest, Sha256};

use crate::problem::{Noise, Problem, Record, StartSpec};

/// Hash of the sources, made when they were compiled.
pub(crate) const CODE_HASH: &str = env!("LANGEVIN_CODE_HASH");

/// Hash of everything that determines the numbers of a run, apart from the code.
pub(super) fn problem_hash(problem: &Problem) -> String {
    let mut hash = Sha256::new();
    hash_data(&mut hash, &problem.data);
    let mut settings = StateWriter::default();
    let (sgd, run) = (&problem.sgd, &problem.run);
    settings.numbers(&[sgd.learning_rate(), sgd.momentum(), sgd.weight_decay()]);
    settings.counts(&[sgd.batch_size() as u64, run.steps, run.chains, run.seed]);
    settings.piece(problem.sampling.name().as_bytes());
    settings.piece(problem.noise.name().as_bytes());
    match &run.start {
        StartSpec::Stationary => settings.piece(b"stationary"),
        StartSpec::Minimum => settings.piece(b"minimum"),
        StartSpec::Zero => settings.piece(b"zero"),
        StartSpec::Values(values) => {
            settings.piece(b"values");
            settings.numbers(values.as_slice());
        }
    }
    let every = run.record.iter().find_map(|record| match record {
        Record::Trajectory { every } => Some(*every),
        _ => None,
    });
    let recorded =
        [Record::Moments, Record::Displacement, Record::Autocovariance].map(|kind| run.record.contains(&kind));
    settings.counts(&recorded.map(u64::from));
    settings.count(every.unwrap_or(0));
    for axis in problem.sweep.axes() {
        settings.piece(axis.key.name().as_bytes());
        settings.numbers(&axis.values);
    }
    hash.update(settings.into_bytes());
    format!("{:x}", hash.finalize())
}

/// Hash of a data set alone.
pub(crate) fn data_hash(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    hash_data(&mut hash, data);
    format!("{:x}", hash.finalize())
}

/// Hash of a data set and of what SGD does on it, without how long and how often it is run.
pub(crate) fn settings_hash(data: &Dataset, sgd: &Hyperparameters, sampling: Sampling, noise: Noise) -> String {
    let mut hash = Sha256::new();
    hash_data(&mut hash, data);
    let mut settings = StateWriter::default();
    settings.numbers(&[sgd.learning_rate(), sgd.momentum(), sgd.weight_decay()]);
    settings.count(sgd.batch_size() as u64);
    settings.piece(sampling.name().as_bytes());
    settings.piece(noise.name().as_bytes());
    hash.update(settings.into_bytes());
    format!("{:x}", hash.finalize())
}

fn hash_data(hash: &mut Sha256, data: &Dataset) {
    hash_matrix(hash, data.problem.features());
    hash_matrix(hash, data.problem.targets());
}

fn hash_matrix(hash: &mut Sha256, matrix: &DMatrix<f64>) {
    for size in [matrix.nrows(), matrix.ncols()] {
        hash.update((size as u64).to_le_bytes());
    }
    for value in matrix {
        hash.update(value.to_le_bytes());
    }
}
