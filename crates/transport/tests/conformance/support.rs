//! Helpers: a hub with a spoke in a thread of its own, and lists that differ.

use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use shm::{AnswerList, Kind, Pages};
use transport::{
    ALL, Failure, FailureKind, Hub, HubEvent, Incoming, IncomingList, List, Received, Reply, Setup,
    Spoke, Task, Transport, Value,
};

pub(crate) const SUM: u16 = 0;
pub(crate) const FAIL: u16 = 1;
/// Answers with the sum of its list, and with a list of as many items as its argument says:
/// [`list`] of the task's number.
pub(crate) const ANSWER: u16 = 2;
pub(crate) const NOT_A_JOB: u16 = 7;

pub(crate) fn setup(wakeup: &str, depth: usize, room: usize) -> Setup {
    let segment = Kind::Memfd;
    Setup {
        wakeup: wakeup.into(),
        segment,
        pages: Pages::Ready,
        workers: 1,
        depth,
        max_list_items: room,
        max_answer_items: 0,
        max_residents: 1,
        cross_core: false,
    }
}

pub(crate) fn task(id: u32, job: u16, arg: i64) -> Task {
    Task { id, job, arg: Value::Int(arg), phase: false, park: false }
}

/// An answer of one word.
pub(crate) fn plain(task: u32) -> Reply {
    Reply { task, outcome: Ok(Value::Int(0)), list: AnswerList::default(), stamps: None }
}

/// A hub with one spoke in a thread of its own.
pub(crate) struct Pair {
    pub(crate) hub: Box<dyn Hub>,
    pub(crate) spoke: Option<JoinHandle<()>>,
}

/// What the job FAIL ends with.
pub(crate) fn no() -> Box<Failure> {
    Failure::new(FailureKind::Error { name: "No".into(), detail: String::new() }, "no".into())
}

impl Pair {
    pub(crate) fn new(transport: &'static dyn Transport, setup: &Setup) -> Pair {
        Pair::of(transport, transport.hub(setup).unwrap())
    }

    /// With a spoke as worker 0 of a hub that there is.
    pub(crate) fn of(transport: &'static dyn Transport, mut hub: Box<dyn Hub>) -> Pair {
        let handover = hub.attach(0).unwrap();
        let spoke = transport.spoke(handover).unwrap();
        Pair { hub, spoke: Some(thread::spawn(move || serve(spoke))) }
    }

    /// With a spoke that looks for its first task only after `delay`.
    pub(crate) fn late(transport: &'static dyn Transport, setup: &Setup, delay: Duration) -> Pair {
        let mut hub = transport.hub(setup).unwrap();
        let spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        let serve = move || {
            thread::sleep(delay);
            serve(spoke);
        };
        Pair { hub, spoke: Some(thread::spawn(serve)) }
    }

    pub(crate) fn reply(&mut self) -> Reply {
        match self.hub.recv(None).unwrap() {
            HubEvent::Reply { worker: 0, reply } => reply,
            other => panic!("{other:?} instead of a reply"),
        }
    }

    pub(crate) fn ask(&mut self, id: u32, arg: i64, list: List<'_>) -> Result<Value, Box<Failure>> {
        self.hub.send(0, &task(id, SUM, arg), list, None).unwrap();
        let reply = self.reply();
        assert_eq!(reply.task, id);
        reply.outcome
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.hub.send(0, &Task { park: true, ..task(0, SUM, 0) }, List::None, None).unwrap();
        self.reply();
        self.spoke.take().unwrap().join().unwrap();
    }
}

/// Does the tasks that `spoke` receives, up to one that is marked `park`, or to the end.
fn serve(mut spoke: Box<dyn Spoke>) {
    loop {
        let incoming = match spoke.recv().unwrap() {
            Received::Task(incoming) => incoming,
            Received::Idle => continue,
            Received::Closed => return,
        };
        let Incoming { task, list, room, stamps } = incoming;
        let Task { id, job, arg, phase, park } = task;
        let Value::Int(arg) = arg else { panic!("only integers are sent here") };
        let sum = |list: IncomingList<'_>| sum(list, arg, id % 2 == 0);
        let items = if job == ANSWER { arg as usize } else { 0 };
        fill(&mut room[..items], i64::from(id));
        let outcome = match (job, list) {
            (SUM | ANSWER, list) => list.and_then(sum).map(Value::Int),
            (_, _) => Err(no()),
        };
        let [received, decoded] = stamps;
        let stamps = phase.then(|| Box::new([received, decoded, measure::now(), 0]));
        let reply = Reply { task: id, outcome, list: AnswerList::default(), stamps };
        spoke.reply(reply, items).unwrap();
        if park {
            return;
        }
    }
}

/// Each transport with each of its wake-ups.
pub(crate) fn every() -> impl Iterator<Item = (&'static dyn Transport, &'static str)> {
    ALL.iter().flat_map(|transport| {
        transport.wakeups().into_iter().map(|(wakeup, _regime)| (*transport, wakeup))
    })
}

/// `total` and the items of `list`, in parts as they come or as a whole.
pub(crate) fn sum(
    mut list: IncomingList<'_>,
    mut total: i64,
    in_parts: bool,
) -> Result<i64, Box<Failure>> {
    let mut add = |part: &[i64]| {
        total = part.iter().fold(total, |total, item| total.wrapping_add(*item));
    };
    if in_parts {
        while let Some(part) = list.next_part(&|| true)? {
            assert!(!part.is_empty());
            add(part);
        }
    } else {
        add(list.whole(&|| true)?);
    }
    Ok(total)
}

/// Fills `items` with values that no other seed gives.
pub(crate) fn fill(items: &mut [i64], seed: i64) {
    let value = |i: i64| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64);
    items.iter_mut().zip(0..).for_each(|(item, i)| *item = value(i));
}

/// A list that no other seed gives, and its sum.
pub(crate) fn list(seed: i64, items: usize) -> (Vec<i64>, i64) {
    let mut list = vec![0; items];
    fill(&mut list, seed);
    let sum = list.iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
    (list, sum)
}

/// Does `work` in a thread of its own, and fails if it is not done within `limit`: a wait that never
/// ends is a test that says which.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, told) = mpsc::channel();
    let worker = thread::spawn(move || done.send(work()).expect("a test that still waits"));
    match told.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{what}: not done within {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(worker.join().expect_err("it sends, or panics"))
        }
    }
}

/// Runs `work` in a process of its own: this program, started again for this one test. There the
/// open descriptors and the mappings of a process can be counted, and a signal that kills it is
/// reported.
pub(crate) fn alone(test: &str, work: impl FnOnce() + Send + 'static) {
    const ALONE: &str = "IPCLAB_CONFORMANCE_ALONE";
    const LIMIT: Duration = Duration::from_secs(120);
    if std::env::var_os(ALONE).is_some() {
        return within(LIMIT, test, work);
    }
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let run = command.output().unwrap();
    let said = [&run.stdout[..], &run.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(run.status.success(), "{test} ended with {}:\n{said}", run.status);
    assert!(said.contains("1 passed"), "no test is called {test}:\n{said}");
}
