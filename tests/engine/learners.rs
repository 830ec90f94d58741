//! Learners that are no network with a loss go through the same loop: two networks against each other, as a generative
//! adversarial network (Goodfellow et al. 2014) has them.

use crate::common::StopAfter;
use gradus::prelude::*;
use gradus::train::{Checkpoint, Direction, Figures, Learner, Measure, States, Training};

/// A generator of numbers and a discriminator that tells them from samples of N(3, 1/2), each with an optimizer of its own.
struct Adversarial {
    generator: Sequential,
    discriminator: Sequential,
    of_generator: FirstOrder<f32, Adam>,
    of_discriminator: FirstOrder<f32, Adam>,
}

const STEPS: u64 = 25;
const BATCH: usize = 32;
/// How far the mean of what is generated lies from the mean of the samples.
const DISTANCE: Measure = Measure { name: "distance", words: "distance of the means", direction: Direction::Minimize };

impl Adversarial {
    fn new() -> Self {
        let net = |name| gradus::models::mlp::mlp(1, &[16], 1, Activation::Tanh, &mut Rng::new(7, name, 0));
        let adam = || FirstOrder::new(Adam { betas: [0.5, 0.999], ..Adam::new(0.01) });
        let (generator, discriminator) = (net("generator"), net("discriminator"));
        Self { generator, discriminator, of_generator: adam(), of_discriminator: adam() }
    }

    fn generate(&self, purpose: &str, number: u64) -> Result<Var> {
        let z = Tensor::randn([BATCH, 1], &mut Rng::new(7, purpose, number));
        self.generator.forward(&Var::constant(z), &mut Ctx::eval())
    }

    /// One step of each network; returns their losses.
    fn step(&mut self, number: u64) -> Result<[f32; 2]> {
        let real = Tensor::randn([BATCH, 1], &mut Rng::new(7, "real", number)).map(|x| 3.0 + 0.5 * x);
        let fake = self.generate("noise", number)?.into_value();
        let (yes, no) = (Tensor::full([BATCH, 1], 1.0), Tensor::zeros([BATCH, 1]));
        let discriminator = &self.discriminator;
        let judged = self.of_discriminator.step(discriminator, &mut || {
            let tape = Tape::new();
            let judge = |x: &Tensor, label: &Tensor| {
                let output = discriminator.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 7, number))?;
                output.bce_with_logits(label, None)
            };
            let loss = judge(&real, &yes)?.add(&judge(&fake, &no)?)?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        })?;
        // The discriminator is another optimizer's: it does not learn from what the generator is to become better at.
        freeze(discriminator, "*")?;
        let generator = &self.generator;
        let fooled = self.of_generator.step(generator, &mut || {
            let tape = Tape::new();
            let mut cx = Ctx::train(&tape, 7, number);
            let z = Tensor::randn([BATCH, 1], &mut Rng::new(7, "noise", number));
            let output = discriminator.forward(&generator.forward(&Var::constant(z), &mut cx)?, &mut cx)?;
            let loss = output.bce_with_logits(&yes, None)?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        });
        unfreeze(discriminator, "*")?;
        Ok([judged, fooled?])
    }
}

impl Learner for Adversarial {
    fn epoch(&mut self, history: &History, observer: &mut dyn Observer) -> Result<Figures> {
        let (epoch, first) = (history.epochs.len() + 1, STEPS * history.epochs.len() as u64);
        let mut losses = [0.0; 2];
        while self.of_generator.steps() < first + STEPS {
            losses = self.step(self.of_generator.steps())?;
            observer.step(epoch, (self.of_generator.steps() - first) as usize, STEPS as usize);
            if observer.interrupted() {
                return Err(Error::Interrupted(format!("interrupted in epoch {epoch}")));
            }
        }
        let generated = self.generate("evaluation", 0)?.into_value();
        let mean = generated.data().iter().sum::<f32>() / BATCH as f32;
        Ok([
            ("discriminator_loss", f64::from(losses[0])),
            ("generator_loss", f64::from(losses[1])),
            ("distance", f64::from((mean - 3.0).abs())),
        ]
        .into())
    }

