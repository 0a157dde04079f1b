//! One JSON document: provenance and settings, and `arrays` as nested lists. What is not defined is null.

use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::simulate::arrays::{Array, Values};

/// Numbers as nested lists, written as they are walked: a document of a large array is never in memory.
struct Nested<'a, T> {
    values: &'a [T],
    shape: &'a [u64],
}

impl<T: Serialize> Serialize for Nested<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape {
            [] | [_] => self.values.serialize(serializer),
            [count, rest @ ..] => {
                let block = rest.iter().product::<u64>().max(1) as usize;
                let mut list = serializer.serialize_seq(Some(*count as usize))?;
                for values in self.values.chunks(block) {
                    list.serialize_element(&Nested { values, shape: rest })?;
                }
                list.end()
            }
        }
    }
}

struct Arrays<'a>(&'a [Array]);

impl Serialize for Arrays<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Array { name, shape, values } in self.0 {
            match values {
                Values::Real(values) => map.serialize_entry(name, &Nested { values, shape })?,
                Values::Whole(values) => map.serialize_entry(name, &Nested { values, shape })?,
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Document<'a, P: Serialize> {
    #[serde(flatten)]
    provenance: &'a P,
    arrays: Arrays<'a>,
}

pub(super) fn write(mut file: impl Write, provenance: &impl Serialize, arrays: &[Array]) -> io::Result<()> {
    let document = Document { provenance, arrays: Arrays(arrays) };
    serde_json::to_writer(&mut file, &document)?;
    file.write_all(b"\n")
}
