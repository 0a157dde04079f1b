//! Exact samples of an Ornstein-Uhlenbeck process (layer L1) against its law in the theory: stationary law (9), (31),
//! transient law (8), (30), and what the state now says about a later one, (32) with erratum E05. Products of whitened
//! states are exactly chi-square, regressions exactly normal.
//!
//! The process that is sampled is written down as its equation says, `dX = A (mu - X) dt + G dW`; the claimed law is computed
//! by `theory` from A, D and kappa. Two wrong theories are tested on the same samples: the cross-covariance with the sign it is
//! printed with (E05), and the Gibbs law of the loss whose gradient is the drift, `exp(-kappa Phi)`, which isotropic noise of
//! the same strength would have (Figure 3, left panel).

use langevin_sim::ou::{Sampler, Start};
use langevin_theory::Time;
use langevin_theory::linear_algebra::{covariance_inverse, covariance_root};
use langevin_theory::ou::OrnsteinUhlenbeck;
use nalgebra::{DMatrix, DVector};

use super::kills::{Decided, Tested};
use super::{CheckSpec, Context, Made, Outcome, Scenario};
use crate::error::Result;
use crate::mutant::{Mutant, PhaseSpace, ProcessTheory};
use crate::report::{CurrentFigure, Figures, Layer, Prediction};
use crate::statistics::{Rates, chi_square, normal};

/// A linear stochastic differential equation, and the law that the theory claims for it.
pub struct OrnsteinUhlenbeckExact {
    /// Stable name.
    pub id: String,
    /// A of the sampled equation.
    pub drift: DMatrix<f64>,
    /// G of the sampled equation.
    pub noise: DMatrix<f64>,
    /// The theory's process.
    pub law: OrnsteinUhlenbeck,
    /// The theory's stationary covariance.
    pub covariance: DMatrix<f64>,
    /// Where paths with a fixed start begin.
    pub start: DVector<f64>,
    /// Times at which states are tested, ascending.
    pub times: Vec<f64>,
    /// Resolution pooled over directions, and of a single one.
    pub targets: [f64; 2],
    /// Time between the states of a path that is drawn. Given for symmetric A in two dimensions: then the drift is the
    /// gradient of a loss, and its Gibbs law is a rival.
    pub pace: Option<f64>,
    /// Given where the state is (theta, v).
    pub phase_space: Option<PhaseSpace>,
}

/// Everything a theory claims.
#[derive(Clone)]
struct Claimed {
    covariance: DMatrix<f64>,
    /// W with W^T covariance W = 1.
    whitening: DMatrix<f64>,
    /// Per time: E[X_t | X_0] as a matrix on X_0, and the covariance of what is left.
    slope: Vec<DMatrix<f64>>,
    rest: Vec<DMatrix<f64>>,
    /// Per time, from the fixed start.
    mean: Vec<DVector<f64>>,
    transient_whitening: Vec<DMatrix<f64>>,
}

/// Sums of products over paths, by what they are.
struct Products {
    sums: DMatrix<f64>,
    size: usize,
}

impl Products {
    fn count(&self) -> f64 {
        self.sums[(0, 0)]
    }

    fn sum(&self, state: usize) -> DVector<f64> {
        self.sums.view((1 + state * self.size, 0), (self.size, 1)).column(0).into_owned()
    }

    fn block(&self, row: usize, column: usize) -> DMatrix<f64> {
        self.sums.view((1 + row * self.size, 1 + column * self.size), (self.size, self.size)).into_owned()
    }
}

/// W with W^T C W = 1.
fn whitening(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let inverse = covariance_inverse("the claimed covariance", covariance)?;
    Ok(covariance_root("the claimed precision", &inverse)?)
}

impl OrnsteinUhlenbeckExact {
    fn durations(&self) -> Vec<f64> {
        let before = std::iter::once(0.0).chain(self.times.iter().copied());
        self.times.iter().zip(before).map(|(time, before)| time - before).collect()
    }

    /// What a process claims; `growing` is e^{+At} between two times (erratum E05).
    fn claimed(&self, law: &OrnsteinUhlenbeck, covariance: DMatrix<f64>, growing: bool) -> Result<Claimed> {
        let size = law.dimension();
        let zero = DMatrix::zeros(size, size);
        let inverse = covariance_inverse("the stationary covariance", &covariance)?;
        let mut claimed = Claimed {
            whitening: whitening(&covariance)?,
            covariance,
            slope: Vec::new(),
            rest: Vec::new(),
            mean: Vec::new(),
            transient_whitening: Vec::new(),
        };
        for &time in &self.times {
            let time = Time::new(time)?;
            let now = Time::new(0.0)?;
            let lagged = if growing {
                (law.drift() * time.value()).exp() * &claimed.covariance
            } else {
                law.cross_covariance(&claimed.covariance, time, now)?
            };
            let slope = &lagged * &inverse;
            claimed.rest.push(&claimed.covariance - &slope * lagged.transpose());
            claimed.slope.push(slope);
            claimed.mean.push(law.mean(&self.start, time)?);
            claimed.transient_whitening.push(whitening(&law.covariance(&zero, time)?)?);
        }
        Ok(claimed)
    }

