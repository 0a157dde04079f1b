//! Replays the corpora of the fuzz targets (fuzz/corpus): what fuzzing started from, and what it found.

use std::path::Path;

#[test]
fn corpora_keep_their_invariants() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut names: Vec<String> =
        std::fs::read_dir(&corpora).unwrap().map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let targets: Vec<&str> = langevin_invariants::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, targets, "folders of fuzz/corpus and fuzz targets");
    for (name, target) in langevin_invariants::TARGETS {
        let mut inputs = 0;
        for file in std::fs::read_dir(corpora.join(name)).unwrap() {
            let path = file.unwrap().path();
            // the path shows when the input panics
            eprintln!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {name} is empty");
    }
}

/// Every target has a binary for cargo-fuzz.
#[test]
fn targets_have_binaries() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in langevin_invariants::TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "fuzz/Cargo.toml has no {name}");
    }
}
