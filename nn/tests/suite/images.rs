//! Image folders: pixels, crops, streaming, and what is wrong with folders and files.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, RgbImage};
use langevin_nn::data::{
    Classes, Crop, DataSet, DeviceData, Draw, ImageFolder, ImageSet, Loader, Normalisation, View, decode, read_image,
};
use langevin_nn::model::InputShape;
use langevin_nn::network::Loss;
use langevin_nn::tensor::{Device, Precision};
use langevin_nn::training_file::TrainingFile;
use langevin_sim::sgd::BatchSequence;
use langevin_theory::{Hyperparameters, Sampling};
use langevin_verify::networks::read_folder;

use crate::program::langevin_nn;
use crate::training::{manifest, train, write};

/// A byte that tells image, place and channel apart.
fn byte(image: u32, x: u32, y: u32, channel: u32) -> u8 {
    ((37 * image + 11 * x + 5 * y + 97 * channel) % 256) as u8
}

fn picture(number: u32, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([0, 1, 2].map(|channel| byte(number, x, y, channel))))
}

/// Folders of PNG images, numbered through.
fn write_folder(root: &Path, classes: &[&str], per_class: u32, (width, height): (u32, u32)) {
    for (class, name) in (0..).zip(classes) {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for image in 0..per_class {
            let number = class * per_class + image;
            picture(number, width, height).save(folder.join(format!("{image:03}.png"))).unwrap();
        }
    }
}

fn image_set(root: &Path, crop: Crop, threads: usize, prefetch: usize) -> ImageSet {
    let folder = ImageFolder::read(root, &Classes::Found, None).unwrap();
    let normalisation = Normalisation { mean: [0.5, 0.25, 0.0], deviation: [0.5, 0.25, 2.0] };
    ImageSet::new(folder, crop, normalisation, (threads, prefetch)).unwrap()
}

const WHOLE: Crop = Crop { size: 8, resize: 8, random: None, flip: false };
const RANDOM: Crop = Crop { size: 8, resize: 8, random: Some([0.08, 1.0]), flip: true };

