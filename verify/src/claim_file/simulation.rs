//! The second decision: a formula against simulated SGD, under the error budget of the run.
//!
//! Chains start at a draw with the exact stationary mean and covariance (for the means: displaced along every mode, at
//! rest), one number per chain and member (mode, lag). The test is a [`StudentSequence`]: its looks are declared before
//! the chains run, so it may stop at the first that decides and go on, up to a budget, while none does. An exact claim is a
//! null hypothesis. For `within = x` it is |error| <= x: supported when the confidence sequence lies inside x + resolution,
//! refuted when it misses x. For `order = p` the bound is the error that the first decision found at the same point.

use langevin_sim::Moments;
use langevin_sim::observer::{
    AutocovarianceObserver, ChainEnergies, DisplacementObserver, EnergyObserver, Observer, SnapshotObserver,
};
use langevin_sim::sgd::{Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_theory::Quadratic;
use langevin_theory::discrete::{ConstantNoiseLaw, ModeMap};
use langevin_theory::linear_algebra::covariance_root;
use nalgebra::{DMatrix, DVector};

use super::epochs::{BURN_IN, EpochObserver, EpochRecord, LONGEST_BURN_IN, Schedule};
use super::exact::{errors_at, in_domain};
use super::expression::{Expression, Point, Symbol};
use super::grid::{Grid, middle, rounded};
use super::observable::Observable;
use super::reader::{Holds, UserClaim};
use super::scene::Scene;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::problem::Noise;
use crate::progress::Progress;
use crate::report::{CheckResult, Layer, Verdict};
use crate::scenario::{NOISE_EVENTS, RELAXATIONS, relaxation_steps, resolved_modes};
use crate::seed::scenario_seed;
use crate::statistics::sequence::{Sequence, StudentSequence, inclusion};
use crate::statistics::{Finding, Rates, chains};
use crate::tier::Tier;

/// Modes of Gaussian noise on data without a problem file.
const GAUSSIAN_MODES: usize = 8;

/// Momenta of simulations without a problem file, the first that is inside the domain: several wrong formulas are right
/// without momentum.
const MOMENTA: [f64; 4] = [0.8, 0.5, 0.0, 0.95];

/// Chains that only set the number of those that are tested.
const PILOT: u64 = 600;

/// Shortest and longest chains.
const STEPS: [u64; 2] = [200, 4000];

/// Simulations of this size share the work of one built-in scenario.
const PARTS: f64 = 8.0;

/// Steps whose cost the start of a chain has.
const OVERHEAD: u64 = 32;

/// Members from which on their mean is held to the finer resolution.
const FEW: usize = 4;

/// Start of a mean in units of the stationary spread.
const DISPLACED: f64 = 10.0;

/// Most scenes of the grid that are looked at for one inside the domain.
const MOST_SCENES: usize = 20_000;

/// What simulations of a run share.
pub(crate) struct Simulations<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) ledger: &'a Ledger,
    pub(crate) tier: Tier,
    pub(crate) seed: u64,
    /// The first part of replay tokens.
    pub(crate) token: String,
    /// The last part, after the claim's id, is this plus the id.
    pub(crate) files: String,
    pub(crate) progress: &'a Progress,
}

/// A mode and a number of steps whose value is compared.
#[derive(Clone, Copy, Debug)]
struct Member {
    mode: Option<usize>,
    lag: usize,
    /// What the formula says; NaN where it is evaluated on each chain's own variances.
    claimed: f64,
    /// What errors are relative to; without an exact law the pilot says.
    scale: f64,
}

/// What is kept of a chain.
enum Record {
    Energies(ChainEnergies),
    Displacement(Vec<f64>),
    Autocovariance(langevin_sim::observer::ChainAutocovariance),
    States(DMatrix<f64>),
    Epochs(EpochRecord),
}

/// Chains of a scene, with what it takes to read them.
struct Chains {
    ensemble: Ensemble,
    centre: Vec<f64>,
    /// Displacement of the start, for means.
    displaced: Vec<f64>,
    work: f64,
    /// Burn-in and whole epochs, with reshuffled batches.
    schedule: Option<Schedule>,
    /// What each chain evaluates the formula on, where the variances in it have no exact value.
    own_variances: Option<Point>,
}

/// What a simulation said.
pub(crate) enum Simulated {
    /// Checks, decided.
    Checks(Vec<CheckResult>),
    /// Why there is none.
    None(String),
}

/// Quantities of a claim: every member, and their mean.
pub(crate) fn quantities(claim: &UserClaim) -> &'static [&'static str] {
    if claim.observable == Observable::LearningRateLimit {
        &[]
    } else if claim.observable.is_of_a_mode() {
        &["modes", "pooled"]
    } else {
        &["total"]
    }
}

/// `claim/noise/quantity`.
pub(crate) fn check_id(claim: &UserClaim, noise: Noise, quantity: &str) -> String {
    format!("{}/{}/{quantity}", claim.id, noise.name())
}

