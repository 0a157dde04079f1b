//! The command line: commands, files and exit codes of the contract.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{langevin, langevin_reads};

/// Eight samples of two features with noise, as a problem file.
const PROBLEM: &str = r#"
[data]
source = "inline"
features = [[1.0, 0.2], [-0.5, 1.0], [0.3, -0.8], [0.9, 0.4], [-1.0, 0.1], [0.2, 0.7], [0.6, -0.3], [-0.4, -0.9]]
targets = [0.9, 0.1, -0.6, 1.4, -0.8, 0.9, 0.1, -1.5]
[sgd]
learning_rate = 0.1
momentum = 0.8
weight_decay = 0.1
batch_size = 3
[run]
steps = 50
chains = 64
record = ["moments", "displacement", "autocovariance"]
"#;

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder takes files");
    }
    folder
}

/// The problem with one line replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(PROBLEM.contains(from), "{from}");
    PROBLEM.replace(from, to)
}

fn simulate(problem: &str) -> crate::program::Answer {
    let folder = folder_with(&[("problem.toml", problem)]);
    langevin(folder.path(), &["simulate", "problem.toml", "--json"])
}

#[test]
fn help_and_usage() {
    let here = Path::new(".");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["report", "--help"],
        &["check", "--help"],
        &["claims", "--help"],
        &["predict", "--help"],
        &["simulate", "--help"],
    ] {
        let answer = langevin(here, arguments);
        assert_eq!(answer.code, 0, "{arguments:?}");
        assert!(answer.stderr.is_empty() && answer.stdout.len() > 10, "{arguments:?}");
    }
    for arguments in [
        &[][..],
        &["reprot"],
        &["report", "--tier", "quickly"],
        &["report", "--seed", "-1"],
        &["report", "--threads", "0"],
        &["check", "--replay", "nonsense"],
        &["check", "--only", "no-such-claim"],
        &["check", "claims.toml"],
        &["simulate"],
        &["predict"],
        &["predict", "no-such-file.toml"],
        &["report", "--data", "no-such-file.csv", "--out", "never-written/report"],
        &["report", "--data", "digist", "--out", "never-written/report"],
    ] {
        let folder = folder_with(&[]);
        langevin(folder.path(), arguments).refuses(&[]);
    }
}

