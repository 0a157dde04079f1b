//! Runs that record modes: the command, its files, its refusals, on a small set in the format of CIFAR-10 and on digits.

use std::path::Path;

use langevin_sim::data::write_synthetic_cifar10;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::langevin;

/// Three hundred images; with all of them in every batch, SGD is gradient descent.
const IMAGES: &str = r#"
[data]
source = "cifar10"
path = "images"
[sgd]
learning_rate = 1e-3
momentum = [0.9, 0.99]
batch_size = 300
sampling = "without-replacement"
[run]
steps = 40
start = "random"
record = ["modes"]
modes = 3
eigenpairs = "top"
"#;

const DIGITS: &str = r#"
[data]
source = "digits"
[sgd]
learning_rate = 0.3
momentum = 0.9
weight_decay = 0.01
batch_size = 32
[run]
steps = 30
chains = 3
start = "zero"
record = "modes"
modes = 5
"#;

fn folder_with_images() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = folder.path().join("images");
    std::fs::create_dir(&images).expect("a folder");
    write_synthetic_cifar10(&images, 60, 5).expect("the images are written");
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the folder takes files");
}

fn read(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).expect("the file was written");
    serde_json::from_str(&text).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Replaces one line of a problem.
fn changed(problem: &str, from: &str, to: &str) -> String {
    assert!(problem.contains(from), "{from}");
    problem.replace(from, to)
}

#[test]
fn full_batches_follow_the_exact_mean_and_the_figure_is_drawn() {
    let folder = folder_with_images();
    write(folder.path(), "figure2.toml", IMAGES);
    let arguments = ["simulate", "figure2.toml", "--out", "run.json", "--figure", "figure.html", "--json"];
    let answer = langevin(folder.path(), &arguments);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let summary = answer.json();
    assert_eq!((summary["dimension"].as_u64(), summary["outputs"].as_u64()), (Some(3072), Some(10)));
    assert_eq!(summary["stored_as"], "u8");
    assert!(number(&summary["timings"]["simulation"]) > 0.0);
    let run = read(folder.path(), "run.json");
    let arrays = &run["arrays"];
    let top = number(&arrays["eigenvalues"][0]);
    let rate = 1e-3;
    assert!((500.0..900.0).contains(&top), "{top}");
    assert!(number(&arrays["mode_residuals"][0]) <= 1e-10 * top);
    for (which, momentum) in [0.9, 0.99].into_iter().enumerate() {
        for output in 0..10 {
            for mode in 0..3 {
                let curvature = number(&arrays["eigenvalues"][mode]);
                let at = |name: &str, step: usize| number(&arrays[name][which][step][output][mode]);
                let chain = |name: &str, step: usize| number(&arrays[name][which][0][step][output][mode]);
                let (mut x, mut v) = (chain("mode_position", 0), 0.0);
                let scale = x.abs();
                for step in 0..=40 {
                    // the eigenvector is good to 1e-10 of the largest curvature, and so is each step along it
                    let close = |found: f64, expected: f64, unit: f64| (found - expected).abs() <= 1e-8 * unit;
                    let fast = scale * (curvature / rate).sqrt();
                    assert!(close(chain("mode_position", step), x, scale.max(1e-3)), "step {step}, mode {mode}");
                    assert!(close(chain("mode_velocity", step), v, fast.max(1.0)), "step {step}, mode {mode}");
                    assert!(close(at("exact_position", step), x, scale));
                    assert!(close(at("exact_velocity", step), v, fast));
                    v = momentum * v - curvature * x;
                    x += rate * v;
                }
            }
        }
        let squares = |name: &str, step: usize| number(&arrays[name][which][0][step]);
        assert!(squares("step_squared", 0) == 0.0 && squares("displacement_squared", 0) == 0.0);
        let first = (squares("step_squared", 1), squares("displacement_squared", 1));
        assert!(first.0 > 0.0 && (first.0 / first.1 - 1.0).abs() < 1e-9, "{first:?}");
    }
    let page = std::fs::read_to_string(folder.path().join("figure.html")).expect("the page");
    assert_eq!(page.matches("<svg viewBox").count(), 4 + 3, "four panels and three swatches");
    assert!(page.contains("equation (7)") && !page.contains("NaN"));
    let svg = langevin(folder.path(), &["simulate", "figure2.toml", "--figure", "figure.svg"]);
    assert_eq!(svg.code, 0, "{}", svg.stderr);
    assert!(svg.stdout.contains("mode_position") && svg.stdout.contains("underdamped"), "{}", svg.stdout);
    let drawing = std::fs::read_to_string(folder.path().join("figure.svg")).expect("the drawing");
    assert!(drawing.starts_with("<svg xmlns") && !drawing.contains("var("));
}

#[test]
fn all_and_top_eigenpairs_give_the_same_run_at_any_thread_count() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "all.toml", DIGITS);
    write(folder.path(), "top.toml", &format!("{DIGITS}eigenpairs = \"top\"\n"));
    for (problem, out, threads) in
        [("all.toml", "one.json", "1"), ("all.toml", "two.json", "2"), ("top.toml", "top.json", "2")]
    {
        let answer = langevin(folder.path(), &["simulate", problem, "--out", out, "--threads", threads]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }
    assert_eq!(read(folder.path(), "one.json"), read(folder.path(), "two.json"));
    let (all, top) = (read(folder.path(), "one.json"), read(folder.path(), "top.json"));
    assert_eq!((all["rank"].as_u64(), top["rank"].as_u64()), (Some(61), None));
    let flat = |run: &Value, name: &str| -> Vec<f64> {
        fn collect(value: &Value, into: &mut Vec<f64>) {
            match value.as_array() {
                Some(list) => list.iter().for_each(|item| collect(item, into)),
                None => into.push(number(value)),
            }
        }
        let mut numbers = Vec::new();
        collect(&run["arrays"][name], &mut numbers);
        numbers
    };
    for name in ["mode_position", "mode_velocity", "exact_position", "sde_velocity", "step_squared"] {
        let (all, top) = (flat(&all, name), flat(&top, name));
        let scale = all.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(all.len() == top.len() && scale > 0.0);
        // a residual of 1e-10 turns an eigenvector by that over the gap to the next eigenvalue, at least 0.02 of the largest
        assert!(all.iter().zip(&top).all(|(a, b)| (a - b).abs() <= 1e-7 * scale), "{name}");
    }
    assert!(flat(&all, "mode_noise").iter().all(|&noise| noise > 0.0));
}

