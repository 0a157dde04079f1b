//! A linear model, a multilayer perceptron, a small convolutional network.

use super::Blueprint;
use super::architecture::Architecture;
use super::initial::Initial;
use super::layer::Layer;

/// Outputs = W x (+ b), starting from zero: the linear regression of the paper's section 4. W lies in the position vector output
/// by output, as in the simulator.
pub(super) fn linear(inputs: i64, outputs: i64, bias: bool) -> Blueprint {
    let mut network = Blueprint::default();
    let zero = Initial::Constant(0.0);
    let layer = network.linear("linear", (inputs, outputs), bias, (zero, zero));
    network.layers.extend([Layer::Flatten, layer]);
    network
}

/// Linear layers of given widths.
pub(super) fn perceptron(inputs: i64, outputs: i64, of: &Architecture) -> Blueprint {
    let mut network = Blueprint::default();
    network.layers.push(Layer::Flatten);
    let mut width = inputs;
    for (number, &next) in of.widths.iter().chain([&outputs]).enumerate() {
        let initial = Initial::by_inputs(width);
        let layer = network.linear(&format!("layers.{number}"), (width, next), of.bias, (initial, initial));
        network.layers.push(layer);
        if number < of.widths.len() {
            network.layers.push(of.activation.layer());
        }
        width = next;
    }
    network
}

/// For each number of channels: a convolution of 3 x 3, the activation, the largest of each 2 x 2 pixels; then a linear layer.
pub(super) fn small_convolution(image: (i64, i64, i64), outputs: i64, of: &Architecture) -> Blueprint {
    let mut network = Blueprint::default();
    let (mut channels, mut height, mut width) = image;
    for (number, &next) in of.widths.iter().enumerate() {
        let initial = Initial::by_inputs(9 * channels);
        let layer =
            network.convolution(&format!("features.{number}"), (channels, next, 3), (1, 1), (initial, Some(initial)));
        let pool = Layer::MaxPool { window: 2, stride: 2, padding: 0 };
        network.layers.extend([layer, of.activation.layer(), pool]);
        (channels, height, width) = (next, height / 2, width / 2);
    }
    let inputs = channels * height * width;
    let initial = Initial::by_inputs(inputs);
    let layer = network.linear("classifier", (inputs, outputs), true, (initial, initial));
    network.layers.extend([Layer::Flatten, layer]);
    network
}
