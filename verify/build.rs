//! Hashes the sources that determine the numbers of a simulation, so that results of different builds are never joined.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What the numbers depend on, relative to this package: the simulator, the theory behind stationary starts, the run layer,
/// and the versions of everything else.
const SOURCES: [&str; 4] = ["../theory", "../sim", "src", "../Cargo.lock"];

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let bytes = std::fs::read(&file)?;
        // lengths keep the borders between names and contents
        hash.update((file.to_string_lossy().len() as u64).to_le_bytes());
        hash.update(file.to_string_lossy().replace('\\', "/").as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    println!("cargo:rustc-env=LANGEVIN_CODE_HASH={:x}", hash.finalize());
    Ok(())
}

/// Rust sources, manifests and embedded data below a path; not tests, which determine no numbers.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        if path.file_name().is_some_and(|name| name == "tests" || name == "target") {
            return Ok(());
        }
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml" || kind == "lock" || kind == "csv") {
        files.push(path.to_owned());
    }
    Ok(())
}
