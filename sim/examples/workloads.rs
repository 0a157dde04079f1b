//! Chain-steps per second of three workloads, one line of JSON each.
//!
//! ```text
//! workloads [WORKLOAD ...] [--seconds S] [--threads N] [--level portable|avx2|avx512]
//! ```
//!
//! | workload | what runs |
//! |---|---|
//! | `w1-32`, `w1-256` | one chain on digits (1797 x 64), batches of 32 or 256, both distances of (1) kept every step |
//! | `w2-10`, `w2-64`, `w2-512` | 1024 chains, batches of 32, five moments per coordinate at every step |
//! | `w2-cov` | the same in 64 dimensions with all 128 x 128 second moments at every step |
//! | `w3` | 4096 chains of 64 modes with Gaussian noise, five moments per mode at every step |
//! | `limits` | what one core can do: fused multiply-adds, rows gathered at random from tables of two sizes, normals |

#![allow(clippy::print_stdout)] // it is what this program is for
#![allow(clippy::inline_always)] // kernels

use std::time::Instant;

use langevin_lanes::{Kernel, LANES, Lanes, Level, Line, Processor, Table};
use langevin_sim::data::Standardize;
use langevin_sim::observer::{CoordinateObserver, DistanceObserver, SecondMomentObserver};
use langevin_sim::random::{Stream, fill_normals};
use langevin_sim::sgd::{Ensemble, GaussianNoise, MinibatchNoise, NoiseSource, Start};
use langevin_sim::{Dataset, Observer, StateBlock};
use langevin_theory::{Hyperparameters, LeastSquares, Sampling};
use nalgebra::DMatrix;

const ALL: [&str; 7] = ["w1-32", "w1-256", "w2-10", "w2-64", "w2-512", "w2-cov", "w3"];

fn main() {
    let mut workloads = Vec::new();
    let (mut seconds, mut threads, mut level) = (2.0, 1_usize, Level::Avx512);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--seconds" => seconds = value().parse().unwrap_or(seconds),
            "--threads" => threads = value().parse().unwrap_or(threads),
            "--level" => {
                let name = value();
                let levels = [Level::Portable, Level::Avx2, Level::Avx512];
                level = levels.into_iter().find(|level| level.name() == name).unwrap_or(level);
            }
            _ => workloads.push(argument),
        }
    }
    if workloads.is_empty() {
        workloads = ALL.map(String::from).to_vec();
    }
    let processor = Processor::at_most(level);
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { return };
    for workload in &workloads {
        if workload == "limits" {
            limits(processor);
            continue;
        }
        let Some(run) = prepare(workload, processor) else {
            println!("{{\"error\": \"{workload} is none of {}\"}}", ALL.join(", "));
            continue;
        };
        pool.install(|| {
            // a short run finds out how many steps take the wanted time
            let probe = run(64);
            let steps = ((64.0 * seconds / probe.seconds) as u64).clamp(64, 50_000_000);
            let before = processor_seconds();
            let measured = run(steps);
            let busy = processor_seconds() - before;
            println!(
                "{{\"workload\": \"{workload}\", \"level\": \"{}\", \"threads\": {threads}, \"chain_steps\": {}, \
                 \"seconds\": {:.4}, \"processor_seconds\": {busy:.4}, \"chain_steps_per_second\": {:.5e}, \
                 \"chain_steps_per_processor_second\": {:.5e}, \"check\": {:.6e}}}",
                processor.level().name(),
                measured.chain_steps,
                measured.seconds,
                measured.chain_steps as f64 / measured.seconds,
                measured.chain_steps as f64 / busy,
                measured.check,
            );
        });
    }
}

/// Seconds that the processors worked for this program, on Linux; what counts on a machine that others use too.
fn processor_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds: u64 = tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()))
        .sum();
    nanoseconds as f64 * 1e-9
}

