//! How long does a training step of the Figure-1 network take (1x128x128, batch 32, Adam)?
//!
//! Gather, forward, loss, backward, optimizer. Prints one JSON line, as its peer `peers/figure1_step.py` does;
//! `peers/figure1` runs both in turn. `cargo bench --bench figure1_step`

use gradus::models::cnn::Cnn;
use gradus::prelude::*;
use std::time::Instant;

const WARMUP: usize = 5;
const STEPS: usize = 40;

fn main() -> Result<()> {
    let mut rng = Rng::new(0, "bench", 0);
    let images: Tensor = Tensor::randn([640, 1, 128, 128], &mut rng);
    let labels: Vec<usize> = (0..640).map(|_| rng.below(3)).collect();
    let figure_1 = Cnn { input: [1, 128, 128], widths: vec![16, 32, 64, 128], hidden: 128, classes: 3 };
    let net = figure_1.build(&mut rng)?;
    let mut adam = FirstOrder::new(Adam::new(1e-3));

    let mut times = Vec::new();
    for step in 0..WARMUP + STEPS {
        let start = Instant::now();
        let chosen: Vec<usize> = (0..32).map(|_| rng.below(640)).collect();
        let x = Var::constant(images.gather(&chosen));
        let y: Vec<usize> = chosen.iter().map(|&i| labels[i]).collect();
        adam.step(&net, &mut || {
            let tape = Tape::new();
            let logits = net.forward(&x, &mut Ctx::train(&tape, 0, step as u64))?;
            let loss = logits.cross_entropy(Target::Labels(&y))?;
            let value = loss.value().item();
            Ok((value, tape.backward(&loss)?))
        })?;
        if step >= WARMUP {
            times.push(1e3 * start.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{{\"median_ms\": {:.3}, \"min_ms\": {:.3}}}", times[times.len() / 2], times[0]);
    Ok(())
}
