//! A formula as a test: the claim of a claim file, in Rust.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use langevin_sim::Dataset;
use langevin_sim::data::Standardize;

use super::experiment::seed_of_environment;
use crate::claim_file::expression::{Expression, Formula, Symbols};
use crate::claim_file::{CheckGround, ClaimNoise, ClaimsReport, UserClaim, check_claims};
use crate::error::{Result, VerifyError};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::render::claims_text;
use crate::report::Verdict;
use crate::run::RunOptions;
use crate::seed::Seed;
use crate::tier::Tier;

/// A formula, or a condition, in Rust or as text.
enum Source {
    Function(Arc<dyn Formula>),
    Text(String),
}

/// What a claim is checked on.
enum Ground {
    Data(Box<Result<Dataset>>),
    Problem(Box<Result<Problem>>),
}

/// A formula that somebody believes, checked as `langevin check FILE.toml` checks it: against the exact law over a grid, and
/// against simulation.
///
/// ```no_run
/// # use langevin_verify::theorist::Claim;
/// // the variance of a mode under Gaussian noise, with its discretisation factor
/// Claim::new("variance", "var_theta", |m| {
///     m.eta * m.noise / m.batch_size / (2.0 * m.h * (1.0 - m.beta)) / (1.0 - m.eta * m.h / (2.0 * (1.0 + m.beta)))
/// })
/// .exactly()
/// .gaussian()
/// .on_digits()
/// .assert_supported();
///
/// // the same without the factor, as text: right to first order
/// Claim::expression("sde-variance", "var_theta", "eta*noise/(2*S*h*(1 - beta))")
///     .order(1.0)
///     .gaussian()
///     .on_digits()
///     .assert_supported();
/// ```
pub struct Claim {
    id: String,
    observable: String,
    formula: Source,
    holds: String,
    domain: Option<Source>,
    noise: ClaimNoise,
    ground: Ground,
    tier: Tier,
    seed: Option<Seed>,
}

