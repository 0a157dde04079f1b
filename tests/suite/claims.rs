//! Claim files: right formulas are supported, wrong ones refuted, and mistakes are named.

use std::path::Path;

use tempfile::TempDir;

use crate::program::langevin;

const RIGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/claims.toml");
const MORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/claims/right.toml");
const WRONG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/claims/wrong.toml");

/// Sixty synthetic samples, batches without replacement.
const PROBLEM: &str = r#"
[data]
source = "gaussian"
eigenvalues = [2.0, 1.0, 0.3]
noise = 0.4
rows = 60
seed = 4
[sgd]
learning_rate = 0.2
momentum = 0.7
weight_decay = 0.1
batch_size = 12
sampling = "without-replacement"
"#;

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder takes files");
    }
    folder
}

/// A claim file with one claim.
fn claim(observable: &str, expression: &str, rest: &str) -> String {
    format!("[[claim]]\nid = \"c\"\nobservable = \"{observable}\"\nexpression = \"{expression}\"\n{rest}\n")
}

fn verdicts(document: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    document["claims"]
        .as_array()
        .expect("claims")
        .iter()
        .map(|claim| (text(&claim["id"]), text(&claim["verdict"])))
        .collect()
}

#[test]
fn right_formulas_are_supported() {
    let answer = langevin(Path::new("."), &["check", RIGHT, MORE, "--json"]);
    let found = verdicts(&answer.json());
    assert!(found.len() >= 20);
    assert!(found.iter().all(|(_, verdict)| verdict == "supported"), "{found:?}\n{}", answer.stderr);
    assert_eq!(answer.code, 0);
}

#[test]
fn wrong_formulas_are_refuted_and_the_evidence_is_shown() {
    let folder = folder_with(&[]);
    let answer = langevin(folder.path(), &["check", WRONG, "--json", "--junit", "out/junit.xml"]);
    let document = answer.json();
    let found = verdicts(&document);
    assert!(found.len() >= 10);
    assert!(found.iter().all(|(_, verdict)| verdict == "refuted"), "{found:?}\n{}", answer.stderr);
    assert_eq!(answer.code, 1);
    let claim = |id: &str| {
        document["claims"].as_array().expect("claims").iter().find(|claim| claim["id"] == id).expect(id).clone()
    };
    let off = claim("one-percent-too-large")["exact"][0]["largest"]["error"].as_f64().expect("an error");
    assert!((off - 0.01).abs() < 1e-9, "{off}");
    // right without momentum: the map says so
    let dropped = claim("one-plus-beta-dropped");
    let rows = dropped["exact"][0]["map"]["rows"].as_array().expect("rows").clone();
    let worst = |row: &serde_json::Value| {
        row["errors"].as_array().expect("errors").iter().filter_map(serde_json::Value::as_f64).fold(0.0, f64::max)
    };
    assert!(worst(&rows[0]) < 1e-9 && worst(&rows[2]) > 0.1, "{rows:?}");
    // a departure of the size of the sign is seen by simulation too
    let sign = claim("cross-covariance-sign");
    assert!(sign["simulation"].as_array().expect("checks").iter().all(|check| check["verdict"] == "refuted"), "{sign}");
    let order = claim("second-order")["exact"][0]["order"]["slope"].as_f64().expect("a slope");
    assert!((order - 1.0).abs() < 0.05, "{order}");
    assert!(claim("no-value-somewhere")["exact"][0]["undefined"]["message"].as_str().expect("a message").contains('^'));
    let junit = std::fs::read_to_string(folder.path().join("out/junit.xml")).expect("junit");
    assert!(junit.contains("one-percent-too-large") && junit.contains("<failure"));
}

#[test]
fn a_verdict_is_replayed_from_its_token() {
    let folder = folder_with(&[
        ("p.toml", PROBLEM),
        (
            "c.toml",
            &claim("var_v", "noise/kappa/(1 - eta*h/(2*(1+beta)))", "holds = \"exactly\"\nnoise = \"gaussian\""),
        ),
    ]);
    let first = langevin(folder.path(), &["check", "c.toml", "--problem", "p.toml", "--json", "--seed", "7"]);
    assert_eq!(first.code, 1, "{}", first.stderr);
    let document = first.json();
    let token = document["claims"][0]["simulation"][0]["replay"].as_str().expect("a token").to_owned();
    let again = langevin(folder.path(), &["check", "--replay", &token, "--json"]);
    assert_eq!(again.json()["claims"], document["claims"]);
}

