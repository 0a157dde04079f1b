//! Hessians and gradient noise without their matrices, against the matrices.

use langevin_nn::curvature::{
    DenseOperator, Eigenspace, HessianNoiseOperator, HessianOperator, LanczosPlan, LinearOperator, Modes,
    NoiseOperator, Objective, TracePlan, lanczos, normals, spectral_density, subspace_iteration, trace,
};
use langevin_nn::experiment::{BatchNoise, displacements};
use langevin_nn::model::{Activation, Architecture, InputShape, ModelKind};
use langevin_nn::network::{Loss, Network};
use langevin_nn::tensor::{Device, Kind, Precision, Tensor, set_threads};
use langevin_nn::train::Trainer;
use langevin_nn::training_file::TrainingFile;
use langevin_sim::random::Stream;
use nalgebra::DMatrix;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn trainer(model: &str, data: &str, precision: &str) -> Trainer {
    let text = format!(
        r#"
        [data]
        source = "digits"
        {data}
        [model]
        {model}
        [sgd]
        learning_rate = 0.05
        momentum = 0.9
        batch_size = 16
        [run]
        precision = "{precision}"
        "#
    );
    set_threads(1);
    Trainer::new(&TrainingFile::parse("test", &text, ".".as_ref()).unwrap(), Device::Cpu).unwrap()
}

fn trained(model: &str, data: &str, precision: &str, steps: u64) -> Trainer {
    let mut trainer = trainer(model, data, precision);
    for _ in 0..steps {
        trainer.step().unwrap();
    }
    trainer
}

