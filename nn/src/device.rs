//! Where tensors live. The CUDA part of libtorch is not linked: it is loaded when a device is asked for, so that one binary runs
//! with and without it. A device that is asked for and missing is an error, never a quiet run on the processor.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{NnError, Result};
use crate::tensor::{self, Device};

/// The library that holds libtorch's CUDA part.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// The folder of libtorch that the binary was built with.
const BUILT_WITH: Option<&str> = option_env!("LANGEVIN_LIBTORCH_LIB");

/// What `--device` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceRequest {
    /// The first CUDA device where there is one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device by its number.
    Cuda(usize),
}

impl FromStr for DeviceRequest {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("{other} is no device; it must be auto, cpu or cuda:N")),
        }
    }
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceRequest {
    /// The device, loaded and counted.
    ///
    /// # Errors
    /// [`NnError::Device`] for a device that is not here.
    pub fn resolve(self) -> Result<Device> {
        let missing = |detail: String| Err(NnError::Device { asked: self.to_string(), detail });
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(match CudaState::find() {
                CudaState::Ready { .. } => Device::Cuda(0),
                _ => Device::Cpu,
            }),
            Self::Cuda(number) => match CudaState::find() {
                CudaState::Ready { devices } if number < devices => Ok(Device::Cuda(number)),
                CudaState::Ready { devices: 1 } => missing("there is one CUDA device, cuda:0".into()),
                CudaState::Ready { devices } => {
                    missing(format!("there are {devices} CUDA devices, cuda:0 to cuda:{}", devices - 1))
                }
                state => missing(state.to_string()),
            },
        }
    }
}

/// What there is of CUDA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CudaState {
    /// No driver.
    NoDriver,
    /// A driver, but libtorch came without its CUDA part.
    NoLibrary,
    /// A library that does not load.
    Unloadable {
        /// What the dynamic linker said.
        detail: String,
    },
    /// All loaded, but no device answers.
    NoDevice,
    /// Devices to use.
    Ready {
        /// Their number.
        devices: usize,
    },
}

impl CudaState {
    /// Loads what there is. Loading twice does nothing.
    pub fn find() -> Self {
        let count = tensor::cuda_devices();
        if count > 0 {
            return Self::Ready { devices: count };
        }
        if langevin_loaded::load(Path::new("libcuda.so.1")).is_err() {
            return Self::NoDriver;
        }
        let Some(library) = cuda_library() else { return Self::NoLibrary };
        if let Err(error) = langevin_loaded::load(&library) {
            return Self::Unloadable { detail: error.to_string() };
        }
        match tensor::cuda_devices() {
            0 => Self::NoDevice,
            devices => Self::Ready { devices },
        }
    }
}

impl fmt::Display for CudaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => write!(f, "there is no NVIDIA driver (libcuda.so.1)"),
            Self::NoLibrary => {
                write!(f, "this libtorch has no CUDA part ({CUDA_LIBRARY}); `nn/libtorch/fetch --cuda` brings it")
            }
            Self::Unloadable { detail } => write!(f, "the CUDA part of libtorch does not load: {detail}"),
            Self::NoDevice => write!(f, "the driver reports no CUDA device"),
            Self::Ready { devices } => write!(f, "{devices} CUDA device{}", if *devices == 1 { "" } else { "s" }),
        }
    }
}

/// The folder that libtorch was loaded from; where the system does not say, the one it was linked with.
pub fn libtorch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let loaded = maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])));
    loaded
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libtorch_cpu")))
        .find_map(|path| path.parent().map(Path::to_path_buf))
        .or_else(|| BUILT_WITH.map(PathBuf::from))
}

/// The version that `build-version` beside the folder of the libraries says: the one loaded from, or where that has none (links
/// to a PyTorch), the one linked with.
pub fn libtorch_version() -> Option<String> {
    [libtorch_folder(), BUILT_WITH.map(PathBuf::from)].into_iter().flatten().find_map(|folder| {
        let text = std::fs::read_to_string(folder.parent()?.join("build-version")).ok()?;
        Some(text.trim().to_owned())
    })
}

/// The CUDA part: beside the libraries, beside their folder, or where `nn/libtorch/fetch --cuda` puts it.
fn cuda_library() -> Option<PathBuf> {
    let folders = [libtorch_folder(), BUILT_WITH.map(PathBuf::from)];
    folders.into_iter().flatten().find_map(|folder| {
        let root = folder.parent()?.to_path_buf();
        let cache = root.parent()?.to_path_buf();
        [folder, root.join("cuda"), cache.join("libtorch-2.11.0-cu130/cuda")]
            .into_iter()
            .map(|folder| folder.join(CUDA_LIBRARY))
            .find(|library| library.exists())
    })
}
