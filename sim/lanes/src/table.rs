//! A large table of lines on large pages. Rows that are gathered at random touch a new page each; on pages of 4 KiB the
//! translation of addresses costs as much as the arithmetic, and rows scattered over physical memory evict each other from
//! the cache. Large pages are asked for, not required.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::Line;

/// Size and alignment of a large page.
const LARGE_PAGE: usize = 2 << 20;

/// Tables below this size stay on ordinary pages.
const SMALL: usize = 128 << 10;

/// Lines that never move or grow.
///
/// ```
/// use langevin_lanes::{Line, Table};
/// let table = Table::from_lines(&[Line([1.0; 8]), Line([2.0; 8])]);
/// assert_eq!((table.len(), table[1].0[7]), (2, 2.0));
/// ```
#[derive(Debug)]
pub struct Table {
    start: NonNull<Line>,
    length: usize,
    layout: Layout,
}

// SAFETY: a table owns its lines alone, and lines are plain numbers
unsafe impl Send for Table {}
// SAFETY: as above; a shared table can only be read
unsafe impl Sync for Table {}

impl Table {
    /// A copy of lines, which is laid out once for reading many times.
    pub fn from_lines(lines: &[Line]) -> Self {
        let bytes = size_of_val(lines);
        let (size, alignment) = if bytes < SMALL {
            (bytes.max(1), align_of::<Line>())
        } else {
            (bytes.next_multiple_of(LARGE_PAGE), LARGE_PAGE)
        };
        let Ok(layout) = Layout::from_size_align(size, alignment) else {
            // the lines exist, so their size is below the largest there is; rounding it up is what failed
            handle_alloc_error(Layout::new::<Line>())
        };
        // SAFETY: the layout is not of size zero
        let start = unsafe { alloc(layout) };
        #[allow(clippy::cast_ptr_alignment)] // the layout has at least the alignment of a line
        let Some(start) = NonNull::new(start.cast::<Line>()) else { handle_alloc_error(layout) };
        #[cfg(target_os = "linux")]
        if alignment == LARGE_PAGE {
            // SAFETY: advice on memory just allocated; where it is not taken, ordinary pages serve
            unsafe { libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
        }
        // SAFETY: the allocation holds as many lines, is aligned for them, and does not overlap the source
        unsafe { std::ptr::copy_nonoverlapping(lines.as_ptr(), start.as_ptr(), lines.len()) };
        Self { start, length: lines.len(), layout }
    }
}

impl Deref for Table {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: `length` lines were written at `start`
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Table {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above, and the borrow is exclusive
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and lines need no destructor
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
    }
}
