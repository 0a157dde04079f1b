//! Seeds. A run has one number; every scenario draws from streams keyed by that number and its own name, so a scenario run
//! alone gives what it gave in the whole.

use rand::TryRng;

use crate::error::{Result, VerifyError};

/// The seed of ordinary runs. Changing it needs 100 fresh seeds that pass, in the same change.
pub const EPOCH_SEED: u64 = 0x1a9e_5e21;

/// Where a run's seed came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// [`EPOCH_SEED`].
    Epoch,
    /// Given on the command line.
    Given(u64),
    /// Fresh entropy.
    Fresh(u64),
}

impl Seed {
    /// A seed from the operating system's entropy (32 bits, to keep tokens short).
    ///
    /// # Errors
    /// [`VerifyError::Input`] when the system gives none.
    pub fn fresh() -> Result<Self> {
        rand::rngs::SysRng
            .try_next_u32()
            .map(|value| Self::Fresh(u64::from(value)))
            .map_err(|error| VerifyError::Input { detail: format!("no entropy for a fresh seed: {error}") })
    }

    /// The number.
    pub fn value(self) -> u64 {
        match self {
            Self::Epoch => EPOCH_SEED,
            Self::Given(value) | Self::Fresh(value) => value,
        }
    }

    /// `epoch`, `given` or `fresh`.
    pub fn origin(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Given(_) => "given",
            Self::Fresh(_) => "fresh",
        }
    }
}

impl std::str::FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "fresh" {
            return Self::fresh().map_err(|error| error.to_string());
        }
        text.parse()
            .map(Self::Given)
            .map_err(|_| format!("seed is \"{text}\"; it must be a whole number of at least 0, or fresh"))
    }
}

/// Seed of a scenario: FNV-1a of its name, mixed with the run's seed by the finaliser of SplitMix64.
pub fn scenario_seed(seed: u64, scenario: &str) -> u64 {
    let name = scenario
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ name;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
