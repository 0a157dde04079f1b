//! The workers of a run: each takes a unit, runs its chains one after the other in slices of blocks of states, and adds the
//! result to the tree. Between two slices a worker leaves a copy of its unit when a checkpoint asks for one. Copies need not
//! be of the same moment: every one is a true earlier state of its unit, and a unit is either under way or finished.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use langevin_sim::observer::ResumableObserver;
use langevin_sim::saved_state::{StateReader, StateWriter, mismatch};
use langevin_sim::sgd::{Chain, Ensemble};

use super::frame::Frame;
use super::reduction::{Block, Reduction};
use super::set_up::{Point, stable_limit};
use super::state_file::{SavedUnit, State};
use super::units::Units;
use super::watch::{Watch, Watcher, record};
use crate::error::{Result, VerifyError};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::scenario::Prepared;

/// A slice lasts about this long, so that checkpoints need not wait.
const SLICE: Duration = Duration::from_millis(10);

/// Most blocks of a slice.
const MOST_BLOCKS: u64 = 1 << 20;

/// What all workers of a run share.
pub(super) struct Work<'a> {
    problem: &'a Problem,
    prepared: &'a Prepared,
    frame: &'a Frame,
    watch: Watch,
    units: Units,
    owned: Range<usize>,
    progress: &'a Progress,
    /// Points that are set up, as long as somebody uses them.
    points: Vec<Mutex<Weak<Point>>>,
    /// Points of a sweep that were found to be undefined.
    undefined: Vec<AtomicBool>,
    stopping: AtomicBool,
    /// Number of the latest request for copies.
    wanted: AtomicU64,
    /// Chain-steps of this process.
    done: AtomicU64,
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    reduction: Reduction,
    /// Units of a checkpoint that nobody has taken up again.
    waiting: Vec<SavedUnit>,
    /// Next unit that may not have begun.
    next: usize,
    workers: Vec<Worker>,
    error: Option<VerifyError>,
}

/// What is known of a worker.
#[derive(Clone, Default)]
struct Worker {
    /// The latest copy of its unit; none when the unit begins anew after an interruption.
    copy: Option<SavedUnit>,
    /// The unit it works on.
    unit: Option<usize>,
    /// The latest request that it answered; the largest number while it has nothing to answer with.
    answered: u64,
    ended: bool,
}

/// How a unit was left.
enum Left {
    Finished(Block),
    Stopped,
}

