//! Tables in every storage against matrices of f64: readers, sums over samples, gradients, chains, top eigenpairs.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use langevin_sim::data::{Dataset, FeatureTable, RegressionTable, Standardize, write_synthetic_cifar10};
use langevin_sim::sgd::{Ensemble, MinibatchNoise, NoiseSource, Start, TableChain, TableGradient};
use langevin_theory::largest_eigenpairs::largest_eigenpairs;
use langevin_theory::{Hyperparameters, Sampling, gradient_noise};
use nalgebra::DMatrix;
use proptest::prelude::*;

/// A `.npy` file of version 1.0 as NumPy writes it.
fn npy(kind: &str, shape: &[usize], numbers: &[u8]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(|length| format!("{length},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", lengths.join(" "));
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(numbers);
    bytes
}

fn idx(code: u8, dimensions: &[u32], numbers: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, u8::try_from(dimensions.len()).unwrap()];
    for dimension in dimensions {
        bytes.extend(dimension.to_be_bytes());
    }
    bytes.extend(numbers);
    bytes
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::File::create(folder.join(name)).unwrap().write_all(bytes).unwrap();
}

/// Pixel values of all kinds: a small integer per entry.
fn pixels() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    (1usize..40, 1usize..30).prop_flat_map(|(rows, columns)| {
        (Just(rows), Just(columns), proptest::collection::vec(any::<u8>(), rows * columns))
    })
}

