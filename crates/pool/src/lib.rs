//! Runs named jobs in other processes: `submit`, `map`, `as_completed`.
//!
//! The pool does not care where a list lies (that is the transport's business) nor what is computed
//! (that is the job's): it knows who lives, who has how much to do, and what became of each task.
//!
//! | file | its one idea |
//! |---|---|
//! | pool, builder, data, future, outcome | tasks in, outcomes out |
//! | shared_pool, driver, task_cell | a pool that moves by itself: a thread drives it, any thread uses it |
//! | handle | the dispatcher as a pool and its futures share it |
//! | job, job_error | what a worker can do, by name, and how it fails |
//! | worker_command | which program is a worker |
//! | error | what can become of a task, and of a pool |
//! | dispatch | what becomes of each task, from its submission to its outcome |
//! | workers | what a dispatcher needs of its workers: a group, or a simulation |
//! | worker_group | the workers of one hub: started, parked, measured, replaced |
//! | worker | one worker as its coordinator has it |
//! | supervisor | one thread that starts workers, sees them die, and reaps them |
//! | serve | a worker's life, from its first word to its last |
//! | control | what coordinator and worker say to each other beside tasks |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod builder;
mod control;
mod data;
mod dispatch;
mod driver;
mod error;
mod future;
mod handle;
mod job;
mod job_error;
mod outcome;
mod pool;
mod serve;
mod shared_pool;
mod supervisor;
mod task_cell;
mod worker;
mod worker_command;
mod worker_group;
mod workers;

pub use builder::{Builder, MAX_WORKERS};
pub use data::{Data, Items, Resident, Room};
pub use error::{PoolError, TaskError};
pub use future::{AsCompleted, Future, MapUnordered};
pub use job::{Call, Job};
pub use job_error::JobError;
pub use outcome::{Answer, Outcome};
pub use pool::{Pool, TrySubmitError};
pub use serve::serve;
pub use shared_pool::{SharedFuture, SharedPool};
pub use shm::{AnswerList, Kind};
pub use supervisor::{ExitReason, WorkerExit};
pub use transport::Value;
pub use worker_command::{WorkerCommand, serve_if_worker};
pub use worker_group::{EmptyPlace, Event, Report, WorkerGroup, WorkerGroupPlan};