impl Simulations<'_> {
    pub(crate) fn decide(&self, claim: &UserClaim, noise: Noise) -> Result<Simulated> {
        if claim.observable == Observable::LearningRateLimit {
            return Ok(Simulated::None("a limit is not simulated: the exact law decides alone".into()));
        }
        let Some((scene, mut steps, mut all_members, mut note)) = self.operating_point(claim, noise)? else {
            return Ok(Simulated::None(format!(
                "not simulated with {} noise: no point that chains resolve is inside the domain",
                noise.name()
            )));
        };
        let own_variances = scene.is_reshuffled() && scene.epochs()?.is_none() && uses_variances(&claim.expression);
        if scene.is_reshuffled() && is_mean(claim.observable) {
            return Ok(Simulated::None(
                "not simulated: the mean of reshuffled epochs from a given state depends on the place in the epoch"
                    .into(),
            ));
        }
        if scene.is_reshuffled() && matches!(claim.holds, Holds::Order(_)) && scene.epochs()?.is_none() {
            return Ok(Simulated::None(
                "not simulated: without an exact law there is no bound on the error to test".into(),
            ));
        }
        if !own_variances && all_members.iter().any(|member| !member.claimed.is_finite()) {
            return Ok(Simulated::None("not simulated: the formula has no value at the operating point".into()));
        }
        let lags = lags_of(claim);
        let mut chains = self.chains(claim, &scene)?;
        if scene.is_reshuffled() {
            let Some(schedule) = schedule(&scene, steps) else {
                return Ok(Simulated::None("not simulated: modes relax too slowly for a burn-in".into()));
            };
            steps = schedule.steps(lags.last().copied().unwrap_or(0));
            chains.schedule = Some(schedule);
        }
        if own_variances {
            chains.own_variances = Some(scene.point(false)?);
        }
        let chains = chains;
        let run = |range: std::ops::Range<u64>| self.run(claim, &chains, &lags, range, steps);
        let values_of = |records: &[Record], member: &Member| -> Vec<f64> {
            records.iter().map(|record| value(claim, &scene, &chains, record, member)).collect()
        };
        // the pilot sets the number of chains and is left out: a sample whose size depends on its own spread is biased
        let pilot = run(0..PILOT);
        if own_variances && !is_affine(claim, &chains, &pilot, &all_members) {
            return Ok(Simulated::None(
                "not simulated: there is no exact law of the variances in the formula, and it is not linear in them"
                    .into(),
            ));
        }
        let mut scale_error: f64 = 0.0;
        for member in all_members.iter_mut().filter(|member| member.scale.is_nan()) {
            scale_error = scale_error.max(measure_scale(claim, &scene, &chains, &pilot, member));
        }
        all_members.retain(|member| member.scale > 0.0 && member.scale.is_finite());
        let most = ((self.tier.most_work() / PARTS / (chains.work * (steps + OVERHEAD) as f64)) as u64).max(1000);
        let needs = |member: &Member, target: f64, rates: Rates| {
            chains_planned(&Moments::of(values_of(&pilot, member)), target, rates)
        };
        let (rates, _) = self.rates(claim, noise, quantities(claim)[0], all_members.len())?;
        let affordable = |member: &&Member| needs(member, self.tier.single(), rates) <= most;
        let mut members: Vec<Member> = all_members.iter().filter(affordable).copied().collect();
        if members.is_empty() {
            // the test will say what stops it
            members.extend(all_members.iter().min_by_key(|member| needs(member, self.tier.single(), rates)));
        }
        if members.len() < all_members.len() {
            let left = format!(
                "{} of {} values are left to the exact law: their samples are too skewed or too noisy for {most} chains",
                all_members.len() - members.len(),
                all_members.len()
            );
            note = Some(note.map_or_else(|| left.clone(), |note| format!("{note}; {left}")));
        }
        let pooled_of = |records: &[Record]| -> Vec<f64> {
            let each: Vec<Vec<f64>> = members.iter().map(|member| values_of(records, member)).collect();
            (0..records.len()).map(|c| each.iter().map(|values| values[c]).sum::<f64>() / each.len() as f64).collect()
        };
        let numbers_of = |quantity: &str, records: &[Record]| -> Vec<Vec<f64>> {
            if quantity == "pooled" {
                vec![pooled_of(records)]
            } else {
                members.iter().map(|member| values_of(records, member)).collect()
            }
        };
        // room for a pilot that saw too little spread
        let budget = most + most / 4;
        let mut planned = 0;
        let mut plans = Vec::new();
        for &quantity in quantities(claim) {
            let (rates, target) = self.rates(claim, noise, quantity, members.len())?;
            let pilots: Vec<Moments> = numbers_of(quantity, &pilot).into_iter().map(Moments::of).collect();
            let need = |target: f64| pilots.iter().map(|pilot| chains_planned(pilot, target, rates)).max().unwrap_or(0);
            // what cannot be had at the finer resolution is tested at the coarser one, and says so
            let fine = need(target);
            let target = if fine <= most { target } else { self.tier.single() };
            planned = planned.max(need(target));
            plans.push((quantity, rates, target, pilots.len()));
        }
        drop(pilot);
        let bound = match claim.holds {
            Holds::Exactly => None,
            // a scale that was measured is known to its error: five of them, so that it refutes nothing
            Holds::Within(bound) => Some(bound * (1.0 + 5.0 * scale_error)),
            Holds::Order(_) => Some(errors_at(claim, &scene)?),
        };
        let mut tests = Vec::new();
        for (quantity, rates, target, size) in plans {
            let sequence = StudentSequence::around(planned, budget, rates)?;
            tests.push(RunningTest { quantity, rates, target, bound, members: vec![sequence; size] });
        }
        let looks =
            tests.first().and_then(|test| test.members.first()).map_or_else(Vec::new, |one| one.looks().to_vec());
        let mut stopping = Stopping { chains: 0, steps, look: 0, looks: looks.len(), planned, most: budget };
        for look in looks {
            let records = run(PILOT + stopping.chains..PILOT + look);
            (stopping.chains, stopping.look) = (look, stopping.look + 1);
            for test in &mut tests {
                let numbers = numbers_of(test.quantity, &records);
                if numbers.iter().flatten().any(|number| !number.is_finite()) {
                    return Ok(Simulated::None(format!(
                        "not simulated with {} noise: chains leave the range of doubles",
                        noise.name()
                    )));
                }
                for (sequence, numbers) in test.members.iter_mut().zip(numbers) {
                    sequence.add(&numbers)?;
                }
            }
            let verdicts: Vec<Verdict> =
                tests.iter().map(|test| test.judge(look >= planned, stopping.look == stopping.looks).verdict).collect();
            if verdicts.contains(&Verdict::Refuted) || verdicts.iter().all(|verdict| *verdict == Verdict::Supported) {
                break;
            }
        }
        let mut checks = Vec::new();
        for test in &tests {
            let judged = test.judge(stopping.chains >= planned, stopping.look == stopping.looks);
            let names = |index: usize| match members.get(index) {
                Some(Member { mode: Some(mode), lag, .. }) if test.quantity == "modes" => {
                    let steps = claim.observable.takes_lag().then(|| format!(", k = {}", lags[*lag]));
                    format!(
                        "mode {}, eta h = {:.3e}{}",
                        mode + 1,
                        scene.place(Some(*mode), None).rate_times_curvature,
                        steps.unwrap_or_default()
                    )
                }
                Some(Member { lag, .. }) if claim.observable.takes_lag() && test.quantity == "total" => {
                    format!("k = {}", lags[*lag])
                }
                _ => "all".into(),
            };
            checks.push(self.check(claim, noise, test, &judged, &scene, names, &stopping, note.as_deref())?);
        }
        Ok(Simulated::Checks(checks))
    }

    /// The level of one member of a quantity, and the resolution that counts as decided.
    fn rates(&self, claim: &UserClaim, noise: Noise, quantity: &str, members: usize) -> Result<(Rates, f64)> {
        let rates = self.ledger.rates(&check_id(claim, noise, quantity))?;
        let size = if quantity == "pooled" { 1 } else { members.max(1) };
        // a few modes are not many
        let single = quantity == "modes" || (quantity == "pooled" && members < FEW);
        let target = if single { self.tier.single() } else { self.tier.pooled() };
        Ok((Rates { alpha: rates.alpha / size as f64, ..rates }, target))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one decision, used once")]
    fn check(
        &self,
        claim: &UserClaim,
        noise: Noise,
        test: &RunningTest,
        judged: &Judged,
        scene: &Scene,
        name: impl Fn(usize) -> String,
        stopping: &Stopping,
        note: Option<&str>,
    ) -> Result<CheckResult> {
        let Judged { kept, noisy, findings, strongest, verdict } = judged;
        let id = check_id(claim, noise, test.quantity);
        let size = findings.len();
        let pick = strongest.map(|index| &findings[index]);
        let stopping_guard = findings.iter().find_map(|finding| finding.untestable.clone());
        // members that are tested are evidence, at their share of the level, whatever stopped others
        let all_stopped = findings.iter().all(|finding| finding.untestable.is_some());
        let untestable = stopping_guard.clone().filter(|_| all_stopped);
        let family = self.ledger.rates(&id)?;
        let sgd = &scene.sgd;
        let stopped = test.members.len() - kept.len() - noisy;
        let notes: Vec<String> = [
            Some(format!(
                "{}: eta = {}, beta = {}, lambda = {}, S = {}, {}; {stopping}",
                scene.ground.name,
                sgd.learning_rate(),
                sgd.momentum(),
                sgd.weight_decay(),
                sgd.batch_size(),
                scene.sampling.name(),
            )),
            test.bound.map(|bound| format!("tested against |error| <= {bound:.3e}")),
            note.map(str::to_owned),
            (*noisy > 0).then(|| {
                format!("{noisy} values are left to the exact law: {} chains do not resolve them", stopping.chains)
            }),
            (stopped > 0).then(|| format!("{stopped} values are left to the exact law: a guard stopped their test")),
            stopping_guard.map(|reason| format!("untestable: {reason}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        Ok(CheckResult {
            purpose: None,
            scenario: simulation_scenario(claim, noise),
            layer: Layer::L2,
            method: "group-sequential Student t over chains".into(),
            quantity: match (test.quantity, strongest) {
                ("pooled", _) => format!("{}, measured - claimed, mean over modes", claim.observable_text()),
                (_, Some(index)) => {
                    let member = name(kept[*index]);
                    format!("{}, measured - claimed (largest departure: {member})", claim.observable_text())
                }
                _ => claim.observable_text(),
            },
            effect: pick.map_or(0.0, |finding| finding.effect),
            effect_unit: "relative".into(),
            interval: pick.map(|finding| finding.interval).filter(|ends| ends.iter().all(|end| end.is_finite())),
            minimum_detectable_effect: findings
                .iter()
                .map(|finding| finding.minimum_detectable_effect)
                .reduce(f64::max)
                .filter(|effect| effect.is_finite()),
            power: Some(family.power),
            alpha: Some(family.alpha),
            // of every member: those that a guard stopped have their share of the level too
            p_value: pick.map(|finding| (finding.p_value * test.members.len() as f64).min(1.0)),
            e_value: None,
            tolerance: None,
            samples: stopping.chains,
            family_size: size as u64,
            verdict: *verdict,
            untestable,
            note: Some(notes.join("; ")),
            replay: format!("{}@claim:{}#{}", self.token, self.files, claim.id),
            id,
        })
    }

    /// Scenes at which chains may run, the best first: the problem's own, or at a momentum and a part of the stability edge
    /// the data and then the cheap spectra.
    fn candidates(&self, noise: Noise, momentum: f64, part: f64) -> Result<Vec<Scene>> {
        let grid = self.grid;
        let mut found = Vec::new();
        if let Some(sgd) = &grid.problem {
            let ground = grid.data.at(sgd.weight_decay())?;
            let rates = (sgd.learning_rate(), sgd.momentum());
            found.extend(Scene::new(&ground, rates, sgd.batch_size(), grid.sampling, noise));
        } else {
            let eigenvalues = grid.data.eigenvalues();
            let few = if noise == Noise::Gaussian {
                &eigenvalues[..eigenvalues.len().min(GAUSSIAN_MODES)]
            } else {
                &eigenvalues
            };
            let whole = grid.data.at(rounded(0.3 * middle(few)))?;
            let ground = if noise == Noise::Gaussian { whole.top(GAUSSIAN_MODES) } else { whole };
            let batch = 32.min((ground.samples / 4).max(1));
            found.extend(usual(&ground, batch, grid, noise, (momentum, part))?);
        }
        for spectrum in grid.cheap(noise).iter().rev() {
            let ground = spectrum.at(rounded(0.3 * middle(&spectrum.eigenvalues())))?;
            found.extend(usual(&ground, 4, grid, noise, (momentum, part))?);
        }
        Ok(found)
    }

    /// Whatever of the grid is inside the domain and mixes fast.
    fn further_candidates(&self, claim: &UserClaim, noise: Noise) -> Result<Vec<Scene>> {
        let grid = self.grid;
        let own = grid.scenes_for(claim, noise)?;
        let mut rest: Vec<(f64, &Scene)> = Vec::new();
        for scene in grid.scenes(noise)?.iter().chain(&own).take(MOST_SCENES) {
            if scene.ground.eigenvalues.len() > GAUSSIAN_MODES {
                continue;
            }
            if let Some(slowest) = slowest_inside(claim, scene)? {
                rest.push((slowest, scene));
            }
        }
        rest.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(rest.into_iter().take(8).map(|(_, scene)| scene.clone()).collect())
    }

    /// The first scene with members inside the domain that chains of an admissible length resolve.
    #[allow(clippy::type_complexity, reason = "one use")]
    fn operating_point(
        &self,
        claim: &UserClaim,
        noise: Noise,
    ) -> Result<Option<(Scene, u64, Vec<Member>, Option<String>)>> {
        // without a domain the first of them serves
        for momentum in MOMENTA {
            for part in [1.0, 0.3, 0.05] {
                let found = Self::first_resolved(claim, noise, self.candidates(noise, momentum, part)?)?;
                if found.is_some() || claim.domain.is_none() {
                    return Ok(found);
                }
            }
        }
        Self::first_resolved(claim, noise, self.further_candidates(claim, noise)?)
    }

    #[allow(clippy::type_complexity, reason = "one use")]
    fn first_resolved(
        claim: &UserClaim,
        noise: Noise,
        scenes: Vec<Scene>,
    ) -> Result<Option<(Scene, u64, Vec<Member>, Option<String>)>> {
        for scene in scenes {
            let Some(slowest) = slowest_inside(claim, &scene)? else { continue };
            if !scene.is_reshuffled() && scene.laws()?.is_none() {
                continue;
            }
            let (eta, momentum) = (scene.sgd.learning_rate(), scene.sgd.momentum());
            let modes = 0..scene.ground.eigenvalues.len();
            let maps: Vec<ModeMap> =
                modes.map(|mode| ModeMap::new(eta, momentum, scene.ground.curvature(mode))).collect();
            let means = is_mean(claim.observable);
            let lags = lags_of(claim);
            let longest = lags.last().copied().unwrap_or(0);
            let events: Vec<f64> = match &scene.ground.prepared {
                Some(prepared) if noise == Noise::Minibatch => prepared.noise_events(&scene.sgd, 0),
                _ => vec![f64::INFINITY; maps.len()],
            };
            let mut steps = if means {
                longest
            } else {
                ((RELAXATIONS * slowest).ceil().min(STEPS[1] as f64) as u64).clamp(STEPS[0], STEPS[1]).max(4 * longest)
            };
            if !means {
                steps = steps.max(steps_of_noise(&events, steps));
            }
            let (resolved, note) =
                if means { ((0..maps.len()).collect(), None) } else { resolved_modes(&maps, &events, steps) };
            let members = members(claim, &scene, &lags, &resolved)?;
            if !members.is_empty() {
                return Ok(Some((scene, steps, members, note)));
            }
        }
        Ok(None)
    }

    #[allow(clippy::single_match_else, reason = "two kinds of noise")]
    fn chains(&self, claim: &UserClaim, scene: &Scene) -> Result<Chains> {
        let seed = scenario_seed(self.seed, &check_id(claim, scene.noise, "chains"));
        let sgd = &scene.sgd;
        let modes = scene.ground.eigenvalues.len();
        if let Some(prepared) = scene.ground.prepared.as_ref().filter(|_| scene.is_reshuffled()) {
            let noise = MinibatchNoise::new(&prepared.rotated, sgd, scene.sampling)?;
            let minimum = prepared.minimum_in_eigenbasis(sgd.weight_decay());
            let centre = minimum.column(0).as_slice().to_vec();
            let work = 300.0 + 2.0 * (sgd.batch_size() * centre.len()) as f64;
            let ensemble = Ensemble::new(NoiseSource::Minibatch(noise), sgd, Start::Fixed(minimum), seed)?;
            let displaced = vec![0.0; centre.len()];
            return Ok(Chains { ensemble, centre, displaced, work, schedule: None, own_variances: None });
        }
        let (source, centre, covariance, width, work) = match (&scene.noise, scene.minibatch_law()?) {
            (Noise::Minibatch, Some(law)) => {
                let Some(prepared) = &scene.ground.prepared else {
                    return Err(crate::VerifyError::Input { detail: "minibatch noise needs data".into() });
                };
                let position = law.stationary_position_in_eigenbasis(0)?;
                let noise = MinibatchNoise::new(&prepared.rotated, sgd, scene.sampling)?;
                let width = prepared.rotated.dimension();
                let centre = prepared.minimum_in_eigenbasis(sgd.weight_decay()).column(0).into_owned();
                let work = 300.0 + 2.0 * (sgd.batch_size() * width) as f64;
                (NoiseSource::Minibatch(noise), centre, law.phase_space_moment(&position)?, width, work)
            }
            _ => {
                let per_step = &scene.ground.covariance * scene.noise_factor();
                let hessian = DMatrix::from_diagonal(&DVector::from_vec(scene.ground.eigenvalues.clone()));
                let zero = DMatrix::zeros(modes, 1);
                let quadratic = Quadratic::new(hessian, zero.clone())?;
                let law = ConstantNoiseLaw::new(
                    &quadratic,
                    sgd.learning_rate(),
                    sgd.momentum(),
                    sgd.weight_decay(),
                    &per_step,
                )?;
                let root = covariance_root("noise", &per_step)?;
                let noise = GaussianNoise::new(&scene.ground.eigenvalues, &zero, &[root])?;
                let work = (300 + 20 * modes + modes * modes) as f64;
                let covariance = law.stationary_covariance_in_eigenbasis()?;
                (NoiseSource::Gaussian(noise), DVector::zeros(modes), covariance, modes, work)
            }
        };
        let mut displaced = vec![0.0; width];
        let start = if is_mean(claim.observable) {
            for (i, start) in displaced.iter_mut().enumerate().take(modes) {
                let spread = covariance[(i, i)].max(0.0).sqrt();
                *start = if spread > 0.0 { DISPLACED * spread } else { 1.0 };
            }
            Start::Fixed(DMatrix::from_fn(width, 1, |i, _| centre[i] + displaced[i]))
        } else {
            let roots = vec![covariance_root("the stationary covariance", &covariance)?];
            Start::Gaussian { mean: DMatrix::from_fn(width, 1, |i, _| centre[i]), roots }
        };
        let ensemble = Ensemble::new(source, sgd, start, seed)?;
        let centre = centre.as_slice().to_vec();
        Ok(Chains { ensemble, centre, displaced, work, schedule: None, own_variances: None })
    }

    fn run(
        &self,
        claim: &UserClaim,
        chains: &Chains,
        lags: &[u64],
        range: std::ops::Range<u64>,
        steps: u64,
    ) -> Vec<Record> {
        if let Some(schedule) = chains.schedule {
            let observer = || EpochObserver::new(claim.observable, schedule, lags, &chains.centre);
            return self.collect(chains, range, steps, observer, Record::Epochs);
        }
        let width = chains.centre.len();
        // origins twice per relaxation time of the fastest modes gain little over these
        let spacing = (steps / 64).max(1);
        match claim.observable {
            Observable::Speed => {
                let observer = || DisplacementObserver::new(&[1], 4);
                self.collect(chains, range, steps, observer, Record::Displacement)
            }
            Observable::Msd => {
                let observer = || DisplacementObserver::new(lags, spacing);
                self.collect(chains, range, steps, observer, Record::Displacement)
            }
            Observable::AutocovTheta | Observable::AutocovV => {
                let observer = || AutocovarianceObserver::new(lags, spacing, &chains.centre, width);
                self.collect(chains, range, steps, observer, Record::Autocovariance)
            }
            Observable::MeanTheta | Observable::MeanV => {
                let observer = || SnapshotObserver::new(lags);
                self.collect(chains, range, steps, observer, Record::States)
            }
            _ => {
                let observer = || EnergyObserver::new(&chains.centre, width);
                self.collect(chains, range, steps, observer, Record::Energies)
            }
        }
    }

    fn collect<O: Observer>(
        &self,
        chains: &Chains,
        range: std::ops::Range<u64>,
        steps: u64,
        observer: impl Fn() -> O + Sync,
        record: impl Fn(O::Output) -> Record,
    ) -> Vec<Record> {
        self.progress.expect((range.end - range.start) * (steps + 1));
        let found = chains.ensemble.run(range, steps, observer, &|done| self.progress.advance(done));
        found.into_iter().map(record).collect()
    }
}

/// Chains that a sequence must plan for: those of a single test at the level of the planned look.
fn chains_planned(pilot: &Moments, effect: f64, rates: Rates) -> u64 {
    chains::chains_needed(pilot, effect, Rates { alpha: rates.alpha * StudentSequence::PLANNED_SHARE, ..rates })
}

/// One quantity under test.
struct RunningTest {
    quantity: &'static str,
    /// Of one member.
    rates: Rates,
    /// Resolution that counts as decided.
    target: f64,
    /// H0 is |error| <= bound; an error of 0 without one.
    bound: Option<f64>,
    members: Vec<StudentSequence>,
}

/// What the values so far say about a quantity.
struct Judged {
    /// Members that are judged.
    kept: Vec<usize>,
    /// Members that are not, because the chains do not resolve them.
    noisy: usize,
    /// Theirs.
    findings: Vec<Finding>,
    /// Place of the finding that says most against the claim.
    strongest: Option<usize>,
    verdict: Verdict,
}

impl RunningTest {
    /// From the planned look on, members that a guard stops are left out unless it stops all of them; at the last look also
    /// those that are not resolved, unless they are refuted or none is resolved: the pilot saw too little of their spread.
    /// Guards and resolutions come from centred numbers, which are the same whatever is claimed.
    fn judge(&self, past_plan: bool, last: bool) -> Judged {
        let all = 0..self.members.len();
        let mut kept: Vec<usize> = all.clone().filter(|&i| self.members[i].untestable().is_none()).collect();
        if kept.is_empty() || !past_plan {
            kept = all.collect();
        }
        let finding = |member: &usize| {
            let sequence = &self.members[*member];
            let p_value = sequence.p_value_within(self.bound.unwrap_or(0.0));
            Finding { p_value, ..Sequence::from(sequence.clone()).finding() }
        };
        let mut findings: Vec<Finding> = kept.iter().map(finding).collect();
        let resolved = |finding: &Finding| finding.minimum_detectable_effect <= self.target;
        let mut noisy = 0;
        if last && findings.iter().any(resolved) {
            let told = |finding: &Finding| resolved(finding) || finding.p_value < self.rates.alpha;
            let before = kept.len();
            kept = kept
                .into_iter()
                .zip(&findings)
                .filter(|(_, finding)| told(finding))
                .map(|(member, _)| member)
                .collect();
            findings.retain(told);
            noisy = before - kept.len();
        }
        let each: Vec<Verdict> = findings
            .iter()
            .map(|finding| match self.bound {
                _ if finding.untestable.is_some() => Verdict::Undecided,
                None => finding.verdict(self.rates.alpha, self.target),
                Some(bound) => inclusion(finding.interval, bound, self.target),
            })
            .collect();
        // the member that says most against the claim
        let rank =
            |index: usize| (each[index] == Verdict::Refuted, -findings[index].p_value, findings[index].effect.abs());
        let strongest = (0..findings.len()).max_by(|&i, &j| {
            let (a, b) = (rank(i), rank(j));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        });
        let verdict = Verdict::of_all(each);
        Judged { kept, noisy, findings, strongest, verdict }
    }
}

/// Where the looks at a simulation ended.
struct Stopping {
    chains: u64,
    steps: u64,
    look: usize,
    looks: usize,
    planned: u64,
    most: u64,
}

impl std::fmt::Display for Stopping {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chains, steps, look, looks, planned, most } = self;
        write!(
            formatter,
            "{chains} chains of {steps} steps (stopped at look {look} of {looks}; {planned} were planned, {most} allowed)"
        )
    }
}

