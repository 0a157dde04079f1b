//! NumPy's archive: one array each, uncompressed, and `manifest`, the bytes of a JSON document with provenance and settings.

use std::io::{self, Seek, Write};

use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use npyz::zip::write::FileOptions;
use serde::Serialize;

use crate::simulate::arrays::{Array, Values};

pub(super) fn write(file: impl Write + Seek, provenance: &impl Serialize, arrays: &[Array]) -> io::Result<()> {
    let mut archive = NpzWriter::new(file);
    let manifest = serde_json::to_vec(provenance)?;
    add(&mut archive, "manifest", &[manifest.len() as u64], &manifest)?;
    for array in arrays {
        match &array.values {
            Values::Real(values) => add(&mut archive, &array.name, &array.shape, values)?,
            Values::Whole(values) => add(&mut archive, &array.name, &array.shape, values)?,
        }
    }
    Ok(())
}

fn add<T: npyz::AutoSerialize + Copy>(
    archive: &mut NpzWriter<impl Write + Seek>,
    name: &str,
    shape: &[u64],
    values: &[T],
) -> io::Result<()> {
    // a fixed time: the same numbers give the same bytes
    let options = FileOptions::default()
        .compression_method(npyz::zip::CompressionMethod::Stored)
        .last_modified_time(npyz::zip::DateTime::default())
        .large_file(size_of_val(values) as u64 >= u64::from(u32::MAX));
    let mut writer = archive.array(name, options)?.default_dtype().shape(shape).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}