#[test]
fn numbers_are_normalised_bytes_in_planes() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &["b", "a", "c"], 2, (8, 8));
    let images = DataSet::Images(image_set(folder.path(), WHOLE, 2, 1));
    let data = DeviceData::of(&images, InputShape::Image(3, 8, 8), Loss::CrossEntropy, Precision::Double, Device::Cpu)
        .unwrap();
    // classes are numbered by name: "b", written first with images 0 and 1, is class 1
    let (inputs, labels) = data.batch(&[3, 0, 4]).unwrap();
    assert_eq!(labels.to_values().unwrap(), [1.0, 0.0, 2.0]);
    assert_eq!(inputs.shape(), [3, 3, 8, 8]);
    let values = inputs.to_values().unwrap();
    let (mean, deviation) = ([0.5, 0.25, 0.0], [0.5, 0.25, 2.0]);
    for (place, image) in [(0, 1), (1, 2), (2, 4)] {
        for channel in 0..3 {
            for y in 0..8 {
                for x in 0..8 {
                    let found = values[((place * 3 + channel) * 8 + y) * 8 + x];
                    let pixel = f64::from(byte(image, x as u32, y as u32, channel as u32)) / 255.0;
                    let expected = (pixel - mean[channel]) / deviation[channel];
                    // a division may be a product with the inverse: one unit of rounding of numbers below 1, divided by 1/4 at most
                    assert!((found - expected).abs() < 1e-15, "{image} {channel} {x} {y}: {found}, {expected}");
                }
            }
        }
    }
    let squared =
        DeviceData::of(&images, InputShape::Image(3, 8, 8), Loss::SquaredError, Precision::Single, Device::Cpu)
            .unwrap();
    let (_, targets) = squared.batch(&[3, 0]).unwrap();
    assert_eq!(targets.to_values().unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn every_kind_of_pixel_becomes_three_bytes() {
    let name = Path::new("picture");
    let rgb = picture(3, 5, 4);
    for image in [DynamicImage::ImageRgb8(rgb.clone()), DynamicImage::ImageRgb8(rgb.clone()).to_rgba8().into()] {
        let found = decode(name, &encoded(&image, ImageFormat::Png)).unwrap();
        assert_eq!((found.width, found.height, &found.rgb), (5, 4, rgb.as_raw()));
    }
    let grey = DynamicImage::ImageRgb8(rgb).to_luma8();
    for image in [DynamicImage::ImageLuma8(grey.clone()), DynamicImage::ImageLuma8(grey.clone()).to_luma16().into()] {
        let found = decode(name, &encoded(&image, ImageFormat::Png)).unwrap();
        let expected: Vec<u8> = grey.as_raw().iter().flat_map(|value| [*value; 3]).collect();
        assert_eq!(found.rgb, expected);
    }
    // a smooth picture survives JPEG: the transform's coarsest coefficients are stored to within a few levels
    let smooth = RgbImage::from_fn(32, 16, |x, y| image::Rgb([(4 * x) as u8, (8 * y) as u8, 128]));
    let found = decode(name, &encoded(&DynamicImage::ImageRgb8(smooth.clone()), ImageFormat::Jpeg)).unwrap();
    assert_eq!((found.width, found.height), (32, 16));
    let worst = found.rgb.iter().zip(smooth.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 12, "{worst}");
    let grey = DynamicImage::ImageLuma8(DynamicImage::ImageRgb8(smooth).to_luma8());
    let found = decode(name, &encoded(&grey, ImageFormat::Jpeg)).unwrap();
    assert!(found.rgb.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
}

#[test]
fn files_that_are_no_whole_images_are_refused() {
    let name = Path::new("class/picture.jpg");
    let image = DynamicImage::ImageRgb8(picture(1, 64, 64));
    let (jpeg, png) = (encoded(&image, ImageFormat::Jpeg), encoded(&image, ImageFormat::Png));
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (&b"not an image"[..], "no JPEG and no PNG"),
        (&b"GIF89a"[..], "47 49 46 38 39 61"),
        (&jpeg[..jpeg.len() / 2], "it is cut off"),
        (&jpeg[..jpeg.len() - 2], "it is cut off"),
        (&jpeg[..20], "it is cut off"),
        (&png[..png.len() / 2], "cannot be decoded"),
        (&png[..12], "cannot be decoded"),
    ] {
        let error = decode(name, bytes).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("class/picture.jpg: ") && text.contains(said), "{said}: {text}");
        assert_eq!(error.exit_code(), 2);
    }
    // what follows the end of a JPEG image is no part of it
    let longer = [&jpeg[..], b"and more"].concat();
    assert_eq!(decode(name, &longer).unwrap(), decode(name, &jpeg).unwrap());
    // no damage makes the decoders fail in another way
    for place in 0..jpeg.len().min(png.len()) {
        for bytes in [&jpeg, &png] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x55;
            drop(decode(name, &damaged));
        }
    }
}

#[test]
fn any_number_of_threads_decodes_the_same_batch() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &["a", "b"], 9, (23, 17));
    let samples: Vec<u32> = (0..18).chain([3, 3]).collect();
    let batch = |threads: usize, step: u64| {
        let images = image_set(folder.path(), RANDOM, threads, 1);
        let mut planes = vec![0; samples.len() * images.bytes()];
        let view = View::Training { seed: 5, chain: 2, step };
        images.decode(&samples, view, &mut planes, &AtomicBool::new(false)).unwrap();
        planes
    };
    let one = batch(1, 7);
    for threads in [2, 5] {
        assert!(batch(threads, 7) == one, "{threads} threads");
    }
    assert!(batch(1, 8) != one);
    // the same image twice in a batch is seen in two ways
    assert!(one[18 * 192..19 * 192] != one[19 * 192..]);
    // and each is the crop of its own numbers, taken alone
    let image = read_image(&folder.path().join("a/003.png")).unwrap();
    let alone = RANDOM.training(&image, Draw { seed: 5, chain: 2, step: 7, place: 19 });
    let first: Vec<u8> = alone.rgb.iter().step_by(3).copied().collect();
    assert_eq!(one[19 * 192..19 * 192 + 64], first[..]);
}

