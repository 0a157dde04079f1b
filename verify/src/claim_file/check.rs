//! `langevin check FILE ...`: both decisions for every claim, and the verdict they give together.
//!
//! A claim that the exact law refutes inside its domain is refuted. Otherwise one that simulation refutes is refuted, one
//! that either leaves open is undecided, and the rest is supported at the resolution of the simulation.

use std::sync::Arc;

use langevin_theory::{Hyperparameters, Sampling};

use super::grid::Grid;
use super::outcome::{ClaimOutcome, ClaimsReport, ExactOutcome, SCHEMA};
use super::reader::{ClaimNoise, Holds, UserClaim};
use super::simulation::{Simulated, Simulations, check_id, quantities, simulation_scenario};
use super::{epochs, exact};
use crate::error::{Result, VerifyError};
use crate::ledger::{FAMILY_WISE_ERROR, Ledger};
use crate::problem::{Noise, Problem};
use crate::report::{CheckResult, ClaimResult, Summary, Verdict};
use crate::run::RunOptions;
use crate::scenario::Prepared;
use crate::simulate::{data_hash, settings_hash};

/// What claims are checked on.
pub struct CheckGround {
    /// The data.
    data: langevin_sim::Dataset,
    sampling: Sampling,
    sgd: Option<Hyperparameters>,
}

impl CheckGround {
    /// Data alone: hyperparameters are chosen, batches are drawn with replacement.
    pub fn of_data(data: langevin_sim::Dataset) -> Self {
        Self { data, sampling: Sampling::WithReplacement, sgd: None }
    }

    /// A problem file: its data, sampling and hyperparameters. Its noise model decides nothing; claims name theirs.
    pub fn of_problem(problem: Problem) -> Self {
        Self { data: problem.data, sampling: problem.sampling, sgd: Some(problem.sgd) }
    }
}

const NOISES: [Noise; 2] = [Noise::Gaussian, Noise::Minibatch];

/// Checks claims. Levels are those of the whole set, whatever `only` keeps, so that a claim decides alone as it did among
/// others.
///
/// # Errors
/// [`VerifyError::Input`] for an unknown id in `only`, for a domain without a single point, for data without curvature or
/// noise.
pub fn check_claims(claims: &[UserClaim], ground: CheckGround, options: &RunOptions<'_>) -> Result<ClaimsReport> {
    for id in options.only {
        if !claims.iter().any(|claim| claim.id == *id) {
            let known: Vec<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
            return Err(VerifyError::Input {
                detail: format!("unknown claim \"{id}\"{}", crate::document::suggestion(id, &known)),
            });
        }
    }
    let CheckGround { data, sampling, sgd } = ground;
    let (name, outputs) = (data.description.clone(), data.problem.outputs());
    let hash = match &sgd {
        Some(sgd) => settings_hash(&data, sgd, sampling, Noise::Minibatch),
        None => data_hash(&data),
    };
    let prepared = single_output(Prepared::new(data)?, sgd.map_or(0.0, |sgd| sgd.weight_decay()))?;
    if prepared.quadratic.rank() == 0 {
        return Err(VerifyError::Input { detail: "all features are zero; at least one must vary".into() });
    }
    let grid = Grid::new(&prepared, sampling, sgd)?;
    let weights = claims.iter().flat_map(|claim| {
        NOISES.into_iter().filter(|noise| claim.is_about(*noise)).flat_map(move |noise| {
            quantities(claim).iter().map(move |quantity| (check_id(claim, noise, quantity), 1.0))
        })
    });
    let simulations = Simulations {
        grid: &grid,
        ledger: &Ledger::new(weights)?,
        tier: options.tier,
        seed: options.seed.value(),
        token: format!("{}@{:x}@{}", options.tier.name(), options.seed.value(), options.source),
        files: files(claims),
        progress: options.progress,
    };
    let mut outcomes = Vec::new();
    for claim in claims.iter().filter(|claim| options.only.is_empty() || options.only.contains(&claim.id)) {
        outcomes.push(check_one(claim, &grid, &simulations).map_err(|error| error.in_file(&claim.file))?);
    }
    options.progress.finish();
    let results: Vec<ClaimResult> = outcomes.iter().map(crate::render::claim_as_result).collect();
    let summary = Summary::of(&results, [0, 0]);
    Ok(ClaimsReport {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        tier: options.tier.name().into(),
        seed: options.seed.value(),
        seed_origin: options.seed.origin().into(),
        family_wise_error: FAMILY_WISE_ERROR,
        command: options.command.clone(),
        data: if outputs > 1 { format!("{name}; the output with the largest residual of {outputs}") } else { name },
        data_hash: hash,
        sampling: sampling.name().into(),
        predictions: outcomes.iter().flat_map(ClaimOutcome::predictions).collect(),
        baseline: None,
        evidence: None,
        claims: outcomes,
        summary,
    })
}