/// `claim/noise-simulation`: what the progress calls it, so that its time can be told.
pub(crate) fn simulation_scenario(claim: &UserClaim, noise: Noise) -> String {
    format!("{}/{}-simulation", claim.id, noise.name())
}

/// Steps in which all modes see enough samples that carry their noise, where that is not long; if chains of `steps` resolve
/// none of them, the steps in which one does.
fn steps_of_noise(events: &[f64], steps: u64) -> u64 {
    let needed = |events: f64| NOISE_EVENTS / events;
    let all = events.iter().copied().map(needed).fold(0.0, f64::max);
    let one = events.iter().copied().map(needed).fold(f64::INFINITY, f64::min);
    let longest = STEPS[1] as f64;
    if all <= 0.5 * longest {
        all.ceil() as u64
    } else if one > steps as f64 && one <= longest {
        one.ceil() as u64
    } else {
        0
    }
}

/// When chains of reshuffled epochs are read; none if the burn-in would be too long.
fn schedule(scene: &Scene, steps: u64) -> Option<Schedule> {
    let (eta, momentum) = (scene.sgd.learning_rate(), scene.sgd.momentum());
    let slowest = (0..scene.ground.eigenvalues.len())
        .map(|mode| relaxation_steps(&ModeMap::new(eta, momentum, scene.ground.curvature(mode))))
        .fold(1.0, f64::max);
    let batches = (scene.ground.samples / scene.sgd.batch_size()) as u64;
    let burn_in = BURN_IN * slowest;
    (burn_in <= LONGEST_BURN_IN).then(|| Schedule::new(burn_in.ceil() as u64, steps, batches.max(1)))
}

