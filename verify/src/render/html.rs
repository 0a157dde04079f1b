//! The report as one HTML page. This module turns the report into what the template prints; `templates/report.html`
//! decides how it looks. The template escapes every string itself, except the markup that [`mathematics`] and
//! [`plots`] have made.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;

use super::number::{Notation, count, p_value, percent, setting, significant};
use super::wording::{self, Finding, Outcome};
use super::{RenderError, mathematics, plots};
use crate::baseline::BaselineComparison;
use crate::evidence::AccumulatedEvidence;
use crate::report::{
    ChainDiagnostics, CheckResult, ClaimResult, Expectation, KillCell, KillOutcome, MutantResult, PaperSetting, Report,
    ScenarioSummary, Verdict,
};

/// Renders the page.
pub(super) fn render(report: &Report) -> Result<String, RenderError> {
    let claims: Vec<Claim<'_>> = report.claims.iter().map(Claim::new).collect();
    Ok(Page::new(report, &claims).render()?)
}

const PAGE: Notation = Notation::Typeset;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    headline: String,
    banner_style: &'static str,
    banner_symbol: &'static str,
    counts: Vec<Count>,
    attention: Vec<&'a Claim<'a>>,
    /// What changed since the baseline, and the evidence of all runs.
    history: Vec<String>,
    facts: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    sections: Vec<Section<'a>>,
    kills: Option<Kills<'a>>,
    scenarios: Vec<Scenario<'a>>,
    diagnostics: Vec<Diagnosed<'a>>,
    settings: Vec<Setting>,
    family_wise_error: String,
}

/// A number in the banner.
struct Count {
    number: usize,
    label: &'static str,
    style: &'static str,
}

struct Figure {
    number: usize,
    id: &'static str,
    caption: String,
    columns: usize,
    panels: Vec<plots::Panel>,
    legend: Vec<plots::LegendEntry>,
    omitted: String,
}

/// Claims with the same expectation.
struct Section<'a> {
    id: &'static str,
    title: &'static str,
    introduction: &'static str,
    claims: Vec<&'a Claim<'a>>,
}

struct Claim<'a> {
    result: &'a ClaimResult,
    anchor: String,
    outcome: Outcome,
    statement: String,
    comparison: &'static str,
    decisive: Option<Finding>,
    decisive_note: String,
    checks: Vec<Check<'a>>,
}

struct Check<'a> {
    result: &'a CheckResult,
    layer: &'static str,
    verdict: &'static str,
    style: &'static str,
    finding: Finding,
    samples: String,
    family: String,
    command: String,
}

struct Scenario<'a> {
    result: &'a ScenarioSummary,
    learning_rate: String,
    momentum: String,
    weight_decay: String,
    chains: String,
    steps: String,
    stability_fraction: String,
    spectral_radius: String,
    sde_error_assumption3: String,
    sde_error_true_noise: String,
}

/// The kill matrix: mutants by claims.
struct Kills<'a> {
    line: String,
    /// Claims whose predictions a mutant moves, with their titles.
    columns: Vec<(&'a str, &'a str)>,
    rows: Vec<MutantRow<'a>>,
    /// Checks that kill nothing, by why they exist.
    idle: Vec<(String, Vec<&'a str>)>,
}

struct MutantRow<'a> {
    result: &'a MutantResult,
    killers: String,
    best: Option<String>,
    cells: Vec<KillSquare>,
}

/// The strongest cell of a mutant in the checks of a claim.
struct KillSquare {
    style: &'static str,
    text: String,
    details: String,
}

/// A row of the paper's tables.
struct Setting {
    table: u8,
    figures: String,
    model: String,
    dataset: String,
    cells: Vec<String>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report, claims: &'a [Claim<'a>]) -> Self {
        let summary = &report.summary;
        let surprises = summary.refuted_unexpectedly + summary.not_refuted + summary.mutants_not_killed;
        let (banner_style, banner_symbol) = match (surprises, summary.undecided) {
            _ if report.baseline.as_ref().is_some_and(|baseline| !baseline.unchanged) => ("surprise", "✗"),
            (0, 0) if !claims.is_empty() => ("supported", "✓"),
            (0, _) => ("undecided", "?"),
            _ => ("surprise", "✗"),
        };
        Self {
            report,
            headline: wording::headline(report),
            banner_style,
            banner_symbol,
            counts: counts(report),
            attention: claims.iter().filter(|claim| claim.needs_attention()).collect(),
            history: history(report),
            facts: facts(report),
            figures: figures(report),
            sections: sections(claims),
            kills: Kills::new(report),
            scenarios: report.scenarios.iter().map(Scenario::new).collect(),
            diagnostics: report.diagnostics.iter().map(Diagnosed::new).collect(),
            settings: report.paper_settings.iter().map(Setting::new).collect(),
            family_wise_error: setting(report.family_wise_error, PAGE),
        }
    }
}

