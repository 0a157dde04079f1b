//! The command line: arguments in, exit code out. Exit codes are those of the contract: 0 as expected, 1 a claim is refuted
//! (or one that must be is not), 2 wrong input or usage, 3 undecided, 4 interrupted or output failed.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use langevin_sim::Dataset;
use langevin_sim::data::Standardize;
use serde_json::json;

use crate::baseline::{Baseline, BaselineComparison};
use crate::claim_file::{CheckGround, ClaimsReport, UserClaim, check_claims};
use crate::claims::CLAIMS;
use crate::compare::{Grid, compare};
use crate::coverage::COVERAGE;
use crate::document;
use crate::error::{Result, VerifyError};
use crate::evidence::{AccumulatedEvidence, EvidenceFile};
use crate::interruption;
use crate::modes_run::{ModesProblem, ModesRun, run_modes};
use crate::networks::read_folder;
use crate::output::{create_folder, print, write_file};
use crate::plan::Plan;
use crate::predict::predict;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::render;
use crate::report::{Expectation, Report, Verdict};
use crate::run::{RunOptions, run};
use crate::seed::Seed;
use crate::simulate::{
    RunOptions as SimulateOptions, Shard, ShardArgument, Simulated, check_arrays_path, check_path, merge, simulate,
    write_arrays,
};
use crate::tier::Tier;

/// Checks theories of stochastic gradient descent against stochastic gradient descent.
#[derive(Debug, Parser)]
#[command(name = "langevin", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 every verdict is as expected; 1 a claim is refuted, or a wrong theory is not, \
or something changed since the baseline; \
2 the input or the usage is wrong; 3 a claim is undecided; 4 interrupted, or output could not be written.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate, check every built-in claim, and write a validation report
    Report(ReportArguments),
    /// Check claims and print the verdicts
    Check(CheckArguments),
    /// List the built-in claims and the coverage of the paper
    Claims {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Evaluate the theory for a document (TOML or JSON); no randomness
    Predict {
        /// The document, or - for JSON on standard input
        file: PathBuf,
        /// Compact JSON on one line (the answer is JSON in any case)
        #[arg(long)]
        json: bool,
    },
    /// Run a problem file, or a shard of it, and write its statistics
    Simulate(SimulateArguments),
    /// Join the shards of a run
    Merge(MergeArguments),
    /// Rank rival theories against the exact law of a problem, and test that law against simulation
    Compare(CompareArguments),
    /// Hand over to langevin-nn, the neural-network harness
    #[command(disable_help_flag = true)]
    Nn {
        /// Arguments of langevin-nn
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct ReportArguments {
    /// Folder for report.html, report.json, junit.xml and summary.md
    #[arg(long, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Render networks instead: folders that `langevin-nn experiment` or `langevin-nn train` wrote, finished or not. Writes networks.html
    #[arg(long, value_name = "RUN", num_args = 1.., conflicts_with_all = ["tier", "data", "seed"])]
    nn: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct CommonArguments {
    /// Resolution: quick (1 % pooled, 5 % per mode), nightly (0.3 %, 1 %), weekly (0.1 %, 0.3 %)
    #[arg(long, default_value = "quick")]
    tier: Tier,
    /// Data set: digits, or a CSV file whose last column is the target
    #[arg(long, value_name = "SOURCE", default_value = "digits")]
    data: String,
    /// A whole number, or fresh for new entropy; without it the fixed seed of this version
    #[arg(long, value_name = "N|fresh")]
    seed: Option<Seed>,
    /// Worker threads (default: one per core); the numbers do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// An earlier report.json: a prediction or verdict that changed, or a check that vanished, is a failure (exit code 1)
    #[arg(long, value_name = "REPORT")]
    baseline: Option<PathBuf>,
    /// Multiply the evidence of this run into a file, made if it is not there; the seed is fresh unless it is given
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = CLAIM_HELP)]
struct CheckArguments {
    /// Claim files: TOML with [[claim]] tables (below); without one the built-in claims are checked
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Check on the data and hyperparameters of this problem file
    #[arg(long, value_name = "PROBLEM", conflicts_with = "data")]
    problem: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArguments,
    /// The report as one JSON document on standard output; text goes to standard error
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a Markdown summary to this file, for the page of a CI job
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Only these claims or checks
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,
    /// Repeat one check exactly as a report printed it
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["files", "only", "seed", "tier", "problem", "data", "evidence"])]
    replay: Option<String>,
}

const CLAIM_HELP: &str = r#"A claim file says what somebody believes:
  [[claim]]
  id = "my-variance"
  observable = "var_theta"        # per mode: var_theta var_v cov_theta_v mean_theta(k) mean_v(k)
                                  #   autocov_theta(k) autocov_v(k)
                                  # totals: speed msd(k) excess_loss kinetic learning_rate_limit
  expression = "eta*(noise/S)/(2*h*(1-beta)) / (1 - eta*h/(2*(1+beta)))"
  holds = "exactly"               # or { within = 0.02 }, or { order = 1 }
  where = "eta*h < 1"             # optional domain
  noise = "gaussian"              # gaussian | minibatch | both (default)
