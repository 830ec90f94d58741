//! Classical analysis: plain mathematics, no autograd.
