//! The main job, whole, at the quick tier: everything is as expected, and every mutant is killed.

use std::collections::{BTreeMap, BTreeSet};

use crate::program::langevin;

#[test]
fn the_main_job_kills_every_mutant() {
    let folder = tempfile::tempdir().unwrap();
    let answer = langevin(folder.path(), &["report"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join("report").join(name)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();

    // checks of claims that must hold, with their levels; deterministic ones have none
    let mut levels: BTreeMap<String, f64> = BTreeMap::new();
    for claim in list(&report["claims"]) {
        assert_eq!(claim["as_expected"], true, "{}", claim["id"]);
        if claim["expectation"] == "supported" {
            for check in list(&claim["checks"]) {
                levels.insert(text(&check["id"]), check["alpha"].as_f64().unwrap_or(0.0));
            }
        }
    }

    let matrix = &report["kill_matrix"];
    let mutants = list(&matrix["mutants"]);
    assert_eq!(mutants.len(), 21);
    let mut killing = BTreeSet::new();
    for mutant in &mutants {
        assert_eq!(mutant["killed"], true, "{}", mutant["id"]);
        let mut largest: f64 = 0.0;
        for cell in list(&mutant["cells"]) {
            let level = levels.get(&text(&cell["check"])).copied();
            let level = level.unwrap_or_else(|| panic!("{} is no check of a claim that must hold", cell["check"]));
            let (shift, p_value) = (cell["shift"].as_f64().unwrap(), cell["p_value"].as_f64().unwrap());
            assert_eq!(cell["outcome"] == "killed", shift >= 3.0 && p_value <= level, "{}: {cell}", mutant["id"]);
            if cell["outcome"] == "killed" {
                if level > 0.0 {
                    largest = largest.max(shift);
                }
                killing.insert(text(&cell["check"]));
            }
        }
        let best = list(&mutant["cells"]).into_iter().find(|cell| cell["check"] == mutant["best"]).unwrap();
        assert_eq!(best["shift"].as_f64(), Some(largest), "{}", mutant["id"]);
    }
    // a check kills, or says why it exists
    let idle = list(&matrix["idle_checks"]);
    assert_eq!(killing.len() + idle.len(), levels.len());
    for check in &idle {
        assert!(!killing.contains(&text(&check["check"])));
        assert!(check["purpose"].is_string(), "{} kills no mutant and gives no reason to exist", check["check"]);
    }
    assert_eq!(report["summary"]["mutants_killed"], 21);
    assert_eq!(report["summary"]["mutants_not_killed"], 0);

    // every document has it
    let line = format!("kill matrix: 21 of 21 mutants killed by {} of {} checks", killing.len(), levels.len());
    for said in [&answer.stdout, &read("summary.md"), &read("report.html")] {
        assert!(said.contains(&line), "{line}");
    }
    let junit = read("junit.xml");
    assert!(junit.contains("<testsuite name=\"kill-matrix\" tests=\"21\""));
    assert_eq!(junit.matches("classname=\"kill-matrix\"").count(), 21);
}

/// One check alone is decided again with the mutants too, but is not judged by those it cannot see.
#[test]
fn a_replayed_check_is_not_judged_by_mutants() {
    let folder = tempfile::tempdir().unwrap();
    let answer = langevin(folder.path(), &["check", "--json", "--only", "stability-edge"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let report = answer.json();
    let mutants = report["kill_matrix"]["mutants"].as_array().unwrap().clone();
    assert!(!mutants.is_empty() && mutants.len() < 21);
    assert!(mutants.iter().any(|mutant| mutant["id"] == "dampened-momentum" && mutant["killed"] == true));
    assert!(answer.stderr.contains("kill matrix: "));
}