/// The files of claims, separated by commas, for replay tokens.
fn files(claims: &[UserClaim]) -> String {
    let mut files: Vec<&str> = claims.iter().map(|claim| claim.file.as_str()).collect();
    files.dedup();
    files.join(",")
}

fn single_output(prepared: Arc<Prepared>, weight_decay: f64) -> Result<Arc<Prepared>> {
    if prepared.dataset.problem.outputs() == 1 {
        return Ok(prepared);
    }
    let output = prepared.noisiest_output(weight_decay);
    prepared.single_output(output)
}

fn check_one(claim: &UserClaim, grid: &Grid, simulations: &Simulations<'_>) -> Result<ClaimOutcome> {
    let mut exact_outcomes = Vec::new();
    let mut simulation = Vec::new();
    let mut notes = Vec::new();
    let mut without_law = false;
    for noise in NOISES.into_iter().filter(|noise| claim.is_about(*noise)) {
        let reshuffled = grid.sampling == Sampling::Reshuffle;
        if reshuffled && noise == Noise::Gaussian {
            if claim.noise == ClaimNoise::Gaussian {
                return Err(VerifyError::Input {
                    detail: format!(
                        "claim \"{}\".noise is \"gaussian\" on a problem with sgd.sampling \"reshuffle\"; gaussian noise is \
                         independent from step to step and has no epochs: it must be minibatch or both",
                        claim.id
                    ),
                });
            }
            notes.push(
                "gaussian noise has no epochs: with sampling \"reshuffle\" the claim is about minibatch noise".into(),
            );
            continue;
        }
        if reshuffled {
            notes.push(
                "reshuffled epochs: values are averages over the places of an epoch, in the state that repeats from epoch to \
                 epoch"
                    .into(),
            );
        }
        simulations.progress.name(&exact_scenario(&claim.id, noise.name()));
        let known = !reshuffled || epochs::is_known(claim.observable);
        let outcome = if known { exact::decide(claim, grid, noise)? } else { None };
        let Some(outcome) = outcome else {
            if known {
                notes.push(format!("no point of the grid with {} noise is inside the domain", noise.name()));
                continue;
            }
            without_law = true;
            notes.push(format!(
                "there is no exact law of {} with reshuffled epochs: simulation decides alone",
                claim.observable.name()
            ));
            simulations.progress.name(&simulation_scenario(claim, noise));
            match simulations.decide(claim, noise)? {
                Simulated::None(reason) => notes.push(reason),
                Simulated::Checks(checks) => simulation.extend(checks),
            }
            continue;
        };
        if reshuffled && !grid.enumerates_data() {
            notes.push(
                "the orders of these data are too many to enumerate: the exact law is that of small synthetic data, and \
                 simulation decides on these"
                    .into(),
            );
        }
        let order_measured = outcome.order.as_ref().is_none_or(|order| order.lines > 0);
        if !order_measured {
            notes.push(format!(
                "no order with {} noise: the domain has no point of a shrinking learning rate",
                noise.name()
            ));
        }
        let supported = outcome.verdict == Verdict::Supported;
        exact_outcomes.push(outcome);
        simulations.progress.name(&simulation_scenario(claim, noise));
        match simulations.decide(claim, noise)? {
            Simulated::None(reason) => notes.push(reason),
            Simulated::Checks(checks) => {
                if supported && checks.iter().any(|check| check.verdict == Verdict::Refuted) {
                    notes.push(
                        "SIMULATION CONTRADICTS THE EXACT LAW. By chance this happens in at most one run of a million: \
                         please report it, with the replay token"
                            .into(),
                    );
                }
                simulation.extend(checks);
            }
        }
    }
    if exact_outcomes.is_empty() && !without_law {
        let domain = claim.domain.as_ref().map_or_else(String::new, |domain| domain.text().to_owned());
        return Err(VerifyError::Input {
            detail: format!(
                "claim \"{}\".where is `{domain}`; no point of the grid satisfies it: it must hold for some learning \
                 rate with a stationary state, momentum in [0, 1), weight decay of at least 0 and batch size",
                claim.id
            ),
        });
    }
    let parts = exact_outcomes.iter().map(|outcome| outcome.verdict);
    let verdict = Verdict::of_all(parts.chain(simulation.iter().map(|check| check.verdict)));
    Ok(ClaimOutcome {
        id: claim.id.clone(),
        title: claim.title.clone(),
        statement: claim.statement.clone(),
        file: claim.file.clone(),
        observable: claim.observable_text(),
        expression: claim.expression.text().to_owned(),
        domain: claim.domain.as_ref().map(|domain| domain.text().to_owned()),
        holds: claim.holds,
        noise: claim.noise,
        headline: headline(claim, verdict, &exact_outcomes, &simulation),
        verdict,
        exact: exact_outcomes,
        simulation,
        notes,
    })
}