fn uses_variances(expression: &Expression) -> bool {
    expression.uses(Symbol::PositionVariance) || expression.uses(Symbol::VelocityVariance)
}

fn is_mean(observable: Observable) -> bool {
    matches!(observable, Observable::MeanTheta | Observable::MeanV)
}

/// Lags of a simulation: long ones are left to the exact law.
fn lags_of(claim: &UserClaim) -> Vec<u64> {
    const LONGEST: u64 = 60;
    let lags = claim.lags();
    let few: Vec<u64> = lags.iter().copied().filter(|lag| *lag <= LONGEST).collect();
    if few.is_empty() { lags.into_iter().take(1).collect() } else { few }
}

/// The hyperparameters of a simulation without a problem file, at a momentum and a part of the usual learning rate.
fn usual(
    ground: &std::sync::Arc<super::ground::Ground>,
    batch: usize,
    grid: &Grid,
    noise: Noise,
    (momentum, part): (f64, f64),
) -> Result<Option<Scene>> {
    let batch = batch.min(ground.samples.saturating_sub(1)).max(1);
    let Some(probe) = Scene::new(ground, (1.0, momentum), batch, grid.sampling, noise) else { return Ok(None) };
    // half the stability edge; a third of the mean-square limit, where tails are light
    let usual = if noise == Noise::Gaussian { 0.5 } else { 0.3 };
    let rate = rounded(part * usual * probe.learning_rate_limit()?);
    Ok(Scene::new(ground, (rate, momentum), batch, grid.sampling, noise))
}

