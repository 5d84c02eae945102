//! The dispatcher as a pool, its clones and its futures share it.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use transport::Value;

use crate::data::Data;
use crate::dispatch::Dispatcher;
use crate::error::TaskError;

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

    /// Submits one task once there is room for it, and gives its number.
    ///
    /// # Errors
    /// As [`crate::Pool::submit`].
    pub(crate) fn submit(
        &self,
        job: &str,
        arg: impl Into<Value>,
        data: impl Into<Data>,
    ) -> Result<u32, TaskError> {
        let mut tasks = self.tasks();
        let job = tasks.job(job)?;
        while !tasks.has_room() {
            tasks.wait(None);
        }
        Ok(tasks.enter(job, arg.into(), data.into()))
    }
}
