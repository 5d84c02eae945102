//! Jobs as an outsider writes them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use pool::{Call, Job, JobError, Value};

type Run = fn(&mut Call<'_>) -> Result<Value, JobError>;

/// A job that is a function.
struct Function {
    name: &'static str,
    run: Run,
}

impl Job for Function {
    fn name(&self) -> &'static str {
        self.name
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        (self.run)(call)
    }
}

/// As a function of this name, but another worker may begin it again.
struct Repeatable(Function);

impl Job for Repeatable {
    fn name(&self) -> &'static str {
        self.0.name
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        (self.0.run)(call)
    }
    fn repeatable(&self) -> bool {
        true
    }
}

const fn job(name: &'static str, run: Run) -> Function {
    Function { name, run }
}

pub(crate) static ALL: &[&dyn Job] = &[
    &Repeatable(job("twice", |call| Ok(Value::Int(2 * call.int()?)))),
    &job("sum", |call| Ok(Value::Int(call.list()?.iter().sum()))),
    &job("sleep", sleep),
    &job("abort", |_| std::process::abort()),
    &job("panic_in_a_thread", panic_in_a_thread),
    &job("fail_after_the_first", fail_after_the_first),
    &job("hang_after_the_first", hang_after_the_first),
    &job("fail_at_length", |_| Err(JobError::new("Long", "x".repeat(200_000)))),
    &job("start_a_child_and_sleep", start_a_child_and_sleep),
    &job("leave_a_child_with_the_pipes", leave_a_child_with_the_pipes),
    &job("sleep_and_leave_a_mark", sleep_and_leave_a_mark),
    &job("zero_shared_memory_and_die", zero_shared_memory_and_die),
    &job("write_to_the_log", write_to_the_log),
];

/// So many jobs that their names do not fit into one message.
pub(crate) fn many() -> Vec<&'static dyn Job> {
    let named = |number: usize| -> &'static dyn Job {
        let name = Box::leak(format!("a_job_with_quite_a_long_name_{number}").into_boxed_str());
        Box::leak(Box::new(job(name, |call| Ok(Value::Int(3 * call.int()?)))))
    };
    (0..3000).map(named).collect()
}

/// A file in the folder that this case has for itself.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(crate::case::FOLDER).unwrap()).join(name)
}

fn sleep(call: &mut Call<'_>) -> Result<Value, JobError> {
    let ms = call.int()?;
    std::thread::sleep(Duration::from_millis(ms.unsigned_abs()));
    Ok(Value::Int(ms))
}

fn panic_in_a_thread(_call: &mut Call<'_>) -> Result<Value, JobError> {
    let ended = std::thread::spawn(|| panic!("these words of a helper thread")).join();
    Ok(Value::Int(i64::from(ended.is_err())))
}

/// As an initialiser: well in as many workers as its argument says, and in no later one.
fn fail_after_the_first(call: &mut Call<'_>) -> Result<Value, JobError> {
    match note_a_start()? <= call.int()? {
        true => Ok(Value::Int(0)),
        false => Err(JobError::new("Later", "a later worker cannot start")),
    }
}

/// As an initialiser: well in as many workers as its argument says, and a later one never begins.
fn hang_after_the_first(call: &mut Call<'_>) -> Result<Value, JobError> {
    if note_a_start()? > call.int()? {
        std::thread::sleep(Duration::from_secs(3600));
    }
    Ok(Value::Int(0))
}

/// How many workers have started, this one among them.
fn note_a_start() -> Result<i64, JobError> {
    let path = file("starts");
    let refused = |fault: std::io::Error| JobError::new("Io", fault.to_string());
    let mut starts = OpenOptions::new().create(true).append(true).open(&path).map_err(refused)?;
    starts.write_all(b"x").map_err(refused)?;
    Ok(fs::metadata(path).map_err(refused)?.len() as i64)
}

#[allow(clippy::zombie_processes, reason = "that it outlives its job is the case")]
fn start_a_child_and_sleep(_call: &mut Call<'_>) -> Result<Value, JobError> {
    let child = Command::new("sleep").arg("77").spawn().expect("there is `sleep`");
    fs::write(file("child"), child.id().to_string()).unwrap();
    std::thread::sleep(Duration::from_secs(60));
    Ok(Value::Int(0))
}

/// As a job that becomes a daemon: its child keeps the worker's pipes open, in a session of its own, and the
/// worker dies.
#[allow(clippy::zombie_processes, reason = "that it outlives its worker is the case")]
fn leave_a_child_with_the_pipes(_call: &mut Call<'_>) -> Result<Value, JobError> {
    let pipes = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| {
        let is_pipe =
            fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("pipe:"));
        // Another descriptor of the same pipe, without close-on-exec.
        let pipe = OpenOptions::new().write(true).open(entry.path()).ok().filter(|_| is_pipe)?;
        rustix::io::fcntl_setfd(&pipe, rustix::io::FdFlags::empty()).unwrap();
        Some(pipe)
    });
    let pipes: Vec<_> = pipes.collect();
    assert!(!pipes.is_empty());
    Command::new("setsid").args(["sleep", "8"]).spawn().expect("there is `setsid`");
    std::thread::sleep(Duration::from_millis(50));
    std::process::abort()
}

fn sleep_and_leave_a_mark(call: &mut Call<'_>) -> Result<Value, JobError> {
    std::thread::sleep(Duration::from_millis(call.int()?.unsigned_abs()));
    let mut mark = OpenOptions::new().create(true).append(true).open(file("marks")).unwrap();
    mark.write_all(b"x").unwrap();
    Ok(Value::Int(0))
}

/// A stray write: zeroes all memory that it shares for writing, again and again for a while, and dies.
fn zero_shared_memory_and_die(_call: &mut Call<'_>) -> Result<Value, JobError> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").unwrap();
    let shared: Vec<(u64, u64)> = maps
        .lines()
        .filter(|line| line.contains("rw-s") && line.contains("ipclab"))
        .filter_map(|line| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let hex = |text| u64::from_str_radix(text, 16).ok();
            Some((hex(from)?, hex(to)?))
        })
        .collect();
    assert!(!shared.is_empty(), "{maps}");
    for _ in 0..20 {
        for (from, to) in &shared {
            memory.write_all_at(&vec![0; (to - from) as usize], *from).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::abort()
}

fn write_to_the_log(_call: &mut Call<'_>) -> Result<Value, JobError> {
    let mut log = crate::starting::LOG.lock().unwrap();
    log.as_mut().expect("it was opened before serving").write_all(b"from a job\n").unwrap();
    Ok(Value::Int(0))
}
