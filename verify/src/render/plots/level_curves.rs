//! Level curves of quadratic forms in a plane: ellipses.

use super::panel::{Drawing, Stroke};

/// Shaded levels of a loss.
const LEVELS: u32 = 9;

/// A symmetric positive definite form, [11, 12, 22].
pub(super) type Form = [f64; 3];

/// The inverse of a form.
pub(super) fn inverse([a, b, c]: Form) -> Form {
    let determinant = a * c - b * b;
    [c / determinant, -b / determinant, a / determinant]
}

/// The points x with (x - centre)^T form (x - centre) = radius^2; the first is repeated at the end.
pub(super) fn level_curve(centre: [f64; 2], [a, b, c]: Form, radius: f64) -> [Vec<f64>; 2] {
    const POINTS: u32 = 120;
    // form = L L^T, and L^T (x - centre) runs around a circle
    let first = a.sqrt();
    let below = b / first;
    let second = (c - below * below).sqrt();
    let mut curve = [Vec::new(), Vec::new()];
    for point in 0..=POINTS {
        let (sine, cosine) = (std::f64::consts::TAU * f64::from(point) / f64::from(POINTS)).sin_cos();
        let y = radius * sine / second;
        curve[0].push(centre[0] + (radius * cosine - below * y) / first);
        curve[1].push(centre[1] + y);
    }
    curve
}

/// Shades a loss: nested level curves at equal steps of the square root of the loss. `corner` is a point of the plane, as a
/// deviation from the centre, that the outermost one reaches.
pub(super) fn shade(drawing: &mut Drawing, centre: [f64; 2], form: Form, corner: [f64; 2], ink: &'static str) {
    let [x, y] = corner;
    let reach = (form[0] * x * x + 2.0 * form[1].abs() * (x * y).abs() + form[2] * y * y).sqrt();
    for level in (1..=LEVELS).rev() {
        let [x, y] = level_curve(centre, form, reach * f64::from(level) / f64::from(LEVELS));
        drawing.region(&x, &y, ink);
        drawing.line(&x, &y, Stroke { ink, width: 0.6, dash: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_on_the_level() {
        let form = [2.5, -1.5, 2.0];
        let [x, y] = level_curve([0.3, -1.0], form, 0.7);
        for (x, y) in x.iter().zip(&y) {
            let (dx, dy) = (x - 0.3, y + 1.0);
            let value = form[0] * dx * dx + 2.0 * form[1] * dx * dy + form[2] * dy * dy;
            assert!((value - 0.49).abs() < 1e-12);
        }
        let [a, b, c] = inverse(inverse(form));
        assert!((a - 2.5).abs() + (b + 1.5).abs() + (c - 2.0).abs() < 1e-12);
    }
}