Symbols: eta beta lambda S N d k sigma2 kappa gamma trH pi; per mode rho h noise b omega zeta var_theta var_v.
Functions: exp log sqrt sin cos ... pow if(condition, a, b) max min of several; sum prod mean max min over modes.
Each claim is held against the exact law over a grid, and against simulation. docs/claims.md defines everything.

Exit codes: 0 every claim is supported; 1 one is refuted; 2 the input or the usage is wrong; 3 one is undecided; \
4 interrupted, or output could not be written."#;

#[derive(Debug, Args)]
struct SimulateArguments {
    /// The problem file (TOML)
    problem: PathBuf,
    /// Output: .npz (arrays), .json (one document) or .parquet (long table); checkpoints are kept beside it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Run part I of N (from 1) and write it beside --out, for langevin merge; auto takes I (and N) from
    /// a Slurm array or a Kubernetes indexed job
    #[arg(long, value_name = "I/N|auto|auto/N", requires = "out")]
    shard: Option<ShardArgument>,
    /// Go on from the checkpoint of an interrupted run, if there is one; the numbers are the same
    #[arg(long, requires = "out")]
    resume: bool,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value = "10", env = "LANGEVIN_CHECKPOINT", value_parser = seconds)]
    checkpoint: Duration,
    /// The top mode over time with its mean, .html or .svg; the run must record modes
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Worker threads (default: one per core); the numbers do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// A summary as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct MergeArguments {
    /// All shards of a run, in any order
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<PathBuf>,
    /// Output: .npz, .json or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the numbers come from, as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

/// A time in seconds.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| *time <= Duration::from_secs(MOST_SECONDS))
        .ok_or_else(|| format!("it must be a number of seconds above 0, at most {MOST_SECONDS}"))
}

/// A hundred days.
const MOST_SECONDS: u64 = 8_640_000;

