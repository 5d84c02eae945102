// What the examples in the documentation have in common: a few jobs, and a `main` that is both
// coordinator and worker. It is included into each of them.

use pool::{Call, WorkerGroup, WorkerGroupPlan, Job, JobError, WorkerCommand, Value};
use serde::{Deserialize, Serialize};

/// Half of an even number.
struct Halve;
/// The sum of a list.
struct Sum;
/// The squares of a list.
struct Squares;
/// Sleeps for so many milliseconds.
struct Sleep;
/// Panics.
struct Panic;

/// Why an odd number has no half.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{number} is odd")]
pub struct Odd {
    pub number: i64,
}

impl Job for Halve {
    fn name(&self) -> &'static str {
        "halve"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        match call.int()? {
            even if even % 2 == 0 => Ok(Value::Int(even / 2)),
            number => Err(JobError::of(&Odd { number })),
        }
    }
}

impl Job for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        Ok(Value::Int(call.list()?.iter().sum()))
    }
}

impl Job for Squares {
    fn name(&self) -> &'static str {
        "squares"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let list = call.list()?;
        let room = call.answer(list.len())?;
        room.iter_mut().zip(list).for_each(|(square, item)| *square = item * item);
        Ok(Value::Int(list.len() as i64))
    }
}

impl Job for Sleep {
    fn name(&self) -> &'static str {
        "sleep"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let ms = call.int()?;
        std::thread::sleep(std::time::Duration::from_millis(ms.unsigned_abs()));
        Ok(Value::Int(ms))
    }
}

impl Job for Panic {
    fn name(&self) -> &'static str {
        "panic"
    }
    fn run(&self, _call: &mut Call<'_>) -> Result<Value, JobError> {
        panic!("a job panicked on purpose")
    }
}

/// Serves those jobs, or comes back where this process is the coordinator.
fn serve_if_worker() {
    pool::serve_if_worker(&[&Halve, &Sum, &Squares, &Sleep, &Panic]);
}

/// Serves those jobs, or runs `example`.
pub fn main(example: fn() -> Result<(), Box<dyn std::error::Error>>) {
    serve_if_worker();
    example().unwrap();
}

/// Serves those jobs, or plans one worker over `shared`, for lists of three items.
pub fn plan() -> WorkerGroupPlan {
    serve_if_worker();
    let transport = transport::by_name("shared").unwrap();
    let setup = transport::Setup {
        wakeup: "futex".into(),
        segment: shm::Kind::Memfd,
        pages: shm::Pages::Ready,
        workers: 1,
        depth: 1,
        max_list_items: 3,
        max_answer_items: 0,
        max_residents: 0,
        cross_core: true,
    };
    WorkerGroupPlan {
        launch: WorkerCommand::current_exe(),
        transport,
        setup,
        initialiser: None,
        cores: Vec::new(),
        padding: 0,
        order: Vec::new(),
    }
}

/// Serves those jobs, or starts a group by that plan.
pub fn group() -> WorkerGroup {
    WorkerGroup::start(&plan()).unwrap()
}

/// The same, its worker asleep over a task for longer than any example takes.
pub fn busy() -> WorkerGroup {
    let mut group = group();
    let job = group.job("sleep").unwrap();
    let task = transport::Task { id: 7, job, arg: 60_000.into(), phase: false, park: false };
    group.send(0, &task, transport::List::None, None).unwrap();
    group
}

/// A core that this process may run on.
pub fn core() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let (_, cores) = status.split_once("Cpus_allowed_list:").unwrap();
    cores.trim().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}
