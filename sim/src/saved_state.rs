//! The state of a running simulation as bytes: whole numbers and floating-point numbers, little-endian, exactly as they are
//! in memory, so that a restored run goes on with the same bits.

use crate::error::{Result, SimError};

/// Writes a state.
///
/// ```
/// use langevin_sim::saved_state::{StateReader, StateWriter};
/// let mut writer = StateWriter::default();
/// writer.count(3);
/// writer.numbers(&[0.1, -0.0]);
/// let bytes = writer.into_bytes();
/// let mut reader = StateReader::new(&bytes);
/// assert_eq!(reader.count().unwrap(), 3);
/// assert_eq!(reader.numbers().unwrap(), [0.1, -0.0]);
/// reader.finish().unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// A whole number.
    pub fn count(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A number.
    pub fn number(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A list of numbers.
    pub fn numbers(&mut self, values: &[f64]) {
        self.count(values.len() as u64);
        for &value in values {
            self.number(value);
        }
    }

    /// A list of whole numbers.
    pub fn counts(&mut self, values: &[u64]) {
        self.count(values.len() as u64);
        for &value in values {
            self.count(value);
        }
    }

    /// A list of numbers of samples.
    pub fn indices(&mut self, values: &[u32]) {
        self.count(values.len() as u64);
        for &value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A piece of another state.
    pub fn piece(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`StateWriter`] wrote, in the same order.
#[derive(Clone, Debug)]
pub struct StateReader<'a> {
    rest: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// From the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn eight(&mut self) -> Result<[u8; 8]> {
        let (first, rest) = self
            .rest
            .split_first_chunk::<8>()
            .ok_or_else(|| mismatch(format!("it ends {} bytes into a number", self.rest.len())))?;
        self.rest = rest;
        Ok(*first)
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`SimError::SavedState`] at the end of the state.
    pub fn count(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.eight()?))
    }

    /// A number.
    ///
    /// # Errors
    /// [`SimError::SavedState`] at the end of the state.
    pub fn number(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.eight()?))
    }

    /// The length of a list whose items have at least this many bytes.
    fn length(&mut self, item: usize) -> Result<usize> {
        let length = self.count()?;
        // a wrong length must not reserve memory
        usize::try_from(length)
            .ok()
            .filter(|length| length.checked_mul(item).is_some_and(|bytes| bytes <= self.rest.len()))
            .ok_or_else(|| mismatch(format!("a list of {length} items in {} bytes", self.rest.len())))
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when the list is longer than the state.
    pub fn numbers(&mut self) -> Result<Vec<f64>> {
        (0..self.length(8)?).map(|_| self.number()).collect()
    }

    /// A list of numbers into a place of the same length.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when the lengths differ.
    pub fn numbers_into(&mut self, place: &mut [f64]) -> Result<()> {
        let length = self.length(8)?;
        if length != place.len() {
            return Err(mismatch(format!("{length} numbers where there must be {}", place.len())));
        }
        place.iter_mut().try_for_each(|value| {
            *value = self.number()?;
            Ok(())
        })
    }

    /// A list of whole numbers.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when the list is longer than the state.
    pub fn counts(&mut self) -> Result<Vec<u64>> {
        (0..self.length(8)?).map(|_| self.count()).collect()
    }

    /// A list of numbers of samples.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when the list is longer than the state.
    pub fn indices(&mut self) -> Result<Vec<u32>> {
        let length = self.length(4)?;
        let (list, rest) = self.rest.split_at(4 * length);
        self.rest = rest;
        Ok(list.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// A piece of another state.
    ///
    /// # Errors
    /// [`SimError::SavedState`] when it is longer than the state.
    pub fn piece(&mut self) -> Result<&'a [u8]> {
        let length = self.length(1)?;
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(piece)
    }

    /// Refuses bytes that were not read.
    ///
    /// # Errors
    /// [`SimError::SavedState`].
    pub fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(mismatch(format!("{} bytes are left over", self.rest.len()))) }
    }
}

/// A state that does not fit what is restored.
pub fn mismatch(detail: impl Into<String>) -> SimError {
    SimError::SavedState { detail: detail.into() }
}
