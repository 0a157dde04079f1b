//! The report as JUnit XML: a test suite per claim and a test case per check.
//!
//! - A claim that must hold: a refuting check is a failure.
//! - A wrong theory that must be refuted: one refuting check suffices, so the others pass with it. If none refutes, every
//!   check is a failure.
//! - An undecided check is skipped, not an error: CI systems count errors among failures, and a budget that ended is not
//!   a refutation. The exit code of the command (3) fails the job.
//!
//! - The mutants of the kill matrix are a suite of their own: one that no check killed is a failure. In a run of some checks
//!   alone it is skipped.
//! - A change since the baseline is a failure of the suite `baseline`, a case per kind of change.
//!
//! Times are those the caller measured: a case has its share of its scenario's, a suite the sum of its cases. Without them,
//! the same report gives the same bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::RenderError;
use super::number::{self, Notation, setting};
use super::wording::{self, Finding, Outcome};
use crate::baseline::BaselineComparison;
use crate::report::{CheckResult, ClaimResult, Expectation, KillOutcome, Report, Verdict};

/// Renders the document.
pub(super) fn render(report: &Report, timings: &BTreeMap<String, Duration>) -> Result<String, RenderError> {
    let mut document = quick_junit::Report::new(format!("langevin {}", clean(&report.tier)));
    let times = Times::new(report, timings);
    document.add_test_suites(report.claims.iter().map(|claim| suite(report, claim, &times)));
    if !report.kill_matrix.mutants.is_empty() {
        document.add_test_suite(mutants(report));
    }
    document.add_test_suites(report.baseline.as_ref().map(baseline));
    if !timings.is_empty() {
        document.set_time(timings.values().sum());
    }
    Ok(document.to_string()?)
}

/// The share of a scenario's time that each of its checks has.
struct Times<'a> {
    share: BTreeMap<&'a str, Duration>,
}

impl<'a> Times<'a> {
    fn new(report: &'a Report, timings: &BTreeMap<String, Duration>) -> Self {
        let mut checks: BTreeMap<&str, u32> = BTreeMap::new();
        for check in report.claims.iter().flat_map(|claim| &claim.checks) {
            *checks.entry(&check.scenario).or_default() += 1;
        }
        let share =
            checks.into_iter().filter_map(|(scenario, count)| Some((scenario, *timings.get(scenario)? / count)));
        Self { share: share.collect() }
    }

    fn of(&self, check: &CheckResult) -> Option<Duration> {
        self.share.get(check.scenario.as_str()).copied()
    }
}

/// What changed since the baseline, a case per kind.
fn baseline(comparison: &BaselineComparison) -> TestSuite {
    let mut suite = TestSuite::new("baseline");
    suite.add_property(Property::new("file", clean(&comparison.file)));
    let changes = comparison.changes();
    for (name, beginning, compared) in [
        ("predictions", "prediction changed", format!("{} numbers compared", comparison.numbers)),
        ("verdicts", "verdict changed", format!("{} verdicts compared", comparison.verdicts)),
        ("vanished", "vanished", format!("{} new checks", comparison.new.len())),
    ] {
        let own: Vec<&str> = changes.iter().map(String::as_str).filter(|line| line.starts_with(beginning)).collect();
        let status = if own.is_empty() { TestCaseStatus::success() } else { failure("changed", &own.join("\n")) };
        let mut case = TestCase::new(name, status);
        case.set_classname("langevin.baseline");
        case.set_system_out(clean(&compared));
        suite.add_test_case(case);
    }
    suite
}

