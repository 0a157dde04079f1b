//! Checkpoints: one safetensors file with the parameters and buffers under the network's names, the velocity of each parameter
//! under `velocity.` and its name, and as metadata one JSON text with the step, the place in the sequence of batches, what the run
//! is, and a SHA-256 of it all. A file is written whole or not at all.
//!
//! The same reader takes weights that other programs wrote, if names and shapes fit: Torchvision's for VGG and ResNet.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use langevin_verify::output::write_file;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{NnError, Result};
use crate::network::Network;
use crate::tensor::{Device, Kind, Tensor};

/// Version of the metadata.
const FORMAT: u64 = 1;

/// The one key of the metadata: one, so that the same state gives the same bytes.
const METADATA: &str = "langevin-nn";

/// Before the name of a parameter: its velocity.
const VELOCITY: &str = "velocity.";

/// PyTorch counts batches beside each running average; nothing here depends on it.
const COUNTER: &str = "num_batches_tracked";

/// What a checkpoint says beside its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointState {
    /// Steps done.
    pub step: u64,
    /// Rows recorded until then.
    pub records: u64,
    /// The place in the sequence of batches.
    pub batches: Vec<u8>,
    /// What determines the numbers of the run.
    pub identity: Map<String, Value>,
}

/// A file that was read.
#[derive(Debug)]
pub struct CheckpointFile {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
}

struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    fn of(tensor: &Tensor) -> Result<Self> {
        let dtype = match tensor.kind() {
            Kind::Double => Dtype::F64,
            _ => Dtype::F32,
        };
        let shape = tensor.shape().into_iter().map(|side| usize::try_from(side).unwrap_or(0)).collect();
        Ok(Self { dtype, shape, bytes: tensor.to_bytes()? })
    }
}

