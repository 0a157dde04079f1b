//! Whole runs of the binary: records, checkpoints, interruptions, and what is wrong with files.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::langevin_nn;

const SMALL: &str = r#"
[data]
source = "digits"
rows = 200
[model]
kind = "small-conv"
channels = [4]
[sgd]
learning_rate = 0.05
momentum = 0.9
weight_decay = 0.001
batch_size = 16
sampling = "reshuffle"
[run]
steps = STEPS
checkpoint_every = 50
evaluate_every = 100
"#;

pub(crate) fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("run.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

pub(crate) fn train(file: &str, out: &Path, more: &[&str]) -> (i32, String) {
    let out = out.display().to_string();
    let arguments = [&["train", file, "--out", &out, "--device", "cpu", "--threads", "1"], more].concat();
    let found = langevin_nn(&arguments);
    (found.status.code().unwrap_or(-1), String::from_utf8_lossy(&found.stderr).into_owned())
}

pub(crate) fn manifest(out: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(out.join("run.json")).unwrap()).unwrap()
}

/// Rows of doubles.
fn records(out: &Path, columns: usize) -> Vec<Vec<f64>> {
    let bytes = fs::read(out.join("records.bin")).unwrap();
    let values: Vec<f64> = bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect();
    values.chunks_exact(columns).map(<[f64]>::to_vec).collect()
}

#[test]
fn a_killed_run_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &SMALL.replace("STEPS", "2000"));
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    assert_eq!(train(&file, &whole, &[]).0, 0);
    let out = killed.display().to_string();
    let mut process = Command::new(env!("CARGO_BIN_EXE_langevin-nn"))
        .args(["train", &file, "--out", &out, "--device", "cpu", "--threads", "1"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !(killed.join("run.json").exists() && manifest(&killed)["steps"].as_u64() >= Some(100)) {
        assert!(begun.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let done = manifest(&killed)["steps"].as_u64().unwrap();
    assert!((100..2000).contains(&done), "killed too late to test anything: {done} steps");
    assert_eq!(train(&file, &killed, &["--resume"]), (0, String::new()));
    for name in ["checkpoint.safetensors", "records.bin"] {
        assert!(fs::read(whole.join(name)).unwrap() == fs::read(killed.join(name)).unwrap(), "{name} differs");
    }
    assert_eq!(manifest(&whole)["evaluations"], manifest(&killed)["evaluations"]);
    assert_eq!(manifest(&killed)["status"], "finished");
}

#[test]
fn records_are_what_their_names_say() {
    let folder = tempfile::tempdir().unwrap();
    // directions: the first coordinate, and minus the second
    let dimension = 65 * 10;
    let mut directions = vec![0.0_f32; 2 * dimension];
    (directions[0], directions[dimension + 1]) = (1.0, -1.0);
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (2, {dimension}), }}");
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend(directions.iter().flat_map(|value| value.to_le_bytes()));
    fs::write(folder.path().join("directions.npy"), bytes).unwrap();
    let text = r#"
        [data]
        source = "digits"
        [model]
        kind = "mlp"
        hidden = []
        [sgd]
        learning_rate = 0.1
        momentum = 0.5
        batch_size = 8
        [run]
        steps = 300
        precision = "float64"
        [track]
        directions = "directions.npy"
    "#;
    let out = folder.path().join("out");
    assert_eq!(train(&write(folder.path(), text), &out, &[]), (0, String::new()));
    let rows = records(&out, 8);
    assert_eq!(rows.len(), 300);
    for (index, row) in rows.iter().enumerate() {
        let &[step, loss, local, global, first, second, first_velocity, second_velocity] = row.as_slice() else {
            panic!("{row:?}")
        };
        assert_eq!(step, index as f64 + 1.0);
        assert!(loss > 0.0 && local > 0.0 && global > 0.0);
        assert!(global >= first * first + second * second);
        let before = if index == 0 { [0.0; 2] } else { [rows[index - 1][4], rows[index - 1][5]] };
        // theta_k - theta_{k-1} = eta v_k, to rounding of numbers below 1
        assert!((first - before[0] - 0.1 * first_velocity).abs() < 1e-14);
        assert!((second - before[1] - 0.1 * second_velocity).abs() < 1e-14);
    }
    // from rest, the first displacement is local and global
    assert!((rows[0][2] / rows[0][3] - 1.0).abs() < 1e-9);
    let track = fs::read(out.join("track.npz")).unwrap();
    let arrays = npyz::npz::NpzArchive::new(std::io::Cursor::new(track)).unwrap();
    let mut names: Vec<&str> = arrays.array_names().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["global_displacement", "local_displacement", "loss", "manifest", "position", "step", "velocity"]
    );
}

