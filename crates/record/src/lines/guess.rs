//! What a reader guessed before a lab was measured, and how near the guess came.

use serde::{Deserialize, Serialize};

/// A guess, written down before anything is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// Name of the lab.
    pub lab: String,
    /// The question's key, unique in its lab.
    pub question: String,
    /// What is asked.
    pub asks: String,
    /// The guess, as people read it.
    pub guess: String,
    /// Its number, where it is one: a ratio, nanoseconds, or a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The same guess beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The guess.
    #[serde(flatten)]
    pub guess: Guess,
    /// What was measured, as people read it; or why there is no answer.
    pub measured: String,
    /// 1, 0.5 or 0; null where the run has no answer.
    pub points: Option<f64>,
}
