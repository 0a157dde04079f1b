//! Comparison with an earlier `report.json`: an analytic prediction that changed beyond rounding, a verdict that changed, and
//! a check that vanished are failures; new checks are not.
//!
//! Predictions ([`ScenarioPredictions`]) are computed without random numbers, so tiers, seeds and versions do not matter to
//! them. Two numbers x and y of one list are the same when
//!
//! |x - y| <= 1e-9 max(|x|, |y|) + 1e-12 max over the list.
//!
//! The first term is rounding that conditioning amplifies: an eigenvalue h of the Hessian is known to about 1e-16 h_max, so
//! to 1e-11 relative for the flattest direction of the digits (h_max / h = 3e4), and processors of another vector width change
//! last bits. The second is for entries that vanish but for rounding, such as the elements of a circulation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::claim_file::outcome::SCHEMA as CLAIMS_SCHEMA;
use crate::error::{Result, VerifyError};
use crate::report::{Prediction, Report, SCHEMA, ScenarioPredictions, Verdict};

/// Relative difference that conditioning and last bits explain.
const RELATIVE_ROUNDING: f64 = 1e-9;

/// Difference, over the largest number of a list, of entries that are zero but for rounding.
const LIST_ROUNDING: f64 = 1e-12;

/// Largest file that is read: a report with a thousand scenarios is far smaller.
const LARGEST_FILE: u64 = 1 << 30;

/// A prediction that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedPrediction {
    /// Scenario id.
    pub scenario: String,
    /// Name of the prediction.
    pub prediction: String,
    /// Claims that are checked in this scenario.
    pub claims: Vec<String>,
    /// Numbers that changed, and numbers in all.
    pub changed: usize,
    /// Numbers of the list now.
    pub members: usize,
    /// Place of the largest relative change, from 0; absent when the lists have different lengths.
    pub index: Option<usize>,
    /// The number in the baseline; absent where it was not finite, or there was no such number.
    pub before: Option<f64>,
    /// The number now.
    pub now: Option<f64>,
    /// now / before - 1.
    pub relative_change: Option<f64>,
    /// The change in words.
    pub detail: String,
}

/// A verdict that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedVerdict {
    /// Check id.
    pub check: String,
    /// In the baseline.
    pub before: Verdict,
    /// Now.
    pub now: Verdict,
}

/// What changed since an earlier report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineComparison {
    /// The file, as it was given.
    pub file: String,
    /// Version of langevin that wrote it.
    pub version: String,
    /// Its tier.
    pub tier: String,
    /// Its seed.
    pub seed: u64,
    /// Numbers compared.
    pub numbers: usize,
    /// Verdicts compared.
    pub verdicts: usize,
    /// Predictions that changed.
    pub changed_predictions: Vec<ChangedPrediction>,
    /// Verdicts that changed.
    pub changed_verdicts: Vec<ChangedVerdict>,
    /// Checks and predictions of the baseline that this run should have and has not.
    pub vanished: Vec<String>,
    /// Checks that the baseline has not.
    pub new: Vec<String>,
    /// Whether nothing changed and nothing vanished.
    pub unchanged: bool,
}

impl BaselineComparison {
    /// One line per change, after one that counts.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "baseline {} (version {}, tier {}, seed {}): {} predicted numbers and {} verdicts compared, {}{}",
            self.file,
            self.version,
            self.tier,
            self.seed,
            self.numbers,
            self.verdicts,
            if self.unchanged { "nothing changed" } else { "CHANGED" },
            match self.new.len() {
                0 => String::new(),
                1 => format!("; new check: {}", self.new[0]),
                count => format!("; {count} new checks"),
            }
        )];
        lines.extend(self.changes());
        lines
    }

    /// One line per failure.
    pub fn changes(&self) -> Vec<String> {
        let predictions = self.changed_predictions.iter().map(|change| {
            format!(
                "prediction changed: {}/{} (of {}): {}",
                change.scenario,
                change.prediction,
                change.claims.join(", "),
                change.detail
            )
        });
        let verdicts = self.changed_verdicts.iter().map(|change| {
            format!("verdict changed: {}: {} before, {} now", change.check, change.before.name(), change.now.name())
        });
        let vanished = self.vanished.iter().map(|name| format!("vanished: {name}"));
        predictions.chain(verdicts).chain(vanished).collect()
    }
}

