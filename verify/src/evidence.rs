//! Evidence over many runs of the same code (`--evidence FILE`): e-values of independent runs multiply.
//!
//! A check's e-value of one run has an expectation of at most 1 under the claim. Catoni's test gives one directly; a p-value
//! becomes one by the mixture of the calibrators `kappa p^(kappa-1)` over kappa in (0, 1), with u = -ln p
//!
//! ```text
//! f(p) = integral_0^1 kappa p^(kappa-1) dkappa = (1 - p + p ln p) / (p (ln p)^2) = (e^u - 1 - u) / u^2,
//! ```
//!
//! which is admissible (Vovk and Wang 2021): no other function of p is larger everywhere and still an e-value. Runs with
//! fresh seeds are independent, so the product over runs is a supermartingale under the claim, and by Ville's inequality it
//! ever reaches 1/alpha with probability at most alpha. A check is refuted over all runs where the largest product so far has
//! reached 1/alpha_i, alpha_i being its level in the ledger: all runs together, however many, raise a false alarm with a
//! probability of at most 1e-6. (Each run's own verdict has a budget of 1e-6 of its own, every night.)
//!
//! The claim under test is the one of this code on these data. When the hash of either changes the evidence starts again, and
//! the old file is kept beside the new one. A seed that was used gives no new evidence and is refused.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Result, VerifyError};
use crate::output::write_file;
use crate::report::{CheckResult, Expectation, Report, Summary, Verdict};
use crate::seed::Seed;
use crate::simulate::CODE_HASH;

/// Version of the file's form.
pub const EVIDENCE_SCHEMA: &str = "langevin-evidence/1";

/// Natural log of the mixture calibrator at a p-value in \[0, 1\], which must not be NaN.
///
/// A p-value that underflowed to 0 counts as the smallest number above 0, which is at least as large as the true one.
///
/// ```
/// use langevin_verify::evidence::log_calibrated;
/// // 1/2 at p = 1, where a p-value says nothing against the claim
/// assert!((log_calibrated(1.0) - 0.5_f64.ln()).abs() < 1e-15);
/// let p: f64 = 1e-9;
/// let direct = (1.0 - p + p * p.ln()) / (p * p.ln().powi(2));
/// assert!((log_calibrated(p) - direct.ln()).abs() < 1e-12);
/// ```
pub fn log_calibrated(p_value: f64) -> f64 {
    let smallest = f64::from_bits(1);
    let u = -p_value.max(smallest).min(1.0).ln();
    if u < 0.01 {
        // 1/2 + u/6 + u^2/24 + u^3/120: what is left out is below 1e-11
        (0.5 + u / 6.0 + u * u / 24.0 + u.powi(3) / 120.0).ln()
    } else {
        u + (-(1.0 + u) * (-u).exp()).ln_1p() - 2.0 * u.ln()
    }
}

/// Natural log of the e-value of one check of one run; `None` for deterministic checks, and where a guard stopped the test.
pub fn log_e_value(check: &CheckResult) -> Option<f64> {
    let log_e = match (check.e_value, check.p_value) {
        (Some(e), _) => e.ln(),
        (None, Some(p)) if !p.is_nan() => log_calibrated(p),
        (None, _) => return None,
    };
    (check.untestable.is_none() && log_e.is_finite()).then_some(log_e)
}

/// The evidence about one check from all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccumulatedCheck {
    /// Check id.
    pub check: String,
    /// Runs that say something about it.
    pub runs: u64,
    /// Natural log of the product of their e-values.
    pub log_e_value: f64,
    /// The largest that the product has ever been.
    pub largest_log_e_value: f64,
    /// What refutes: ln(1/alpha).
    pub threshold: f64,
    /// Whether the largest product has reached it.
    pub refuted: bool,
}