/// The same numbers, read back as they are or in units of 1/255.
fn same(found: &DMatrix<f64>, raw: &[u8], unit: f64) -> Result<(), TestCaseError> {
    let expected = DMatrix::from_row_iterator(found.nrows(), found.ncols(), raw.iter().map(|&value| f64::from(value)));
    prop_assert!((found - expected * unit).amax() <= 4.0 * f64::EPSILON * 255.0 * unit);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn numpy_arrays_come_back((rows, columns, raw) in pixels(), big in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let order = if big { ">" } else { "<" };
        let encode = |width: usize, number: &dyn Fn(u8) -> Vec<u8>| -> Vec<u8> {
            raw.iter().flat_map(|&value| {
                let mut bytes = number(value);
                assert_eq!(bytes.len(), width);
                if big { bytes.reverse(); }
                bytes
            }).collect()
        };
        let kinds: [(&str, Vec<u8>); 6] = [
            ("u1", raw.clone()),
            ("f4", encode(4, &|value| f32::from(value).to_le_bytes().to_vec())),
            ("f8", encode(8, &|value| f64::from(value).to_le_bytes().to_vec())),
            ("i2", encode(2, &|value| i16::from(value).to_le_bytes().to_vec())),
            ("i4", encode(4, &|value| i32::from(value).to_le_bytes().to_vec())),
            ("i8", encode(8, &|value| i64::from(value).to_le_bytes().to_vec())),
        ];
        let labels: Vec<u8> = (0..rows).flat_map(|row| (row as f64 * 0.5).to_le_bytes()).collect();
        write(folder.path(), "y.npy", &npy("<f8", &[rows], &labels));
        for (kind, bytes) in kinds {
            write(folder.path(), "x.npy", &npy(&format!("{order}{kind}"), &[rows, columns], &bytes));
            let table = RegressionTable::npy(
                &folder.path().join("x.npy"), &folder.path().join("y.npy"), Standardize::None, false, None,
            ).unwrap();
            prop_assert!(table.features().is_mapped());
            same(&table.features().to_matrix(), &raw, 1.0)?;
            prop_assert_eq!(table.targets()[rows - 1], 0.5 * (rows - 1) as f64);
        }
    }

    #[test]
    fn idx_files_come_back((rows, columns, raw) in pixels()) {
        let folder = tempfile::tempdir().unwrap();
        let labels: Vec<u8> = (0..rows).map(|row| u8::try_from(row % 3).unwrap()).collect();
        let size = [u32::try_from(rows).unwrap(), 1, u32::try_from(columns).unwrap()];
        write(folder.path(), "train-images-idx3-ubyte", &idx(8, &size, &raw));
        write(folder.path(), "train-labels-idx1-ubyte", &idx(8, &size[..1], &labels));
        let images = folder.path().join("train-images-idx3-ubyte");
        let table = RegressionTable::idx(&images, None, Standardize::None, true, None).unwrap();
        same(&table.features().to_matrix(), &raw, 1.0 / 255.0)?;
        prop_assert_eq!(table.outputs(), rows.min(3));
        for (row, label) in labels.iter().enumerate() {
            prop_assert_eq!(table.targets()[row * table.outputs() + usize::from(*label)], 1.0);
        }
        // big-endian single precision, and fewer rows
        let floats: Vec<u8> = raw.iter().flat_map(|&value| f32::from(value).to_be_bytes()).collect();
        write(folder.path(), "floats", &idx(0x0d, &size, &floats));
        let target = folder.path().join("train-labels-idx1-ubyte");
        let some = RegressionTable::idx(&folder.path().join("floats"), Some(&target), Standardize::None, false, Some(1)).unwrap();
        same(&some.features().to_matrix(), &raw[..columns], 1.0)?;
    }

    /// Whatever a file holds, an answer or an error comes out.
    #[test]
    fn damaged_files_are_read_or_refused(
        cut in 0usize..200,
        changes in proptest::collection::vec((0usize..200, any::<u8>()), 0..6),
        which in 0usize..3,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let raw = vec![7; 60];
        let mut bytes = [npy("<f4", &[5, 3], &raw), idx(8, &[5, 3, 4], &raw), idx(0x0e, &[5, 3], &[7; 120])][which].clone();
        for (place, value) in changes {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
        }
        if cut > 100 {
            bytes.truncate(cut);
        }
        write(folder.path(), "x", &bytes);
        write(folder.path(), "y.npy", &npy("|u1", &[5], &[1; 5]));
        write(folder.path(), "y.idx", &idx(8, &[5], &[1; 5]));
        let path = |name: &str| folder.path().join(name);
        for standardize in [Standardize::None, Standardize::Unit] {
            let tables = [
                RegressionTable::npy(&path("x"), &path("y.npy"), standardize, false, None),
                RegressionTable::idx(&path("x"), Some(&path("y.idx")), standardize, true, None),
                RegressionTable::cifar10(&path("x"), standardize, true, None),
            ];
            for table in tables.into_iter().flatten() {
                prop_assert_eq!(table.hessian().nrows(), table.dimension());
            }
        }
    }

    #[test]
    fn standardised_tables_are_standardised_matrices((rows, columns, raw) in pixels()) {
        let matrix = DMatrix::from_row_iterator(rows, columns, raw.iter().map(|&value| f64::from(value)));
        let targets = DMatrix::from_element(rows, 1, 1.0);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "x.npy", &npy("|u1", &[rows, columns], &raw));
        write(folder.path(), "y.npy", &npy("|u1", &[rows], &vec![1; rows]));
        for standardize in [Standardize::None, Standardize::Center, Standardize::Unit] {
            let dense = Dataset::inline(matrix.clone(), targets.clone(), standardize).unwrap();
            let table = RegressionTable::npy(
                &folder.path().join("x.npy"), &folder.path().join("y.npy"), standardize, false, None,
            ).unwrap();
            let gap = (table.features().to_matrix() - dense.problem.features()).amax();
            prop_assert!(gap <= 1e-12 * 255.0, "{standardize:?}: {gap}");
        }
    }
}

