//! The Fokker-Planck equation (34) on a grid: finite volumes with no flux through the boundary, written as rates of a
//! Markov chain on the cells, so that densities stay non-negative and the mass is conserved whatever the cells.
//!
//! With cells h_x by h_y, the cross term is carried by jumps along the diagonals and taken out of the axes; with
//! `Delta_d^2` the second difference along the diagonal of the sign of D_xy,
#![doc = langevin_equation::equation!(r"\operatorname{div} \operatorname{div}(D p) = \partial_x^2 (a_x p) + \partial_y^2 (a_y p) + \frac{\Delta_d^2 \left( |D_{xy}|\, p \right)}{h_x h_y}, \qquad a_x = D_{xx} - |D_{xy}| \frac{h_x}{h_y}, \qquad a_y = D_{yy} - |D_{xy}| \frac{h_y}{h_x}")]
//! which needs a_x, a_y >= 0: h_x/h_y between |D_xy|/D_yy and D_xx/|D_xy|. The rate along the diagonal is `|D_xy| /
//! (kappa h_x h_y)`. On each axis exponential fitting (Scharfetter and Gummel 1969) of the drift with the Ito term
//! taken in, at the face between cells 0 and 1:
#![doc = langevin_equation::equation!(r"c = b - \frac{a_1 - a_0}{\kappa h}, \qquad a = \frac{a_1 - a_0}{\ln(a_1 / a_0)}, \qquad w = \frac{\kappa h c}{a}, \qquad r_{0 \to 1} = \frac{c/h}{1 - e^{-w}}, \qquad r_{1 \to 0} = \frac{c/h}{e^w - 1}")]
//!
//! The logarithmic mean a makes `a p ~ exp(kappa int b/a)` carry no flux exactly: on a line, a linear drift with D
//! constant or `d0 + d1 x^2` has its exact law at the centres of the cells. Second order in the cells where a > 0;
//! where a = 0 it becomes upwinding, which is first order. Where the density reaches the boundary and D_xy is not 0
//! there, the boundary is first order.

use langevin_equation::equation;
use nalgebra::{DMatrix, DVector};

use super::elimination::Elimination;
use super::grid::Grid;
use super::grid_density::GridDensity;
use super::{require_diffusion, require_kappa};
use crate::error::{Result, TheoryError};
use crate::linear_algebra::require_vector;

/// Where a cell's mass can go: (columns, rows).
const NEIGHBOURS: [(isize, isize); 8] = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)];

/// The generator of the process (33) on a grid: finite volumes with no flux through the boundary, as rates r of a
/// Markov chain on the cells, so that densities stay non-negative and the mass is conserved whatever the cells.
#[doc = equation!(r"\frac{d p_i}{d t} = \sum_j \left( r_{j \to i}\, p_j - r_{i \to j}\, p_i \right)")]
/// Along an axis with cells of width h, between cells 0 and 1 with diffusions a_0 and a_1, the rates are those of
/// exponential fitting (Scharfetter and Gummel 1969) of the drift with the Ito term taken in,
#[doc = equation!(r"c = b - \frac{a_1 - a_0}{\kappa h}, \qquad a = \frac{a_1 - a_0}{\ln(a_1 / a_0)}, \qquad w = \frac{\kappa h c}{a}, \qquad r_{0 \to 1} = \frac{c/h}{1 - e^{-w}}, \qquad r_{1 \to 0} = \frac{c/h}{e^w - 1}")]
/// In two dimensions a cross term is carried by jumps along the diagonals, at `|D_xy| / (kappa h_x h_y)`, and taken out
/// of the axes, which leaves
#[doc = equation!(r"a_x = D_{xx} - |D_{xy}| \frac{h_x}{h_y} \ge 0, \qquad a_y = D_{yy} - |D_{xy}| \frac{h_y}{h_x} \ge 0")]
/// Second order in the cells where these are positive; where one is 0 it becomes upwinding, which is first order.
///
/// ```
/// use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
/// use nalgebra::{dmatrix, dvector};
/// // an oscillator with noise on the velocity only (phase space, one mode): D is singular, erratum E15
/// let axis = Axis::new(-6.0, 6.0, 64).unwrap();
/// let grid = Grid::new(&[axis, axis]).unwrap();
/// let equation = GridFokkerPlanck::new(
///     &grid,
///     1.0,
///     |z| dvector![z[1], -z[0] - z[1]],
///     |_| dmatrix![0.0, 0.0; 0.0, 1.0],
/// ).unwrap();
/// let law = equation.stationary().unwrap();
/// let covariance = law.covariance();
/// // upwinding where there is no diffusion: first order
/// assert!((covariance[(1, 1)] - 1.0).abs() < 0.2 && (covariance[(0, 0)] - 1.0).abs() < 0.2);
/// assert!(law.values().iter().all(|&density| density >= 0.0));
/// ```
#[derive(Clone, Debug)]
pub struct GridFokkerPlanck {
    grid: Grid,
    /// Of each cell, to its neighbours; zero where there is none.
    rates: Vec<[f64; 8]>,
    /// Sums of them.
    exit_rates: Vec<f64>,
}