/// What a comparison needs of an earlier report.
#[derive(Clone, Debug)]
pub struct Baseline {
    file: String,
    written: Written,
}

/// The part of `report.json` that is read: numbers that are not finite are null there.
#[derive(Clone, Debug, Deserialize)]
struct Written {
    version: String,
    tier: String,
    seed: u64,
    data: WrittenData,
    claims: Vec<WrittenClaim>,
    predictions: Vec<WrittenScenario>,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenData {
    name: String,
    hash: String,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenClaim {
    checks: Vec<WrittenCheck>,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenCheck {
    id: String,
    verdict: Verdict,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenScenario {
    scenario: String,
    predictions: Vec<WrittenPrediction>,
}

#[derive(Clone, Debug, Deserialize)]
struct WrittenPrediction {
    name: String,
    values: Vec<Option<f64>>,
}

impl Baseline {
    /// Reads an earlier `report.json`.
    ///
    /// # Errors
    /// [`VerifyError::Input`] naming the file: not there, no JSON, no report of langevin, or one without predictions.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let refuse = |detail: String| VerifyError::Input { detail: format!("{file}: {detail}") };
        let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(refuse(format!("it has {size} bytes; a report has at most {LARGEST_FILE}")));
        }
        let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let document: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
            refuse(format!("it is no JSON document ({error}); it must be a report.json of langevin"))
        })?;
        match document.get("schema").and_then(serde_json::Value::as_str) {
            Some(SCHEMA) => {}
            Some(CLAIMS_SCHEMA) => {
                let written = written_claims(&document).ok_or_else(|| {
                    refuse("it is no whole document of langevin check on claim files, or of an earlier version".into())
                })?;
                return Ok(Self { file, written });
            }
            Some(other) => return Err(refuse(format!("its schema is \"{other}\"; it must be \"{SCHEMA}\""))),
            None => return Err(refuse(format!("it is no report of langevin: it has no schema \"{SCHEMA}\""))),
        }
        if document.get("predictions").is_none() || document["data"].get("hash").is_none() {
            return Err(refuse(
                "it was written by a version of langevin whose reports have no analytic predictions; write it again"
                    .into(),
            ));
        }
        let written =
            serde_json::from_value(document).map_err(|error| refuse(format!("it is no whole report: {error}")))?;
        Ok(Self { file, written })
    }

    /// Whether this baseline answers the same question as a run.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for other data or another problem.
    pub fn require_same_problem(&self, name: &str, hash: &str) -> Result<()> {
        let own = &self.written.data;
        if own.hash == hash {
            return Ok(());
        }
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Err(VerifyError::Input {
            detail: format!(
                "{}: it is about another problem: data \"{}\" with hash {}, this run has \"{name}\" with hash {}",
                self.file,
                own.name,
                short(&own.hash),
                short(hash)
            ),
        })
    }