/// Values that f32 and u8 hold exactly, in four storages.
fn storages(rows: usize, columns: usize, folder: &Path) -> Vec<FeatureTable> {
    let raw: Vec<u8> =
        (0..rows * columns).map(|place| u8::try_from((place * 7919 + place / 13 * 31) % 251).unwrap()).collect();
    let floats: Vec<f32> = raw.iter().map(|&value| f32::from(value)).collect();
    let matrix = DMatrix::from_row_iterator(rows, columns, raw.iter().map(|&value| f64::from(value)));
    write(
        folder,
        "x.npy",
        &npy("<f4", &[rows, columns], &floats.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()),
    );
    write(folder, "y.npy", &npy("|u1", &[rows], &vec![1; rows]));
    let mapped =
        RegressionTable::npy(&folder.join("x.npy"), &folder.join("y.npy"), Standardize::None, false, None).unwrap();
    vec![
        FeatureTable::from_matrix(&matrix).unwrap(),
        FeatureTable::from_u8(rows, columns, raw, 1.0).unwrap(),
        FeatureTable::from_f32(rows, columns, &floats).unwrap(),
        mapped.features().clone(),
    ]
    .into_iter()
    .map(|table| table.scaled(1.0 / 64.0).unwrap())
    .collect()
}

fn with_targets(features: FeatureTable, outputs: usize) -> RegressionTable {
    let targets = (0..features.rows() * outputs).map(|place| ((place * 37) as f64).sin()).collect();
    RegressionTable::new("storage", features, targets, outputs).unwrap()
}

/// Sizes around the tiles (512), strips (128) and pieces of the passes.
const SIZES: [(usize, usize, usize); 4] = [(7, 3, 1), (300, 130, 3), (90, 600, 10), (5000, 20, 2)];

#[test]
fn sums_over_samples_are_those_of_the_matrix() {
    for (rows, columns, outputs) in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let position = DMatrix::from_fn(columns, outputs, |i, j| ((i * 3 + j * 11) as f64).cos() / columns as f64);
        for features in storages(rows, columns, folder.path()) {
            let table = with_targets(features, outputs);
            let dense = table.to_dataset().unwrap().problem;
            let x = dense.features();
            // sums of N positive terms of at most 16: N roundings of the largest entry bound the difference, 1e-12 is above
            let close = |found: &DMatrix<f64>, expected: &DMatrix<f64>, what: &str| {
                let gap = (found - expected).amax() / expected.amax().max(1e-300);
                assert!(gap <= 1e-12, "{what}, {rows} x {columns}: {gap:e}");
            };
            let hessian = x.transpose() * x / rows as f64;
            close(&table.hessian(), &hessian, "hessian");
            assert_eq!(table.hessian(), table.hessian().transpose());
            close(&table.linear_term(), &(x.transpose() * dense.targets() / rows as f64), "linear term");
            let residual = x * &position - dense.targets();
            close(&table.gradient(&position), &(x.transpose() * residual / rows as f64), "gradient");
            close(&table.features().hessian_product(&position), &(&hessian * &position), "product");
            let output = outputs - 1;
            let noise = gradient_noise::covariance(&dense, &position, output).unwrap();
            close(&table.gradient_noise(&position, output), &noise, "noise");
            let along = table.gradient_noise_along(&position, &position);
            for mode in 0..outputs {
                let q = position.column(mode);
                let expected = (q.transpose() * &noise * q)[(0, 0)];
                assert!(
                    (along[(mode, output)] - expected).abs()
                        <= 1e-11 * noise.amax() * q.norm_squared() * columns as f64
                );
            }
        }
    }
}

