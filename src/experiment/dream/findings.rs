//! What the dreams of a network are worth, as functions of numbers.

use crate::report::words::counted;

/// A dream has reached its target if no probability is further off than this.
pub const REACHED: f32 = 0.05;

/// Dreams of one kind, counted: whether they look like an image of their target, and of those that do not whether they
/// reached it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Look like an image of the target.
    pub alike: usize,
    /// Do not, but reached the target: adversarial images.
    pub adversarial: usize,
    /// Do neither.
    pub missed: usize,
}

impl Counted {
    /// Counts pairs of (looks like it, largest difference from the target).
    pub fn of(dreams: impl IntoIterator<Item = (bool, f32)>) -> Self {
        let mut counted = Self::default();
        for (alike, distance) in dreams {
            match (alike, distance <= REACHED) {
                (true, _) => counted.alike += 1,
                (false, true) => counted.adversarial += 1,
                (false, false) => counted.missed += 1,
            }
        }
        counted
    }
}

/// The verdict on all dreams, with and without regularization.
pub fn verdict(regularized: Counted, plain: Counted) -> String {
    let total = regularized.alike + regularized.adversarial + regularized.missed;
    let rest = |c: Counted| {
        let mut parts = Vec::new();
        if c.adversarial > 0 {
            parts.push(format!(
                "{} the target without resembling the class: adversarial images",
                if c.adversarial == 1 { "1 reaches".to_owned() } else { format!("{} reach", c.adversarial) }
            ));
        }
        if c.missed > 0 {
            parts.push(format!(
                "{} not reach the target within {REACHED}, so nothing follows from how {}",
                if c.missed == 1 { "1 does".to_owned() } else { format!("{} do", c.missed) },
                if c.missed == 1 { "it looks" } else { "they look" }
            ));
        }
        if parts.is_empty() { String::new() } else { format!(" of the others, {}.", parts.join("; ")) }
    };
    format!(
        "Of {}, {} with regularization and {} without look like an image of the target class: at most twice as far from the \
         training images as 98 % of the test images are (brightness and contrast aside), with most of the ten nearest \
         neighbours in the target class. With regularization:{} Without:{}",
        counted(total, "dream"),
        regularized.alike,
        plain.alike,
        or_all(&rest(regularized)),
        or_all(&rest(plain)),
    )
}

fn or_all(rest: &str) -> &str {
    if rest.is_empty() { " all do." } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adversarial_is_only_what_reached_its_target() {
        let counted = Counted::of([(true, 0.5), (false, 0.01), (false, 0.3), (false, 0.049)]);
        assert_eq!(counted, Counted { alike: 1, adversarial: 2, missed: 1 });
        let words = verdict(counted, Counted { alike: 0, adversarial: 0, missed: 4 });
        assert!(words.starts_with("Of 4 dreams, 1 with regularization and 0 without"), "{words}");
        assert!(words.contains("With regularization: of the others, 2 reach the target"), "{words}");
        assert!(words.contains("1 does not reach the target within 0.05"), "{words}");
        let without = words.split("Without:").nth(1).unwrap();
        assert!(without.contains("4 do not reach") && !without.contains("adversarial"), "{words}");
        let all = Counted { alike: 4, adversarial: 0, missed: 0 };
        assert!(verdict(all, all).ends_with("With regularization: all do. Without: all do."));
    }
}
