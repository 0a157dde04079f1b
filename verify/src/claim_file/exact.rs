//! The first decision: a formula against the exact law. No random numbers.
//!
//! - `exactly`: no value may depart by more than rounding: |f - exact| <= 1e-9 scale + 4 e, where e is the bound on the
//!   formula's own rounding error that its evaluation carries along, and ten digits are what the exact laws are tested to.
//! - `within = x`: no value may depart by more than x.
//! - `order = p`: along a line of shrinking eta at fixed k, the slope of log |error| over log eta at the smallest eta whose
//!   error is not rounding must be at least p, less what the slope changed by over the last half decade.

use rayon::prelude::*;

use super::expression::{Expression, Point, Rounded, Symbol};
use super::grid::Grid;
use super::observable::Observable;
use super::outcome::{Departure, ErrorMap, ErrorRow, ExactOutcome, LEVELS, OrderFinding, Undefined};
use super::reader::{Holds, UserClaim};
use super::scene::{Scene, Truth};
use crate::error::Result;
use crate::problem::Noise;
use crate::report::Verdict;

/// Relative departures below this are roundings of the exact law.
const LAW_ROUNDING: f64 = 1e-9;

/// A formula that may be off by this part through rounding alone says nothing.
const ILL_CONDITIONED: f64 = 1e-6;

/// Columns of a map: eta h / (2 (1 + beta)).
const MAP_FRACTIONS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9];
/// Rows of a map.
const MAP_MOMENTA: [f64; 4] = [0.0, 0.5, 0.9, 0.99];

/// Errors this many times above rounding show their order.
const ABOVE_ROUNDING: f64 = 100.0;

/// Most that the curvature of a log-log line may excuse.
const LARGEST_ALLOWANCE: f64 = 0.25;

/// One value of a formula.
struct Sample {
    mode: Option<usize>,
    steps: Option<u64>,
    claimed: Rounded,
    truth: Truth,
}

/// The values of a formula inside its domain at one scene.
fn samples(claim: &UserClaim, scene: &Scene) -> Result<Vec<Sample>> {
    let with_variances = uses_variances(&claim.expression) || claim.domain.as_ref().is_some_and(uses_variances);
    let mut point = scene.point(with_variances)?;
    let mut found = Vec::new();
    let modes = scene.ground.eigenvalues.len();
    for steps in claim.lags() {
        point.set(Symbol::Lag, steps as f64);
        let members: Vec<Option<usize>> =
            if claim.observable.is_of_a_mode() { (0..modes).map(Some).collect() } else { vec![None] };
        let inside: Vec<Option<usize>> = members.into_iter().filter(|mode| in_domain(claim, &point, *mode)).collect();
        if inside.is_empty() {
            continue;
        }
        let Some(truths) = scene.truth(claim.observable, steps)? else { continue };
        let shown = claim.observable.takes_lag().then_some(steps);
        let values = claim.observable.is_of_a_mode().then(|| claim.expression.evaluate_modes(&point));
        for mode in inside {
            let claimed = match (&values, mode) {
                (Some(values), Some(mode)) => values[mode],
                _ => claim.expression.evaluate(&point, None),
            };
            let truth = truths[mode.unwrap_or(0)];
            if truth.scale > 0.0 && truth.scale.is_finite() {
                found.push(Sample { mode, steps: shown, claimed, truth });
            }
        }
    }
    Ok(found)
}

fn uses_variances(expression: &Expression) -> bool {
    expression.uses(Symbol::PositionVariance) || expression.uses(Symbol::VelocityVariance)
}

/// A total is inside where its condition holds in every mode.
pub(crate) fn in_domain(claim: &UserClaim, point: &Point, mode: Option<usize>) -> bool {
    claim.domain.as_ref().is_none_or(|domain| match mode {
        None if domain.uses_a_mode() => (0..point.modes.len()).all(|mode| domain.holds(point, Some(mode))),
        mode => domain.holds(point, mode),
    })
}

struct Tally {
    values: u64,
    ill_conditioned: u64,
    right: [u64; 3],
    largest: Option<Departure>,
    refuting: bool,
    undefined: Option<Undefined>,
    map: Vec<Vec<Option<f64>>>,
}