#[test]
fn claims_are_listed_as_text_and_as_json() {
    let here = Path::new(".");
    let text = langevin(here, &["claims"]);
    assert_eq!(text.code, 0);
    let json = langevin(here, &["claims", "--json"]).json();
    let claims = json["claims"].as_array().expect("a list of claims");
    assert_eq!(claims.len(), 34);
    for claim in claims {
        for key in ["id", "statement", "paper", "assumptions", "kind", "implemented", "checked_by"] {
            assert!(!claim[key].is_null(), "{key} of {claim}");
        }
        assert!(text.stdout.contains(claim["id"].as_str().expect("an id")));
    }
    let coverage: Vec<&str> =
        json["coverage"].as_array().expect("coverage").iter().filter_map(|row| row["item"].as_str()).collect();
    for number in 1..=51 {
        assert!(coverage.contains(&format!("({number})").as_str()), "equation ({number})");
    }
    for item in ["Theorem 3", "Assumption 4", "Figure 8", "Table 4"] {
        assert!(coverage.contains(&item), "{item}");
    }
    for row in json["coverage"].as_array().expect("coverage") {
        for key in ["implemented", "checked_by"] {
            assert!(row[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {row}");
        }
    }
}

#[test]
fn predictions_come_from_files_and_standard_input_alone_or_in_batches() {
    let one = r#"{"kind": "stability", "momentum": 0.5}"#;
    let answer = langevin_reads(one, &["predict", "-"]);
    assert_eq!((answer.code, answer.json()["limit"].as_f64()), (0, Some(3.0)));
    let batch = format!("[{one}, {{\"kind\": \"stability\", \"momentum\": 0.0}}]");
    let answer = langevin_reads(&batch, &["predict", "-", "--json"]).json();
    assert_eq!((answer[0]["limit"].as_f64(), answer[1]["limit"].as_f64()), (Some(3.0), Some(2.0)));
    let folder = folder_with(&[("a.toml", "kind = \"stability\"\nmomentum = 0.5\n"), ("a.json", one)]);
    for file in ["a.toml", "a.json"] {
        assert_eq!(langevin(folder.path(), &["predict", file]).json()["limit"].as_f64(), Some(3.0));
    }
}

#[test]
fn what_does_not_exist_is_null_and_named() {
    let unstable = r#"{"kind": "discrete-mode", "learning_rate": 4.0, "momentum": 0.5, "curvature": 1.0,
        "noise_variance": 1.0, "steps": [1]}"#;
    let answer = langevin_reads(unstable, &["predict", "-"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let json = answer.json();
    assert_eq!(json["regime"], "unstable");
    assert!(json["stationary_covariance"].is_null());
    assert!(!json["undefined"]["stationary_covariance"].is_null(), "{json}");
    assert!(json["transient_covariance"].is_array());
}

#[test]
fn wrong_predict_documents_are_refused() {
    let mode = |change: &str| {
        format!(
            r#"{{"kind": "discrete-mode", "learning_rate": 0.1, "momentum": 0.5, "curvature": 1.0, "noise_variance": 1.0{change}}}"#
        )
    };
    for (text, parts) in [
        ("", &["standard input"][..]),
        ("{", &["standard input"]),
        ("3", &[]),
        ("{}", &["kind"]),
        (r#"{"kind": "stabilty"}"#, &["stabilty", "stability"]),
        (r#"{"kind": "stability"}"#, &["momentum"]),
        (r#"{"kind": "stability", "momentum": 1.0}"#, &["momentum", "1"]),
        (r#"{"kind": "stability", "momentum": "half"}"#, &["momentum", "half"]),
        (r#"{"kind": "stability", "momentum": 0.5, "curvatur": 1}"#, &["curvatur", "curvature"]),
        (&mode(r#", "steps": [-1]"#), &["steps", "-1"]),
        (&mode(r#", "steps": [1.5]"#), &["steps", "1.5"]),
        (&mode(r#", "steps": 1e400"#), &[]),
        (
            r#"{"kind": "minibatch", "features": [[1.0], [2.0]], "targets": [1.0, 0.5], "learning_rate": 0.1, "momentum": 0.5,
                "batch_size": 1, "steps": [1000000000000]}"#,
            &["steps", "1000000000000", "10000000"],
        ),
        (
            r#"{"kind": "minibatch", "data": {"source": "gaussian", "rows": 1000000000000000000, "eigenvalues": [1.0]},
                "learning_rate": 0.1, "momentum": 0.5, "batch_size": 1}"#,
            &["rows", "1000000000000000000"],
        ),
        (r#"{"kind": "ou", "drift": [[1.0, 2.0]], "diffusion": [[1.0]]}"#, &["drift"]),
        (r#"{"kind": "ou", "drift": [[1.0]], "diffusion": [[-1.0]]}"#, &["diffusion"]),
        (r#"{"kind": "ou", "drift": [[1.0]], "diffusion": [[1.0]], "parity": [2]}"#, &["parity", "2"]),
        (r#"{"kind": "ou", "drift": [[1.0]], "diffusion": [[1.0]], "times": [-1.0]}"#, &["-1"]),
        (r#"{"kind": "ou", "drift": [[1.0]], "diffusion": [[1.0]], "points": [[1.0, 2.0]]}"#, &["points"]),
        (r#"{"kind": "ou", "drift": [[1.0]], "diffusion": [[1.0]], "pairs": [[1.0]]}"#, &["pairs"]),
        (r#"{"kind": "gaussian-pair", "covariance1": [[1.0]], "covariance2": [[-1.0]]}"#, &["covariance"]),
        (r#"{"kind": "jko-step", "precision": [[1.0]], "mean": [0.0], "covariance": [[1.0]], "step": 0}"#, &["step"]),
        (
            r#"{"kind": "gaussian-features", "learning_rate": 0.1, "momentum": 0.5, "batch_size": 1, "weight_decay": 0.1,
                "eigenvalues": [1.0]}"#,
            &["weight_decay"],
        ),
        (
            r#"{"kind": "epoch-noise", "learning_rate": 0.1, "momentum": 0.5, "curvature": 1.0, "noise_variance": 1.0,
                "batches_per_epoch": 0}"#,
            &["batches_per_epoch", "0"],
        ),
        (&mode(r#", "velocity": null"#), &["velocity"]),
        (&format!("[{}, {{}}]", mode("")), &["kind"]),
        (&"[".repeat(100_000), &["standard input"]),
    ] {
        langevin_reads(text, &["predict", "-"]).refuses(parts);
    }
}

#[test]
fn wrong_problem_files_are_refused_by_file_and_key() {
    for (problem, parts) in [
        (String::new(), &["problem.toml", "data"][..]),
        ("[data".into(), &["problem.toml"]),
        (changed("momentum = 0.8", "momentun = 0.8"), &["problem.toml", "momentun", "momentum"]),
        (changed("momentum = 0.8", "momentum = 1.0"), &["problem.toml", "momentum", "1"]),
        (changed("momentum = 0.8", "momentum = nan"), &["problem.toml", "momentum"]),
        (changed("learning_rate = 0.1", "learning_rate = -0.1"), &["problem.toml", "learning", "-0.1"]),
        (changed("learning_rate = 0.1", ""), &["problem.toml", "learning_rate"]),
        (changed("learning_rate = 0.1", "learning_rate = 100.0"), &["problem.toml", "unstable", "start"]),
        (changed("batch_size = 3", "batch_size = 0"), &["problem.toml", "batch"]),
        (changed("batch_size = 3", "batch_size = 9\nsampling = \"without-replacement\""), &["problem.toml", "9", "8"]),
        (changed("batch_size = 3", "batch_size = 3\nsampling = \"with\""), &["problem.toml", "with"]),
        (changed("steps = 50", "steps = 0"), &["problem.toml", "steps"]),
        (changed("chains = 64", "chains = 1000000000000000"), &["problem.toml", "chains", "1000000000000000"]),
        (changed("chains = 64", "chains = \"many\""), &["problem.toml", "chains", "many"]),
        (changed("steps = 50", "steps = 50\nstart = [1.0]"), &["problem.toml", "start"]),
        (changed("steps = 50", "steps = 50\nstart = \"somewhere\""), &["problem.toml", "start", "somewhere"]),
        (changed("\"moments\"", "\"moment\""), &["problem.toml", "record", "moment"]),
        (changed("[1.0, 0.2]", "[1.0]"), &["problem.toml", "features"]),
        (changed("[1.0, 0.2]", "[nan, 0.2]"), &["problem.toml", "features"]),
        (changed("targets = [0.9, ", "targets = ["), &["problem.toml", "targets"]),
        (changed("source = \"inline\"", "source = \"inlin\""), &["problem.toml", "source", "inlin"]),
        (changed("[run]", "[runs]"), &["problem.toml", "runs", "run"]),
    ] {
        simulate(&problem).refuses(parts);
    }
    langevin(Path::new("."), &["simulate", "no-such-problem.toml"]).refuses(&["no-such-problem.toml"]);
    let folder = folder_with(&[("problem.toml", PROBLEM)]);
    langevin(folder.path(), &["simulate", "problem.toml", "--out", "x.docx"]).refuses(&["x.docx", ".npz"]);
}

#[test]
fn wrong_csv_files_are_refused_by_line() {
    let report = |text: &str| {
        let folder = folder_with(&[("data.csv", text)]);
        langevin(folder.path(), &["check", "--data", "data.csv"])
    };
    report("a,b,y\n1,2,3\n1,nan,3\n").refuses(&["data.csv", "line 3", "nan"]);
    report("a,b,y\n1,2,3\n1,inf,3\n").refuses(&["data.csv", "line 3", "inf"]);
    report("a,b,y\n1,2,3\n1,,3\n").refuses(&["data.csv", "line 3"]);
    report("a,b,y\n1,2,3\n1,two,3\n").refuses(&["data.csv", "line 3", "two"]);
    report("a,b,y\n1,2,3\n1,2\n").refuses(&["data.csv", "line 3"]);
    report("a,b,y\n").refuses(&["data.csv"]);
    report("").refuses(&["data.csv"]);
    // nothing to test: no curvature, no noise
    report("a,y\n0,1\n0,2\n").refuses(&["feature"]);
    report("a,y\n1,1\n1,1\n").refuses(&["feature"]);
    report("a,y\n1,2\n").refuses(&["feature"]);
    report("a,y\n1e200,1\n-1e200,2\n").refuses(&["data.csv"]);
}

#[test]
fn edges_of_a_problem_are_simulated() {
    let one_dimension = r#"
        [data]
        source = "inline"
        features = [[1.0], [-0.5], [0.3]]
        targets = [0.9, 0.1, -0.6]
        [sgd]
        learning_rate = 0.1
        momentum = 0.0
        batch_size = 1
        [run]
        steps = 20
        chains = 4
    "#;
    let one_sample = one_dimension.replace("[[1.0], [-0.5], [0.3]]", "[[1.0]]").replace("[0.9, 0.1, -0.6]", "[0.9]");
    // the second feature is twice the first; the third is zero
    let rank_one = one_dimension
        .replace("[[1.0], [-0.5], [0.3]]", "[[1.0, 2.0, 0.0], [-0.5, -1.0, 0.0], [0.3, 0.6, 0.0]]")
        .replace("momentum = 0.0", "momentum = 0.9");
    let all = |problem: &str| problem.replace("batch_size = 1", "batch_size = 3\nsampling = \"without-replacement\"");
    for problem in [one_dimension, &one_sample, &rank_one, &all(one_dimension), &all(&rank_one)] {
        for start in ["stationary", "minimum", "zero"] {
            for noise in ["minibatch", "gaussian"] {
                let problem = problem
                    .replace("steps = 20", &format!("steps = 20\nstart = \"{start}\""))
                    .replace("[run]", &format!("noise = \"{noise}\"\n[run]"));
                let answer = simulate(&problem);
                assert_eq!(answer.code, 0, "{problem}\n{}", answer.stderr);
                assert_eq!(answer.json()["chain_steps"], 80);
                assert!(!answer.stdout.contains("null") || answer.stdout.contains("undefined"), "{}", answer.stdout);
            }
        }
    }
}

#[test]
fn simulations_do_not_depend_on_threads() {
    let folder = folder_with(&[("problem.toml", PROBLEM)]);
    let arrays = |threads: &str, out: &str| -> Value {
        let answer = langevin(folder.path(), &["simulate", "problem.toml", "--out", out, "--threads", threads]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let text = std::fs::read_to_string(folder.path().join(out)).expect("the file is there");
        serde_json::from_str(&text).expect("the file is JSON")
    };
    assert_eq!(arrays("1", "one.json"), arrays("2", "two.json"));
}

#[test]
fn claims_are_checked_on_a_users_problem_and_replayed() {
    let folder = folder_with(&[("problem.toml", PROBLEM)]);
    let only = ["equipartition", "stationary-positions"];
    let arguments = |threads| {
        ["check", "--problem", "problem.toml", "--json", "--junit", "out/junit.xml", "--threads", threads, "--only"]
            .into_iter()
            .chain(only)
            .collect::<Vec<_>>()
    };
    let first = langevin(folder.path(), &arguments("1"));
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(first.stdout, langevin(folder.path(), &arguments("2")).stdout, "the numbers depend on the threads");
    let junit = std::fs::read_to_string(folder.path().join("out/junit.xml")).expect("JUnit is written");
    assert!(junit.contains("<testsuite") && junit.contains("equipartition"));

    let json = first.json();
    let claims = json["claims"].as_array().expect("claims");
    assert_eq!(claims.iter().filter_map(|claim| claim["id"].as_str()).collect::<Vec<_>>().len(), only.len());
    let check = claims
        .iter()
        .flat_map(|claim| claim["checks"].as_array().expect("checks"))
        .find(|check| check["layer"] == "L2")
        .expect("a check on minibatch noise");
    let replayed =
        langevin(folder.path(), &["check", "--json", "--replay", check["replay"].as_str().expect("a token")]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert_eq!(&replayed.json()["claims"][0]["checks"][0], check);
}

#[test]
fn reshuffled_and_unstable_problems_have_their_exit_codes() {
    // equipartition fails under reshuffling: the wrong theory "equipartition-under-reshuffling" is refuted as it must be
    let folder = folder_with(&[("problem.toml", PROBLEM)]);
    let reshuffled = changed("batch_size = 3", "batch_size = 2\nsampling = \"reshuffle\"");
    std::fs::write(folder.path().join("reshuffled.toml"), reshuffled).expect("the folder takes files");
    let answer = langevin(
        folder.path(),
        &["check", "--problem", "reshuffled.toml", "--only", "equipartition-under-reshuffling", "--json"],
    );
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let unstable = changed("learning_rate = 0.1", "learning_rate = 50.0");
    std::fs::write(folder.path().join("unstable.toml"), unstable).expect("the folder takes files");
    langevin(folder.path(), &["check", "--problem", "unstable.toml"]).refuses(&["unstable.toml", "unstable"]);
}

#[test]
fn output_that_cannot_be_written_is_exit_code_four() {
    let folder = folder_with(&[("file", "")]);
    let answer = langevin(folder.path(), &["report", "--out", "file/report"]);
    assert_eq!(answer.code, 4, "{}", answer.stderr);
    assert!(answer.stderr.contains("file/report"), "{}", answer.stderr);
}

#[test]
fn theories_are_compared_on_a_users_problem() {
    let folder = folder_with(&[("problem.toml", PROBLEM)]);
    let answer = langevin(folder.path(), &["compare", "problem.toml", "--json", "--out", "comparison"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let json = answer.json();
    let names: Vec<&str> =
        json["rivals"].as_array().expect("a list").iter().filter_map(|theory| theory["id"].as_str()).collect();
    for id in ["mandt", "liu", "ziyin", "kunin-assumption-3", "yaida", "kuhn"] {
        assert!(names.contains(&id), "{id} in {names:?}");
    }
    for file in ["compare.json", "compare.md", "compare.html"] {
        assert!(folder.path().join("comparison").join(file).exists(), "{file}");
    }
    langevin(folder.path(), &["compare", "no-such-problem.toml"]).refuses(&["no-such-problem.toml"]);
    langevin(folder.path(), &["compare", "problem.toml", "--grid", "no-such-grid.toml"]).refuses(&["no-such-grid"]);
}