#[derive(Debug, Args)]
#[command(after_help = GRID_HELP)]
struct CompareArguments {
    /// The problem file (TOML); run.seed is the seed of the simulation
    problem: PathBuf,
    /// Map where each theory is within 1, 5 and 20 %: a TOML file (below), or default
    #[arg(long, value_name = "GRID")]
    grid: Option<String>,
    /// The comparison as one JSON document on standard output; text goes to standard error
    #[arg(long)]
    json: bool,
    /// Folder for compare.html, compare.json and compare.md
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads (default: one per core); the numbers do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

const GRID_HELP: &str = "A grid file has two keys:
  fraction = [0.01, 0.1, 0.5]    learning rates over the largest stable one of the exact law, or
  learning_rate = [0.01, 0.1]    learning rates as they are
  momentum = [0.0, 0.9]          without it, that of the problem
The word default stands for fractions from 0.001 to 0.9 and momenta 0, 0.5, 0.9, 0.99.

Exit codes: 0 simulation supports the exact law; 1 it refutes it; 2 the input or the usage is wrong; \
3 undecided; 4 interrupted, or output could not be written.";

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    interruption::install();
    match execute(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("langevin: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command) -> Result<u8> {
    match command {
        Command::Report(arguments) => report(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Claims { json } => claims(json),
        Command::Predict { file, json } => predict_file(&file, json),
        Command::Simulate(arguments) => simulate_file(&arguments),
        Command::Merge(arguments) => merge_files(&arguments),
        Command::Compare(arguments) => compare_file(&arguments),
        Command::Nn { arguments } => hand_over(&arguments),
    }
}

/// Runs something on a pool of its own size.
fn with_threads<T: Send>(threads: Option<u16>, job: impl FnOnce() -> T + Send) -> Result<T> {
    match threads {
        None => Ok(job()),
        Some(count) => rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(count))
            .build()
            .map(|pool| pool.install(job))
            .map_err(|error| VerifyError::Input { detail: format!("{count} threads: {error}") }),
    }
}

/// Where the problem of a run comes from; the text form goes into replay tokens.
enum Source {
    Data(String),
    Problem(PathBuf),
}

const PROBLEM_PREFIX: &str = "problem:";

impl Source {
    fn parse(text: &str) -> Self {
        match text.strip_prefix(PROBLEM_PREFIX) {
            Some(path) => Self::Problem(path.into()),
            None => Self::Data(text.into()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Data(source) => source.clone(),
            Self::Problem(path) => format!("{PROBLEM_PREFIX}{}", path.display()),
        }
    }

    fn plan(&self, tier: Tier) -> Result<Plan> {
        match self {
            Self::Data(source) => Plan::for_data(load(source)?, tier).map_err(|error| error.in_file(source)),
            Self::Problem(path) => {
                let problem = Problem::read(path)?;
                problem
                    .sweep
                    .refuse("check")
                    .and_then(|()| Plan::for_problem(problem, tier))
                    .map_err(|error| error.in_file(&path.display().to_string()))
            }
        }
    }
}

/// `digits`, or a CSV file.
fn load(source: &str) -> Result<Dataset> {
    if source == "digits" {
        return Ok(Dataset::digits(Standardize::Center, true, None)?);
    }
    let path = Path::new(source);
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if !is_csv && !path.exists() {
        return Err(VerifyError::Input {
            detail: format!(
                "data is \"{source}\"; it must be digits or a CSV file{}",
                document::suggestion(source, &["digits"])
            ),
        });
    }
    Ok(Dataset::csv(path, None, Standardize::Center, false, None)?)
}

/// Experiments on networks, read and rendered; what they found is no verdict, so the exit code is 0.
fn report_networks(folders: &[PathBuf], out: &Path) -> Result<u8> {
    let mut experiments = Vec::new();
    for folder in folders {
        experiments.extend(read_folder(folder)?);
    }
    create_folder(out)?;
    let html = render::networks_html(&experiments).map_err(render_error)?;
    let path = out.join("networks.html");
    write_file(&path, html.as_bytes())?;
    for experiment in &experiments {
        print(&render::networks_text(experiment))?;
    }
    print(&format!("{}", path.display()))?;
    Ok(0)
}

fn report(arguments: &ReportArguments) -> Result<u8> {
    if !arguments.nn.is_empty() {
        return report_networks(&arguments.nn, &arguments.out);
    }
    let common = &arguments.common;
    let history = History::open(common)?;
    let seed = history.seed(common.seed)?;
    // a folder that cannot be written must not cost a run
    create_folder(&arguments.out)?;
    let source = Source::Data(common.data.clone());
    let command =
        format!("langevin report --tier {} --data {} --seed {}", common.tier.name(), common.data, seed.value());
    let progress = Progress::on_terminal();
    let job = Job { tier: common.tier, seed, only: &[], command, threads: common.threads };
    let report = verdicts(&source, job, &history, &progress)?;
    let json = to_json(&report)?;
    let html = render::html(&report).map_err(render_error)?;
    let junit = render::junit_timed(&report, &progress.timings()).map_err(render_error)?;
    let files =
        [("report.json", json), ("junit.xml", junit), ("summary.md", render::markdown(&report)), ("report.html", html)];
    for (name, text) in &files {
        write_file(&arguments.out.join(name), text.as_bytes())?;
    }
    print(&summary_line(&report))?;
    for line in kill_lines(&report) {
        print(&line)?;
    }
    for surprise in report.claims.iter().filter(|claim| !claim.as_expected) {
        print(&format!("  {} ({}): {}", surprise.id, surprise.verdict.name(), surprise.headline))?;
    }
    for line in history_lines(report.evidence.as_ref(), report.baseline.as_ref()) {
        print(&line)?;
    }
    print(&format!("{}", arguments.out.join("report.html").display()))?;
    Ok(report.summary.exit_code)
}

fn check(arguments: &CheckArguments) -> Result<u8> {
    if let Some((files, claim)) = arguments.replay.as_deref().and_then(replayed_claim) {
        return check_claim_files(arguments, &files, Some(claim));
    }
    if !arguments.files.is_empty() {
        return check_claim_files(arguments, &arguments.files, None);
    }
    let common = &arguments.common;
    let history = History::open(common)?;
    let (source, tier, seed, only) = if let Some(token) = &arguments.replay {
        let Replay { tier, seed, source, check } = Replay::parse(token)?;
        (source, tier, Seed::Given(seed), vec![check])
    } else {
        let source = match &arguments.problem {
            Some(path) => Source::Problem(path.clone()),
            None => Source::Data(common.data.clone()),
        };
        (source, common.tier, history.seed(common.seed)?, arguments.only.clone())
    };
    let target = match &source {
        Source::Data(data) => format!("--data {data}"),
        Source::Problem(path) => format!("--problem {}", path.display()),
    };
    let command = format!("langevin check --tier {} {target} --seed {}", tier.name(), seed.value());
    for path in arguments.junit.iter().chain(&arguments.summary) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            create_folder(folder)?;
        }
    }
    let progress = Progress::on_terminal();
    let job = Job { tier, seed, only: &only, command, threads: common.threads };
    let report = verdicts(&source, job, &history, &progress)?;
    if let Some(path) = &arguments.junit {
        write_file(path, render::junit_timed(&report, &progress.timings()).map_err(render_error)?.as_bytes())?;
    }
    if let Some(path) = &arguments.summary {
        write_file(path, render::markdown(&report).as_bytes())?;
    }
    let text = check_text(&report);
    if arguments.json {
        eprint!("{text}");
        print(&to_json(&report)?)?;
    } else {
        print(text.trim_end())?;
    }
    Ok(report.summary.exit_code)
}

/// The files and the claim of a replay token that is about claim files: `...@claim:FILE,FILE#ID`.
fn replayed_claim(token: &str) -> Option<(Vec<PathBuf>, String)> {
    let (_, rest) = token.split_once("@claim:")?;
    let (files, id) = rest.rsplit_once('#')?;
    Some((files.split(',').map(PathBuf::from).collect(), id.to_owned()))
}

/// Checks the claims of files, or one of them again.
fn check_claim_files(arguments: &CheckArguments, files: &[PathBuf], replayed: Option<String>) -> Result<u8> {
    let common = &arguments.common;
    let history = History::open(common)?;
    let (tier, seed, source, only) = if let (Some(token), Some(claim)) = (&arguments.replay, replayed) {
        let Replay { tier, seed, source, .. } = Replay::parse(token)?;
        (tier, Seed::Given(seed), source, vec![claim])
    } else {
        let source = match &arguments.problem {
            Some(path) => Source::Problem(path.clone()),
            None => Source::Data(common.data.clone()),
        };
        (common.tier, history.seed(common.seed)?, source, arguments.only.clone())
    };
    let claims = UserClaim::read_files(files)?;
    for path in arguments.junit.iter().chain(&arguments.summary) {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_folder(folder)?;
        }
    }
    let ground = match &source {
        Source::Data(data) => CheckGround::of_data(load(data)?),
        Source::Problem(path) => {
            let problem = Problem::read(path)?;
            problem.sweep.refuse("check").map_err(|error| error.in_file(&path.display().to_string()))?;
            CheckGround::of_problem(problem)
        }
    };
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let target = match &source {
        Source::Data(data) => format!("--data {data}"),
        Source::Problem(path) => format!("--problem {}", path.display()),
    };
    let progress = Progress::on_terminal();
    let options = RunOptions {
        tier,
        seed,
        only: &only,
        source: &source.text(),
        command: format!("langevin check {} --tier {} {target} --seed {}", names.join(" "), tier.name(), seed.value()),
        progress: &progress,
    };
    let mut report = with_threads(common.threads, || check_claims(&claims, ground, &options))??;
    history.apply_to_claims(&mut report, &only)?;
    if let Some(path) = &arguments.junit {
        write_file(path, render::claims_junit(&report, &progress.timings()).map_err(render_error)?.as_bytes())?;
    }
    if let Some(path) = &arguments.summary {
        write_file(path, render::claims_markdown(&report).as_bytes())?;
    }
    let mut text = render::claims_text(&report);
    for line in history_lines(report.evidence.as_ref(), report.baseline.as_ref()) {
        text.push_str(&line);
        text.push('\n');
    }
    if arguments.json {
        eprint!("{text}");
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
        print(&json)?;
    } else {
        print(text.trim_end())?;
    }
    Ok(report.summary.exit_code)
}