/// The evidence of all runs, for a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccumulatedEvidence {
    /// The file, as it was given.
    pub file: String,
    /// Hash of the code that all runs share.
    pub code_hash: String,
    /// Their seeds, in order.
    pub seeds: Vec<u64>,
    /// Why the evidence started again with this run, if it did.
    pub restarted: Option<String>,
    /// The checks of this run.
    pub checks: Vec<AccumulatedCheck>,
}

impl AccumulatedEvidence {
    /// What a terminal shows: one line on the file, one on the strongest evidence, one per check refuted over all runs.
    pub fn lines(&self) -> Vec<String> {
        let runs = self.seeds.len();
        let mut lines = vec![format!(
            "evidence {}: {runs} {} of code {}",
            self.file,
            if runs == 1 { "run" } else { "runs" },
            short(&self.code_hash)
        )];
        lines.extend(self.restarted.iter().map(|reason| format!("evidence started again: {reason}")));
        let share = |check: &AccumulatedCheck| check.largest_log_e_value / check.threshold;
        let strongest = self.checks.iter().filter(|check| !check.refuted).max_by(|a, b| share(a).total_cmp(&share(b)));
        if let Some(check) = strongest {
            lines.push(format!("strongest among those not refuted: {}", check.line()));
        }
        lines.extend(
            self.checks
                .iter()
                .filter(|check| check.refuted)
                .map(|check| format!("refuted over all runs: {}", check.line())),
        );
        lines
    }
}

impl AccumulatedCheck {
    fn line(&self) -> String {
        format!(
            "{}: e = {} after {} {}, largest {}; {} refutes",
            self.check,
            power_of_ten(self.log_e_value),
            self.runs,
            if self.runs == 1 { "run" } else { "runs" },
            power_of_ten(self.largest_log_e_value),
            power_of_ten(self.threshold)
        )
    }
}

/// A number from its natural log: products leave the range of doubles.
fn power_of_ten(log: f64) -> String {
    format!("10^{:.2}", log / std::f64::consts::LN_10)
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// One run in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRun {
    seed: u64,
    tier: String,
}

/// One check in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCheck {
    runs: u64,
    log_e_value: f64,
    largest_log_e_value: f64,
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    schema: String,
    version: String,
    code_hash: String,
    data_name: String,
    data_hash: String,
    runs: Vec<StoredRun>,
    checks: BTreeMap<String, StoredCheck>,
}

/// The file: contents and SHA-256 of their compact JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    evidence: Contents,
    sha256: String,
}

impl Contents {
    fn of(report: &Report) -> Self {
        Self {
            schema: EVIDENCE_SCHEMA.into(),
            version: report.version.clone(),
            code_hash: CODE_HASH.into(),
            data_name: report.data.name.clone(),
            data_hash: report.data.hash.clone(),
            runs: Vec::new(),
            checks: BTreeMap::new(),
        }
    }

    fn checksum(&self) -> Result<String> {
        let bytes = serde_json::to_vec(self).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
        Ok(format!("{:x}", Sha256::digest(bytes)))
    }

    fn used(&self, seed: u64) -> bool {
        self.runs.iter().any(|run| run.seed == seed)
    }

    /// Why this evidence is about something else, if it is.
    fn foreign(&self, data_hash: &str) -> Option<String> {
        if self.code_hash != CODE_HASH {
            return Some(format!("the code changed from {} to {}", short(&self.code_hash), short(CODE_HASH)));
        }
        (self.data_hash != data_hash).then(|| {
            format!(
                "the problem changed from \"{}\", {}, to {}",
                self.data_name,
                short(&self.data_hash),
                short(data_hash)
            )
        })
    }
}

/// An evidence file, there or to be made.
#[derive(Clone, Debug)]
pub struct EvidenceFile {
    path: PathBuf,
}

