//! A job's own error, which comes home as the type that it is.

use std::error::Error;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use transport::MAX_DETAIL_BYTES;

/// A job's own error, made in the worker.
///
/// ```
/// let error = pool::JobError::new("Empty", "an empty list");
/// assert_eq!(error.to_string(), "Empty: an empty list");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// Its type, as the job names it.
    pub name: String,
    /// In words.
    pub message: String,
    /// The error itself as JSON, with its type; see [`JobError::of`].
    pub(crate) detail: String,
}

/// What travels of an error beside its words.
#[derive(Serialize, Deserialize)]
struct Detail<E> {
    /// The type's whole path: two types of one name are two types.
    path: String,
    error: E,
}

impl JobError {
    /// An error of type `name`.
    ///
    /// ```
    /// assert_eq!(pool::JobError::new("Empty", "an empty list").name, "Empty");
    /// ```
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> JobError {
        JobError { name: name.into(), message: message.into(), detail: String::new() }
    }

    /// An error that comes home as the type that it is: [`JobError::downcast`] and
    /// [`crate::TaskError::downcast`] give it back.
    ///
    /// Its fields travel as JSON, with the path of its type, in at most 1024 bytes. Where they cannot, the message
    /// says so, and `downcast` gives nothing.
    ///
    /// ```
    /// use pool::JobError;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
    /// #[error("Invalid range: {range}")]
    /// struct InvalidRange {
    ///     range: i64,
    /// }
    ///
    /// let error = JobError::of(&InvalidRange { range: -1 });
    /// assert_eq!(error.to_string(), "InvalidRange: Invalid range: -1");
    /// assert_eq!(error.downcast(), Some(InvalidRange { range: -1 }));
    /// assert_eq!(error.downcast::<u32>(), None);
    /// ```
    pub fn of<E: Error + Serialize>(error: &E) -> JobError {
        let path = std::any::type_name::<E>();
        let detail = serde_json::to_string(&Detail { path: path.to_owned(), error });
        let (name, message) = (last_name(path).to_owned(), error.to_string());
        let lost = match detail {
            Ok(detail) if detail.len() <= MAX_DETAIL_BYTES => {
                return JobError { name, message, detail };
            }
            Ok(detail) => format!("{} bytes, where {MAX_DETAIL_BYTES} travel", detail.len()),
            Err(fault) => fault.to_string(),
        };
        JobError::new(name, format!("{message} (its fields were left out: {lost})"))
    }

    /// The error itself, if it was made by [`JobError::of`] from this type.
    ///
    /// ```
    /// assert_eq!(pool::JobError::new("String", "only words").downcast::<String>(), None);
    /// ```
    pub fn downcast<E: DeserializeOwned>(&self) -> Option<E> {
        let detail: Detail<serde_json::Value> = serde_json::from_str(&self.detail).ok()?;
        if detail.path != std::any::type_name::<E>() {
            return None;
        }
        serde_json::from_value(detail.error).ok()
    }
}

/// The last part of a type's path, without what it is generic over.
fn last_name(path: &str) -> &str {
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl Error for JobError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
    #[error("failed with {value:?}")]
    struct Failed<T: fmt::Debug> {
        value: T,
    }

    mod other {
        use super::*;

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct Failed {
            pub(super) value: i64,
        }
    }

    #[test]
    fn a_generic_error_has_its_type_s_name_and_comes_back_as_that_type_alone() {
        let error = JobError::of(&Failed { value: 7_i64 });
        assert_eq!(error.to_string(), "Failed: failed with 7");
        assert_eq!(error.downcast(), Some(Failed { value: 7_i64 }));
        assert_eq!(error.downcast::<Failed<u8>>(), None);
        assert_eq!(error.downcast::<other::Failed>(), None, "another type of that name");
    }

    #[test]
    fn an_error_whose_fields_do_not_travel_says_so() {
        let error = JobError::of(&Failed { value: "x".repeat(5000) });
        assert!(error.message.contains("left out") && error.message.contains("1024"), "{error}");
        assert_eq!(error.downcast::<Failed<String>>(), None);
    }
}
