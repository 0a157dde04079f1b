//! Random numbers eight at a time: independent streams keyed by (seed, chain), batch indices without bias, and normals.
//!
//! A stream is eight xoshiro256++ generators side by side (Blackman & Vigna 2021), one per lane, whose states are 256 bytes
//! of ChaCha8 output under the key (seed, chain): streams are independent whatever seeds and chains are used, and a stream is
//! a function of its key alone. The numbers are the same on every processor; normals differ in their last bits where there is
//! no fused multiply-add.

mod indices;
mod normal;
mod stream;

pub use indices::IndexRange;
pub(crate) use indices::IndexRanges;
pub use normal::{NormalPairs, fill_normals};
pub use stream::{Stream, StreamLanes};