/// Relaxation steps of the slowest mode that chains can resolve inside the domain; none if there is none.
fn slowest_inside(claim: &UserClaim, scene: &Scene) -> Result<Option<f64>> {
    let mut point = scene.point(claim.domain.as_ref().is_some_and(uses_variances))?;
    let sgd = &scene.sgd;
    let per_mode = claim.observable.is_of_a_mode();
    let longest = STEPS[1] as f64 / RELAXATIONS;
    let mut slowest: Option<f64> = None;
    for lag in lags_of(claim) {
        point.set(Symbol::Lag, lag as f64);
        for mode in 0..scene.ground.eigenvalues.len() {
            if !in_domain(claim, &point, per_mode.then_some(mode)) {
                continue;
            }
            let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), scene.ground.curvature(mode));
            let steps = relaxation_steps(&map);
            if map.is_stable() && steps <= longest {
                slowest = Some(slowest.map_or(steps, |slow| slow.max(steps)));
            }
        }
    }
    Ok(slowest)
}

fn members(claim: &UserClaim, scene: &Scene, lags: &[u64], resolved: &[usize]) -> Result<Vec<Member>> {
    let needs = uses_variances(&claim.expression) || claim.domain.as_ref().is_some_and(uses_variances);
    let mut point = scene.point(needs)?;
    let mut found = Vec::new();
    for (lag, &steps) in lags.iter().enumerate() {
        point.set(Symbol::Lag, steps as f64);
        let truths = scene.truth(claim.observable, steps)?;
        if truths.is_none() && !scene.is_reshuffled() {
            return Ok(Vec::new());
        }
        let modes: Vec<Option<usize>> =
            if claim.observable.is_of_a_mode() { resolved.iter().copied().map(Some).collect() } else { vec![None] };
        for mode in modes {
            if !in_domain(claim, &point, mode) {
                continue;
            }
            let claimed = claim.expression.evaluate(&point, mode).value;
            let Some(truth) = truths.as_ref().map(|truths| truths[mode.unwrap_or(0)]) else {
                found.push(Member { mode, lag, claimed, scale: f64::NAN });
                continue;
            };
            // curves that have decayed cannot be measured relative to themselves
            let start = match claim.observable {
                Observable::MeanTheta => 1.0,
                Observable::AutocovTheta | Observable::AutocovV | Observable::MeanV => scene
                    .truth(claim.observable, u64::from(claim.observable == Observable::MeanV))?
                    .map_or(0.0, |first| first[mode.unwrap_or(0)].value.abs()),
                _ => 0.0,
            };
            if truth.scale > 0.2 * start && truth.scale > 0.0 {
                found.push(Member { mode, lag, claimed, scale: truth.scale });
            }
        }
    }
    Ok(found)
}

