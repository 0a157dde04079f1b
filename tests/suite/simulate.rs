//! Long runs and runs on many machines: the numbers have the same bits after interruptions and for any number of shards, and
//! what goes wrong is said and leaves the last good state.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Answer, langevin, langevin_with, start, wait};

/// Eight samples of two features with noise.
const DATA: &str = r#"
[data]
source = "inline"
features = [[1.0, 0.2], [-0.5, 1.0], [0.3, -0.8], [0.9, 0.4], [-1.0, 0.1], [0.2, 0.7], [0.6, -0.3], [-0.4, -0.9]]
targets = [0.9, 0.1, -0.6, 1.4, -0.8, 0.9, 0.1, -1.5]
"#;

const SGD: &str = "learning_rate = 0.1\nmomentum = 0.8\nweight_decay = 0.1\n";

/// A problem with the rest of `[sgd]`, and `[run]`.
fn problem(sgd: &str, run: &str) -> String {
    format!("{DATA}[sgd]\n{SGD}{sgd}\n[run]\n{run}\nrecord = [\"moments\", \"displacement\", \"autocovariance\"]\n")
}

/// A few chain-seconds of work.
fn long() -> String {
    problem("batch_size = 3", "steps = 400000\nchains = 90")
}

fn small() -> String {
    problem("batch_size = 3", "steps = 100\nchains = 50")
}

fn folder_with(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("problem.toml"), text).expect("the folder takes files");
    folder
}

fn bytes(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn succeeds(folder: &TempDir, arguments: &[&str]) -> Answer {
    let answer = langevin(folder.path(), arguments);
    assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.stderr);
    answer
}

/// Files of a folder but for the problem.
fn files(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("the folder can be read");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "problem.toml");
    names.sort();
    names
}

