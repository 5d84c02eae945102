//! Can this machine measure, and what is in the way? Looks, says what to do, and changes nothing but
//! what it is told to clean.

use std::time::Duration;

use harness::{placement, worker_program};
use measure::units::size;
use procfs::{Current, CurrentSI};
use serde::Serialize;
use shm::segment::StaleSegment;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Always `check`: what a line of the output is.
    pub kind: &'static str,
    /// What was looked at.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// What follows from it.
    pub verdict: Verdict,
    /// What can be done; nothing where nothing need be.
    pub remedy: Option<String>,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is in the way.
    Fine,
    /// Figures suffer, or something is lacking that few runs need.
    Warning,
    /// Nothing can be measured.
    Fatal,
}

impl Verdict {
    /// The word in the output.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Warning => "warning",
            Verdict::Fatal => "fatal",
        }
    }
}

/// The oldest kernel that has all that is needed: madvise that populates, and pidfds.
const MIN_KERNEL: (u32, u32) = (5, 14);
/// How long stolen time and load are watched.
const WATCH: Duration = Duration::from_millis(300);
/// Memory below which the largest lists do not fit.
const MIN_MEMORY: usize = 512 << 20;

/// Looks at everything, in half a second. With `clean`, what killed runs left in /dev/shm is removed;
/// what a living one owns is not.
pub fn look(clean: bool) -> Vec<Finding> {
    vec![
        kernel(),
        cores(),
        quota(),
        load(),
        stolen(),
        governor(),
        clock(),
        memory(),
        shm(),
        pipes(),
        descriptors(),
        stale_segments(clean),
        worker(),
    ]
}

fn fine(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { kind: "check", what, found: found.into(), verdict: Verdict::Fine, remedy: None }
}

impl Finding {
    fn unless(self, fine: bool, verdict: Verdict, remedy: &str) -> Finding {
        match fine {
            true => self,
            false => Finding { verdict, remedy: Some(remedy.into()), ..self },
        }
    }
}

fn kernel() -> Finding {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let remedy = "Linux 5.14 or later is needed";
    fine("kernel", format!("Linux {release}")).unless(version >= MIN_KERNEL, Verdict::Fatal, remedy)
}

fn cores() -> Finding {
    let allowed = placement::allowed_cores().unwrap_or_default();
    let remedy =
        "with one core there is no placement `spread`, and no pool is faster than one process";
    fine("cores", format!("{} may be used: {allowed:?}", allowed.len())).unless(
        allowed.len() > 1,
        Verdict::Warning,
        remedy,
    )
}

/// The processor time that a container may use.
fn quota() -> Finding {
    let Some(text) = first_line("/sys/fs/cgroup/cpu.max") else {
        return fine("cpu quota", "none");
    };
    let mut words = text.split_whitespace().map(str::parse::<f64>);
    match (words.next(), words.next()) {
        (Some(Ok(quota)), Some(Ok(period))) => {
            let cores = quota / period.max(1.0);
            let found = format!("{cores:.1} cores");
            let remedy = "the quota stops all processes of the container for milliseconds at a time: raise it";
            fine("cpu quota", found).unless(false, Verdict::Warning, remedy)
        }
        _ => fine("cpu quota", "none"),
    }
}

fn load() -> Finding {
    let Ok(load) = procfs::LoadAverage::current() else {
        return fine("load", "unknown");
    };
    let found = format!("{:.2} over the last minute, {:.2} over five", load.one, load.five);
    let remedy = "other programs use this machine: stop them and wait a minute";
    fine("load", found).unless(load.one <= 0.5, Verdict::Warning, remedy)
}

/// What a hypervisor gave to others.
fn stolen() -> Finding {
    let read = || {
        let total = procfs::KernelStats::current().ok()?.total;
        let all = total.user + total.nice + total.system + total.idle + total.steal.unwrap_or(0);
        Some((total.steal?, all))
    };
    let before = read();
    std::thread::sleep(WATCH);
    let (Some((stolen, all)), Some((then, all_then))) = (read(), before) else {
        return fine("stolen time", "not counted here");
    };
    let share = (stolen - then) as f64 / (all - all_then).max(1) as f64 * 100.0;
    let remedy = "the hypervisor gives this machine's cores to other machines: choose a quieter host or time";
    fine("stolen time", format!("{share:.1} %")).unless(share <= 1.0, Verdict::Warning, remedy)
}

