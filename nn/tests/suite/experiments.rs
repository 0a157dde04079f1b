//! Experiment files through the binary: records, resuming, shards, and what is wrong with files.

use std::fs;
use std::path::Path;

use langevin_nn::experiment::ExperimentFile;
use langevin_verify::networks::{Experiment, Observation};

use crate::program::langevin_nn;

const SMALL: &str = r#"
[experiment]
kind = "KIND"
chains = 3
discard = 64
test_rows = 50
grid = 3
[pretrain]
learning_rates = [0.3, 0.1]
steps = [200, 100]
[data]
source = "digits"
rows = 250
[model]
kind = "mlp"
hidden = [4]
activation = "tanh"
[sgd]
learning_rate = 0.1
momentum = 0.9
weight_decay = 0.01
batch_size = 10
[run]
steps = 400
[sweep]
momentum = [0.5]
[curvature]
count = 3
sketch = 4
probes = 4
vectors = 2
steps = 8
"#;

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("experiment.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn experiment(file: &str, out: &Path, more: &[&str]) -> (i32, String) {
    let out = out.display().to_string();
    let arguments = [&["experiment", file, "--out", &out, "--device", "cpu", "--threads", "1"], more].concat();
    let found = langevin_nn(&arguments);
    let text = String::from_utf8_lossy(&found.stdout).into_owned() + &String::from_utf8_lossy(&found.stderr);
    (found.status.code().unwrap_or(-1), text)
}

fn named<'a>(found: &'a Experiment, id: &str) -> &'a Observation {
    found.record.observations.iter().find(|observation| observation.id == id).unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn every_kind_writes_a_record() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, id) in
        [("diffusion", "speed"), ("eigenspace", "isotropy"), ("sweep", "momentum-0.5"), ("audit", "epoch")]
    {
        let out = folder.path().join(kind);
        let file = write(folder.path(), &SMALL.replace("KIND", kind));
        let (code, text) = experiment(&file, &out, &[]);
        assert_eq!(code, 0, "{kind}: {text}");
        let found = Experiment::read(&out).unwrap();
        let observation = named(&found, id);
        assert!(observation.effect.is_finite() && observation.interval[0] < observation.interval[1], "{observation:?}");
        assert_eq!(observation.replicates, 3);
        assert!(!found.record.figures.is_empty());
        if kind == "audit" {
            for observed in ["position", "velocity"] {
                let parts = ["alignment", "strength", "curvature", "independence", "left"];
                let sum: f64 = parts.iter().map(|part| named(&found, &format!("error-{observed}-{part}")).effect).sum();
                assert!((sum - 1.0).abs() < 1e-9, "shares in the error of {observed} add up to {sum}");
            }
        }
    }
}

/// The mean of linear regression is the exact discrete law: a slope of 1. Intervals at 95 % miss one time in twenty, so the test takes five
/// standard errors: 4.3/2.0 half widths at 7 degrees of freedom are 5 x 0.42.
#[test]
fn the_top_mode_of_linear_regression_follows_the_exact_mean() {
    let folder = tempfile::tempdir().unwrap();
    let text = SMALL
        .replace("KIND", "oscillation")
        .replace("\"mlp\"\nhidden = [4]\nactivation = \"tanh\"", "\"linear\"")
        .replace("chains = 3", "chains = 8")
        .replace("[pretrain]\nlearning_rates = [0.3, 0.1]\nsteps = [200, 100]\n", "")
        .replace("0.01\n", "0.0\n")
        // large batches: what is tested is the mean
        .replace("batch_size = 10", "batch_size = 200");
    let out = folder.path().join("out");
    let (code, message) = experiment(&write(folder.path(), &text), &out, &[]);
    assert_eq!(code, 0, "{message}");
    let found = Experiment::read(&out).unwrap();
    for id in ["exact-position-0", "exact-position-1", "exact-velocity-1"] {
        let observation = named(&found, id);
        let half = 0.5 * (observation.interval[1] - observation.interval[0]);
        assert!((observation.effect - 1.0).abs() < 2.1 * half && half < 0.5, "{observation:?}");
    }
}

#[test]
fn shards_and_resumed_runs_give_the_same_record() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &SMALL.replace("KIND", "diffusion"));
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    assert_eq!(experiment(&file, &whole, &[]).0, 0);
    let (code, text) = experiment(&file, &parts, &["--shard", "1/2"]);
    assert!(code == 0 && text.contains("other parts are missing"), "{text}");
    assert!(!parts.join("experiment.json").exists());
    let (code, text) = experiment(&file, &parts, &["--shard", "2/2"]);
    assert!(code == 2 && text.contains("--resume"), "{text}");
    let (code, text) = experiment(&file, &parts, &["--shard", "2/2", "--resume"]);
    assert_eq!(code, 0, "{text}");
    let (whole, parts) = (Experiment::read(&whole).unwrap(), Experiment::read(&parts).unwrap());
    assert_eq!(whole.record.observations, parts.record.observations);
    assert_eq!(whole.arrays, parts.arrays);
    let other = write(folder.path(), &SMALL.replace("KIND", "diffusion").replace("0.01\n", "0.02\n"));
    let (code, text) = experiment(&other, &folder.path().join("whole"), &["--resume"]);
    assert!(code == 2 && text.contains("another experiment file"), "{text}");
}

#[test]
fn wrong_files_get_a_message_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let good = SMALL.replace("KIND", "diffusion");
    for (from, to, said) in [
        ("diffusion", "difusion", "diffusion, oscillation, eigenspace, sweep, audit"),
        ("chains = 3", "chains = 1", "2 to 10000"),
        ("discard = 64", "discard = 400", "below run.steps"),
        ("test_rows = 50", "test_rows = 250", "below the 250 samples"),
        ("[200, 100]", "[200]", "pretrain.learning_rates"),
        ("sketch = 4", "skech = 4", "did you mean \"sketch\""),
        ("probes = 4", "probes = 1", "at least 2"),
        (
            "[experiment]\nkind = \"diffusion\"\nchains = 3\ndiscard = 64\ntest_rows = 50\ngrid = 3\n",
            "",
            "no [experiment]",
        ),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let (code, message) = experiment(&write(folder.path(), &text), &folder.path().join("out"), &[]);
        assert_eq!(code, 2, "{to}: {message}");
        assert!(message.contains(said), "{to}: {message}");
    }
    let (code, message) = experiment(&write(folder.path(), &good), &folder.path().join("out"), &["--shard", "3/2"]);
    assert!(code == 2 && message.contains("1 <= I <= N"), "{message}");
}

/// Files in nn/experiments; those of the paper need data that are not here, and say so.
#[test]
fn the_experiments_that_come_with_the_crate_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match ExperimentFile::read(&path) {
            Ok(file) => assert!(name.starts_with("digits") && file.settings().is_ok(), "{name}"),
            Err(error) => {
                let text = error.to_string();
                assert!(name.starts_with("paper") && (text.contains("imagenet") || text.contains("cifar")), "{text}");
            }
        }
        count += 1;
    }
    assert_eq!(count, 15);
}
