//! The error budget. One run's probability of any false refutation is at most [`FAMILY_WISE_ERROR`], under any dependence
//! between its checks: every check has a weight, and check i may refute at p <= w_i / sum(w) * 1e-6 (weighted Bonferroni).
//! The ledger is made from the whole registry, also when only a part of it is run, so a replayed check decides as before.

use std::collections::BTreeMap;

use crate::error::{Result, VerifyError};
use crate::statistics::Rates;

/// Probability of any false refutation in one run.
pub const FAMILY_WISE_ERROR: f64 = 1e-6;

/// Power of every check at its minimum detectable effect.
pub const POWER: f64 = 0.999;

/// Level of every registered check.
#[derive(Clone, Debug)]
pub struct Ledger {
    alphas: BTreeMap<String, f64>,
}

impl Ledger {
    /// A ledger of check ids and weights.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a repeated id or a weight that is not positive: each check must be in the registry once.
    ///
    /// ```
    /// use langevin_verify::ledger::{FAMILY_WISE_ERROR, Ledger};
    /// let ledger = Ledger::new([("a".to_owned(), 1.0), ("b".to_owned(), 3.0)]).unwrap();
    /// assert_eq!(ledger.rates("b").unwrap().alpha, 0.75 * FAMILY_WISE_ERROR);
    /// assert!(ledger.rates("c").is_err());
    /// ```
    pub fn new(checks: impl IntoIterator<Item = (String, f64)>) -> Result<Self> {
        let mut alphas = BTreeMap::new();
        for (id, weight) in checks {
            if !(weight.is_finite() && weight > 0.0) {
                return Err(VerifyError::Input {
                    detail: format!("check {id} has weight {weight}; it must be above 0"),
                });
            }
            if alphas.insert(id.clone(), weight).is_some() {
                return Err(VerifyError::Input { detail: format!("check {id} is registered twice") });
            }
        }
        let total: f64 = alphas.values().sum();
        for weight in alphas.values_mut() {
            *weight *= FAMILY_WISE_ERROR / total;
        }
        Ok(Self { alphas })
    }

    /// Level and power of a registered check.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for a check that is not in the registry: it may not decide anything.
    pub fn rates(&self, id: &str) -> Result<Rates> {
        self.alphas
            .get(id)
            .map(|&alpha| Rates { alpha, power: POWER })
            .ok_or_else(|| VerifyError::Input { detail: format!("check {id} is not in the registry") })
    }

    /// Number of checks that share the budget.
    pub fn len(&self) -> usize {
        self.alphas.len()
    }

    /// Whether nothing is registered.
    pub fn is_empty(&self) -> bool {
        self.alphas.is_empty()
    }
}
