//! The team: threads that divide the tasks of one kernel among them, and stay awake for a moment afterwards.
//!
//! Waking a sleeping thread takes 30 to 40 microseconds, which is several steps of a small network; a thread that
//! still polls for the next job joins in after a fraction of one. So the team's workers spin for [`AWAKE`] after
//! their last job and sleep only then.
//!
//! Each member starts on its own contiguous part of the tasks, the same one from kernel to kernel, so that it finds in
//! its cache what it wrote there before; then it helps with the parts of the others. No thread waits for one
//! that has not yet come: a job is closed when its tasks are all taken, and done when the threads inside have left.
//!
//! Threads are started before the job opens. The system may refuse one (a limit on processes, say); then the job has as
//! many members as there are, and the refusal is remembered.

use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a worker looks out for work before it sleeps.
const AWAKE: Duration = Duration::from_micros(200);
/// Members at most, the caller among them.
const MAX_MEMBERS: usize = 64;
/// The first worker whose thread does not start: none, but in the tests below.
const REFUSED_FROM: usize = if cfg!(test) { 12 } else { MAX_MEMBERS };
/// Looks at the state between two looks at the clock, or before giving way to other programs.
const LOOKS: usize = 256;

/// The state is one word: bit 0 whether the job is open, then how many workers are inside, how many members there
/// are, and the job's number.
const OPEN: u64 = 1;
const INSIDE: u64 = 1 << 1;
const MEMBERS: u64 = 1 << 9;
const NUMBER: u64 = 1 << 17;

fn field(state: u64, unit: u64) -> u64 {
    (state / unit) & 0xff
}

/// A value in cache lines of its own.
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Clone, Copy)]
struct Job {
    task: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    members: usize,
}

struct Worker {
    /// Empty before the first job that wants this worker; none if the system refused the thread.
    thread: OnceLock<Option<Thread>>,
    asleep: AtomicBool,
}

struct Team {
    /// Whether a job is being worked on; the thread that sets it owns the job.
    taken: AtomicBool,
    state: Apart<AtomicU64>,
    job: UnsafeCell<Option<Job>>,
    /// The next task of each member's part.
    next: [Apart<AtomicUsize>; MAX_MEMBERS],
    workers: [Worker; MAX_MEMBERS - 1],
    panicked: AtomicBool,
}

// SAFETY: `job` is written by the owner alone while the job is closed and no thread is inside, and read by those that
// are inside; the state's orderings carry it from one to the others.
unsafe impl Sync for Team {}

static TEAM: Team = Team {
    taken: AtomicBool::new(false),
    state: Apart(AtomicU64::new(0)),
    job: UnsafeCell::new(None),
    next: [const { Apart(AtomicUsize::new(0)) }; MAX_MEMBERS],
    workers: [const { Worker { thread: OnceLock::new(), asleep: AtomicBool::new(false) } }; MAX_MEMBERS - 1],
    panicked: AtomicBool::new(false),
};

thread_local! {
    static WORKING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread is in the middle of a team's task.
pub(crate) fn is_working() -> bool {
    WORKING.get()
}

/// Calls `task(i)` for each i in `0..tasks` on up to `members` threads, this one among them. Returns false, having
/// done nothing, if the team is busy with another thread's job.
pub(crate) fn share(tasks: usize, members: usize, task: &(dyn Fn(usize) + Sync)) -> bool {
    let members = members.min(tasks).clamp(1, MAX_MEMBERS);
    if TEAM.taken.swap(true, Acquire) {
        return false;
    }
    // From here to `close` nothing may unwind: the workers hold a pointer into this frame.
    let members = 1 + TEAM.workers[..members - 1].iter().enumerate().take_while(|(i, worker)| worker.start(*i)).count();
    for (m, next) in TEAM.next[..members].iter().enumerate() {
        next.0.store(m * tasks / members, Relaxed);
    }
    // SAFETY: only the lifetime is dropped: `close` comes back when no worker is inside any more. The job is this
    // thread's to write, because it has taken the team and the last owner left it closed and empty.
    unsafe {
        let task = std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(task);
        *TEAM.job.get() = Some(Job { task, tasks, members });
    }
    let number = TEAM.state.0.load(Relaxed) / NUMBER;
    TEAM.state.0.store((number + 1) * NUMBER + members as u64 * MEMBERS + OPEN, SeqCst);
    TEAM.workers[..members - 1].iter().for_each(Worker::wake);

    let mine = attempt(0);
    close();
    let others = TEAM.panicked.swap(false, Relaxed);
    TEAM.taken.store(false, Release);
    if let Err(panic) = mine {
        std::panic::resume_unwind(panic);
    }
    assert!(!others, "a task of a parallel kernel panicked");
    true
}

/// Lets no one in any more and waits until the last worker has left.
fn close() {
    TEAM.state.0.fetch_and(!OPEN, SeqCst);
    let mut looks = 0;
    while field(TEAM.state.0.load(Acquire), INSIDE) > 0 {
        std::hint::spin_loop();
        looks += 1;
        if looks % LOOKS == 0 {
            thread::yield_now();
        }
    }
}

/// [`work`]; a panic in a task waits until the job is done.
fn attempt(me: usize) -> thread::Result<()> {
    WORKING.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| work(me)));
    WORKING.set(false);
    result
}