/// A run of built-in claims, as the command line asks for it.
struct Job<'a> {
    tier: Tier,
    seed: Seed,
    only: &'a [String],
    command: String,
    threads: Option<u16>,
}

fn verdicts(source: &Source, job: Job<'_>, history: &History, progress: &Progress) -> Result<Report> {
    let Job { tier, seed, only, command, threads } = job;
    let text = source.text();
    let mut report = with_threads(threads, || {
        let plan = source.plan(tier)?;
        history.admit(&plan.prepared.dataset.name, &plan.problem_hash, seed)?;
        run(&plan, &RunOptions { tier, seed, only, source: &text, command, progress })
    })??;
    history.apply(&mut report, only)?;
    Ok(report)
}

/// What a run is held against besides its claims: an earlier report, and the evidence of earlier runs.
struct History {
    baseline: Option<Baseline>,
    evidence: Option<EvidenceFile>,
}

impl History {
    /// Reads both, so that a file that cannot be used costs no run.
    fn open(common: &CommonArguments) -> Result<Self> {
        Ok(Self {
            baseline: common.baseline.as_deref().map(Baseline::read).transpose()?,
            evidence: common.evidence.as_deref().map(EvidenceFile::open).transpose()?,
        })
    }

    fn seed(&self, given: Option<Seed>) -> Result<Seed> {
        match &self.evidence {
            Some(evidence) => evidence.seed(given),
            None => Ok(given.unwrap_or(Seed::Epoch)),
        }
    }

    /// Whether a problem and a seed fit, known before anything runs.
    fn admit(&self, name: &str, problem_hash: &str, seed: Seed) -> Result<()> {
        if let Some(baseline) = &self.baseline {
            baseline.require_same_problem(name, problem_hash)?;
        }
        self.evidence.as_ref().map_or(Ok(()), |evidence| evidence.require_new(seed.value(), problem_hash))
    }

