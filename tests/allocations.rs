//! In steady state a training step allocates no tensor buffer, and of small objects at most 16 KiB.
//!
//! Fresh memory from the operating system is slow to touch, and the allocator's locks are slow to share: a step that
//! runs in recycled buffers is faster, and its memory does not grow. All allocations of the process are counted, so
//! this program has one test only.

use gradus::autograd::{Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::nn::{Ctx, Module};
use gradus::ops::ClassTarget;
use gradus::optim::{Adam, FirstOrder, Optimizer};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, and a count of what it gives.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: both methods pass their arguments to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Small objects that a step may allocate.
const LIMIT: usize = 16 * 1024;

#[test]
fn a_step_in_steady_state_allocates_next_to_nothing() {
    let cnn = Cnn { input: [1, 16, 16], widths: vec![8, 8], hidden: 16, classes: 3 };
    let model = cnn.build::<f32>(&mut Rng::new(1, "init", 0)).unwrap();
    let mut optimizer = FirstOrder::new(Adam::new(1e-3));
    let x = Tensor::<f32>::randn([32, 1, 16, 16], &mut Rng::new(1, "batch", 0));
    let labels: Vec<usize> = (0..32).map(|i| i % 3).collect();
    let mut step = |t: u64| {
        let mut closure = || {
            let tape = Tape::new();
            let logits = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 1, t))?;
            let loss = logits.cross_entropy(ClassTarget::Labels(&labels))?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        };
        optimizer.step(&model, &mut closure).unwrap();
    };
    const STEPS: u64 = 10;
    (0..3 * STEPS).for_each(&mut step);

    // A worker thread grows its scratch memory when it first meets a task of some size, which may be late: that is
    // warming up, and the median of several windows is free of it.
    let buffers = Tensor::<f32>::fresh_buffers();
    let mut windows: Vec<(usize, usize)> = (3..8)
        .map(|window| {
            let (bytes, calls) = (BYTES.load(Relaxed), CALLS.load(Relaxed));
            (window * STEPS..(window + 1) * STEPS).for_each(&mut step);
            let per_step = |now: usize, before: usize| (now - before) / STEPS as usize;
            (per_step(BYTES.load(Relaxed), bytes), per_step(CALLS.load(Relaxed), calls))
        })
        .collect();
    windows.sort_unstable();
    let (bytes, calls) = windows[windows.len() / 2];

    println!("{bytes} bytes in {calls} allocations a step");
    assert_eq!(Tensor::<f32>::fresh_buffers(), buffers, "tensor buffers were allocated");
    assert!(bytes <= LIMIT, "{bytes} bytes in {calls} allocations a step, {LIMIT} are allowed");
}