#[test]
fn gradients_of_batches_are_those_of_the_matrix() {
    for (rows, columns, outputs) in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let position: Vec<f64> =
            (0..columns * outputs).map(|place| ((place * 5) as f64).sin() / columns as f64).collect();
        let batch: Vec<u32> = (0..513).map(|draw| u32::try_from(draw * 101 % rows).unwrap()).collect();
        let mut all = Vec::new();
        for features in storages(rows, columns, folder.path()) {
            let table = Arc::new(with_targets(features, outputs));
            let mut found = vec![f64::NAN; columns * outputs];
            TableGradient::new(Arc::clone(&table)).sum(&batch, &position, &mut found);
            let dense = table.to_dataset().unwrap().problem;
            let theta = DMatrix::from_column_slice(columns, outputs, &position);
            let mut expected = DMatrix::<f64>::zeros(columns, outputs);
            for &sample in &batch {
                let x = dense.features().row(sample as usize);
                expected += x.transpose() * (x * &theta - dense.targets().row(sample as usize));
            }
            let gap = (DMatrix::from_column_slice(columns, outputs, &found) - &expected).amax() / expected.amax();
            assert!(gap <= 1e-12, "{rows} x {columns}: {gap:e}");
            all.push(found);
        }
        assert!(
            all.windows(2).all(|pair| pair[0] == pair[1]),
            "storages that hold the same numbers give the same bits"
        );
    }
}

/// The same random stream drives both: a chain on a table is the ensemble's chain, up to the order of sums.
#[test]
fn chains_on_tables_are_chains_of_the_ensemble() {
    let folder = tempfile::tempdir().unwrap();
    let table = Arc::new(with_targets(storages(60, 24, folder.path()).remove(1), 3));
    let dense = table.to_dataset().unwrap().problem;
    for sampling in [Sampling::WithReplacement, Sampling::WithoutReplacement, Sampling::Reshuffle] {
        let sgd = Hyperparameters::new(1e-3, 0.9, 0.1, 15).unwrap();
        let start = DMatrix::from_fn(24, 3, |i, j| (i + j) as f64 * 0.01);
        let noise = NoiseSource::Minibatch(MinibatchNoise::new(&dense, &sgd, sampling).unwrap());
        let ensemble = Ensemble::new(noise, &sgd, Start::Fixed(start.clone()), 9).unwrap();
        let steps: Vec<u64> = (0..=50).collect();
        let states =
            ensemble.run(3..4, 50, || langevin_sim::observer::SnapshotObserver::new(&steps), &|_| ()).remove(0);
        let mut chain = TableChain::new(Arc::clone(&table), &sgd, sampling, &start, 9, 3).unwrap();
        for step in 0..=50 {
            if step > 0 {
                chain.step();
            }
            for (place, (x, v)) in chain.position().iter().zip(chain.velocity()).enumerate() {
                assert!((states[(step, place)] - x).abs() <= 1e-11, "{sampling:?}, step {step}");
                assert!((states[(step, 72 + place)] - v).abs() <= 1e-9, "{sampling:?}, step {step}");
            }
        }
    }
    let sgd = Hyperparameters::new(1e-3, 0.9, 0.1, 61).unwrap();
    let start = DMatrix::zeros(24, 3);
    assert!(TableChain::new(Arc::clone(&table), &sgd, Sampling::Reshuffle, &start, 9, 3).is_err());
    let wrong = DMatrix::zeros(3, 24);
    assert!(TableChain::new(table, &sgd, Sampling::WithReplacement, &wrong, 9, 3).is_err());
}

#[test]
fn numbers_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let table = with_targets(storages(3000, 600, folder.path()).remove(3), 2);
    let position = DMatrix::from_fn(600, 2, |i, j| ((i + 5 * j) as f64).sin());
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let standard = Standardize::Unit;
            let path = |name: &str| folder.path().join(name);
            let read = RegressionTable::npy(&path("x.npy"), &path("y.npy"), standard, false, None).unwrap();
            (
                table.hessian(),
                table.gradient(&position),
                table.gradient_noise_along(&position, &position),
                read.hessian(),
            )
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert!(one == run(threads), "{threads} threads");
    }
}