/// Calls something with the objective of a trainer.
fn with_objective<T>(trainer: &mut Trainer, job: impl FnOnce(&Objective<'_>) -> T) -> T {
    let loss = trainer.loss();
    let (network, data) = trainer.parts();
    job(&Objective::new(network, data, loss))
}

const LINEAR: &str = "kind = \"linear\"";

/// Eigenpairs of linear regression by both methods equal the dense decomposition to 1e-10 of the largest eigenvalue. With ten outputs
/// the Hessian is H x 1_10: every eigenvalue is tenfold.
#[test]
fn linear_eigenpairs_equal_the_dense_decomposition() {
    for (targets, count) in [("one_hot = false", 8), ("one_hot = true", 25)] {
        let mut trainer = trained(LINEAR, targets, "float64", 20);
        let table = format!(
            "[data]\nsource = \"digits\"\n{targets}\n[model]\n{LINEAR}\n[sgd]\nlearning_rate = 1.0\nmomentum = 0.0\nbatch_size = 1\n"
        );
        let file = TrainingFile::parse("test", &table, ".".as_ref()).unwrap();
        let problem = file.data.table().unwrap().to_dataset().unwrap().problem;
        let quadratic = problem.quadratic().unwrap();
        let outputs = problem.outputs();
        with_objective(&mut trainer, |objective| {
            let operator = HessianOperator(objective);
            let plan = LanczosPlan { tolerance: 1e-13, ..LanczosPlan::new(count, 5) };
            let by_lanczos = lanczos(&operator, &plan).unwrap();
            // the error of a vector falls like (rho_{21}/rho_8)^n = 0.3^n, or (rho_5/rho_3)^n = 0.75^n with ten outputs
            let by_subspace = subspace_iteration(&operator, count, 4 * outputs + 12, 90, 5).unwrap();
            for found in [&by_lanczos, &by_subspace] {
                assert_eq!(found.values.len(), count);
                let vectors = found.vectors.to_values().unwrap();
                for (place, value) in found.values.iter().enumerate() {
                    let (exact, scale) = (quadratic.eigenvalues()[place / outputs], quadratic.eigenvalues()[0]);
                    assert!((value - exact).abs() <= 1e-10 * scale, "{place}: {value} {exact}");
                    assert!(found.residuals[place] <= 1e-10 * scale, "{place}: {:?}", found.residuals);
                    // what a vector has outside of its eigenspace
                    let vector = DMatrix::from_row_slice(
                        outputs,
                        64,
                        &vectors[place * 64 * outputs..(place + 1) * 64 * outputs],
                    );
                    let inside = &vector * quadratic.eigenvectors().column(place / outputs);
                    assert!((inside.norm_squared() - 1.0).abs() <= 1e-10, "{place}: {}", inside.norm());
                }
            }
            assert!(by_lanczos.products < by_subspace.products, "{} {}", by_lanczos.products, by_subspace.products);
            if outputs == 1 {
                // minimum and noise along eigenvectors
                let space = Eigenspace::new(objective, &by_lanczos).unwrap();
                let vectors = DMatrix::from_row_slice(count, 64, &by_lanczos.vectors.to_values().unwrap());
                let theta = objective.network().phase().0.to_values().unwrap();
                let theta = DMatrix::from_column_slice(64, 1, &theta);
                let noise = file.data.table().unwrap().gradient_noise(&theta, 0);
                let noise = &vectors * noise * vectors.transpose();
                assert!((&space.noise - &noise).amax() <= 1e-10 * noise.amax());
                let minimum = &vectors * (quadratic.minimum_ridge(0.01) - &theta);
                for (found, exact) in space.minimum(0.01).iter().zip(minimum.iter()) {
                    assert!((found - exact).abs() <= 1e-9 * minimum.amax(), "{found} {exact}");
                }
            }
        });
    }
}

/// (g(theta + e v) - g(theta - e v))/(2 e) for every network. Rounding of g is some 1e-15 |g| x (operations in a row), divided by e = 1e-7/|v| per
/// entry it is 1e-7 |g|; curvature beyond the Hessian adds e^2. Steps this small do not cross a kink of max(x, 0), except by a chance of
/// some 1e-4.
#[test]
fn hessian_products_equal_finite_differences_on_every_model() {
    set_threads(1);
    let architecture = |kind: ModelKind, activation| Architecture { kind, widths: vec![6], activation, bias: true };
    for (name, input, activation) in [
        ("linear", InputShape::Flat(5), Activation::Relu),
        ("mlp", InputShape::Flat(5), Activation::Relu),
        ("mlp", InputShape::Flat(5), Activation::Tanh),
        ("small-conv", InputShape::Image(1, 8, 8), Activation::Relu),
        ("resnet18", InputShape::Image(1, 8, 8), Activation::Relu),
        ("resnet34", InputShape::Image(1, 8, 8), Activation::Relu),
        ("vgg11", InputShape::Image(1, 32, 32), Activation::Relu),
        ("vgg11-bn", InputShape::Image(1, 32, 32), Activation::Relu),
        ("vgg16", InputShape::Image(1, 32, 32), Activation::Relu),
        ("vgg16-bn", InputShape::Image(1, 32, 32), Activation::Relu),
    ] {
        for loss in [Loss::CrossEntropy, Loss::SquaredError] {
            if loss == Loss::SquaredError && input.count() > 64 {
                continue;
            }
            let blueprint = architecture(name.parse().unwrap(), activation).blueprint(input, 3).unwrap();
            let mut network = Network::new(blueprint, Precision::Double, Device::Cpu, 4).unwrap();
            let data = toy_data(input, loss);
            let mut stream = Stream::new(9, 0);
            let vector = normals(&mut stream, 1, network.dimension(), DOUBLE).unwrap();
            let product = Objective::new(&network, &data, loss).hessian_products(&vector).unwrap().to_values().unwrap();
            let size = (network.dimension() as f64).sqrt();
            let step = 1e-7;
            let start = network.position().copied().unwrap();
            let mut gradient_at = |factor: f64| {
                let moved = start.plus(&vector.row(0).unwrap().scaled(factor * step / size * 10.0).unwrap()).unwrap();
                network.position().assign(&moved).unwrap();
                Objective::new(&network, &data, loss).gradient(None).unwrap().to_values().unwrap()
            };
            let (above, below) = (gradient_at(1.0), gradient_at(-1.0));
            let (mut difference, mut norm) = (0.0_f64, 0.0_f64);
            for ((above, below), product) in above.iter().zip(&below).zip(&product) {
                let by_difference = (above - below) / (2.0 * step / size * 10.0);
                difference += (by_difference - product).powi(2);
                norm += product * product;
            }
            assert!(norm > 0.0, "{name}");
            let relative = (difference / norm).sqrt();
            println!("{name} {loss:?}: {relative:e}");
            assert!(relative < 1e-6, "{name} {loss:?}: {relative:e}");
        }
    }
}

fn toy_data(input: InputShape, loss: Loss) -> langevin_nn::data::DeviceData {
    let (rows, width) = (2, usize::try_from(input.count()).unwrap());
    let features = DMatrix::from_fn(rows, width, |i, j| ((i * width + j) as f64 * 0.7).sin());
    let table = langevin_sim::data::RegressionTable::new(
        "toy",
        langevin_sim::data::FeatureTable::from_matrix(&features).unwrap(),
        vec![0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        3,
    )
    .unwrap();
    langevin_nn::data::DeviceData::new(&table, input, loss, Precision::Double, Device::Cpu).unwrap()
}

const SMALL: &str = "kind = \"mlp\"\nhidden = [2]\nactivation = \"tanh\"";

fn identity(size: usize) -> Tensor {
    Tensor::from_values(
        DMatrix::<f64>::identity(size, size).as_slice(),
        &[i64::try_from(size).unwrap(); 2],
        Kind::Double,
        Device::Cpu,
    )
    .unwrap()
}

fn dense(operator: &dyn LinearOperator) -> DMatrix<f64> {
    let size = operator.dimension();
    let images = operator.products(&identity(size)).unwrap().to_values().unwrap();
    // rows are images of unit vectors, that is columns of the matrix
    DMatrix::from_column_slice(size, size, &images)
}

#[test]
fn operators_of_a_small_network_equal_its_matrices() {
    let mut trainer = trained(SMALL, "rows = 60", "float64", 300);
    with_objective(&mut trainer, |objective| {
        let hessian = dense(&HessianOperator(objective));
        let size = objective.dimension();
        assert!((&hessian - hessian.transpose()).amax() <= 1e-13 * hessian.amax());
        // Sigma from the gradients of single samples, one by one
        let (mut noise, mut mean) = (DMatrix::zeros(size, size), DMatrix::zeros(size, 1));
        for sample in 0..60 {
            let gradient = objective.alone(sample).unwrap().gradient(None).unwrap().to_values().unwrap();
            let gradient = DMatrix::from_column_slice(size, 1, &gradient);
            noise += &gradient * gradient.transpose() / 60.0;
            mean += gradient / 60.0;
        }
        noise -= &mean * mean.transpose();
        let found = dense(&NoiseOperator(objective));
        assert!((&found - &noise).amax() <= 1e-12 * noise.amax(), "{}", (&found - &noise).amax());
        let gradient = objective.gradient(None).unwrap().to_values().unwrap();
        assert!(gradient.iter().zip(mean.iter()).all(|(a, b)| (a - b).abs() <= 1e-13 * mean.amax()));
        let found = dense(&HessianNoiseOperator(objective));
        let exact = &hessian * &noise;
        assert!((&found - &exact).amax() <= 1e-12 * exact.amax());

        // traces, at a confidence at which a miss is a bug: four intervals, 1e-6 each
        let plan = TracePlan { sketch: 12, probes: 40, alpha: 1e-6, seed: 3 };
        let of_hessian = trace(&HessianOperator(objective), &plan).unwrap();
        assert!(of_hessian.contains(hessian.trace()), "{of_hessian:?} {}", hessian.trace());
        // and it says something
        assert!(of_hessian.half_width < 0.1 * hessian.trace(), "{of_hessian:?}");
        let of_noise = trace(&NoiseOperator(objective), &plan).unwrap();
        assert!(of_noise.contains(noise.trace()), "{of_noise:?} {}", noise.trace());
        let of_both = trace(&HessianNoiseOperator(objective), &plan).unwrap();
        assert!(of_both.contains(exact.trace()), "{of_both:?} {}", exact.trace());

        // the density: moments to rounding, traces in their intervals, and all weight where the spectrum is
        let density = spectral_density(&HessianOperator(objective), 30, 20, 1e-6, 8).unwrap();
        assert!(density.moment_mismatch < 1e-12, "{}", density.moment_mismatch);
        assert!(density.trace.contains(hessian.trace()), "{:?}", density.trace);
        assert!(density.trace_of_square.contains((&hessian * &hessian).trace()), "{:?}", density.trace_of_square);
        assert!((density.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let eigen = langevin_theory::linear_algebra::symmetric_eigen("h", &hessian).unwrap();
        let scale = eigen.values.amax();
        assert!(density.nodes[0] >= eigen.values[size - 1] - 1e-12 * scale);
        assert!(*density.nodes.last().unwrap() <= eigen.values[0] + 1e-12 * scale);

        // all pairs with positive and negative curvature
        let all = lanczos(&HessianOperator(objective), &LanczosPlan { tolerance: 1e-12, ..LanczosPlan::new(size, 2) });
        for (found, exact) in all.unwrap().values.iter().zip(eigen.values.iter()) {
            assert!((found - exact).abs() <= 1e-10 * scale, "{found} {exact}");
        }
    });
}

#[test]
fn chunks_and_number_types_change_rounding_only() {
    let model = "kind = \"small-conv\"\nchannels = [3]";
    let mut double = trained(model, "rows = 50", "float64", 50);
    let mut single = trained(model, "rows = 50", "float32", 50);
    let product = |trainer: &mut Trainer, chunk: usize, precision: Kind| {
        let loss = trainer.loss();
        let (network, data) = trainer.parts();
        let objective = Objective::new(network, data, loss).in_chunks(chunk);
        let vector = normals(&mut Stream::new(1, 0), 1, objective.dimension(), (precision, Device::Cpu)).unwrap();
        objective.hessian_products(&vector).unwrap().to_values().unwrap()
    };
    let whole = product(&mut double, 50, Kind::Double);
    let parts = product(&mut double, 7, Kind::Double);
    let coarse = product(&mut single, 50, Kind::Float);
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let apart = |a: &[f64], b: &[f64]| norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>()) / norm(a);
    assert!(apart(&whole, &parts) < 1e-13, "{}", apart(&whole, &parts));
    // 50 steps and a product in single precision: some hundred roundings of 6e-8, if no sample crosses a kink
    assert!(apart(&whole, &coarse) < 1e-4, "{}", apart(&whole, &coarse));
}

/// What a chunk keeps for the next product changes nothing but time: the same bits with and without, in chunks and whole.
#[test]
fn products_from_a_kept_graph_are_the_same() {
    let trainer = trained("kind = \"small-conv\"\nchannels = [3]", "rows = 50", "float64", 50);
    let loss = trainer.loss();
    let (network, data) = trainer.parts();
    let place = (Kind::Double, Device::Cpu);
    let block = normals(&mut Stream::new(1, 0), 3, network.dimension(), place).unwrap();
    let weights = normals(&mut Stream::new(2, 0), 1, 50, place).unwrap().row(0).unwrap();
    for chunk in [50, 7] {
        let results = |bytes: usize| {
            let objective = Objective::new(network, data, loss).in_chunks(chunk).keeping(bytes);
            let mut found = Vec::new();
            for _ in 0..2 {
                found.extend(objective.hessian_products(&block).unwrap().to_values().unwrap());
                found.extend(objective.sample_gradients_along(&block).unwrap().concat());
                found.extend(objective.noise_product(&block.row(1).unwrap()).unwrap().to_values().unwrap());
                found.extend(objective.gradient(Some(&weights)).unwrap().to_values().unwrap());
            }
            found
        };
        let kept = results(1 << 30);
        // room for the first two chunks of seven
        let partly = results(15 * 4 * 8 * 1000);
        assert!(results(0) == kept && partly == kept);
        let (once, again) = kept.split_at(kept.len() / 2);
        assert!(once == again);
    }
}

/// The spectrum of a small network: by the matrix against dense operators, and by quadrature against the matrix, for the functions that displacements
/// are. After 30 Lanczos steps on 60 parameters the quadrature is good to 1e-3 of the sum at most, which random vectors hide: the noise of 400 of
/// them has a standard error of sqrt(2/400) = 7 % of what is left to them, at most.
#[test]
fn the_whole_spectrum_by_matrix_and_by_quadrature() {
    let decay = 0.01;
    let mut trainer = trained(SMALL, "rows = 60", "float64", 300);
    with_objective(&mut trainer, |objective| {
        let (hessian, noise) = (dense(&HessianOperator(objective)), dense(&NoiseOperator(objective)));
        let modes = Modes::of_matrix(objective, decay).unwrap();
        assert!((modes.noise_trace() / noise.trace() - 1.0).abs() < 1e-10);
        let products: f64 = modes.curvature.iter().zip(&modes.noise).map(|(rho, noise)| rho * noise).sum();
        assert!((products / (&hessian * &noise).trace() - 1.0).abs() < 1e-10);
        let force = objective.gradient(None).unwrap();
        let force = force.plus(&objective.network().phase().0.scaled(decay).unwrap()).unwrap();
        let square = force.dot(&force).unwrap().value().unwrap();
        assert!((modes.force.iter().sum::<f64>() / square - 1.0).abs() < 1e-10);
        let image = objective
            .hessian_products(&force.shaped(&[1, i64::try_from(objective.dimension()).unwrap()]).unwrap())
            .unwrap();
        let product = force.dot(&image.row(0).unwrap()).unwrap().value().unwrap();
        let found: f64 = modes.curvature.iter().zip(&modes.force).map(|(rho, force)| rho * force).sum();
        assert!((found / product - 1.0).abs() < 1e-9, "{found} {product}");

        // modes of negative curvature are told, and flattened
        let (flat, growth) = modes.without_growth(decay);
        let negative: Vec<usize> =
            (0..modes.curvature.len()).filter(|place| modes.curvature[*place] + decay < 0.0).collect();
        assert!(growth.modes == negative.len() && (0.0..1.0).contains(&growth.noise) && growth.force < 1.0);
        for (place, (flat, before)) in flat.curvature.iter().zip(&modes.curvature).enumerate() {
            let expected = if negative.contains(&place) { -decay } else { *before };
            assert!((flat - expected).abs() < 1e-300);
        }
        assert_eq!((&flat.noise, &flat.force), (&modes.noise, &modes.force));

        let pairs = lanczos(&HessianOperator(objective), &LanczosPlan::new(6, 1)).unwrap();
        let space = Eigenspace::new(objective, &pairs).unwrap();
        let quadrature = Modes::by_quadrature(objective, (&pairs, &space), decay, (400, 30), 1).unwrap();
        let sgd = langevin_theory::Hyperparameters::new(0.05, 0.9, decay, 10).unwrap();
        for sampling in [langevin_theory::Sampling::WithReplacement, langevin_theory::Sampling::Reshuffle] {
            let batches = BatchNoise::new(sampling, 60, &sgd).unwrap();
            let steps = [1, 10, 100, 1000];
            let (exact, found) =
                (displacements(&modes, &sgd, &batches, &steps), displacements(&quadrature, &sgd, &batches, &steps));
            for (exact, found) in exact.0.iter().chain(&exact.1).zip(found.0.iter().chain(&found.1)) {
                // five standard errors
                assert!((found / exact - 1.0).abs() < 0.35, "{sampling:?}: {found} {exact}");
            }
        }
    });
}

/// Batch normalisation by running averages is folded into the convolution before it, and the largest of windows taken before max(., 0): as one by one,
/// to rounding and to the bit.
#[test]
fn layers_that_are_computed_together_are_the_same_as_one_by_one() {
    use langevin_nn::model::{Layer, Mode, forward};
    let draw = |seed: u64, shape: &[i64]| {
        let count = usize::try_from(shape.iter().product::<i64>()).unwrap();
        normals(&mut Stream::new(seed, 0), 1, count, DOUBLE).unwrap().row(0).unwrap().shaped(shape).unwrap()
    };
    let inputs = draw(1, &[3, 2, 6, 6]);
    let parameters = [draw(2, &[4, 2, 3, 3]), draw(3, &[4]), draw(4, &[4]), draw(5, &[4])];
    let variance = draw(7, &[4]);
    let buffers = [draw(6, &[4]), variance.product(&variance).unwrap()];
    for bias in [None, Some(1)] {
        let layers = [
            Layer::Convolution { weight: 0, bias, stride: 1, padding: 1 },
            Layer::BatchNorm { scale: 2, shift: 3, mean: 0, variance: 1 },
            Layer::Relu,
            Layer::MaxPool { window: 3, stride: 2, padding: 1 },
        ];
        let run =
            |layers: &[Layer], value: &Tensor| forward(layers, value, &parameters, &buffers, Mode::Evaluate).unwrap();
        let together = run(&layers[..2], &inputs).to_values().unwrap();
        let apart = run(&layers[1..2], &run(&layers[..1], &inputs)).to_values().unwrap();
        let size = apart.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        // sums of 18 products, each rounded
        assert!(together.iter().zip(&apart).all(|(a, b)| (a - b).abs() < 100.0 * f64::EPSILON * size));
        let normalised = run(&layers[..2], &inputs);
        let pooled = run(&layers[2..], &normalised).to_values().unwrap();
        assert!(pooled == run(&layers[3..], &run(&layers[2..3], &normalised)).to_values().unwrap());
        assert!(pooled.iter().any(|value| *value > 0.0));
    }
}

/// Intervals of 90 % miss one time in ten. 400 independent traces: 40 misses, standard deviation 6; five of them either way.
#[test]
fn intervals_of_traces_miss_as_often_as_they_say() {
    let size = 40;
    let matrix = DMatrix::from_fn(size, size, |i, j| {
        let (i, j) = (i as f64, j as f64);
        (-(i - j).abs() / 3.0).exp() / (1.0 + 0.1 * (i + j)) + 0.05 * (1.3 * i * j).sin()
    });
    let operator = DenseOperator::new(&matrix).unwrap();
    let misses = (0..400)
        .filter(|&seed| {
            let plan = TracePlan { sketch: 6, probes: 10, alpha: 0.1, seed };
            !trace(&operator, &plan).unwrap().contains(matrix.trace())
        })
        .count();
    println!("{misses} misses of 400");
    assert!((10..=70).contains(&misses), "{misses} misses of 400");
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let operator = DenseOperator::new(&DMatrix::<f64>::identity(3, 3)).unwrap();
    assert!(lanczos(&operator, &LanczosPlan::new(4, 1)).unwrap_err().to_string().contains("1 to 3"));
    assert!(subspace_iteration(&operator, 0, 1, 1, 1).unwrap_err().to_string().contains("1 to 3"));
    assert!(trace(&operator, &TracePlan { sketch: 1, probes: 1, alpha: 0.1, seed: 1 }).is_err());
    assert!(spectral_density(&operator, 1, 5, 0.1, 1).is_err());
    // the identity: one eigenvalue, three times
    let found = lanczos(&operator, &LanczosPlan::new(3, 1)).unwrap();
    assert!(found.values.iter().all(|value| (value - 1.0).abs() < 1e-14), "{found:?}");
}
