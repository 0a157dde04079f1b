//! A network in phase space: one flat position vector theta and one flat velocity vector v, of which the arrays of the layers are
//! views. A step of the recursion (2),
//!
//! ```text
//! v_{k+1} = beta v_k - g(theta_k) - lambda theta_k,   theta_{k+1} = theta_k + eta v_{k+1},
//! ```
//!
//! changes both in place. Weight decay is coupled (it enters the velocity) and acts on every parameter, as in (2) and in
//! PyTorch's SGD, whose momentum buffer is -v.

use langevin_theory::Hyperparameters;

use crate::error::{NnError, Result};
use crate::model::{Blueprint, Mode, draw_initial, forward, outputs_of_layers};
use crate::tensor::{Device, Precision, Tensor, without_gradients};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// |y - f(x)|^2 / 2, summed over outputs: the loss of the paper's linear regression.
    SquaredError,
    /// -log softmax(f(x)) at the label.
    CrossEntropy,
}

impl Loss {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SquaredError => "mse",
            Self::CrossEntropy => "cross-entropy",
        }
    }
}

/// Parameters, velocities, buffers, and how outputs follow from them.
#[derive(Debug)]
pub struct Network {
    blueprint: Blueprint,
    position: Tensor,
    velocity: Tensor,
    /// Views of the position, array by array, that gradients are taken with respect to.
    leaves: Vec<Tensor>,
    /// Views of the velocity.
    velocities: Vec<Tensor>,
    buffers: Vec<Tensor>,
    precision: Precision,
    device: Device,
}

/// eta and -lambda where the position and velocity are.
#[derive(Debug)]
pub struct Rates {
    learning_rate: Tensor,
    momentum: f64,
    minus_weight_decay: Option<Tensor>,
}

impl Network {
    /// With initial parameters of a seed, at rest.
    ///
    /// # Errors
    /// [`NnError::Torch`], for instance when there is no memory.
    pub fn new(blueprint: Blueprint, precision: Precision, device: Device, seed: u64) -> Result<Self> {
        let kind = precision.kind();
        let position = Tensor::zeros(&[blueprint.dimension()], kind, device)?;
        let velocity = Tensor::zeros(&[blueprint.dimension()], kind, device)?;
        let (mut leaves, mut velocities) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (place, parameter) in blueprint.parameters.iter().enumerate() {
            let range = first..first + parameter.shape.iter().product::<i64>();
            first = range.end;
            let values = Tensor::from_values(&draw_initial(parameter, seed, place), &parameter.shape, kind, device)?;
            let mut view = position.part(range.clone())?.shaped(&parameter.shape)?;
            view.assign(&values)?;
            leaves.push(view.leaf()?);
            velocities.push(velocity.part(range)?.shaped(&parameter.shape)?);
        }
        let buffers = blueprint
            .buffers
            .iter()
            .map(|buffer| Tensor::full(&buffer.shape, buffer.initial, kind, device))
            .collect::<Result<_>>()?;
        Ok(Self { blueprint, position, velocity, leaves, velocities, buffers, precision, device })
    }

    /// What the network is made of.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// m: the number of parameters.
    pub fn dimension(&self) -> usize {
        self.position.count()
    }

    /// theta: all parameters as one vector. Writing to it changes the network.
    pub fn position(&mut self) -> &mut Tensor {
        &mut self.position
    }

    /// v: all velocities as one vector.
    pub fn velocity(&mut self) -> &mut Tensor {
        &mut self.velocity
    }

    /// theta and v, to be read.
    pub fn phase(&self) -> (&Tensor, &Tensor) {
        (&self.position, &self.velocity)
    }

    /// The arrays of the layers, which gradients are taken with respect to. They share memory with the position.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// Views of the velocity, array by array.
    pub fn velocities(&self) -> &[Tensor] {
        &self.velocities
    }

    /// Running averages.
    pub fn buffers(&self) -> &[Tensor] {
        &self.buffers
    }

    /// The running average with a number, to be written.
    pub fn buffer(&mut self, place: usize) -> Option<&mut Tensor> {
        self.buffers.get_mut(place)
    }

    /// Number type.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Outputs, rows x outputs.
    ///
    /// # Errors
    /// [`NnError::Torch`] for inputs that do not fit.
    pub fn outputs(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor> {
        forward(&self.blueprint.layers, inputs, &self.leaves, &self.buffers, mode)
    }

    /// How many numbers its layers put out for inputs: a measure of the memory that differentiation takes.
    ///
    /// # Errors
    /// [`NnError::Torch`] for inputs that do not fit.
    pub fn outputs_of_layers(&self, inputs: &Tensor) -> Result<usize> {
        outputs_of_layers(&self.blueprint.layers, inputs, &self.leaves, &self.buffers)
    }

    /// The loss of a batch: a number that gradients can be taken of. Targets are rows x outputs for [`Loss::SquaredError`]
    /// and labels (`i64`) for [`Loss::CrossEntropy`].
    ///
    /// # Errors
    /// [`NnError::Torch`] for shapes that do not fit.
    pub fn loss(&self, loss: Loss, inputs: &Tensor, targets: &Tensor, mode: Mode) -> Result<Tensor> {
        let outputs = self.outputs(inputs, mode)?;
        match loss {
            Loss::SquaredError => outputs.half_squared_distance(targets),
            Loss::CrossEntropy => outputs.cross_entropy(targets),
        }
    }

    /// The hyperparameters as this network's steps use them.
    ///
    /// # Errors
    /// [`NnError::Torch`].
    pub fn rates(&self, sgd: &Hyperparameters) -> Result<Rates> {
        let number = |value: f64| Tensor::full(&[], value, self.precision.kind(), self.device);
        let decay = sgd.weight_decay();
        Ok(Rates {
            learning_rate: number(sgd.learning_rate())?,
            momentum: sgd.momentum(),
            minus_weight_decay: if decay > 0.0 { Some(number(-decay)?) } else { None },
        })
    }

    /// One step (2) along the gradient of a batch; gives the loss of that batch before the step, as a number on the device.
    ///
    /// # Errors
    /// [`NnError::Torch`]. Position and velocity are then unchanged, unless the device itself failed.
    pub fn step(&mut self, rates: &Rates, loss: Loss, inputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let value = self.loss(loss, inputs, targets, Mode::Train)?;
        let gradients = value.gradients(&self.leaves, false)?;
        if gradients.len() != self.velocities.len() {
            return Err(NnError::Input { detail: format!("{} gradients", gradients.len()) });
        }
        without_gradients(|| {
            self.velocity.scale(rates.momentum)?;
            for (velocity, gradient) in self.velocities.iter_mut().zip(&gradients) {
                velocity.subtract(gradient)?;
            }
            if let Some(minus_decay) = &rates.minus_weight_decay {
                self.velocity.add_scaled(minus_decay, &self.position)?;
            }
            self.position.add_scaled(&rates.learning_rate, &self.velocity)
        })?;
        value.detached()
    }
}