    fn weights(&self) -> gradus::nn::state::State<f32> {
        state_dict(&self.generator)
    }

    fn set_weights(&mut self, weights: &gradus::nn::state::State<f32>) -> Result<()> {
        gradus::nn::state::load_state_dict(&self.generator, weights)
    }

    fn states(&self) -> States {
        let tensors = [
            ("generator", state_dict(&self.generator)),
            ("discriminator", state_dict(&self.discriminator)),
            ("of_generator", self.of_generator.state()),
            ("of_discriminator", self.of_discriminator.state()),
        ];
        let steps = [
            ("of_generator", self.of_generator.steps() as f64),
            ("of_discriminator", self.of_discriminator.steps() as f64),
        ];
        States {
            tensors: tensors.map(|(part, state)| (part.to_owned(), state)).into(),
            numbers: steps.map(|(name, steps)| (name.to_owned(), steps)).into(),
        }
    }

    fn load(&mut self, mut states: States) -> Result<()> {
        gradus::nn::state::load_state_dict(&self.generator, &states.tensor("generator"))?;
        gradus::nn::state::load_state_dict(&self.discriminator, &states.tensor("discriminator"))?;
        let steps = ["of_generator", "of_discriminator"].map(|name| states.number(name) as u64);
        self.of_generator.load(steps[0], states.tensor("of_generator"))?;
        self.of_discriminator.load(steps[1], states.tensor("of_discriminator"))
    }
}

#[test]
fn two_networks_against_each_other_learn_are_kept_and_resume_bit_for_bit() {
    let training = Training { epochs: 20, patience: 20, measures: &[DISTANCE] };
    let mut gan = Adversarial::new();
    let before = (gan.generate("evaluation", 0).unwrap().mean().unwrap().value().item() - 3.0).abs();
    let whole = training.run(&mut gan, None, &mut Silent).unwrap();
    let best = whole.history.best().unwrap().get("distance").unwrap();
    assert!(before > 2.0 && best < 0.2, "the generator learned nothing: {before} before, {best} at best");
    // The generator that is left is that of the best epoch, not of the last.
    assert!(whole.history.epochs.iter().all(|epoch| epoch.get("distance").unwrap() >= best));
    assert_eq!((state_dict(&gan.generator), whole.history.epochs.len()), (whole.best.clone(), 20));

    for steps in [1, 30, 333] {
        let mut stop = StopAfter(steps, None);
        let stopped = training.run(&mut Adversarial::new(), None, &mut stop);
        assert!(matches!(stopped, Err(Error::Interrupted(_))));
        // Through the bytes of a checkpoint, as a run does it.
        let checkpoint = Checkpoint { current: stop.1.map(|p| ("gan".to_owned(), p)), ..Checkpoint::default() };
        let read = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
        assert_eq!(read, checkpoint);
        let from = read.current.map(|(_, progress)| progress);
        let resumed = training.run(&mut Adversarial::new(), from, &mut Silent).unwrap();
        assert_eq!(
            (&resumed.history, &resumed.best, &resumed.last),
            (&whole.history, &whole.best, &whole.last),
            "stopped after {steps} steps"
        );
    }
}

/// A figure that is not finite ends the training by its name; it would neither compare nor be written.
#[test]
fn figures_are_finite() {
    struct Odd;
    impl Learner for Odd {
        fn epoch(&mut self, _: &History, _: &mut dyn Observer) -> Result<Figures> {
            Ok([("train_loss", 1.0), ("val_loss", f64::NAN)].into())
        }
        fn weights(&self) -> gradus::nn::state::State<f32> {
            Default::default()
        }
        fn set_weights(&mut self, _: &gradus::nn::state::State<f32>) -> Result<()> {
            Ok(())
        }
        fn states(&self) -> States {
            States::default()
        }
        fn load(&mut self, _: States) -> Result<()> {
            Ok(())
        }
    }
    let training = Training { epochs: 2, patience: 2, measures: &[gradus::train::VAL_LOSS] };
    let error = training.run(&mut Odd, None, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("val loss of epoch 1"), "{error}");
}