fn suite(report: &Report, claim: &ClaimResult, times: &Times<'_>) -> TestSuite {
    let mut suite = TestSuite::new(clean(&claim.id));
    let expectation = match claim.expectation {
        Expectation::Supported => "must hold",
        Expectation::Refuted => "must be refuted",
    };
    let properties = [
        ("title", claim.title.clone()),
        ("statement", claim.statement.clone()),
        ("paper", claim.paper.clone()),
        ("errata", claim.errata.join(" ")),
        ("expectation", expectation.to_owned()),
        ("outcome", Outcome::of(claim).label().to_owned()),
        ("headline", claim.headline.clone()),
        ("seed", report.seed.to_string()),
        ("family-wise error", setting(report.family_wise_error, Notation::Ascii)),
    ];
    suite.add_properties(properties.map(|(name, value)| Property::new(name, clean(&value))));
    suite.add_test_cases(claim.checks.iter().map(|check| case(claim, check, times.of(check))));
    let measured: Vec<Duration> = claim.checks.iter().filter_map(|check| times.of(check)).collect();
    if !measured.is_empty() {
        suite.set_time(measured.iter().sum());
    }
    // The verdict of the claim has the last word: it must show even where no check carries it.
    let shown = suite.failures > 0 || (claim.verdict == Verdict::Undecided && suite.skipped > 0);
    let expected = !Outcome::of(claim).is_surprise() && claim.verdict != Verdict::Undecided;
    if claim.checks.is_empty() || !(shown || expected) {
        suite.add_test_case(whole_claim(claim));
    }
    suite
}

/// A case per mutant.
fn mutants(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new(MUTANTS);
    suite.add_test_cases(report.kill_matrix.mutants.iter().map(|mutant| {
        let killed = mutant.cells.iter().filter(|cell| cell.outcome == KillOutcome::Killed).count();
        let message = format!("no check sees the mutant \"{}\": {}", mutant.title, mutant.definition);
        let status = if mutant.killed {
            TestCaseStatus::success()
        } else if report.summary.mutants_not_killed > 0 {
            failure("not-killed", &message)
        } else {
            skipped(&message)
        };
        let mut case = TestCase::new(clean(&mutant.id), status);
        case.set_classname(MUTANTS);
        let mut lines = vec![
            format!("{}: {}", mutant.title, mutant.definition),
            format!("vanishes: {}", mutant.vanishes),
            format!("killed by {killed} of {} checks whose prediction it moves", mutant.cells.len()),
        ];
        lines.extend(mutant.cells.iter().map(|cell| {
            let word = if cell.outcome == KillOutcome::Killed { "killed" } else { "survived" };
            let p_value = number::p_value(cell.p_value, Notation::Ascii);
            format!("{word}: {}, shift {} MDE, {p_value}", cell.check, wording::shift(cell.shift))
        }));
        case.set_system_out(clean(&lines.join("\n")));
        case
    }));
    suite
}

/// Name of their suite.
const MUTANTS: &str = "kill-matrix";

fn case(claim: &ClaimResult, check: &CheckResult, time: Option<Duration>) -> TestCase {
    let finding = Finding::of(check, Notation::Ascii);
    let command = wording::replay_command(check);
    let message = |what: &str| format!("{what}: {}; repeat with: {command}", finding.line());
    let status = match (claim.expectation, claim.verdict, check.verdict) {
        (Expectation::Supported, _, Verdict::Refuted) => failure("refuted", &message("refuted unexpectedly")),
        (Expectation::Refuted, Verdict::Refuted, _)
        | (_, _, Verdict::Refuted)
        | (Expectation::Supported, _, Verdict::Supported) => TestCaseStatus::success(),
        (_, _, Verdict::Undecided) => skipped(&message("undecided")),
        (Expectation::Refuted, _, Verdict::Supported) => {
            failure("not-refuted", &message("a wrong theory was not refuted"))
        }
    };
    let prefix = format!("{}/", claim.id);
    let name = check.id.strip_prefix(&prefix).unwrap_or(&check.id);
    let mut case = TestCase::new(clean(name), status);
    case.set_classname(classname(claim));
    if let Some(time) = time {
        case.set_time(time);
    }
    let mut lines = vec![
        format!("{}: {}", wording::verdict(check.verdict), finding.line()),
        format!("quantity: {}", check.quantity),
        format!(
            "method: {} ({}), {} samples, family of {}",
            check.method,
            wording::layer(check.layer),
            check.samples,
            check.family_size
        ),
    ];
    lines.extend(check.note.iter().map(|note| format!("note: {note}")));
    lines.push(format!("repeat with: {command}"));
    case.set_system_out(clean(&lines.join("\n")));
    case
}