    fn replicas(&self, context: &Context<'_>) -> Result<u64> {
        let size = self.law.dimension();
        let mut needed: f64 = 0.0;
        for spec in self.checks() {
            let Rates { alpha, power } = context.rates(&self.id, &spec)?;
            let share = |members: usize| Rates { alpha: alpha / members as f64, power };
            needed = needed.max(match spec.quantity {
                "stationary" | "transient" => {
                    chi_square::degrees_for(spec.target, share(self.times.len())) / size as f64
                }
                // an error of 1/sqrt(replicas)
                "mean" => (normal::minimum_detectable(share(self.times.len() * size)) / spec.target).powi(2),
                "slopes" => (normal::minimum_detectable(share(self.times.len() * size * size)) / spec.target).powi(2),
                "variances" => chi_square::degrees_for(spec.target, share(self.times.len() * size)),
                _ => 0.0,
            });
        }
        Ok(needed.ceil() as u64)
    }

    fn sample(
        &self,
        context: &Context<'_>,
        start: Start,
        stream: &str,
        centres: &[f64],
        replicas: u64,
    ) -> Result<Products> {
        let seed = context.seed_of(&format!("{}/{stream}", self.id));
        let equilibrium = self.law.equilibrium().clone();
        let sampler = Sampler::new(&self.drift, equilibrium, &self.noise, &self.durations(), start, seed)?;
        context.progress.expect(replicas * self.times.len() as u64);
        let sums = sampler.products(0..replicas, centres, &|done| context.progress.advance(done));
        Ok(Products { sums, size: self.law.dimension() })
    }

    /// The Gibbs law of the drift's potential: covariance A^{-1} tr(D) / (n kappa), that of isotropic noise of equal trace.
    fn gibbs_covariance(&self) -> Result<DMatrix<f64>> {
        let size = self.law.dimension() as f64;
        let inverse = covariance_inverse("the drift", self.law.drift())?;
        Ok(inverse * (self.law.diffusion().trace() / (size * self.law.kappa())))
    }

    fn figure(&self, context: &Context<'_>, covariance: &DMatrix<f64>, pace: f64) -> Result<CurrentFigure> {
        const STATES: usize = 1200;
        let stationary = self.law.stationary()?;
        let start = Start::Gaussian {
            mean: self.law.equilibrium().clone(),
            root: covariance_root("the stationary covariance", covariance)?,
        };
        let seed = context.seed_of(&format!("{}/path", self.id));
        let equilibrium = self.law.equilibrium().clone();
        let sampler = Sampler::new(&self.drift, equilibrium, &self.noise, &vec![pace; STATES], start, seed)?;
        let path = &sampler.run(0..1, &|_| ())[0];
        let precision = stationary.precision()?;
        let form = |matrix: &DMatrix<f64>| [matrix[(0, 0)], matrix[(0, 1)], matrix[(1, 1)]];
        let field = -(stationary.circulation() * precision);
        Ok(CurrentFigure {
            scenario: self.id.clone(),
            kappa: self.law.kappa(),
            centre: [self.law.equilibrium()[0], self.law.equilibrium()[1]],
            path: [0, 1].map(|i| path.column(i).iter().copied().collect()),
            duration: pace,
            original_loss: form(self.law.drift()),
            modified_loss: form(precision),
            force: [[field[(0, 0)], field[(0, 1)]], [field[(1, 0)], field[(1, 1)]]],
            covariance: form(covariance),
        })
    }