    fn apply(&self, report: &mut Report, only: &[String]) -> Result<()> {
        if let Some(evidence) = &self.evidence {
            evidence.add(report)?;
        }
        if let Some(baseline) = &self.baseline {
            let comparison = baseline.compare(report, only)?;
            if !comparison.unchanged {
                report.summary.exit_code = 1;
            }
            report.baseline = Some(comparison);
        }
        Ok(())
    }

    /// The same for claims of a user. Their evidence is about their formulas too: when one changes, it starts again.
    fn apply_to_claims(&self, claims: &mut ClaimsReport, only: &[String]) -> Result<()> {
        let mut report = render::claims_as_report(claims);
        if let Some(evidence) = &self.evidence {
            report.data.hash = claims.evidence_hash();
            evidence.add(&mut report)?;
            for (claim, judged) in claims.claims.iter_mut().zip(&report.claims) {
                claim.verdict = judged.verdict;
                for check in &mut claim.simulation {
                    if let Some(new) = judged.checks.iter().find(|one| one.id == check.id) {
                        check.clone_from(new);
                    }
                }
            }
            claims.evidence.clone_from(&report.evidence);
            claims.summary.clone_from(&report.summary);
            report.data.hash.clone_from(&claims.data_hash);
        }
        if let Some(baseline) = &self.baseline {
            let comparison = baseline.compare(&report, only)?;
            if !comparison.unchanged {
                claims.summary.exit_code = 1;
            }
            claims.baseline = Some(comparison);
        }
        Ok(())
    }
}

/// What is new since earlier runs, for a terminal.
fn history_lines(evidence: Option<&AccumulatedEvidence>, baseline: Option<&BaselineComparison>) -> Vec<String> {
    let evidence = evidence.into_iter().flat_map(AccumulatedEvidence::lines);
    evidence.chain(baseline.into_iter().flat_map(BaselineComparison::lines)).collect()
}

/// `TIER@SEED@SOURCE@CHECK`, the seed in hexadecimal.
struct Replay {
    tier: Tier,
    seed: u64,
    source: Source,
    check: String,
}

impl Replay {
    fn parse(token: &str) -> Result<Self> {
        let wrong = || VerifyError::Input {
            detail: format!(
                "replay token is \"{token}\"; it must be TIER@SEED@DATA@CHECK as a report prints it, e.g. \
                 quick@1f@digits@equipartition/wrong-theories/pooled"
            ),
        };
        let (tier, rest) = token.split_once('@').ok_or_else(wrong)?;
        let (seed, rest) = rest.split_once('@').ok_or_else(wrong)?;
        // the name of a claim file may hold an @ itself
        let (source, check) = rest.split_once("@claim:").or_else(|| rest.rsplit_once('@')).ok_or_else(wrong)?;
        Ok(Self {
            tier: tier.parse().map_err(|_| wrong())?,
            seed: u64::from_str_radix(seed, 16).map_err(|_| wrong())?,
            source: Source::parse(source),
            check: check.into(),
        })
    }
}

fn summary_line(report: &Report) -> String {
    let summary = &report.summary;
    format!(
        "{}: {} claims supported, {} wrong theories refuted as required, {} refuted unexpectedly, {} wrong theories not \
         refuted, {} undecided ({} checks, tier {}, seed {} ({}))",
        if summary.exit_code == 0 { "as expected" } else { "NOT as expected" },
        summary.supported,
        summary.refuted_as_required,
        summary.refuted_unexpectedly,
        summary.not_refuted,
        summary.undecided,
        summary.checks,
        report.tier,
        report.seed,
        report.seed_origin
    )
}

/// The kill matrix in a line, and the mutants that live.
fn kill_lines(report: &Report) -> Vec<String> {
    let living = report.kill_matrix.mutants.iter().filter(|mutant| !mutant.killed);
    let living = living.map(|mutant| format!("  not killed: {} ({})", mutant.id, mutant.definition));
    render::kill_matrix_line(report).into_iter().chain(living).collect()
}