/// Stands for a claim whose verdict no single check carries.
fn whole_claim(claim: &ClaimResult) -> TestCase {
    let outcome = Outcome::of(claim);
    let message = format!("{}: {}", outcome.label(), claim.headline);
    let status = match outcome {
        Outcome::Supported | Outcome::RefutedAsRequired => TestCaseStatus::success(),
        Outcome::RefutedUnexpectedly => failure("refuted", &message),
        Outcome::NotRefuted => failure("not-refuted", &message),
        Outcome::Undecided => skipped(&message),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname(classname(claim));
    case
}

/// CI systems split at the point: a package of classes.
fn classname(claim: &ClaimResult) -> String {
    format!("langevin.{}", clean(&claim.id))
}

fn failure(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind);
    status.set_message(clean(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_type("undecided");
    status.set_message(clean(message));
    status
}

/// Characters that XML 1.0 forbids even when they are escaped.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use crate::baseline::BaselineComparison;
    use crate::render::{example, junit, junit_timed};
    use crate::report::Report;

    fn document(report: &Report) -> String {
        junit(report).expect("XML is written for any report")
    }

    fn attribute(text: &str, name: &str) -> usize {
        let start = text.split_once(&format!(" {name}=\"")).expect("the root element has its counts").1;
        start.split('"').next().and_then(|digits| digits.parse().ok()).expect("a count")
    }

    fn cases(report: &Report) -> usize {
        let checks: usize = report.claims.iter().map(|claim| claim.checks.len()).sum();
        checks + report.kill_matrix.mutants.len()
    }

    #[test]
    fn mutants_that_nothing_kills_fail() {
        let mut report = example::report();
        report.kill_matrix.mutants[0].killed = false;
        // in a run of some checks alone they are skipped
        let text = document(&report);
        assert!(text.contains("message=\"no check sees the mutant"));
        assert_eq!((attribute(&text, "failures"), text.matches("<skipped").count()), (0, 1));
        report.summary.mutants_not_killed = 1;
        let text = document(&report);
        assert_eq!(attribute(&text, "failures"), 1);
        assert!(text.contains("type=\"not-killed\""));
    }

    #[test]
    fn a_run_without_surprises_has_no_failures() {
        let report = example::report();
        let text = document(&report);
        assert_eq!(attribute(&text, "failures"), 0);
        assert_eq!(attribute(&text, "errors"), 0);
        assert_eq!(attribute(&text, "tests"), cases(&report));
        assert_eq!(text.matches("<testsuite ").count(), report.claims.len() + 1);
    }

    #[test]
    fn surprises_fail_and_undecided_checks_are_skipped() {
        let text = document(&example::report_with_surprises());
        assert!(attribute(&text, "failures") >= 2);
        assert!(attribute(&text, "skipped") >= 1);
        assert!(text.contains("refuted unexpectedly: effect"));
        assert!(text.contains("a wrong theory was not refuted"));
        assert!(text.contains("repeat with: langevin check --replay "));
    }

    #[test]
    fn nothing_depends_on_the_moment() {
        let report = example::report();
        let text = document(&report);
        assert_eq!(text, document(&report));
        for name in [" uuid=", " timestamp=", " time="] {
            assert!(!text.contains(name), "{name}");
        }
    }

    #[test]
    fn times_of_scenarios_are_shared_by_their_checks() {
        let report = example::report();
        let scenario = report.claims[0].checks[0].scenario.clone();
        let checks = report.claims.iter().flat_map(|claim| &claim.checks);
        let sharing = checks.filter(|check| check.scenario == scenario).count();
        let timings = BTreeMap::from([(scenario, Duration::from_secs_f64(0.5 * sharing as f64))]);
        let text = junit_timed(&report, &timings).expect("XML is written for any report");
        let shared =
            text.lines().filter(|line| line.contains("<testcase ") && line.contains(" time=\"0.500\"")).count();
        assert_eq!(shared, sharing);
    }

    /// The order of elements and the attributes of the schema that Jenkins, GitLab and others read (junit-10.xsd).
    #[test]
    fn the_document_follows_the_schema_that_ci_systems_read() {
        type Names = &'static [&'static str];

        let mut report = example::report_with_surprises();
        report.baseline = Some(BaselineComparison { vanished: vec!["a/b/c".into()], ..BaselineComparison::default() });
        let timings = BTreeMap::from([(report.claims[0].checks[0].scenario.clone(), Duration::from_millis(1234))]);
        let text = junit_timed(&report, &timings).expect("XML is written for any report");
        // element: parents, required attributes, all attributes, text allowed
        let schema: [(&str, Names, Names, Names); 9] = [
            // the schema has no `skipped` here; quick-junit writes it, and readers pass over what they do not know
            ("testsuites", &[""], &[], &["name", "time", "tests", "failures", "disabled", "errors", "skipped"]),
            (
                "testsuite",
                &["testsuites"],
                &["name"],
                &[
                    "name",
                    "tests",
                    "failures",
                    "errors",
                    "time",
                    "disabled",
                    "skipped",
                    "timestamp",
                    "hostname",
                    "id",
                    "package",
                ],
            ),
            ("properties", &["testsuite"], &[], &[]),
            ("property", &["properties"], &["name", "value"], &["name", "value"]),
            ("testcase", &["testsuite"], &["name"], &["name", "assertions", "time", "classname", "status"]),
            ("failure", &["testcase"], &[], &["type", "message"]),
            ("skipped", &["testcase"], &[], &["type", "message"]),
            ("system-out", &["testcase", "testsuite"], &[], &[]),
            ("system-err", &["testcase", "testsuite"], &[], &[]),
        ];
        let mut open: Vec<String> = Vec::new();
        let mut seen: Vec<Vec<String>> = vec![Vec::new()];
        let body = text.split_once("?>").expect("a declaration").1;
        for piece in body.split('<').skip(1) {
            let (tag, _) = piece.split_once('>').expect("a tag ends");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name));
                seen.pop();
                continue;
            }
            let name = tag.split([' ', '/']).next().expect("a name");
            let (_, parents, required, allowed) =
                schema.iter().find(|entry| entry.0 == name).unwrap_or_else(|| panic!("<{name}> is not in the schema"));
            let parent = open.last().map_or("", String::as_str);
            assert!(parents.contains(&parent), "<{name}> in <{parent}>");
            let before = seen.last_mut().expect("a level");
            // properties come first, outputs last
            assert!(name != "properties" || before.is_empty());
            assert!(before.last().is_none_or(|last| !last.starts_with("system-") || name.starts_with("system-")));
            before.push(name.into());
            let pairs = tag.split("=\"").collect::<Vec<&str>>();
            let names: Vec<&str> =
                pairs[..pairs.len() - 1].iter().filter_map(|piece| piece.rsplit([' ', '\n']).next()).collect();
            assert!(required.iter().all(|wanted| names.contains(wanted)), "<{tag}>");
            assert!(names.iter().all(|name| allowed.contains(name)), "<{tag}>: {names:?}");
            for (name, value) in names.iter().zip(&pairs[1..]) {
                let value = value.split('"').next().expect("a value ends");
                match *name {
                    "tests" | "failures" | "errors" | "disabled" | "skipped" => assert!(value.parse::<u64>().is_ok()),
                    "time" => assert!(value.parse::<f64>().is_ok_and(|time| time >= 0.0)),
                    _ => {}
                }
            }
            if !tag.ends_with('/') {
                open.push(name.into());
                seen.push(Vec::new());
            }
        }
        assert!(open.is_empty());
        assert!(text.contains("vanished: a/b/c") && text.contains("classname=\"langevin.baseline\""));
    }

    #[test]
    fn a_claim_without_checks_still_shows_its_verdict() {
        let mut report = example::report_with_surprises();
        for claim in &mut report.claims {
            claim.checks.clear();
        }
        let text = document(&report);
        assert_eq!(attribute(&text, "tests"), report.claims.len() + report.kill_matrix.mutants.len());
        assert_eq!(attribute(&text, "failures"), 2);
        assert_eq!(attribute(&text, "skipped"), 1);
    }

    #[test]
    fn odd_characters_leave_valid_xml() {
        let text = document(&example::hostile_report());
        assert!(!text.contains("<script"));
        assert!(
            text.chars().all(|c| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
        );
    }
}