impl Tally {
    fn add(&mut self, claim: &UserClaim, scene: &Scene, sample: &Sample) {
        let Sample { mode, steps, claimed, truth } = *sample;
        if !claimed.value.is_finite() {
            self.values += 1;
            if self.undefined.is_none() {
                let what =
                    if claimed.value.is_nan() { "the formula has no value here" } else { "the formula is infinite" };
                let column = claimed.undefined_at.max(1);
                let error = claim.expression.error_at(column, &format!("{what} (column {column})"));
                self.undefined = Some(Undefined {
                    message: error.to_string(),
                    column: column.into(),
                    place: scene.place(mode, steps),
                });
            }
            return;
        }
        let rounding = 4.0 * claimed.error / truth.scale;
        let resolution = match claim.holds {
            Holds::Within(bound) => 0.1 * bound,
            _ => ILL_CONDITIONED,
        };
        if rounding.is_nan() || rounding > resolution {
            self.ill_conditioned += 1;
            return;
        }
        self.values += 1;
        let error = (claimed.value - truth.value) / truth.scale;
        for (count, level) in self.right.iter_mut().zip(LEVELS) {
            *count += u64::from(error.abs() <= level + rounding);
        }
        let allowed = match claim.holds {
            Holds::Exactly => LAW_ROUNDING + rounding,
            Holds::Within(bound) => bound * (1.0 + LAW_ROUNDING) + rounding,
            Holds::Order(_) => f64::INFINITY,
        };
        let refutes = error.abs() > allowed;
        // a departure that refutes goes before one that rounding explains
        let larger = match &self.largest {
            None => true,
            Some(largest) => (refutes, error.abs()) > (self.refuting, largest.error.abs()),
        };
        if larger {
            self.refuting |= refutes;
            self.largest = Some(Departure {
                error,
                claimed: claimed.value,
                exact: truth.value,
                scale: truth.scale,
                place: scene.place(mode, steps),
            });
        }
        let place = scene.place(mode, steps);
        let fraction = place.rate_times_curvature / scene.sgd.rate_times_curvature_limit();
        let column = nearest(&MAP_FRACTIONS, |level| (level / fraction).ln().abs());
        // several formulas are right without momentum and nowhere else
        let momentum = scene.sgd.momentum();
        let with_momentum = &MAP_MOMENTA[1..];
        let row = if momentum > 0.0 {
            1 + nearest(with_momentum, |level| ((1.0 - level) / (1.0 - momentum)).ln().abs())
        } else {
            0
        };
        let cell = &mut self.map[row][column];
        *cell = Some(cell.map_or(error.abs(), |largest| largest.max(error.abs())));
    }
}

fn nearest(levels: &[f64], distance: impl Fn(f64) -> f64) -> usize {
    (0..levels.len()).min_by(|&i, &j| distance(levels[i]).total_cmp(&distance(levels[j]))).unwrap_or(0)
}

/// Decides a claim against the exact law of a noise; nothing if no point of the grid is inside its domain.
pub(crate) fn decide(claim: &UserClaim, grid: &Grid, noise: Noise) -> Result<Option<ExactOutcome>> {
    let shared = grid.scenes(noise)?;
    let own = grid.scenes_for(claim, noise)?;
    let mut scenes: Vec<&Scene> = shared.iter().chain(&own).collect();
    if claim.observable == Observable::LearningRateLimit {
        // the limit does not depend on eta: one point of every line
        scenes.dedup_by(|second, first| {
            std::sync::Arc::ptr_eq(&first.ground, &second.ground)
                && first.sgd.momentum().to_bits() == second.sgd.momentum().to_bits()
                && first.sgd.batch_size() == second.sgd.batch_size()
        });
    }
    let found: Vec<Vec<Sample>> =
        scenes.par_iter().map(|scene| samples(claim, scene)).collect::<Result<Vec<Vec<Sample>>>>()?;
    let mut tally = Tally {
        values: 0,
        ill_conditioned: 0,
        right: [0; 3],
        largest: None,
        refuting: false,
        undefined: None,
        map: vec![vec![None; MAP_FRACTIONS.len()]; MAP_MOMENTA.len()],
    };
    for (scene, samples) in scenes.iter().zip(&found) {
        for sample in samples {
            tally.add(claim, scene, sample);
        }
    }
    if tally.values + tally.ill_conditioned == 0 {
        return Ok(None);
    }
    let order = match claim.holds {
        Holds::Order(_) => Some(measure_order(claim, grid, noise)?),
        _ => None,
    };
    let verdict = match (&claim.holds, &order) {
        _ if tally.undefined.is_some() => Verdict::Refuted,
        (Holds::Order(claimed), Some(order)) => match order.slope {
            Some(slope) if slope < claimed - order.allowance => Verdict::Refuted,
            Some(_) => Verdict::Supported,
            // no error above rounding at all, or no line that shrinks inside the domain
            None if order.lines > 0 => Verdict::Supported,
            None => Verdict::Undecided,
        },
        _ if tally.refuting => Verdict::Refuted,
        _ if tally.values == 0 => Verdict::Undecided,
        _ => Verdict::Supported,
    };
    let share = |count: u64| if tally.values == 0 { 0.0 } else { count as f64 / tally.values as f64 };
    Ok(Some(ExactOutcome {
        noise: noise.name().into(),
        verdict,
        values: tally.values,
        ill_conditioned: tally.ill_conditioned,
        largest: tally.largest,
        undefined: tally.undefined,
        bound: match claim.holds {
            Holds::Exactly => Some(LAW_ROUNDING),
            Holds::Within(bound) => Some(bound),
            Holds::Order(_) => None,
        },
        shares: tally.right.map(share),
        map: ErrorMap {
            fractions: MAP_FRACTIONS.to_vec(),
            rows: MAP_MOMENTA.iter().zip(tally.map).map(|(&momentum, errors)| ErrorRow { momentum, errors }).collect(),
        },
        order,
    }))
}

