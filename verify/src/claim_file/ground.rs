//! What a formula is evaluated on: curvatures, gradient noise and data, at one weight decay.

use std::sync::Arc;

use langevin_theory::gradient_noise;
use nalgebra::DMatrix;

use crate::error::Result;
use crate::scenario::Prepared;

/// Curvatures and noise, either chosen numbers or those of data.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum {
    /// In words.
    pub(crate) name: String,
    pub(crate) kind: SpectrumKind,
}

#[derive(Clone, Debug)]
pub(crate) enum SpectrumKind {
    /// Numbers that need not come from any data; they do not change with weight decay.
    Numbers { eigenvalues: Vec<f64>, noise: Vec<f64>, linear: Vec<f64>, residual: f64, samples: usize },
    /// Data with one output.
    Data(Arc<Prepared>),
}

impl Spectrum {
    pub(crate) fn numbers(name: &str, eigenvalues: &[f64], noise: &[f64], residual: f64, samples: usize) -> Self {
        let linear = (0..eigenvalues.len()).map(|i| 0.7 - 0.4 * i as f64).collect();
        let kind =
            SpectrumKind::Numbers { eigenvalues: eigenvalues.into(), noise: noise.into(), linear, residual, samples };
        Self { name: name.into(), kind }
    }

    /// The eigenvalues of directions with curvature, descending.
    pub(crate) fn eigenvalues(&self) -> Vec<f64> {
        match &self.kind {
            SpectrumKind::Numbers { eigenvalues, .. } => eigenvalues.clone(),
            SpectrumKind::Data(prepared) => {
                let quadratic = &prepared.quadratic;
                quadratic.eigenvalues().iter().take(quadratic.rank()).copied().collect()
            }
        }
    }

    pub(crate) fn samples(&self) -> usize {
        match &self.kind {
            SpectrumKind::Numbers { samples, .. } => *samples,
            SpectrumKind::Data(prepared) => prepared.dataset.problem.samples(),
        }
    }

    /// The spectrum at a weight decay.
    pub(crate) fn at(&self, weight_decay: f64) -> Result<Arc<Ground>> {
        let eigenvalues = self.eigenvalues();
        Ok(Arc::new(match &self.kind {
            SpectrumKind::Numbers { noise, linear, residual, samples, .. } => Ground {
                name: self.name.clone(),
                weight_decay,
                trace: eigenvalues.iter().sum(),
                dimension: eigenvalues.len(),
                covariance: DMatrix::from_diagonal(&noise.clone().into()),
                noise: noise.clone(),
                linear: linear.clone(),
                residual: *residual,
                samples: *samples,
                prepared: None,
                eigenvalues,
            },
            SpectrumKind::Data(prepared) => {
                let (data, quadratic) = (&prepared.dataset.problem, &prepared.quadratic);
                let rank = eigenvalues.len();
                let minimum = quadratic.minimum_ridge(weight_decay);
                let covariance = quadratic.to_eigenbasis(&gradient_noise::covariance(data, &minimum, 0)?)?;
                let linear = quadratic.eigenvectors().tr_mul(quadratic.linear_term());
                Ground {
                    name: self.name.clone(),
                    weight_decay,
                    trace: quadratic.eigenvalues().sum(),
                    dimension: data.dimension(),
                    noise: (0..rank).map(|i| covariance[(i, i)].max(0.0)).collect(),
                    covariance: covariance.view((0, 0), (rank, rank)).into_owned(),
                    linear: (0..rank).map(|i| linear[(i, 0)]).collect(),
                    residual: gradient_noise::residual_variance(data, &minimum)?,
                    samples: data.samples(),
                    prepared: Some(prepared.clone()),
                    eigenvalues,
                }
            }
        }))
    }
}

/// A spectrum at one weight decay.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) name: String,
    pub(crate) weight_decay: f64,
    pub(crate) eigenvalues: Vec<f64>,
    /// q^T Sigma q.
    pub(crate) noise: Vec<f64>,
    /// Sigma in the eigenbasis, on directions with curvature.
    pub(crate) covariance: DMatrix<f64>,
    /// q^T b.
    pub(crate) linear: Vec<f64>,
    /// sigma^2.
    pub(crate) residual: f64,
    pub(crate) trace: f64,
    pub(crate) samples: usize,
    pub(crate) dimension: usize,
    /// The data, if it is data.
    pub(crate) prepared: Option<Arc<Prepared>>,
}

impl Ground {
    /// h of a mode.
    pub(crate) fn curvature(&self, mode: usize) -> f64 {
        self.eigenvalues[mode] + self.weight_decay
    }

    /// (lambda / 2) <mu_ols, mu_ridge>, the loss of the ridge minimum above that of the unregularised one (erratum E09).
    pub(crate) fn loss_offset(&self) -> f64 {
        (0..self.eigenvalues.len())
            .map(|i| 0.5 * self.weight_decay * self.linear[i].powi(2) / (self.eigenvalues[i] * self.curvature(i)))
            .sum()
    }

    /// The steepest modes alone, as a problem of its own.
    pub(crate) fn top(&self, modes: usize) -> Arc<Self> {
        let keep = modes.min(self.eigenvalues.len());
        if keep == self.eigenvalues.len() {
            return Arc::new(self.clone());
        }
        Arc::new(Self {
            name: format!("top {keep} modes of {}", self.name),
            eigenvalues: self.eigenvalues[..keep].to_vec(),
            noise: self.noise[..keep].to_vec(),
            covariance: self.covariance.view((0, 0), (keep, keep)).into_owned(),
            linear: self.linear[..keep].to_vec(),
            trace: self.eigenvalues[..keep].iter().sum(),
            dimension: keep,
            prepared: None,
            ..self.clone()
        })
    }
}
