//! Chains of states: what simulators produce and estimators read.

/// Position theta and velocity v of SGD, in the coordinates of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// theta, d numbers.
    pub position: Vec<f64>,
    /// v, d numbers; v' = beta v - g, theta' = theta + eta v'.
    pub velocity: Vec<f64>,
}

/// Consecutive states; number 0 is the start.
///
/// ```
/// use langevin_verify::theorist::{Chain, State};
/// let mut chain = Chain::new(&State { position: vec![1.0, 2.0], velocity: vec![0.0, 0.0] });
/// chain.push(&[1.5, 2.0], &[5.0, 0.0]);
/// assert_eq!((chain.len(), chain.position(1), chain.velocity(0)), (2, &[1.5, 2.0][..], &[0.0, 0.0][..]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    dimension: usize,
    positions: Vec<f64>,
    velocities: Vec<f64>,
}

impl Chain {
    /// A chain of its start alone.
    pub fn new(start: &State) -> Self {
        Self { dimension: start.position.len(), positions: start.position.clone(), velocities: start.velocity.clone() }
    }

    pub(super) fn empty(dimension: usize) -> Self {
        Self { dimension, positions: Vec::new(), velocities: Vec::new() }
    }

    /// Appends the state after one more step.
    pub fn push(&mut self, position: &[f64], velocity: &[f64]) {
        self.positions.extend_from_slice(position);
        self.velocities.extend_from_slice(velocity);
    }

    /// Number of states: steps + 1.
    pub fn len(&self) -> usize {
        self.positions.len() / self.dimension.max(1)
    }

    /// Whether there is no state.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// theta after k steps, d numbers.
    pub fn position(&self, step: usize) -> &[f64] {
        &self.positions[step * self.dimension..(step + 1) * self.dimension]
    }

    /// v after k steps, d numbers.
    pub fn velocity(&self, step: usize) -> &[f64] {
        &self.velocities[step * self.dimension..(step + 1) * self.dimension]
    }

    /// What is wrong with a chain of `steps` steps from a start, if anything is.
    pub(super) fn defect(&self, start: &State, steps: u64) -> Option<String> {
        let expected = (steps as usize + 1) * self.dimension;
        if self.dimension != start.position.len()
            || self.positions.len() != expected
            || self.velocities.len() != expected
        {
            return Some(format!(
                "it has {} positions and {} velocities of {} coordinates; it must have {} states of {}: the start and one \
                 per step",
                self.positions.len(),
                self.velocities.len(),
                self.dimension,
                steps + 1,
                start.position.len()
            ));
        }
        if self.position(0) != start.position || self.velocity(0) != start.velocity {
            return Some("its first state is not the start it was given".into());
        }
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        (!finite(&self.positions) || !finite(&self.velocities)).then(|| "it holds numbers that are not finite".into())
    }
}
