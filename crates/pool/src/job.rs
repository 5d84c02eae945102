//! What a worker can do, by name.

use std::fmt;

use transport::{Failure, IncomingList, Value};

use crate::job_error::JobError;

/// One task, as its job sees it.
///
/// ```
/// use pool::{Call, Value};
///
/// let mut call = Call::new(7, &[1, 2, 3]);
/// assert_eq!(call.arg, Value::Int(7));
/// assert_eq!(call.list()?.iter().sum::<i64>(), 6);
/// # Ok::<(), pool::JobError>(())
/// ```
pub struct Call<'a> {
    /// The task's argument.
    pub arg: Value,
    list: IncomingList<'a>,
    /// Whether there is still a coordinator.
    alive: &'a dyn Fn() -> bool,
    /// Why the list did not come, or not all of it.
    refused: Option<Box<Failure>>,
    /// Room for the list of its answer, where the pool gives any.
    room: &'a mut [i64],
    /// Items of that list, as far as the job has asked for them.
    asked: usize,
}

impl<'a> Call<'a> {
    /// A call in this process, to run a job without a pool. Its answer has no list.
    ///
    /// ```
    /// use pool::{Call, Job, JobError, Value};
    ///
    /// struct Twice;
    /// impl Job for Twice {
    ///     fn name(&self) -> &'static str {
    ///         "twice"
    ///     }
    ///     fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
    ///         Ok(Value::Int(2 * call.int()?))
    ///     }
    /// }
    /// assert_eq!(Twice.run(&mut Call::new(21, &[])), Ok(Value::Int(42)));
    /// ```
    pub fn new(arg: impl Into<Value>, list: &'a [i64]) -> Call<'a> {
        Call::of(arg.into(), IncomingList::here(list), &mut [], &|| true)
    }

    pub(crate) fn of(
        arg: Value,
        list: IncomingList<'a>,
        room: &'a mut [i64],
        alive: &'a dyn Fn() -> bool,
    ) -> Call<'a> {
        Call { arg, list, alive, refused: None, room, asked: 0 }
    }

