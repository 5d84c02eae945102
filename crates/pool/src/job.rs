//! What a worker can do, by name.

use std::fmt;

use transport::Value;

/// One task, as its job sees it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The task's argument.
    pub arg: Value,
    /// The task's list, wherever it lies; empty if it has none.
    pub list: &'a [i64],
}

impl Call<'_> {
    /// The argument, which must be an integer.
    ///
    /// # Errors
    /// It is not.
    pub fn int(&self) -> Result<i64, JobError> {
        match self.arg {
            Value::Int(value) => Ok(value),
            Value::Float(value) => {
                Err(JobError::new("TypeError", format!("an integer is needed, not {value}")))
            }
        }
    }

    /// The argument as a number; integers count too.
    pub fn number(&self) -> f64 {
        match self.arg {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
        }
    }
}

/// A job: runs in a worker process, on one task at a time.
pub trait Job: Sync {
    /// The name that tasks call it by.
    fn name(&self) -> &'static str;

    /// Computes the answer.
    ///
    /// # Errors
    /// Whatever the job calls an error: it comes home as a value, and the worker lives.
    fn run(&self, call: Call<'_>) -> Result<Value, JobError>;
}

/// A job's own error, made in the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// Its type, as the job names it.
    pub name: String,
    /// In words.
    pub message: String,
}

impl JobError {
    /// An error of type `name`.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> JobError {
        JobError { name: name.into(), message: message.into() }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for JobError {}
