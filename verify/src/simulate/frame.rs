//! What a run is about: all that is needed to name and shape its numbers, without its data. It goes into every file a run
//! writes.

use serde::{Deserialize, Serialize};

use crate::error::{Result, VerifyError};
use crate::problem::{Problem, Record, StartSpec};
use crate::scenario::Prepared;

/// Most numbers a recorded trajectory may have (1.6 GB).
const MOST_NUMBERS: u64 = 200_000_000;

/// Most numbers of the output of a sweep.
const MOST_OUTPUT: u64 = 200_000_000;

/// Most states of a run: years on one machine, hours on thousands. A slip of the pen should not run for ever.
const MOST_STATES: u64 = 10_000_000_000_000_000;

/// Lags at which displacements and products are kept are powers of two up to this.
const LONGEST_LAG: u64 = 1 << 20;

/// Origins of lagged products per chain.
const ORIGINS: u64 = 16;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Name of the data set.
    pub data: String,
    /// N.
    pub samples: u64,
    /// d.
    pub dimension: u64,
    /// Number of outputs.
    pub outputs: u64,
    /// Directions with curvature.
    pub rank: u64,
    /// eta, where it is not swept.
    pub learning_rate: f64,
    /// beta, where it is not swept.
    pub momentum: f64,
    /// lambda, where it is not swept.
    pub weight_decay: f64,
    /// S, where it is not swept.
    pub batch_size: u64,
    /// How batches are drawn.
    pub sampling: String,
    /// The noise model.
    pub noise: String,
    /// Where chains start.
    pub start: String,
    /// Seed, where it is not swept.
    pub seed: u64,
    /// Chains of each point.
    pub chains: u64,
    /// Steps of each chain.
    pub steps: u64,
    /// Chain-steps of all points.
    pub chain_steps: u64,
    /// Time averages of x^2, v^2, x v.
    pub moments: bool,
    /// Mean squared displacement.
    pub displacement: bool,
    /// Lagged products.
    pub autocovariance: bool,
    /// Trajectories: every so many steps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trajectory_every: Option<u64>,
    /// Swept keys and their values, slowest first.
    pub sweep: Vec<Axis>,
}

/// A swept key and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Name of the key.
    pub key: String,
    /// Its values.
    pub values: Vec<f64>,
}

/// A quantity averaged over chains: a block of the numbers that one chain gives.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// Name.
    pub name: &'static str,
    /// Unit, in terms of theta (a parameter) and t = eta k (time).
    pub unit: &'static str,
    /// Lags in steps, slowest index, if it has any.
    pub lags: Option<Vec<u64>>,
    /// Number of modes, fastest index, if it has any.
    pub modes: Option<u64>,
}

impl Quantity {
    /// Number of values.
    pub fn length(&self) -> usize {
        self.lags.as_ref().map_or(1, Vec::len) * self.modes.unwrap_or(1) as usize
    }

    /// Shape of its values.
    pub fn shape(&self) -> Vec<u64> {
        self.lags.iter().map(|lags| lags.len() as u64).chain(self.modes).collect()
    }
}

impl Frame {
    /// Of a problem.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for more chain-steps than can be counted, or more numbers than are kept.
    pub fn new(problem: &Problem, prepared: &Prepared) -> Result<Self> {
        let (run, sgd, data) = (&problem.run, &problem.sgd, &problem.data.problem);
        let refuse = |detail| Err(VerifyError::Input { detail });
        let points = problem.sweep.points() as u64;
        let chain_steps = run.chains.checked_mul(run.steps).and_then(|steps| steps.checked_mul(points));
        let states = run.chains.checked_mul(run.steps.saturating_add(1)).and_then(|steps| steps.checked_mul(points));
        let (Some(chain_steps), true) = (chain_steps, states.is_some_and(|states| states <= MOST_STATES)) else {
            return refuse(format!(
                "run.steps is {} with run.chains {} at {points} points; it must be at most {MOST_STATES} chain-steps in all",
                run.steps, run.chains
            ));
        };
        let wants = |kind: Record| run.record.contains(&kind);
        let frame = Self {
            data: problem.data.name.clone(),
            samples: data.samples() as u64,
            dimension: data.dimension() as u64,
            outputs: data.outputs() as u64,
            rank: prepared.quadratic.rank() as u64,
            learning_rate: sgd.learning_rate(),
            momentum: sgd.momentum(),
            weight_decay: sgd.weight_decay(),
            batch_size: sgd.batch_size() as u64,
            sampling: problem.sampling.name().into(),
            noise: problem.noise.name().into(),
            start: match run.start {
                StartSpec::Stationary => "stationary",
                StartSpec::Minimum => "minimum",
                StartSpec::Zero => "zero",
                StartSpec::Values(_) => "values",
            }
            .into(),
            seed: run.seed,
            chains: run.chains,
            steps: run.steps,
            chain_steps,
            moments: wants(Record::Moments),
            displacement: wants(Record::Displacement),
            autocovariance: wants(Record::Autocovariance),
            trajectory_every: run.record.iter().find_map(|record| match record {
                Record::Trajectory { every } => Some(*every),
                _ => None,
            }),
            sweep: problem
                .sweep
                .axes()
                .iter()
                .map(|axis| Axis { key: axis.key.name().into(), values: axis.values.clone() })
                .collect(),
        };
        match frame.excess() {
            Some(detail) => refuse(detail),
            None => Ok(frame),
        }
    }

