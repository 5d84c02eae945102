//! Workers killed at each system call and at each instruction of a task's way, one after another.
//!
//! The tests try some of the instants; with IPCLAB_EVERY=1 they try all, which takes minutes.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::pool::{Event, ExitReason, Future, Pool, Value, WorkerGroup, WorkerGroupPlan};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use transport::{List, Setup, Task};

use crate::tools::{launch, skip, wait_until};

const PATIENCE: Duration = Duration::from_secs(10);
/// No task here takes as many.
const MAX_STEPS: usize = 200_000;

fn every() -> bool {
    std::env::var_os("IPCLAB_EVERY").is_some()
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number as i32)
}

/// What /proc says of a process in that line.
fn status(number: u32, line: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{number}/status")).ok()?;
    let found = text.lines().find_map(|text| text.strip_prefix(line))?;
    Some(found.trim_start_matches(':').trim().to_owned())
}

/// Lists that could be begun now.
fn rooms(pool: &Pool) -> usize {
    let mut held = Vec::new();
    while let Ok(room) = pool.list(1) {
        held.push(room);
        // A stream's rooms are buffers, and without end.
        if held.len() == 16 {
            break;
        }
    }
    held.len()
}

/// strace at work on a process.
struct Strace(Child);

impl Strace {
    /// Begins to trace `victim`, if that is allowed.
    fn attach(victim: u32, args: &[&str]) -> Result<Strace, String> {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &victim.to_string()]).args(args);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = Strace(child.map_err(|_| "there is no strace".to_owned())?);
        let mut ended = false;
        wait_until("strace attaches or gives up", PATIENCE, || {
            ended = matches!(strace.0.try_wait(), Ok(Some(_)));
            ended || status(victim, "TracerPid").is_some_and(|tracer| tracer != "0")
        });
        // One that waited in such a call is killed as soon as it goes on, and strace ends with it.
        let lives = || status(victim, "State").is_some_and(|state| !state.starts_with(['Z', 'X']));
        if ended && lives() { Err("strace may not trace here".into()) } else { Ok(strace) }
    }
}

