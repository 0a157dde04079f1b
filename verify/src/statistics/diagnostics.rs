//! Diagnostics of long chains (layer L3): reported, never a gate.
//!
//! *R-hat* (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021): chains are split in halves and their pooled ranks replaced by
//! normal quantiles, z = Phi^{-1}((rank - 3/8)/(n + 1/4)); R-hat = sqrt((B/W + n - 1)/n) with variances B between and W within
//! halves of n draws. The folded one does the same to distances from the median, and sees differences of spread.
//!
//! *Effective sample size*: all draws over 1 + 2 sum of autocorrelations, cut off by Geyer's initial monotone sequence; in
//! bulk from the normal quantiles of ranks, in the tails from the indicators of the 5 % and 95 % quantiles, the smaller one.
//!
//! *Standard error* (Vats and Flegal 2022): lugsail batch means, 2 v(b) - v(b/3), where v(b) is b times the variance of
//! means of batches of length b = floor(sqrt(n)). Ordinary batch means are too small by a term of order 1/b, and this is too
//! large by it.

use super::tail::normal_quantile_above;

/// What is reported about chains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diagnostics {
    /// Split rank-normalised R-hat.
    pub rank_r_hat: f64,
    /// The same of distances from the median.
    pub folded_r_hat: f64,
    /// Effective sample size in bulk.
    pub bulk_size: f64,
    /// Effective sample size in the tails.
    pub tail_size: f64,
    /// Standard error of the mean over all chains, by lugsail batch means.
    pub standard_error: f64,
}

impl Diagnostics {
    /// Diagnoses chains of equal length; `None` for fewer than 8 draws, unequal lengths, or values that are not finite.
    ///
    /// ```
    /// use langevin_verify::statistics::diagnostics::Diagnostics;
    /// let chain: Vec<f64> = (0..100).map(|k| f64::from(k * 37 % 100)).collect();
    /// let found = Diagnostics::of(&[chain]).unwrap();
    /// assert!(found.rank_r_hat < 1.1 && found.bulk_size > 50.0);
    /// assert!(Diagnostics::of(&[vec![1.0, f64::NAN]]).is_none());
    /// ```
    pub fn of(chains: &[Vec<f64>]) -> Option<Self> {
        let draws = chains.first()?.len();
        let usable = draws >= 8
            && chains.iter().all(|chain| chain.len() == draws && chain.iter().all(|value| value.is_finite()));
        if !usable {
            return None;
        }
        let halves = split(chains);
        let scores = normal_scores(&halves);
        let centre = quantile(&halves.concat(), 0.5);
        let folded: Vec<Vec<f64>> =
            halves.iter().map(|half| half.iter().map(|value| (value - centre).abs()).collect()).collect();
        let all = chains.concat();
        let tail = |probability: f64| {
            let edge = quantile(&all, probability);
            let indicator = |half: &Vec<f64>| half.iter().map(|&value| f64::from(u8::from(value <= edge))).collect();
            effective_size(&halves.iter().map(indicator).collect::<Vec<Vec<f64>>>())
        };
        let variance = chains.iter().map(|chain| lugsail_variance(chain)).sum::<f64>() / chains.len() as f64;
        Some(Self {
            rank_r_hat: r_hat(&scores),
            folded_r_hat: r_hat(&normal_scores(&folded)),
            bulk_size: effective_size(&scores),
            tail_size: tail(0.05).min(tail(0.95)),
            standard_error: (variance / all.len() as f64).sqrt(),
        })
    }
}

/// First and last half of every chain; the middle draw of an odd length is left out.
fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let half = chains[0].len() / 2;
    let first = chains.iter().map(|chain| chain[..half].to_vec());
    let last = chains.iter().map(|chain| chain[chain.len() - half..].to_vec());
    first.chain(last).collect()
}

/// Normal quantiles of the pooled ranks; ties share their average.
fn normal_scores(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let draws = chains[0].len();
    let all = chains.concat();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_unstable_by(|&i, &j| all[i].total_cmp(&all[j]));
    let mut scores = vec![0.0; all.len()];
    let mut start = 0;
    for group in order.chunk_by(|&i, &j| all[i] <= all[j] && all[j] <= all[i]) {
        let rank = start as f64 + 0.5 * (group.len() as f64 + 1.0);
        let score = normal_quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        for &place in group {
            scores[place] = score;
        }
        start += group.len();
    }
    scores.chunks(draws).map(<[f64]>::to_vec).collect()
}

fn normal_quantile(below: f64) -> f64 {
    normal_quantile_above(below.min(1.0 - below)).copysign(below - 0.5)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased.
fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let draws = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let within = mean(&chains.iter().map(|chain| variance(chain)).collect::<Vec<f64>>());
    ((draws * variance(&means) / within + draws - 1.0) / draws).sqrt()
}

/// Linear interpolation between order statistics (type 7 of Hyndman and Fan), for probabilities below 1.
fn quantile(values: &[f64], probability: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = probability * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    sorted[low] + (place - low as f64) * (sorted[low + 1] - sorted[low])
}