/// With p batches waiting there are p + 1 buffers: a loader that nobody asks stops after so many, and goes on by one for each that comes back.
#[test]
fn memory_is_bounded_by_the_batches_that_may_wait() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &["a", "b"], 8, (8, 8));
    let images = image_set(folder.path(), RANDOM, 2, 2);
    let sgd = Hyperparameters::new(0.1, 0.0, 0.0, 4).unwrap();
    let batches = || BatchSequence::new(16, &sgd, Sampling::Reshuffle, 1, 0).unwrap();
    let mut loader = Loader::start(&images, batches(), 1, 0).unwrap();
    let settled = |loader: &Loader, expected: u64| {
        let begun = Instant::now();
        while loader.decoded() < expected {
            assert!(begun.elapsed() < Duration::from_secs(60), "{} batches after a minute", loader.decoded());
            std::thread::sleep(Duration::from_millis(1));
        }
        // time in which a loader without bounds would decode hundreds
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(loader.decoded(), expected);
    };
    settled(&loader, 3);
    let mut expected = batches();
    for step in 0..10 {
        let batch = loader.next_batch().unwrap();
        assert_eq!((batch.step, &batch.samples[..]), (step, expected.next_batch()));
        loader.give_back(batch);
    }
    settled(&loader, 13);
}

const TRAINING: &str = r#"
[data]
source = "folder"
path = "train"
size = 8
crop = "random"
flip = true
threads = 2
[model]
kind = "mlp"
hidden = [8]
[sgd]
learning_rate = 0.01
momentum = 0.9
batch_size = 5
sampling = "reshuffle"
[run]
steps = STEPS
checkpoint_every = 7
"#;

fn assert_same(one: &Path, other: &Path) {
    for name in ["checkpoint.safetensors", "records.bin"] {
        assert!(fs::read(one.join(name)).unwrap() == fs::read(other.join(name)).unwrap(), "{name} differs");
    }
}

#[test]
fn a_resumed_run_sees_the_same_crops() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(&folder.path().join("train"), &["a", "b", "c"], 6, (20, 13));
    write_folder(&folder.path().join("test"), &["a", "b", "c"], 2, (20, 13));
    let text = TRAINING.replace("[model]", "test = \"test\"\n[model]");
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let all = write(folder.path(), &text.replace("STEPS", "25"));
    assert_eq!(train(&all, &whole, &[]), (0, String::new()));
    assert_eq!(train(&write(folder.path(), &text.replace("STEPS", "11")), &parts, &[]), (0, String::new()));
    // another number of threads and of waiting batches is the same run, and so is another place of the images
    fs::rename(folder.path().join("train"), folder.path().join("moved")).unwrap();
    let more = text.replace("threads = 2", "threads = 3\nprefetch = 1").replace("\"train\"", "\"moved\"");
    let rest = write(folder.path(), &more.replace("STEPS", "25"));
    assert_eq!(train(&rest, &parts, &["--resume"]), (0, String::new()));
    assert_same(&whole, &parts);
    let last = manifest(&parts)["evaluations"].as_array().unwrap().last().unwrap().clone();
    assert!(last["test_loss"].as_f64().unwrap() > 0.0 && last["test_accuracy"].as_f64().is_some(), "{last}");
    assert_eq!(last["step"], 25);
    // without flips it is another run
    let other = write(folder.path(), &more.replace("STEPS", "30").replace("flip = true", "flip = false"));
    let (code, message) = train(&other, &parts, &["--resume"]);
    assert!(code == 2 && message.contains("flip: true"), "{message}");
    // and with one image less
    fs::remove_file(folder.path().join("moved/b/004.png")).unwrap();
    let (code, message) = train(&write(folder.path(), &more.replace("STEPS", "30")), &parts, &["--resume"]);
    assert!(code == 2 && message.contains("data_checksum"), "{message}");
}