#[test]
fn top_eigenpairs_from_passes_are_those_of_the_hessian() {
    let folder = tempfile::tempdir().unwrap();
    write_synthetic_cifar10(folder.path(), 100, 3).unwrap();
    let table = RegressionTable::cifar10(folder.path(), Standardize::None, true, None).unwrap();
    // the first 200 columns of the images, so that the full decomposition is quick
    let matrix = table.features().to_matrix().columns(0, 200).into_owned();
    let features = FeatureTable::from_matrix(&matrix).unwrap();
    let full = langevin_theory::linear_algebra::symmetric_eigen("H", &features.second_moments(None)).unwrap();
    let start = DMatrix::from_fn(200, 16, |i, j| (((i + 1) * (j + 3) * (i + 7 * j + 11)) as f64 * 0.7).sin());
    let top = largest_eigenpairs(|block| features.hessian_product(block), &start, 10, 1e-10).unwrap();
    for mode in 0..10 {
        let bound = top.residuals[mode] + 200.0 * f64::EPSILON * full.values[0];
        assert!((top.values[mode] - full.values[mode]).abs() <= bound, "mode {mode}");
        assert!(top.residuals[mode] <= 1e-10 * full.values[0]);
    }
}

#[test]
fn synthetic_images_look_like_images() {
    let folder = tempfile::tempdir().unwrap();
    write_synthetic_cifar10(folder.path(), 60, 7).unwrap();
    let first = std::fs::read(folder.path().join("data_batch_2.bin")).unwrap();
    assert_eq!(first.len(), 60 * 3073);
    write_synthetic_cifar10(folder.path(), 60, 7).unwrap();
    assert_eq!(first, std::fs::read(folder.path().join("data_batch_2.bin")).unwrap());
    write_synthetic_cifar10(folder.path(), 60, 8).unwrap();
    assert_ne!(first, std::fs::read(folder.path().join("data_batch_2.bin")).unwrap());
    let table = RegressionTable::cifar10(folder.path(), Standardize::None, true, None).unwrap();
    assert_eq!((table.samples(), table.dimension(), table.outputs()), (300, 3072, 10));
    let matrix = table.features().to_matrix();
    let (mean, variance) = (matrix.mean(), matrix.variance());
    // 300 images share brightness: the standard error of the mean level is 0.24 / sqrt(300 / 3), that of the variance similar
    assert!((mean - 0.48).abs() < 0.1, "{mean}");
    assert!((0.03..0.08).contains(&variance), "{variance}");
    let row = table.features().to_matrix().row(5).into_owned();
    let neighbours: f64 = (0..1023).map(|place| (row[place] - row[place + 1]).abs()).sum::<f64>() / 1023.0;
    // independent pixels of the same variance would differ by 2 sigma / sqrt(pi)
    let independent = 2.0 * (variance / std::f64::consts::PI).sqrt();
    assert!(neighbours < 0.5 * independent, "neighbouring pixels differ by {neighbours}");
    assert!(write_synthetic_cifar10(folder.path(), 0, 1).is_err());
    assert!(write_synthetic_cifar10(Path::new("/no/such/folder"), 1, 1).is_err());
}