/// (measured - claimed) / scale of one chain.
fn value(claim: &UserClaim, scene: &Scene, chains: &Chains, record: &Record, member: &Member) -> f64 {
    let claimed = match (&chains.own_variances, record) {
        (Some(point), Record::Epochs(epochs)) => claimed_by(claim, point, &epochs.energies, member),
        _ => member.claimed,
    };
    (measured(claim, scene, chains, record, member) - claimed) / member.scale
}

/// The formula on the variances of a chain.
fn claimed_by(claim: &UserClaim, point: &Point, energies: &ChainEnergies, member: &Member) -> f64 {
    let mut point = point.clone();
    point.set(Symbol::Lag, lags_of(claim).get(member.lag).map_or(0.0, |lag| *lag as f64));
    for mode in 0..point.modes.len() {
        point.set_of_mode(mode, Symbol::PositionVariance, energies.position[mode]);
        point.set_of_mode(mode, Symbol::VelocityVariance, energies.velocity[mode]);
    }
    claim.expression.evaluate(&point, member.mode).value
}

/// Whether a formula is linear in the variances, so that its mean over chains is its value at their means: at the middle
/// between two chains it is the mean of both.
fn is_affine(claim: &UserClaim, chains: &Chains, pilot: &[Record], members: &[Member]) -> bool {
    let Some(point) = &chains.own_variances else { return true };
    let energies = |record: &Record| match record {
        Record::Epochs(epochs) => Some(epochs.energies.clone()),
        _ => None,
    };
    pilot.chunks_exact(2).take(8).all(|pair| {
        let (Some(one), Some(other)) = (energies(&pair[0]), energies(&pair[1])) else { return false };
        let middle = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect();
        let between = ChainEnergies {
            position: middle(&one.position, &other.position),
            velocity: middle(&one.velocity, &other.velocity),
            cross: middle(&one.cross, &other.cross),
        };
        members.iter().all(|member| {
            let of = |energies: &ChainEnergies| claimed_by(claim, point, energies, member);
            let (a, b, c) = (of(&one), of(&other), of(&between));
            (c - 0.5 * (a + b)).abs() <= 1e-9 * (a.abs() + b.abs())
        })
    })
}