/// The largest error of a formula at one scene and the modes and lags there, for a bound of the second decision.
pub(crate) fn errors_at(claim: &UserClaim, scene: &Scene) -> Result<f64> {
    Ok(samples(claim, scene)?
        .iter()
        .map(|sample| ((sample.claimed.value - sample.truth.value) / sample.truth.scale).abs())
        .fold(0.0, f64::max))
}

/// The smallest order of the error over all lines of shrinking eta.
fn measure_order(claim: &UserClaim, grid: &Grid, noise: Noise) -> Result<OrderFinding> {
    let Holds::Order(claimed) = claim.holds else {
        return Ok(OrderFinding { slope: None, allowance: 0.0, lines: 0, place: None, between: None });
    };
    let lines = grid.shrinking(noise)?;
    let measured: Vec<Vec<Vec<Sample>>> = lines
        .par_iter()
        .map(|line| line.iter().map(|scene| samples(claim, scene)).collect::<Result<Vec<_>>>())
        .collect::<Result<Vec<_>>>()?;
    let mut finding = OrderFinding { slope: None, allowance: 0.0, lines: 0, place: None, between: None };
    let mut shortfall = f64::NEG_INFINITY;
    for (line, measured) in lines.iter().zip(&measured) {
        let Some(first) = measured.first() else { continue };
        for start in first {
            // the same mode and lag at every eta, from the smallest on
            let along: Vec<(usize, f64, f64)> = measured
                .iter()
                .enumerate()
                .filter_map(|(index, samples)| {
                    let sample = samples.iter().find(|s| s.mode == start.mode && s.steps == start.steps)?;
                    let error = ((sample.claimed.value - sample.truth.value) / sample.truth.scale).abs();
                    let floor = 4.0 * sample.claimed.error / sample.truth.scale + 1e-14;
                    error.is_finite().then_some((index, error, floor))
                })
                .collect();
            finding.lines += 1;
            let resolved: Vec<&(usize, f64, f64)> =
                along.iter().skip_while(|(_, error, floor)| *error <= ABOVE_ROUNDING * floor).take(3).collect();
            let [a, b, c] = resolved[..] else { continue };
            let rate = |index: usize| line[index].sgd.learning_rate();
            let slope = |x: &(usize, f64, f64), y: &(usize, f64, f64)| (y.1 / x.1).ln() / (rate(y.0) / rate(x.0)).ln();
            let (near, far) = (slope(a, b), slope(b, c));
            if !near.is_finite() {
                continue;
            }
            let allowance = (near - far).abs().min(LARGEST_ALLOWANCE) + 0.02;
            if claimed - allowance - near > shortfall {
                shortfall = claimed - allowance - near;
                finding.slope = Some(near);
                finding.allowance = allowance;
                finding.place = Some(line[a.0].place(start.mode, start.steps));
                finding.between = Some([rate(a.0), rate(b.0)]);
            }
        }
    }
    Ok(finding)
}
