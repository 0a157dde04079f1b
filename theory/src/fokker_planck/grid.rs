//! Uniform rectangular grids in one and two dimensions: cells of equal size, numbered with the first coordinate fastest.

use nalgebra::DVector;

use crate::error::{Result, TheoryError};

/// An interval cut into equal cells.
///
/// ```
/// use langevin_theory::fokker_planck::Axis;
/// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
/// assert_eq!((axis.width(), axis.centre(0), axis.edge(4)), (0.5, -0.75, 1.0));
/// assert!(Axis::new(1.0, 1.0, 4).is_err() && Axis::new(0.0, f64::NAN, 4).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    cells: usize,
}

impl Axis {
    /// The interval [low, high] in so many cells.
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for bounds that are not finite or not in order, for no cell at all, and for cells
    /// so narrow that doubles do not tell their centres apart.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::Axis;
    /// assert!(Axis::new(0.0, 1.0, 10).is_ok());
    /// assert!(Axis::new(1.0, 0.0, 10).is_err() && Axis::new(0.0, 1.0, 0).is_err());
    /// assert!(Axis::new(1.0, 1.0 + 1e-15, 10).is_err());
    /// ```
    pub fn new(low: f64, high: f64, cells: usize) -> Result<Self> {
        if !low.is_finite() {
            return Err(TheoryError::InvalidValue { name: "low", value: low, admissible: "finite" });
        }
        let axis = Self { low, high, cells };
        if !(high.is_finite() && high > low && (high - low).is_finite()) {
            return Err(TheoryError::InvalidValue {
                name: "high",
                value: high,
                admissible: "finite and greater than low, at a finite distance",
            });
        }
        if cells == 0 {
            return Err(TheoryError::InvalidValue { name: "cells", value: 0.0, admissible: "at least 1" });
        }
        if axis.width() <= 16.0 * f64::EPSILON * low.abs().max(high.abs()) || axis.width() < f64::MIN_POSITIVE {
            return Err(TheoryError::InvalidValue {
                name: "cells",
                value: cells as f64,
                admissible: "so few that the width of a cell is well above the rounding of its coordinates",
            });
        }
        Ok(axis)
    }

    /// Lower end.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
    /// assert_eq!(axis.low(), -1.0);
    /// ```
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Upper end.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
    /// assert_eq!(axis.high(), 1.0);
    /// ```
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Number of cells.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// assert_eq!(Axis::new(-1.0, 1.0, 4).unwrap().cells(), 4);
    /// ```
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Width of a cell, (high - low) / cells.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
    /// assert_eq!(axis.width(), 0.5);
    /// ```
    pub fn width(&self) -> f64 {
        (self.high - self.low) / self.cells as f64
    }

    /// The edge before cell `index`; edge 0 is the lower end and edge `cells` the upper one.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
    /// assert_eq!((axis.edge(0), axis.edge(1), axis.edge(4)), (-1.0, -0.5, 1.0));
    /// ```
    pub fn edge(&self, index: usize) -> f64 {
        // symmetric in the two ends, so that a symmetric interval has symmetric edges
        let fraction = index as f64 / self.cells as f64;
        self.low * (1.0 - fraction) + self.high * fraction
    }

    /// Centre of a cell.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::Axis;
    /// let axis = Axis::new(-1.0, 1.0, 4).unwrap();
    /// assert_eq!((axis.centre(0), axis.centre(3)), (-0.75, 0.75));
    /// ```
    pub fn centre(&self, index: usize) -> f64 {
        let fraction = (index as f64 + 0.5) / self.cells as f64;
        self.low * (1.0 - fraction) + self.high * fraction
    }
}

/// A line or a rectangle of cells.
///
/// ```
/// use langevin_theory::fokker_planck::{Axis, Grid};
/// let axis = Axis::new(0.0, 1.0, 2).unwrap();
/// let square = Grid::new(&[axis, axis]).unwrap();
/// assert_eq!((square.dimension(), square.cells(), square.cell_volume()), (2, 4, 0.25));
/// assert_eq!(square.centre(1).as_slice(), [0.75, 0.25]);
/// assert!(Grid::new(&[axis; 3]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    axes: Vec<Axis>,
}