#[test]
fn bad_files_name_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let put = |name: &str, bytes: &[u8]| {
        write(folder.path(), name, bytes);
        at(name)
    };
    let good_x = put("x.npy", &npy("|u1", &[2, 2], &[1, 2, 3, 4]));
    let good_y = put("y.npy", &npy("|u1", &[2], &[0, 1]));
    let images = put("images", &idx(8, &[2, 2], &[1, 2, 3, 4]));
    let labels = put("labels", &idx(8, &[2], &[0, 1]));
    let numpy = |x: &Path, y: &Path| {
        RegressionTable::npy(x, y, Standardize::None, false, None).map(|_| ()).unwrap_err().to_string()
    };
    let cifar = |path: &Path| {
        RegressionTable::cifar10(path, Standardize::None, true, None).map(|_| ()).unwrap_err().to_string()
    };
    let idx_error = |x: &Path, y: Option<&Path>| {
        RegressionTable::idx(x, y, Standardize::None, true, None).map(|_| ()).unwrap_err().to_string()
    };
    let mut record = vec![3; 3073];
    let truncated = put("truncated.bin", &record[..3000]);
    let empty = put("empty.bin", &[]);
    let whole = put("whole.bin", &record);
    record[0] = 10;
    let label = put("label.bin", &[vec![3; 3073], record].concat());
    let partial = folder.path().join("partial");
    std::fs::create_dir(&partial).unwrap();
    std::fs::copy(&whole, partial.join("data_batch_1.bin")).unwrap();
    let nan: Vec<u8> = [1.0_f32, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
    let fortran = {
        let mut bytes = npy("|u1", &[2, 2], &[1, 2, 3, 4]);
        let place = bytes.windows(5).position(|part| part == b"False").unwrap();
        bytes[place..place + 5].copy_from_slice(b"True ");
        bytes
    };
    assert!(RegressionTable::cifar10(&whole, Standardize::None, true, None).is_ok());
    assert!(RegressionTable::idx(&images, Some(&labels), Standardize::None, true, None).is_ok());
    let cases = [
        (cifar(&truncated), "3000 bytes"),
        (cifar(&empty), "0 bytes"),
        (cifar(&label), "record 1 (byte 3073): the label is 10; it must be 0 to 9"),
        (cifar(&partial), "data_batch_2.bin, data_batch_3.bin"),
        (cifar(&at("absent")), "absent"),
        (cifar(&put("gz.bin", &[0x1f, 0x8b, 8, 0])), "gunzip"),
        (
            RegressionTable::cifar10(&whole, Standardize::None, true, Some(2)).unwrap_err().to_string(),
            "rows is 2; it must be between 1 and the 1 rows",
        ),
        (idx_error(&put("pictures", &idx(8, &[1, 1], &[1])), None), "data.target is missing"),
        (idx_error(&images, Some(&images)), "2 x 2 labels; it must hold 2"),
        (idx_error(&put("magic", &[1, 2, 3, 4, 5, 6, 7, 8]), Some(&labels)), "01 02 03 04"),
        (idx_error(&put("short", &[0, 0]), Some(&labels)), "2 bytes"),
        (idx_error(&put("header", &[0, 0, 8, 3, 0, 0, 0, 2]), Some(&labels)), "ends in its header"),
        (idx_error(&put("cut", &idx(8, &[2, 2], &[1, 2, 3])), Some(&labels)), "takes 16 bytes"),
        (idx_error(&put("huge", &idx(8, &[u32::MAX, u32::MAX, u32::MAX], &[])), Some(&labels)), "impossible size"),
        (idx_error(&put("none", &idx(8, &[0, 2], &[])), Some(&labels)), "impossible size"),
        (idx_error(&put("line", &idx(8, &[2], &[1, 2])), Some(&labels)), "at least 2 dimensions"),
        (numpy(&put("text.npy", b"hello"), &good_y), "header"),
        (numpy(&put("cut.npy", &npy("<f8", &[2, 2], &[0; 31])), &good_y), "takes"),
        (numpy(&put("kind.npy", &npy("<c16", &[1, 1], &[0; 16])), &good_y), "type must be one of"),
        (numpy(&put("scalar.npy", &npy("|u1", &[], &[1])), &good_y), "single number"),
        (numpy(&put("zero.npy", &npy("|u1", &[0, 2], &[])), &good_y), "at least 1"),
        (numpy(&put("overflow.npy", &npy("|u1", &[usize::MAX / 2, 8], &[])), &good_y), "at least 1"),
        (numpy(&put("rows.npy", &npy("|u1", &[3, 1], &[1, 2, 3])), &good_y), "2 rows; it must have 3"),
        (numpy(&put("nan.npy", &npy("<f4", &[2, 1], &nan)), &good_y), "row 1, column 0"),
        (numpy(&put("fortran.npy", &fortran), &good_y), "ascontiguousarray"),
        (numpy(&good_x, &put("badlabel.npy", &npy("<f4", &[2], &nan))), "targets contains NaN at row 1"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    // a folder where a file is wanted
    assert!(numpy(folder.path(), &good_y).contains("regular file"));
}
