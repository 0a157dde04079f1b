//! Which instructions the processor has, and how a kernel gets to use them.

use crate::Lanes;
#[cfg(not(target_arch = "x86_64"))]
use crate::portable::Portable as Baseline;
#[cfg(target_arch = "x86_64")]
use crate::x86::Sse2 as Baseline;

/// Sets of instructions, from the plainest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor has: SSE2 on x86-64, plain loops elsewhere.
    Portable,
    /// AVX2 with FMA: two registers of four lanes.
    Avx2,
    /// AVX-512 (F, DQ): one register of eight lanes.
    Avx512,
}

impl Level {
    /// The name used in files and in the environment.
    ///
    /// ```
    /// assert_eq!(langevin_lanes::Level::Avx2.name(), "avx2");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// A set of instructions that this processor has.
///
/// ```
/// use langevin_lanes::{Kernel, Lanes, Level, Processor};
/// struct Sum([f64; 8]);
/// impl Kernel for Sum {
///     type Output = f64;
///     #[inline(always)]
///     fn run<L: Lanes>(self, lanes: L) -> f64 {
///         lanes.sum(lanes.load(&self.0))
///     }
/// }
/// assert_eq!(Processor::best().run(Sum([1.0; 8])), 8.0);
/// assert_eq!(Processor::at_most(Level::Portable).run(Sum([0.5; 8])), 4.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    // private: a level is only ever set after the processor was asked for it
    level: Level,
}

/// A computation over lanes. `run` and what it calls should be `#[inline(always)]`: only code inlined into the function
/// that [`Processor::run`] compiles for an instruction set uses it.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// The computation.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

impl Processor {
    /// The widest instructions this processor has.
    pub fn best() -> Self {
        Self::at_most(Level::Avx512)
    }

    /// The widest instructions up to a level.
    ///
    /// ```
    /// use langevin_lanes::{Level, Processor};
    /// assert!(Processor::at_most(Level::Avx2).level() <= Level::Avx2);
    /// ```
    pub fn at_most(level: Level) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
            if level >= Level::Avx512 && avx512 {
                return Self { level: Level::Avx512 };
            }
            if level >= Level::Avx2 && avx2 {
                return Self { level: Level::Avx2 };
            }
        }
        let _ = level;
        Self { level: Level::Portable }
    }

    /// The instructions in use.
    pub fn level(self) -> Level {
        self.level
    }

    /// Runs a kernel compiled for these instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is Avx512 only when the processor has avx512f and avx512dq, avx2 and fma
            Level::Avx512 => unsafe { crate::x86::run_avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is Avx2 only when the processor has avx2 and fma
            Level::Avx2 => unsafe { crate::x86::run_avx2(kernel) },
            _ => kernel.run(Baseline),
        }
    }

    /// Runs plain loops compiled for these instructions. The closure should be `#[inline(always)]`, like what it calls.
    ///
    /// ```
    /// let bytes = [1_u8, 2, 3];
    /// let sum = langevin_lanes::Processor::best().compiled(#[inline(always)] || bytes.iter().map(|&b| u32::from(b)).sum::<u32>());
    /// assert_eq!(sum, 6);
    /// ```
    #[inline]
    pub fn compiled<R>(self, loops: impl FnOnce() -> R) -> R {
        self.run(Loops(loops))
    }
}

struct Loops<F>(F);

impl<R, F: FnOnce() -> R> Kernel for Loops<F> {
    type Output = R;

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) -> R {
        (self.0)()
    }
}
