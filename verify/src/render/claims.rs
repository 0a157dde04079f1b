//! Verdicts about claims of a user as text for a terminal, and as a report for JUnit.

use std::fmt::Write as _;

use crate::claim_file::check::{exact_scenario, percent};
use crate::claim_file::outcome::{ClaimOutcome, ClaimsReport, Departure, ErrorMap, ExactOutcome, Place};
use crate::claim_file::reader::Holds;
use crate::report::{
    CheckResult, ClaimResult, Comparison, DataSummary, Expectation, Figures, KillMatrix, Layer, Report, SCHEMA, Verdict,
};

fn holds(holds: Holds) -> String {
    match holds {
        Holds::Exactly => "exactly".into(),
        Holds::Within(bound) => format!("within {}", percent(bound)),
        Holds::Order(order) => format!("to order {order} in eta h"),
    }
}

fn place(place: &Place) -> String {
    let mut text = format!(
        "{}: eta = {:.4e}, beta = {}, lambda = {:.4}, S = {}, N = {}, eta h = {:.4e}",
        place.spectrum,
        place.learning_rate,
        short(place.momentum),
        place.weight_decay,
        place.batch_size,
        place.samples,
        place.rate_times_curvature
    );
    if let (Some(mode), Some(h)) = (place.mode, place.curvature) {
        let _ = write!(text, ", mode {mode} (h = {h:.4e})");
    }
    if let Some(steps) = place.steps {
        let _ = write!(text, ", k = {steps}");
    }
    text
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn departure(largest: &Departure) -> String {
    format!(
        "largest error {}: claimed {:.6e}, exact {:.6e}\n        at {}",
        percent(largest.error),
        largest.claimed,
        largest.exact,
        place(&largest.place)
    )
}

/// One character group per cell: the finest level that holds there.
fn map(map: &ErrorMap) -> String {
    let mut text = String::from("        eta h/(2(1+beta))");
    for fraction in &map.fractions {
        let _ = write!(text, " {:>6}", short(*fraction));
    }
    text.push('\n');
    for row in &map.rows {
        let _ = write!(text, "        {:>17}", format!("beta = {}", short(row.momentum)));
        for error in &row.errors {
            let cell = match error {
                None => "-".into(),
                Some(error) if *error <= 1e-9 => "exact".into(),
                Some(error) if *error <= 0.01 => "1 %".into(),
                Some(error) if *error <= 0.05 => "5 %".into(),
                Some(error) if *error <= 0.2 => "20 %".into(),
                Some(_) => "> 20 %".to_owned(),
            };
            let _ = write!(text, " {cell:>6}");
        }
        text.push('\n');
    }
    text
}

fn exact(outcome: &ExactOutcome) -> String {
    let mut text = format!("    exact law, {} noise: {}", outcome.noise, outcome.verdict.name());
    let [one, five, twenty] = outcome.shares.map(|share| 100.0 * share);
    let _ = writeln!(
        text,
        " ({} values; {one:.1} % of them within 1 %, {five:.1} % within 5 %, {twenty:.1} % within 20 %)",
        outcome.values
    );
    if let Some(undefined) = &outcome.undefined {
        for line in undefined.message.lines() {
            let _ = writeln!(text, "      {line}");
        }
        let _ = writeln!(text, "        at {}", place(&undefined.place));
    }
    if let Some(order) = &outcome.order {
        match (order.slope, &order.place) {
            (Some(slope), Some(at)) => {
                let _ = writeln!(
                    text,
                    "      smallest order {slope:.3} (allowance {:.3}) of {} lines\n        at {}",
                    order.allowance,
                    order.lines,
                    place(at)
                );
            }
            _ => {
                let _ = writeln!(text, "      no error above rounding along {} lines", order.lines);
            }
        }
    }
    if let Some(largest) = &outcome.largest {
        let _ = writeln!(text, "      {}", departure(largest));
    }
    if outcome.ill_conditioned > 0 {
        let _ = writeln!(
            text,
            "      {} values left out: the formula loses too many digits there",
            outcome.ill_conditioned
        );
    }
    text.push_str(&map(&outcome.map));
    text
}

fn simulation(check: &CheckResult) -> String {
    let interval = check
        .interval
        .map_or_else(String::new, |[low, high]| format!(", interval {} to {}", percent(low), percent(high)));
    let resolution =
        check.minimum_detectable_effect.map_or_else(String::new, |effect| format!(", MDE {}", percent(effect)));
    let p_value = check.p_value.map_or_else(String::new, |p| format!(", p = {p:.2e}"));
    let alpha = check.alpha.map_or_else(String::new, |alpha| format!(", alpha {alpha:.1e}"));
    format!(
        "    simulation, {}: {}, effect {}{interval}{resolution}{p_value}{alpha}\n      {}\n      {}\n",
        check.id,
        check.verdict.name(),
        percent(check.effect),
        check.quantity,
        check.note.as_deref().unwrap_or_default()
    )
}

fn claim(outcome: &ClaimOutcome) -> String {
    let mark = if outcome.verdict == Verdict::Supported { "ok  " } else { "!!  " };
    let mut text = format!("{mark}{} {}: {}\n", outcome.verdict.name(), outcome.id, outcome.headline);
    let domain = outcome.domain.as_ref().map_or_else(String::new, |domain| format!(", where {domain}"));
    let _ = writeln!(text, "    {} = {} {}{domain}", outcome.observable, outcome.expression, holds(outcome.holds));
    for part in &outcome.exact {
        text.push_str(&exact(part));
    }
    for check in &outcome.simulation {
        text.push_str(&simulation(check));
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "    note: {note}");
    }
    text
}