impl EvidenceFile {
    /// Looks at a file before a run, so that a damaged one costs no run.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a file that is no evidence file, or damaged; [`VerifyError::Output`] for a folder that is
    /// not there.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        if !folder.is_dir() {
            return Err(VerifyError::Output {
                path: folder.display().to_string(),
                source: std::io::Error::from(std::io::ErrorKind::NotADirectory),
            });
        }
        let file = Self { path: path.to_owned() };
        file.read()?;
        Ok(file)
    }

    /// Fresh entropy when no seed was given: evidence must be new.
    ///
    /// # Errors
    /// As [`Seed::fresh`].
    pub fn seed(&self, given: Option<Seed>) -> Result<Seed> {
        let used =
            |seed: Seed| -> Result<bool> { Ok(self.read()?.is_some_and(|contents| contents.used(seed.value()))) };
        match given {
            Some(seed @ (Seed::Given(_) | Seed::Epoch)) => Ok(seed),
            Some(fresh @ Seed::Fresh(_)) if !used(fresh)? => Ok(fresh),
            Some(Seed::Fresh(_)) | None => {
                // seeds have 32 bits: after 10^5 runs one in 40000 is a repetition
                for _ in 0..64 {
                    let seed = Seed::fresh()?;
                    if !used(seed)? {
                        return Ok(seed);
                    }
                }
                Seed::fresh()
            }
        }
    }

    /// Whether a run with this seed on these data would be new.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a seed that the evidence already holds.
    pub fn require_new(&self, seed: u64, data_hash: &str) -> Result<()> {
        match self.read()? {
            Some(contents) if contents.foreign(data_hash).is_none() => self.refuse_used(&contents, seed),
            _ => Ok(()),
        }
    }

    fn refuse_used(&self, contents: &Contents, seed: u64) -> Result<()> {
        if contents.used(seed) {
            return Err(VerifyError::Input {
                detail: format!(
                    "{}: seed {seed} is already in this evidence ({} runs); a repeated run is no evidence. Leave --seed \
                     out for a fresh one",
                    self.path.display(),
                    contents.runs.len()
                ),
            });
        }
        Ok(())
    }

    /// Multiplies the evidence of a run into the file and writes the result into the report: checks that all runs together
    /// refute are refuted there. Other processes that use the file wait.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a damaged file, or a seed that another process has used in the meantime;
    /// [`VerifyError::Output`] for a file that cannot be locked or written. What was there before is still there.
    pub fn add(&self, report: &mut Report) -> Result<()> {
        let lock = self.lock()?;
        let before = self.read()?;
        let mut restarted = None;
        let mut contents = match before {
            None => Contents::of(report),
            Some(contents) => match contents.foreign(&report.data.hash) {
                None => contents,
                Some(reason) => {
                    let kept = self.keep(&contents)?;
                    restarted =
                        Some(format!("{reason}; {} earlier runs are in {}", contents.runs.len(), kept.display()));
                    Contents::of(report)
                }
            },
        };
        self.refuse_used(&contents, report.seed)?;
        contents.runs.push(StoredRun { seed: report.seed, tier: report.tier.clone() });
        let mut accumulated = Vec::new();
        for check in report.claims.iter().flat_map(|claim| &claim.checks) {
            let (Some(log_e), Some(alpha)) = (log_e_value(check), check.alpha) else { continue };
            let stored = contents.checks.entry(check.id.clone()).or_insert(StoredCheck {
                runs: 0,
                log_e_value: 0.0,
                largest_log_e_value: 0.0,
            });
            stored.runs += 1;
            stored.log_e_value += log_e;
            stored.largest_log_e_value = stored.largest_log_e_value.max(stored.log_e_value);
            let threshold = -alpha.ln();
            accumulated.push(AccumulatedCheck {
                check: check.id.clone(),
                runs: stored.runs,
                log_e_value: stored.log_e_value,
                largest_log_e_value: stored.largest_log_e_value,
                threshold,
                refuted: stored.largest_log_e_value >= threshold,
            });
        }
        self.write(&contents)?;
        drop(lock);
        report.evidence = Some(AccumulatedEvidence {
            file: self.path.display().to_string(),
            code_hash: contents.code_hash,
            seeds: contents.runs.iter().map(|run| run.seed).collect(),
            restarted,
            checks: accumulated,
        });
        apply(report);
        Ok(())
    }

    fn lock(&self) -> Result<File> {
        let path = self.path.with_file_name(format!(".{}.lock", self.name()));
        let fail = |source| VerifyError::Output { path: path.display().to_string(), source };
        // the system takes the lock back when a process ends, however it ends
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
        file.lock().map_err(fail)?;
        Ok(file)
    }

    fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn read(&self) -> Result<Option<Contents>> {
        let refuse = |detail: String| VerifyError::Input { detail: format!("{}: {detail}", self.path.display()) };
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error.to_string())),
        };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| {
            refuse(format!("it is no evidence file of langevin, or damaged ({error}); it was left as it is"))
        })?;
        let contents = stored.evidence;
        if contents.schema != EVIDENCE_SCHEMA {
            return Err(refuse(format!("its schema is \"{}\"; it must be \"{EVIDENCE_SCHEMA}\"", contents.schema)));
        }
        if contents.checksum()? != stored.sha256 {
            return Err(refuse("it is damaged: the checksum is wrong; it was left as it is".into()));
        }
        Ok(Some(contents))
    }

    fn write(&self, contents: &Contents) -> Result<()> {
        let stored = Stored { sha256: contents.checksum()?, evidence: contents.clone() };
        let mut text =
            serde_json::to_string_pretty(&stored).map_err(|error| VerifyError::Render { detail: error.to_string() })?;
        text.push('\n');
        write_file(&self.path, text.as_bytes())
    }

    /// Copies evidence that is no longer added to beside the file, under a name made of its checksum.
    fn keep(&self, contents: &Contents) -> Result<PathBuf> {
        let checksum = short(&contents.checksum()?);
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let kept = match self.path.extension() {
            Some(extension) => format!("{stem}.{checksum}.{}", extension.to_string_lossy()),
            None => format!("{stem}.{checksum}"),
        };
        let kept = Self { path: self.path.with_file_name(kept) };
        kept.write(contents)?;
        Ok(kept.path)
    }
}

