//! What is recorded of a chain: after step k
//!
//! ```text
//! loss                 L_B(theta_{k-1}), of the batch that the step was taken with
//! local_displacement   |delta_k|^2 = eta^2 |v_k|^2                                    (1), erratum E40
//! global_displacement  |Delta_k|^2 = |theta_k - theta_*|^2                            (1)
//! position             q . (theta_k - theta_*) for each direction q
//! velocity             q . v_k
//! ```
//!
//! Numbers stay on the device until there are enough of them; one copy then brings them all.

use crate::error::{NnError, Result};
use crate::network::Network;
use crate::tensor::{Tensor, without_gradients};

/// Records that wait on the device.
const BLOCK: usize = 256;

/// Columns of a row that every run has.
const SCALARS: usize = 4;

/// Records on their way.
#[derive(Debug)]
pub struct Tracker {
    every: u64,
    learning_rate: f64,
    start: Tensor,
    difference: Tensor,
    /// Directions x parameters.
    directions: Option<Tensor>,
    steps: Vec<u64>,
    losses: Vec<Tensor>,
    speeds: Vec<Tensor>,
    distances: Vec<Tensor>,
    positions: Vec<Tensor>,
    velocities: Vec<Tensor>,
}

impl Tracker {
    /// For a network that stands where displacements are measured from.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn new(network: &Network, every: u64, learning_rate: f64, directions: Option<Tensor>) -> Result<Self> {
        let start = network.phase().0.copied()?;
        let difference = start.copied()?;
        Ok(Self {
            every,
            learning_rate,
            start,
            difference,
            directions,
            steps: Vec::new(),
            losses: Vec::new(),
            speeds: Vec::new(),
            distances: Vec::new(),
            positions: Vec::new(),
            velocities: Vec::new(),
        })
    }

    /// Number of directions.
    pub fn directions(&self) -> usize {
        self.directions.as_ref().map_or(0, |directions| usize::try_from(directions.shape()[0]).unwrap_or(0))
    }

    /// Numbers of a row: step, loss, both displacements, then position and velocity along each direction.
    pub fn width(&self) -> usize {
        SCALARS + 2 * self.directions()
    }

    /// Looks at the state after a step.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn observe(&mut self, step: u64, network: &Network, loss: &Tensor) -> Result<()> {
        if !step.is_multiple_of(self.every) {
            return Ok(());
        }
        without_gradients(|| {
            let (position, velocity) = network.phase();
            self.difference.assign(position)?;
            self.difference.subtract(&self.start)?;
            self.steps.push(step);
            self.losses.push(loss.alias());
            self.speeds.push(velocity.dot(velocity)?);
            self.distances.push(self.difference.dot(&self.difference)?);
            if let Some(directions) = &self.directions {
                self.positions.push(directions.times(&self.difference)?);
                self.velocities.push(directions.times(velocity)?);
            }
            Ok(())
        })
    }

    /// Whether enough records wait.
    pub fn is_full(&self) -> bool {
        self.steps.len() >= BLOCK
    }

    /// Appends the waiting records to `rows`.
    ///
    /// # Errors
    /// [`NnError::Diverged`] at the first record that is not finite; the rows before it are appended.
    pub fn flush(&mut self, rows: &mut Vec<f64>) -> Result<()> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(());
        }
        let brought = |tensors: &mut Vec<Tensor>| -> Result<Vec<f64>> {
            let tensors = std::mem::take(tensors);
            if tensors.is_empty() { Ok(Vec::new()) } else { Tensor::stacked(&tensors)?.to_values() }
        };
        let losses = brought(&mut self.losses)?;
        let speeds = brought(&mut self.speeds)?;
        let distances = brought(&mut self.distances)?;
        let positions = brought(&mut self.positions)?;
        let velocities = brought(&mut self.velocities)?;
        let (directions, rate) = (self.directions(), self.learning_rate);
        for (row, step) in steps.into_iter().enumerate() {
            let speed = rate * rate * speeds[row];
            for (name, value) in [("the loss", losses[row]), ("|delta|^2", speed), ("|Delta|^2", distances[row])] {
                if !value.is_finite() {
                    let detail = format!(
                        "{name} is {value}: training diverges. The records of earlier steps are kept; try a smaller learning_rate"
                    );
                    return Err(NnError::Diverged { step, detail });
                }
            }
            rows.extend([step as f64, losses[row], speed, distances[row]]);
            rows.extend(&positions[row * directions..(row + 1) * directions]);
            rows.extend(&velocities[row * directions..(row + 1) * directions]);
        }
        Ok(())
    }
}
