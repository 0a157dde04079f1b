//! Intervals over independent replicates, and power laws fitted by least squares.

use langevin_verify::networks::Observation;
use langevin_verify::statistics::tail::student_quantile_above;

/// Probability that an interval misses.
pub const ALPHA: f64 = 0.05;

/// Mean of independent numbers, and half the width of its Student interval; infinite for one number.
pub fn student(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, f64::INFINITY);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, student_quantile_above(count - 1.0, 0.5 * ALPHA) * (variance / count).sqrt())
}

/// An observation from one effect per replicate.
pub fn observed(id: &str, what: &str, effects: &[f64], expected: Option<f64>, reference: &str) -> Observation {
    let (effect, half) = student(effects);
    Observation {
        id: id.into(),
        what: what.into(),
        effect,
        interval: [effect - half, effect + half],
        expected,
        replicates: effects.len() as u64,
        alpha: ALPHA,
        reference: reference.into(),
    }
}

/// (a, c) of a k^c: the least-squares line of ln y over ln k (H.2, H.6); points that are not positive are left out.
pub fn power_law(steps: &[f64], values: &[f64]) -> (f64, f64) {
    let points: Vec<(f64, f64)> = steps
        .iter()
        .zip(values)
        .filter(|(step, value)| **step > 0.0 && **value > 0.0)
        .map(|(step, value)| (step.ln(), value.ln()))
        .collect();
    let (slope, level) = line(&points);
    (level.exp(), slope)
}

/// Slope and level of the least-squares line.
pub fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let (mut xx, mut xy) = (0.0, 0.0);
    for point in points {
        xx += (point.0 - x).powi(2);
        xy += (point.0 - x) * (point.1 - y);
    }
    let slope = xy / xx;
    (slope, y - slope * x)
}

/// Mean and variance.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_found() {
        let steps: Vec<f64> = (1..50).map(f64::from).collect();
        let values: Vec<f64> = steps.iter().map(|step| 0.3 * step.powf(1.4)).collect();
        let (a, c) = power_law(&steps, &values);
        assert!((a - 0.3).abs() < 1e-13 && (c - 1.4).abs() < 1e-13);
    }

    #[test]
    fn the_interval_is_students() {
        // t_{0.975, 2} = 4.302652729911275 (tables); the standard error of 1, 2, 3 is 1/sqrt(3)
        let (mean, half) = student(&[1.0, 2.0, 3.0]);
        assert!((mean - 2.0).abs() < 1e-15 && (half - 4.302_652_729_911_275 / 3.0_f64.sqrt()).abs() < 1e-8);
    }
}
