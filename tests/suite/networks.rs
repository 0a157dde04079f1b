//! `langevin nn` and `langevin report --nn`: nothing here needs libtorch.

use std::path::Path;

use langevin_verify::networks::{
    Arrays, AxisRecord, FORMAT, FigureRecord, Look, MarkRecord, Observation, PanelRecord, Quantity, Record, Role,
    write_arrays,
};

use crate::program::langevin;

/// Handing over: the harness is a script here.
#[cfg(unix)]
mod hand_over {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use crate::program::{answer, copy_binary};

    fn harness(folder: &Path, script: &str, mode: u32) {
        let place = folder.join("langevin-nn");
        std::fs::write(&place, format!("#!/bin/sh\n{script}\n")).expect("the folder takes files");
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(mode)).expect("its owner may");
    }

    /// The copy of the binary in a folder, with PATH set to another. Its script finds what it needs by full paths.
    fn called(binary: &Path, path: &Path, arguments: &[&str]) -> crate::program::Answer {
        answer(Command::new(binary).env("PATH", path).arg("nn").args(arguments))
    }

    #[test]
    fn arguments_output_and_exit_code_pass_through() {
        let folder = tempfile::tempdir().unwrap();
        let binary = copy_binary(folder.path());
        harness(folder.path(), "for word; do echo \"<$word>\"; done; echo told >&2; exit 7", 0o755);
        let found =
            called(&binary, folder.path(), &["train", "a file.toml", "--threads", "2", "--help", "", "--", "-x"]);
        assert_eq!(found.code, 7);
        assert_eq!(found.stdout, "<train>\n<a file.toml>\n<--threads>\n<2>\n<--help>\n<>\n<-->\n<-x>\n");
        assert_eq!(found.stderr, "told\n");
    }

    #[test]
    fn the_harness_is_looked_for_beside_the_binary_and_then_on_path() {
        let (here, path) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let binary = copy_binary(here.path());
        let missing = called(&binary, path.path(), &["doctor"]);
        missing.refuses(&["langevin-nn is not installed", "nn/libtorch/fetch", "cargo build --release -p langevin-nn"]);
        harness(path.path(), "echo on PATH", 0o755);
        assert_eq!(called(&binary, path.path(), &["doctor"]).stdout, "on PATH\n");
        harness(here.path(), "echo beside", 0o755);
        assert_eq!(called(&binary, path.path(), &["doctor"]).stdout, "beside\n");
        // there, but not to be run: an I/O failure that names it
        harness(here.path(), "echo never", 0o644);
        let found = called(&binary, path.path(), &["doctor"]);
        assert_eq!((found.code, found.stdout.as_str()), (4, ""), "{}", found.stderr);
        assert!(found.stderr.contains(&here.path().join("langevin-nn").display().to_string()), "{}", found.stderr);
    }

    /// Ctrl-C in `langevin nn train` must let the harness save, and end when it has.
    #[test]
    fn an_interruption_reaches_the_harness() {
        let folder = tempfile::tempdir().unwrap();
        let binary = copy_binary(folder.path());
        harness(folder.path(), "trap 'echo saved; exit 4' INT; echo ready; while :; do sleep 0.05; done", 0o755);
        let mut command = Command::new(&binary);
        let mut child = command.arg("nn").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(4));
        line.clear();
        lines.read_to_string(&mut line).unwrap();
        assert_eq!(line, "saved\n");
    }
}

/// A finished run with a mark of each kind.
fn write_run(folder: &Path) {
    std::fs::create_dir_all(folder).expect("there is room");
    let list = |values: &[f64]| values.to_vec();
    let arrays = Arrays::from([
        ("x".into(), list(&[1.0, 10.0, 100.0])),
        ("y".into(), list(&[0.1, 0.3, 0.9])),
        ("half".into(), list(&[0.01, 0.02, 0.1])),
        ("grid".into(), list(&[-1.0, 0.0, 1.0])),
        ("values".into(), list(&[2.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 2.0])),
    ]);
    let mark = |label: &str, look, x: &str, y: &str, half: Option<&str>| MarkRecord {
        label: label.into(),
        role: Role::Measured,
        look,
        x: x.into(),
        y: y.into(),
        half_width: half.map(str::to_owned),
    };
    let axis = |quantity, logarithmic| AxisRecord { quantity, logarithmic };
    let panel = |title: &str, x, y, square, marks| PanelRecord { title: title.into(), x, y, square, marks };
    let record = Record {
        format: FORMAT.into(),
        kind: "diffusion".into(),
        title: "A network of the test".into(),
        about: "About $\\lVert\\delta_k\\rVert^2$.".into(),
        settings: vec![("learning rate".into(), "0.05".into())],
        observations: vec![Observation {
            id: "speed".into(),
            what: "speed over (16)".into(),
            effect: 0.9,
            interval: [0.85, 0.95],
            expected: Some(1.0),
            replicates: 8,
            alpha: 0.05,
            reference: "(16)".into(),
        }],
        figures: vec![FigureRecord {
            id: "displacement".into(),
            caption: "One should see growth.".into(),
            panels: vec![
                panel(
                    "over steps",
                    axis(Quantity::Step, true),
                    axis(Quantity::GlobalDisplacement, true),
                    false,
                    vec![
                        mark("a band", Look::Band, "x", "y", Some("half")),
                        mark("points", Look::Points, "x", "y", Some("half")),
                        mark("a line", Look::Dashes, "x", "y", None),
                    ],
                ),
                panel(
                    "a plane",
                    axis(Quantity::FirstPosition, false),
                    axis(Quantity::LastPosition, false),
                    true,
                    vec![mark("levels", Look::Contours, "grid", "grid", Some("values"))],
                ),
            ],
        }],
        experiment_file: "[experiment]".into(),
        seconds: 1.0,
    };
    let record = serde_json::to_vec(&record).expect("a record is JSON");
    std::fs::write(folder.join("experiment.json"), record).expect("the folder takes files");
    write_arrays(&folder.join("arrays.npz"), &arrays).expect("the folder takes files");
}

