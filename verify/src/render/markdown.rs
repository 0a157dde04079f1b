//! The report as a short Markdown summary for the page of a CI job: the counts, what needs attention with the commands
//! that repeat it, and one line per claim.

use super::number::{Notation, count, setting};
use super::wording::{self, Finding, Outcome};
use crate::report::{ClaimResult, Expectation, KillOutcome, Report};

/// Renders the summary.
pub(super) fn render(report: &Report) -> String {
    [
        format!("# langevin: {}\n\n", wording::headline(report)),
        counts(report),
        format!(
            "Data {}, tier {}, seed {} ({}), false-alarm probability of the whole run at most {}. Repeat with {}\n",
            escape(&report.data.name),
            escape(&report.tier),
            report.seed,
            escape(&report.seed_origin),
            setting(report.family_wise_error, Notation::Typeset),
            code(&report.command),
        ),
        attention(report),
        history(report),
        claims(report, Expectation::Supported, "Theory that must hold"),
        claims(report, Expectation::Refuted, "Wrong theories that must be refuted"),
        kill_matrix(report),
        diagnostics(report),
    ]
    .concat()
}

fn counts(report: &Report) -> String {
    let summary = &report.summary;
    format!(
        "| supported | wrong theories refuted | undecided | refuted unexpectedly | wrong theories not refuted | checks |\n\
         |---:|---:|---:|---:|---:|---:|\n\
         | {} | {} | {} | {} | {} | {} |\n\n",
        summary.supported,
        summary.refuted_as_required,
        summary.undecided,
        summary.refuted_unexpectedly,
        summary.not_refuted,
        count(summary.checks as u64),
    )
}

/// Surprises and undecided claims, with the checks that made them so.
fn attention(report: &Report) -> String {
    let open = |claim: &&ClaimResult| Outcome::of(claim).is_surprise() || Outcome::of(claim) == Outcome::Undecided;
    let text: String = report.claims.iter().filter(open).map(item).collect();
    if text.is_empty() { text } else { format!("\n## What needs attention\n\n{text}") }
}

/// What changed since the baseline, and the evidence of all runs.
fn history(report: &Report) -> String {
    let section = |title: &str, lines: Vec<String>| {
        let items: Vec<String> = lines.iter().map(|line| format!("- {}", escape(line))).collect();
        format!("\n## {title}\n\n{}\n", items.join("\n"))
    };
    let baseline = report.baseline.as_ref().map(|one| section("Baseline", one.lines()));
    let evidence = report.evidence.as_ref().map(|one| section("Evidence over all runs", one.lines()));
    baseline.into_iter().chain(evidence).collect()
}

fn item(claim: &ClaimResult) -> String {
    let outcome = Outcome::of(claim);
    let heading = format!("- **{}**: {}. {}\n", outcome.label(), escape(&claim.title), escape(&claim.headline));
    let checks = claim.checks.iter().filter(|check| check.verdict == claim.verdict).map(|check| {
        let finding = Finding::of(check, Notation::Typeset);
        let command = code(&wording::replay_command(check));
        format!("  - {}: {}\n    {command}\n", escape(&check.id), escape(&finding.line()))
    });
    std::iter::once(heading).chain(checks).collect()
}

fn claims(report: &Report, expectation: Expectation, title: &str) -> String {
    let rows: String = report.claims.iter().filter(|claim| claim.expectation == expectation).map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n## {title}\n\n| verdict | claim | effect | minimum detectable effect |\n|---|---|---|---|\n{rows}")
}

fn row(claim: &ClaimResult) -> String {
    let outcome = Outcome::of(claim);
    let finding = wording::decisive_check(claim).map(|check| Finding::of(check, Notation::Typeset));
    let absent = || "–".to_owned();
    let effect = finding.as_ref().map_or_else(absent, |finding| match &finding.interval {
        Some(interval) => format!("{} {interval}", finding.effect),
        None => finding.effect.clone(),
    });
    let resolution = finding.and_then(|finding| finding.minimum_detectable_effect).unwrap_or_else(absent);
    let paper = if claim.paper.is_empty() { String::new() } else { format!(" · {}", claim.paper) };
    format!(
        "| {} {} | {}{} | {} | {} |\n",
        outcome.symbol(),
        outcome.label(),
        escape(&claim.title),
        escape(&paper),
        escape(&effect),
        escape(&resolution),
    )
}

