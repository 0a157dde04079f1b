//! Runs held against earlier ones: `--baseline`, `--evidence`, and what CI systems are given.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Answer, langevin, start, wait};

/// A check without chains on the data, so that a run is the plan and little else.
const CHEAP: &str = "stability-edge";

fn check(folder: &Path, more: &[&str]) -> Answer {
    let mut arguments = vec!["check", "--only", CHEAP];
    arguments.extend(more);
    langevin(folder, &arguments)
}

fn write(folder: &Path, name: &str, document: &Value) {
    std::fs::write(folder.join(name), document.to_string()).expect("the folder takes files");
}

#[test]
fn a_run_is_held_against_an_earlier_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    let report = check(here, &["--json"]).json();
    assert!(report["data"]["hash"].as_str().is_some_and(|hash| hash.len() == 64));
    let predictions = report["predictions"].as_array().expect("predictions");
    assert_eq!(predictions[0]["scenario"], "stability-edge");
    write(here, "report.json", &report);

    // another tier and seed: the same predictions
    let same =
        check(here, &["--baseline", "report.json", "--seed", "5", "--junit", "junit.xml", "--summary", "s/summary.md"]);
    assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.contains("8 predicted numbers and 1 verdicts compared, nothing changed"), "{}", same.stdout);
    let junit = std::fs::read_to_string(here.join("junit.xml")).expect("it is written");
    assert!(junit.contains("classname=\"langevin.stability-edge\"") && junit.contains(" time=\""), "{junit}");
    assert!(std::fs::read_to_string(here.join("s/summary.md")).expect("it is written").contains("## Baseline"));

    // a prediction, a verdict, a check that is gone
    let mut changed = report.clone();
    let values = changed["predictions"][0]["predictions"][1]["values"].as_array_mut().expect("values");
    values[3] = json!(values[3].as_f64().expect("a number") * 1.001);
    let mut gone = changed["claims"][0]["checks"][0].clone();
    gone["id"] = json!("stability-edge/another-scenario/growth");
    let checks = changed["claims"][0]["checks"].as_array_mut().expect("checks");
    checks[0]["verdict"] = json!("undecided");
    checks.push(gone);
    write(here, "changed.json", &changed);
    let answer = check(here, &["--baseline", "changed.json", "--json"]);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    for part in [
        "prediction changed: stability-edge/variance_above_the_edge (of stability-edge): number 4 of 4",
        "relative change -9.990e-4",
        "verdict changed: stability-edge/stability-edge/growth: undecided before, supported now",
        "vanished: stability-edge/another-scenario/growth",
    ] {
        assert!(answer.stderr.contains(part), "\"{part}\" is not in {}", answer.stderr);
    }
    let comparison = &answer.json()["baseline"];
    assert_eq!(comparison["unchanged"], false);
    assert!((comparison["changed_predictions"][0]["relative_change"].as_f64().expect("a number") + 1e-3).abs() < 1e-5);

    // a check that the baseline has not is no failure
    let mut fewer = report.clone();
    fewer["claims"] = json!([]);
    fewer["predictions"] = json!([]);
    write(here, "fewer.json", &fewer);
    let answer = check(here, &["--baseline", "fewer.json"]);
    assert_eq!(answer.code, 0, "{}", answer.stdout);
    assert!(answer.stdout.contains("new check: stability-edge/stability-edge/growth"), "{}", answer.stdout);
}

#[test]
fn baselines_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    for (name, text, part) in [
        ("a.json", "{", "a.json"),
        ("b.json", "{\"schema\": \"else\"}", "langevin-report/1"),
        ("c.json", "{\"schema\": \"langevin-report/1\"}", "predictions"),
    ] {
        std::fs::write(here.join(name), text).expect("the folder takes files");
        check(here, &["--baseline", name]).refuses(&[name, part]);
    }
    check(here, &["--baseline", "none.json"]).refuses(&["none.json"]);
    let mut other = check(here, &["--json"]).json();
    other["data"]["hash"] = json!("0".repeat(64));
    write(here, "other.json", &other);
    check(here, &["--baseline", "other.json"]).refuses(&["other.json", "another problem"]);
}

