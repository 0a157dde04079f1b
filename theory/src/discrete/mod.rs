//! The exact law of the discrete recursion (2) on a quadratic, with noise of any constant covariance (errata section 5,
//! items 1-7): one eigendirection in closed form, and all of them together when the noise does not commute with the
//! Hessian.
//!
//! In one eigendirection, with u = eta h and noise of variance s^2 per step,
#![doc = langevin_equation::equation!(
    r"\begin{pmatrix} x_{k+1} \\ v_{k+1} \end{pmatrix} = \begin{pmatrix} 1-u & \eta\beta \\ -h & \beta \end{pmatrix} \begin{pmatrix} x_k \\ v_k \end{pmatrix} + \begin{pmatrix} \eta \\ 1 \end{pmatrix} n_k,"
)]
#![doc = langevin_equation::equation!(
    r"V = \frac{2 s^2}{(1-\beta)\,(2(1+\beta) - u)}, \qquad P = \frac{\eta (1+\beta)}{2h}\, V, \qquad \operatorname{Cov}(x_k, v_k) = \frac{\eta}{2} V."
)]
//! The noise covariance is that of the batch gradient, per step: already divided by the batch size.

pub(crate) mod constant_noise;
mod map;
mod mode;

pub use constant_noise::{ConstantNoiseLaw, stationary_kernel};
pub use map::{ModeMap, Regime};
pub use mode::ModeLaw;