    /// The members of a check: what each tests. The yardstick is the theory's, `claimed` what is compared with it.
    fn tested(
        &self,
        spec: &CheckSpec,
        yardstick: &Claimed,
        claimed: &Claimed,
        [stationary, transient]: [&Products; 2],
        index: usize,
    ) -> Tested {
        let size = self.law.dimension();
        let count = stationary.count();
        let squares = |products: &Products, whitening: &DMatrix<f64>, state: usize| {
            whitening.component_mul(&(products.block(state, state) * whitening)).sum()
        };
        // x_t,i - (slope x_0)_i is independent of x_0: given x_0 its products with w_j, whitened, are exactly normal
        let slope = |time: usize, i: usize, j: usize, spread: &DMatrix<f64>| {
            let now = yardstick.whitening.tr_mul(&(stationary.block(0, 0) * &yardstick.whitening));
            let later = stationary.block(1 + time, 0) * &yardstick.whitening;
            // rows of the claimed slope on the whitened state: X_0 = covariance W w
            let slope = &claimed.slope[time] * &yardstick.covariance * &yardstick.whitening;
            let expected = slope.row(i) * now.column(j);
            slope_test(later[(i, j)] - expected[(0, 0)], now[(j, j)], spread[(i, i)])
        };
        match (spec.claim, spec.quantity) {
            ("ou-law", "stationary") => Tested::ChiSquare {
                sum: squares(stationary, &claimed.whitening, 1 + index),
                degrees: count * size as f64,
            },
            ("ou-law", "transient") => Tested::ChiSquare {
                sum: squares(transient, &claimed.transient_whitening[index], 1 + index),
                degrees: transient.count() * size as f64,
            },
            ("ou-law", "mean") => {
                let (time, i) = (index / size, index % size);
                let column = yardstick.transient_whitening[time].column(i);
                // products are centred at the theory's mean
                let departure =
                    transient.sum(1 + time) + (&yardstick.mean[time] - &claimed.mean[time]) * transient.count();
                let root = transient.count().sqrt();
                Tested::Normal { z: column.dot(&departure) / root, scale: 1.0 / root }
            }
            ("ou-law", _) => {
                let (time, i, j) = (index / (size * size), index / size % size, index % size);
                slope(time, i, j, &yardstick.rest[time])
            }
            // at the first time only, since what is printed grows without bound; the later state's spread is at most the
            // stationary one
            ("cross-covariance-as-printed", _) => slope(0, index / size, index % size, &yardstick.covariance),
            _ => {
                let (time, i) = (index / size, index % size);
                let sum = stationary.block(1 + time, 1 + time)[(i, i)] / claimed.covariance[(i, i)];
                Tested::ChiSquare { sum, degrees: count }
            }
        }
    }

    fn decide(
        &self,
        context: &Context<'_>,
        spec: &CheckSpec,
        yardstick: &Claimed,
        claimed: &Claimed,
        products: [&Products; 2],
    ) -> Result<Decided> {
        let size = self.law.dimension();
        let times = self.times.len();
        let at = |index: usize| format!("t = {}", self.times[index]);
        let of = |index: usize| format!("coordinate {}, t = {}", index % size + 1, self.times[index / size]);
        let pair = |index: usize| {
            let (time, place) = (index / (size * size), index % (size * size));
            format!("coordinate {} on {}, t = {}", place / size + 1, place % size + 1, self.times[time])
        };
        let (method, quantity, unit, members, name): (_, _, _, _, &dyn Fn(usize) -> String) =
            match (spec.claim, spec.quantity) {
                ("ou-law", "stationary") => {
                    ("chi-square", "whitened scatter from a stationary start, measured / exact", "relative", times, &at)
                }
                ("ou-law", "transient") => {
                    ("chi-square", "whitened scatter from a fixed start, measured / exact", "relative", times, &at)
                }
                ("ou-law", "mean") => {
                    ("normal", "whitened mean from a fixed start", "standard deviations", times * size, &of)
                }
                ("ou-law", _) => (
                    "normal regression",
                    "later state on the whitened state now, departure of the slope",
                    "absolute",
                    times * size * size,
                    &pair,
                ),
                ("cross-covariance-as-printed", _) => (
                    "normal regression",
                    "later state on the whitened state now, minus e^{+At}",
                    "absolute",
                    size * size,
                    &pair,
                ),
                _ => (
                    "chi-square",
                    "variance of a coordinate, measured / Gibbs law of the original loss",
                    "relative",
                    times * size,
                    &of,
                ),
            };
        let made = Made {
            layer: Layer::L1,
            method,
            quantity: quantity.to_owned(),
            unit,
            samples: products[0].count() as u64,
            note: None,
        };
        context.decide_family(&self.id, spec, made, members, name, |index, rates| {
            self.tested(spec, yardstick, claimed, products, index).finding(rates)
        })
    }

    /// What the mutants claim that have a stationary law here.
    fn rivals(&self) -> Result<Vec<(Mutant, Claimed)>> {
        let mut rivals = Vec::new();
        for mutant in Mutant::ALL {
            let Some(theory) = ProcessTheory::mutated(mutant, &self.law, self.phase_space.as_ref())? else { continue };
            let covariance = theory.process.stationary()?.covariance();
            rivals.push((mutant, self.claimed(&theory.process, covariance, theory.growing)?));
        }
        Ok(rivals)
    }
}

