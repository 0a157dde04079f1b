//! Lists of doubles by name, in a NumPy archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::Path;

use npyz::npz::{NpzArchive, NpzWriter};
use npyz::zip::write::FileOptions;
use npyz::{NpyFile, WriterBuilder};

use crate::error::{Result, VerifyError};
use crate::output::write_with;

/// Lists of numbers by name.
pub type Arrays = BTreeMap<String, Vec<f64>>;

/// Most numbers of one array: a damaged header must not ask for all memory.
const MOST_NUMBERS: u64 = 200_000_000;

/// Writes arrays whole or not at all; the same numbers give the same bytes.
///
/// # Errors
/// [`VerifyError::Output`].
pub fn write_arrays(path: &Path, arrays: &Arrays) -> Result<()> {
    write_with(path, |file| {
        let mut archive = NpzWriter::new(file);
        for (name, values) in arrays {
            add(&mut archive, name, values)?;
        }
        Ok(())
    })
}

fn add(archive: &mut NpzWriter<impl Write + Seek>, name: &str, values: &[f64]) -> std::io::Result<()> {
    let options = FileOptions::default()
        .compression_method(npyz::zip::CompressionMethod::Stored)
        .last_modified_time(npyz::zip::DateTime::default())
        .large_file(size_of_val(values) as u64 >= u64::from(u32::MAX));
    let shape = [values.len() as u64];
    let mut writer = archive.array(name, options)?.default_dtype().shape(&shape).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}

/// Reads arrays.
///
/// # Errors
/// [`VerifyError::Input`] naming the file, for one that is missing, damaged, or holds something else than doubles.
pub fn read_arrays(path: &Path) -> Result<Arrays> {
    let named = |detail: String| VerifyError::Input { detail: format!("{}: {detail}", path.display()) };
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let damaged = |error: std::io::Error| named(format!("it is no sound NumPy archive: {error}"));
    let mut archive = NpzArchive::new(BufReader::new(file)).map_err(damaged)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let mut arrays = Arrays::new();
    for name in names {
        let array: Option<NpyFile<_>> = archive.by_name(&name).map_err(damaged)?;
        let Some(array) = array else { continue };
        let count = array.shape().iter().try_fold(1_u64, |count, length| count.checked_mul(*length));
        if count.is_none_or(|count| count > MOST_NUMBERS) {
            return Err(named(format!("the array \"{name}\" has the shape {:?}: too many numbers", array.shape())));
        }
        let values = array.data::<f64>().map_err(|error| named(format!("the array \"{name}\": {error}")))?;
        let values: Vec<f64> = values.collect::<std::io::Result<_>>().map_err(damaged)?;
        arrays.insert(name, values);
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_and_damage_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("arrays.npz");
        let arrays = Arrays::from([("a".into(), vec![1.0, -0.5]), ("empty".into(), vec![])]);
        write_arrays(&path, &arrays).unwrap();
        assert_eq!(read_arrays(&path).unwrap(), arrays);
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 3, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read_arrays(&path).unwrap_err().to_string().contains("arrays.npz"));
        }
    }
}
