//! Weights of Torchvision. `torchvision.txt` lists names and shapes of the state of its networks (0.26, without the counters of batches):
//!
//! ```python
//! for name in ["resnet18", "resnet34", "vgg11", "vgg11_bn", "vgg16", "vgg16_bn"]:
//!     print(f"[{name}]")
//!     for key, value in getattr(torchvision.models, name)().state_dict().items():
//!         if "num_batches_tracked" not in key:
//!             print(key, *value.shape)
//! ```

use std::collections::BTreeMap;

use langevin_nn::checkpoint::CheckpointFile;
use langevin_nn::model::{Activation, Architecture, Blueprint, InputShape, Mode};
use langevin_nn::network::Network;
use langevin_nn::tensor::{Device, Kind, Precision, Tensor};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

type State = BTreeMap<String, Vec<i64>>;

/// Names and shapes, network by network.
fn torchvision() -> BTreeMap<&'static str, State> {
    let mut networks = BTreeMap::<_, State>::new();
    let mut name = "";
    for line in include_str!("torchvision.txt").lines() {
        if let Some(heading) = line.strip_prefix('[') {
            name = heading.trim_end_matches(']');
            continue;
        }
        let mut words = line.split(' ');
        let key = words.next().unwrap().to_owned();
        networks.entry(name).or_default().insert(key, words.map(|side| side.parse().unwrap()).collect());
    }
    networks
}

fn blueprint(name: &str) -> Blueprint {
    let kind = name.replace('_', "-").parse().unwrap();
    let architecture = Architecture { kind, widths: vec![], activation: Activation::Relu, bias: true };
    architecture.blueprint(InputShape::Image(3, 224, 224), 1000).unwrap()
}

#[test]
fn names_and_shapes_are_those_of_torchvision() {
    let known = torchvision();
    assert_eq!(known.len(), 6);
    for (name, state) in known {
        let network = blueprint(name);
        let mut found: State =
            network.parameters.into_iter().map(|parameter| (parameter.name, parameter.shape)).collect();
        found.extend(network.buffers.into_iter().map(|buffer| (buffer.name, buffer.shape)));
        assert_eq!(found, state, "{name}");
    }
}

/// The i-th number of an array: whole numbers first, so that another program finds the same.
fn value(place: usize, scale: f32, offset: f32) -> f32 {
    let fraction = ((place * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
    fraction * scale + offset
}

/// ResNet-18 with made-up weights: its outputs are those of Torchvision, of which this prints five per image and the sum of squares.
///
/// ```python
/// model = torchvision.models.resnet18().eval()
/// def value(n, scale, offset):
///     return (((torch.arange(n) * 7919 + 13) % 1009).to(torch.float32) / 1009 - 0.5) * scale + offset
/// with torch.no_grad():
///     for k, v in model.state_dict().items():
///         n = v.numel()
///         if "num_batches" in k: continue
///         if k.endswith("running_var"): x = value(n, 0.5, 1.0)
///         elif v.dim() == 1: x = value(n, 0.2, 1.0 if "weight" in k else 0.0)
///         else: x = value(n, (12.0 / (n / v.shape[0])) ** 0.5, 0.0)
///         v.copy_(x.reshape(v.shape))
///     y = model(value(2 * 3 * 224 * 224, 4.0, 0.0).reshape(2, 3, 224, 224))
///     print(y[:, :5], (y.double() ** 2).sum())
/// ```
#[test]
fn outputs_are_those_of_torchvision() {
    const FIRST: [[f64; 5]; 2] = [
        [-0.198_050_484_06, 0.015_817_243_61, 0.015_115_510_67, -0.002_194_497_73, 0.012_374_481_19],
        [-0.175_374_090_67, 0.005_104_288_46, 0.066_639_475_52, 0.005_793_001_04, -0.020_864_743_74],
    ];
    const SQUARES: f64 = 10.966_248_351_76;
    let state = torchvision().remove("resnet18").unwrap();
    let arrays: Vec<(String, Vec<usize>, Vec<u8>)> = state
        .into_iter()
        .map(|(name, shape)| {
            let count = shape.iter().product::<i64>() as usize;
            let (scale, offset) = if name.ends_with("running_var") {
                (0.5, 1.0)
            } else if shape.len() == 1 {
                (0.2, if name.contains("weight") { 1.0 } else { 0.0 })
            } else {
                ((12.0 / (count as f64 / shape[0] as f64)).sqrt() as f32, 0.0)
            };
            let bytes = (0..count).flat_map(|place| value(place, scale, offset).to_le_bytes()).collect();
            (name, shape.iter().map(|side| *side as usize).collect(), bytes)
        })
        .collect();
    let counter = 100_i64.to_le_bytes();
    let mut views: Vec<(String, TensorView<'_>)> = arrays
        .iter()
        .map(|(name, shape, bytes)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()))
        .collect();
    views.push(("bn1.num_batches_tracked".into(), TensorView::new(Dtype::I64, vec![], &counter).unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resnet18.safetensors");
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();

    let mut network = Network::new(blueprint("resnet18"), Precision::Single, Device::Cpu, 1).unwrap();
    CheckpointFile::read(&path).unwrap().load_into(&mut network, false).unwrap();
    let pixels: Vec<f32> = (0..2 * 3 * 224 * 224).map(|place| value(place, 4.0, 0.0)).collect();
    let inputs = Tensor::from_values(&pixels, &[2, 3, 224, 224], Kind::Float, Device::Cpu).unwrap();
    let outputs = langevin_nn::tensor::without_gradients(|| network.outputs(&inputs, Mode::Evaluate)).unwrap();
    let outputs = outputs.to_values().unwrap();
    // 18 layers of single precision: sums in another order differ by some units of 6e-8 each, relative to numbers of order one
    for (image, first) in FIRST.iter().enumerate() {
        for (place, expected) in first.iter().enumerate() {
            let found = outputs[1000 * image + place];
            assert!((found - expected).abs() < 1e-5, "image {image}, output {place}: {found}, {expected}");
        }
    }
    let squares: f64 = outputs.iter().map(|output| output * output).sum();
    assert!((squares / SQUARES - 1.0).abs() < 1e-4, "{squares}");
}