impl Claim {
    /// A claim about an observable (`var_theta`, `msd(k)`, ...), its formula being a function of the symbols. It is said to
    /// hold exactly, everywhere, with both kinds of noise, on the digits, unless the claim says otherwise.
    pub fn new(id: &str, observable: &str, formula: impl Fn(&Symbols<'_>) -> f64 + Send + Sync + 'static) -> Self {
        Self::formula(id, observable, formula)
    }

    /// The same with a type of your own that is a [`Formula`].
    pub fn formula(id: &str, observable: &str, formula: impl Formula + 'static) -> Self {
        Self::of(id, observable, Source::Function(Arc::new(formula)))
    }

    /// The same with a formula in the language of claim files.
    pub fn expression(id: &str, observable: &str, expression: &str) -> Self {
        Self::of(id, observable, Source::Text(expression.into()))
    }

    fn of(id: &str, observable: &str, formula: Source) -> Self {
        Self {
            id: id.into(),
            observable: observable.into(),
            formula,
            holds: "\"exactly\"".into(),
            domain: None,
            noise: ClaimNoise::Both,
            ground: Ground::Data(Box::new(digits())),
            tier: Tier::Quick,
            seed: None,
        }
    }

    /// The formula is the exact law.
    #[must_use]
    pub fn exactly(mut self) -> Self {
        self.holds = "\"exactly\"".into();
        self
    }

    /// Its relative error is at most this.
    #[must_use]
    pub fn within(mut self, bound: f64) -> Self {
        self.holds = format!("{{ within = {bound:?} }}");
        self
    }

    /// Its relative error shrinks at least as this power of eta h.
    #[must_use]
    pub fn order(mut self, order: f64) -> Self {
        self.holds = format!("{{ order = {order:?} }}");
        self
    }

    /// Where it holds, as a condition in the language of claim files. Numbers that the hyperparameters are compared with are
    /// tested themselves.
    #[must_use]
    pub fn where_(mut self, condition: &str) -> Self {
        self.domain = Some(Source::Text(condition.into()));
        self
    }

    /// Where it holds, as a function of the symbols.
    #[must_use]
    pub fn only_where(mut self, condition: impl Fn(&Symbols<'_>) -> bool + Send + Sync + 'static) -> Self {
        let number = move |symbols: &Symbols<'_>| f64::from(u8::from(condition(symbols)));
        self.domain = Some(Source::Function(Arc::new(number)));
        self
    }

    /// With which noise it holds.
    #[must_use]
    pub fn noise(mut self, noise: ClaimNoise) -> Self {
        self.noise = noise;
        self
    }

    /// With Gaussian noise of constant covariance.
    #[must_use]
    pub fn gaussian(self) -> Self {
        self.noise(ClaimNoise::Gaussian)
    }

    /// With the gradients of random batches.
    #[must_use]
    pub fn minibatch(self) -> Self {
        self.noise(ClaimNoise::Minibatch)
    }

    /// On the digits that come with langevin.
    #[must_use]
    pub fn on_digits(mut self) -> Self {
        self.ground = Ground::Data(Box::new(digits()));
        self
    }

    /// On data; hyperparameters are chosen.
    #[must_use]
    pub fn on_data(mut self, data: Dataset) -> Self {
        self.ground = Ground::Data(Box::new(Ok(data)));
        self
    }

    /// On the data and hyperparameters of a problem.
    #[must_use]
    pub fn on(mut self, problem: Problem) -> Self {
        self.ground = Ground::Problem(Box::new(Ok(problem)));
        self
    }

    /// The same from a problem file.
    #[must_use]
    pub fn on_problem_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ground = Ground::Problem(Box::new(Problem::read(path.as_ref())));
        self
    }

    /// Resolution of the simulation; quick without a choice.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// The seed. Without it, that of the variable `LANGEVIN_SEED` (a number, or `fresh`), or else a fixed one.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The claim as an entry of a claim file. A function stands there as `1`, which must be replaced by its text.
    fn document(&self) -> String {
        // a JSON string is a basic string of TOML
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let text = |source: &Source| match source {
            Source::Text(text) => quoted(text),
            Source::Function(_) => "\"1\"".into(),
        };
        let noise = match self.noise {
            ClaimNoise::Gaussian => "gaussian",
            ClaimNoise::Minibatch => "minibatch",
            ClaimNoise::Both => "both",
        };
        let domain = match &self.domain {
            Some(Source::Text(condition)) => format!("where = {}\n", quoted(condition)),
            _ => String::new(),
        };
        format!(
            "[[claim]]\nid = {}\nobservable = {}\nexpression = {}\nholds = {}\nnoise = \"{noise}\"\n{domain}",
            quoted(&self.id),
            quoted(&self.observable),
            text(&self.formula),
            self.holds
        )
    }

    /// Decides the claim.
    ///
    /// # Errors
    /// [`VerifyError`] for an observable that is none, a formula or a condition that cannot be read, a bound that is not
    /// positive, a problem or data that cannot be used, and a `LANGEVIN_SEED` that is no seed.
    pub fn check(self) -> Result<ClaimOutcome> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => seed_of_environment()?,
        };
        let document = self.document();
        let mut claims = UserClaim::parse("claim in a test", &document)?;
        let written =
            !matches!((&self.formula, &self.domain), (Source::Function(_), _) | (_, Some(Source::Function(_))));
        if let Some(claim) = claims.first_mut() {
            if let Source::Function(function) = &self.formula {
                claim.expression = Expression::function(function.clone());
            }
            if let Some(Source::Function(function)) = &self.domain {
                claim.domain = Some(Expression::function(function.clone()));
            }
        }
        let ground = match self.ground {
            Ground::Data(data) => CheckGround::of_data((*data)?),
            Ground::Problem(problem) => CheckGround::of_problem((*problem)?),
        };
        let progress = Progress::hidden();
        let options = RunOptions {
            tier: self.tier,
            seed,
            only: &[],
            source: "test",
            command: "cargo test".into(),
            progress: &progress,
        };
        let report = check_claims(&claims, ground, &options)?;
        Ok(ClaimOutcome { report, document: written.then_some(document) })
    }

    /// For a test: passes if the claim is supported.
    ///
    /// # Panics
    /// Otherwise, with the verdict, the effect, the budget and how to repeat it; also where the claim cannot be checked.
    #[track_caller]
    pub fn assert_supported(self) {
        match self.check() {
            Ok(outcome) => assert!(outcome.verdict() == Verdict::Supported, "{outcome}"),
            Err(error) => panic!("the claim cannot be checked: {error}"),
        }
    }

    /// For a test: passes if the claim is refuted.
    ///
    /// # Panics
    /// Otherwise, and where the claim cannot be checked.
    #[track_caller]
    pub fn assert_refuted(self) {
        match self.check() {
            Ok(outcome) => assert!(outcome.verdict() == Verdict::Refuted, "it was to be refuted, but: {outcome}"),
            Err(error) => panic!("the claim cannot be checked: {error}"),
        }
    }
}

fn digits() -> Result<Dataset> {
    Dataset::digits(Standardize::Center, true, None).map_err(VerifyError::from)
}

/// What was found about a claim.
#[derive(Clone, Debug)]
pub struct ClaimOutcome {
    /// Everything, as `langevin check FILE.toml --json` has it.
    pub report: ClaimsReport,
    document: Option<String>,
}

impl ClaimOutcome {
    /// The answer.
    pub fn verdict(&self) -> Verdict {
        self.report.claims.first().map_or(Verdict::Undecided, |claim| claim.verdict)
    }
}

impl fmt::Display for ClaimOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", claims_text(&self.report).trim_end())?;
        for check in self.report.claims.iter().flat_map(|claim| &claim.simulation) {
            if let (Some(alpha), Some(effect), Some(power)) =
                (check.alpha, check.minimum_detectable_effect, check.power)
            {
                writeln!(
                    formatter,
                    "budget: {} at alpha = {alpha:.2e}, minimum detectable effect {effect:.2e} with power {power}",
                    check.id
                )?;
            }
        }
        write!(
            formatter,
            "repeat with LANGEVIN_SEED={} cargo test, new numbers with LANGEVIN_SEED=fresh",
            self.report.seed
        )?;
        match &self.document {
            Some(document) => write!(formatter, "; or save as claim.toml for langevin check claim.toml:\n{document}"),
            None => Ok(()),
        }
    }
}
