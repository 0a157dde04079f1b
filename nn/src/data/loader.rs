//! Training batches decoded ahead of the steps that need them: a thread follows the sequence of batches and fills buffers, the training
//! takes them in order and gives them back. There are `prefetch` + 1 buffers and never more, so that memory does not grow however
//! slow the training is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use langevin_sim::sgd::BatchSequence;

use super::image_set::{ImageSet, View};
use crate::error::{NnError, Result};

/// A decoded batch.
#[derive(Debug)]
pub struct LoadedBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Sample numbers.
    pub samples: Vec<u32>,
    /// Bytes, image after image, plane after plane.
    pub planes: Vec<u8>,
}

/// Where decoded batches come from, and where their memory goes back to.
type Ends = (Receiver<Result<LoadedBatch>>, SyncSender<Vec<u8>>);

/// Batches on their way.
#[derive(Debug)]
pub struct Loader {
    /// Nothing once it is being dropped.
    ends: Option<Ends>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    decoded: Arc<AtomicU64>,
}

impl Loader {
    /// Starts from a place in a sequence of batches.
    ///
    /// # Errors
    /// [`NnError::Read`] when the system gives no thread.
    pub fn start(images: &ImageSet, mut batches: BatchSequence, seed: u64, chain: u64) -> Result<Self> {
        let buffers = images.prefetch + 1;
        let (ready, taken) = sync_channel(buffers);
        let (returned, free) = sync_channel::<Vec<u8>>(buffers);
        for _ in 0..buffers {
            // there is room for all of them
            drop(returned.try_send(Vec::new()));
        }
        let (stop, decoded) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_stopped, count, images) = (Arc::clone(&stop), Arc::clone(&decoded), images.clone());
        let work = move || {
            while let Ok(mut planes) = free.recv() {
                let step = batches.step();
                let samples = batches.next_batch().to_vec();
                planes.resize(samples.len() * images.bytes(), 0);
                let view = View::Training { seed, chain, step };
                let result = images.decode(&samples, view, &mut planes, &is_stopped);
                if is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
                let failed = result.is_err();
                if ready.send(result.map(|()| LoadedBatch { step, samples, planes })).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("loader".into())
            .spawn(work)
            .map_err(|source| NnError::Read { path: "a thread for reading images".into(), source })?;
        Ok(Self { ends: Some((taken, returned)), thread: Some(thread), stop, decoded })
    }

    /// The batch of the next step. Waits for it.
    ///
    /// # Errors
    /// [`NnError::Read`], [`NnError::File`] naming the image.
    pub fn next_batch(&mut self) -> Result<LoadedBatch> {
        let over = || NnError::Input { detail: "the thread that reads images has ended".into() };
        let (ready, _) = self.ends.as_ref().ok_or_else(over)?;
        ready.recv().map_err(|_| over())?
    }

    /// Takes the memory of a batch back.
    pub fn give_back(&self, batch: LoadedBatch) {
        if let Some((_, free)) = &self.ends {
            // a thread that has ended wants none
            drop(free.try_send(batch.planes));
        }
    }

    /// Batches decoded so far, taken or not.
    pub fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // hangs up on both sides, so that the thread waits for nothing
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            // it does not panic
            drop(thread.join());
        }
    }
}