/// Every claim with both decisions.
pub(super) fn text(report: &ClaimsReport) -> String {
    let mut text = String::new();
    for outcome in &report.claims {
        text.push_str(&claim(outcome));
    }
    let summary = &report.summary;
    let _ = writeln!(
        text,
        "{}: {} claims supported, {} refuted, {} undecided (tier {}, seed {} ({}), {})",
        if summary.exit_code == 0 { "as claimed" } else { "NOT as claimed" },
        summary.supported,
        summary.refuted_unexpectedly,
        summary.undecided,
        report.tier,
        report.seed,
        report.seed_origin,
        report.data
    );
    for outcome in report.claims.iter().filter(|outcome| outcome.verdict != Verdict::Supported) {
        if let Some(check) = outcome.simulation.first() {
            let _ = writeln!(text, "replay {}: langevin check --replay '{}'", outcome.id, check.replay);
        }
    }
    text
}

/// The first decision as a check, so that every renderer of checks can show it.
fn exact_check(outcome: &ClaimOutcome, part: &ExactOutcome) -> CheckResult {
    let largest = part.largest.as_ref();
    let notes = [
        part.undefined.as_ref().map(|undefined| format!("{} at {}", undefined.message, place(&undefined.place))),
        part.order.as_ref().and_then(|order| order.slope).map(|slope| format!("smallest order {slope:.3}")),
        largest.map(|largest| place(&largest.place)),
    ];
    CheckResult {
        purpose: None,
        id: format!("{}/{}/exact", outcome.id, part.noise),
        scenario: exact_scenario(&outcome.id, &part.noise),
        layer: Layer::L0,
        method: "deterministic".into(),
        quantity: format!("{}, claimed / exact - 1 over {} values", outcome.observable, part.values),
        effect: largest.map_or(0.0, |largest| largest.error),
        effect_unit: "relative".into(),
        interval: None,
        minimum_detectable_effect: None,
        power: None,
        alpha: None,
        p_value: None,
        e_value: None,
        tolerance: part.bound,
        samples: 0,
        family_size: part.values,
        verdict: part.verdict,
        untestable: None,
        note: Some(notes.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        replay: outcome.simulation.first().map_or_else(String::new, |check| check.replay.clone()),
    }
}

/// A claim in the form of a built-in one. Every claim of a user must hold.
pub(super) fn as_result(outcome: &ClaimOutcome) -> ClaimResult {
    let exact = outcome.exact.iter().map(|part| exact_check(outcome, part));
    ClaimResult {
        id: outcome.id.clone(),
        title: outcome.title.clone().unwrap_or_else(|| outcome.id.clone()),
        statement: outcome
            .statement
            .clone()
            .unwrap_or_else(|| format!("{} = {}", outcome.observable, outcome.expression)),
        paper: outcome.file.clone(),
        errata: Vec::new(),
        assumptions: outcome.domain.iter().cloned().collect(),
        comparison: Comparison::Sampling,
        expectation: Expectation::Supported,
        verdict: outcome.verdict,
        as_expected: outcome.verdict == Verdict::Supported,
        headline: outcome.headline.clone(),
        checks: exact.chain(outcome.simulation.iter().cloned()).collect(),
    }
}

/// The report in the form of the built-in claims.
pub(super) fn as_report(report: &ClaimsReport) -> Report {
    Report {
        schema: SCHEMA.into(),
        version: report.version.clone(),
        tier: report.tier.clone(),
        seed: report.seed,
        seed_origin: report.seed_origin.clone(),
        family_wise_error: report.family_wise_error,
        command: report.command.clone(),
        summary: report.summary.clone(),
        data: DataSummary {
            name: report.data.clone(),
            description: report.data.clone(),
            attribution: None,
            samples: 0,
            features: 0,
            outputs: 1,
            rank: 0,
            hessian_trace: 0.0,
            curvature_range: [0.0, 0.0],
            hash: report.data_hash.clone(),
        },
        claims: report.claims.iter().map(as_result).collect(),
        scenarios: Vec::new(),
        diagnostics: Vec::new(),
        kill_matrix: KillMatrix::default(),
        predictions: report.predictions.clone(),
        baseline: report.baseline.clone(),
        evidence: report.evidence.clone(),
        figures: Figures::default(),
        paper_settings: Vec::new(),
        references: Vec::new(),
    }
}
