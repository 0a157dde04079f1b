//! What was found about the claims of a run, as values: they are rendered as text, JSON and JUnit.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::reader::{ClaimNoise, Holds};
use crate::baseline::BaselineComparison;
use crate::evidence::AccumulatedEvidence;
use crate::report::{CheckResult, Prediction, ScenarioPredictions, Summary, Verdict};

/// Version of the JSON form; changes when a field changes its meaning or disappears.
pub const SCHEMA: &str = "langevin-check/1";

/// Levels at which a formula counts as right on a map.
pub const LEVELS: [f64; 3] = [0.01, 0.05, 0.2];

/// A run of `langevin check` on claim files.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimsReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// Resolution.
    pub tier: String,
    /// Seed of the simulations.
    pub seed: u64,
    /// `epoch`, `given` or `fresh`.
    pub seed_origin: String,
    /// Bound on the probability that any right claim is refuted by simulation in this run.
    pub family_wise_error: f64,
    /// The command that repeats the run.
    pub command: String,
    /// The data set, in words.
    pub data: String,
    /// SHA-256 of the numbers of the data and of the hyperparameters that were given: runs of equal hashes are on the same
    /// ground.
    pub data_hash: String,
    /// How batches are drawn.
    pub sampling: String,
    /// The claims, in the order of the files.
    pub claims: Vec<ClaimOutcome>,
    /// What the formulas give over the grid, relative to the exact law; no random numbers in it.
    pub predictions: Vec<ScenarioPredictions>,
    /// What changed since an earlier run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineComparison>,
    /// The evidence of all runs of this code on these claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<AccumulatedEvidence>,
    /// Counts and the exit code.
    pub summary: Summary,
}

impl ClaimsReport {
    /// Hash of the ground and of what the claims say: what evidence over many runs is about.
    pub(crate) fn evidence_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.data_hash);
        for claim in &self.claims {
            let domain = claim.domain.as_deref().unwrap_or_default();
            let holds = format!("{:?} {:?}", claim.holds, claim.noise);
            for text in [&claim.id, &claim.observable, &claim.expression, domain, &holds] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
        }
        format!("{:x}", hash.finalize())
    }
}

/// What was found about one claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimOutcome {
    /// Its id.
    pub id: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// Its statement, if it has one.
    pub statement: Option<String>,
    /// The file it is from.
    pub file: String,
    /// The observable as the file writes it.
    pub observable: String,
    /// The formula as the file writes it.
    pub expression: String,
    /// The domain as the file writes it.
    #[serde(rename = "where")]
    pub domain: Option<String>,
    /// How far it is said to hold.
    pub holds: Holds,
    /// With which noise.
    pub noise: ClaimNoise,
    /// The answer of both decisions.
    pub verdict: Verdict,
    /// One sentence with the figure a reader wants.
    pub headline: String,
    /// The first decision, per noise: the formula against the exact law.
    pub exact: Vec<ExactOutcome>,
    /// The second decision, per noise: the formula against simulation.
    pub simulation: Vec<CheckResult>,
    /// Anything a reader must know.
    pub notes: Vec<String>,
}

impl ClaimOutcome {
    /// The map of a formula as predictions, per noise: 1 + error, so that rounding stays rounding where the formula is exact.
    pub(crate) fn predictions(&self) -> Vec<ScenarioPredictions> {
        let of = |part: &ExactOutcome| {
            let cells = part.map.rows.iter().flat_map(|row| &row.errors);
            let mut predictions = vec![
                Prediction::new("largest_ratio", part.largest.as_ref().map(|largest| 1.0 + largest.error)),
                Prediction::new("map", cells.filter_map(|error| error.map(|error| 1.0 + error))),
                Prediction::new("values", [part.values as f64]),
            ];
            if let Some(slope) = part.order.as_ref().and_then(|order| order.slope) {
                // fitted through errors that are themselves rounded: two digits after the point are what is shown
                predictions.push(Prediction::new("order", [(100.0 * slope).round() / 100.0]));
            }
            ScenarioPredictions { scenario: format!("{}/{}", self.id, part.noise), predictions }
        };
        self.exact.iter().map(of).collect()
    }
}

/// The formula against the exact law of one noise, over a grid.
#[derive(Clone, Debug, Serialize)]
pub struct ExactOutcome {
    /// `gaussian` or `minibatch`.
    pub noise: String,
    /// The answer.
    pub verdict: Verdict,
    /// Values that were compared: points of the grid times modes times lags.
    pub values: u64,
    /// Values that were left out because the formula loses too many digits there.
    pub ill_conditioned: u64,
    /// The largest relative error, with its sign, and where it is.
    pub largest: Option<Departure>,
    /// The first place at which the formula has no value.
    pub undefined: Option<Undefined>,
    /// The bound that was put on the relative error (the claim's own, or that of rounding).
    pub bound: Option<f64>,
    /// Shares of the values with errors of at most [`LEVELS`].
    pub shares: [f64; 3],
    /// The largest error by momentum and eta h.
    pub map: ErrorMap,
    /// The order of the error, for claims about orders.
    pub order: Option<OrderFinding>,
}

/// A point of the grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Whose curvatures and noise.
    pub spectrum: String,
    /// eta.
    pub learning_rate: f64,
    /// beta.
    pub momentum: f64,
    /// lambda.
    pub weight_decay: f64,
    /// S.
    pub batch_size: u64,
    /// N.
    pub samples: u64,
    /// eta h of the mode; of the top mode for totals.
    pub rate_times_curvature: f64,
    /// The mode, counted from 1 by descending curvature; none for totals.
    pub mode: Option<u64>,
    /// h of the mode.
    pub curvature: Option<f64>,
    /// q^T Sigma q of the mode.
    pub noise: Option<f64>,
    /// k.
    pub steps: Option<u64>,
}

/// A formula's value against the exact one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Departure {
    /// (claimed - exact) / scale.
    pub error: f64,
    /// The formula's value.
    pub claimed: f64,
    /// The exact value.
    pub exact: f64,
    /// What the error is relative to: the exact value, or the natural size of what may be zero.
    pub scale: f64,
    /// Where.
    pub place: Place,
}

/// A place at which the formula has no value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undefined {
    /// What is not defined, with the formula and the column.
    pub message: String,
    /// The column.
    pub column: u64,
    /// Where.
    pub place: Place,
}

/// The largest errors by momentum (rows) and by eta h over its limit 2 (1 + beta) (columns).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ErrorMap {
    /// Columns: eta h / (2 (1 + beta)).
    pub fractions: Vec<f64>,
    /// Rows.
    pub rows: Vec<ErrorRow>,
}

/// One momentum of a map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorRow {
    /// beta.
    pub momentum: f64,
    /// The largest absolute error in each column; none where nothing was compared.
    pub errors: Vec<Option<f64>>,
}

/// The measured order of the error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderFinding {
    /// The smallest slope of log |error| over log eta that was found; none if no error was above rounding.
    pub slope: Option<f64>,
    /// How far it may be below the claimed order: what the curvature of the log-log line explains.
    pub allowance: f64,
    /// Number of lines that were fitted.
    pub lines: u64,
    /// Where the smallest slope is, at its smallest eta.
    pub place: Option<Place>,
    /// The learning rates between which that slope was measured.
    pub between: Option<[f64; 2]>,
}
