//! The exact second moments of SGD with true minibatch noise on a linear regression (errata section 5, item 8).
//!
//! With the deviation e = theta - mu_ridge, the residuals r = X mu_ridge - Y, the pull g_0 = -lambda mu_ridge and the
//! factor phi of the sampling scheme (1/S with replacement), per step:
#![doc = langevin_equation::equation!(r"P_{k+1} = M P_k M^\top + \varphi\, \Gamma\, \mathbb{E}[\Sigma]\, \Gamma^\top, \qquad m_{k+1} = M m_k, \qquad \Gamma = \begin{pmatrix} \eta I \\ I \end{pmatrix}, \qquad M = \begin{pmatrix} I - \eta H_\lambda & \eta \beta I \\ -H_\lambda & \beta I \end{pmatrix}")]
//! The gradient noise over the law of the current position, with the moments P_e and m_e of e,
#![doc = langevin_equation::equation!(r"\mathbb{E}[\Sigma] = \frac1N \sum_x x x^\top \left( x^\top P_e\, x + 2 r\, x^\top m_e + r^2 \right) - \left( H P_e H + H m_e g_0^\top + g_0 m_e^\top H + g_0 g_0^\top \right)")]
//! grows with the distance from the minimum. In the stationary state m = 0, and entrywise in the eigenbasis of H, with
//! G the kernel of constant noise ([`stationary_kernel`](crate::discrete::stationary_kernel)),
#![doc = langevin_equation::equation!(r"P = G \circ \varphi \left[ \Sigma(\mu_{\mathrm{ridge}}) + K(P) \right], \qquad K(P) = \frac1N \sum_x x x^\top (x^\top P x) - H P H")]
//!
//! The stationary equation is solved by conjugate gradients in a symmetric form; its gain (a spectral radius) is tested
//! first, because a linear solve would return negative "variances" for an unstable problem (errata section 6).

mod balance;
mod feedback;
mod gaussian_features;
mod law;
mod transient;

pub use gaussian_features::GaussianFeatures;
pub use law::{MinibatchLaw, mean_square_learning_rate_limit};
pub use transient::Transient;
