//! Runs named jobs in other processes: `submit`, `map`, `as_completed`.
//!
//! The pool does not care where a list lies (that is the transport's business) nor what is computed
//! (that is the job's): it knows who lives, who has how much to do, and what became of each task.
//!
//! | file | its one idea |
//! |---|---|
//! | [`job`] | what a worker can do, by name |
//! | [`serve`](mod@serve) | a worker's life, from its first word to its last |
//! | [`keeper`] | one thread that starts workers, sees them die, and reaps them |
//! | [`crew`] | the workers of one hub: started, parked, measured, replaced |
//! | [`pool`](mod@pool) | tasks in, results out |
//! | [`error`] | what can become of a task |
#![forbid(unsafe_code)]

mod control;
pub mod crew;
pub mod error;
pub mod job;
pub mod keeper;
pub mod pool;
pub mod serve;

pub use crew::{Crew, CrewPlan, Event, Launch};
pub use error::{PoolError, TaskError};
pub use job::{Call, Job, JobError};
pub use keeper::{Death, Ending};
pub use pool::{Builder, Data, Future, Pool};
pub use serve::serve;
pub use transport::Value;
