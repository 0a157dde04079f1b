//! Which part of a run a process does.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, VerifyError};

/// Most shards of a run.
const MOST_SHARDS: u64 = 1_000_000;

/// Shard I of N, counted from 1.
///
/// ```
/// use langevin_verify::simulate::Shard;
/// let shard: Shard = "3/8".parse().unwrap();
/// assert_eq!((shard.index(), shard.count()), (3, 8));
/// assert!("0/8".parse::<Shard>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// The whole run.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Shard `index` of `count`, if there is one.
    pub fn new(index: u64, count: u64) -> Option<Self> {
        ((1..=MOST_SHARDS).contains(&count) && (1..=count).contains(&index)).then_some(Self { index, count })
    }

    /// I, from 1.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// N.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The file of this shard for an output: `run.npz` is `run.3-of-8.shard`, with zeros so that names sort.
    pub fn path(&self, out: &Path) -> PathBuf {
        if out.extension().is_some_and(|kind| kind == "shard") {
            return out.to_owned();
        }
        let digits = self.count.to_string().len();
        let stem = out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        out.with_file_name(format!("{stem}.{:0digits$}-of-{}.shard", self.index, self.count))
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            Self::new(index.parse().ok()?, count.parse().ok()?)
        };
        parse().ok_or_else(|| format!("shard is \"{text}\"; it must be I/N, I from 1 to N (N at most {MOST_SHARDS})"))
    }
}

/// The `--shard` argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardArgument {
    /// I/N.
    Given(Shard),
    /// From the job scheduler, with the number of shards if it is given.
    Auto(Option<u64>),
}

impl std::str::FromStr for ShardArgument {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto(None)),
            Some(("auto", count)) => {
                let count = count.parse().ok().filter(|&count| Shard::new(1, count).is_some());
                count.map(|count| Self::Auto(Some(count))).ok_or_else(|| {
                    format!("shard is \"{text}\"; it must be I/N, auto or auto/N (N from 1 to {MOST_SHARDS})")
                })
            }
            _ => text.parse().map(Self::Given).map_err(|error: String| format!("{error}, or auto, or auto/N")),
        }
    }
}

impl ShardArgument {
    /// The shard, with the variables of the environment: `SLURM_ARRAY_TASK_ID`, `_MIN`, `_MAX` and `_COUNT` of a Slurm array
    /// (any range of task numbers without gaps), or `JOB_COMPLETION_INDEX` of a Kubernetes indexed job (from 0), which says
    /// nothing of their number.
    ///
    /// # Errors
    /// [`VerifyError::Input`] when the variables are missing or contradict the argument.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard> {
        let wrong = |detail: String| VerifyError::Input { detail: format!("--shard auto: {detail}") };
        let number = |name: &str| {
            variable(name)
                .map(|text| {
                    text.trim()
                        .parse::<u64>()
                        .map_err(|_| wrong(format!("{name} is \"{text}\"; it must be a whole number")))
                })
                .transpose()
        };
        let count = match self {
            Self::Given(shard) => return Ok(shard),
            Self::Auto(count) => count,
        };
        let (index, found) = if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let found = number("SLURM_ARRAY_TASK_COUNT")?;
            let last = number("SLURM_ARRAY_TASK_MAX")?;
            if let (Some(last), Some(found)) = (last, found)
                && last.checked_sub(first).is_none_or(|span| span + 1 != found)
            {
                return Err(wrong(format!(
                    "the array has {found} tasks numbered {first} to {last}; the numbers must have no gaps"
                )));
            }
            let index = task.checked_sub(first).ok_or_else(|| wrong(format!("task {task} is before {first}")))?;
            (index, found)
        } else if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            (index, None)
        } else {
            return Err(wrong(
                "there is neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX in the environment; give --shard I/N"
                    .into(),
            ));
        };
        if let (Some(count), Some(found)) = (count, found)
            && count != found
        {
            return Err(wrong(format!("the array has {found} tasks; --shard names {count} shards")));
        }
        let Some(count) = count.or(found) else {
            return Err(wrong("the number of shards is not in the environment; give --shard auto/N".into()));
        };
        Shard::new(index.saturating_add(1), count)
            .ok_or_else(|| wrong(format!("task {index} (counted from 0) is not one of {count} shards")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(argument: &str, variables: &[(&str, &str)]) -> Result<Shard> {
        argument
            .parse::<ShardArgument>()
            .expect("an argument")
            .resolve(|name| variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn schedulers_say_which_shard() {
        let slurm = |task, first, last, count| {
            [
                ("SLURM_ARRAY_TASK_ID", task),
                ("SLURM_ARRAY_TASK_MIN", first),
                ("SLURM_ARRAY_TASK_MAX", last),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        assert_eq!(resolve("auto", &slurm("0", "0", "7", "8")).unwrap(), Shard::new(1, 8).unwrap());
        assert_eq!(resolve("auto/8", &slurm("8", "1", "8", "8")).unwrap(), Shard::new(8, 8).unwrap());
        assert!(resolve("auto/4", &slurm("0", "0", "7", "8")).is_err(), "another number of shards");
        assert!(resolve("auto", &slurm("2", "0", "6", "4")).is_err(), "gaps");
        assert!(resolve("auto", &slurm("x", "0", "7", "8")).is_err(), "no number");
        assert_eq!(resolve("auto/3", &[("JOB_COMPLETION_INDEX", "2")]).unwrap(), Shard::new(3, 3).unwrap());
        assert!(resolve("auto/3", &[("JOB_COMPLETION_INDEX", "3")]).is_err(), "beyond the last");
        assert!(resolve("auto", &[("JOB_COMPLETION_INDEX", "0")]).is_err(), "of how many");
        assert!(resolve("auto", &[]).is_err(), "no scheduler");
        assert_eq!(resolve("2/5", &[]).unwrap(), Shard::new(2, 5).unwrap());
        for wrong in ["", "3", "0/3", "4/3", "1/0", "auto/0", "auto/x", "1/99999999", "-1/3"] {
            assert!(wrong.parse::<ShardArgument>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shard_files_sort() {
        assert_eq!(Shard::new(3, 12).unwrap().path(Path::new("a/run.npz")), Path::new("a/run.03-of-12.shard"));
        assert_eq!(Shard::new(3, 12).unwrap().path(Path::new("x.shard")), Path::new("x.shard"));
    }
}
