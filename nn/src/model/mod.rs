//! Networks as lists of layers over named parameters. Names and shapes of VGG and ResNet are Torchvision's, so that its
//! pre-trained weights fit.

mod architecture;
mod initial;
mod layer;
mod multilayer;
mod residual;
mod vgg;

pub use architecture::{Activation, Architecture, InputShape, Kind as ModelKind};
pub use initial::{Initial, draw_initial};
pub use layer::{Layer, Mode, forward, outputs_of_layers};

/// One parameter array of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name in files.
    pub name: String,
    /// Lengths along its dimensions.
    pub shape: Vec<i64>,
    /// How it is drawn.
    pub initial: Initial,
}

/// One array that training changes but that is no parameter: running means and variances.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// Name in files.
    pub name: String,
    /// Lengths along its dimensions.
    pub shape: Vec<i64>,
    /// The value of every entry at the start.
    pub initial: f64,
}

/// What a network is made of.
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    /// Parameters, in the order in which they lie in the position vector.
    pub parameters: Vec<Parameter>,
    /// Buffers.
    pub buffers: Vec<Buffer>,
    /// Layers, first to last.
    pub layers: Vec<Layer>,
}

impl Blueprint {
    /// m: the number of parameters.
    pub fn dimension(&self) -> i64 {
        self.parameters.iter().map(|parameter| parameter.shape.iter().product::<i64>()).sum()
    }

    fn parameter(&mut self, name: String, shape: &[i64], initial: Initial) -> usize {
        self.parameters.push(Parameter { name, shape: shape.to_vec(), initial });
        self.parameters.len() - 1
    }

    fn buffer(&mut self, name: String, shape: &[i64], initial: f64) -> usize {
        self.buffers.push(Buffer { name, shape: shape.to_vec(), initial });
        self.buffers.len() - 1
    }

    /// A linear layer.
    fn linear(&mut self, name: &str, (inputs, outputs): (i64, i64), bias: bool, initial: (Initial, Initial)) -> Layer {
        let weight = self.parameter(format!("{name}.weight"), &[outputs, inputs], initial.0);
        let bias = bias.then(|| self.parameter(format!("{name}.bias"), &[outputs], initial.1));
        Layer::Linear { weight, bias }
    }

    /// A square convolution.
    fn convolution(
        &mut self,
        name: &str,
        (inputs, outputs, window): (i64, i64, i64),
        (stride, padding): (i64, i64),
        initial: (Initial, Option<Initial>),
    ) -> Layer {
        let weight = self.parameter(format!("{name}.weight"), &[outputs, inputs, window, window], initial.0);
        let bias = initial.1.map(|initial| self.parameter(format!("{name}.bias"), &[outputs], initial));
        Layer::Convolution { weight, bias, stride, padding }
    }

    /// A batch normalisation.
    fn batch_norm(&mut self, name: &str, channels: i64) -> Layer {
        let scale = self.parameter(format!("{name}.weight"), &[channels], Initial::Constant(1.0));
        let shift = self.parameter(format!("{name}.bias"), &[channels], Initial::Constant(0.0));
        let mean = self.buffer(format!("{name}.running_mean"), &[channels], 0.0);
        let variance = self.buffer(format!("{name}.running_var"), &[channels], 1.0);
        Layer::BatchNorm { scale, shift, mean, variance }
    }
}
