//! `langevin merge`: joins the shards of a run. A missing, repeated or foreign shard is an error that names it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::arrays::Simulated;
use super::file::{Format, check_folder, write};
use super::state_file::{Kind, Manifest, State, read};
use crate::error::{Result, VerifyError};

/// Joins shards and writes the output of the whole run.
///
/// # Errors
/// [`VerifyError::Input`] for a shard that is damaged, foreign, repeated or missing; [`VerifyError::Output`].
pub fn merge(shards: &[PathBuf], out: &Path) -> Result<Simulated> {
    Format::of(out)?;
    check_folder(out)?;
    let refuse = |detail: String| Err(VerifyError::Input { detail });
    let mut joined: Option<(&Path, Manifest, State)> = None;
    let mut seen: BTreeMap<u64, &Path> = BTreeMap::new();
    for path in shards {
        let (manifest, state) = read(path)?;
        let shard = manifest.shard;
        if manifest.kind == Kind::Checkpoint {
            return refuse(format!(
                "{} is the checkpoint of shard {shard}, which is not finished: run it again with --resume",
                path.display()
            ));
        }
        match &mut joined {
            None => joined = Some((path, manifest, state)),
            Some((first, expected, whole)) => {
                if let Some(reason) = expected.foreign(&manifest) {
                    return refuse(format!("{} does not fit {}: {reason}", path.display(), first.display()));
                }
                if shard.count() != expected.shard.count() {
                    return refuse(format!(
                        "{} is shard {shard}; {} is shard {}: all must be of the same number of shards",
                        path.display(),
                        first.display(),
                        expected.shard
                    ));
                }
                if manifest.instruction_set != expected.instruction_set {
                    eprintln!(
                        "langevin: {} was computed with {} instructions, {} with {}; last bits may differ from those of one \
                         machine",
                        path.display(),
                        manifest.instruction_set,
                        first.display(),
                        expected.instruction_set
                    );
                }
                if let Some(other) = seen.get(&shard.index()) {
                    return refuse(format!("shard {shard} is there twice: {} and {}", other.display(), path.display()));
                }
                whole.reduction.absorb(state.reduction);
            }
        }
        seen.insert(shard.index(), path);
    }
    let Some((_, manifest, state)) = joined else { return refuse("there are no shards to merge".into()) };
    let count = manifest.shard.count();
    let missing: Vec<String> =
        (1..=count).filter(|index| !seen.contains_key(index)).map(|index| index.to_string()).collect();
    if !missing.is_empty() {
        let named = missing.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        let more = if missing.len() > 10 { format!(" and {} more", missing.len() - 10) } else { String::new() };
        return refuse(format!(
            "shard{} {named}{more} of {count} {} missing",
            if missing.len() == 1 { "" } else { "s" },
            if missing.len() == 1 { "is" } else { "are" }
        ));
    }
    let simulated = Simulated::new(&manifest, &state)?;
    write(out, &simulated)?;
    Ok(simulated)
}
