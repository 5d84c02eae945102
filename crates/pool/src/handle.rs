//! The dispatcher as a pool, its clones and its futures share it.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use transport::Value;

use crate::data::Data;
use crate::dispatch::{Dispatcher, TaskRef};
use crate::error::{PoolError, TaskError};

/// One dispatcher with several owners, all of one thread.
#[derive(Clone)]
pub(crate) struct Handle(Rc<RefCell<Dispatcher>>);

impl Handle {
    pub(crate) fn new(tasks: Dispatcher) -> Handle {
        Handle(Rc::new(RefCell::new(tasks)))
    }

    pub(crate) fn tasks(&self) -> RefMut<'_, Dispatcher> {
        self.0.borrow_mut()
    }

    /// Whether both are handles of one pool.
    pub(crate) fn is_same(&self, other: &Handle) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Submits one task once there is room for it.
    ///
    /// # Errors
    /// As [`crate::Pool::submit`].
    pub(crate) fn submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<TaskRef, TaskError> {
        // The caller's conversions may use the pool, so it is not borrowed yet.
        let (arg, data) = (arg.into(), data.into());
        let mut tasks = self.tasks();
        let job = tasks.accept(job, &data)?;
        tasks.wait_for_room()?;
        Ok(tasks.enqueue(job, arg, data))
    }

    /// Submits one task if there is room for it now.
    ///
    /// # Errors
    /// As [`crate::Pool::try_submit`], with the list.
    pub(crate) fn try_submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<TaskRef, (TaskError, Data)> {
        let (arg, data) = (arg.into(), data.into());
        let mut tasks = self.tasks();
        // What is done already makes room.
        while !tasks.has_room() && tasks.wait(Some(std::time::Duration::ZERO)) {}
        let bound = tasks.bound();
        match tasks.accept(job, &data) {
            Ok(_) if !tasks.has_room() => Err((TaskError::WouldBlock { bound }, data)),
            Ok(job) => Ok(tasks.enqueue(job, arg, data)),
            Err(why) => Err((why, data)),
        }
    }
}

/// What a pool asks of its worker group beside tasks.
impl Dispatcher {
    /// Checks that a task can be enqueued, wakes the workers if they are parked, and gives the number of the
    /// job.
    ///
    /// # Errors
    /// As [`crate::Pool::submit`].
    fn accept(&mut self, job: &str, data: &Data) -> Result<u16, TaskError> {
        self.check_alive()?;
        let job = self.workers.job(job).ok_or_else(|| TaskError::UnknownJob {
            job: job.into(),
            known: self.workers.jobs().join(", "),
        })?;
        data.check(self.id)?;
        if self.workers.is_parked() {
            self.unpark().map_err(|fault| TaskError::Pool(fault.to_string()))?;
        }
        Ok(job)
    }

    /// Parks the workers.
    ///
    /// # Errors
    /// As [`crate::Pool::park`].
    pub(crate) fn park(&mut self) -> Result<(), PoolError> {
        match self.unfinished() {
            0 => self.settle(|workers| workers.park()),
            unfinished => Err(PoolError::Busy { unfinished }),
        }
    }

    /// Wakes all workers that are parked, whichever of them have died meanwhile.
    ///
    /// # Errors
    /// As [`crate::Pool::unpark`].
    pub(crate) fn unpark(&mut self) -> Result<(), PoolError> {
        loop {
            match self.settle(|workers| workers.unpark()) {
                Err(PoolError::Died(_)) => {}
                other => return other,
            }
        }
    }

    /// Runs `step`; a death that it was told is a death here too.
    fn settle(
        &mut self,
        step: impl FnOnce(&mut crate::WorkerGroup) -> Result<(), PoolError>,
    ) -> Result<(), PoolError> {
        let result = step(&mut self.workers);
        if let Err(PoolError::Died(exit)) = result {
            self.handle_exit(exit, Vec::new());
        }
        result
    }
}