/// Does tasks of the present job, those of member `me` first, until none is left.
fn work(me: usize) {
    // SAFETY: this thread is inside an open job, so no thread writes it, and the task lives.
    let (job, task) = unsafe {
        let job = (*TEAM.job.get()).expect("there is a job");
        (job, &*job.task)
    };
    for m in (me..job.members).chain(0..me) {
        let end = (m + 1) * job.tasks / job.members;
        loop {
            let i = TEAM.next[m].0.fetch_add(1, Relaxed);
            if i >= end {
                break;
            }
            task(i);
        }
    }
}

impl Worker {
    /// Starts the worker's thread, unless that was done before. Returns whether there is one.
    fn start(&'static self, i: usize) -> bool {
        let thread = self.thread.get_or_init(|| {
            let builder = thread::Builder::new().name(format!("gradus-{}", i + 1));
            let serve = move || self.serve(i + 1);
            let started = if i < REFUSED_FROM { builder.spawn(serve).ok() } else { None };
            started.map(|handle| handle.thread().clone())
        });
        thread.is_some()
    }

    /// Wakes the worker if it sleeps.
    fn wake(&self) {
        if self.asleep.load(SeqCst) && self.asleep.swap(false, SeqCst) {
            self.thread.get().into_iter().flatten().for_each(Thread::unpark);
        }
    }

    /// Joins one job after the other as member `me`.
    fn serve(&self, me: usize) {
        let mut last = 0;
        loop {
            let state = self
                .wait(|state| state & OPEN == OPEN && state / NUMBER != last && (me as u64) < field(state, MEMBERS));
            if TEAM.state.0.compare_exchange(state, state + INSIDE, AcqRel, Relaxed).is_err() {
                continue; // Another worker went in first, or the job is closed: look again.
            }
            last = state / NUMBER;
            if attempt(me).is_err() {
                TEAM.panicked.store(true, Relaxed);
            }
            TEAM.state.0.fetch_sub(INSIDE, Release);
        }
    }

    /// Returns the next state that `fits`: polls for a while, then sleeps until called.
    fn wait(&self, fits: impl Fn(u64) -> bool) -> u64 {
        let mut since = Instant::now();
        loop {
            for _ in 0..LOOKS {
                let state = TEAM.state.0.load(Acquire);
                if fits(state) {
                    return state;
                }
                std::hint::spin_loop();
            }
            if since.elapsed() < AWAKE {
                continue;
            }
            // A thread that opens a job after this line sees it; a job opened before it is seen here.
            self.asleep.store(true, SeqCst);
            if !fits(TEAM.state.0.load(SeqCst)) {
                thread::park();
            }
            self.asleep.store(false, SeqCst);
            since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With Miri, which is slow, fewer rounds.
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 200 };

    #[test]
    fn a_thread_that_cannot_start_is_done_without() {
        for round in 0..ROUNDS {
            let count: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            while !share(100, 40, &|i| _ = count[i].fetch_add(1, Relaxed)) {}
            assert!(count.iter().all(|c| c.load(Relaxed) == 1), "round {round}");
        }
        assert!(TEAM.workers[REFUSED_FROM - 1].start(REFUSED_FROM - 1));
        assert!(!TEAM.workers[REFUSED_FROM].start(REFUSED_FROM), "the refusal was planted");
    }

    #[test]
    fn every_task_runs_once() {
        for members in [1, 2, 3, 8] {
            for tasks in [1, 2, 7, 100] {
                let count: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                for round in 1..ROUNDS {
                    while !share(tasks, members, &|i| _ = count[i].fetch_add(1, Relaxed)) {}
                    assert!(count.iter().all(|c| c.load(Relaxed) == round), "{tasks} tasks, {members} members");
                }
            }
        }
    }

    #[test]
    fn a_panic_comes_out_and_the_team_continues() {
        for culprit in 0..4 {
            let tasks = |i| assert!(i != culprit, "task {i}");
            let result = catch_unwind(|| while !share(4, 2, &tasks) {});
            assert!(result.is_err() && !is_working());
        }
        while !share(4, 2, &|_| {}) {}
    }

    #[test]
    fn a_task_knows_that_it_is_in_a_team() {
        let seen = AtomicUsize::new(0);
        while !share(8, 2, &|_| _ = seen.fetch_add(usize::from(is_working()), Relaxed)) {}
        assert_eq!((seen.into_inner(), is_working()), (8, false));
    }
}