/// Prints what this core can do, the best of many short runs.
fn limits(processor: Processor) {
    let best = |work: &mut dyn FnMut()| {
        (0..300)
            .map(|_| {
                let began = Instant::now();
                work();
                began.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min)
    };
    let print = |limit: &str, rate: f64| println!("{{\"limit\": \"{limit}\", \"per_second\": {rate:.4e}}}");
    let rounds = 20_000;
    let seconds = best(&mut || {
        std::hint::black_box(processor.run(MultiplyAdds { rounds }));
    });
    print("floating point operations", (rounds * 2 * LANES * ACCUMULATORS) as f64 / seconds);
    for (name, lines) in [("bytes of rows of 512 B, 0.9 MB in all", 8), ("bytes of rows of 4096 B, 7.4 MB in all", 64)]
    {
        let table = Table::from_lines(&vec![Line([1.0; LANES]); 1797 * lines]);
        let mut stream = Stream::new(1, 0);
        let rows: Vec<u64> = (0..512).flat_map(|_| stream.next_eight()).map(|word| (word >> 32) % 1797).collect();
        let seconds = best(&mut || {
            std::hint::black_box(processor.run(Gather { table: &table, lines, rows: &rows }));
        });
        print(name, (rows.len() * lines * 64) as f64 / seconds);
    }
    let mut lines = vec![Line::default(); 1024];
    let mut stream = Stream::new(1, 1);
    let seconds = best(&mut || fill_normals(processor, &mut stream, &mut lines));
    print("normals", (lines.len() * LANES) as f64 / seconds);
}

/// Independent sums, enough to hide the latency of an operation and few enough for the registers.
const ACCUMULATORS: usize = 12;

struct MultiplyAdds {
    rounds: usize,
}

impl Kernel for MultiplyAdds {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let mut sums = [lanes.splat(0.5); ACCUMULATORS];
        let factor = lanes.splat(0.999);
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = lanes.mul_add(*sum, factor, factor);
            }
        }
        sums.iter().map(|sum| lanes.sum(*sum)).sum()
    }
}

struct Gather<'a> {
    table: &'a [Line],
    lines: usize,
    rows: &'a [u64],
}

impl Kernel for Gather<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let mut sums = [lanes.splat(0.0); 8];
        let eights = self.table.as_chunks::<8>().0;
        let per_row = self.lines / 8;
        for (place, &row) in self.rows.iter().enumerate() {
            let ahead = self.rows.get(place + 8).map_or(0, |&row| row as usize * per_row);
            for part in 0..per_row {
                for line in &eights[ahead + part] {
                    lanes.prefetch(line);
                }
                let own = &eights[row as usize * per_row + part];
                for j in 0..8 {
                    sums[j] = lanes.add(sums[j], lanes.load(&own[j].0));
                }
            }
        }
        sums.iter().map(|sum| lanes.sum(*sum)).sum()
    }
}

struct Measured {
    chain_steps: u64,
    seconds: f64,
    /// Something that depends on every state.
    check: f64,
}

type Run = Box<dyn Fn(u64) -> Measured + Sync>;