/// While a run goes on its images are damaged, or vanish: the error names the file, what was recorded is kept and can be reported, and once
/// the images are back the run goes on with the same bits.
#[test]
fn images_that_break_during_a_run_are_named_and_records_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("train");
    write_folder(&root, &["a", "b"], 10, (20, 13));
    let file = write(folder.path(), &TRAINING.replace("STEPS", "1000000").replace("random", "middle"));
    let class = root.join("b");
    for (name, code) in [("vanished", 4), ("damaged", 2)] {
        let out = folder.path().join(name);
        let process = Command::new(env!("CARGO_BIN_EXE_langevin-nn"))
            .args(["train", &file, "--out", &out.display().to_string(), "--device", "cpu", "--threads", "1"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !(out.join("run.json").exists() && manifest(&out)["steps"].as_u64() >= Some(14)) {
            assert!(begun.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
        let whole = fs::read(class.join("003.png")).unwrap();
        let away = folder.path().join("away");
        if name == "vanished" {
            fs::rename(&class, &away).unwrap();
        } else {
            fs::write(class.join("003.png"), &whole[..whole.len() / 2]).unwrap();
        }
        let ended = process.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{message}");
        let found = manifest(&out);
        let steps = found["steps"].as_u64().unwrap();
        assert!(message.contains(&format!("step {}: ", steps + 1)) && message.contains("train/b/0"), "{message}");
        assert!(message.contains("--resume goes on"), "{message}");
        assert_eq!(found["status"], "failed");
        assert_eq!(fs::read(out.join("records.bin")).unwrap().len() as u64, 32 * steps);
        assert!(out.join("track.npz").exists());
        let shown = read_folder(&out).unwrap();
        assert!(shown[0].record.title.contains("failed after step") && shown[0].record.title.contains("train/b/0"));
        if name == "vanished" {
            fs::rename(&away, &class).unwrap();
        } else {
            fs::write(class.join("003.png"), &whole).unwrap();
        }
        let text = TRAINING.replace("STEPS", &(steps + 9).to_string()).replace("random", "middle");
        let longer = write(folder.path(), &text);
        assert_eq!(train(&longer, &out, &["--resume"]), (0, String::new()));
        let fresh = folder.path().join(format!("{name}-fresh"));
        assert_eq!(train(&longer, &fresh, &[]), (0, String::new()));
        assert_same(&out, &fresh);
        write(folder.path(), &TRAINING.replace("STEPS", "1000000").replace("random", "middle"));
    }
}

#[test]
fn what_is_wrong_with_folders_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let good = TRAINING.replace("STEPS", "1");
    let refused = |text: &str, said: &[&str]| {
        assert_ne!(text, good);
        let out = folder.join("out");
        let (code, message) = train(&write(folder, text), &out, &[]);
        assert_eq!(code, 2, "{message}");
        assert!(said.iter().all(|said| message.contains(said)), "{said:?}: {message}");
        assert!(!out.join("run.json").exists());
    };
    let check = |said: &[&str]| refused(&format!("{good}\n"), said);
    check(&["train: there is no such folder"]);
    fs::create_dir(folder.join("train")).unwrap();
    check(&["train: it holds no folders"]);
    write_folder(&folder.join("train"), &["a", "b"], 3, (9, 9));
    fs::create_dir(folder.join("train/empty")).unwrap();
    check(&["train/empty: it holds no images"]);
    fs::write(folder.join("train/empty/notes.txt"), "x").unwrap();
    check(&["train/empty/notes.txt: it is no image"]);
    fs::remove_dir_all(folder.join("train/empty")).unwrap();
    fs::write(folder.join("train/b/fake.jpg"), "this is text").unwrap();
    check(&["train/b/fake.jpg: its first bytes are 74 68 69 73", "no JPEG and no PNG"]);
    fs::remove_file(folder.join("train/b/fake.jpg")).unwrap();
    let data = |more: &str| good.replace("[model]", &format!("{more}\n[model]"));
    refused(&data("classes = 3"), &["train: it holds 2 class folders; data.classes says 3"]);
    refused(&data("classes = [\"a\", \"c\"]"), &["train/c: the folder of this class is missing"]);
    write_folder(&folder.join("test"), &["a", "b", "c"], 1, (9, 9));
    refused(&data("test = \"test\""), &["test/c: a test class that the training images", "train do not have"]);
    fs::remove_dir_all(folder.join("test/c")).unwrap();
    fs::remove_dir_all(folder.join("test/a")).unwrap();
    refused(&data("test = \"test\""), &["test/a: the folder of this class is missing"]);
    refused(&data("resize = 7"), &["data.resize is 7; it must be at least data.size = 8"]);
    refused(&data("crop_area = [0.5, 0.2]"), &["data.crop_area is [0.5, 0.2]"]);
    refused(&data("mean = [0.5]"), &["data.mean is a list of 1", "three numbers"]);
    refused(&data("std = [0.5, 0.5, 0.0]"), &["data.std", "above 0"]);
    refused(&good.replace("threads = 2", "threads = 0"), &["data.threads is 0"]);
    refused(&data("prefech = 3"), &["did you mean \"prefetch\""]);
    refused(&good.replace("\"random\"", "\"centre\""), &["data.crop is \"centre\"", "\"middle\" or \"random\""]);
    refused(&good.replace("\"folder\"", "\"folders\""), &["data.source is \"folders\"", "cifar100, folder"]);
    refused(&good.replace("batch_size = 5", "batch_size = 7"), &["batch_size is 7", "at most the 6 samples"]);
}

#[test]
fn tiny_imagenet_is_read_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (train, val) = (folder.path().join("train"), folder.path().join("val"));
    for class in ["n2", "n1"] {
        write_folder(&train.join(class), &["images"], 2, (8, 8));
        fs::write(train.join(class).join(format!("{class}_boxes.txt")), "n1_0.JPEG\t0\t0\t1\t1\n").unwrap();
    }
    write_folder(&val, &["images"], 3, (8, 8));
    let list = "000.png\tn2\t0\t0\t1\t1\n001.png\tn1\t0\t0\t1\t1\n002.png\tn2\t0\t0\t1\t1\n";
    fs::write(val.join("val_annotations.txt"), list).unwrap();
    let training = ImageFolder::read(&train, &Classes::Count(2), None).unwrap();
    assert_eq!((training.classes(), training.samples()), (&["n1".to_owned(), "n2".to_owned()][..], 4));
    assert!(training.path(3).ends_with("n2/images/001.png"));
    let test = ImageFolder::read(&val, &Classes::Found, None).unwrap().numbered_as(&training).unwrap();
    assert_eq!(test.labels(&[0, 1, 2]), [1, 0, 1]);
    assert_eq!(read_image(&test.path(1)).unwrap().rgb, *picture(1, 8, 8).as_raw());
    let first = ImageFolder::read(&train, &Classes::Named(vec!["n2".into()]), Some(1)).unwrap();
    assert_eq!((first.classes().len(), first.samples()), (1, 1));
    fs::write(val.join("val_annotations.txt"), "000.png\n").unwrap();
    let error = ImageFolder::read(&val, &Classes::Found, None).unwrap_err().to_string();
    assert!(error.contains("val_annotations.txt: line 1 is \"000.png\""), "{error}");
}

/// The paper's files that need ImageNet or CIFAR-10, on data of their kind that is made here: they resolve, and the network they name makes
/// steps. Images are 32 x 32 and weights are drawn, so that VGG-16 is small enough for a test.
#[test]
fn the_experiments_of_the_paper_resolve_and_run_on_data_of_their_kind() {
    use langevin_nn::experiment::ExperimentFile;
    use langevin_nn::train::Trainer;
    let folder = tempfile::tempdir().unwrap();
    for set in ["train", "val"] {
        write_folder(&folder.path().join("imagenet").join(set), &["n01", "n02", "n03"], 2, (40, 36));
    }
    let cifar = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&cifar).unwrap();
    for (number, name) in
        (0..).zip(["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"])
    {
        let records = (0..200_u32).flat_map(|record| {
            let pixels = (0..3072).map(move |place| (place * 7 + record * 31 + number) as u8);
            std::iter::once((record % 10) as u8).chain(pixels)
        });
        fs::write(cifar.join(format!("{name}.bin")), records.collect::<Vec<u8>>()).unwrap();
    }
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut count = 0;
    for entry in fs::read_dir(experiments).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("paper-") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let whole = ExperimentFile::parse(&name, &text.replace("classes = 1000", "classes = 3"), folder.path());
        let is_images = text.contains("imagenet/train");
        match whole {
            // batches of 256 do not fit six images
            Err(error) if is_images => assert!(error.to_string().contains("sgd.batch_size is 256"), "{name}: {error}"),
            found => assert_eq!(found.unwrap().training.sgd.batch_size(), 512, "{name}"),
        }
        let small = text
            .replace("classes = 1000", "classes = 3\nsize = 32")
            .replace("batch_size = 256", "batch_size = 2")
            .lines()
            .filter(|line| !line.starts_with("weights = "))
            .collect::<Vec<_>>()
            .join("\n");
        let file =
            ExperimentFile::parse(&name, &small, folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            file.settings().unwrap().len(),
            if name.contains("figure-7") { 61 } else { 1 + file.sweep.momentum.len() }
        );
        assert_eq!(file.held_out.is_some(), is_images, "{name}");
        let mut trainer = Trainer::new(&file.training, Device::Cpu).unwrap();
        for _ in 0..2 {
            assert!(trainer.step().unwrap().value().unwrap().is_finite(), "{name}");
        }
        let found = trainer.evaluate().unwrap();
        assert!(found.loss.is_finite() && found.test_loss.is_some() == is_images, "{name}: {found:?}");
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn a_check_reads_what_a_run_would_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(&folder.path().join("train"), &["a", "b"], 4, (8, 8));
    let file = write(folder.path(), &TRAINING.replace("STEPS", "3"));
    let found = langevin_nn(&["check", &file, "--decode", "--json"]);
    assert!(found.status.success(), "{found:?}");
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    // 192 x 8 + 8 + 8 x 2 + 2 parameters
    assert_eq!((&found["samples"], &found["parameters"], &found["decoded"]), (&8.into(), &1562.into(), &8.into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    fs::write(folder.path().join("train/b/002.png"), "no image").unwrap();
    assert!(langevin_nn(&["check", &file]).status.success());
    let found = langevin_nn(&["check", &file, "--decode"]);
    assert_eq!(found.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&found.stderr).contains("train/b/002.png: its first bytes are"), "{found:?}");
}

#[test]
fn evaluations_can_be_of_some_samples() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(&folder.path().join("train"), &["a", "b"], 4, (8, 8));
    let text = TRAINING.replace("STEPS", "1\nevaluate_samples = 2");
    let file = TrainingFile::parse("run.toml", &text, folder.path()).unwrap();
    let trainer = langevin_nn::train::Trainer::new(&file, Device::Cpu).unwrap();
    let objective = |samples: &[u32]| {
        let (network, data) = trainer.parts();
        let all = langevin_nn::curvature::Objective::new(network, data, Loss::CrossEntropy);
        all.of_samples(samples.to_vec()).unwrap().value().unwrap()
    };
    // evenly spread: one of each class
    let found = trainer.evaluate().unwrap().loss;
    assert!((found - objective(&[0, 4])).abs() < 1e-6 && (found - objective(&[0, 1])).abs() > 1e-4, "{found}");
}