fn history(report: &Report) -> Vec<String> {
    let baseline = report.baseline.iter().flat_map(BaselineComparison::lines);
    baseline.chain(report.evidence.iter().flat_map(AccumulatedEvidence::lines)).collect()
}

fn counts(report: &Report) -> Vec<Count> {
    let summary = &report.summary;
    let count =
        |number, label, style: &'static str| Count { number, label, style: if number == 0 { "none" } else { style } };
    vec![
        count(summary.supported, "supported", Outcome::Supported.style()),
        count(summary.refuted_as_required, "wrong theories refuted, as required", Outcome::RefutedAsRequired.style()),
        count(summary.mutants_killed, "mutants killed", Outcome::RefutedAsRequired.style()),
        count(summary.undecided, "undecided", Outcome::Undecided.style()),
        count(summary.refuted_unexpectedly, "refuted unexpectedly", Outcome::RefutedUnexpectedly.style()),
        count(summary.not_refuted, "wrong theories not refuted", Outcome::NotRefuted.style()),
        count(summary.mutants_not_killed, "mutants not killed", Outcome::NotRefuted.style()),
    ]
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let data = &report.data;
    let origin = match report.seed_origin.as_str() {
        "epoch" => " (the constant of this version)".to_owned(),
        "given" => " (given on the command line)".to_owned(),
        "fresh" => " (drawn afresh for this run)".to_owned(),
        other => format!(" ({other})"),
    };
    let [largest, smallest] = data.curvature_range;
    let mut facts = vec![
        ("Data", format!("{}: {}", data.name, data.description)),
        (
            "Size",
            format!(
                "{}, {}, {}; Hessian of rank {} and trace {}, its nonzero eigenvalues from {} to {}",
                plural(data.samples, "sample"),
                plural(data.features, "feature"),
                plural(data.outputs, "output"),
                count(data.rank as u64),
                significant(data.hessian_trace, 3, PAGE),
                significant(largest, 3, PAGE),
                significant(smallest, 3, PAGE),
            ),
        ),
    ];
    facts.extend(data.attribution.iter().map(|attribution| ("Attribution", attribution.clone())));
    facts.extend([
        ("Tier", report.tier.clone()),
        ("Seed", format!("{}{origin}", report.seed)),
        (
            "Decisions",
            format!("{} of {}", plural(report.summary.checks, "check"), plural(report.claims.len(), "claim")),
        ),
        (
            "Error budget",
            format!("false-alarm probability of the whole run at most {}", setting(report.family_wise_error, PAGE)),
        ),
        ("Version", format!("langevin {}, {}", report.version, report.schema)),
    ]);
    facts
}

fn figures(report: &Report) -> Vec<Figure> {
    let number = |(index, plot): (usize, plots::Plot)| {
        Figure {
        number: index + 1,
        id: plot.id,
        caption: mathematics::prose(plot.caption),
        columns: plot.columns.min(plot.panels.len()),
        omitted: match plot.omitted() {
            0 => String::new(),
            1 => "One value has no place on these axes (not finite, or not positive on a logarithmic axis) and is left out.".to_owned(),
            n => format!(
                "{} values have no place on these axes (not finite, or not positive on a logarithmic axis) and are left out.",
                count(n as u64)
            ),
        },
        panels: plot.panels,
        legend: plot.legend,
    }
    };
    plots::all(&report.figures).into_iter().enumerate().map(number).collect()
}

