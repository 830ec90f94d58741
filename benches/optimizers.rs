//! How many parameters a second does an optimizer's update take: few of them, and as many as the Figure-1 network has?

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus::optim::{Adam, RmsProp, Rule, Sgd};
use gradus::tensor::Tensor;
use std::hint::black_box;

fn optimizers(bench: &mut Criterion) {
    for n in [2_500, 1_146_243] {
        let mut group = bench.benchmark_group(format!("{n} parameters"));
        group.throughput(Throughput::Elements(n as u64));
        let (mut p, g) = (vec![0.1f32; n], vec![0.01; n]);
        let slots = || [Tensor::zeros([n]), Tensor::zeros([n])];
        let (sgd, rmsprop, adam) = (Sgd { momentum: 0.9, ..Sgd::new(1e-3) }, RmsProp::new(1e-3), Adam::new(1e-3));
        let mut own = slots();
        group.bench_function("SGD with momentum", |b| b.iter(|| sgd.step(2)(&mut p, black_box(&g), &mut own[..1])));
        own = slots();
        group.bench_function("RMSprop", |b| b.iter(|| rmsprop.step(2)(&mut p, black_box(&g), &mut own[..1])));
        own = slots();
        group.bench_function("Adam", |b| b.iter(|| adam.step(2)(&mut p, black_box(&g), &mut own)));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = optimizers
}
criterion_main!(benches);
