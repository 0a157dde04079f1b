//! Directions in parameter space that states are projected on, such as eigenvectors of the Hessian: a NumPy file, one
//! direction per row, entries in the order of the position vector (`parameters` in a run's manifest).

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use langevin_verify::output::write_with;
use npyz::{DType, NpyFile, Order, WriterBuilder};

use crate::error::{NnError, Result};
use crate::network::Network;
use crate::tensor::Tensor;

/// Reads directions for a network.
///
/// # Errors
/// [`NnError::Read`]; [`NnError::File`] for another shape or type than directions x parameters of floating-point numbers.
pub fn read_directions(path: &Path, network: &Network) -> Result<Tensor> {
    let unreadable = |source| NnError::Read { path: path.into(), source };
    let refused = |detail: String| NnError::File { path: path.into(), detail };
    let file = NpyFile::new(BufReader::new(File::open(path).map_err(unreadable)?)).map_err(unreadable)?;
    let (shape, dimension) = (file.shape().to_vec(), network.dimension() as u64);
    if shape.len() != 2 || shape[1] != dimension || shape[0] == 0 || file.order() != Order::C {
        let order = if file.order() == Order::C { "" } else { ", Fortran order" };
        return Err(refused(format!(
            "an array of shape {shape:?}{order}; it must be directions x {dimension} parameters, in C order"
        )));
    }
    let description = file.dtype().descr();
    let values: Vec<f64> = match &file.dtype() {
        DType::Plain(_) if description.contains("f4") => {
            file.into_vec::<f32>().map_err(unreadable)?.into_iter().map(f64::from).collect()
        }
        DType::Plain(_) if description.contains("f8") => file.into_vec().map_err(unreadable)?,
        _ => return Err(refused(format!("entries of type {description}; they must be f4 or f8"))),
    };
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        return Err(refused(format!(
            "entry {} of direction {} is not finite",
            place as u64 % dimension,
            place as u64 / dimension
        )));
    }
    let shape = [shape[0] as i64, dimension as i64];
    Tensor::from_values(&values, &shape, network.precision().kind(), network.device())
}

/// Writes vectors, one per row, as doubles.
///
/// # Errors
/// [`NnError::Torch`]; [`NnError::Verify`] for a file that cannot be written.
pub fn write_directions(path: &Path, vectors: &Tensor) -> Result<()> {
    let values = vectors.to_values()?;
    let shape: Vec<u64> = vectors.shape().iter().map(|length| length.unsigned_abs()).collect();
    Ok(write_with(path, |file| {
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    })?)
}