/// Marks a worker as ended, also when it panics: who waits for it must not wait for ever.
struct Ended<'a> {
    work: &'a Work<'a>,
    worker: usize,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.work.lock().workers[self.worker].ended = true;
        self.work.changed.notify_all();
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(
        problem: &'a Problem,
        prepared: &'a Prepared,
        frame: &'a Frame,
        owned: Range<usize>,
        state: State,
        progress: &'a Progress,
    ) -> Self {
        let units = Units::new(frame.points(), frame.chains);
        Self {
            problem,
            prepared,
            frame,
            watch: Watch::new(frame),
            units,
            progress,
            points: (0..units.points()).map(|_| Mutex::default()).collect(),
            undefined: (0..units.points()).map(|_| AtomicBool::new(false)).collect(),
            stopping: AtomicBool::new(false),
            wanted: AtomicU64::new(0),
            done: AtomicU64::new(0),
            shared: Mutex::new(Shared {
                reduction: state.reduction,
                waiting: state.under_way,
                next: owned.start,
                workers: Vec::new(),
                error: None,
            }),
            owned,
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // a worker that panicked takes the process with it; what it held is only read to report that
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chain-steps of this process.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Asks all workers to leave copies of their units and end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Runs the workers, and meanwhile calls `attend` on this thread several times a second, and once more at the end.
    /// Gives whether all units are finished.
    ///
    /// # Errors
    /// The first error of a worker or of `attend`.
    pub(super) fn run(&self, workers: usize, mut attend: impl FnMut() -> Result<()>) -> Result<bool> {
        self.lock().workers = vec![Worker::default(); workers];
        let mut attended = Ok(());
        std::thread::scope(|scope| {
            for worker in 0..workers {
                scope.spawn(move || self.work(worker));
            }
            loop {
                let shared = self.lock();
                let all_ended = shared.workers.iter().all(|worker| worker.ended);
                let waited = self.changed.wait_timeout_while(shared, Duration::from_millis(100), |shared| {
                    !all_ended && !shared.workers.iter().all(|worker| worker.ended)
                });
                drop(waited);
                if all_ended {
                    break;
                }
                if attended.is_ok() {
                    attended = attend();
                    if attended.is_err() {
                        self.stop();
                    }
                }
            }
        });
        let mut shared = self.lock();
        match shared.error.take() {
            Some(error) => Err(error),
            None => attended.map(|()| {
                self.owned.clone().all(|unit| {
                    let (point, block) = self.units.place(unit);
                    shared.reduction.covers(point, block)
                })
            }),
        }
    }

    /// A state from which the run can go on, with fresh copies of all units under way.
    pub(super) fn state(&self, eigenvalues: &[f64], minimum_ridge: &[f64]) -> State {
        let wanted = self.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let shared = self.lock();
        let shared = self
            .changed
            .wait_while(shared, |shared| {
                shared.workers.iter().any(|worker| !worker.ended && worker.unit.is_some() && worker.answered < wanted)
            })
            .unwrap_or_else(PoisonError::into_inner);
        let under_way = shared.waiting.iter().chain(shared.workers.iter().filter_map(|worker| worker.copy.as_ref()));
        State {
            eigenvalues: eigenvalues.to_vec(),
            minimum_ridge: minimum_ridge.to_vec(),
            reduction: shared.reduction.clone(),
            under_way: under_way.cloned().collect(),
        }
    }

    /// The state after the end of a complete run; nothing is left here.
    pub(super) fn into_state(self, eigenvalues: Vec<f64>, minimum_ridge: Vec<f64>) -> State {
        let shared = self.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        State { eigenvalues, minimum_ridge, reduction: shared.reduction, under_way: Vec::new() }
    }

    fn work(&self, worker: usize) {
        let _ended = Ended { work: self, worker };
        while !self.stopping.load(Ordering::SeqCst)
            && let Some((unit, saved)) = self.claim(worker)
        {
            let left =
                self.point(self.units.place(unit).0).and_then(|point| self.run_unit(worker, unit, saved, &point));
            let mut shared = self.lock();
            match left {
                Ok(Left::Finished(result)) => {
                    let (point, block) = self.units.place(unit);
                    shared.reduction.insert(point, block, result);
                    shared.workers[worker] = Worker::default();
                }
                Ok(Left::Stopped) => break,
                Err(error) => {
                    shared.error.get_or_insert(error);
                    self.stop();
                    break;
                }
            }
            drop(shared);
            self.changed.notify_all();
        }
    }

    /// The next unit: one of the checkpoint, or one that has not begun.
    fn claim(&self, worker: usize) -> Option<(usize, Option<SavedUnit>)> {
        let mut shared = self.lock();
        let saved = shared.waiting.pop();
        let unit = match &saved {
            Some(saved) => saved.unit,
            None => loop {
                let unit = shared.next;
                if unit >= self.owned.end {
                    return None;
                }
                shared.next += 1;
                let (point, block) = self.units.place(unit);
                let is_taken = shared.workers.iter().any(|worker| worker.unit == Some(unit))
                    || shared.waiting.iter().any(|saved| saved.unit == unit);
                if !is_taken && !shared.reduction.covers(point, block) {
                    break unit;
                }
            },
        };
        shared.workers[worker] = Worker { copy: saved.clone(), unit: Some(unit), answered: u64::MAX, ended: false };
        Some((unit, saved))
    }

    /// A point, set up by whoever comes first.
    fn point(&self, point: usize) -> Result<Arc<Point>> {
        let mut slot = self.points[point].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = slot.upgrade() {
            return Ok(ready);
        }
        let ready = Arc::new(Point::new(self.problem, self.prepared, point)?);
        *slot = Arc::downgrade(&ready);
        Ok(ready)
    }

    /// Sets up the first point of this shard, so that what it takes shows before the run begins. It is kept as long as the
    /// caller keeps it.
    ///
    /// # Errors
    /// As [`Point::new`].
    pub(super) fn first_point(&self) -> Result<Option<Arc<Point>>> {
        if self.owned.is_empty() { Ok(None) } else { self.point(self.units.place(self.owned.start).0).map(Some) }
    }

    fn run_unit(&self, worker: usize, unit: usize, saved: Option<SavedUnit>, point: &Point) -> Result<Left> {
        let chains = self.units.chains(unit);
        let ensemble = match &point.ensemble {
            Ok(ensemble) => ensemble,
            Err(reason) => {
                self.note_undefined(unit, reason);
                return Ok(Left::Finished(self.undefined_block(&chains)));
            }
        };
        let mut block = Block::default();
        let mut first = chains.start;
        let mut resumed = None;
        if let Some(saved) = saved {
            let mut state = StateReader::new(&saved.state);
            first = state.count()?;
            if !chains.contains(&first) {
                return Err(mismatch(format!("chain {first} is not of unit {unit}")).into());
            }
            block = Block::restore(&mut state, self.frame.chain_values())?;
            let chain = ensemble.restore(first, &mut state)?;
            let mut watcher = self.watch.watcher(&point.centre);
            watcher.restore(&mut state)?;
            state.finish()?;
            resumed = Some((chain, watcher));
        }
        let mut answered = self.wanted.load(Ordering::SeqCst);
        self.lock().workers[worker].answered = answered;
        for number in first..chains.end {
            let (mut chain, mut watcher) =
                resumed.take().unwrap_or_else(|| (ensemble.chain(number), self.watch.watcher(&point.centre)));
            if !self.run_chain(worker, unit, ensemble, number, &mut chain, &mut watcher, &block, &mut answered) {
                return Ok(Left::Stopped);
            }
            let record = record(watcher);
            if !record.values.iter().chain(&record.trajectory).all(|value| value.is_finite()) {
                self.diverged(unit)?;
            }
            block.moments.push(&record.values);
            block.trajectory.extend(record.trajectory);
        }
        Ok(Left::Finished(block))
    }

    /// Runs a chain to its end, or until the run is stopped; gives whether it ended.
    #[allow(clippy::too_many_arguments, reason = "the parts of a unit, which live in the caller")]
    fn run_chain(
        &self,
        worker: usize,
        unit: usize,
        ensemble: &Ensemble,
        number: u64,
        chain: &mut Chain,
        watcher: &mut Watcher<'_>,
        block: &Block,
        answered: &mut u64,
    ) -> bool {
        let mut blocks = 1;
        while chain.next_step() <= self.frame.steps {
            let began = Instant::now();
            let states = ensemble.advance(chain, self.frame.steps, blocks, watcher);
            let is_first = chain.next_step() == states;
            // the initial state is no step
            let steps = states - u64::from(is_first);
            self.done.fetch_add(steps, Ordering::Relaxed);
            self.progress.advance(steps);
            let stopping = self.stopping.load(Ordering::SeqCst);
            let wanted = self.wanted.load(Ordering::SeqCst);
            if stopping || wanted > *answered {
                *answered = wanted;
                let mut state = StateWriter::default();
                state.count(number);
                block.save(&mut state);
                chain.save(&mut state);
                watcher.save(&mut state);
                let copy = SavedUnit { unit, state: state.into_bytes() };
                let mut shared = self.lock();
                shared.workers[worker].copy = Some(copy);
                shared.workers[worker].answered = wanted;
                drop(shared);
                self.changed.notify_all();
                if stopping {
                    return false;
                }
            }
            let elapsed = began.elapsed();
            if elapsed < SLICE / 2 {
                blocks = (blocks * 2).min(MOST_BLOCKS);
            } else if elapsed > SLICE * 2 {
                blocks = (blocks / 2).max(1);
            }
        }
        true
    }

    /// The result of chains that cannot run.
    fn undefined_block(&self, chains: &Range<u64>) -> Block {
        let mut block = Block::default();
        block.moments.push(&vec![f64::NAN; self.frame.chain_values()]);
        let count = chains.end - chains.start;
        let numbers = self.frame.trajectory_numbers() / self.frame.points() as u64 / self.frame.chains * count;
        block.trajectory = vec![f64::NAN; numbers as usize];
        self.progress.advance(count * self.frame.steps);
        block
    }

    /// Says once per point that it has no numbers.
    fn note_undefined(&self, unit: usize, reason: &str) {
        let (point, _) = self.units.place(unit);
        if !self.undefined[point].swap(true, Ordering::SeqCst) {
            self.progress.note(&format!("sweep point {}: undefined: {reason}", self.problem.sweep.describe(point)));
        }
    }

    /// In a sweep a chain that diverges makes its point undefined; alone it is an error.
    fn diverged(&self, unit: usize) -> Result<()> {
        let (point, _) = self.units.place(unit);
        let (sgd, _) = self.problem.sweep.at(point, &self.problem.sgd, self.problem.run.seed)?;
        if !self.problem.sweep.is_single() {
            self.note_undefined(unit, "a chain diverged");
            return Ok(());
        }
        let limit = match stable_limit(self.problem, self.prepared, &sgd) {
            Some(limit) => format!("the largest mean-square stable one is {limit:.6}"),
            None => "which must be below the largest mean-square stable one".into(),
        };
        Err(VerifyError::Input {
            detail: format!(
                "the simulation diverged: its averages are not finite after {} steps; sgd.learning_rate is {}, {limit}",
                self.frame.steps,
                sgd.learning_rate()
            ),
        })
    }
}