fn prepare(workload: &str, processor: Processor) -> Option<Run> {
    let batch = if workload == "w1-256" { 256 } else { 32 };
    let dimension = match workload {
        "w2-10" => 10,
        "w2-512" => 512,
        "w1-32" | "w1-256" | "w2-64" | "w2-cov" | "w3" => 64,
        _ => return None,
    };
    let sgd = Hyperparameters::new(0.64 / dimension as f64, 0.9, 1e-3, batch).ok()?;
    if workload == "w3" {
        let curvature: Vec<f64> = (0..64).map(|mode| 5.0 * 0.9_f64.powi(mode)).collect();
        let scale = |i: usize| (0.5 * curvature[i] / 32.0).sqrt();
        let root = DMatrix::from_fn(64, 64, |i, j| if i == j { scale(i) } else { 0.0 });
        let noise = GaussianNoise::new(&curvature, &DMatrix::zeros(64, 1), &[root]).ok()?;
        let start = Start::Fixed(DMatrix::zeros(64, 1));
        let ensemble = Ensemble::new(NoiseSource::Gaussian(noise), &sgd, start, 1).ok()?.on(processor);
        return Some(ensemble_run(ensemble, processor, 4096, vec![0.0; 64]));
    }
    let data = problem(dimension)?;
    // close enough to the minimum for a steady state
    let normal = data.features().tr_mul(data.features()) / data.samples() as f64
        + DMatrix::identity(dimension, dimension) * 1e-3;
    let minimum = normal.cholesky()?.solve(&(data.features().tr_mul(data.targets()) / data.samples() as f64));
    let centre = minimum.as_slice().to_vec();
    let noise = NoiseSource::Minibatch(MinibatchNoise::new(&data, &sgd, Sampling::WithReplacement).ok()?);
    let ensemble = Ensemble::new(noise, &sgd, Start::Fixed(minimum), 1).ok()?.on(processor);
    Some(match workload {
        "w1-32" | "w1-256" => Box::new(move |steps| {
            let began = Instant::now();
            let runs = ensemble.run(
                0..1,
                steps,
                || DistanceObserver::new(&centre, sgd.learning_rate()).on(processor),
                &|_| (),
            );
            let check = runs.iter().map(|run| run.local.iter().sum::<f64>()).sum::<f64>() / steps as f64;
            Measured { chain_steps: steps, seconds: began.elapsed().as_secs_f64(), check }
        }),
        "w2-cov" => Box::new(move |steps| {
            let began = Instant::now();
            let runs =
                ensemble.run(0..1024, steps, || Shared(SecondMomentObserver::new(&centre).on(processor)), &|_| ());
            Measured {
                chain_steps: 1024 * steps,
                seconds: began.elapsed().as_secs_f64(),
                check: runs.iter().sum::<f64>() / (1024.0 * steps as f64),
            }
        }),
        _ => ensemble_run(ensemble, processor, 1024, centre),
    })
}

fn ensemble_run(ensemble: Ensemble, processor: Processor, chains: u64, centre: Vec<f64>) -> Run {
    Box::new(move |steps| {
        let began = Instant::now();
        let runs = ensemble.run(0..chains, steps, || CoordinateObserver::new(&centre).on(processor), &|_| ());
        let check = runs.iter().map(|sums| sums.position_square.iter().sum::<f64>()).sum::<f64>();
        let chain_steps = chains * steps;
        Measured { chain_steps, seconds: began.elapsed().as_secs_f64(), check: check / chain_steps as f64 }
    })
}

/// The trace alone is kept of each chain's matrix.
struct Shared<'a>(SecondMomentObserver<'a>);

impl Observer for Shared<'_> {
    type Output = f64;

    fn observe(&mut self, block: &StateBlock<'_>) {
        self.0.observe(block);
    }

    fn finish(self) -> f64 {
        self.0.finish().1.trace()
    }
}

/// Data of the shape of the workload with tr H = d: digits, or waves where digits do not have the shape.
fn problem(dimension: usize) -> Option<LeastSquares> {
    let (features, targets) = if dimension == 64 {
        let digits = Dataset::digits(Standardize::Center, false, None).ok()?.problem;
        (digits.features().clone(), digits.targets().clone())
    } else {
        let samples = if dimension == 10 { 442 } else { 1797 };
        let wave = |i: usize, j: usize| ((i * 7 + 3) as f64 * (j * 13 + 1) as f64 * 0.37).sin();
        (DMatrix::from_fn(samples, dimension, wave), DMatrix::from_fn(samples, 1, |i, _| wave(i, 1000)))
    };
    let scale = (dimension as f64 * features.nrows() as f64 / features.norm_squared()).sqrt();
    LeastSquares::new(features * scale, targets).ok()
}