fn sections<'a>(claims: &'a [Claim<'a>]) -> Vec<Section<'a>> {
    let expecting =
        |expectation| claims.iter().filter(|claim| claim.result.expectation == expectation).collect::<Vec<_>>();
    [
        Section {
            id: "must-hold",
            title: "Theory that must hold",
            introduction: "Each of these must survive tests that would have seen a departure of the size of the minimum \
                           detectable effect. The row shows the check with the strongest evidence against the claim.",
            claims: expecting(Expectation::Supported),
        },
        Section {
            id: "must-be-refuted",
            title: "Wrong theories that must be refuted",
            introduction: "Each of these is wrong on purpose: a slip in a formula, or a formula used where it does not \
                           hold. The run must notice. The row shows the check that refutes it most strongly.",
            claims: expecting(Expectation::Refuted),
        },
    ]
    .into_iter()
    .filter(|section| !section.claims.is_empty())
    .collect()
}

impl<'a> Claim<'a> {
    fn new(result: &'a ClaimResult) -> Self {
        let decisive = wording::decisive_check(result);
        Self {
            result,
            anchor: anchor(&result.id),
            outcome: Outcome::of(result),
            statement: mathematics::display(&result.statement),
            comparison: wording::comparison(result.comparison),
            decisive: decisive.map(|check| Finding::of(check, PAGE)),
            decisive_note: decisive.map(decisive_note).unwrap_or_default(),
            checks: result.checks.iter().map(Check::new).collect(),
        }
    }

    fn needs_attention(&self) -> bool {
        self.outcome.is_surprise() || self.outcome == Outcome::Undecided || !self.result.as_expected
    }

    fn check_count(&self) -> String {
        plural(self.checks.len(), "check")
    }
}

/// Where the figures of a row come from.
fn decisive_note(check: &CheckResult) -> String {
    match check.family_size {
        0 | 1 => check.scenario.clone(),
        n => format!("{}, largest of {}", check.scenario, count(n)),
    }
}

impl<'a> Check<'a> {
    fn new(result: &'a CheckResult) -> Self {
        Self {
            result,
            layer: wording::layer(result.layer),
            verdict: wording::verdict(result.verdict),
            style: match result.verdict {
                Verdict::Supported => "plain",
                Verdict::Refuted => "strong",
                Verdict::Undecided => "undecided",
            },
            finding: Finding::of(result, PAGE),
            samples: match result.samples {
                0 => "–".to_owned(),
                n => count(n),
            },
            family: match result.family_size {
                0 | 1 => String::new(),
                n => format!("family of {}", count(n)),
            },
            command: wording::replay_command(result),
        }
    }
}

impl<'a> Scenario<'a> {
    fn new(result: &'a ScenarioSummary) -> Self {
        let optional = |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(|| "–".to_owned(), write);
        let percentage: fn(f64) -> String = |value| significant(100.0 * value, 3, PAGE) + percent(PAGE);
        Self {
            result,
            learning_rate: setting(result.learning_rate, PAGE),
            momentum: setting(result.momentum, PAGE),
            weight_decay: setting(result.weight_decay, PAGE),
            chains: count(result.chains),
            steps: count(result.steps),
            stability_fraction: optional(result.stability_fraction, |value| significant(value, 3, PAGE)),
            spectral_radius: optional(result.spectral_radius, |value| significant(value, 6, PAGE)),
            sde_error_assumption3: optional(result.sde_error_assumption3, percentage),
            sde_error_true_noise: optional(result.sde_error_true_noise, percentage),
        }
    }
}

/// Diagnostics of long chains, as text.
struct Diagnosed<'a> {
    result: &'a ChainDiagnostics,
    draws: String,
    departure: String,
    standard_error: String,
    rank_r_hat: String,
    folded_r_hat: String,
    bulk_size: String,
    tail_size: String,
}

impl<'a> Diagnosed<'a> {
    fn new(result: &'a ChainDiagnostics) -> Self {
        let relative = |value: f64| significant(100.0 * value / result.exact, 3, PAGE) + percent(PAGE);
        Self {
            result,
            draws: format!("{} × {}", count(result.chains), count(result.draws)),
            departure: relative(result.mean - result.exact),
            standard_error: relative(result.standard_error),
            rank_r_hat: format!("{:.3}", result.rank_r_hat),
            folded_r_hat: format!("{:.3}", result.folded_r_hat),
            bulk_size: format!("{:.0}", result.bulk_size),
            tail_size: format!("{:.0}", result.tail_size),
        }
    }
}

impl<'a> Kills<'a> {
    fn new(report: &'a Report) -> Option<Self> {
        let matrix = &report.kill_matrix;
        let line = wording::kill_matrix(report)?;
        let claim_of = |check: &'a str| check.split('/').next().unwrap_or_default();
        let moved: BTreeSet<&str> =
            matrix.mutants.iter().flat_map(|mutant| &mutant.cells).map(|cell| claim_of(&cell.check)).collect();
        let columns: Vec<(&str, &str)> = report
            .claims
            .iter()
            .filter(|claim| moved.contains(claim.id.as_str()))
            .map(|claim| (claim.id.as_str(), claim.title.as_str()))
            .collect();
        let rows = matrix
            .mutants
            .iter()
            .map(|mutant| {
                let killed = mutant.cells.iter().filter(|cell| cell.outcome == KillOutcome::Killed).count();
                let best = wording::best_cell(mutant);
                MutantRow {
                    result: mutant,
                    killers: format!("{killed} of {}", plural(mutant.cells.len(), "check")),
                    best: best.map(|cell| format!("{}: {}", cell.check, describe(cell))),
                    cells: columns
                        .iter()
                        .map(|(claim, _)| {
                            let own = mutant.cells.iter().filter(|cell| claim_of(&cell.check) == *claim);
                            KillSquare::new(wording::strongest_cell(own))
                        })
                        .collect(),
                }
            })
            .collect();
        let mut idle: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for check in &matrix.idle_checks {
            let why = check.purpose.clone().unwrap_or_else(|| "no mutant moves the prediction on these data".into());
            idle.entry(why).or_default().push(&check.check);
        }
        Some(Self { line, columns, rows, idle: idle.into_iter().collect() })
    }
}