#[test]
fn a_chain_goes_on_from_the_weights_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first");
    let text = SMALL.replace("STEPS", "100");
    assert_eq!(train(&write(folder.path(), &text), &first, &[]).0, 0);
    let second = folder.path().join("second");
    let text = format!("{text}[start]\nweights = \"first/checkpoint.safetensors\"\n");
    assert_eq!(train(&write(folder.path(), &text), &second, &[]).0, 0);
    let (first, second) = (manifest(&first), manifest(&second));
    // the second begins where the first ended
    assert_eq!(first["evaluations"].as_array().unwrap().last().unwrap()["loss"], second["evaluations"][0]["loss"]);
    assert_ne!(second["evaluations"][0]["loss"], second["evaluations"][1]["loss"]);
}

#[test]
fn damaged_checkpoints_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = write(folder.path(), &SMALL.replace("STEPS", "60"));
    assert_eq!(train(&file, &out, &[]).0, 0);
    let longer = write(folder.path(), &SMALL.replace("STEPS", "80"));
    let path = out.join("checkpoint.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let middle = whole.len() - 1000;
    flipped[middle] ^= 1;
    for (bytes, said) in [
        (&whole[..whole.len() / 2], "not a whole one"),
        (&whole[..3], "not a whole one"),
        (&[][..], "not a whole one"),
        (&flipped[..], "it is damaged"),
    ] {
        fs::write(&path, bytes).unwrap();
        let (code, message) = train(&longer, &out, &["--resume"]);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains("checkpoint.safetensors") && message.contains(said), "{message}");
    }
    fs::write(&path, &whole).unwrap();
    // another learning rate is another run
    let other = write(folder.path(), &SMALL.replace("STEPS", "80").replace("0.05", "0.06"));
    let (code, message) = train(&other, &out, &["--resume"]);
    assert!(code == 2 && message.contains("learning_rate = 0.05"), "{message}");
    // more steps are not
    let longer = write(folder.path(), &SMALL.replace("STEPS", "80"));
    assert_eq!(train(&longer, &out, &["--resume"]), (0, String::new()));
    assert_eq!(manifest(&out)["steps"], 80);
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert_eq!(train(&write(folder.path(), &SMALL.replace("STEPS", "1")), &out, &[]).0, 0);
    let start = "[start]\nweights = \"out/checkpoint.safetensors\"\n";
    for (channels, said) in
        [("[5]", "features.0.weight has the shape [4, 1, 3, 3]"), ("[4, 4]", "does not hold features.1")]
    {
        let text = format!("{}{start}", SMALL.replace("STEPS", "1").replace("[4]", channels));
        let (code, message) = train(&write(folder.path(), &text), &folder.path().join("other"), &[]);
        assert!(code == 2 && message.contains(said), "{message}");
    }
}

#[test]
fn divergence_names_its_step_and_keeps_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let text = SMALL.replace("STEPS", "3000").replace("0.05", "1e12").replace("[4]", "[4]\nloss = \"mse\"");
    let (code, message) = train(&write(folder.path(), &text), &out, &[]);
    assert_eq!(code, 2);
    assert!(message.contains("diverges") && message.contains("step "), "{message}");
    assert_eq!(manifest(&out)["status"], "diverged");
    let rows = records(&out, 4);
    assert!(!rows.is_empty() && rows.iter().flatten().all(|value| value.is_finite()));
    assert!(message.contains(&format!("step {}", rows.len() + 1)), "{message}");
    assert!(out.join("track.npz").exists());
}