/// Waits for a file, at most 30 seconds.
fn wait_for(path: &Path) {
    for _ in 0..3000 {
        if path.exists() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn killed_runs_resume_with_the_same_bits() {
    for (sgd, run) in [
        ("batch_size = 3", "steps = 400000\nchains = 60"),
        ("batch_size = 2\nsampling = \"reshuffle\"", "steps = 8000000\nchains = 2\nstart = \"minimum\""),
        ("batch_size = 3\nnoise = \"gaussian\"", "steps = 8000000\nchains = 2\nstart = \"zero\""),
    ] {
        let folder = folder_with(&problem(sgd, run));
        succeeds(&folder, &["simulate", "problem.toml", "--out", "whole.npz", "--threads", "1"]);
        let mut landed = 0;
        for delay in [20, 170, 90, 250] {
            let resumed = ["simulate", "problem.toml", "--out", "run.npz", "--resume", "--checkpoint", "0.02"];
            let mut child = start(folder.path(), &resumed);
            sleep(Duration::from_millis(delay));
            child.kill().expect("the run can be killed");
            child.wait().expect("the run has ended");
            landed += u32::from(folder.path().join("run.npz.checkpoint").exists());
        }
        assert!(landed > 0, "no kill left a checkpoint");
        succeeds(&folder, &["simulate", "problem.toml", "--out", "run.npz", "--resume", "--threads", "3"]);
        assert!(bytes(&folder, "run.npz") == bytes(&folder, "whole.npz"), "{sgd}");
        assert_eq!(files(&folder), ["run.npz", "whole.npz"], "nothing is left over");
    }
}

#[cfg(unix)]
#[test]
fn signals_save_what_was_finished() {
    let folder = folder_with(&long());
    succeeds(&folder, &["simulate", "problem.toml", "--out", "whole.json"]);
    for signal in ["-TERM", "-INT"] {
        let child = start(folder.path(), &["simulate", "problem.toml", "--out", "run.json", "--resume"]);
        sleep(Duration::from_millis(150));
        let kill = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(kill.expect("there is a kill command").success());
        let answer = wait(child);
        assert_eq!(answer.code, 4, "{}", answer.stderr);
        assert!(
            answer.stderr.contains("run.json.checkpoint") && answer.stderr.contains("--resume"),
            "{}",
            answer.stderr
        );
    }
    // without --resume nothing is overwritten
    let before = bytes(&folder, "run.json.checkpoint");
    langevin(folder.path(), &["simulate", "problem.toml", "--out", "run.json"]).refuses(&[
        "run.json.checkpoint",
        "--resume",
        "remove",
    ]);
    assert!(before == bytes(&folder, "run.json.checkpoint"));
    succeeds(&folder, &["simulate", "problem.toml", "--out", "run.json", "--resume"]);
    assert!(bytes(&folder, "run.json") == bytes(&folder, "whole.json"));
}

#[test]
fn shards_give_the_numbers_of_one_process() {
    let sweep =
        "\n[sweep]\nmomentum = [0.0, 0.9]\nlearning_rate = { from = 0.01, to = 0.1, count = 3, scale = \"log\" }\n";
    let trajectory = small().replace("\"autocovariance\"", "\"autocovariance\", \"trajectory\"") + "every = 7\n";
    for text in [small(), trajectory, small() + sweep] {
        let folder = folder_with(&text);
        for name in ["whole.npz", "whole.json", "whole.parquet"] {
            succeeds(&folder, &["simulate", "problem.toml", "--out", name, "--threads", "2"]);
        }
        for count in [1, 3, 8, 301] {
            let mut shards = Vec::new();
            for index in (1..=count).rev() {
                let shard = format!("{index}/{count}");
                let answer =
                    succeeds(&folder, &["simulate", "problem.toml", "--out", "part.npz", "--shard", &shard, "--json"]);
                shards.push(answer.json()["file"].as_str().expect("a file name").to_owned());
            }
            for name in ["npz", "json", "parquet"] {
                let out = format!("merged.{name}");
                let mut arguments = vec!["merge", "--out", &out];
                arguments.extend(shards.iter().map(String::as_str));
                succeeds(&folder, &arguments);
                assert!(bytes(&folder, &out) == bytes(&folder, &format!("whole.{name}")), "{count} shards, {name}");
            }
        }
    }
}

#[test]
fn shards_come_from_the_job_scheduler_and_are_run_once() {
    let folder = folder_with(&small());
    let arguments = ["simulate", "problem.toml", "--out", "run.npz", "--shard", "auto"];
    let slurm = [("SLURM_ARRAY_TASK_ID", "5"), ("SLURM_ARRAY_TASK_MIN", "4"), ("SLURM_ARRAY_TASK_COUNT", "2")];
    assert_eq!(langevin_with(folder.path(), &slurm, &arguments).code, 0);
    let first = bytes(&folder, "run.2-of-2.shard");
    let again = langevin_with(folder.path(), &slurm, &arguments);
    assert!(again.code == 0 && again.stderr.contains("already complete"), "{}", again.stderr);
    assert!(first == bytes(&folder, "run.2-of-2.shard"));
    let kubernetes = ["simulate", "problem.toml", "--out", "run.npz", "--shard", "auto/2"];
    assert_eq!(langevin_with(folder.path(), &[("JOB_COMPLETION_INDEX", "0")], &kubernetes).code, 0);
    succeeds(&folder, &["merge", "run.1-of-2.shard", "run.2-of-2.shard", "--out", "run.npz"]);
    for (shard, parts) in [("auto", &["SLURM_ARRAY_TASK_ID"][..]), ("0/2", &["0/2"]), ("3/2", &["3/2"]), ("x", &["x"])]
    {
        langevin(folder.path(), &["simulate", "problem.toml", "--out", "run.npz", "--shard", shard]).refuses(parts);
    }
    langevin(folder.path(), &["simulate", "problem.toml", "--shard", "1/2"]).refuses(&["--out"]);
}

#[test]
fn missing_repeated_and_foreign_shards_are_named() {
    let folder = folder_with(&small());
    for index in 1..=3 {
        let shard = format!("{index}/3");
        succeeds(&folder, &["simulate", "problem.toml", "--out", "a.npz", "--shard", &shard]);
    }
    let merge = |shards: &[&str]| {
        let mut arguments = vec!["merge", "--out", "merged.npz"];
        arguments.extend(shards);
        langevin(folder.path(), &arguments)
    };
    let [one, two, three] = ["a.1-of-3.shard", "a.2-of-3.shard", "a.3-of-3.shard"];
    merge(&[one, three]).refuses(&["shard 2 of 3"]);
    merge(&[two]).refuses(&["shards 1, 3 of 3"]);
    std::fs::copy(folder.path().join(two), folder.path().join("copy.shard")).expect("a copy");
    merge(&[one, two, "copy.shard", three]).refuses(&["2/3", "a.2-of-3.shard", "copy.shard"]);
    merge(&[one, "no-such.shard"]).refuses(&["no-such.shard"]);
    merge(&[one, "problem.toml"]).refuses(&["problem.toml", "no shard"]);
    merge(&[]).refuses(&["SHARD"]);
    // another problem, another number of shards
    std::fs::write(folder.path().join("other.toml"), small().replace("steps = 100", "steps = 101")).expect("a file");
    succeeds(&folder, &["simulate", "other.toml", "--out", "other.npz", "--shard", "2/3"]);
    merge(&[one, "other.2-of-3.shard", three]).refuses(&["other.2-of-3.shard", "another problem"]);
    succeeds(&folder, &["simulate", "problem.toml", "--out", "b.npz", "--shard", "2/4"]);
    merge(&[one, "b.2-of-4.shard", three]).refuses(&["b.2-of-4.shard", "2/4"]);
    // an output in the place of which another shard is
    langevin(folder.path(), &["simulate", "other.toml", "--out", two, "--shard", "2/3"])
        .refuses(&[two, "another problem"]);
    // damage: one bit, and every length
    let whole = bytes(&folder, two);
    let damaged = folder.path().join("damaged.shard");
    for length in [0, 10, 40, 60, 500, whole.len() - 1] {
        std::fs::write(&damaged, &whole[..length]).expect("a file");
        merge(&[one, "damaged.shard", three]).refuses(&["damaged.shard"]);
    }
    for place in [3, 30, 100, whole.len() / 2, whole.len() - 3] {
        let mut bytes = whole.clone();
        bytes[place] ^= 4;
        std::fs::write(&damaged, &bytes).expect("a file");
        merge(&[one, "damaged.shard", three]).refuses(&["damaged.shard"]);
    }
    assert!(!folder.path().join("merged.npz").exists());
    assert_eq!(merge(&[one, two, three]).code, 0);
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_and_kept() {
    let folder = folder_with(&long());
    let arguments = ["simulate", "problem.toml", "--out", "run.npz", "--resume", "--checkpoint", "0.02"];
    let checkpoint = folder.path().join("run.npz.checkpoint");
    let mut child = start(folder.path(), &arguments);
    wait_for(&checkpoint);
    child.kill().expect("the run can be killed");
    child.wait().expect("the run has ended");
    let whole = bytes(&folder, "run.npz.checkpoint");
    for length in [0, 50, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&checkpoint, &whole[..length]).expect("a file");
        langevin(folder.path(), &arguments).refuses(&["run.npz.checkpoint"]);
        assert!(bytes(&folder, "run.npz.checkpoint") == whole[..length]);
    }
    std::fs::write(&checkpoint, &whole).expect("a file");
    std::fs::write(folder.path().join("problem.toml"), small()).expect("a file");
    langevin(folder.path(), &arguments).refuses(&["run.npz.checkpoint", "another problem"]);
    // a checkpoint is no shard
    std::fs::copy(&checkpoint, folder.path().join("x.shard")).expect("a copy");
    langevin(folder.path(), &["merge", "x.shard", "--out", "merged.npz"]).refuses(&["x.shard", "not finished"]);
    assert!(bytes(&folder, "run.npz.checkpoint") == whole);
}

#[test]
fn a_folder_that_vanishes_is_an_error() {
    let folder = folder_with(&long().replace("chains = 90", "chains = 9000"));
    std::fs::create_dir(folder.path().join("gone")).expect("a folder");
    let child = start(folder.path(), &["simulate", "problem.toml", "--out", "gone/run.npz", "--checkpoint", "0.05"]);
    wait_for(&folder.path().join("gone/run.npz.checkpoint"));
    while std::fs::remove_dir_all(folder.path().join("gone")).is_err() {}
    let answer = wait(child);
    assert_eq!(answer.code, 4, "{}", answer.stderr);
    assert!(answer.stderr.contains("gone/run.npz.checkpoint"), "{}", answer.stderr);
    let answer = langevin(folder.path(), &["simulate", "problem.toml", "--out", "gone/run.npz"]);
    assert!(answer.code == 4 && answer.stderr.contains("gone"), "{}", answer.stderr);
}

fn json(folder: &TempDir, name: &str) -> Value {
    serde_json::from_slice(&bytes(folder, name)).expect("a JSON document")
}

/// Every point of a sweep has the numbers of the same problem alone; a point without a stationary law is null.
#[test]
fn sweeps_are_their_points() {
    let sweep = "\n[sweep]\nlearning_rate = [0.05, 5.0]\nbatch_size = [1, 3]\nseed = [1, 2, 3]\n";
    let folder = folder_with(&(small() + sweep));
    let answer = succeeds(&folder, &["simulate", "problem.toml", "--out", "sweep.json"]);
    assert!(answer.stderr.contains("learning_rate = 5") && answer.stderr.contains("undefined"), "{}", answer.stderr);
    let swept = json(&folder, "sweep.json");
    let arrays = &swept["arrays"];
    assert_eq!(arrays["sweep_batch_size"], serde_json::json!([1.0, 3.0]));
    assert_eq!(arrays["defined"], serde_json::json!([[[1, 1, 1], [0, 0, 0]], [[1, 1, 1], [0, 0, 0]]]));
    assert_eq!(swept["chain_steps"], 12 * 50 * 100);
    for (b, batch) in [1, 3].into_iter().enumerate() {
        for (s, seed) in [1, 2, 3].into_iter().enumerate() {
            let alone = small()
                .replace("learning_rate = 0.1", "learning_rate = 0.05")
                .replace("batch_size = 3", &format!("batch_size = {batch}"))
                .replace("steps = 100", &format!("steps = 100\nseed = {seed}"));
            std::fs::write(folder.path().join("alone.toml"), alone).expect("a file");
            succeeds(&folder, &["simulate", "alone.toml", "--out", "alone.json"]);
            let alone = json(&folder, "alone.json");
            for name in
                ["position_second_moment", "displacement_standard_error", "velocity_autocovariance", "minimum_ridge"]
            {
                assert_eq!(arrays[name][b][0][s], alone["arrays"][name], "{name}");
                assert!(!alone["arrays"][name].is_null());
            }
        }
        assert_eq!(arrays["displacement"][b][1][0][0], Value::Null);
    }
}

#[test]
fn wrong_sweeps_and_options_are_refused() {
    for (sweep, parts) in [
        ("learning_rat = [0.1]", &["learning_rat", "learning_rate"][..]),
        ("steps = [1]", &["steps"]),
        ("momentum = []", &["momentum", "empty"]),
        ("momentum = 0.5", &["momentum", "0.5", "list"]),
        ("momentum = [0.5, 1.0]", &["momentum = 1", "sweep point"]),
        ("momentum = [0.5, 0.5]", &["momentum[1]", "0.5"]),
        ("momentum = [\"half\"]", &["momentum[0]", "half"]),
        ("batch_size = [2.5]", &["batch_size[0]", "2.5"]),
        ("batch_size = [0]", &["batch"]),
        (
            "learning_rate = { from = 0.0, to = 1.0, count = 3, scale = \"log\" }",
            &["sweep.learning_rate.from", "positive"],
        ),
        ("learning_rate = { from = 0.1, to = 1.0, count = 3, scale = \"cubic\" }", &["scale", "cubic"]),
        ("learning_rate = { from = 0.1, to = 1.0 }", &["count"]),
        ("learning_rate = { from = 0.1, to = 1.0, count = 0 }", &["count", "0"]),
        ("learning_rate = { from = 0.1, to = 1.0, cuont = 3 }", &["cuont", "count"]),
        ("seed = { from = 1, to = 100000, count = 100000 }\nbatch_size = [1, 2]", &["sweep", "200000"]),
    ] {
        let folder = folder_with(&format!("{}\n[sweep]\n{sweep}\n", small()));
        let answer = langevin(folder.path(), &["simulate", "problem.toml"]);
        answer.refuses(&["problem.toml"]);
        answer.refuses(parts);
    }
    let folder = folder_with(&(small() + "\n[sweep]\nmomentum = [0.1, 0.2]\n"));
    for command in [&["compare", "problem.toml"][..], &["check", "--problem", "problem.toml"]] {
        langevin(folder.path(), command).refuses(&["problem.toml", "sweep"]);
    }
    let folder = folder_with(&small());
    for (arguments, part) in [
        (&["--resume"][..], "--out"),
        (&["--checkpoint", "0"], "checkpoint"),
        (&["--checkpoint", "never"], "never"),
        (&["--out", "x.csv"], ".parquet"),
        (&["--out", "x.shard"], ".shard"),
    ] {
        let mut all = vec!["simulate", "problem.toml"];
        all.extend(arguments);
        langevin(folder.path(), &all).refuses(&[part]);
    }
    langevin(folder.path(), &["merge", "x.shard", "--out", "x.csv"]).refuses(&["x.csv"]);
}

/// The bound is stated before the run and holds; a run of 16 times the length needs no more.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_below_the_stated_bound() {
    let peak = |steps: u64| {
        let text = long().replace("steps = 400000", &format!("steps = {steps}")).replace("chains = 90", "chains = 64");
        let folder = folder_with(&text);
        let arguments = ["simulate", "problem.toml", "--out", "run.npz", "--checkpoint", "0.05", "--threads", "2"];
        let child = start(folder.path(), &arguments);
        let status = Path::new("/proc").join(child.id().to_string()).join("status");
        let mut most = 0;
        while let Some(kilobytes) = std::fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim();
            line.parse::<u64>().ok()
        }) {
            most = most.max(kilobytes);
            sleep(Duration::from_millis(2));
        }
        let answer = wait(child);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let (_, rest) = answer.stderr.split_once("at most ").expect("the bound is stated");
        let bound: u64 = rest.split(' ').next().and_then(|text| text.parse().ok()).expect("a number of megabytes");
        assert!(most * 1024 <= bound * 1_000_000, "{most} kB, stated {bound} MB");
        most
    };
    let (short, long) = (peak(50_000), peak(800_000));
    // a page cache of the allocator more or less: 5 %, and at least half a megabyte
    assert!(long as f64 <= 1.05 * short as f64 + 512.0, "{short} kB, then {long} kB");
}