/// The normal commands take the new sources too, as long as a matrix of f64 is not too large.
#[test]
fn binary_sources_are_data_like_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images: Vec<u8> = (0..48_u8).map(|place| place.wrapping_mul(37)).collect();
    let mut bytes = vec![0, 0, 8, 2, 0, 0, 0, 12, 0, 0, 0, 4];
    bytes.extend(images);
    std::fs::write(folder.path().join("x-images-idx2"), bytes).expect("written");
    let labels: Vec<u8> = (0..12).map(|row| row % 3).collect();
    std::fs::write(folder.path().join("x-labels-idx2"), [&[0, 0, 8, 1, 0, 0, 0, 12], &labels[..]].concat())
        .expect("written");
    let problem = "[data]\nsource = \"idx\"\npath = \"x-images-idx2\"\nstandardize = \"unit\"\n[sgd]\nlearning_rate = 0.05\n\
                   momentum = 0.5\nbatch_size = 4\nweight_decay = 0.1\n[run]\nsteps = 20\nchains = 8\n";
    write(folder.path(), "problem.toml", problem);
    let answer = langevin(folder.path(), &["simulate", "problem.toml", "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(answer.json()["outputs"], 3);
    let refused = langevin(folder.path(), &["simulate", "problem.toml", "--figure", "figure.svg"]);
    refused.refuses(&["--figure needs run.record = [\"modes\"]"]);
}

#[test]
fn wrong_runs_are_refused() {
    let folder = folder_with_images();
    let big = folder.path().join("images").join("data_batch_3.bin");
    for (problem, parts) in [
        (changed(DIGITS, "modes = 5", "modes = 0"), &["run.modes is 0", "between 1 and 64"][..]),
        (changed(DIGITS, "modes = 5", "modes = 65"), &["run.modes is 65", "between 1 and 64"]),
        (changed(DIGITS, "modes = 5", "mods = 5"), &["unknown key run.mods", "modes"]),
        (changed(DIGITS, "\"zero\"", "\"stationary\""), &["run.start is \"stationary\"", "zero, random, minimum"]),
        (changed(DIGITS, "\"zero\"", "[1.0, 2.0]"), &["run.start is 2 x 1", "64 numbers"]),
        (changed(DIGITS, "\"modes\"", "[\"modes\", \"moments\"]"), &["run.record", "alone"]),
        (changed(DIGITS, "momentum = 0.9", "momentum = []"), &["sgd.momentum is an empty list"]),
        (changed(DIGITS, "momentum = 0.9", "momentum = [0.9, 1.5]"), &["momentum is 1.5"]),
        (changed(DIGITS, "batch_size = 32", "batch_size = 32\nnoise = \"gaussian\""), &["sgd.noise is \"gaussian\""]),
        (changed(DIGITS, "chains = 3", "chains = 0"), &["run.chains is 0"]),
        (changed(DIGITS, "steps = 30", "steps = 4000000000"), &["would keep"]),
        (changed(DIGITS, "modes = 5", "eigenpairs = \"some\""), &["run.eigenpairs is \"some\"", "all or top"]),
        (changed(DIGITS, "learning_rate = 0.3", "learning_rate = 1e12"), &["diverged", "2 (1 + beta)"]),
        (changed(IMAGES, "\"random\"", "\"minimum\""), &["run.start is \"minimum\"", "top eigenpairs"]),
        (changed(IMAGES, "batch_size = 300", "batch_size = 301"), &["batch_size is 301"]),
        (changed(IMAGES, "\"images\"", "\"imgaes\""), &["imgaes"]),
        (changed(IMAGES, "\"images\"", "\"images/data_batch_3.bin\"\nrows = 61"), &["rows is 61", "60 rows"]),
    ] {
        write(folder.path(), "problem.toml", &problem);
        langevin(folder.path(), &["simulate", "problem.toml"]).refuses(parts);
    }
    write(folder.path(), "problem.toml", IMAGES);
    langevin(folder.path(), &["simulate", "problem.toml", "--figure", "figure.png"]).refuses(&[".html or .svg"]);
    assert_eq!(langevin(folder.path(), &["simulate", "problem.toml", "--figure", "no/figure.svg"]).code, 4);
    // elsewhere modes are no record, and the message says where they are
    write(folder.path(), "digits.toml", DIGITS);
    langevin(folder.path(), &["compare", "digits.toml"]).refuses(&["\"modes\" is for langevin simulate"]);
    std::fs::write(&big, [11; 3073]).expect("written");
    langevin(folder.path(), &["simulate", "problem.toml"]).refuses(&["data_batch_3.bin", "record 0", "label is 11"]);
    std::fs::write(&big, [1; 3072]).expect("written");
    langevin(folder.path(), &["simulate", "problem.toml"]).refuses(&["data_batch_3.bin", "3072 bytes"]);
}
