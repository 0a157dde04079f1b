//! VGG (Simonyan and Zisserman 2015), with Torchvision's names and initial values. Images below 64 pixels get one linear layer
//! instead of the three of ImageNet; below 32, poolings of an image that is one pixel wide already are left out. There is no dropout:
//! Torchvision's is noise that equation (2) does not have.

use super::Blueprint;
use super::architecture::LARGE_IMAGE;
use super::initial::Initial;
use super::layer::Layer;

/// Channels of the convolutions of the five stages.
fn stages(depth: u8) -> [&'static [i64]; 5] {
    match depth {
        11 => [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]],
        _ => [&[64, 64], &[128, 128], &[256; 3], &[512; 3], &[512; 3]],
    }
}

pub(super) fn vgg(depth: u8, normalised: bool, image: (i64, i64, i64), outputs: i64) -> Blueprint {
    let mut network = Blueprint::default();
    let (mut channels, height, width) = image;
    let mut side = height.min(width);
    // number of the layer in Torchvision's list, where activations and pooling count
    let mut number = 0;
    for stage in stages(depth) {
        for &next in stage {
            let initial = (Initial::by_outputs(next, 3), Some(Initial::Constant(0.0)));
            let layer = network.convolution(&format!("features.{number}"), (channels, next, 3), (1, 1), initial);
            network.layers.push(layer);
            if normalised {
                let layer = network.batch_norm(&format!("features.{}", number + 1), next);
                network.layers.push(layer);
            }
            network.layers.push(Layer::Relu);
            number += if normalised { 3 } else { 2 };
            channels = next;
        }
        if side > 1 {
            network.layers.push(Layer::MaxPool { window: 2, stride: 2, padding: 0 });
            side /= 2;
        }
        number += 1;
    }
    let initial = (Initial::Normal(0.01), Initial::Constant(0.0));
    if height.min(width) < LARGE_IMAGE {
        let layer = network.linear("classifier", (channels, outputs), true, initial);
        network.layers.extend([Layer::AveragePool(1), Layer::Flatten, layer]);
        return network;
    }
    network.layers.extend([Layer::AveragePool(7), Layer::Flatten]);
    for (name, inputs, next) in
        [("classifier.0", 49 * channels, 4096), ("classifier.3", 4096, 4096), ("classifier.6", 4096, outputs)]
    {
        let layer = network.linear(name, (inputs, next), true, initial);
        network.layers.push(layer);
        if name != "classifier.6" {
            network.layers.push(Layer::Relu);
        }
    }
    network
}
