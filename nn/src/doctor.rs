//! What this machine has: libtorch, devices, threads; and what is missing, with the command that brings it.

use serde::Serialize;

use crate::device::{CudaState, libtorch_folder, libtorch_version};
use crate::error::{NnError, Result};
use crate::tensor::{self, Device, Kind, Tensor};

/// The version of libtorch that the bindings are for.
pub const EXPECTED_LIBTORCH: &str = "2.11.0";

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Version of langevin-nn.
    pub langevin_nn: String,
    /// Version of libtorch, as its `build-version` says.
    pub libtorch: Option<String>,
    /// Where libtorch was loaded from.
    pub libtorch_folder: Option<String>,
    /// Whether a product and a gradient come out right.
    pub computes: bool,
    /// Names for `--device`.
    pub devices: Vec<String>,
    /// What there is of CUDA.
    pub cuda: String,
    /// Whether cuDNN is there.
    pub cudnn: bool,
    /// Threads of one operation, unless `--threads` says otherwise.
    pub threads: usize,
    /// Vector instructions of the simulator, which draws the batches.
    pub instructions: String,
    /// What is missing for what, and what brings it. Empty when nothing is.
    pub missing: Vec<String>,
}

impl Diagnosis {
    /// Looks.
    ///
    /// # Errors
    /// [`NnError::Torch`] when libtorch cannot do the simplest things.
    pub fn make() -> Result<Self> {
        let computes = computes()?;
        let cuda = CudaState::find();
        let mut devices = vec!["cpu".to_owned()];
        if let CudaState::Ready { devices: count } = cuda {
            devices.extend((0..count).map(|number| format!("cuda:{number}")));
        }
        let libtorch = libtorch_version();
        let mut missing = Vec::new();
        match &libtorch {
            Some(version) if !version.starts_with(EXPECTED_LIBTORCH) => {
                missing.push(format!("libtorch {EXPECTED_LIBTORCH}: this is {version}; `nn/libtorch/fetch` brings it"));
            }
            _ => {}
        }
        if !matches!(cuda, CudaState::Ready { .. }) {
            missing.push(format!("--device cuda: {cuda}"));
        }
        Ok(Self {
            langevin_nn: env!("CARGO_PKG_VERSION").into(),
            libtorch,
            libtorch_folder: libtorch_folder().map(|folder| folder.display().to_string()),
            computes,
            devices,
            cuda: cuda.to_string(),
            cudnn: tensor::has_cudnn(),
            threads: tensor::threads(),
            instructions: langevin_sim::sgd::instruction_set(),
            missing,
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let unknown = || "unknown".to_owned();
        let mut lines = vec![
            format!("langevin-nn  {}", self.langevin_nn),
            format!("libtorch     {}", self.libtorch.clone().unwrap_or_else(unknown)),
            format!("             {}", self.libtorch_folder.clone().unwrap_or_else(unknown)),
            format!("arithmetic   {}", if self.computes { "right" } else { "WRONG" }),
            format!("devices      {}", self.devices.join(", ")),
            format!("cuDNN        {}", if self.cudnn { "yes" } else { "no" }),
            format!("threads      {}", self.threads),
            format!("instructions {}", self.instructions),
        ];
        lines.extend(self.missing.iter().map(|missing| format!("missing      {missing}")));
        lines.join("\n")
    }
}

/// d/dx of |Wx|^2 / 2 at W = [[1, 2], [3, 4]], x = (1, 1) is W^T W x = (24, 34).
fn computes() -> Result<bool> {
    let weight = Tensor::from_values(&[1.0, 2.0, 3.0, 4.0], &[2, 2], Kind::Double, Device::Cpu)?;
    let leaf = Tensor::full(&[1, 2], 1.0, Kind::Double, Device::Cpu)?.leaf()?;
    let zero = Tensor::zeros(&[1, 2], Kind::Double, Device::Cpu)?;
    let loss = leaf.linear(&weight, None)?.half_squared_distance(&zero)?;
    let gradients = loss.gradients(&[leaf], false)?;
    let gradient = gradients.first().ok_or_else(|| NnError::Input { detail: "no gradient".into() })?;
    Ok(gradient.to_values()? == [24.0, 34.0])
}
