//! How long does a whole training step take: gather, forward, loss, backward, optimizer?
//!
//! The networks of `gradus bench`, under criterion's statistics: to decide whether a change of some percent is
//! significant.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus::bench::nets::{Net, Training};

fn step(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("step");
    for net in [Net::P1, Net::P2, Net::P3, Net::P7, Net::P8a, Net::P8b, Net::P8c] {
        let mut training = Training::new(net).expect("a known network");
        group.throughput(Throughput::Elements(net.batch() as u64));
        group.bench_function(net.name(), |bench| bench.iter(|| training.step().expect("it does not diverge")));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = step
}
criterion_main!(benches);