    /// Compares a run with the baseline. With `only`, checks and scenarios that were not asked for are left out.
    ///
    /// # Errors
    /// As [`require_same_problem`](Self::require_same_problem).
    pub fn compare(&self, report: &Report, only: &[String]) -> Result<BaselineComparison> {
        self.require_same_problem(&report.data.name, &report.data.hash)?;
        let mut comparison = BaselineComparison {
            file: self.file.clone(),
            version: self.written.version.clone(),
            tier: self.written.tier.clone(),
            seed: self.written.seed,
            ..BaselineComparison::default()
        };
        let asked = |id: &str| only.is_empty() || only.iter().any(|wanted| wanted == id || wanted == claim_of(id));
        let before: BTreeMap<&str, Verdict> = self
            .written
            .claims
            .iter()
            .flat_map(|claim| &claim.checks)
            .filter(|check| asked(&check.id))
            .map(|check| (check.id.as_str(), check.verdict))
            .collect();
        let now: BTreeMap<&str, Verdict> = report
            .claims
            .iter()
            .flat_map(|claim| &claim.checks)
            .map(|check| (check.id.as_str(), check.verdict))
            .collect();
        for (&check, &before) in &before {
            match now.get(check) {
                Some(&now) => {
                    comparison.verdicts += 1;
                    if now != before {
                        comparison.changed_verdicts.push(ChangedVerdict { check: check.into(), before, now });
                    }
                }
                None => comparison.vanished.push(check.into()),
            }
        }
        comparison.new = now.keys().filter(|check| !before.contains_key(*check)).map(|&check| check.into()).collect();
        let claims_in = claims_by_scenario(before.keys().chain(now.keys()).copied());
        for scenario in &self.written.predictions {
            let Some(claims) = claims_in.get(scenario.scenario.as_str()) else { continue };
            let current = report.predictions.iter().find(|one| one.scenario == scenario.scenario);
            compare_scenario(&mut comparison, scenario, current, claims);
        }
        comparison.unchanged = comparison.changed_predictions.is_empty()
            && comparison.changed_verdicts.is_empty()
            && comparison.vanished.is_empty();
        Ok(comparison)
    }
}

/// The same part of what `langevin check FILE.toml --json` wrote.
fn written_claims(document: &serde_json::Value) -> Option<Written> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let verdict = |value: &serde_json::Value| serde_json::from_value::<Verdict>(value["verdict"].clone()).ok();
    let mut claims = Vec::new();
    for claim in document["claims"].as_array()? {
        let id = claim["id"].as_str()?;
        let mut checks = Vec::new();
        for part in claim["exact"].as_array()? {
            let id = format!("{id}/{}/exact", part["noise"].as_str()?);
            checks.push(WrittenCheck { id, verdict: verdict(part)? });
        }
        for check in claim["simulation"].as_array()? {
            checks.push(WrittenCheck { id: text(&check["id"])?, verdict: verdict(check)? });
        }
        claims.push(WrittenClaim { checks });
    }
    Some(Written {
        version: text(&document["version"])?,
        tier: text(&document["tier"])?,
        seed: document["seed"].as_u64()?,
        data: WrittenData { name: text(&document["data"])?, hash: text(&document["data_hash"])? },
        claims,
        predictions: serde_json::from_value(document["predictions"].clone()).ok()?,
    })
}

fn claim_of(check: &str) -> &str {
    check.split('/').next().unwrap_or_default()
}

/// The claims that checks `claim/scenario/quantity` decide, by scenario; also by `claim/scenario`, which is what predictions
/// of claim files are about.
fn claims_by_scenario<'a>(checks: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut claims: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for check in checks {
        let mut parts = check.split('/');
        if let (Some(claim), Some(scenario)) = (parts.next(), parts.next()) {
            claims.entry(scenario).or_default().insert(claim);
            claims.entry(&check[..claim.len() + 1 + scenario.len()]).or_default().insert(claim);
        }
    }
    claims
}

fn compare_scenario(
    comparison: &mut BaselineComparison,
    before: &WrittenScenario,
    now: Option<&ScenarioPredictions>,
    claims: &BTreeSet<&str>,
) {
    for old in &before.predictions {
        let new = now.and_then(|now| now.predictions.iter().find(|one| one.name == old.name));
        let Some(new) = new else {
            comparison.vanished.push(format!("prediction {}/{}", before.scenario, old.name));
            continue;
        };
        comparison.numbers += old.values.len().min(new.values.len());
        if let Some(change) = change(&before.scenario, old, new, claims) {
            comparison.changed_predictions.push(change);
        }
    }
}

