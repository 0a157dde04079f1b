//! A probability density that is constant on each cell of a grid: moments, distances, and the free energy, (38) with
//! Phi and Theorem 2 with Psi,
#![doc = langevin_equation::equation!(r"F(p) = \mathbb{E}[\Psi] + \kappa^{-1}\, \mathbb{E}[\ln p]")]

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::grid::Grid;
use super::require_kappa;
use crate::error::{Result, TheoryError};
use crate::linear_algebra::require_vector;

/// Non-negative values on the cells of a grid, with integral 1.
///
/// ```
/// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
/// let line = Grid::new(&[Axis::new(-8.0, 8.0, 200).unwrap()]).unwrap();
/// let normal = GridDensity::from_function(&line, |x| (-0.5 * x[0] * x[0]).exp()).unwrap();
/// assert!((normal.mass() - 1.0).abs() < 1e-14);
/// assert!((normal.covariance()[0] - 1.0).abs() < 1e-12);
/// assert!(GridDensity::from_function(&line, |_| f64::NAN).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GridDensity {
    grid: Grid,
    values: DVector<f64>,
}

impl GridDensity {
    /// The density with these relative values, one per cell; they are divided by their integral.
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`], [`TheoryError::InvalidValue`] for a negative value or a sum
    /// of zero, [`TheoryError::Overflow`] when a density exceeds the largest double.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap(); // cells of length 2
    /// assert_eq!(GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap().values(), &dvector![0.125, 0.375]);
    /// assert!(GridDensity::from_values(&line, &dvector![1.0, -1.0]).is_err());
    /// ```
    pub fn from_values(grid: &Grid, values: &DVector<f64>) -> Result<Self> {
        require_vector("density", values, grid.cells())?;
        if let Some(&value) = values.iter().find(|&&value| value < 0.0) {
            return Err(TheoryError::InvalidValue { name: "density", value, admissible: "at least 0" });
        }
        let largest = values.max();
        if largest == 0.0 {
            return Err(TheoryError::InvalidValue {
                name: "integral of the density",
                value: 0.0,
                admissible: "greater than 0",
            });
        }
        // in two steps, so that neither the sum nor the quotient leaves the range of doubles
        let mut values = values.unscale(largest);
        let mass = sum(&values) * grid.cell_volume();
        values.unscale_mut(mass);
        if values.iter().any(|value| !value.is_finite()) {
            return Err(TheoryError::Overflow { what: "the density on a cell" });
        }
        Ok(Self { grid: grid.clone(), values })
    }

    /// The density proportional to a function at the centres of the cells.
    ///
    /// # Errors
    /// As [`GridDensity::from_values`].
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// let line = Grid::new(&[Axis::new(0.0, 1.0, 10).unwrap()]).unwrap();
    /// let rising = GridDensity::from_function(&line, |x| x[0]).unwrap();
    /// assert!((rising.values()[9] / rising.values()[0] - 19.0).abs() < 1e-12); // centres 0.95 and 0.05
    /// ```
    pub fn from_function(grid: &Grid, function: impl Fn(&DVector<f64>) -> f64) -> Result<Self> {
        Self::from_values(grid, &DVector::from_fn(grid.cells(), |cell, _| function(&grid.centre(cell))))
    }

    /// All mass in the cell of a point (one entry per axis): the start of (34).
    ///
    /// # Errors
    /// [`TheoryError::Shape`], [`TheoryError::NotFinite`]; [`TheoryError::InvalidValue`] for a point outside the grid.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 1.0, 10).unwrap()]).unwrap();
    /// let start = GridDensity::point_mass(&line, &dvector![0.42]).unwrap();
    /// assert!((start.mean()[0] - 0.45).abs() < 1e-15); // the centre of its cell
    /// assert!(GridDensity::point_mass(&line, &dvector![1.5]).is_err());
    /// ```
    pub fn point_mass(grid: &Grid, point: &DVector<f64>) -> Result<Self> {
        require_vector("point", point, grid.dimension())?;
        let Some(home) = grid.cell_of(point) else {
            return Err(TheoryError::InvalidValue { name: "point", value: point[0], admissible: "inside the grid" });
        };
        Self::from_values(grid, &DVector::from_fn(grid.cells(), |cell, _| f64::from(u8::from(cell == home))))
    }

    /// The grid.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// # use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap();
    /// let density = GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap();
    /// assert_eq!(density.grid(), &line);
    /// ```
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The density, one per cell, in one over the product of the units of the coordinates.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// # use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap();
    /// let density = GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap();
    /// assert_eq!(density.values().as_slice(), [0.125, 0.375]);
    /// ```
    pub fn values(&self) -> &DVector<f64> {
        &self.values
    }

    /// The integral: 1 up to rounding.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// # use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap();
    /// let density = GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap();
    /// assert_eq!(density.mass(), 1.0);
    /// ```
    pub fn mass(&self) -> f64 {
        sum(&self.values) * self.grid.cell_volume()
    }