#[test]
fn runs_are_rendered_as_one_page_with_all_their_sections() {
    let folder = tempfile::tempdir().unwrap();
    write_run(&folder.path().join("one"));
    write_run(&folder.path().join("two"));
    let found = langevin(folder.path(), &["report", "--nn", "one", "two", "--out", "page"]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stdout.contains("speed") && found.stdout.contains("differs"), "{}", found.stdout);
    let page = std::fs::read_to_string(folder.path().join("page/networks.html")).unwrap();
    assert_eq!(page.matches("A network of the test").count(), 2);
    assert_eq!(page.matches("<figure id=").count(), 2);
    assert_eq!(page.matches("class=\"differs\"").count(), 2);
    for text in ["<math", "over steps", "a plane", "a band", "levels", "One should see growth.", "learning rate"] {
        assert!(page.contains(text), "{text}");
    }
    // whole, and without anything from elsewhere
    assert!(page.trim_end().ends_with("</html>") && !page.contains("NaN"));
    for text in ["<script", "src=", "href=", "@import"] {
        assert!(!page.contains(text), "{text}");
    }
}

/// Every way in which a folder is no finished run is a message that names the file, exit code 2, and no page.
#[test]
fn a_damaged_or_missing_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let refuses = |parts: &[&str]| {
        let found = langevin(folder.path(), &["report", "--nn", "run", "--out", "page"]);
        found.refuses(parts);
        assert!(!folder.path().join("page").exists());
    };
    refuses(&["run:", "experiment.json", "langevin-nn experiment"]);
    std::fs::create_dir(&run).unwrap();
    refuses(&["run:", "no experiment.json and no run.json", "langevin-nn experiment"]);
    write_run(&run);
    let record = std::fs::read(run.join("experiment.json")).unwrap();
    let arrays = std::fs::read(run.join("arrays.npz")).unwrap();
    for length in [0, 1, record.len() / 2, record.len() - 1] {
        std::fs::write(run.join("experiment.json"), &record[..length]).unwrap();
        refuses(&["run/experiment.json", "no record"]);
    }
    let text = String::from_utf8(record.clone()).unwrap();
    for (from, to, said) in [
        (FORMAT, "langevin-nn experiment 99", "experiment 99"),
        ("\"effect\":0.9", "\"effect\":\"much\"", "no record"),
        ("\"look\":\"dashes\"", "\"look\":\"dotted\"", "dotted"),
        ("\"values\"", "\"no such array\"", "no such array"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        std::fs::write(run.join("experiment.json"), changed).unwrap();
        refuses(&["run/experiment.json", said]);
    }
    std::fs::write(run.join("experiment.json"), &record).unwrap();
    for length in [0, arrays.len() / 2, arrays.len() - 1] {
        std::fs::write(run.join("arrays.npz"), &arrays[..length]).unwrap();
        refuses(&["run/arrays.npz"]);
    }
    std::fs::remove_file(run.join("arrays.npz")).unwrap();
    refuses(&["run/arrays.npz"]);
}

/// Arrays that do not fit each other (another number of ordinates, a grid that is no square, numbers that are not finite) are drawn as far as they
/// go: they come from measurements, and a page without them would hide the rest.
#[test]
fn arrays_that_do_not_fit_break_no_page() {
    let folder = tempfile::tempdir().unwrap();
    write_run(&folder.path().join("run"));
    for (name, values) in [
        ("y", vec![]),
        ("y", vec![f64::NAN, f64::INFINITY, -1.0]),
        ("y", vec![1.0; 7]),
        ("half", vec![f64::INFINITY]),
        ("values", vec![1.0, 2.0]),
        ("grid", vec![0.0; 3]),
        ("x", vec![0.0, -1.0, 1e300]),
    ] {
        let path = folder.path().join("run/arrays.npz");
        write_run(&folder.path().join("run"));
        let mut arrays = langevin_verify::networks::read_arrays(&path).unwrap();
        arrays.insert(name.into(), values.clone());
        write_arrays(&path, &arrays).unwrap();
        let found = langevin(folder.path(), &["report", "--nn", "run", "--out", "page"]);
        assert_eq!(found.code, 0, "{name} {values:?}: {}", found.stderr);
        let page = std::fs::read_to_string(folder.path().join("page/networks.html")).unwrap();
        assert!(!page.contains("NaN") && !page.contains("\"inf"), "{name} {values:?}");
    }
}
