//! The machine behind the figures.

use procfs::Current;
use serde::{Deserialize, Serialize};

use crate::clock::{self, ClockCost};

/// What a reader must know of the machine; unknown fields are null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Release of the kernel.
    pub kernel: String,
    /// Whether a hypervisor is below.
    pub r#virtual: bool,
    /// All memory.
    pub mem_bytes: u64,
    /// Room left in /dev/shm.
    pub shm_free_bytes: Option<u64>,
    /// Largest pipe that an ordinary user may ask for.
    pub pipe_max_bytes: Option<u64>,
    /// Size of a page.
    pub page_bytes: usize,
    /// Data caches of the first core, the nearest first; empty where the system does not say.
    #[serde(default)]
    pub cache_bytes: Vec<u64>,
    /// Policy for huge pages.
    pub thp: Option<String>,
    /// Frequency governor of the first core.
    pub governor: Option<String>,
    /// Load over the last minute when the run began.
    pub load1: Option<f64>,
    /// What reading the clock costs.
    pub clock_ns: ClockCost,
    /// What makes its figures doubtful.
    pub warnings: Vec<String>,
}

/// Looks at this machine, in a few milliseconds.
pub fn this() -> Machine {
    let cpuinfo = procfs::CpuInfo::current().ok();
    let cpu = cpuinfo.as_ref().and_then(|info| info.model_name(0)).unwrap_or("unknown").to_owned();
    let flags = cpuinfo.as_ref().and_then(|info| info.flags(0)).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load1 = procfs::LoadAverage::current().ok().map(|load| f64::from(load.one));
    let mut warnings = Vec::new();
    if load1.is_some_and(|load| load > 0.5) {
        warnings.push(format!(
            "other programs load this machine: {:.1} over the last minute",
            load1.unwrap_or(0.0)
        ));
    }
    if cores < 2 {
        warnings.push("one core only: nothing can be spread over cores".into());
    }
    Machine {
        cpu,
        cores,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        r#virtual: flags.contains(&"hypervisor"),
        mem_bytes: procfs::Meminfo::current().map_or(0, |memory| memory.mem_total),
        shm_free_bytes: rustix::fs::statvfs("/dev/shm").ok().map(|fs| fs.f_bavail * fs.f_frsize),
        pipe_max_bytes: line("/proc/sys/fs/pipe-max-size").and_then(|text| text.parse().ok()),
        page_bytes: rustix::param::page_size(),
        cache_bytes: caches(),
        thp: line("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|text| chosen(&text)),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        load1,
        clock_ns: clock::cost(),
        warnings,
    }
}

/// Sizes of the first core's data caches, ascending.
fn caches() -> Vec<u64> {
    let folder = std::path::Path::new("/sys/devices/system/cpu/cpu0/cache");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let caches = entries.filter_map(|entry| {
        let kind = std::fs::read_to_string(entry.path().join("type")).ok()?;
        let size = std::fs::read_to_string(entry.path().join("size")).ok()?;
        let kib: u64 = size.trim().strip_suffix('K')?.parse().ok()?;
        (kind.trim() != "Instruction").then_some(kib << 10)
    });
    let mut caches: Vec<u64> = caches.collect();
    caches.sort_unstable();
    caches
}

/// The first line of a file of the system.
fn line(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.lines().next()?.to_owned())
}

/// `madvise` of "always [madvise] never".
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_has_cores_memory_and_a_clock() {
        let machine = super::this();
        assert!(machine.cores > 0 && machine.mem_bytes > 0 && machine.page_bytes >= 4096);
        assert_eq!(super::chosen("always [madvise] never").as_deref(), Some("madvise"));
    }
}
