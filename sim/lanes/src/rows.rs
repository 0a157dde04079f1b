//! Rows of a table in the order of a list of numbers. The numbers are checked once for the whole list, so that reading a row
//! costs no comparison: in a kernel that reads short rows those are one instruction in eight.

use crate::Line;

/// Rows of V lines, listed by numbers that are all below the number of rows.
///
/// ```
/// use langevin_lanes::{Line, PickedRows};
/// let table = [Line([1.0; 8]), Line([2.0; 8]), Line([3.0; 8])];
/// let picked = PickedRows::<1>::new(&table, &[2, 0, 2]);
/// let groups: Vec<_> = picked.groups::<2>().collect();
/// assert_eq!(groups, [[&[table[2]], &[table[0]]]]);
/// assert_eq!(picked.rest::<2>().row(0), Some(&[table[2]]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PickedRows<'a, const V: usize> {
    rows: &'a [[Line; V]],
    // private: every number is below the number of rows
    numbers: &'a [u32],
}

impl<'a, const V: usize> PickedRows<'a, V> {
    /// Rows of a table by their numbers.
    ///
    /// # Panics
    /// When a number is not below the number of rows, as indexing does.
    #[inline(always)]
    pub fn new(table: &'a [Line], numbers: &'a [u32]) -> Self {
        let rows = table.as_chunks::<V>().0;
        let mut largest = 0;
        for &number in numbers {
            largest = largest.max(number);
        }
        assert!(numbers.is_empty() || (largest as usize) < rows.len(), "row {largest} of {}", rows.len());
        Self { rows, numbers }
    }

    /// The numbers.
    #[inline(always)]
    pub fn numbers(self) -> &'a [u32] {
        self.numbers
    }

    /// Lists of `count` rows each; a shorter one in the end is left out.
    #[inline(always)]
    pub fn lists(self, count: usize) -> impl Iterator<Item = Self> {
        self.numbers.chunks_exact(count).map(move |numbers| Self { rows: self.rows, numbers })
    }

    /// N rows at a time; fewer than N in the end are left out.
    #[inline(always)]
    pub fn groups<const N: usize>(self) -> impl Iterator<Item = [&'a [Line; V]; N]> {
        self.numbers.as_chunks::<N>().0.iter().map(move |numbers| {
            let mut group = [const { &[Line::ZERO; V] }; N];
            for k in 0..N {
                // SAFETY: all numbers were found below the number of rows in `new`
                group[k] = unsafe { self.rows.get_unchecked(numbers[k] as usize) };
            }
            group
        })
    }

    /// What [`groups`](Self::groups) leaves out.
    #[inline(always)]
    #[must_use]
    pub fn rest<const N: usize>(self) -> Self {
        Self { rows: self.rows, numbers: self.numbers.as_chunks::<N>().1 }
    }

    /// The row at a place of the list.
    #[inline(always)]
    pub fn row(self, place: usize) -> Option<&'a [Line; V]> {
        self.numbers.get(place).map(|&number| &self.rows[number as usize])
    }
}
