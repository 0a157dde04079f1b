//! The networks: shapes, Torchvision's names and numbers of parameters, one step against equation (2) written out.

use langevin_nn::model::{Activation, Architecture, InputShape, Mode, ModelKind};
use langevin_nn::network::{Loss, Network};
use langevin_nn::tensor::{Device, Kind, Precision, Tensor, set_threads};
use langevin_theory::Hyperparameters;

fn architecture(kind: ModelKind) -> Architecture {
    Architecture { kind, widths: vec![8, 8], activation: Activation::Relu, bias: true }
}

/// `num_params` of the weights that Torchvision publishes for 1000 classes.
#[test]
fn parameters_are_torchvisions() {
    for (name, count) in [
        ("vgg11", 132_863_336),
        ("vgg11-bn", 132_868_840),
        ("vgg16", 138_357_544),
        ("vgg16-bn", 138_365_992),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
    ] {
        let network = architecture(name.parse().unwrap()).blueprint(InputShape::Image(3, 224, 224), 1000).unwrap();
        assert_eq!(network.dimension(), count, "{name}");
    }
    let names = |kind: &str| -> Vec<String> {
        let network = architecture(kind.parse().unwrap()).blueprint(InputShape::Image(3, 224, 224), 1000).unwrap();
        network.parameters.into_iter().map(|parameter| parameter.name).collect()
    };
    let resnet = names("resnet18");
    assert_eq!(resnet.len(), 62);
    for name in ["conv1.weight", "bn1.bias", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight", "fc.bias"] {
        assert!(resnet.iter().any(|found| found == name), "{name}");
    }
    let vgg = names("vgg11-bn");
    for name in ["features.0.weight", "features.1.weight", "features.25.weight", "classifier.6.bias"] {
        assert!(vgg.iter().any(|found| found == name), "{name}: {vgg:?}");
    }
}

#[test]
fn every_network_takes_small_images() {
    set_threads(1);
    for (name, input) in [
        ("linear", InputShape::Image(1, 8, 8)),
        ("mlp", InputShape::Flat(5)),
        ("small-conv", InputShape::Image(1, 8, 8)),
        ("resnet18", InputShape::Image(1, 8, 8)),
        ("resnet34", InputShape::Image(3, 32, 32)),
        ("vgg11", InputShape::Image(3, 32, 32)),
        ("vgg11", InputShape::Image(3, 2, 31)),
        ("vgg11-bn", InputShape::Image(1, 8, 8)),
        ("vgg16", InputShape::Image(1, 8, 8)),
        ("resnet34", InputShape::Image(1, 8, 8)),
        ("vgg16-bn", InputShape::Image(3, 32, 32)),
    ] {
        let blueprint = architecture(name.parse().unwrap()).blueprint(input, 10).unwrap();
        let network = Network::new(blueprint, Precision::Single, Device::Cpu, 1).unwrap();
        let inputs = Tensor::full(&input.of_batch(2), 0.5, Kind::Float, Device::Cpu).unwrap();
        let outputs = network.outputs(&inputs, Mode::Train).unwrap();
        assert_eq!(outputs.shape(), [2, 10], "{name}");
        assert!(outputs.to_values().unwrap().iter().all(|value| value.is_finite()), "{name}");
    }
    let refused = architecture(ModelKind::SmallConv).blueprint(InputShape::Flat(64), 10).unwrap_err();
    assert!(refused.to_string().contains("model.image"), "{refused}");
}

/// f(x) = w x, L = (y - w x)^2 / 2: two steps by hand.
#[test]
fn a_step_is_equation_2() {
    let kind = Architecture { kind: ModelKind::Linear, widths: vec![], activation: Activation::Relu, bias: false };
    let blueprint = kind.blueprint(InputShape::Flat(1), 1).unwrap();
    let mut network = Network::new(blueprint, Precision::Double, Device::Cpu, 1).unwrap();
    network.position().assign(&Tensor::full(&[1], 2.0, Kind::Double, Device::Cpu).unwrap()).unwrap();
    let sgd = Hyperparameters::new(0.1, 0.5, 0.25, 1).unwrap();
    let rates = network.rates(&sgd).unwrap();
    let one = |value| Tensor::full(&[1, 1], value, Kind::Double, Device::Cpu).unwrap();
    let (mut theta, mut v) = (2.0, 0.0);
    for (x, y) in [(3.0, 1.0), (-1.0, 0.5)] {
        let loss = network.step(&rates, Loss::SquaredError, &one(x), &one(y)).unwrap();
        let residual: f64 = theta * x - y;
        assert!((loss.value().unwrap() - 0.5 * residual * residual).abs() < 1e-15);
        v = 0.5 * v - residual * x - 0.25 * theta;
        theta += 0.1 * v;
        let (position, velocity) = network.phase();
        assert!((position.to_values().unwrap()[0] - theta).abs() < 1e-15);
        assert!((velocity.to_values().unwrap()[0] - v).abs() < 1e-15 * 20.0);
        // the layers see the new position: they share its memory
        assert!((network.leaves()[0].to_values().unwrap()[0] - theta).abs() < 1e-15);
    }
}

#[test]
fn libtorch_errors_are_errors() {
    let two = Tensor::zeros(&[2, 3], Kind::Float, Device::Cpu).unwrap();
    let error = two.times(&two).unwrap_err().to_string();
    assert!(error.starts_with("libtorch, matmul:") && !error.contains("frame #"), "{error}");
    assert!(Tensor::from_values(&[1.0, 2.0], &[3], Kind::Float, Device::Cpu).is_err());
}
