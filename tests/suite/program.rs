//! Runs the built binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

/// The binary, built once with the profile of the tests.
static BINARY: LazyLock<escargot::CargoRun> = LazyLock::new(|| {
    escargot::CargoBuild::new()
        .package("langevin-verify")
        .bin("langevin")
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .current_target()
        .run()
        .expect("the binary builds")
});

/// What a run of the binary answered.
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is text");
        let answer = Self {
            code: output.status.code().expect("the program ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
        answer
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}\n{}", self.stdout, self.stderr))
    }

    /// Asserts exit code 2 and a message with all these parts, and nothing on standard output.
    pub fn refuses(&self, parts: &[&str]) {
        assert_eq!(self.code, 2, "{parts:?}: {}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "{parts:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "\"{part}\" is not in: {}", self.stderr);
        }
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = BINARY.command();
    command.args(arguments).current_dir(folder);
    command
}

/// Runs the binary in a folder.
pub fn langevin(folder: &Path, arguments: &[&str]) -> Answer {
    Answer::of(command(folder, arguments).stdin(Stdio::null()).output().expect("the binary runs"))
}

/// Starts the binary in a folder; what it says can be read when it has ended.
pub fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = command(folder, arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary runs")
}

/// Waits for a program that ends by itself.
pub fn wait(child: Child) -> Answer {
    Answer::of(child.wait_with_output().expect("the binary ends"))
}

/// Runs the binary with some variables of the environment.
pub fn langevin_with(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Answer {
    let mut command = command(folder, arguments);
    Answer::of(command.envs(variables.iter().copied()).stdin(Stdio::null()).output().expect("the binary runs"))
}

/// Puts a copy of the binary into a folder.
pub fn copy_binary(folder: &Path) -> PathBuf {
    let place = folder.join(format!("langevin{}", std::env::consts::EXE_SUFFIX));
    std::fs::copy(BINARY.path(), &place).expect("the binary is copied");
    place
}

/// What a finished command answered.
pub fn answer(command: &mut Command) -> Answer {
    Answer::of(command.stdin(Stdio::null()).output().expect("the program runs"))
}

/// Runs the binary with text on standard input.
pub fn langevin_reads(text: &str, arguments: &[&str]) -> Answer {
    let mut child = command(Path::new("."), arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // it may refuse its arguments and end before it reads
    let _ = child.stdin.take().expect("standard input is piped").write_all(text.as_bytes());
    Answer::of(child.wait_with_output().expect("the binary ends"))
}
