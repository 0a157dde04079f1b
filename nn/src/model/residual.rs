//! ResNet-18 and -34 (He et al. 2016), with Torchvision's names and initial values. Images below 64 pixels get a first
//! convolution of 3 x 3 without stride and no first pooling.

use super::Blueprint;
use super::architecture::LARGE_IMAGE;
use super::initial::Initial;
use super::layer::Layer;

/// A 3 x 3 or 1 x 1 convolution without bias and its normalisation.
fn convolved(network: &mut Blueprint, names: (&str, &str), sizes: (i64, i64, i64), stride: i64) -> [Layer; 2] {
    let (_, next, window) = sizes;
    let initial = (Initial::by_outputs(next, window), None);
    [network.convolution(names.0, sizes, (stride, window / 2), initial), network.batch_norm(names.1, next)]
}

pub(super) fn resnet(depth: u8, image: (i64, i64, i64), outputs: i64) -> Blueprint {
    let blocks: [usize; 4] = if depth == 18 { [2; 4] } else { [3, 4, 6, 3] };
    let mut network = Blueprint::default();
    let (inputs, height, width) = image;
    let is_large = height.min(width) >= LARGE_IMAGE;
    let (window, stride) = if is_large { (7, 2) } else { (3, 1) };
    let first = convolved(&mut network, ("conv1", "bn1"), (inputs, 64, window), stride);
    network.layers.extend(first);
    network.layers.push(Layer::Relu);
    if is_large {
        network.layers.push(Layer::MaxPool { window: 3, stride: 2, padding: 1 });
    }
    let mut channels = 64;
    for (stage, &count) in blocks.iter().enumerate() {
        let next = 64 << stage;
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            let mut body = Vec::new();
            body.extend(convolved(&mut network, (&name("conv1"), &name("bn1")), (channels, next, 3), stride));
            body.push(Layer::Relu);
            body.extend(convolved(&mut network, (&name("conv2"), &name("bn2")), (next, next, 3), 1));
            let shortcut = if stride == 1 && channels == next {
                Vec::new()
            } else {
                let names = (&*name("downsample.0"), &*name("downsample.1"));
                convolved(&mut network, names, (channels, next, 1), stride).to_vec()
            };
            network.layers.push(Layer::Residual { body, shortcut });
            channels = next;
        }
    }
    let initial = Initial::by_inputs(channels);
    let last = network.linear("fc", (channels, outputs), true, (initial, initial));
    network.layers.extend([Layer::AveragePool(1), Layer::Flatten, last]);
    network
}