#[test]
fn sampling_is_that_of_the_problem() {
    let right =
        claim("var_v", "(N-S)/(N-1)*noise/kappa/(1 - eta*h/(2*(1+beta)))", "holds = \"exactly\"\nnoise = \"gaussian\"");
    let folder = folder_with(&[("p.toml", PROBLEM), ("c.toml", &right)]);
    let answer = langevin(folder.path(), &["check", "c.toml", "--problem", "p.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    // with replacement there is no such factor
    assert_eq!(langevin(folder.path(), &["check", "c.toml"]).code, 1);
    let reshuffled = PROBLEM.replace("without-replacement", "reshuffle");
    std::fs::write(folder.path().join("p.toml"), reshuffled).expect("the folder takes files");
    langevin(folder.path(), &["check", "c.toml", "--problem", "p.toml"]).refuses(&["p.toml", "reshuffle"]);
}

#[test]
fn domains_decide() {
    let sde = |bound: &str, domain: &str| {
        claim(
            "var_theta",
            "noise/(kappa*omega^2)",
            &format!("holds = {{ within = {bound} }}\nwhere = \"{domain}\"\nnoise = \"gaussian\""),
        )
    };
    // the error is eta h / (2 (1 + beta)), largest at the border of the domain and beta = 0
    for (bound, domain, code) in [
        ("0.051", "eta*h < 0.1", 0),
        ("0.049", "eta*h < 0.1", 1),
        ("0.031", "eta*h < 0.1 and beta >= 0.65", 0),
        ("0.029", "eta*h < 0.1 and beta >= 0.65", 1),
        ("0.051", "0 <= eta*h <= 0.1*(1 + beta) or eta*h > 100", 0),
    ] {
        let folder = folder_with(&[("c.toml", &sde(bound, domain))]);
        let answer = langevin(folder.path(), &["check", "c.toml"]);
        assert_eq!(answer.code, code, "{bound} {domain}: {}{}", answer.stdout, answer.stderr);
    }
    // of a total the condition holds in every mode
    for (bound, code) in [("0.051", 0), ("0.049", 1)] {
        let rest = format!("holds = {{ within = {bound} }}\nwhere = \"eta*h < 0.1\"\nnoise = \"gaussian\"");
        let folder = folder_with(&[("c.toml", &claim("speed", "eta^2*sum(noise)/(S*(1-beta^2))", &rest))]);
        let answer = langevin(folder.path(), &["check", "c.toml"]);
        assert_eq!(answer.code, code, "{bound}: {}{}", answer.stdout, answer.stderr);
    }
    let folder = folder_with(&[("c.toml", &sde("0.1", "eta*h > 2*(1+beta)"))]);
    langevin(folder.path(), &["check", "c.toml"]).refuses(&["c.toml", "claim \"c\".where", "no point of the grid"]);
}

#[test]
fn mistakes_are_named() {
    for (text, parts) in [
        (
            claim("var_theta", "etta*h", "holds = \"exactly\""),
            &["c.toml", "claim \"c\".expression", "did you mean `eta`?", "^^^^"][..],
        ),
        (claim("var_teta", "eta", "holds = \"exactly\""), &["observable", "did you mean \"var_theta\"?"]),
        (claim("speed", "h", "holds = \"exactly\""), &["inside sum"]),
        (claim("var_theta", "eta*k", "holds = \"exactly\""), &["observables with (k)"]),
        (claim("var_theta", "eta", "holds = \"exactly\"\nwhere = \"eta\""), &["claim \"c\".where", "a condition"]),
        (claim("var_theta", "eta", "hold = \"exactly\""), &["unknown key", "did you mean \"holds\"?"]),
        (claim("var_theta", "eta < 1", "holds = \"exactly\""), &["a condition where a number"]),
        ("[[claim]\n".into(), &["c.toml"]),
    ] {
        let folder = folder_with(&[("c.toml", &text)]);
        langevin(folder.path(), &["check", "c.toml"]).refuses(parts);
    }
    let text = claim("var_theta", "eta", "holds = \"exactly\"");
    let folder = folder_with(&[("c.toml", &text), ("d.toml", &text)]);
    langevin(folder.path(), &["check", "c.toml", "d.toml"]).refuses(&[
        "d.toml",
        "id \"c\" is used by two claims",
        "c.toml",
    ]);
    langevin(folder.path(), &["check", "c.toml", "--only", "b"]).refuses(&["unknown claim \"b\""]);
    langevin(folder.path(), &["check", "missing.toml"]).refuses(&["missing.toml"]);
}

/// Every symbol, observable and function has its place in the documentation.
#[test]
fn the_language_is_documented() {
    use langevin_verify::claim_file::OBSERVABLES;
    use langevin_verify::claim_file::expression::{FUNCTIONS, SYMBOLS};
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/claims.md")).expect("the document");
    let symbols = SYMBOLS.iter().map(|entry| format!("`{}`", entry.0));
    let functions = FUNCTIONS.iter().map(|entry| format!("`{}`", entry.0));
    let observables =
        OBSERVABLES.iter().map(|entry| if entry.2 { format!("`{}(k)`", entry.1) } else { format!("`{}`", entry.1) });
    for name in symbols.chain(functions).chain(observables) {
        assert!(text.contains(&name), "{name} is not in docs/claims.md");
    }
}
