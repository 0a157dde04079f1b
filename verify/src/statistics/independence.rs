//! A guard against numbers that are passed as independent and are not: states of one chain, one after the other.
//!
//! Of exchangeable numbers every order is equally likely, so the number of runs above and below their median has the law of
//! Wald and Wolfowitz whatever the numbers are: with m above and n below,
//!
//! ```text
//! P(2k runs)     = 2 C(m-1, k-1) C(n-1, k-1) / C(m+n, m)
//! P(2k+1 runs)   = [C(m-1, k) C(n-1, k-1) + C(m-1, k-1) C(n-1, k)] / C(m+n, m)
//! ```
//!
//! Positive dependence makes runs long and few. Neighbours with the correlation r of a normal pair change sides with
//! probability arccos(r)/pi: at r = 1/2 a third of the time, 10 standard deviations below 1/2 for 1,000 numbers.

/// Probability of at most as many runs above and below the median as found, if the numbers are exchangeable. Values equal
/// to the median are left out.
///
/// ```
/// use langevin_verify::statistics::independence::runs;
/// let chain: Vec<f64> = (0..1000).map(|k| (0.05 * f64::from(k)).sin()).collect();
/// assert!(runs(&chain) < 1e-100);
/// ```
pub fn runs(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    let mut order = values.to_vec();
    let half = order.len() / 2;
    let (below, middle, _) = order.select_nth_unstable_by(half, f64::total_cmp);
    let upper = *middle;
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
    // between both middle values of an even count, so that none is lost without ties
    let median = if values.len().is_multiple_of(2) { lower + 0.5 * (upper - lower) } else { upper };
    let mut counts = [0_u64; 2];
    let (mut found, mut last) = (0_u64, None);
    for value in values {
        let above = if *value > median {
            true
        } else if *value < median {
            false
        } else {
            continue;
        };
        counts[usize::from(above)] += 1;
        if last != Some(above) {
            found += 1;
            last = Some(above);
        }
    }
    at_most(found, counts[0], counts[1])
}

/// P(runs <= r) for m numbers of one kind and n of the other in random order.
fn at_most(r: u64, m: u64, n: u64) -> f64 {
    let (m, n) = (m as f64, n as f64);
    // half of the probability or more, one kind alone, or no numbers (NaN): nothing to guard against
    let few = (r as f64) < 1.0 + 2.0 * m * n / (m + n);
    if !few {
        return 1.0;
    }
    // minus infinity where the lower one is negative or above the upper: poles of the gamma function
    let choose =
        |top: f64, bottom: f64| libm::lgamma(top + 1.0) - libm::lgamma(bottom + 1.0) - libm::lgamma(top - bottom + 1.0);
    let all = choose(m + n, m);
    let term = |r: u64| {
        let k = (r / 2) as f64;
        if r.is_multiple_of(2) {
            2.0 * (choose(m - 1.0, k - 1.0) + choose(n - 1.0, k - 1.0) - all).exp()
        } else {
            (choose(m - 1.0, k) + choose(n - 1.0, k - 1.0) - all).exp()
                + (choose(m - 1.0, k - 1.0) + choose(n - 1.0, k) - all).exp()
        }
    };
    // terms fall from the mean downwards, until one no longer changes the sum
    let mut total = 0.0;
    for runs in (2..=r).rev() {
        let before = total;
        total += term(runs);
        if total <= before {
            break;
        }
    }
    total.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All orders of five and four numbers.
    #[test]
    fn the_law_of_runs_equals_enumeration() {
        let (m, n) = (5_u32, 4_u32);
        let mut counts = [0_u32; 11];
        for pattern in 0_u32..1 << (m + n) {
            if pattern.count_ones() == m {
                let changes = (pattern ^ (pattern >> 1)) & ((1 << (m + n - 1)) - 1);
                counts[changes.count_ones() as usize + 1] += 1;
            }
        }
        let total: u32 = counts.iter().sum();
        let mut cumulated = 0;
        for (r, count) in counts.iter().enumerate() {
            cumulated += count;
            if (r as f64) < 1.0 + 40.0 / 9.0 && r >= 2 {
                let found = at_most(r as u64, u64::from(m), u64::from(n));
                let exact = f64::from(cumulated) / f64::from(total);
                assert!((found / exact - 1.0).abs() < 1e-12, "{r}: {found}, expected {exact}");
            }
        }
    }

    #[test]
    fn equal_and_missing_numbers_are_no_evidence() {
        assert!(runs(&[]) > 0.99 && runs(&[1.0; 50]) > 0.99);
        assert!(runs(&[f64::NAN, 1.0, 2.0]) > 0.0);
    }
}