    /// Why this cannot be a run, if it cannot: something is empty, or there is more than is kept.
    pub fn excess(&self) -> Option<String> {
        let points = self.sweep.iter().map(|axis| axis.values.len() as u64).fold(1_u64, u64::saturating_mul);
        let empty = [points, self.chains, self.steps, self.dimension, self.outputs].contains(&0)
            || self.trajectory_every == Some(0);
        if empty {
            return Some("a run without points, chains, steps, features or outputs".into());
        }
        let averages = self.quantities().iter().fold(0_u64, |sum, quantity| {
            let lags = quantity.lags.as_ref().map_or(1, Vec::len) as u64;
            sum.saturating_add(quantity.modes.unwrap_or(1).saturating_mul(lags))
        });
        let minimum = self.dimension.saturating_mul(self.outputs);
        let output = averages.saturating_add(minimum).saturating_mul(points);
        if output > MOST_OUTPUT {
            return Some(format!(
                "the output would have {output} averages; it must have at most {MOST_OUTPUT}: sweep fewer points or record \
                 less"
            ));
        }
        let numbers = self.trajectory_numbers();
        if numbers > MOST_NUMBERS {
            return Some(format!(
                "the trajectory would have {numbers} numbers; it must have at most {MOST_NUMBERS}: record fewer steps \
                 (trajectory: every = K) or run fewer chains"
            ));
        }
        None
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.sweep.iter().map(|axis| axis.values.len()).product()
    }

    /// Lags of displacements: powers of two up to half the chain.
    pub fn displacement_lags(&self) -> Vec<u64> {
        std::iter::successors(Some(1_u64), |lag| lag.checked_mul(2))
            .take_while(|&lag| lag <= (self.steps / 2).max(1) && lag <= LONGEST_LAG)
            .collect()
    }

    /// Lags of products: the same, and 0.
    pub fn autocovariance_lags(&self) -> Vec<u64> {
        std::iter::once(0).chain(self.displacement_lags()).collect()
    }

    /// Steps between origins of lagged pairs.
    pub fn origin_spacing(&self) -> u64 {
        (self.steps / ORIGINS).max(1)
    }

    /// Number of states that a trajectory keeps of a chain.
    pub fn trajectory_length(&self) -> u64 {
        self.trajectory_every.map_or(0, |every| self.steps / every + 1)
    }

    /// Steps of the states that a trajectory keeps.
    pub fn trajectory_steps(&self) -> Vec<u64> {
        let every = self.trajectory_every.unwrap_or(1);
        (0..self.trajectory_length()).map(|index| index * every).collect()
    }

    /// Numbers of the trajectories of all chains of all points.
    pub fn trajectory_numbers(&self) -> u64 {
        [2, self.dimension, self.outputs, self.chains, self.points() as u64]
            .into_iter()
            .fold(self.trajectory_length(), u64::saturating_mul)
    }

    /// The quantities that are averaged over chains, in the order of a chain's numbers.
    pub fn quantities(&self) -> Vec<Quantity> {
        let modes = Some(self.dimension);
        let quantity = |name, unit, lags, modes| Quantity { name, unit, lags, modes };
        let mut all = Vec::new();
        if self.moments {
            all.push(quantity("position_second_moment", "theta^2", None, modes));
            all.push(quantity("velocity_second_moment", "theta^2/t^2", None, modes));
            all.push(quantity("cross_moment", "theta^2/t", None, modes));
        }
        if self.displacement {
            all.push(quantity("displacement", "theta^2", Some(self.displacement_lags()), None));
        }
        if self.autocovariance {
            let lags = Some(self.autocovariance_lags());
            all.push(quantity("position_autocovariance", "theta^2", lags.clone(), modes));
            all.push(quantity("velocity_autocovariance", "theta^2/t^2", lags, modes));
        }
        all
    }

    /// Numbers that one chain gives.
    pub fn chain_values(&self) -> usize {
        self.quantities().iter().map(Quantity::length).sum()
    }
}
