//! Which network, for inputs of which shape.

use std::str::FromStr;

use super::layer::Layer;
use super::{Blueprint, multilayer, residual, vgg};
use crate::error::{NnError, Result};

/// The shape of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputShape {
    /// A list of numbers.
    Flat(i64),
    /// An image: channels, height, width.
    Image(i64, i64, i64),
}

impl InputShape {
    /// Numbers of an input.
    pub fn count(self) -> i64 {
        match self {
            Self::Flat(count) => count,
            Self::Image(channels, height, width) => channels * height * width,
        }
    }

    /// The shape of a batch.
    pub fn of_batch(self, rows: i64) -> Vec<i64> {
        match self {
            Self::Flat(count) => vec![rows, count],
            Self::Image(channels, height, width) => vec![rows, channels, height, width],
        }
    }
}

/// max(x, 0) or tanh x.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// tanh x.
    Tanh,
}

impl Activation {
    /// As a layer.
    pub fn layer(self) -> Layer {
        match self {
            Self::Relu => Layer::Relu,
            Self::Tanh => Layer::Tanh,
        }
    }
}

/// A family of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One linear layer.
    Linear,
    /// Linear layers with an activation between them.
    Mlp,
    /// Convolutions of 3 x 3 with max pooling, then a linear layer.
    SmallConv,
    /// Simonyan and Zisserman 2015, configuration A (11) or D (16).
    Vgg {
        /// 11 or 16 layers.
        depth: u8,
        /// With batch normalisation.
        normalised: bool,
    },
    /// He et al. 2016.
    ResNet {
        /// 18 or 34 layers.
        depth: u8,
    },
}

/// Names of the families.
pub const KINDS: &str = "linear, mlp, small-conv, vgg11, vgg11-bn, vgg16, vgg16-bn, resnet18 or resnet34";

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Ok(match text {
            "linear" => Self::Linear,
            "mlp" => Self::Mlp,
            "small-conv" => Self::SmallConv,
            "vgg11" => Self::Vgg { depth: 11, normalised: false },
            "vgg11-bn" => Self::Vgg { depth: 11, normalised: true },
            "vgg16" => Self::Vgg { depth: 16, normalised: false },
            "vgg16-bn" => Self::Vgg { depth: 16, normalised: true },
            "resnet18" => Self::ResNet { depth: 18 },
            "resnet34" => Self::ResNet { depth: 34 },
            _ => return Err(KINDS.into()),
        })
    }
}

/// A network to be built.
#[derive(Clone, Debug)]
pub struct Architecture {
    /// The family.
    pub kind: Kind,
    /// Widths of hidden layers (mlp), or channels of the convolutions (small-conv).
    pub widths: Vec<i64>,
    /// Between the layers of mlp and small-conv.
    pub activation: Activation,
    /// Whether linear and mlp layers have a bias.
    pub bias: bool,
}

/// Images at least this large get the first and last layers of the ImageNet networks; smaller ones those that are usual for CIFAR.
pub(super) const LARGE_IMAGE: i64 = 64;

impl Architecture {
    /// The parts of the network for inputs of a shape.
    ///
    /// # Errors
    /// [`NnError::Input`] for inputs that the network cannot take.
    pub fn blueprint(&self, input: InputShape, outputs: i64) -> Result<Blueprint> {
        let image = |name: &str, least: i64| match input {
            InputShape::Image(channels, height, width) if height >= least && width >= least => {
                Ok((channels, height, width))
            }
            InputShape::Image(_, height, width) => Err(NnError::Input {
                detail: format!("images of {height} x {width} pixels; {name} takes {least} x {least} or more"),
            }),
            InputShape::Flat(count) => Err(NnError::Input {
                detail: format!(
                    "inputs are lists of {count} numbers; {name} takes images: set model.image = [channels, height, width]"
                ),
            }),
        };
        match self.kind {
            Kind::Linear => Ok(multilayer::linear(input.count(), outputs, self.bias)),
            Kind::Mlp => Ok(multilayer::perceptron(input.count(), outputs, self)),
            Kind::SmallConv => {
                let least = 1 << self.widths.len().min(30);
                Ok(multilayer::small_convolution(image("small-conv with this many channels", least)?, outputs, self))
            }
            Kind::Vgg { depth, normalised } => Ok(vgg::vgg(depth, normalised, image("VGG", 2)?, outputs)),
            Kind::ResNet { depth } => Ok(residual::resnet(depth, image("ResNet", 8)?, outputs)),
        }
    }
}