/// Without an exact law errors are relative to what the pilot measured, or to the natural size of what may be zero. Gives the
/// relative standard error of that.
fn measure_scale(claim: &UserClaim, scene: &Scene, chains: &Chains, pilot: &[Record], member: &mut Member) -> f64 {
    let found = Moments::of(pilot.iter().map(|record| measured(claim, scene, chains, record, member)));
    let mode = member.mode.unwrap_or(0);
    let energy = |pick: fn(&ChainEnergies) -> &Vec<f64>| {
        Moments::of(pilot.iter().map(|record| match record {
            Record::Epochs(epochs) => pick(&epochs.energies)[mode],
            _ => f64::NAN,
        }))
    };
    let (position, velocity) = (energy(|energies| &energies.position), energy(|energies| &energies.velocity));
    let relative = |moments: &Moments| moments.standard_error() / moments.mean();
    let (scale, error) = match claim.observable {
        Observable::CovThetaV => {
            ((position.mean() * velocity.mean()).sqrt(), 0.5 * (relative(&position) + relative(&velocity)))
        }
        Observable::AutocovTheta => (position.mean(), relative(&position)),
        Observable::AutocovV => (velocity.mean(), relative(&velocity)),
        _ => (found.mean(), relative(&found)),
    };
    member.scale = scale;
    error.abs()
}

