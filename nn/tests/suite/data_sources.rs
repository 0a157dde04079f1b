//! Tables with test sets, and CIFAR-100.

use std::fs;
use std::path::Path;

use langevin_nn::data::DataSet;
use langevin_nn::training_file::TrainingFile;

fn parse(folder: &Path, data: &str) -> Result<TrainingFile, String> {
    let text = format!(
        "[data]\n{data}\n[model]\nkind = \"linear\"\n[sgd]\nlearning_rate = 0.1\nmomentum = 0.0\nbatch_size = 1\n"
    );
    TrainingFile::parse("run.toml", &text, folder).map_err(|error| error.to_string())
}

fn row(data: &DataSet, sample: usize) -> (Vec<f64>, Vec<f64>) {
    let table = data.table().unwrap();
    let mut features = vec![0.0; table.dimension()];
    table.features().read_row(sample, &mut features);
    (features, table.targets()[sample * table.outputs()..(sample + 1) * table.outputs()].to_vec())
}

/// Records of CIFAR-100: labels, then pixels that count up from the number of the record.
fn cifar100(labels: &[(u8, u8)]) -> Vec<u8> {
    let record = |(number, (coarse, fine)): (usize, &(u8, u8))| {
        let pixels = (0..3072).map(move |place| (place + number) as u8);
        [*coarse, *fine].into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    labels.iter().enumerate().flat_map(record).collect()
}

#[test]
fn cifar100_has_two_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cifar-100-binary");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("train.bin"), cifar100(&[(19, 99), (0, 7), (3, 0)])).unwrap();
    fs::write(path.join("test.bin"), cifar100(&[(5, 50)])).unwrap();
    let data = "source = \"cifar100\"\npath = \"cifar-100-binary\"\ntest = \"cifar-100-binary\"";
    let file = parse(folder.path(), data).unwrap();
    assert_eq!((file.data.samples(), file.data.outputs()), (3, 100));
    assert_eq!(format!("{:?}", file.input), "Image(3, 32, 32)");
    let (features, targets) = row(&file.data, 1);
    assert_eq!((features[0], features[300]), (1.0 / 255.0, 45.0 * (1.0 / 255.0)));
    assert_eq!(targets.iter().position(|value| *value == 1.0), Some(7));
    let test = file.test.unwrap();
    assert_eq!((test.samples(), row(&test, 0).1.iter().position(|value| *value == 1.0)), (1, Some(50)));
    let file =
        parse(folder.path(), &format!("{data}\nlabels = \"coarse\"\nrows = 2\nstandardize = \"center\"")).unwrap();
    assert_eq!((file.data.samples(), file.data.outputs()), (2, 20));
    assert_eq!(row(&file.data, 0).1.iter().position(|value| *value == 1.0), Some(19));
    // pixels of the two rows differ by one level: half a level from their mean, which is subtracted from the test row as well
    let half = 0.5 / 255.0;
    assert!(
        (row(&file.data, 1).0[5] - half).abs() < 1e-7 && (row(file.test.as_ref().unwrap(), 0).0[5] + half).abs() < 1e-7
    );
    let error = parse(folder.path(), &format!("{data}\nlabels = \"both\"")).unwrap_err();
    assert!(error.contains("data.labels is \"both\"; it must be \"fine\" or \"coarse\""), "{error}");
    for (bytes, said) in [
        (cifar100(&[(1, 1), (1, 100)]), "record 1 (byte 3075): the label is 100; it must be 0 to 99"),
        (cifar100(&[(20, 1)]), "record 0 (byte 0): the label is 20; it must be 0 to 19"),
        (cifar100(&[(1, 1)])[..3000].to_vec(), "it has 3000 bytes, 0 records"),
        (vec![0x1f, 0x8b, 8, 0], "gunzip"),
    ] {
        fs::write(path.join("train.bin"), bytes).unwrap();
        let error = parse(folder.path(), data).unwrap_err();
        assert!(
            error.contains("train.bin") && (error.contains(said) || said == "gunzip" && error.contains("gzip")),
            "{error}"
        );
    }
    fs::remove_file(path.join("train.bin")).unwrap();
    let error = parse(folder.path(), data).unwrap_err();
    assert!(error.contains("cifar-100-binary/train.bin"), "{error}");
}

#[test]
fn cifar10_has_a_test_batch() {
    let folder = tempfile::tempdir().unwrap();
    let record = |label: u8, value: u8| [vec![label], vec![value; 3072]].concat();
    for number in 1..=5 {
        fs::write(folder.path().join(format!("data_batch_{number}.bin")), record(number, 10 * number)).unwrap();
    }
    fs::write(folder.path().join("test_batch.bin"), [record(9, 30), record(0, 255)].concat()).unwrap();
    let data = "source = \"cifar10\"\npath = \".\"\ntest = \".\"";
    let file = parse(folder.path(), data).unwrap();
    let test = file.test.unwrap();
    assert_eq!((file.data.samples(), test.samples(), test.outputs()), (5, 2, 10));
    assert_eq!(row(&test, 0).1[9], 1.0);
    assert_eq!(row(&test, 1).0[0], 1.0);
    // the mean of the training pixels is 30 levels
    let centred = parse(folder.path(), &format!("{data}\nstandardize = \"center\"")).unwrap();
    assert!(row(centred.test.as_ref().unwrap(), 0).0[17].abs() < 1e-7);
    assert!((row(centred.test.as_ref().unwrap(), 1).0[17] - 225.0 / 255.0).abs() < 1e-7);
}

fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sides = shape.iter().flat_map(|side| side.to_be_bytes());
    [0, 0, 8, shape.len() as u8].into_iter().chain(sides).chain(bytes.iter().copied()).collect()
}

#[test]
fn mnist_has_a_test_set_with_the_classes_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", idx(&[3, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    write("train-labels-idx1-ubyte", idx(&[3], &[7, 2, 5]));
    write("t10k-images-idx3-ubyte", idx(&[2, 2, 2], &[255, 0, 0, 0, 51, 0, 0, 0]));
    write("t10k-labels-idx1-ubyte", idx(&[2], &[5, 5]));
    let data = "source = \"idx\"\npath = \"train-images-idx3-ubyte\"\ntest = \"t10k-images-idx3-ubyte\"";
    let file = parse(folder.path(), data).unwrap();
    let test = file.test.unwrap();
    // classes 2, 5 and 7, of which the test set has one only
    assert_eq!((file.data.outputs(), row(&test, 0).1), (3, vec![0.0, 1.0, 0.0]));
    assert_eq!(row(&test, 1).0, [0.2, 0.0, 0.0, 0.0]);
    write("t10k-labels-idx1-ubyte", idx(&[2], &[5, 4]));
    let error = parse(folder.path(), data).unwrap_err();
    assert!(
        error.contains("t10k-images-idx3-ubyte: sample 1 has the label 4, a class that the training data do not"),
        "{error}"
    );
    write("t10k-images-idx3-ubyte", idx(&[2, 1, 2], &[0, 1, 2, 3]));
    let error = parse(folder.path(), data).unwrap_err();
    assert!(error.contains("its samples have 2 numbers; those of the training data 4"), "{error}");
    let error = parse(folder.path(), "source = \"digits\"\ntest = \"x\"").unwrap_err();
    assert!(error.contains("data.test is \"x\"") && error.contains("test_rows"), "{error}");
}