    /// Mean of the centres of the cells, one entry per coordinate.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// # use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap();
    /// let density = GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap();
    /// assert_eq!(density.mean()[0], 0.25 * 1.0 + 0.75 * 3.0);
    /// ```
    pub fn mean(&self) -> DVector<f64> {
        let volume = self.grid.cell_volume();
        (0..self.grid.cells()).fold(DVector::zeros(self.grid.dimension()), |mean, cell| {
            mean + self.grid.centre(cell) * (self.values[cell] * volume)
        })
    }

    /// Covariance of the centres of the cells (midpoint rule), n x n for n axes.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// # use nalgebra::dvector;
    /// let line = Grid::new(&[Axis::new(0.0, 4.0, 2).unwrap()]).unwrap();
    /// let density = GridDensity::from_values(&line, &dvector![1.0, 3.0]).unwrap();
    /// assert_eq!(density.covariance()[(0, 0)], 0.25 * 0.75 * 4.0); // two points at a distance of 2
    /// ```
    pub fn covariance(&self) -> DMatrix<f64> {
        let (mean, volume, size) = (self.mean(), self.grid.cell_volume(), self.grid.dimension());
        (0..self.grid.cells()).fold(DMatrix::zeros(size, size), |covariance, cell| {
            let deviation = self.grid.centre(cell) - &mean;
            covariance + &deviation * deviation.transpose() * (self.values[cell] * volume)
        })
    }

    /// Distance in total variation to a density q given at the centres of the cells, between 0 and 1: with the volume V
    /// of a cell,
    #[doc = equation!(r"\tfrac12 \sum_i |p_i - q_i|\, V")]
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] when the function is not finite somewhere.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// let line = Grid::new(&[Axis::new(0.0, 2.0, 4).unwrap()]).unwrap();
    /// let uniform = GridDensity::from_function(&line, |_| 1.0).unwrap();
    /// assert_eq!(uniform.total_variation(|x| if x[0] < 1.0 { 1.0 } else { 0.0 }).unwrap(), 0.5);
    /// ```
    pub fn total_variation(&self, density: impl Fn(&DVector<f64>) -> f64) -> Result<f64> {
        let mut distance = 0.0;
        for cell in 0..self.grid.cells() {
            let value = density(&self.grid.centre(cell));
            if !value.is_finite() {
                return Err(TheoryError::InvalidValue { name: "density", value, admissible: "finite" });
            }
            distance += (value - self.values[cell]).abs();
        }
        Ok(0.5 * distance * self.grid.cell_volume())
    }

    /// The free energy of Theorem 2; (38) when Psi is the original potential. It does not increase along a solution
    /// (erratum E30).
    #[doc = equation!(r"F(p) = \mathbb{E}[\Psi] + \kappa^{-1}\, \mathbb{E}[\ln p]")]
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for kappa, and for a potential that is not finite where there is mass.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity};
    /// let line = Grid::new(&[Axis::new(-9.0, 9.0, 300).unwrap()]).unwrap();
    /// let potential = |x: &nalgebra::DVector<f64>| 0.5 * x[0] * x[0];
    /// let gibbs = GridDensity::from_function(&line, |x| (-2.0 * potential(x)).exp()).unwrap();
    /// // -kappa^{-1} ln Z at the minimum (erratum E39)
    /// let expected = -0.5 * std::f64::consts::PI.sqrt().ln();
    /// assert!((gibbs.free_energy(2.0, potential).unwrap() - expected).abs() < 1e-12);
    /// ```
    pub fn free_energy(&self, kappa: f64, potential: impl Fn(&DVector<f64>) -> f64) -> Result<f64> {
        require_kappa(kappa)?;
        let mut energy = 0.0;
        for (cell, &value) in self.values.iter().enumerate() {
            if value > 0.0 {
                let height = potential(&self.grid.centre(cell));
                if !height.is_finite() {
                    return Err(TheoryError::InvalidValue { name: "potential", value: height, admissible: "finite" });
                }
                energy += value * (height + value.ln() / kappa);
            }
        }
        Ok(energy * self.grid.cell_volume())
    }
}

/// Sum in pairs, so that its rounding grows with the logarithm of the number of cells.
pub(super) fn sum(values: &DVector<f64>) -> f64 {
    fn pairwise(values: &[f64]) -> f64 {
        if values.len() <= 16 {
            return values.iter().sum();
        }
        let (left, right) = values.split_at(values.len() / 2);
        pairwise(left) + pairwise(right)
    }
    pairwise(values.as_slice())
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use nalgebra::dvector;

    use super::{Grid, GridDensity};
    use crate::fokker_planck::Axis;

    #[test]
    fn the_mass_is_the_integral_of_the_values() {
        let grid = Grid::new(&[Axis::new(0.0, 1.0, 2).unwrap(), Axis::new(0.0, 3.0, 1).unwrap()]).unwrap();
        assert_eq!(GridDensity { grid, values: dvector![0.25, 0.75] }.mass(), 1.5);
    }
}