/// Claims with their checks, one line each.
fn check_text(report: &Report) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    // writing to a String cannot fail
    for claim in &report.claims {
        let mark = if claim.as_expected { "ok  " } else { "!!  " };
        let wrong = if claim.expectation == Expectation::Refuted { " (must be refuted)" } else { "" };
        let _ = writeln!(text, "{mark}{} {}{wrong}: {}", claim.verdict.name(), claim.id, claim.headline);
        for check in &claim.checks {
            let number = |value: f64| {
                if check.effect_unit == "relative" && value.abs() >= 1e-5 {
                    format!("{:.3} %", 100.0 * value)
                } else {
                    format!("{value:.2e}")
                }
            };
            let resolution = match (check.minimum_detectable_effect, check.tolerance) {
                (Some(effect), _) => format!("MDE {} (power {})", number(effect), check.power.unwrap_or(f64::NAN)),
                (None, Some(tolerance)) => format!("tolerance {tolerance:.0e}"),
                (None, None) => "no resolution".into(),
            };
            let evidence = match (check.p_value, check.e_value) {
                (Some(p), _) => format!(", p = {p:.2e}"),
                (None, Some(e)) => format!(", e = {e:.2e}"),
                (None, None) => String::new(),
            };
            let _ = writeln!(
                text,
                "      {:<10}{}: effect {}, {resolution}{evidence}{}",
                check.verdict.name(),
                check.id,
                number(check.effect),
                check.note.as_ref().map_or_else(String::new, |note| format!(" [{note}]"))
            );
        }
    }
    let _ = writeln!(text, "{}", summary_line(report));
    for line in kill_lines(report) {
        let _ = writeln!(text, "{line}");
    }
    for claim in report.claims.iter().filter(|claim| !claim.as_expected) {
        let expected = match claim.expectation {
            Expectation::Supported => Verdict::Supported,
            Expectation::Refuted => Verdict::Refuted,
        };
        for check in claim.checks.iter().filter(|check| check.verdict != expected) {
            let _ = writeln!(text, "replay: langevin check --replay '{}'", check.replay);
        }
    }
    for line in history_lines(report.evidence.as_ref(), report.baseline.as_ref()) {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn claims(as_json: bool) -> Result<u8> {
    if as_json {
        let list: Vec<serde_json::Value> = CLAIMS
            .iter()
            .map(|claim| {
                json!({
                    "id": claim.id,
                    "title": claim.title,
                    "statement": claim.statement,
                    "paper": claim.paper,
                    "errata": claim.errata,
                    "assumptions": claim.assumptions,
                    "kind": claim.comparison,
                    "expectation": claim.expectation,
                    "implemented": claim.implemented,
                    "checked_by": claim.checked_by,
                })
            })
            .collect();
        let document = json!({"claims": list, "coverage": COVERAGE.as_slice()});
        print(&pretty(&document)?)?;
        return Ok(0);
    }
    for (expectation, heading) in [
        (Expectation::Supported, "Claims that must hold"),
        (Expectation::Refuted, "Wrong theories that must be refuted"),
    ] {
        print(&format!("{heading}\n"))?;
        for claim in CLAIMS.iter().filter(|claim| claim.expectation == expectation) {
            print(&format!("  {}\n    {} [{}]", claim.id, claim.title, claim.paper))?;
            print(&format!("    {}", claim.statement))?;
            let errata =
                if claim.errata.is_empty() { String::new() } else { format!("; errata {}", claim.errata.join(", ")) };
            print(&format!("    assumes: {}{errata}", claim.assumptions.join(", ")))?;
            print(&format!("    in {}; checked by {}\n", claim.implemented, claim.checked_by))?;
        }
    }
    print("Coverage of the paper: item, subject, where it is implemented, what checks it, errata\n")?;
    for row in COVERAGE {
        let text = format!(
            "  {:<13} {:<60} {:<84} {:<68} {}",
            row.item, row.subject, row.implemented, row.checked_by, row.errata
        );
        print(text.trim_end())?;
    }
    Ok(0)
}

fn predict_file(file: &Path, compact: bool) -> Result<u8> {
    let (name, text, folder) = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| VerifyError::Input { detail: format!("standard input: {error}") })?;
        ("standard input".to_owned(), text, Path::new(""))
    } else {
        let text = std::fs::read_to_string(file)
            .map_err(|error| VerifyError::Input { detail: format!("{}: {error}", file.display()) })?;
        (file.display().to_string(), text, file.parent().unwrap_or_else(|| Path::new("")))
    };
    let document = if name == "standard input" {
        serde_json::from_str(&text).map_err(|error| VerifyError::Input { detail: format!("{name}: {error}") })?
    } else {
        document::parse(&name, &text)?
    };
    let answer = predict(document, folder).map_err(|error| error.in_file(&name))?;
    print(&if compact { answer.to_string() } else { pretty(&answer)? })?;
    Ok(0)
}