    /// The task's list, wherever it lies, as soon as all of it is there; empty if it has none. What
    /// [`Call::next_part`] has given is not in it.
    ///
    /// ```
    /// let mut call = pool::Call::new(0, &[1, 2, 3]);
    /// assert_eq!(call.list(), Ok(&[1, 2, 3][..]));
    /// assert_eq!(call.list(), Ok(&[1, 2, 3][..]), "as often as one likes");
    /// ```
    ///
    /// # Errors
    /// Some of it will not come: the coordinator has ended, or the worker may not read it. The task
    /// then ends as [`crate::TaskError::Refused`], also if the job returns something else.
    #[inline]
    pub fn list(&mut self) -> Result<&'a [i64], JobError> {
        let whole = self.list.whole(self.alive);
        whole.map_err(|failure| self.refuse(failure))
    }

    /// The next part of the list, as large as is there, in order; nothing at its end. A job that
    /// begins with the first does its work while the others still come, over any transport.
    ///
    /// ```
    /// let mut call = pool::Call::new(0, &[1, 2, 3]);
    /// let mut total = 0;
    /// while let Some(part) = call.next_part()? {
    ///     total += part.iter().sum::<i64>();
    /// }
    /// assert_eq!(total, 6);
    /// assert_eq!(call.list(), Ok(&[][..]), "all of it was given");
    /// # Ok::<(), pool::JobError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Call::list`].
    #[inline]
    pub fn next_part(&mut self) -> Result<Option<&'a [i64]>, JobError> {
        let next = self.list.next_part(self.alive);
        next.map_err(|failure| self.refuse(failure))
    }

    #[cold]
    fn refuse(&mut self, failure: Box<Failure>) -> JobError {
        let error = JobError::new("Refused", failure.message.clone());
        self.refused = Some(failure);
        error
    }

    /// The argument, which must be an integer.
    ///
    /// ```
    /// assert_eq!(pool::Call::new(-1, &[]).int(), Ok(-1));
    /// assert!(pool::Call::new(0.5, &[]).int().is_err());
    /// ```
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
    ///
    /// ```
    /// assert_eq!(pool::Call::new(3, &[]).number(), 3.0);
    /// ```
    pub fn number(&self) -> f64 {
        match self.arg {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
        }
    }

    /// Room for a list of `items` items that goes home with the answer, as it is when the job
    /// returns. With a shared segment it lies there, and nothing is copied on this side. What an
    /// earlier answer left may still be in it.
    ///
    /// ```
    /// use pool::{Call, JobError, Value};
    ///
    /// /// Answers with the squares of its list, and how many there are.
    /// fn squares(call: &mut Call<'_>) -> Result<Value, JobError> {
    ///     let list = call.list()?;
    ///     let room = call.answer(list.len())?;
    ///     room.iter_mut().zip(list).for_each(|(to, from)| *to = from * from);
    ///     Ok(Value::Int(list.len() as i64))
    /// }
    /// // This pool was not told of any list in an answer.
    /// assert_eq!(squares(&mut Call::new(0, &[1, 2])).unwrap_err().name, "Unencodable");
    /// ```
    ///
    /// # Errors
    /// It is longer than [`crate::Builder::longest_answer`]. The task then ends as
    /// [`crate::TaskError::Unencodable`], also if the job returns something else.
    pub fn answer(&mut self, items: usize) -> Result<&mut [i64], JobError> {
        self.asked = items;
        match self.check() {
            Ok(items) => Ok(&mut self.room[..items]),
            Err(message) => Err(JobError::new("Unencodable", message)),
        }
    }

    /// Why the job did not get its list, if it asked for it and did not.
    pub(crate) fn take_refused(&mut self) -> Option<Box<Failure>> {
        self.refused.take()
    }

    /// Items of the answer's list; or why that cannot go home.
    pub(crate) fn check(&self) -> Result<usize, String> {
        let (asked, room) = (self.asked, self.room.len());
        let long = || format!("a list of {asked} items, where longest_answer is {room}");
        if asked <= room { Ok(asked) } else { Err(long()) }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("arg", &self.arg).field("list", &self.list).finish()
    }
}

/// A job: runs in a worker process, on one task at a time.
///
/// ```
/// use pool::{Call, Job, JobError, Value};
///
/// /// The largest item of the list.
/// struct Largest;
///
/// impl Job for Largest {
///     fn name(&self) -> &'static str {
///         "largest"
///     }
///     fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
///         let largest = call.list()?.iter().max();
///         largest.map(|item| Value::Int(*item)).ok_or(JobError::new("Empty", "an empty list"))
///     }
/// }
/// assert_eq!(Largest.run(&mut Call::new(0, &[3, 8, 5])), Ok(Value::Int(8)));
/// ```
pub trait Job: Sync {
    /// The name that tasks call it by.
    fn name(&self) -> &'static str;

    /// Computes the answer.
    ///
    /// # Errors
    /// The job's own error: it comes home as a value, and the worker lives.
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError>;

    /// Whether a task may be begun again where its worker died with it: [`crate::Builder::attempts`]
    /// says how often. False unless said otherwise: a worker that died may have done half of it, and only
    /// the job's author knows whether doing that twice is the same as doing it once.
    ///
    /// ```
    /// use pool::{Call, Job, JobError, Value};
    ///
    /// /// Computes, and changes nothing: again is as good as once.
    /// struct Sum;
    ///
    /// impl Job for Sum {
    ///     fn name(&self) -> &'static str {
    ///         "sum"
    ///     }
    ///     fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
    ///         Ok(Value::Int(call.list()?.iter().sum()))
    ///     }
    ///     fn repeatable(&self) -> bool {
    ///         true
    ///     }
    /// }
    /// assert!(Sum.repeatable());
    /// ```
    fn repeatable(&self) -> bool {
        false
    }
}