/// Checks that all runs together refute are refuted in the report, and with them their claims.
fn apply(report: &mut Report) {
    let Some(evidence) = &report.evidence else { return };
    for claim in &mut report.claims {
        for check in &mut claim.checks {
            let Some(all) = evidence.checks.iter().find(|one| one.check == check.id && one.refuted) else { continue };
            if check.verdict == Verdict::Refuted {
                continue;
            }
            check.verdict = Verdict::Refuted;
            let note = format!("refuted by all runs together: {}", all.line());
            check.note = Some(check.note.take().map_or(note.clone(), |before| format!("{before}; {note}")));
            claim.verdict = Verdict::Refuted;
            claim.as_expected = claim.expectation == Expectation::Refuted;
        }
    }
    // nights add evidence about claims; what became of the mutants stays
    let mutants = [report.summary.mutants_killed, report.summary.mutants_not_killed];
    report.summary = Summary::of(&report.claims, mutants);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use crate::statistics::Untestable;

    /// f against its integral over kappa, by Simpson's rule.
    #[test]
    fn the_calibrator_is_the_mixture() {
        for p in [1.0, 0.999_999, 0.991, 0.98, 0.5, 0.05, 1e-3, 1e-6, 1e-12] {
            let log_p = f64::ln(p);
            let integrand = |kappa: f64| kappa * ((kappa - 1.0) * log_p).exp();
            let panels = 20_000;
            let width = 1.0 / f64::from(panels);
            let sum: f64 = (0..panels)
                .map(|panel| {
                    let left = f64::from(panel) * width;
                    integrand(left) + 4.0 * integrand(left + 0.5 * width) + integrand(left + width)
                })
                .sum();
            let integral = sum * width / 6.0;
            assert!((log_calibrated(p) - integral.ln()).abs() < 1e-10, "{p}: {} {}", log_calibrated(p), integral.ln());
        }
        // it joins smoothly where the series takes over
        let (series, closed) = (log_calibrated((-0.009_999_9_f64).exp()), log_calibrated((-0.010_000_1_f64).exp()));
        assert!((series - closed).abs() < 1e-7);
        assert!(log_calibrated(0.0).is_finite() && log_calibrated(0.0) > 700.0);
    }

    /// The expectation under uniform p is exactly 1: with v = 1/u, the integral of f(e^-u) e^-u du from 0 to infinity.
    #[test]
    fn the_calibrator_is_an_e_value_and_wastes_nothing() {
        let density = |u: f64| (log_calibrated((-u).exp()) - u).exp();
        let simpson = |from: f64, to: f64, f: &dyn Fn(f64) -> f64| {
            let panels = 20_000;
            let width = (to - from) / f64::from(panels);
            (0..panels)
                .map(|panel| {
                    let left = from + f64::from(panel) * width;
                    (f(left) + 4.0 * f(left + 0.5 * width) + f(left + width)) * width / 6.0
                })
                .sum::<f64>()
        };
        // beyond u = 700 the integrand is 1/u^2, up to e^-700
        let total = simpson(1e-9, 20.0, &density) + simpson(20.0, 700.0, &density) + 1.0 / 700.0;
        assert!((total - 1.0).abs() < 1e-6, "{total}");
    }

    fn report(seed: u64, p_value: f64) -> Report {
        let mut report = example::report();
        report.seed = seed;
        report.data.hash = "abc".into();
        let check = &mut report.claims[0].checks[0];
        (check.p_value, check.e_value, check.alpha, check.verdict) =
            (Some(p_value), None, Some(1e-8), Verdict::Supported);
        check.note = None;
        report
    }

    fn first(report: &Report) -> AccumulatedCheck {
        let id = &report.claims[0].checks[0].id;
        let checks = &report.evidence.as_ref().expect("evidence was added").checks;
        checks.iter().find(|check| &check.check == id).expect("the check is in it").clone()
    }

    #[test]
    fn evidence_multiplies_and_refutes_together_what_no_run_refutes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = EvidenceFile::open(&folder.path().join("evidence.json")).expect("it is not there yet");
        let p = 1e-5;
        let needed = (1e8_f64.ln() / log_calibrated(p)).ceil() as u64;
        for night in 1..=needed + 1 {
            // the last one says nothing, and cannot take back what was refuted
            let mut one = report(night, if night <= needed { p } else { 1.0 });
            file.add(&mut one).expect("a fresh seed");
            let check = first(&one);
            assert_eq!(check.runs, night);
            assert_eq!(check.refuted, night >= needed, "{night} of {needed}: {check:?}");
            assert_eq!(one.claims[0].checks[0].verdict == Verdict::Refuted, night >= needed);
            assert_eq!(one.summary.exit_code == 1, night >= needed);
            if night <= needed {
                assert!((check.log_e_value - night as f64 * log_calibrated(p)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_seed_counts_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = EvidenceFile::open(&folder.path().join("evidence.json")).expect("it is not there yet");
        file.add(&mut report(7, 0.5)).expect("a fresh seed");
        let before = std::fs::read(&file.path).expect("it is there");
        assert!(file.add(&mut report(7, 0.5)).expect_err("used").to_string().contains("seed 7"));
        assert!(file.require_new(7, "abc").is_err() && file.require_new(8, "abc").is_ok());
        // on other data the evidence starts again, and seeds with it
        assert!(file.require_new(7, "def").is_ok());
        assert_eq!(std::fs::read(&file.path).expect("it is there"), before);
        assert!(matches!(file.seed(None).expect("entropy"), Seed::Fresh(_)));
        assert_eq!(file.seed(Some(Seed::Given(3))).expect("given"), Seed::Given(3));
    }

    #[test]
    fn other_code_or_data_starts_again_and_keeps_what_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("evidence.json");
        let file = EvidenceFile::open(&path).expect("it is not there yet");
        file.add(&mut report(1, 1e-4)).expect("a fresh seed");
        let mut other = report(1, 1e-4);
        other.data.hash = "def".into();
        file.add(&mut other).expect("other data");
        let evidence = other.evidence.as_ref().expect("evidence was added");
        assert_eq!(evidence.seeds, [1]);
        assert!(evidence.restarted.as_ref().expect("it says so").contains("the problem changed"));
        let mut contents = file.read().expect("readable").expect("there");
        contents.code_hash = "0".repeat(64);
        file.write(&contents).expect("writable");
        let mut next = report(2, 1e-4);
        next.data.hash = "def".into();
        file.add(&mut next).expect("other code");
        assert!(
            next.evidence.as_ref().and_then(|one| one.restarted.as_ref()).expect("it says so").contains("the code")
        );
        assert_eq!(first(&next).runs, 1);
        let kept = std::fs::read_dir(folder.path()).expect("a folder").filter_map(std::result::Result::ok);
        let kept: Vec<PathBuf> = kept.map(|entry| entry.path()).filter(|one| *one != path).collect();
        let json = kept.iter().filter(|path| path.extension().is_some_and(|kind| kind == "json"));
        assert_eq!(json.count(), 2, "{kept:?}");
    }

    #[test]
    fn damaged_and_foreign_files_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("evidence.json");
        let file = EvidenceFile::open(&path).expect("it is not there yet");
        file.add(&mut report(1, 0.3)).expect("a fresh seed");
        let whole = std::fs::read_to_string(&path).expect("it is there");
        let other_schema = whole.replace(EVIDENCE_SCHEMA, "langevin-evidence/9");
        for text in [
            "",
            "{}",
            &whole[..whole.len() / 2],
            &whole.replacen("\"seed\": 1", "\"seed\": 2", 1),
            &whole.replacen("\"runs\": 1", "\"runs\": 3", 1),
            &whole.replacen("\"seed\": 1", "\"seed\": 1, \"extra\": 0", 1),
            &other_schema,
        ] {
            assert_ne!(text, whole);
            std::fs::write(&path, text).expect("it is written");
            assert_eq!(EvidenceFile::open(&path).expect_err("damaged").exit_code(), 2);
            assert_eq!(file.add(&mut report(9, 0.3)).expect_err("damaged").exit_code(), 2);
            assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
        }
        assert_eq!(
            EvidenceFile::open(&folder.path().join("none/evidence.json")).expect_err("no folder").exit_code(),
            4
        );
    }

    #[test]
    fn concurrent_runs_are_all_counted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = EvidenceFile::open(&folder.path().join("evidence.json")).expect("it is not there yet");
        std::thread::scope(|scope| {
            for seed in 0..8 {
                let file = &file;
                scope.spawn(move || file.add(&mut report(seed, 0.3)).expect("a fresh seed"));
            }
        });
        assert_eq!(file.read().expect("readable").expect("there").runs.len(), 8);
    }

    #[test]
    fn what_a_guard_stopped_is_no_evidence() {
        let mut check = report(1, 1e-30).claims[0].checks[0].clone();
        assert!(log_e_value(&check).is_some());
        check.untestable = Some(Untestable::HeavyTail { index: 2.0, error: 0.1, least: 4.0 });
        assert_eq!(log_e_value(&check), None);
        (check.untestable, check.p_value, check.e_value) = (None, Some(f64::NAN), None);
        assert_eq!(log_e_value(&check), None);
        (check.p_value, check.e_value) = (None, Some(20.0));
        assert_eq!(log_e_value(&check), Some(20.0_f64.ln()));
    }
}