/// A line per mutant.
fn kill_matrix(report: &Report) -> String {
    let Some(line) = wording::kill_matrix(report) else { return String::new() };
    let rows: Vec<String> = report
        .kill_matrix
        .mutants
        .iter()
        .map(|mutant| {
            let killers = mutant.cells.iter().filter(|cell| cell.outcome == KillOutcome::Killed).count();
            let best = wording::best_cell(mutant);
            format!(
                "| {} | {} | {} of {} | {} | {} |\n",
                if mutant.killed { "killed" } else { "**not killed**" },
                escape(&mutant.title),
                killers,
                mutant.cells.len(),
                best.map_or_else(|| "–".to_owned(), |cell| escape(&cell.check)),
                best.map_or_else(|| "–".to_owned(), |cell| escape(&wording::shift(cell.shift))),
            )
        })
        .collect();
    format!(
        "\n## Kill matrix\n\n{}. Shifts are in minimum detectable effects.\n\n| | mutant | killed by | best killer | shift |\n\
         |---|---|---|---|---|\n{}",
        escape(&line),
        rows.concat()
    )
}

/// Diagnostics of long chains: one line per chain.
fn diagnostics(report: &Report) -> String {
    if report.diagnostics.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = report
        .diagnostics
        .iter()
        .map(|one| {
            format!(
                "| {} | {} | {} x {} | {:+.2} % | {:.2} % | {:.3} | {:.3} | {:.0} | {:.0} |\n",
                escape(&one.scenario),
                escape(&one.quantity),
                one.chains,
                one.draws,
                100.0 * (one.mean / one.exact - 1.0),
                100.0 * one.standard_error / one.exact,
                one.rank_r_hat,
                one.folded_r_hat,
                one.bulk_size,
                one.tail_size
            )
        })
        .collect();
    format!(
        "\n## Long chains\n\nFor information; no verdict rests on it.\n\n| scenario | quantity | chains x states | mean - exact | \
         standard error | R-hat | R-hat, folded | effective size, bulk | effective size, tails |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|\n{}",
        rows.concat()
    )
}

/// Text that means itself, on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A code span, fenced by more backticks than it contains in a row.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let padding = if longest > 0 { " " } else { "" };
    format!("{fence}{padding}{text}{padding}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;

    #[test]
    fn a_quiet_run_has_counts_and_claims() {
        let report = example::report();
        let text = render(&report);
        assert!(text.starts_with("# langevin: All verdicts are as expected\n"));
        assert!(!text.contains("What needs attention"));
        let rows = text.lines().filter(|line| line.starts_with("| ✓")).count();
        assert_eq!(rows, report.claims.len());
        assert!(text.contains("## Kill matrix\n\nkill matrix: 2 of 2 mutants killed by"));
        assert_eq!(text.lines().filter(|line| line.starts_with("| killed |")).count(), 2);
    }

    #[test]
    fn surprises_come_with_the_commands_that_repeat_them() {
        let text = render(&example::report_with_surprises());
        assert!(text.contains("## What needs attention"));
        assert!(text.contains("`langevin check --replay "));
        assert!(text.contains("**refuted unexpectedly**"));
        assert!(text.contains("**not refuted**"));
        assert!(text.contains("**undecided**"));
    }

    #[test]
    fn changes_since_the_baseline_are_listed() {
        let mut report = example::report();
        assert!(!render(&report).contains("## Baseline"));
        let changed = crate::baseline::BaselineComparison { vanished: vec!["a/b/c_d".into()], ..Default::default() };
        report.baseline = Some(changed);
        assert!(render(&report).contains("\n- vanished: a/b/c\\_d\n"));
    }

    #[test]
    fn odd_characters_do_not_break_the_tables() {
        let text = render(&example::hostile_report());
        // Outside of code spans, which show markup as it is, there is none.
        let starts = ["|", "- ", "#", "  - "];
        for line in text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))) {
            assert!(!line.contains("<script") && !line.contains("<img"), "{line}");
        }
        for line in text.lines().filter(|line| line.starts_with("| ✓") || line.starts_with("| ✗")) {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 5, "{line}");
        }
        assert_eq!(code("a``b"), "``` a``b ```");
    }
}