fn simulate_file(arguments: &SimulateArguments) -> Result<u8> {
    let shard: Option<Shard> =
        arguments.shard.map(|shard| shard.resolve(|name| std::env::var(name).ok())).transpose()?;
    if let Some(path) = &arguments.out {
        check_path(path, shard)?;
    }
    if let Some(problem) = ModesProblem::read(&arguments.problem)? {
        return simulate_modes(arguments, &problem);
    }
    if arguments.figure.is_some() {
        return Err(VerifyError::Input {
            detail: format!("--figure needs run.record = [\"modes\"] in {}", arguments.problem.display()),
        });
    }
    let problem = Problem::read(&arguments.problem)?;
    let progress = Progress::on_terminal();
    let finished = with_threads(arguments.threads, || {
        let options = SimulateOptions {
            out: arguments.out.clone(),
            shard,
            resume: arguments.resume,
            checkpoint: arguments.checkpoint,
            workers: rayon::current_num_threads(),
        };
        simulate(&problem, &options, &progress)
    })?
    .map_err(|error| match error {
        // these are about files of their own
        error @ (VerifyError::Output { .. } | VerifyError::Interrupted { .. }) => error,
        error => error.in_file(&arguments.problem.display().to_string()),
    })?;
    let summary = &finished.summary;
    if arguments.json {
        let value = serde_json::to_value(summary).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
        print(&pretty(&value)?)?;
        return Ok(0);
    }
    let frame = &summary.provenance.frame;
    let points = if frame.sweep.is_empty() { String::new() } else { format!("{} points x ", frame.points()) };
    print(&format!(
        "{points}{} chains x {} steps in {:.2} s: {:.3e} chain-steps per second",
        frame.chains, frame.steps, summary.seconds, summary.chain_steps_per_second
    ))?;
    if let Some(simulated) = &finished.simulated {
        list_arrays(simulated)?;
        if arguments.out.is_none() {
            print("nothing was written; --out FILE.npz, FILE.json or FILE.parquet keeps the arrays")?;
        }
    } else if let Some(file) = &summary.file {
        print(&format!("shard {} is in {file}; langevin merge joins the shards", summary.shard))?;
    }
    Ok(0)
}

fn merge_files(arguments: &MergeArguments) -> Result<u8> {
    let simulated = merge(&arguments.shards, &arguments.out)?;
    if arguments.json {
        let value = serde_json::to_value(&simulated.provenance)
            .map_err(|error| VerifyError::Render { detail: error.to_string() })?;
        print(&pretty(&value)?)?;
        return Ok(0);
    }
    print(&format!("{} shards joined in {}", arguments.shards.len(), arguments.out.display()))?;
    list_arrays(&simulated)?;
    Ok(0)
}

fn list_arrays(simulated: &Simulated) -> Result<()> {
    for array in &simulated.arrays {
        let shape: Vec<String> = array.shape.iter().map(u64::to_string).collect();
        print(&format!("  {:<42} {}", array.name, shape.join(" x ")))?;
    }
    Ok(())
}

/// A run that records projections on top eigenvectors.
fn simulate_modes(arguments: &SimulateArguments, problem: &ModesProblem) -> Result<u8> {
    if arguments.shard.is_some() || arguments.resume {
        return Err(VerifyError::Input {
            detail: format!(
                "{}: a run that records modes takes no --shard and no --resume",
                arguments.problem.display()
            ),
        });
    }
    if let Some(path) = &arguments.out {
        check_arrays_path(path)?;
    }
    let is_page = arguments.figure.as_deref().map(figure_is_page).transpose()?;
    let progress = Progress::on_terminal();
    let run = with_threads(arguments.threads, || run_modes(problem, &progress))?
        .map_err(|error| error.in_file(&arguments.problem.display().to_string()))?;
    if let Some(path) = &arguments.out {
        write_arrays(path, &run.summary, &run.arrays)?;
    }
    if let (Some(path), Some(is_page)) = (&arguments.figure, is_page) {
        let figure = if is_page { render::modes_html(&run).map_err(render_error)? } else { render::modes_svg(&run) };
        write_file(path, figure.as_bytes())?;
    }
    if arguments.json {
        let mut summary = run.summary.clone();
        let chain_steps = summary["chain_steps"].as_f64().unwrap_or(f64::NAN);
        summary["seconds"] = run.seconds.into();
        summary["chain_steps_per_second"] = (chain_steps / run.seconds.max(1e-9)).into();
        summary["timings"] = run.timings.clone();
        print(&pretty(&summary)?)?;
    } else {
        print(&modes_text(&run))?;
        if arguments.out.is_none() && arguments.figure.is_none() {
            print("nothing was written; --out FILE.npz keeps the arrays, --figure FILE.html draws them")?;
        }
    }
    for (momentum, rate, limit) in &run.unstable {
        eprintln!(
            "langevin: the mean does not converge for momentum {momentum}: eta h = {rate:.4e} along the top mode, and \
             2 (1 + beta) = {limit}"
        );
    }
    Ok(0)
}

