//! The numbers of events and states in a journal.

use crate::study::trial::State;

pub(in crate::study) const CREATE_STUDY: u64 = 0;
pub(in crate::study) const SET_STUDY_USER_ATTR: u64 = 2;
pub(in crate::study) const CREATE_TRIAL: u64 = 4;
pub(in crate::study) const SET_TRIAL_PARAM: u64 = 5;
pub(in crate::study) const SET_TRIAL_STATE_VALUES: u64 = 6;
pub(in crate::study) const SET_TRIAL_INTERMEDIATE_VALUE: u64 = 7;
pub(in crate::study) const SET_TRIAL_USER_ATTR: u64 = 8;

/// A state's place is its number in the journal.
pub(super) const STATES: [State; 4] = [State::Running, State::Complete, State::Pruned, State::Failed];

pub(in crate::study) fn state_of(number: u64) -> State {
    STATES.get(number as usize).copied().unwrap_or(State::Running)
}

/// The beginning of the names of our workers in the journal.
pub(super) const WORKER: &str = "gradus-";
