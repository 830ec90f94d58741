//! From files to batches.