#[test]
fn evidence_grows_over_runs_with_fresh_seeds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    let evidence = |name: &str| -> Value {
        let text = std::fs::read_to_string(here.join(name)).expect("it is written");
        serde_json::from_str(&text).expect("evidence is JSON")
    };
    let first = check(here, &["--evidence", "evidence.json", "--json"]).json();
    assert_eq!(
        (first["seed_origin"].as_str(), first["evidence"]["seeds"].as_array().map(Vec::len)),
        (Some("fresh"), Some(1))
    );
    let second = check(here, &["--evidence", "evidence.json", "--seed", "7"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stdout.contains("evidence evidence.json: 2 runs of code"), "{}", second.stdout);
    check(here, &["--evidence", "evidence.json", "--seed", "7"]).refuses(&["evidence.json", "seed 7"]);
    let stored = evidence("evidence.json");
    let check_id = "stability-edge/stability-edge/growth";
    assert_eq!(stored["evidence"]["checks"][check_id]["runs"], 2);

    // two at once: both are counted
    let both = [(); 2].map(|()| start(here, &["check", "--only", CHEAP, "--evidence", "evidence.json"]));
    for child in both {
        assert_eq!(wait(child).code, 0);
    }
    assert_eq!(evidence("evidence.json")["evidence"]["runs"].as_array().map(Vec::len), Some(4));

    // a damaged file is refused before anything runs, and left alone
    let text = std::fs::read_to_string(here.join("evidence.json")).expect("it is written");
    let damaged = text.replacen("\"runs\": 4", "\"runs\": 5", 1);
    assert_ne!(text, damaged);
    std::fs::write(here.join("evidence.json"), &damaged).expect("the folder takes files");
    check(here, &["--evidence", "evidence.json"]).refuses(&["evidence.json", "checksum"]);
    assert_eq!(std::fs::read_to_string(here.join("evidence.json")).expect("it is there"), damaged);
    check(here, &["--evidence", "none/evidence.json"]).code.eq(&4).then_some(()).expect("a folder that is not there");
}

const CLAIM: &str = r#"
[[claim]]
id = "sde-variance"
observable = "var_theta"
expression = "eta*noise/(2*S*h*(1 - beta))"
holds = { within = 0.03 }
where = "eta*h < 0.04"
noise = "gaussian"
"#;

const PROBLEM: &str = r#"
[data]
source = "inline"
features = [[1.0, 0.2], [-0.5, 1.0], [0.3, -0.8], [0.9, 0.4], [-1.0, 0.1], [0.2, 0.7]]
targets = [0.9, 0.1, -0.6, 1.4, -0.8, 0.9]
[sgd]
learning_rate = 0.02
momentum = 0.5
weight_decay = 0.1
batch_size = 2
"#;

#[test]
fn claims_of_a_user_are_held_against_earlier_runs_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    std::fs::write(here.join("claim.toml"), CLAIM).expect("the folder takes files");
    std::fs::write(here.join("problem.toml"), PROBLEM).expect("the folder takes files");
    let run = |more: &[&str]| {
        let mut arguments = vec!["check", "claim.toml", "--problem", "problem.toml"];
        arguments.extend(more);
        langevin(here, &arguments)
    };
    let first = run(&["--json"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    write(here, "before.json", &first.json());
    let same = run(&["--baseline", "before.json", "--evidence", "evidence.json", "--summary", "summary.md"]);
    assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.contains("nothing changed") && same.stdout.contains("1 run of code"), "{}", same.stdout);
    assert!(std::fs::read_to_string(here.join("summary.md")).expect("it is written").contains("## Evidence"));
    // another formula that holds as well: its map has changed, and its evidence starts again
    let other = CLAIM.replace("eta*noise/", "0.999*eta*noise/");
    std::fs::write(here.join("claim.toml"), other).expect("the folder takes files");
    let changed = run(&["--baseline", "before.json", "--evidence", "evidence.json"]);
    assert_eq!(changed.code, 1, "{}{}", changed.stdout, changed.stderr);
    for part in ["prediction changed: sde-variance/gaussian/map (of sde-variance)", "evidence started again"] {
        assert!(changed.stdout.contains(part), "\"{part}\" is not in {}", changed.stdout);
    }
    // a report on built-in claims is about something else
    write(here, "report.json", &check(here, &["--json"]).json());
    run(&["--baseline", "report.json"]).refuses(&["report.json", "another problem"]);
}

/// The workflow files are YAML as far as indentation, quotes and tabs go, and run options that exist.
#[test]
fn workflow_files_use_options_that_exist() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let help = [langevin(root, &["check", "--help"]).stdout, langevin(root, &["report", "--help"]).stdout].concat();
    for name in ["ci/github-actions.yml", "ci/gitlab-ci.yml"] {
        let text = std::fs::read_to_string(root.join(name)).expect("it is there");
        assert!(!text.contains('\t'), "{name}");
        let mut options = 0;
        for line in text.lines().filter(|line| {
            line.contains("langevin check") || line.trim().starts_with("--") || line.contains("langevin report")
        }) {
            for word in line.split([' ', '(', '"', ')']).filter(|word| word.starts_with("--")) {
                assert!(help.contains(&format!("{word} ")), "{name}: {word}");
                options += 1;
            }
        }
        assert!(options >= 6, "{name}: {options}");
    }
}