impl GridFokkerPlanck {
    /// The generator for kappa, a drift field (one entry per coordinate, evaluated at the faces) and a field of diffusion
    /// matrices (symmetric positive semi-definite, evaluated at the centres of the cells).
    ///
    /// # Errors
    /// [`TheoryError::InvalidValue`] for kappa; [`TheoryError::Shape`], [`TheoryError::NotFinite`],
    /// [`TheoryError::NotPositiveSemiDefinite`] for what the fields return; [`TheoryError::CrossDiffusion`] when these cells
    /// cannot carry the cross term with non-negative rates (choose another ratio of their sides);
    /// [`TheoryError::Overflow`] for rates beyond the range of doubles.
    ///
    /// ```
    /// use langevin_theory::TheoryError;
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let make = |rows| {
    ///     let grid = Grid::new(&[Axis::new(-1.0, 1.0, 20).unwrap(), Axis::new(-1.0, 1.0, rows).unwrap()]).unwrap();
    ///     GridFokkerPlanck::new(&grid, 1.0, |x| -x, |_| dmatrix![4.0, 1.5; 1.5, 1.0])
    /// };
    /// // hx/hy must be between 1.5 and 2.67
    /// assert!(matches!(make(20), Err(TheoryError::CrossDiffusion { .. })));
    /// assert!(make(40).is_ok());
    /// ```
    pub fn new(
        grid: &Grid,
        kappa: f64,
        drift: impl Fn(&DVector<f64>) -> DVector<f64>,
        diffusion: impl Fn(&DVector<f64>) -> DMatrix<f64>,
    ) -> Result<Self> {
        require_kappa(kappa)?;
        let size = grid.dimension();
        let widths: Vec<f64> = grid.axes().iter().map(super::Axis::width).collect();
        let mut rates = vec![[0.0; 8]; grid.cells()];
        let mut along_axes = Vec::with_capacity(grid.cells());
        for cell in 0..grid.cells() {
            let centre = grid.centre(cell);
            let matrix = diffusion(&centre);
            require_diffusion("diffusion", &matrix, size)?;
            let mut axes = [matrix[(0, 0)], 0.0];
            if size == 2 {
                let cross = 0.5 * matrix[(0, 1)] + 0.5 * matrix[(1, 0)];
                axes = without_cross_term(&matrix, cross, widths[0] / widths[1], &centre)?;
                let rate = cross.abs() / kappa / widths[0] / widths[1];
                let diagonal = if cross >= 0.0 { 4 } else { 6 };
                for direction in [diagonal, diagonal + 1] {
                    if neighbour(grid, cell, direction).is_some() {
                        rates[cell][direction] = rate;
                    }
                }
            }
            along_axes.push(axes);
        }
        for cell in 0..grid.cells() {
            for axis in 0..size {
                let Some(next) = neighbour(grid, cell, 2 * axis) else { continue };
                let mut face = grid.centre(cell);
                face[axis] = grid.axes()[axis].edge(grid.position(next)[axis]);
                let velocity = drift(&face);
                require_vector("drift", &velocity, size)?;
                let sides = [along_axes[cell][axis], along_axes[next][axis]];
                let [forward, backward] = exponential_fitting(velocity[axis], sides, kappa, widths[axis]);
                rates[cell][2 * axis] = forward;
                rates[next][2 * axis + 1] = backward;
            }
        }
        let exit_rates: Vec<f64> = rates.iter().map(|leaving| leaving.iter().sum()).collect();
        if exit_rates.iter().any(|rate| !rate.is_finite()) {
            return Err(TheoryError::Overflow { what: "a rate on the grid" });
        }
        Ok(Self { grid: grid.clone(), rates, exit_rates })
    }

    /// The grid.
    ///
    /// ```
    /// # use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
    /// # use nalgebra::dmatrix;
    /// let line = Grid::new(&[Axis::new(-1.0, 1.0, 8).unwrap()]).unwrap();
    /// let equation = GridFokkerPlanck::new(&line, 1.0, |x| -x, |_| dmatrix![1.0]).unwrap();
    /// assert_eq!(equation.grid(), &line);
    /// ```
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The largest total rate q at which a cell is left, per unit time: about `2 D / (kappa h^2)` per axis.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let line = Grid::new(&[Axis::new(0.0, 1.0, 10).unwrap()]).unwrap();
    /// let equation = GridFokkerPlanck::new(&line, 1.0, |_| dvector![0.0], |_| dmatrix![3.0]).unwrap();
    /// assert!((equation.largest_exit_rate() - 2.0 * 3.0 / 0.01).abs() < 1e-9);
    /// ```
    pub fn largest_exit_rate(&self) -> f64 {
        self.exit_rates.iter().copied().fold(0.0, f64::max)
    }

    /// Total rate at which each cell is left.
    pub(super) fn exit_rates(&self) -> &[f64] {
        &self.exit_rates
    }

    /// All transitions with a positive rate: (from, to, rate).
    pub(super) fn transitions(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let columns = self.grid.extent()[0].cast_signed();
        let steps = NEIGHBOURS.map(|(right, up)| right + up * columns);
        self.rates.iter().enumerate().flat_map(move |(from, leaving)| {
            leaving
                .iter()
                .zip(steps)
                .filter(|&(&rate, _)| rate > 0.0)
                .map(move |(&rate, step)| (from, from.wrapping_add_signed(step), rate))
        })
    }

    /// Elimination of `excess I - scale G`, with the shorter side of the grid fastest.
    pub(super) fn elimination(&self, excess: f64, scale: f64) -> Result<Elimination> {
        let [columns, rows] = self.grid.extent();
        let shorter = columns.min(rows);
        let half_width = if shorter == 1 { 1 } else { shorter + 1 };
        let transitions = self.transitions().map(|(from, to, rate)| (self.order(from), self.order(to), rate * scale));
        Elimination::new(self.grid.cells(), half_width, excess, transitions)
    }

    /// Number of a cell when the shorter side runs fastest.
    pub(super) fn order(&self, cell: usize) -> usize {
        let [columns, rows] = self.grid.extent();
        if columns <= rows { cell } else { cell % columns * rows + cell / columns }
    }

    pub(super) fn require_grid(&self, density: &GridDensity) -> Result<()> {
        if *density.grid() == self.grid {
            return Ok(());
        }
        Err(TheoryError::Shape {
            name: "density",
            found: format!("{:?}", density.grid()),
            expected: format!("{:?}", self.grid),
        })
    }

    /// The rate of change of a density, one per cell, density per unit time. Its sum is zero: what leaves a cell arrives
    /// in another.
    #[doc = equation!(r"\frac{d p_i}{d t} = \sum_j \left( r_{j \to i}\, p_j - r_{i \to j}\, p_i \right)")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a density on another grid.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridDensity, GridFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let line = Grid::new(&[Axis::new(-1.0, 1.0, 8).unwrap()]).unwrap();
    /// let equation = GridFokkerPlanck::new(&line, 1.0, |x| -x, |_| dmatrix![1.0]).unwrap();
    /// let start = GridDensity::point_mass(&line, &dvector![0.1]).unwrap();
    /// let rate = equation.rate_of_change(&start).unwrap();
    /// assert!(rate.sum().abs() < 1e-12 * rate.amax());
    /// ```
    pub fn rate_of_change(&self, density: &GridDensity) -> Result<DVector<f64>> {
        self.require_grid(density)?;
        let values = density.values();
        let mut change = DVector::zeros(values.len());
        for (from, to, rate) in self.transitions() {
            let flow = rate * values[from];
            change[from] -= flow;
            change[to] += flow;
        }
        Ok(change)
    }

    /// The probability current J of (35), corrected (erratum E17), at the centre of each cell: cells x dimension,
    /// density times coordinates per unit time. Each transition counts half in either of its cells.
    #[doc = equation!(r"J = b\, p - \kappa^{-1} \operatorname{div}(D p)")]
    ///
    /// # Errors
    /// [`TheoryError::Shape`] for a density on another grid.
    ///
    /// ```
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
    /// use nalgebra::{dmatrix, dvector};
    /// let axis = Axis::new(-4.0, 4.0, 32).unwrap();
    /// let grid = Grid::new(&[axis, axis]).unwrap();
    /// // a drift that turns about the origin: j = (x_2, -x_1) times the density (44)
    /// let turning = |x: &nalgebra::DVector<f64>| dvector![-x[0] + x[1], -x[1] - x[0]];
    /// let equation = GridFokkerPlanck::new(&grid, 1.0, turning, |_| dmatrix![1.0, 0.0; 0.0, 1.0]).unwrap();
    /// let law = equation.stationary().unwrap();
    /// let current = equation.current(&law).unwrap();
    /// let cell = grid.cell_of(&dvector![0.1, 0.9]).unwrap();
    /// assert!((current[(cell, 0)] / law.values()[cell] - grid.centre(cell)[1]).abs() < 0.02);
    /// ```
    pub fn current(&self, density: &GridDensity) -> Result<DMatrix<f64>> {
        self.require_grid(density)?;
        let values = density.values();
        let widths: Vec<f64> = self.grid.axes().iter().map(super::Axis::width).collect();
        let mut current = DMatrix::zeros(values.len(), self.grid.dimension());
        for (from, leaving) in self.rates.iter().enumerate() {
            for (direction, &rate) in leaving.iter().enumerate() {
                let Some(to) = neighbour(&self.grid, from, direction) else { continue };
                let (right, up) = NEIGHBOURS[direction];
                for (axis, (width, step)) in widths.iter().zip([right, up]).enumerate() {
                    let half = 0.5 * rate * values[from] * width * step as f64;
                    current[(from, axis)] += half;
                    current[(to, axis)] += half;
                }
            }
        }
        Ok(current)
    }

    /// Refuses a law whose inflow is not its outflow in every cell: rates below the normal range of doubles have lost digits.
    fn require_balance(&self, law: &DVector<f64>) -> Result<()> {
        // factors of at most one: only what is far below the largest flow leaves the range of doubles
        let (fastest, law) = (self.largest_exit_rate().max(f64::MIN_POSITIVE), law.unscale(law.max()));
        let mut inflow: DVector<f64> = DVector::zeros(law.len());
        for (from, to, rate) in self.transitions() {
            inflow[to] += rate / fastest * law[from];
        }
        for (cell, &arriving) in inflow.iter().enumerate() {
            let leaving = self.exit_rates[cell] / fastest * law[cell];
            if (arriving - leaving).abs() > 1e-10 * leaving + f64::MIN_POSITIVE {
                return Err(TheoryError::Overflow { what: "the span of the rates on the grid" });
            }
        }
        Ok(())
    }

    /// The stationary density (36), `G p = 0`: the null vector of the generator, directly, tails included. In every
    /// cell inflow and outflow agree to 1e-10 of either, usually to rounding.
    ///
    /// # Errors
    /// [`TheoryError::Singular`] when not every cell is reached from every other (erratum E16), as without diffusion or
    /// with slopes beyond the range of doubles; [`TheoryError::Overflow`] when such slopes leave too few digits;
    /// [`TheoryError::InvalidValue`] for a grid too large to eliminate.
    ///
    /// ```
    /// use langevin_theory::TheoryError;
    /// use langevin_theory::fokker_planck::{Axis, Grid, GridFokkerPlanck};
    /// use nalgebra::dmatrix;
    /// let line = Grid::new(&[Axis::new(-6.0, 6.0, 60).unwrap()]).unwrap();
    /// let make = |d| GridFokkerPlanck::new(&line, 2.0, |x| -x, |_| dmatrix![d]).unwrap().stationary();
    /// assert!((make(1.0).unwrap().covariance()[0] - 0.5).abs() < 1e-9);
    /// assert!(matches!(make(0.0), Err(TheoryError::Singular { .. })));
    /// ```
    pub fn stationary(&self) -> Result<GridDensity> {
        // a common factor does not matter, but keeps the pivots in range
        let scale = self.largest_exit_rate().recip().min(f64::MAX);
        let null = self.elimination(0.0, scale)?.null_vector()?;
        let law = DVector::from_fn(null.len(), |cell, _| null[self.order(cell)]);
        self.require_balance(&law)?;
        GridDensity::from_values(&self.grid, &law)
    }
}

/// The neighbour of a cell in a direction, unless it is outside.
fn neighbour(grid: &Grid, cell: usize, direction: usize) -> Option<usize> {
    let [columns, rows] = grid.extent();
    let [column, row] = grid.position(cell);
    let (right, up) = NEIGHBOURS[direction];
    let column = column.checked_add_signed(right).filter(|&column| column < columns)?;
    let row = row.checked_add_signed(up).filter(|&row| row < rows)?;
    Some(column + row * columns)
}

/// (a_x, a_y): what the diagonals leave for the axes.
fn without_cross_term(matrix: &DMatrix<f64>, cross: f64, ratio: f64, centre: &DVector<f64>) -> Result<[f64; 2]> {
    let along = |diagonal: f64, ratio: f64| {
        let rest = diagonal - cross.abs() * ratio;
        // a degenerate matrix on the grid made for it leaves nothing, up to rounding
        if rest >= -1e-12 * diagonal { rest.max(0.0) } else { rest }
    };
    let axes = [along(matrix[(0, 0)], ratio), along(matrix[(1, 1)], ratio.recip())];
    if axes.iter().all(|&rest| rest >= 0.0) {
        return Ok(axes);
    }
    Err(TheoryError::CrossDiffusion {
        position: format!("{}, {}", centre[0], centre[1]),
        ratio,
        lowest_ratio: cross.abs() / matrix[(1, 1)],
        highest_ratio: matrix[(0, 0)] / cross.abs(),
    })
}

/// Rates forward and backward through a face.
fn exponential_fitting(velocity: f64, sides: [f64; 2], kappa: f64, width: f64) -> [f64; 2] {
    let effective = velocity - (sides[1] - sides[0]) / kappa / width;
    let diffusion = logarithmic_mean(sides[0], sides[1]) / kappa;
    let advection = effective / width;
    // an empty face, or a drift that outruns its diffusion beyond the range of doubles: upwinding
    let peclet = if diffusion > 0.0 { width * effective / diffusion } else { f64::INFINITY.copysign(effective) };
    if peclet.abs() < 1.0 {
        let rate = diffusion / width / width;
        return [rate * bernoulli(-peclet), rate * bernoulli(peclet)];
    }
    [-advection / (-peclet).exp_m1(), advection / peclet.exp_m1()]
}

/// w / (e^w - 1).
fn bernoulli(w: f64) -> f64 {
    if w == 0.0 { 1.0 } else { w / w.exp_m1() }
}

/// (y - x) / ln(y/x) of two non-negative numbers, 0 when either is.
fn logarithmic_mean(x: f64, y: f64) -> f64 {
    let middle = 0.5 * x + 0.5 * y;
    if x <= 0.0 || y <= 0.0 {
        return 0.0;
    }
    let ratio = 0.5 * (y - x) / middle;
    if ratio == 0.0 { middle } else { middle * ratio / ratio.atanh() }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use nalgebra::{DMatrix, dmatrix, dvector};

    use super::{Grid, GridFokkerPlanck, logarithmic_mean, without_cross_term};
    use crate::error::TheoryError;
    use crate::fokker_planck::Axis;

    /// Two cells with the rates of leaving either.
    fn pair(forward: f64, backward: f64) -> GridFokkerPlanck {
        let grid = Grid::new(&[Axis::new(0.0, 2.0, 2).unwrap()]).unwrap();
        let mut rates = vec![[0.0; 8]; 2];
        (rates[0][0], rates[1][1]) = (forward, backward);
        GridFokkerPlanck { grid, rates, exit_rates: vec![forward, backward] }
    }

    #[test]
    fn a_law_out_of_balance_is_refused_in_any_unit() {
        // p_1 / p_0 = forward / backward, to 1e-10, also where both flows are a small part of the largest rate
        let ratio = 3e-6;
        for unit in [1e-160, 1.0, 1e160] {
            let equation = pair(ratio * unit, unit);
            for mass in [1e-100, 1.0, 1e100] {
                let check = |error: f64| equation.require_balance(&(dvector![1.0, ratio * (1.0 + error)] * mass));
                for error in [0.0, 1e-11, -1e-11] {
                    assert!(check(error).is_ok(), "{unit:e} {mass:e} {error:e}");
                }
                for error in [1e-9, -1e-9, 1.0] {
                    let refused = matches!(check(error), Err(TheoryError::Overflow { .. }));
                    assert!(refused, "{unit:e} {mass:e} {error:e}");
                }
            }
        }
    }

    #[test]
    fn flows_below_the_range_of_doubles_are_none() {
        // into a cell that nothing leaves, one more than the smallest double that keeps all digits is seen
        for (forward, balanced) in [(0.0, true), (1e-320, true), (f64::MIN_POSITIVE, true), (1e-300, false)] {
            assert_eq!(pair(forward, 1.0).require_balance(&dvector![1.0, 0.0]).is_ok(), balanced, "{forward:e}");
        }
    }

    #[test]
    fn the_cross_term_leaves_the_axes_nothing_less_than_zero() {
        let left =
            |matrix: DMatrix<f64>, ratio| without_cross_term(&matrix, matrix[(0, 1)], ratio, &dvector![0.25, -0.5]);
        // a_x = 4 - 1.5 2, a_y = 1.25 - 1.5 / 2
        assert_eq!(left(dmatrix![4.0, 1.5; 1.5, 1.25], 2.0).unwrap(), [1.0, 0.5]);
        // degenerate up to roundings, on its own grid, whatever its size
        for size in [1e-6, 1.0, 1e6] {
            let matrix = |excess: f64| dmatrix![1.0, 1.0 + excess; 1.0 + excess, 1.0] * size;
            for excess in [0.0, 1e-13] {
                assert_eq!(left(matrix(excess), 1.0).unwrap(), [0.0, 0.0], "{size:e} {excess:e}");
            }
            assert!(matches!(left(matrix(1e-9), 1.0), Err(TheoryError::CrossDiffusion { .. })), "{size:e}");
        }
        // h_x/h_y between |D_xy| / D_yy = 3 / 2.5 and D_xx / |D_xy| = 6 / 3
        for ratio in [1.0, 1.19, 2.01] {
            match left(dmatrix![6.0, 3.0; 3.0, 2.5], ratio) {
                Err(TheoryError::CrossDiffusion { ratio: given, lowest_ratio, highest_ratio, .. }) => {
                    assert_eq!((given, lowest_ratio, highest_ratio), (ratio, 1.2, 2.0));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(left(dmatrix![6.0, 3.0; 3.0, 2.5], 1.5).is_ok());
    }

    #[test]
    fn the_logarithmic_mean_with_nothing_is_nothing() {
        assert!((logarithmic_mean(1.0, std::f64::consts::E) - (std::f64::consts::E - 1.0)).abs() < 1e-15);
        for other in [0.0, f64::from_bits(1), f64::MIN_POSITIVE, 1.0, f64::MAX] {
            assert_eq!((logarithmic_mean(0.0, other), logarithmic_mean(other, 0.0)), (0.0, 0.0), "{other:e}");
        }
    }
}
