//! How fine a run resolves, and so how long it takes.

/// Resolution of variance ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// 1 % pooled over modes, 5 % for a single mode; under a minute on two cores.
    Quick,
    /// 0.3 % and 1 %.
    Nightly,
    /// 0.1 % and 0.3 %.
    Weekly,
}

impl Tier {
    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Nightly => "nightly",
            Self::Weekly => "weekly",
        }
    }

    /// Minimum detectable variance ratio minus 1, pooled over modes.
    pub fn pooled(self) -> f64 {
        match self {
            Self::Quick => 0.01,
            Self::Nightly => 0.003,
            Self::Weekly => 0.001,
        }
    }

    /// The same for a single mode.
    pub fn single(self) -> f64 {
        match self {
            Self::Quick => 0.05,
            Self::Nightly => 0.01,
            Self::Weekly => 0.003,
        }
    }

    /// Most work one scenario of minibatch chains may do, in multiplications.
    pub fn most_work(self) -> f64 {
        match self {
            Self::Quick => 2e11,
            Self::Nightly => 4e12,
            Self::Weekly => 4e13,
        }
    }
}

impl std::str::FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Quick, Self::Nightly, Self::Weekly]
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| format!("tier is \"{text}\"; it must be quick, nightly or weekly"))
    }
}
