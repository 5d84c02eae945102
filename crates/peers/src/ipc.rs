//! ipc-channel: `vec` lets serde build the list anew, `bytes` sends its bytes as they are, `fresh` makes
//! a shared region for each task, and `idx` sends one region once and then only which window.

use anyhow::Result;
use ipc_channel::ipc::{
    self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender,
    IpcSharedMemory,
};
use serde::{Deserialize, Serialize};

use crate::{Peer, Plan, STOP, sum};

/// What goes to the worker, unless it is bytes.
#[derive(Serialize, Deserialize)]
enum Task {
    List(Vec<i64>),
    Region(IpcSharedMemory),
    /// The number of a task on the region that came before.
    Window(u64),
}

/// What the worker makes and gives away: the ends of its channels.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ends {
    tasks: IpcSender<Task>,
    bytes: IpcBytesSender,
    answers: IpcReceiver<i64>,
}

/// The side that asks.
pub(crate) struct Asks {
    way: String,
    plan_window: [std::ops::Range<usize>; 2],
    ends: Ends,
}

impl Asks {
    pub(crate) fn server() -> Result<(IpcOneShotServer<Ends>, String)> {
        Ok(IpcOneShotServer::new()?)
    }

    pub(crate) fn new(plan: &Plan, server: IpcOneShotServer<Ends>, all: &[i64]) -> Result<Asks> {
        let (_, ends) = server.accept()?;
        if plan.way == "ipc-channel-idx" {
            ends.tasks
                .send(Task::Region(IpcSharedMemory::from_bytes(bytemuck::cast_slice(all))))?;
        }
        let plan_window = [plan.window(0), plan.window(1)];
        Ok(Asks { way: plan.way.clone(), plan_window, ends })
    }
}

impl Peer for Asks {
    fn trip(&mut self, task: u64, all: &[i64]) -> Result<i64> {
        let list = &all[self.plan_window[(task % 2) as usize].clone()];
        let bytes = bytemuck::cast_slice(list);
        match &self.way[..] {
            "ipc-channel-vec" => self.ends.tasks.send(Task::List(list.to_vec()))?,
            "ipc-channel-bytes" => self.ends.bytes.send(bytes)?,
            "ipc-channel-fresh" => {
                self.ends.tasks.send(Task::Region(IpcSharedMemory::from_bytes(bytes)))?;
            }
            _ => self.ends.tasks.send(Task::Window(task))?,
        }
        Ok(self.ends.answers.recv()?)
    }

    fn stop(&mut self) -> Result<()> {
        match &self.way[..] {
            "ipc-channel-bytes" => Ok(self.ends.bytes.send(&[])?),
            _ => Ok(self.ends.tasks.send(Task::Window(STOP))?),
        }
    }
}

/// The worker's life.
pub(crate) fn work(plan: &Plan) -> Result<()> {
    let (to_tasks, tasks) = ipc::channel::<Task>()?;
    let (to_bytes, bytes) = ipc::bytes_channel()?;
    let (answers, from_answers) = ipc::channel::<i64>()?;
    let ends = Ends { tasks: to_tasks, bytes: to_bytes, answers: from_answers };
    IpcSender::connect(plan.name.clone())?.send(ends)?;
    match &plan.way[..] {
        "ipc-channel-bytes" => work_on_bytes(&bytes, &answers),
        _ => work_on_tasks(plan, &tasks, &answers),
    }
}

fn work_on_bytes(bytes: &IpcBytesReceiver, answers: &IpcSender<i64>) -> Result<()> {
    loop {
        let list = bytes.recv()?;
        if list.is_empty() {
            return Ok(());
        }
        answers.send(sum(bytemuck::cast_slice(&list)))?;
    }
}

fn work_on_tasks(plan: &Plan, tasks: &IpcReceiver<Task>, answers: &IpcSender<i64>) -> Result<()> {
    let mut kept = None;
    loop {
        let answer = match tasks.recv()? {
            Task::List(list) => sum(&list),
            Task::Window(STOP) => return Ok(()),
            Task::Window(task) => {
                let region: &IpcSharedMemory = kept.as_ref().expect("the region comes first");
                sum(&bytemuck::cast_slice(region)[plan.window(task)])
            }
            Task::Region(region) if plan.way == "ipc-channel-idx" => {
                kept = Some(region);
                continue;
            }
            Task::Region(region) => sum(bytemuck::cast_slice(&region)),
        };
        answers.send(answer)?;
    }
}