impl Drop for Strace {
    /// It lets its victim go, if that still lives.
    fn drop(&mut self) {
        let _ = kill(pid(self.0.id()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Tasks of each sort, which may all be begun again, and what their answers are.
fn tasks(pool: &Pool) -> Vec<(Future, i64, Vec<i64>)> {
    let long: Vec<i64> = (0..20_000).collect();
    let mut tasks = Vec::new();
    for round in 0..3 {
        let mut room = pool.list(100).unwrap();
        room.items_mut().fill(round);
        let shifted = long.iter().map(|item| item + round).collect();
        let mut add = |job, arg, data: ::pool::Data, want, list| {
            tasks.push((pool.submit(job, arg, data).unwrap(), want, list));
        };
        add("sum", 0, room.into(), 100 * round, Vec::new());
        add("shift", round, long.clone().into(), 20_000, shifted);
        add("sum", 0, vec![round; 3].into(), 3 * round, Vec::new());
    }
    tasks
}

fn all_are_right(tasks: Vec<(Future, i64, Vec<i64>)>, place: &str) {
    for (future, want, list) in tasks {
        let answer = future.result().unwrap_or_else(|why| panic!("{place}: {why}"));
        assert_eq!(answer.value, Value::Int(want), "{place}");
        assert_eq!(answer.list, list, "{place}");
        assert!(answer.attempts <= 2, "{place}: one alone was killed");
    }
}

/// How often a worker calls what while it does its tasks.
fn calls(pool: &Pool, place: &str) -> Result<BTreeMap<String, usize>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let strace = Strace::attach(pool.pids()[0], &["-o", file.path().to_str().unwrap()])?;
    all_are_right(tasks(pool), place);
    drop(strace);
    let mut calls = BTreeMap::new();
    for line in std::fs::read_to_string(file.path()).unwrap().lines() {
        // A number, spaces, `call(arguments…`; or what became of one that had begun before.
        let call = line.trim_start_matches(|of: char| of.is_ascii_digit() || of == ' ');
        let Some((name, _)) = call.split_once('(') else { continue };
        if !name.is_empty() && name.chars().all(|of| of.is_ascii_alphanumeric() || of == '_') {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    Ok(calls)
}

#[test]
fn a_worker_killed_at_any_of_its_system_calls_takes_no_result_along() {
    for transport in transport::ALL {
        for (wakeup, _) in transport.wakeups() {
            let builder = Pool::builder().launch(launch()).transport(transport.name());
            let builder = builder.wakeup(wakeup).workers(2).depth(3).longest_list(20_000);
            let pool = builder.longest_answer(20_000).build().unwrap();
            let place = format!("{} {wakeup}", transport.name());
            let free = rooms(&pool);
            let calls = match calls(&pool, &place) {
                Ok(calls) => calls,
                Err(why) => return skip(&why),
            };
            let mut killed = 0;
            for (call, times) in &calls {
                // Who does which task differs from time to time, and so does how often it calls.
                let most = if every() { (times + 5).min(100) } else { 3.min(*times) };
                for at in 1..=most {
                    let place = format!("{place}, {call} {at}");
                    let victim = pool.pids()[0];
                    let (trace, kill) = (format!("trace={call}"), "signal=KILL");
                    let inject = format!("inject={call}:{kill}:when={at}");
                    let args = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
                    let strace = Strace::attach(victim, &args).unwrap();
                    all_are_right(tasks(&pool), &place);
                    drop(strace);
                    assert_eq!(rooms(&pool), free, "{place}");
                    killed += usize::from(!pool.pids().contains(&victim));
                }
            }
            println!("{place}: killed at {killed} calls of {calls:?}");
            // A worker that polls memory makes no system call but sched_yield.
            let only_yields = calls.keys().all(|call| call == "sched_yield");
            assert!(killed > 0 || only_yields, "{place}: no worker was hit at any of {calls:?}");
        }
    }
}

/// A worker under this thread's eyes, stopped between two of its instructions.
struct Stepped(u32);

impl Stepped {
    fn stop(victim: u32) -> Result<Stepped, Errno> {
        ptrace::seize(pid(victim), ptrace::Options::empty())?;
        ptrace::interrupt(pid(victim))?;
        Stepped(victim).wait()
    }

    /// Lets it execute one instruction, or one system call.
    fn step(self) -> Result<Stepped, Errno> {
        ptrace::step(pid(self.0), None)?;
        self.wait()
    }

    /// Until it has stopped; its death is for its pool to hear of.
    fn wait(self) -> Result<Stepped, Errno> {
        waitid(Id::Pid(pid(self.0)), WaitPidFlag::WSTOPPED)?;
        Ok(self)
    }
}

/// A list of an answer, and the word with it.
type Told = (u32, Value, Vec<i64>);

/// A group of one worker, whose tasks are known by their numbers.
struct Lone(WorkerGroup);

const ITEMS: usize = 8;

impl Lone {
    fn start() -> Lone {
        let setup = Setup {
            wakeup: "futex".into(),
            segment: shm::Kind::Memfd,
            pages: shm::Pages::Ready,
            workers: 1,
            depth: 2,
            max_list_items: ITEMS,
            max_answer_items: ITEMS,
            max_residents: 0,
            cross_core: false,
        };
        let (launch, initialiser, transport) = (launch(), None, transport::by_name("shared"));
        let (cores, padding, order, transport) = (Vec::new(), 0, Vec::new(), transport.unwrap());
        let plan = WorkerGroupPlan { launch, transport, setup, initialiser, cores, padding, order };
        Lone(WorkerGroup::start(&plan).unwrap())
    }

    /// Lists that could be begun now.
    fn rooms(&mut self) -> usize {
        let mut held = Vec::new();
        while let Ok(room) = self.0.hub().reserve(1) {
            held.push(room);
        }
        held.len()
    }

    fn send(&mut self, id: u32, job: &str) {
        let job = self.0.job(job).unwrap();
        let task = Task { id, job, arg: Value::Int(0), phase: false, park: false };
        let list = [i64::from(id); ITEMS];
        self.0.send(0, &task, List::Copy(&list), None).unwrap();
    }

    /// The next answer or death, if it comes in time.
    fn event(&mut self, patience: Duration) -> Option<Result<Told, Vec<u32>>> {
        match self.0.recv(Some(patience)).unwrap() {
            Event::Nothing | Event::Started { .. } => None,
            Event::Reply { reply, .. } => {
                Some(Ok((reply.task, reply.outcome.unwrap(), reply.list.into_vec())))
            }
            Event::Died { exit, unanswered } => {
                assert_eq!(exit.reason, ExitReason::Killed(9));
                Some(Err(unanswered.iter().map(|left| left.task).collect()))
            }
        }
    }

    /// Stops the worker where it waits, gives it two tasks, and lets it take so many steps, but none
    /// after its first answer. Then it is killed, replaced, and what it had not answered is done. Gives
    /// the steps, and whether there was an answer.
    fn kill_after(&mut self, steps: usize, free: usize) -> Result<(usize, bool), Errno> {
        let victim = self.0.pids()[0];
        let sleeps = || status(victim, "State").is_some_and(|state| state.starts_with('S'));
        wait_until("a worker that waits", PATIENCE, sleeps);
        let mut stopped = Stepped::stop(victim)?;
        let number = 2 * steps as u32;
        let first = (number, Value::Int(ITEMS as i64), vec![i64::from(number); ITEMS]);
        let second = (number + 1, Value::Int(8 * i64::from(number + 1)), Vec::new());
        self.send(first.0, "shift");
        self.send(second.0, "sum");
        let (mut taken, mut told) = (0, Vec::new());
        while taken < steps && told.is_empty() {
            stopped = stopped.step()?;
            taken += 1;
            told.extend(self.event(Duration::ZERO).map(Result::unwrap));
        }
        let place = format!("after {taken} steps");
        let answered = !told.is_empty();
        let held = 2 - told.len();
        assert_eq!(self.rooms(), free - held, "{place}: it may read there until it is reaped");
        self.0.kill(0);
        assert_eq!(self.rooms(), free - held, "{place}: it is killed, and not yet reaped");
        let left = loop {
            match self.event(PATIENCE).expect("its death is told") {
                Ok(answer) => told.push(answer),
                Err(left) => break left,
            }
        };
        assert_eq!(self.rooms(), free, "{place}");
        self.0.replace(0).unwrap();
        for id in left {
            self.send(id, if id == first.0 { "shift" } else { "sum" });
            told.push(self.event(PATIENCE).expect("an answer").unwrap());
        }
        assert_eq!(told, [first, second], "{place}");
        assert_eq!(self.event(Duration::ZERO), None, "{place}");
        assert_eq!(self.rooms(), free, "{place}");
        Ok((taken, answered))
    }
}

#[test]
fn a_worker_killed_at_any_instruction_of_a_task_holds_its_rooms_to_its_end_and_takes_nothing_along()
{
    let mut group = Lone::start();
    let free = group.rooms();
    let span = match group.kill_after(MAX_STEPS, free) {
        Ok((span, answered)) if answered => span,
        Ok((span, _)) => panic!("no answer after {span} steps"),
        Err(why) => return skip(&format!("no ptrace of one's own child: {why}")),
    };
    assert!(span > 100, "{span} steps are no task");
    // Odd, so that it falls into step with no loop.
    let stride = if every() { 1 } else { (span / 150) | 1 };
    let (mut before, mut after) = (0, 0);
    // How many steps a wake-up takes differs a little.
    for steps in (0..span + span / 20).step_by(stride) {
        match group.kill_after(steps, free).unwrap() {
            (_, true) => after += 1,
            (_, false) => before += 1,
        }
    }
    println!("{span} steps to an answer: killed {before} times before it, {after} after it");
    assert!(before >= 100 && after > 0, "{before} and {after} of {span}");
}
