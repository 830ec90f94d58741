use gradus_kernels::{
    MatRef, dispatch,
    kmeans::{Clusters, Samples},
};
use std::time::Instant;
fn main() {
    let which: Vec<String> = std::env::args().skip(1).collect();
    for (name, n, d, k, std) in
        [("K1", 60000usize, 784usize, 10usize, 0.05f64), ("K2", 1000000, 5, 3, 0.3), ("K3", 100000, 50, 100, 0.3)]
    {
        if !which.is_empty() && !which.contains(&name.to_string()) {
            continue;
        }
        let mut s = 88172645463325252u64;
        let mut u = move || {
            s ^= s << 13;
            s ^= s >> 7;
            s ^= s << 17;
            (s >> 11) as f64 / (1u64 << 53) as f64
        };
        let c: Vec<f64> = (0..k * d).map(|_| u()).collect();
        let mut x = Vec::with_capacity(n * d);
        for _ in 0..n {
            let a = (u() * k as f64) as usize;
            for j in 0..d {
                let g: f64 = (0..6).map(|_| u()).sum::<f64>() - 3.0;
                x.push((c[a * d + j] + std * g * 1.4142) as f32);
            }
        }
        let verbose = std::env::var("V").is_ok();
        for &isa in dispatch::variants().iter().rev().take(2) {
            dispatch::with(isa, || {
                let mut times = vec![];
                for rep in 0..5 {
                    let t = Instant::now();
                    let samples = Samples::new(MatRef::new(&x, n, d));
                    let t_prep = t.elapsed();
                    let mut cl = Clusters::new(&samples, k);
                    let mut cent: Vec<f32> = x[..k * d].to_vec();
                    let mut per = vec![];
                    for _ in 0..21 {
                        let t1 = Instant::now();
                        let ch = cl.assign(&cent);
                        per.push((ch, t1.elapsed().as_secs_f64() * 1e3));
                        let s = cl.sums();
                        cent = (0..k * d).map(|i| (s.sum[i] / s.size[i / d] as f64) as f32).collect();
                    }
                    times.push(t.elapsed().as_secs_f64() * 1e3);
                    if rep == 4 {
                        println!(
                            "{name} {isa:?} prep {:.2} total {:?} hash {:x}",
                            t_prep.as_secs_f64() * 1e3,
                            times,
                            cent.iter().fold(0u64, |h, v| h.wrapping_mul(31).wrapping_add(v.to_bits() as u64))
                        );
                        if verbose {
                            println!("{per:.2?}");
                        }
                    }
                }
            });
        }
    }
}