/// Sum of e w over paths, with w fixed, its squares summing to `weight`, and e normal of this variance: the effect is the
/// slope in units of the spread of e.
fn slope_test(departure: f64, weight: f64, variance: f64) -> Tested {
    Tested::Normal { z: departure / (weight * variance).sqrt(), scale: 1.0 / weight.sqrt() }
}

impl Scenario for OrnsteinUhlenbeckExact {
    fn id(&self) -> &str {
        &self.id
    }

    fn checks(&self) -> Vec<CheckSpec> {
        let [pooled, single] = self.targets;
        let mut checks = vec![
            CheckSpec::sampled("ou-law", "stationary", pooled),
            CheckSpec::sampled("ou-law", "transient", pooled),
            CheckSpec::sampled("ou-law", "mean", single)
                .because("the mean of a relaxing process: no mutant moves it where the drift is symmetric"),
            CheckSpec::sampled("ou-law", "slopes", single),
            CheckSpec::sampled("cross-covariance-as-printed", "mutant", single),
        ];
        if self.pace.is_some() {
            checks.push(CheckSpec::sampled("gibbs-law-of-the-loss", "mutant", single));
        }
        checks
    }

    fn predictions(&self) -> Result<Vec<Prediction>> {
        let claimed = self.claimed(&self.law, self.covariance.clone(), false)?;
        let size = self.covariance.nrows();
        let mut predictions = vec![
            Prediction::new("covariance", claimed.covariance.iter().copied()),
            Prediction::new("circulation", self.law.stationary()?.circulation().iter().copied()),
        ];
        for (index, time) in self.times.iter().enumerate() {
            predictions.push(Prediction::new(&format!("mean_at_{time}"), claimed.mean[index].iter().copied()));
            let rest = (0..size).map(|i| claimed.rest[index][(i, i)]);
            predictions.push(Prediction::new(&format!("transient_variance_at_{time}"), rest));
        }
        Ok(predictions)
    }

    fn has_scores(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let claimed = self.claimed(&self.law, self.covariance.clone(), false)?;
        let replicas = self.replicas(context)?;
        let mean = self.law.equilibrium().clone();
        let root = covariance_root("the stationary covariance", &claimed.covariance)?;
        let stationary = self.sample(context, Start::Gaussian { mean, root }, "stationary", &[], replicas)?;
        let centres: Vec<f64> = self.start.iter().chain(claimed.mean.iter().flatten()).copied().collect();
        let transient = self.sample(context, Start::Fixed(self.start.clone()), "transient", &centres, replicas)?;
        let products = [&stationary, &transient];
        let gibbs = match self.pace {
            Some(_) => Some(Claimed { covariance: self.gibbs_covariance()?, ..claimed.clone() }),
            None => None,
        };
        let rivals = self.rivals()?;
        let (mut checks, mut kills) = (Vec::new(), Vec::new());
        for spec in self.checks() {
            let slip = Mutant::of_claim(spec.claim);
            let rival = match slip {
                Some(slip) => rivals.iter().find(|(mutant, _)| *mutant == slip).map(|(_, rival)| rival),
                None => gibbs.as_ref().filter(|_| spec.claim == "gibbs-law-of-the-loss"),
            };
            let decided = self.decide(context, &spec, &claimed, rival.unwrap_or(&claimed), products)?;
            if rival.is_none() {
                for (mutant, rival) in &rivals {
                    let tested = |index: usize| self.tested(&spec, &claimed, rival, products, index);
                    let effect = |index: usize| Some(tested(index).effect());
                    kills.extend(decided.kill(*mutant, effect, |index, _| tested(index).p_value()));
                }
            }
            checks.push(decided.record);
        }
        let current = self.pace.map(|pace| self.figure(context, &claimed.covariance, pace)).transpose()?;
        // coordinates of whitened states are independent, and so are both samples
        let last = self.times.len();
        let squares = |products: &Products, whitening: &DMatrix<f64>| {
            let scatter = whitening.tr_mul(&(products.block(last, last) * whitening));
            let degrees = products.count();
            scatter.diagonal().iter().map(|&sum| Tested::ChiSquare { sum, degrees }.p_value()).collect::<Vec<f64>>()
        };
        let scores =
            [squares(&stationary, &claimed.whitening), squares(&transient, &claimed.transient_whitening[last - 1])];
        let figures = Figures { current, ..Figures::default() };
        Ok(Outcome { checks, kills, figures, scores: scores.concat(), ..Outcome::default() })
    }
}