#[test]
fn wrong_files_get_a_message_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let good = SMALL.replace("STEPS", "1");
    for (from, to, said) in [
        ("momentum", "momentun", "did you mean \"momentum\""),
        ("\"small-conv\"", "\"smallconv\"", "small-conv"),
        ("[4]", "[4, 4, 4, 4]", "16 x 16 or more"),
        ("batch_size = 16", "batch_size = 0", "batch_size is 0"),
        ("batch_size = 16", "batch_size = 201", "at most the 200 samples"),
        ("0.05", "-1.0", "learning_rate is -1"),
        ("checkpoint_every", "checkpoint_evry", "did you mean \"checkpoint_every\""),
        ("\"digits\"", "\"digit\"", "digits"),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let (code, message) = train(&write(folder.path(), &text), &folder.path().join("out"), &[]);
        assert_eq!(code, 2, "{to}: {message}");
        assert!(message.contains(said) && message.contains("run.toml"), "{to}: {message}");
    }
    assert_eq!(langevin_nn(&["train", "/no/such/file.toml"]).status.code(), Some(2));
    let file = write(folder.path(), &good);
    assert_eq!(train(&file, &folder.path().join("out"), &[]).0, 0);
    let (code, message) = train(&file, &folder.path().join("out"), &[]);
    assert!(code == 2 && message.contains("--resume goes on"), "{message}");
    let (code, message) = train(&file, &folder.path().join("new"), &["--resume"]);
    assert!(code == 2 && message.contains("no run to resume"), "{message}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = write(folder.path(), &SMALL.replace("STEPS", "1000000"));
    let process = Command::new(env!("CARGO_BIN_EXE_langevin-nn"))
        .args(["train", &file, "--out", &out.display().to_string(), "--device", "cpu", "--threads", "1"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !(out.join("run.json").exists() && manifest(&out)["steps"].as_u64() >= Some(50)) {
        assert!(begun.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = process.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4));
    let message = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(message.contains("steps of 1000000 are saved") && message.contains("--resume"), "{message}");
    let done = manifest(&out)["steps"].as_u64().unwrap();
    assert_eq!(manifest(&out)["status"], "interrupted");
    assert_eq!(records(&out, 4).len() as u64, done);
    assert!(out.join("track.npz").exists());
    let longer = write(folder.path(), &SMALL.replace("STEPS", &(done + 7).to_string()));
    assert_eq!(train(&longer, &out, &["--resume"]), (0, String::new()));
    assert_eq!(records(&out, 4).len() as u64, done + 7);
}

/// A file as PyTorch's programs write it: other metadata, halves, counters of batches.
#[test]
fn weights_of_other_programs_are_read() {
    use safetensors::{Dtype, tensor::TensorView};
    let folder = tempfile::tempdir().unwrap();
    // 1.5 as an IEEE half
    let (weight, bias) = ([0x00_u8, 0x3e].repeat(640), [0_u8; 40]);
    let counter = 7_i64.to_le_bytes();
    let arrays = [
        ("layers.0.weight", TensorView::new(Dtype::F16, vec![10, 64], &weight).unwrap()),
        ("layers.0.bias", TensorView::new(Dtype::F32, vec![10], &bias).unwrap()),
        ("bn.num_batches_tracked", TensorView::new(Dtype::I64, vec![], &counter).unwrap()),
    ];
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    fs::write(folder.path().join("model.safetensors"), safetensors::serialize(arrays, Some(metadata)).unwrap())
        .unwrap();
    let text = r#"
        [data]
        source = "digits"
        [model]
        kind = "mlp"
        hidden = []
        [start]
        weights = "model.safetensors"
        [sgd]
        learning_rate = 0.001
        momentum = 0.0
        batch_size = 8
        [run]
        steps = 1
    "#;
    let out = folder.path().join("out");
    assert_eq!(train(&write(folder.path(), text), &out, &[]), (0, String::new()));
    // all outputs are equal: the loss is log 10, to single precision
    let loss = manifest(&out)["evaluations"][0]["loss"].as_f64().unwrap();
    assert!((loss - 10.0_f64.ln()).abs() < 1e-5, "{loss}");
    let (code, message) = train(
        &write(folder.path(), &text.replace("[sgd]", "velocity = \"keep\"\n[sgd]")),
        &folder.path().join("kept"),
        &[],
    );
    assert!(code == 2 && message.contains("velocity.layers.0.weight"), "{message}");
}