fn governor() -> Finding {
    match first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") {
        None => fine("frequency", "unknown"),
        Some(governor) => {
            let remedy =
                "the clock frequency may change while measuring: set the governor to performance";
            let steady = governor == "performance";
            fine("frequency", governor).unless(steady, Verdict::Warning, remedy)
        }
    }
}

fn clock() -> Finding {
    let source = first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let source = source.unwrap_or("unknown".into());
    let cost = measure::clock::cost().cost;
    let remedy = "reading this clock is slow: use tsc or the hypervisor's clock source";
    fine("clock", format!("{source}, {cost} ns a reading")).unless(
        cost <= 100,
        Verdict::Warning,
        remedy,
    )
}

fn memory() -> Finding {
    let Some(free) = shm::segment::memory_available() else {
        return fine("memory", "unknown");
    };
    let remedy = "lists of 64 MiB may not fit: free memory, or use smaller --sizes";
    fine("memory", format!("{} free", size(free))).unless(
        free >= MIN_MEMORY,
        Verdict::Warning,
        remedy,
    )
}

fn shm() -> Finding {
    let Ok(room) = rustix::fs::statvfs("/dev/shm") else {
        let remedy = "--segment posix is not possible; use memfd, the default";
        return fine("/dev/shm", "missing").unless(false, Verdict::Warning, remedy);
    };
    let free = (room.f_bavail * room.f_frsize) as usize;
    let remedy = "--segment posix has little space; use memfd, the default";
    fine("/dev/shm", format!("{} free", size(free))).unless(
        free >= MIN_MEMORY,
        Verdict::Warning,
        remedy,
    )
}

fn pipes() -> Finding {
    let most = first_line("/proc/sys/fs/pipe-max-size").and_then(|text| text.parse().ok());
    let found = most.map_or("unknown".into(), |most| format!("up to {}", size(most)));
    let remedy = "small pipes make copying slow: raise fs.pipe-max-size to 1048576";
    fine("pipes", found).unless(most.unwrap_or(0) >= 1 << 20, Verdict::Warning, remedy)
}

fn descriptors() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let found = limit.map_or("any number of files".into(), |limit| format!("{limit} open files"));
    let remedy = "64 workers need about 600 descriptors: raise the limit with ulimit -n";
    fine("limits", found).unless(limit.is_none_or(|limit| limit >= 1024), Verdict::Warning, remedy)
}

/// Named segments whose maker is dead; with `clean` they are removed first.
fn stale_segments(clean: bool) -> Finding {
    let left = shm::segment::stale_segments();
    let removed = |left: &StaleSegment| clean && left.remove().unwrap_or(false);
    let (gone, left): (Vec<StaleSegment>, Vec<StaleSegment>) = left.into_iter().partition(removed);
    let named = |left: &[StaleSegment]| {
        let bytes: u64 = left.iter().map(|left| left.bytes).sum();
        let names: Vec<&str> = left.iter().map(|left| left.name.as_str()).collect();
        let size = size(bytes as usize);
        format!("{} of {size} in /dev/shm: {}", names.len(), names.join(", "))
    };
    let found = match (&gone[..], &left[..]) {
        ([], []) => "none".into(),
        (gone, []) => format!("removed {}", named(gone)),
        ([], left) => named(left),
        (gone, left) => format!("removed {}; still there {}", named(gone), named(left)),
    };
    let remedy = match clean {
        false => "a killed run left named segments: run coordinator doctor --clean",
        true => "they could not be removed: check the permissions of /dev/shm",
    };
    fine("leftovers", found).unless(left.is_empty(), Verdict::Warning, remedy)
}

fn worker() -> Finding {
    match worker_program::find(None) {
        Ok(found) if found.word == "self" => fine(
            "worker",
            "this program itself, because there is no worker of this build beside it",
        ),
        Ok(_) => fine("worker", "the program beside this one"),
        Err(error) => fine("worker", error.to_string()).unless(
            false,
            Verdict::Fatal,
            "build it: cargo build --release",
        ),
    }
}

fn first_line(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.lines().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_says_what_to_do_and_nothing_fine_does() {
        for finding in look(false) {
            assert_eq!(finding.remedy.is_some(), finding.verdict != Verdict::Fine, "{finding:?}");
            assert!(!finding.found.is_empty());
        }
    }
}
