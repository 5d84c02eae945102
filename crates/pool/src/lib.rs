//! Runs named jobs in other processes: `submit`, `map`, `as_completed`.
//!
//! The pool does not care where a list lies (that is the transport's business) nor what is computed
//! (that is the job's): it knows who lives, who has how much to do, and what became of each task.
//!
//! | file | its one idea |
//! |---|---|
//! | [`job`] | what a worker can do, by name |
//! | [`launch`] | which program is a worker |
//! | [`serve`](mod@serve) | a worker's life, from its first word to its last |
//! | [`keeper`] | one thread that starts workers, sees them die, and reaps them |
//! | [`crew`] | the workers of one hub: started, parked, measured, replaced |
//! | `dispatch` | what becomes of each task, from the line to its outcome |
//! | [`builder`], [`pool`](mod@pool), [`data`], [`future`] | tasks in, outcomes out |
//! | [`error`] | what can become of a task, and of a pool |
#![forbid(unsafe_code)]

pub mod builder;
mod control;
pub mod crew;
pub mod data;
mod dispatch;
pub mod error;
pub mod future;
pub mod job;
pub mod keeper;
pub mod launch;
pub mod pool;
pub mod serve;

pub use builder::Builder;
pub use crew::{Crew, CrewPlan, Event};
pub use data::Data;
pub use error::{PoolError, TaskError};
pub use future::{Answer, AsCompleted, Future, MapUnordered, Outcome};
pub use job::{Call, Job, JobError};
pub use keeper::{Death, Ending};
pub use launch::{Launch, serve_if_worker};
pub use pool::{Pool, Unsubmitted};
pub use serve::serve;
pub use transport::{Resident, Room, Value};
