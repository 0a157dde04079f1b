//! The output of a run: named arrays, and where they come from.

use langevin_sim::Moments;
use serde::Serialize;

use super::frame::Frame;
use super::reduction::Block;
use super::state_file::{Manifest, State};
use crate::error::{Result, VerifyError};

/// Numbers of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floating point; what is not defined is NaN.
    Real(Vec<f64>),
    /// Whole numbers.
    Whole(Vec<i64>),
}

/// A named array of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Name in the archive.
    pub name: String,
    /// Shape, slowest index first.
    pub shape: Vec<u64>,
    /// Its numbers.
    pub values: Values,
}

impl Array {
    pub(crate) fn real(name: impl Into<String>, shape: Vec<u64>, values: Vec<f64>) -> Self {
        Self { name: name.into(), shape, values: Values::Real(values) }
    }

    pub(crate) fn whole(name: &str, steps: &[u64]) -> Self {
        let values = steps.iter().map(|step| step.cast_signed()).collect();
        Self { name: name.into(), shape: vec![steps.len() as u64], values: Values::Whole(values) }
    }
}

/// Where the numbers of an output come from; the same for any number of threads and shards.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// SHA-256 of the problem.
    pub problem_hash: String,
    /// SHA-256 of the sources.
    pub code_hash: String,
    /// Settings.
    #[serde(flatten)]
    pub frame: Frame,
}

/// What a simulation gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// The numbers.
    pub arrays: Vec<Array>,
}

impl Simulated {
    /// The output of a complete state.
    ///
    /// # Errors
    /// [`VerifyError::Input`] when units are missing.
    pub(super) fn new(manifest: &Manifest, state: &State) -> Result<Self> {
        let frame = &manifest.frame;
        let roots: Vec<&Block> = (0..frame.points()).filter_map(|point| state.reduction.root(point)).collect();
        if roots.len() != frame.points() {
            return Err(VerifyError::Input {
                detail: format!("only {} of {} points of the sweep are complete", roots.len(), frame.points()),
            });
        }
        let sweep: Vec<u64> = frame.sweep.iter().map(|axis| axis.values.len() as u64).collect();
        let swept = |shape: &[u64]| sweep.iter().chain(shape).copied().collect::<Vec<u64>>();
        let mut arrays: Vec<Array> = frame
            .sweep
            .iter()
            .map(|axis| Array::real(format!("sweep_{}", axis.key), vec![axis.values.len() as u64], axis.values.clone()))
            .collect();
        if !frame.sweep.is_empty() {
            let defined = |root: &&Block| i64::from(root.moments.quantities().iter().all(is_defined));
            let values = Values::Whole(roots.iter().map(defined).collect());
            arrays.push(Array { name: "defined".into(), shape: sweep.clone(), values });
        }
        arrays.push(Array::real("eigenvalues", vec![frame.dimension], state.eigenvalues.clone()));
        arrays.push(Array::real(
            "minimum_ridge",
            swept(&[frame.outputs, frame.dimension]),
            state.minimum_ridge.clone(),
        ));
        if frame.displacement {
            arrays.push(Array::whole("displacement_lags", &frame.displacement_lags()));
        }
        if frame.autocovariance {
            arrays.push(Array::whole("autocovariance_lags", &frame.autocovariance_lags()));
        }
        let mut first = 0;
        for quantity in frame.quantities() {
            let place = first..first + quantity.length();
            first = place.end;
            let gather = |number: fn(&Moments) -> f64| {
                roots
                    .iter()
                    .flat_map(|root| root.moments.quantities().get(place.clone()).unwrap_or_default())
                    .map(|entry| if is_defined(entry) { number(entry) } else { f64::NAN })
                    .collect::<Vec<f64>>()
            };
            let shape = swept(&quantity.shape());
            arrays.push(Array::real(quantity.name, shape.clone(), gather(Moments::mean)));
            let name = format!("{}_standard_error", quantity.name);
            arrays.push(Array::real(name, shape, gather(Moments::standard_error)));
        }
        if frame.trajectory_every.is_some() {
            let shape = [frame.chains, frame.trajectory_length(), 2, frame.outputs, frame.dimension];
            let mut values = Vec::with_capacity(frame.trajectory_numbers() as usize);
            for root in &roots {
                values.extend_from_slice(&root.trajectory);
            }
            arrays.push(Array::real("trajectory", swept(&shape), values));
            arrays.push(Array::whole("trajectory_steps", &frame.trajectory_steps()));
        }
        for array in &arrays {
            let length = match &array.values {
                Values::Real(values) => values.len(),
                Values::Whole(values) => values.len(),
            };
            if length as u64 != array.shape.iter().product::<u64>() {
                return Err(VerifyError::Input {
                    detail: format!("{} has {length} numbers; its shape is {:?}", array.name, array.shape),
                });
            }
        }
        Ok(Self {
            provenance: Provenance {
                version: manifest.version.clone(),
                problem_hash: manifest.problem_hash.clone(),
                code_hash: manifest.code_hash.clone(),
                frame: frame.clone(),
            },
            arrays,
        })
    }

    /// The floating-point numbers of an array.
    pub fn real(&self, name: &str) -> Option<&[f64]> {
        self.arrays.iter().find(|array| array.name == name).and_then(|array| match &array.values {
            Values::Real(values) => Some(values.as_slice()),
            Values::Whole(_) => None,
        })
    }
}

fn is_defined(entry: &Moments) -> bool {
    entry.mean().is_finite() && entry.standard_error().is_finite()
}
