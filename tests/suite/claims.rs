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
    // gaussian noise has no epochs
    let reshuffled = PROBLEM.replace("without-replacement", "reshuffle");
    std::fs::write(folder.path().join("p.toml"), reshuffled).expect("the folder takes files");
    langevin(folder.path(), &["check", "c.toml", "--problem", "p.toml"]).refuses(&["c.toml", "noise", "reshuffle"]);
}

/// Formulas about reshuffled epochs: what holds for any noise in a state that repeats, and what takes independent batches.
const RESHUFFLED: &str = r#"
[[claim]]
id = "right-cross-covariance"
observable = "cov_theta_v"
expression = "eta*var_v/2"
holds = "exactly"
[[claim]]
id = "right-speed"
observable = "speed"
expression = "eta^2*sum(var_v)"
holds = "exactly"
[[claim]]
id = "right-one-step"
observable = "msd(1)"
expression = "eta^2*sum(var_v)"
holds = "exactly"
[[claim]]
id = "wrong-equipartition"
observable = "var_v"
expression = "2*h*var_theta/(eta*(1+beta))"
holds = "exactly"
[[claim]]
id = "wrong-independent-batches"
observable = "var_theta"
expression = "(N-S)/(N-1)*eta*(noise/S)/(2*h*(1-beta)) / (1 - eta*h/(2*(1+beta)))"
holds = { within = 0.05 }
[[claim]]
id = "wrong-one-percent"
observable = "msd(1)"
expression = "1.01*eta^2*sum(var_v)"
holds = "exactly"
[[claim]]
id = "wrong-lag"
observable = "autocov_theta(1)"
expression = "var_theta*(1 - eta*h/(1+beta))"
holds = "exactly"
"#;

/// With an exact law by enumeration (six samples), and by simulation where there is none (sixty).
#[test]
fn reshuffled_epochs_are_decided() {
    let sixty = PROBLEM.replace("without-replacement", "reshuffle");
    let six = sixty.replace("rows = 60", "rows = 6").replace("batch_size = 12", "batch_size = 2");
    for (problem, enumerated) in [(&six, true), (&sixty, false)] {
        let folder = folder_with(&[("p.toml", problem), ("c.toml", RESHUFFLED)]);
        let answer = langevin(folder.path(), &["check", "c.toml", "--problem", "p.toml", "--json"]);
        let document = answer.json();
        for (id, verdict) in verdicts(&document) {
            let expected = if id.starts_with("right") { "supported" } else { "refuted" };
            assert_eq!(verdict, expected, "{id} {enumerated}: {}", answer.stderr);
        }
        let claim = |id: &str| {
            document["claims"].as_array().expect("claims").iter().find(|claim| claim["id"] == id).expect(id).clone()
        };
        // simulation sees what the exact law sees
        for id in ["wrong-equipartition", "wrong-independent-batches", "wrong-lag"] {
            let checks = claim(id)["simulation"].as_array().expect("checks").clone();
            assert!(checks.iter().any(|check| check["verdict"] == "refuted"), "{id} {enumerated}: {checks:?}");
        }
        // no exact law of lags: it says so
        assert_eq!(claim("right-one-step")["exact"].as_array().map(Vec::len), Some(0));
        assert!(answer.stderr.contains("simulation decides alone"));
        assert_eq!(answer.stderr.contains("too many to enumerate"), !enumerated);
    }
}

/// A clear case is decided at an early look, an unclear one goes on; the record says so, and has evidence either way.
#[test]
fn simulations_stop_when_they_have_decided() {
    let text = [
        claim("var_v", "2*noise/kappa", "holds = \"exactly\"\nnoise = \"gaussian\""),
        claim(
            "var_v",
            "1.02*noise/kappa / (1 - eta*h/(2*(1+beta)))",
            "holds = { within = 0.03 }\nnoise = \"gaussian\"",
        ),
        claim("var_v", "noise/kappa", "holds = { order = 1 }\nnoise = \"gaussian\""),
    ];
    let text = text.iter().enumerate().map(|(index, one)| one.replace("\"c\"", &format!("\"c{index}\"")));
    let folder = folder_with(&[("c.toml", &text.collect::<String>())]);
    let arguments = ["check", "c.toml", "--json", "--evidence", "e.json", "--junit", "junit.xml"];
    let answer = langevin(folder.path(), &arguments);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    let document = answer.json();
    let checks = |index: usize| document["claims"][index]["simulation"].as_array().expect("checks").clone();
    for check in checks(0) {
        assert_eq!(check["verdict"], "refuted");
        assert!(check["note"].as_str().expect("a note").contains("stopped at look 1 of"), "{check}");
    }
    for check in checks(1).iter().chain(&checks(2)) {
        assert_eq!(check["verdict"], "supported");
        assert!(check["p_value"].as_f64().is_some_and(|p| p > 0.0 && p <= 1.0), "{check}");
    }
    // within and order gather evidence too
    let evidence = document["evidence"]["checks"].as_array().expect("checks").clone();
    assert_eq!(evidence.len(), 6, "{evidence:?}");
    let junit = std::fs::read_to_string(folder.path().join("junit.xml")).expect("it is written");
    assert_eq!(
        junit.matches("<testcase").count(),
        junit.matches(" time=").count() - 1 - junit.matches("<testsuite ").count()
    );
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