/// How a list of numbers changed, if it did.
fn change(
    scenario: &str,
    before: &WrittenPrediction,
    now: &Prediction,
    claims: &BTreeSet<&str>,
) -> Option<ChangedPrediction> {
    let base = ChangedPrediction {
        scenario: scenario.into(),
        prediction: before.name.clone(),
        claims: claims.iter().map(|&claim| claim.into()).collect(),
        changed: 0,
        members: now.values.len(),
        index: None,
        before: None,
        now: None,
        relative_change: None,
        detail: String::new(),
    };
    if before.values.len() != now.values.len() {
        let detail = format!("{} numbers before, {} now", before.values.len(), now.values.len());
        return Some(ChangedPrediction { detail, ..base });
    }
    let finite = |value: f64| value.is_finite().then_some(value);
    let pairs: Vec<(Option<f64>, Option<f64>)> =
        before.values.iter().zip(&now.values).map(|(&old, &new)| (old, finite(new))).collect();
    let largest = pairs.iter().flat_map(|&(old, new)| [old, new]).flatten().map(f64::abs).fold(0.0, f64::max);
    let departs = |&(old, new): &(Option<f64>, Option<f64>)| match (old, new) {
        (Some(old), Some(new)) => {
            (new - old).abs() > RELATIVE_ROUNDING * old.abs().max(new.abs()) + LIST_ROUNDING * largest
        }
        (old, new) => old.is_some() != new.is_some(),
    };
    // a number that came or went counts more than any change
    let size = |(old, new): (Option<f64>, Option<f64>)| match (old, new) {
        (Some(old), Some(new)) => ((new - old) / old.abs().max(new.abs())).abs(),
        _ => f64::INFINITY,
    };
    let changed: Vec<usize> = (0..pairs.len()).filter(|&index| departs(&pairs[index])).collect();
    let index = changed.iter().copied().max_by(|&i, &j| size(pairs[i]).total_cmp(&size(pairs[j])))?;
    let (old, new) = pairs[index];
    let relative_change = old.zip(new).map(|(old, new)| new / old - 1.0).filter(|change| change.is_finite());
    let number = |value: Option<f64>| value.map_or_else(|| "not finite".into(), |value| format!("{value:.12e}"));
    let place = if pairs.len() == 1 { String::new() } else { format!("number {} of {}: ", index + 1, pairs.len()) };
    let others = if changed.len() > 1 { format!(" (the largest of {} changes)", changed.len()) } else { String::new() };
    let relative = relative_change.map_or_else(String::new, |change| format!(", relative change {change:+.3e}"));
    Some(ChangedPrediction {
        changed: changed.len(),
        index: Some(index),
        before: old,
        now: new,
        relative_change,
        detail: format!("{place}{} before, {} now{relative}{others}", number(old), number(new)),
        ..base
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    /// A report with predictions, and the same as a baseline.
    fn report() -> Report {
        let mut report = example::report();
        report.data.hash = "abc".into();
        let scenario = report.claims[0].checks[0].scenario.clone();
        report.predictions = vec![ScenarioPredictions {
            scenario,
            predictions: vec![Prediction::new("speed", [0.5]), Prediction::new("variance", [1.0, 1e-3, 0.0])],
        }];
        report
    }

    fn written(report: &Report) -> Baseline {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        std::fs::write(&path, serde_json::to_string(report).expect("a report is JSON")).expect("it is written");
        Baseline::read(&path).expect("what langevin wrote is read")
    }

    #[test]
    fn a_report_equals_itself_up_to_rounding() {
        let mut report = report();
        let baseline = written(&report);
        // an ulp, ten digits, and an entry that is zero but for rounding
        let values = &mut report.predictions[0].predictions[1].values;
        values[0] += f64::EPSILON;
        values[1] *= 1.0 + 1e-10;
        values[2] = 1e-14;
        let comparison = baseline.compare(&report, &[]).expect("the same problem");
        assert!(comparison.unchanged, "{:?}", comparison.lines());
        assert_eq!(comparison.numbers, 4);
        assert_eq!(comparison.verdicts, report.claims.iter().map(|claim| claim.checks.len()).sum::<usize>());
    }

    #[test]
    fn changes_are_found_and_named() {
        let mut report = report();
        let baseline = written(&report);
        report.predictions[0].predictions[1].values[1] *= 1.0 + 1e-6;
        report.claims[0].checks[0].verdict = Verdict::Undecided;
        let gone = report.claims[1].checks.remove(0).id;
        report.claims[0].checks[1].id = "new/scenario/check".into();
        let comparison = baseline.compare(&report, &[]).expect("the same problem");
        assert!(!comparison.unchanged);
        let [change] = comparison.changed_predictions.as_slice() else { panic!("{comparison:?}") };
        assert_eq!((change.index, change.before, change.changed), (Some(1), Some(1e-3), 1));
        assert!((change.relative_change.expect("both are finite") / 1e-6 - 1.0).abs() < 1e-3);
        assert_eq!(comparison.changed_verdicts.len(), 1);
        assert!(comparison.vanished.contains(&gone));
        assert_eq!(comparison.new, ["new/scenario/check"]);
        assert_eq!(comparison.changes().len(), 1 + 1 + comparison.vanished.len());
    }

    #[test]
    fn lists_that_grow_and_numbers_that_go_are_changes() {
        let mut report = report();
        let baseline = written(&report);
        report.predictions[0].predictions[0].values = vec![f64::NAN];
        report.predictions[0].predictions[1].values.push(1.0);
        let comparison = baseline.compare(&report, &[]).expect("the same problem");
        assert_eq!(comparison.changed_predictions.len(), 2);
        assert_eq!(comparison.changed_predictions[0].now, None);
        assert_eq!(comparison.changed_predictions[1].index, None);
        report.predictions.clear();
        assert_eq!(baseline.compare(&report, &[]).expect("the same problem").vanished.len(), 2);
    }

    #[test]
    fn what_was_not_asked_for_is_not_missed() {
        let mut report = report();
        let baseline = written(&report);
        let only = vec![report.claims[0].checks[0].id.clone()];
        report.claims.truncate(1);
        report.claims[0].checks.truncate(1);
        let comparison = baseline.compare(&report, &only).expect("the same problem");
        assert!(comparison.unchanged, "{:?}", comparison.lines());
        assert_eq!(comparison.verdicts, 1);
        assert!(!baseline.compare(&report, &[]).expect("the same problem").unchanged);
    }

    #[test]
    fn other_problems_and_foreign_files_are_refused() {
        let mut report = report();
        let baseline = written(&report);
        report.data.hash = "def".into();
        assert_eq!(baseline.compare(&report, &[]).expect_err("another problem").exit_code(), 2);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        let mut old = serde_json::to_value(&report).expect("a report is JSON");
        old.as_object_mut().expect("an object").remove("predictions");
        let whole = serde_json::to_string(&report).expect("a report is JSON");
        for (text, part) in [
            ("", "no JSON"),
            ("{}", "no report"),
            ("[1]", "no report"),
            (r#"{"schema": "langevin-report/9"}"#, "langevin-report/9"),
            (r#"{"schema": "langevin-report/1"}"#, "no analytic predictions"),
            (&old.to_string(), "no analytic predictions"),
            (&whole[..whole.len() / 2], "no JSON"),
            (&whole.replace("\"claims\":[", "\"claims\":[3,"), "no whole report"),
        ] {
            std::fs::write(&path, text).expect("it is written");
            let error = Baseline::read(&path).expect_err(part);
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(part) && error.to_string().contains("report.json"), "{error}");
        }
        assert_eq!(Baseline::read(&folder.path().join("none.json")).expect_err("no file").exit_code(), 2);
    }
}
