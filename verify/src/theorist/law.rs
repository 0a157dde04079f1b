//! A problem with one output, and what is exactly true of SGD on it.

use std::sync::Arc;

use langevin_sim::Dataset;
use langevin_sim::data::GaussianSpec;
use langevin_theory::discrete::{ModeLaw, ModeMap};
use langevin_theory::linear_algebra::covariance_root;
use langevin_theory::minibatch::MinibatchLaw;
use langevin_theory::{Hyperparameters, LeastSquares, Sampling, Steps};
use nalgebra::{DMatrix, DVector};

use crate::error::{Result, VerifyError};
use crate::scenario::Prepared;

/// Data with one output, hyperparameters, and independent batches.
#[derive(Clone, Debug)]
pub struct Setting {
    prepared: Arc<Prepared>,
    sgd: Hyperparameters,
    sampling: Sampling,
}

impl Setting {
    /// A data set, hyperparameters and a way to draw batches.
    ///
    /// # Errors
    /// [`VerifyError::Input`] for several outputs, or for reshuffled epochs, whose noise has memory; [`VerifyError::Theory`]
    /// where SGD has no stationary state.
    pub fn new(data: Dataset, sgd: Hyperparameters, sampling: Sampling) -> Result<Self> {
        if data.problem.outputs() != 1 {
            return Err(VerifyError::Input {
                detail: format!("the data have {} outputs; a setting has one", data.problem.outputs()),
            });
        }
        if sampling == Sampling::Reshuffle {
            return Err(VerifyError::Input {
                detail: "batches are reshuffled; a setting has independent batches, with or without replacement".into(),
            });
        }
        sampling.noise_factor(data.problem.samples(), sgd.batch_size())?;
        let prepared = Prepared::new(data)?;
        if prepared.quadratic.rank() == 0 {
            return Err(VerifyError::Input { detail: "all features are zero; at least one must vary".into() });
        }
        MinibatchLaw::with_quadratic(&prepared.dataset.problem, &prepared.quadratic, &sgd, sampling)?
            .require_stable()?;
        Ok(Self { prepared, sgd, sampling })
    }

    /// Twelve synthetic samples of two features, eta = 0.25, beta = 0.6, lambda = 0.05, batches of 3 with replacement: seconds
    /// per test, and the SDE is off by tens of per cent.
    ///
    /// ```
    /// let setting = langevin_verify::theorist::Setting::small();
    /// assert_eq!((setting.data().samples(), setting.data().dimension()), (12, 2));
    /// ```
    ///
    /// # Panics
    /// Never: the numbers are fixed, and a test holds them.
    pub fn small() -> Self {
        let spec = GaussianSpec { eigenvalues: vec![1.0, 0.5], noise: 0.5, rows: 12, seed: 4 };
        let setting = Dataset::gaussian(&spec)
            .map_err(VerifyError::from)
            .and_then(|data| Self::new(data, Hyperparameters::new(0.25, 0.6, 0.05, 3)?, Sampling::WithReplacement));
        match setting {
            Ok(setting) => setting,
            Err(error) => unreachable!("the fixed setting is valid: {error}"),
        }
    }

    /// The data.
    pub fn data(&self) -> &LeastSquares {
        &self.prepared.dataset.problem
    }

    /// eta, beta, lambda, S.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// How batches are drawn.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// What is exactly true of SGD here.
    ///
    /// # Errors
    /// As [`MinibatchLaw::stationary_second_moment`].
    pub fn law(&self) -> Result<ExactLaw> {
        let law = MinibatchLaw::with_quadratic(self.data(), &self.prepared.quadratic, &self.sgd, self.sampling)?;
        let position = law.stationary_position_in_eigenbasis(0)?;
        let covariance = law.stationary_second_moment(0)?;
        Ok(ExactLaw {
            sgd: self.sgd,
            minimum: law.minimum_ridge().column(0).into_owned(),
            eigenvectors: self.prepared.quadratic.eigenvectors().clone(),
            rank: self.prepared.quadratic.rank(),
            maps: law.maps(),
            modes: law.equivalent_modes(&position)?,
            in_eigenbasis: law.phase_space_moment(&position)?,
            root: covariance_root("the stationary covariance", &covariance)?,
            covariance,
        })
    }
}

/// The stationary law of SGD in a setting, exact for true minibatch noise.
#[derive(Clone, Debug)]
pub struct ExactLaw {
    sgd: Hyperparameters,
    minimum: DVector<f64>,
    eigenvectors: DMatrix<f64>,
    rank: usize,
    maps: Vec<ModeMap>,
    modes: Vec<ModeLaw>,
    in_eigenbasis: DMatrix<f64>,
    covariance: DMatrix<f64>,
    root: DMatrix<f64>,
}

impl ExactLaw {
    /// d.
    pub fn dimension(&self) -> usize {
        self.minimum.len()
    }

    /// eta, beta, lambda, S.
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.sgd
    }

    /// The ridge minimum, d numbers: the stationary mean of the position.
    pub fn minimum(&self) -> &DVector<f64> {
        &self.minimum
    }

    /// Stationary covariance of (theta, v), 2d x 2d, positions first, in the coordinates of the data.
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// The same in the eigenbasis of the Hessian.
    pub fn covariance_in_eigenbasis(&self) -> &DMatrix<f64> {
        &self.in_eigenbasis
    }

    /// Eigenvectors of the Hessian as columns, by descending curvature.
    pub fn eigenvectors(&self) -> &DMatrix<f64> {
        &self.eigenvectors
    }

    /// Number of modes: directions with curvature.
    pub fn modes(&self) -> usize {
        self.rank
    }

    /// h = rho + lambda of a mode.
    ///
    /// # Panics
    /// For a mode that is not below d.
    pub fn curvature(&self, mode: usize) -> f64 {
        self.maps[mode].curvature()
    }

    pub(super) fn maps(&self) -> &[ModeMap] {
        &self.maps
    }

    pub(super) fn root(&self) -> &DMatrix<f64> {
        &self.root
    }

    /// E|theta_k - theta_{k-1}|^2.
    ///
    /// # Errors
    /// As [`ModeLaw::speed`].
    pub fn speed(&self) -> Result<f64> {
        Ok(self.modes.iter().take(self.rank).map(ModeLaw::speed).sum::<langevin_theory::Result<f64>>()?)
    }

    /// E|theta_{s+k} - theta_s|^2.
    ///
    /// # Errors
    /// As [`ModeLaw::displacement`].
    pub fn displacement(&self, steps: u64) -> Result<f64> {
        let modes = self.modes.iter().take(self.rank);
        Ok(modes.map(|mode| mode.displacement(Steps(steps))).sum::<langevin_theory::Result<f64>>()?)
    }
}
