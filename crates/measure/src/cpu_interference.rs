//! What others took of the cores while something was measured: processes beside us, and the host
//! below.

use std::time::Instant;

use nix::sys::resource::UsageWho;
use procfs::CurrentSI;

use crate::counters::Usage;

/// A look at the counters of the cores that may be used, and at our own.
#[derive(Clone, Copy, Debug)]
pub struct CpuTime {
    at: Instant,
    cores: usize,
    busy_ms: u64,
    stolen_ms: u64,
    ours_ns: u64,
}

/// What others took between two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuInterference {
    /// Cores' worth of processor time that neither this process nor its children used.
    pub others: f64,
    /// Part of all time that the host gave to another machine, 0 to 1.
    pub stolen: f64,
}

/// The kernel counts in steps of 10 ms: over a shorter time than this nothing is said.
const MIN_SECONDS: f64 = 0.2;

impl CpuTime {
    /// Looks at `cores`; nothing where the kernel does not say. Children count as ours once they
    /// have been reaped.
    pub fn now(cores: &[usize]) -> Option<CpuTime> {
        let stat = procfs::KernelStats::current().ok()?;
        let of = cores.iter().filter_map(|core| stat.cpu_time.get(*core));
        let (mut busy_ms, mut stolen_ms) = (0, 0);
        for core in of {
            busy_ms += core.user_ms() + core.nice_ms() + core.system_ms();
            busy_ms += core.irq_ms().unwrap_or(0) + core.softirq_ms().unwrap_or(0);
            stolen_ms += core.steal_ms().unwrap_or(0);
        }
        let children = Usage::of(UsageWho::RUSAGE_CHILDREN).cpu_ns;
        let ours_ns = Usage::of_this_process().cpu_ns + children;
        Some(CpuTime { at: Instant::now(), cores: cores.len(), busy_ms, stolen_ms, ours_ns })
    }

    /// What others took since `earlier`; nothing if that was too short ago to say.
    pub fn since(&self, earlier: &CpuTime) -> Option<CpuInterference> {
        let wall_s = (self.at - earlier.at).as_secs_f64();
        let ours_s = self.ours_ns.saturating_sub(earlier.ours_ns) as f64 / 1e9;
        let busy_s = self.busy_ms.saturating_sub(earlier.busy_ms) as f64 / 1e3;
        let stolen_s = self.stolen_ms.saturating_sub(earlier.stolen_ms) as f64 / 1e3;
        (wall_s >= MIN_SECONDS).then(|| CpuInterference {
            others: ((busy_s - ours_s) / wall_s).max(0.0),
            stolen: stolen_s / wall_s / self.cores.max(1) as f64,
        })
    }
}

impl CpuInterference {
    /// What a row must say: where others had more than half a core, or the host more than 1 %.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.others > 0.5 {
            warnings.push(format!("other programs kept {:.1} cores busy", self.others));
        }
        if self.stolen > 0.01 {
            warnings.push(format!("the host took away {:.0} % of the time", self.stolen * 100.0));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, busy_ms: u64, stolen_ms: u64, ours_ns: u64) -> CpuTime {
        CpuTime { at, cores: 2, busy_ms, stolen_ms, ours_ns }
    }

    #[test]
    fn what_we_used_ourselves_is_not_others_load() {
        let start = Instant::now();
        let before = look(start, 1000, 10, 0);
        let second = start + std::time::Duration::from_secs(1);
        // Of 1.8 s of busy cores 1 s was ours; of 2 s of cores 0.1 s was stolen.
        let taken = look(second, 2800, 110, 1_000_000_000).since(&before).unwrap();
        assert!((taken.others - 0.8).abs() < 1e-9 && (taken.stolen - 0.05).abs() < 1e-9);
        let said = taken.warnings();
        assert_eq!(
            said,
            ["other programs kept 0.8 cores busy", "the host took away 5 % of the time"]
        );
        let quiet = look(second, 2300, 20, 1_000_000_000).since(&before).unwrap();
        assert!(quiet.warnings().is_empty(), "{quiet:?}");
        assert_eq!(before.since(&before), None);
    }

    #[test]
    fn this_kernel_counts_our_own_time() {
        let Some(before) = CpuTime::now(&[0]) else { panic!("/proc/stat cannot be read") };
        let begun = Instant::now();
        while begun.elapsed().as_millis() < 50 {}
        let after = CpuTime::now(&[0]).unwrap();
        assert!(after.ours_ns > before.ours_ns && after.busy_ms >= before.busy_ms);
    }
}
