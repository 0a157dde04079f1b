//! Layers, and the outputs of a list of them.

use crate::error::{NnError, Result};
use crate::tensor::Tensor;

/// One layer; numbers are places in the lists of parameters and buffers.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// x W^T + b.
    Linear {
        /// W, outputs x inputs.
        weight: usize,
        /// b.
        bias: Option<usize>,
    },
    /// Two-dimensional convolution.
    Convolution {
        /// Outputs x inputs x height x width.
        weight: usize,
        /// One number per output channel.
        bias: Option<usize>,
        /// Pixels between two windows.
        stride: i64,
        /// Zeros on each side.
        padding: i64,
    },
    /// Batch normalisation.
    BatchNorm {
        /// Factor per channel.
        scale: usize,
        /// Summand per channel.
        shift: usize,
        /// Running mean (a buffer).
        mean: usize,
        /// Running variance (a buffer).
        variance: usize,
    },
    /// max(x, 0).
    Relu,
    /// tanh x.
    Tanh,
    /// Largest of windows.
    MaxPool {
        /// Width of a window.
        window: i64,
        /// Pixels between two windows.
        stride: i64,
        /// Padding on each side.
        padding: i64,
    },
    /// Means over a grid of so many parts each way.
    AveragePool(i64),
    /// One row per sample.
    Flatten,
    /// Outputs of a body plus a shortcut, then max(., 0). An empty shortcut passes its input on.
    Residual {
        /// The layers that are learned around.
        body: Vec<Layer>,
        /// The way around.
        shortcut: Vec<Layer>,
    },
}

/// What batch normalisation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It uses the batch and moves its running averages.
    Train,
    /// It uses its running averages.
    Evaluate,
}

fn at(tensors: &[Tensor], place: usize) -> Result<&Tensor> {
    tensors.get(place).ok_or_else(|| NnError::Input { detail: format!("the network has no array {place}") })
}

/// Outputs of layers.
///
/// Two pairs of layers are computed as one, because curvature differentiates them twice and each pass over the activations counts:
///
/// ```text
/// batch normalisation by running averages after a convolution   a (W * x + b - mean) + shift = (a W) * x + (a (b - mean) + shift)
/// the largest of windows after max(., 0)                        max_i max(x_i, 0) = max(max_i x_i, 0)
/// ```
///
/// with a = scale/sqrt(variance + epsilon). The second is the same to the last bit, gradients too: where all of a window is below zero both have none.
///
/// # Errors
/// [`NnError::Torch`] for inputs that do not fit.
pub fn forward(
    layers: &[Layer],
    inputs: &Tensor,
    parameters: &[Tensor],
    buffers: &[Tensor],
    mode: Mode,
) -> Result<Tensor> {
    let mut value = inputs.alias();
    let mut rest = layers;
    while let Some((layer, after)) = rest.split_first() {
        rest = after;
        value = match (layer, after.first()) {
            (
                Layer::Convolution { weight, bias, stride, padding },
                Some(Layer::BatchNorm { scale, shift, mean, variance }),
            ) if mode == Mode::Evaluate => {
                rest = &after[1..];
                let bias = bias.map(|bias| at(parameters, bias)).transpose()?;
                let running = (at(buffers, *mean)?, at(buffers, *variance)?);
                let affine = (at(parameters, *scale)?, at(parameters, *shift)?);
                let (weight, bias) = at(parameters, *weight)?.normalised(bias, affine, running)?;
                value.convolution(&weight, Some(&bias), *stride, *padding)?
            }
            (Layer::Relu, Some(Layer::MaxPool { window, stride, padding })) => {
                rest = &after[1..];
                value.max_pool(*window, *stride, *padding)?.relu()?
            }
            _ => one(layer, &value, parameters, buffers, mode)?,
        };
    }
    Ok(value)
}

fn one(layer: &Layer, value: &Tensor, parameters: &[Tensor], buffers: &[Tensor], mode: Mode) -> Result<Tensor> {
    match layer {
        Layer::Linear { weight, bias } => {
            let bias = bias.map(|bias| at(parameters, bias)).transpose()?;
            value.linear(at(parameters, *weight)?, bias)
        }
        Layer::Convolution { weight, bias, stride, padding } => {
            let bias = bias.map(|bias| at(parameters, bias)).transpose()?;
            value.convolution(at(parameters, *weight)?, bias, *stride, *padding)
        }
        Layer::BatchNorm { scale, shift, mean, variance } => {
            let running = (at(buffers, *mean)?, at(buffers, *variance)?);
            value.batch_norm(at(parameters, *scale)?, at(parameters, *shift)?, running, mode == Mode::Train)
        }
        Layer::Relu => value.relu(),
        Layer::Tanh => value.tanh(),
        Layer::MaxPool { window, stride, padding } => value.max_pool(*window, *stride, *padding),
        Layer::AveragePool(size) => value.average_pool(*size),
        Layer::Flatten => value.flattened(),
        Layer::Residual { body, shortcut } => {
            let around = forward(shortcut, value, parameters, buffers, mode)?;
            forward(body, value, parameters, buffers, mode)?.plus(&around)?.relu()
        }
    }
}

/// How many numbers layers put out for an input.
///
/// # Errors
/// [`NnError::Torch`] for inputs that do not fit.
pub fn outputs_of_layers(
    layers: &[Layer],
    inputs: &Tensor,
    parameters: &[Tensor],
    buffers: &[Tensor],
) -> Result<usize> {
    let (mut value, mut count) = (inputs.alias(), 0);
    for layer in layers {
        if let Layer::Residual { body, shortcut } = layer {
            count += outputs_of_layers(body, &value, parameters, buffers)?;
            count += outputs_of_layers(shortcut, &value, parameters, buffers)?;
        }
        value = one(layer, &value, parameters, buffers, Mode::Evaluate)?;
        count += value.count();
    }
    Ok(count)
}