/// `claim/noise-exact-law`: what the progress calls the first decision, so that its time can be told.
pub(crate) fn exact_scenario(claim: &str, noise: &str) -> String {
    format!("{claim}/{noise}-exact-law")
}

/// A relative size in words.
pub(crate) fn percent(value: f64) -> String {
    if value == 0.0 {
        "0".into()
    } else if value.abs() < 1e-5 || value.abs() >= 1e4 {
        format!("{value:.1e} (relative)")
    } else {
        format!("{:.3} %", 100.0 * value)
    }
}

fn headline(claim: &UserClaim, verdict: Verdict, exact: &[ExactOutcome], simulation: &[CheckResult]) -> String {
    let refuting = exact.iter().find(|outcome| outcome.verdict == Verdict::Refuted);
    if let Some(outcome) = refuting {
        if outcome.undefined.is_some() {
            return format!("The formula has no value somewhere in its domain ({} noise).", outcome.noise);
        }
        if let (Some(order), Holds::Order(claimed)) = (&outcome.order, claim.holds) {
            let slope = order.slope.unwrap_or(f64::NAN);
            return format!("The error is of order {slope:.2} in eta h, not {claimed} ({} noise).", outcome.noise);
        }
        if let Some(largest) = &outcome.largest {
            return format!("Off by up to {} from the exact law ({} noise).", percent(largest.error), outcome.noise);
        }
    }
    if let Some(check) = simulation.iter().find(|check| check.verdict == Verdict::Refuted) {
        return format!("Off by {} in simulation ({}).", percent(check.effect), check.id);
    }
    let resolution = simulation
        .iter()
        .filter_map(|check| check.minimum_detectable_effect)
        .reduce(f64::min)
        .map_or_else(String::new, |effect| format!("; simulation would have seen {}", percent(effect)));
    match (verdict, claim.holds) {
        (Verdict::Supported, _) if exact.is_empty() => {
            format!("Decided by simulation alone{resolution}.")
        }
        (Verdict::Undecided, _) => "Neither refuted nor supported: see the parts that are undecided.".into(),
        (_, Holds::Order(claimed)) => {
            let slope = exact.iter().filter_map(|outcome| outcome.order.as_ref()?.slope).reduce(f64::min);
            let measured =
                slope.map_or_else(|| "its error is rounding".into(), |slope| format!("measured order {slope:.2}"));
            format!("Of order {claimed} in eta h: {measured}{resolution}.")
        }
        _ => {
            let largest =
                exact.iter().filter_map(|outcome| Some(outcome.largest.as_ref()?.error.abs())).fold(0.0, f64::max);
            let values: u64 = exact.iter().map(|outcome| outcome.values).sum();
            format!("Within {} of the exact law at {values} values{resolution}.", percent(largest))
        }
    }
}