/// Draws over the integrated autocorrelation time of all chains together, two at least.
fn effective_size(chains: &[Vec<f64>]) -> f64 {
    let draws = chains[0].len();
    let all = (draws * chains.len()) as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let autocovariance = |lag: usize| {
        let sum: f64 = chains
            .iter()
            .zip(&means)
            .map(|(chain, centre)| {
                chain.iter().zip(&chain[lag..]).map(|(x, y)| (x - centre) * (y - centre)).sum::<f64>() / draws as f64
            })
            .sum();
        sum / chains.len() as f64
    };
    let biased = autocovariance(0);
    if biased <= 0.0 {
        // constant draws
        return all;
    }
    let within = biased * draws as f64 / (draws as f64 - 1.0);
    let total = biased + variance(&means);
    let correlation = |lag: usize| 1.0 - (within - autocovariance(lag)) / total;
    // pairs of an even and the next odd lag, as long as their sum is positive
    let mut correlations = vec![1.0, correlation(1)];
    let mut lag = 1;
    let mut pair = [1.0, correlations[1]];
    while lag + 3 < draws && pair[0] + pair[1] > 0.0 {
        pair = [correlation(lag + 1), correlation(lag + 2)];
        if pair[0] + pair[1] >= 0.0 {
            correlations.extend(pair);
        }
        lag += 2;
    }
    // the last even lag counts once where it is positive
    let kept = lag - 1;
    let after = if pair[0] > 0.0 { pair[0] } else { correlations.get(kept).copied().unwrap_or(0.0) };
    // pair sums must not rise
    let pairs = correlations[..kept].chunks(2).scan(f64::INFINITY, |least, pair| {
        *least = pair.iter().sum::<f64>().min(*least);
        Some(*least)
    });
    let time = -1.0 + 2.0 * pairs.sum::<f64>() + after;
    all / time.max(1.0 / all.log10())
}

/// The limit of n Var(mean of n draws), from one chain.
pub fn lugsail_variance(chain: &[f64]) -> f64 {
    let length = (chain.len() as f64).sqrt().floor() as usize;
    let batch_means = |length: usize| {
        let means: Vec<f64> = chain.chunks_exact(length.max(1)).map(mean).collect();
        length.max(1) as f64 * variance(&means)
    };
    // for short chains the difference may be negative; ordinary batch means then stand in
    let (long, short) = (batch_means(length), batch_means(length / 3));
    if 2.0 * long > short { 2.0 * long - short } else { long }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// ArviZ's values for autoregressive chains (`tests/reference/make_diagnostics.py`).
    #[test]
    fn diagnostics_equal_those_of_arviz() {
        let text = include_str!("../../../tests/reference/diagnostics.json");
        let reference: serde_json::Value = serde_json::from_str(text).unwrap();
        let cases = reference["cases"].as_array().unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let chains: Vec<Vec<f64>> = serde_json::from_value(case["chains"].clone()).unwrap();
            let found = Diagnostics::of(&chains).unwrap();
            for (key, value) in [
                ("rank", found.rank_r_hat),
                ("folded", found.folded_r_hat),
                ("bulk", found.bulk_size),
                ("tail", found.tail_size),
            ] {
                let expected = case[key].as_f64().unwrap();
                // sums of a thousand numbers, and quantiles to 1e-13
                assert!((value / expected - 1.0).abs() < 1e-9, "{}, {key}: {value}, expected {expected}", case["name"]);
            }
        }
    }

    /// Sums of pairs of correlations 71/81, 13/81, 0, -22/81, of which the first two are positive; the lag behind them, -4/81,
    /// counts once: a time of -1 + 2 (84/81) - 4/81.
    #[test]
    fn pairs_of_lags_end_where_their_sum_is_not_positive() {
        let chains = [[1, -1, 0, -1, 0, 0, -1, 0, -1], [-1, -1, 0, 0, 0, 0, 1, 0, 1]];
        let size = effective_size(&chains.map(|chain| chain.map(f64::from).to_vec()));
        assert!((size - 18.0 * 81.0 / 83.0).abs() < 1e-12, "{size}");
    }

    /// An autoregression with coefficient a has n Var(mean) -> 1/(1 - a)^2; batches of 447 draws leave 0.5 % of it, and the
    /// estimate from 447 of them spreads by 2 sqrt(2/447) = 13 %; the average over 200 chains by 1 %.
    #[test]
    fn lugsail_errors_are_those_of_an_autoregression() {
        let mut stream = rand::rngs::ChaCha8Rng::seed_from_u64(6);
        let coefficient = 0.8;
        let (chains, draws) = (200, 200_000);
        let mut total = 0.0;
        for _ in 0..chains {
            let mut state = 0.0;
            let chain: Vec<f64> = (0..draws)
                .map(|_| {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    state = coefficient * state + noise;
                    state
                })
                .collect();
            total += lugsail_variance(&chain);
        }
        let ratio = total / f64::from(chains) * (1.0 - coefficient).powi(2);
        assert!((ratio - 1.0).abs() < 0.045, "{ratio}");
    }

    #[test]
    fn unusable_chains_have_no_diagnostics() {
        assert!(Diagnostics::of(&[]).is_none());
        assert!(Diagnostics::of(&[vec![0.0; 7]]).is_none());
        assert!(Diagnostics::of(&[vec![0.0; 8], vec![0.0; 9]]).is_none());
        assert!(Diagnostics::of(&[vec![f64::INFINITY; 8]]).is_none());
    }
}