/// What a chain measured.
fn measured(claim: &UserClaim, scene: &Scene, chains: &Chains, record: &Record, member: &Member) -> f64 {
    let mode = member.mode.unwrap_or(0);
    let width = chains.centre.len();
    let modes = scene.ground.eigenvalues.len();
    let of_energies = |energies: &ChainEnergies| match claim.observable {
        Observable::VarTheta => energies.position[mode],
        Observable::VarV => energies.velocity[mode],
        Observable::CovThetaV => energies.cross[mode],
        Observable::ExcessLoss => {
            let loss: f64 = (0..modes).map(|i| 0.5 * scene.ground.curvature(i) * energies.position[i]).sum();
            loss + scene.ground.loss_offset()
        }
        Observable::Speed => scene.sgd.learning_rate().powi(2) * energies.velocity[..modes].iter().sum::<f64>(),
        _ => 0.5 * scene.sgd.mass() * energies.velocity[..modes].iter().sum::<f64>(),
    };
    match record {
        Record::Energies(energies) => of_energies(energies),
        Record::Epochs(epochs) => match claim.observable {
            Observable::Msd => epochs.displacement.get(member.lag).copied().unwrap_or(f64::NAN),
            Observable::AutocovTheta => epochs.products.get(member.lag).map_or(f64::NAN, |one| one.position[mode]),
            Observable::AutocovV => epochs.products.get(member.lag).map_or(f64::NAN, |one| one.velocity[mode]),
            _ => of_energies(&epochs.energies),
        },
        Record::Displacement(values) => values.get(member.lag).copied().unwrap_or(f64::NAN),
        Record::Autocovariance(products) => {
            let values =
                if claim.observable == Observable::AutocovTheta { &products.position } else { &products.velocity };
            values[member.lag * width + mode]
        }
        Record::States(states) => {
            let column = if claim.observable == Observable::MeanTheta { mode } else { width + mode };
            let centre = if claim.observable == Observable::MeanTheta { chains.centre[mode] } else { 0.0 };
            (states[(member.lag, column)] - centre) / chains.displaced[mode]
        }
    }
}
