//! The variational formulation of appendix E for Gaussian laws: entropy, Kullback-Leibler divergence, Wasserstein
//! distance (39), and the step of Jordan, Kinderlehrer and Otto (Theorem 1).
#![doc = langevin_equation::equation!(r"p_k = \underset{p}{\mathrm{arg\,min}} \; \tau F(p) + \tfrac12 W_2^2(p, p_{k-1}), \qquad F(p) = \mathbb{E}[\Psi] + \kappa^{-1}\, \mathbb{E}[\ln p]")]
//! with the factor 1/2 that the paper lacks (erratum E18).

mod gaussian;
mod jko;

pub use gaussian::Gaussian;
pub(crate) use gaussian::divergence;
pub use jko::JkoStep;