/// Whether a figure is an HTML page, or else an SVG file, in a folder that is there.
fn figure_is_page(path: &Path) -> Result<bool> {
    let kind = path.extension().and_then(|text| text.to_str());
    let is_page = match kind {
        Some("html") => true,
        Some("svg") => false,
        _ => {
            return Err(VerifyError::Input {
                detail: format!("{}: the extension of a figure must be .html or .svg", path.display()),
            });
        }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if folder.is_dir() {
        Ok(is_page)
    } else {
        Err(VerifyError::Output {
            path: folder.display().to_string(),
            source: std::io::Error::from(std::io::ErrorKind::NotADirectory),
        })
    }
}

fn modes_text(run: &ModesRun) -> String {
    use std::fmt::Write as _;
    let summary = &run.summary;
    let mut text = format!(
        "{}: {}\nlargest eigenvalue {:.6e}, {} eigenpairs, {} modes recorded with residuals up to {:.1e}",
        summary["data"].as_str().unwrap_or_default(),
        run.description,
        summary["largest_eigenvalue"].as_f64().unwrap_or(f64::NAN),
        summary["eigenpairs"],
        summary["modes"],
        summary["largest_residual"].as_f64().unwrap_or(f64::NAN),
    );
    for departure in summary["largest_departures_of_the_top_mode"].as_array().into_iter().flatten() {
        let number = |key: &str| departure[key].as_f64().unwrap_or(f64::NAN);
        let _ = write!(
            text,
            "\nmomentum {}: {}, eta h = {:.4e}; farthest from the exact mean in units of the first distance: \
             chain {:.2e}, SDE {:.2e}",
            departure["momentum"],
            departure["regime"].as_str().unwrap_or_default(),
            number("rate_times_curvature"),
            number("chain_from_exact"),
            number("sde_from_exact"),
        );
    }
    let seconds: Vec<String> = run
        .timings
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| match value.as_u64() {
            Some(count) => format!("{name} {count}"),
            None => format!("{name} {:.2} s", value.as_f64().unwrap_or(f64::NAN)),
        })
        .collect();
    let _ = write!(text, "\n{}", seconds.join(", "));
    for array in &run.arrays {
        let shape: Vec<String> = array.shape.iter().map(u64::to_string).collect();
        let _ = write!(text, "\n  {:<42} {}", array.name, shape.join(" x "));
    }
    text
}

fn compare_file(arguments: &CompareArguments) -> Result<u8> {
    let name = arguments.problem.display().to_string();
    let problem = Problem::read(&arguments.problem)?;
    problem.sweep.refuse("compare").map_err(|error| error.in_file(&name))?;
    let grid = arguments.grid.as_deref().map(Grid::read).transpose()?;
    // a folder that cannot be written must not cost a run
    if let Some(folder) = &arguments.out {
        create_folder(folder)?;
    }
    let source = Source::Problem(arguments.problem.clone()).text();
    let progress = Progress::on_terminal();
    let comparison = with_threads(arguments.threads, || compare(&problem, grid.as_ref(), &source, &progress))?
        .map_err(|error| error.in_file(&name))?;
    let json =
        serde_json::to_string_pretty(&comparison).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
    let text = render::comparison_text(&comparison);
    if let Some(folder) = &arguments.out {
        let html = render::comparison_html(&comparison).map_err(render_error)?;
        let markdown = render::comparison_markdown(&comparison);
        for (name, text) in [("compare.json", &json), ("compare.md", &markdown), ("compare.html", &html)] {
            write_file(&folder.join(name), text.as_bytes())?;
        }
    }
    if arguments.json {
        eprint!("{text}");
        print(&json)?;
    } else {
        print(text.trim_end())?;
    }
    Ok(comparison.exit_code())
}

/// Runs `langevin-nn` with the same arguments: beside this binary, then on PATH. Its exit code is this program's; on Unix it takes the place of this
/// process, so that signals reach it and what it saves when it is interrupted is saved before the shell goes on.
fn hand_over(arguments: &[String]) -> Result<u8> {
    let name = format!("langevin-nn{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name(&name)).filter(|path| path.exists());
    let program = beside.unwrap_or_else(|| name.into());
    let mut command = std::process::Command::new(&program);
    command.args(arguments);
    #[cfg(unix)]
    let answer: std::io::Result<u8> = Err(std::os::unix::process::CommandExt::exec(&mut command));
    #[cfg(not(unix))]
    let answer = command.status().map(|status| status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(4));
    answer.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => VerifyError::Input {
            detail: "langevin-nn is not installed: it is not beside langevin and not on PATH. In a checkout, nn/libtorch/fetch \
                     and then `cargo build --release -p langevin-nn` put it beside langevin (docs/nn.md)"
                .into(),
        },
        _ => VerifyError::Output { path: program.display().to_string(), source },
    })
}

#[allow(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn render_error(error: render::RenderError) -> VerifyError {
    VerifyError::Render { detail: error.to_string() }
}

fn to_json(report: &Report) -> Result<String> {
    serde_json::to_string_pretty(report).map_err(|error| VerifyError::Render { detail: error.to_string() })
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| VerifyError::Render { detail: error.to_string() })
}