impl Grid {
    /// The product of one or two axes.
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for another number of axes; [`TheoryError::InvalidValue`] for more than 2^24 cells;
    /// [`TheoryError::Overflow`] for the volume of a cell.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 5000).unwrap();
    /// assert_eq!(Grid::new(&[axis]).unwrap().cells(), 5000);
    /// assert!(Grid::new(&[axis, axis]).is_err()); // 25 million cells
    /// ```
    pub fn new(axes: &[Axis]) -> Result<Self> {
        if !(1..=2).contains(&axes.len()) {
            return Err(TheoryError::Shape {
                name: "axes",
                found: format!("{} axes", axes.len()),
                expected: "1 or 2 axes".into(),
            });
        }
        let cells: f64 = axes.iter().map(|axis| axis.cells as f64).product();
        if cells > f64::from(1 << 24) {
            return Err(TheoryError::InvalidValue {
                name: "number of cells",
                value: cells,
                admissible: "at most 2^24",
            });
        }
        let volume: f64 = axes.iter().map(Axis::width).product();
        if !(volume.is_normal() && volume.recip().is_finite()) {
            return Err(TheoryError::Overflow { what: "the volume of a cell" });
        }
        Ok(Self { axes: axes.to_vec() })
    }

    /// Number of coordinates: one or two.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 2).unwrap();
    /// let square = Grid::new(&[axis, axis]).unwrap();
    /// assert_eq!(square.dimension(), 2);
    /// ```
    pub fn dimension(&self) -> usize {
        self.axes.len()
    }

    /// The axes, first coordinate first.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 2).unwrap();
    /// let square = Grid::new(&[axis, axis]).unwrap();
    /// assert_eq!(square.axes(), [axis, axis]);
    /// ```
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Number of cells: the product of those of the axes.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 2).unwrap();
    /// assert_eq!(Grid::new(&[axis, axis]).unwrap().cells(), 4);
    /// ```
    pub fn cells(&self) -> usize {
        self.axes.iter().map(Axis::cells).product()
    }

    /// Length or area of a cell.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 2).unwrap();
    /// let square = Grid::new(&[axis, axis]).unwrap();
    /// assert_eq!(square.cell_volume(), 0.25);
    /// ```
    pub fn cell_volume(&self) -> f64 {
        self.axes.iter().map(Axis::width).product()
    }

    /// Centre of a cell, one entry per axis. Cells are numbered from 0 with the first coordinate
    /// fastest; a number beyond the last cell is a point beyond the upper end.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid};
    /// let axis = Axis::new(0.0, 1.0, 2).unwrap();
    /// let square = Grid::new(&[axis, axis]).unwrap();
    /// assert_eq!(square.centre(1).as_slice(), [0.75, 0.25]);
    /// assert_eq!(square.centre(2).as_slice(), [0.25, 0.75]);
    /// ```
    pub fn centre(&self, cell: usize) -> DVector<f64> {
        let [column, row] = self.position(cell);
        DVector::from_fn(self.dimension(), |axis, _| self.axes[axis].centre([column, row][axis]))
    }

    /// The cell that contains a point (one entry per axis); `None` outside.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid};
    /// use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 1.0, 10).unwrap()]).unwrap();
    /// assert_eq!(line.cell_of(&dvector![0.55]), Some(5));
    /// assert_eq!(line.cell_of(&dvector![1.5]), None);
    /// ```
    pub fn cell_of(&self, point: &DVector<f64>) -> Option<usize> {
        if point.len() != self.dimension() {
            return None;
        }
        let mut cell = 0;
        let mut stride = 1;
        for (axis, &coordinate) in self.axes.iter().zip(point.iter()) {
            if !(coordinate >= axis.low && coordinate <= axis.high) {
                return None;
            }
            let index = ((coordinate - axis.low) / axis.width()).floor() as usize;
            cell += stride * index.min(axis.cells - 1);
            stride *= axis.cells;
        }
        Some(cell)
    }

    /// Column and row of a cell.
    pub(super) fn position(&self, cell: usize) -> [usize; 2] {
        let columns = self.axes[0].cells;
        if self.dimension() == 1 { [cell, 0] } else { [cell % columns, cell / columns] }
    }

    /// Cells along the first and the second axis.
    pub(super) fn extent(&self) -> [usize; 2] {
        [self.axes[0].cells, self.axes.get(1).map_or(1, Axis::cells)]
    }
}
