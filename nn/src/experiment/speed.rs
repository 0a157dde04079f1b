//! The speed that theory predicts from the noise at theta_*,
//!
//! ```text
//! E|delta|^2 = eta^2 phi/(1 - beta^2) sum_l f_l q_l' Sigma q_l,   f = 1/(1 - eta h/(2(1 + beta))),
//! ```
//!
//! (16) with the noise itself in place of sigma^2 H (E43), phi = 1/S or that of drawing without replacement (E25), and the factor
//! f of the discrete process (E03). f is exact along the known eigenvectors and to first order in eta h elsewhere, where tr H Sigma gives it.

use langevin_theory::{Hyperparameters, Sampling};

use super::point::Curvature;
use crate::error::Result;

/// phi; for reshuffled batches that do not divide the data, that of drawing without replacement.
///
/// # Errors
/// [`crate::NnError::Theory`] for a batch that the data cannot give.
pub fn noise_factor(sampling: Sampling, samples: usize, sgd: &Hyperparameters) -> Result<f64> {
    let batch = sgd.batch_size();
    let sampling = match sampling {
        Sampling::Reshuffle => Sampling::WithoutReplacement,
        other => other,
    };
    Ok(sampling.noise_factor(samples, batch)?)
}

/// sum_l f_l q_l' Sigma q_l / tr Sigma.
pub fn correction(curvature: &Curvature, sgd: &Hyperparameters) -> f64 {
    let (rate, scale) = (sgd.learning_rate(), 2.0 * (1.0 + sgd.momentum()));
    let decay = sgd.weight_decay();
    let trace = curvature.trace_noise.value;
    let mut sum = rate * (curvature.trace_product.value + decay * trace) / scale;
    for (direction, rho) in curvature.eigenvalues.iter().enumerate() {
        let part = rate * (rho + decay) / scale;
        sum += curvature.noise_along(direction) * (1.0 / (1.0 - part) - 1.0 - part);
    }
    1.0 + sum / trace
}

/// E|delta|^2 with and without the factor of the discrete process.
pub fn predicted(curvature: &Curvature, sgd: &Hyperparameters, factor: f64) -> (f64, f64) {
    let plain = sgd.learning_rate().powi(2) * factor * curvature.trace_noise.value / (1.0 - sgd.momentum().powi(2));
    (plain * correction(curvature, sgd), plain)
}

#[cfg(test)]
mod tests {
    use langevin_theory::Steps;
    use langevin_theory::discrete::{ModeLaw, ModeMap};

    use super::*;
    use crate::experiment::Estimate;

    /// With every direction known, the prediction is the sum of the exact speeds of the modes, to rounding.
    #[test]
    fn all_modes_together_have_the_exact_speed() {
        let sgd = Hyperparameters::new(0.5, 0.6, 0.1, 4).unwrap();
        let (eigenvalues, noise) = ([2.0, 0.5, 0.1], [3.0, 1.0, 0.2]);
        let exactly = |value| Estimate { value, half_width: 0.0 };
        let curvature = Curvature {
            eigenvalues: eigenvalues.to_vec(),
            residuals: vec![0.0; 3],
            gradient: vec![0.0; 3],
            minimum: vec![0.0; 3],
            noise: vec![noise[0], 0.0, 0.0, 0.0, noise[1], 0.0, 0.0, 0.0, noise[2]],
            tail_index: Vec::new(),
            trace_hessian: exactly(2.6),
            trace_noise: exactly(4.2),
            trace_product: exactly(6.52),
            density: [Vec::new(), Vec::new()],
            moment_mismatch: 0.0,
            modes: None,
            samples: 1,
            dimension: 3,
            products: 0,
        };
        let factor = 0.25;
        let exact: f64 = eigenvalues
            .iter()
            .zip(noise)
            .map(|(rho, noise)| {
                let map = ModeMap::new(sgd.learning_rate(), sgd.momentum(), rho + sgd.weight_decay());
                let law = ModeLaw::new(map, factor * noise).unwrap();
                // the displacement over one step is the same number
                assert!((law.displacement(Steps(1)).unwrap() / law.speed().unwrap() - 1.0).abs() < 1e-12);
                law.speed().unwrap()
            })
            .sum();
        let (discrete, plain) = predicted(&curvature, &sgd, factor);
        assert!((discrete / exact - 1.0).abs() < 1e-12, "{discrete} {exact}");
        // and it is not (16)
        assert!(discrete / plain > 1.1);
    }
}