impl KillSquare {
    fn new(cell: Option<&KillCell>) -> Self {
        match cell {
            None => Self { style: "none", text: String::new(), details: String::new() },
            Some(cell) => Self {
                style: if cell.outcome == KillOutcome::Killed { "killed" } else { "survived" },
                text: wording::shift(cell.shift),
                details: format!("{}: {}", cell.check, describe(cell)),
            },
        }
    }
}

/// The numbers of a cell.
fn describe(cell: &KillCell) -> String {
    format!(
        "moved by {} MDE, effect {}, {}",
        wording::shift(cell.shift),
        significant(cell.effect, 3, PAGE),
        p_value(cell.p_value, PAGE)
    )
}

impl Setting {
    fn new(row: &PaperSetting) -> Self {
        let range = |ends: [f64; 2], write: fn(f64) -> String| {
            let [low, high] = ends.map(write);
            if low == high { low } else { format!("{low} to {high}") }
        };
        let printed = |ends| range(ends, |value| setting(value, PAGE));
        let derived = |ends| range(ends, |value| significant(value, 3, PAGE));
        Self {
            table: row.table,
            figures: row.figures.clone(),
            model: row.model.clone(),
            dataset: row.dataset.clone(),
            cells: vec![
                row.epochs.to_string(),
                printed(row.batch_size),
                printed(row.learning_rate),
                printed(row.momentum),
                setting(row.weight_decay, PAGE),
                row.settings.to_string(),
                derived(row.critical_curvature),
                derived(row.critical_curvature_sde),
                derived(row.unstable_curvature),
                derived(row.momentum_steps),
            ],
        }
    }
}

fn plural(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number as u64))
}

/// A name that works as an anchor.
fn anchor(id: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }
    };
    format!("claim-{}", id.chars().map(keep).collect::<String>())
}

#[cfg(test)]
mod tests {
    use crate::render::{example, html};

    fn page(report: &crate::report::Report) -> String {
        html(report).expect("the template fills in for any report")
    }

    #[test]
    fn the_page_is_self_contained_and_reproducible() {
        let report = example::report();
        let text = page(&report);
        assert_eq!(text, page(&report));
        for outside in ["<script", "<link", "@import", "url(http", "src=", "href=\"http"] {
            assert!(!text.contains(outside), "{outside}");
        }
        for claim in &report.claims {
            for check in &claim.checks {
                assert!(text.contains(&check.replay), "{}", check.id);
            }
        }
    }

    #[test]
    fn every_formula_of_the_example_is_typeset() {
        let report = example::report();
        let text = page(&report);
        assert!(!text.contains("class=\"latex\""));
        assert!(text.matches("<math").count() >= report.claims.len());
    }

    #[test]
    fn the_kill_matrix_has_a_row_per_mutant() {
        let report = example::report();
        let text = page(&report);
        assert!(text.contains("kill matrix: 2 of 2 mutants killed"));
        assert_eq!(text.matches("class=\"mutant-title\"").count(), 2);
        assert!(text.contains("<td class=\"square killed\""));
        let mut none = report;
        none.kill_matrix = crate::report::KillMatrix::default();
        assert!(!page(&none).contains("id=\"kill-matrix\""));
    }

    #[test]
    fn surprises_are_named_at_the_top() {
        let text = page(&example::report_with_surprises());
        assert!(text.contains("2 surprises, and 1 claim undecided"));
        assert!(text.contains("href=\"#claim-"));
    }

    #[test]
    fn strings_are_escaped() {
        let text = page(&example::hostile_report());
        assert!(!text.contains("<script"));
        assert!(!text.contains("<img"));
        assert!(!text.contains("onmouseover=\""));
        assert!(text.contains("&#60;script") || text.contains("&lt;script"));
    }

    #[test]
    fn an_empty_report_is_a_page() {
        let text = page(&example::empty_report());
        assert!(text.contains("No claim was checked"));
        assert!(text.contains("</html>"));
    }
}