/// Of names, arrays and everything that the metadata say but their own checksum.
fn checksum<'a>(arrays: impl Iterator<Item = (&'a str, &'a [u8])>, metadata: &Map<String, Value>) -> String {
    let mut sum = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sum.update((bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    let arrays: BTreeMap<&str, &[u8]> = arrays.collect();
    for (name, bytes) in arrays {
        part(name.as_bytes());
        part(bytes);
    }
    for (key, value) in metadata.iter().filter(|(key, _)| *key != "sha256") {
        part(key.as_bytes());
        part(value.to_string().as_bytes());
    }
    hexadecimal(&sum.finalize())
}

/// Two digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().as_chunks::<2>();
    if !digits.1.is_empty() {
        return None;
    }
    digits
        .0
        .iter()
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Writes the state of a run.
///
/// # Errors
/// [`NnError::Verify`] when the file cannot be written; what was there before is still there.
pub fn write_checkpoint(path: &Path, network: &Network, state: &CheckpointState) -> Result<()> {
    let mut arrays = BTreeMap::new();
    for ((parameter, leaf), velocity) in
        network.blueprint().parameters.iter().zip(network.leaves()).zip(network.velocities())
    {
        arrays.insert(parameter.name.clone(), Array::of(leaf)?);
        arrays.insert(format!("{VELOCITY}{}", parameter.name), Array::of(velocity)?);
    }
    for (buffer, tensor) in network.blueprint().buffers.iter().zip(network.buffers()) {
        arrays.insert(buffer.name.clone(), Array::of(tensor)?);
    }
    let mut metadata = Map::new();
    metadata.insert("format".into(), FORMAT.into());
    metadata.insert("step".into(), state.step.into());
    metadata.insert("records".into(), state.records.into());
    metadata.insert("batches".into(), hexadecimal(&state.batches).into());
    metadata.insert("identity".into(), Value::Object(state.identity.clone()));
    let sum = checksum(arrays.iter().map(|(name, array)| (name.as_str(), array.bytes.as_slice())), &metadata);
    metadata.insert("sha256".into(), sum.into());
    let metadata = HashMap::from([(METADATA.to_owned(), Value::Object(metadata).to_string())]);
    let refused = |error: safetensors::SafeTensorError| NnError::File { path: path.into(), detail: error.to_string() };
    let views = arrays
        .iter()
        .map(|(name, array)| {
            TensorView::new(array.dtype, array.shape.clone(), &array.bytes).map(|view| (name.clone(), view))
        })
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(refused)?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(refused)?;
    Ok(write_file(path, &bytes)?)
}

impl CheckpointFile {
    /// Reads a file of weights or a checkpoint.
    ///
    /// # Errors
    /// [`NnError::Read`]; [`NnError::File`] for a file that is damaged or cut off.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| NnError::Read { path: path.into(), source })?;
        let file = Self { path: path.into(), bytes };
        file.arrays()?;
        if let Some(metadata) = file.metadata()? {
            let arrays = file.arrays()?;
            let tensors = arrays.tensors();
            let found = checksum(tensors.iter().map(|(name, view)| (name.as_str(), view.data())), &metadata);
            if metadata.get("sha256").and_then(Value::as_str) != Some(&found) {
                return Err(file.refused("it is damaged: its contents do not have its SHA-256".into()));
            }
        }
        Ok(file)
    }

    fn refused(&self, detail: String) -> NnError {
        NnError::File { path: self.path.clone(), detail }
    }

    fn arrays(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| {
            self.refused(format!(
                "{} bytes that are no safetensors file, or not a whole one ({error})",
                self.bytes.len()
            ))
        })
    }

    /// What a checkpoint says of itself; nothing in files of other programs.
    fn metadata(&self) -> Result<Option<Map<String, Value>>> {
        let (_, header) = SafeTensors::read_metadata(&self.bytes).map_err(|error| self.refused(error.to_string()))?;
        let Some(text) = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)) else {
            return Ok(None);
        };
        let metadata = serde_json::from_str(text);
        metadata.map(Some).map_err(|error| self.refused(format!("it is damaged: its metadata are no JSON ({error})")))
    }

    /// What the file says of the run.
    ///
    /// # Errors
    /// [`NnError::File`] when it is no checkpoint of this version.
    pub fn state(&self) -> Result<CheckpointState> {
        let Some(metadata) = self.metadata()? else {
            return Err(self.refused("weights, but no checkpoint: it names no step".into()));
        };
        let lacks = |key: &str| self.refused(format!("a checkpoint whose metadata have no sound \"{key}\""));
        let number = |key: &str| metadata.get(key).and_then(Value::as_u64).ok_or_else(|| lacks(key));
        let format = number("format")?;
        if format != FORMAT {
            return Err(self.refused(format!("a checkpoint of format {format}; this version reads {FORMAT}")));
        }
        let batches = metadata.get("batches").and_then(Value::as_str).and_then(unhex);
        let identity = metadata.get("identity").and_then(Value::as_object);
        Ok(CheckpointState {
            step: number("step")?,
            records: number("records")?,
            batches: batches.ok_or_else(|| lacks("batches"))?,
            identity: identity.ok_or_else(|| lacks("identity"))?.clone(),
        })
    }

    fn tensor(&self, view: &TensorView<'_>, name: &str, wanted: &[i64], device: Device) -> Result<Tensor> {
        let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
        if shape != wanted {
            return Err(self.refused(format!("{name} has the shape {shape:?}; the network's has {wanted:?}")));
        }
        let kind = match view.dtype() {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => {
                let admissible = "F16, BF16, F32 or F64";
                return Err(self.refused(format!("{name} is of type {other:?}; it must be {admissible}")));
            }
        };
        let tensor = Tensor::from_bytes(view.data(), &shape, kind, device)?;
        if tensor.all_finite()?.value()? == 0.0 {
            return Err(self.refused(format!("{name} has entries that are not finite")));
        }
        Ok(tensor)
    }

    /// Puts parameters and buffers into a network, and the velocity when it is asked for; else the velocity is set to zero.
    ///
    /// # Errors
    /// [`NnError::File`] naming an array that is missing, too many, of another shape, or not finite.
    pub fn load_into(&self, network: &mut Network, with_velocity: bool) -> Result<()> {
        let arrays = self.arrays()?;
        let blueprint = network.blueprint().clone();
        let known = |name: &str| {
            name.ends_with(COUNTER)
                || name.starts_with(VELOCITY)
                || blueprint.parameters.iter().any(|parameter| parameter.name == name)
                || blueprint.buffers.iter().any(|buffer| buffer.name == name)
        };
        let names = arrays.names();
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(self.refused(format!("it holds {unknown}, which the network does not have")));
        }
        let find = |name: &str| {
            arrays.tensor(name).map_err(|_| {
                self.refused(format!("it does not hold {name}, which the network has; it holds {} arrays", names.len()))
            })
        };
        let device = network.device();
        network.velocity().clear()?;
        let mut first = 0;
        for parameter in &blueprint.parameters {
            let count = parameter.shape.iter().product::<i64>();
            let range = first..first + count;
            first = range.end;
            let value = self.tensor(&find(&parameter.name)?, &parameter.name, &parameter.shape, device)?;
            network.position().part(range.clone())?.assign(&value.shaped(&[count])?)?;
            if with_velocity {
                let name = format!("{VELOCITY}{}", parameter.name);
                let value = self.tensor(&find(&name)?, &name, &parameter.shape, device)?;
                network.velocity().part(range)?.assign(&value.shaped(&[count])?)?;
            }
        }
        for (place, buffer) in blueprint.buffers.iter().enumerate() {
            let value = self.tensor(&find(&buffer.name)?, &buffer.name, &buffer.shape, device)?;
            if let Some(tensor) = network.buffer(place) {
                tensor.assign(&value)?;
            }
        }
        Ok(())
    }
}
