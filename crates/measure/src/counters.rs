//! What the kernel counted: bytes and calls of this thread, processor time and faults of this
//! process. Differences of two readings belong to what lay between them.

use std::ops::{AddAssign, Sub};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// Bytes and calls of read and write, as /proc/thread-self/io counts them for the calling thread.
///
/// It counts pipes, sockets and files alike, through read, write and their vector forms; not
/// sendmsg, recvmsg, futex or yields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Io {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Calls that read.
    pub reads: u64,
    /// Calls that write.
    pub writes: u64,
}

impl Io {
    /// Of the calling thread; nothing where the kernel does not count.
    ///
    /// Reading this file is itself counted as a read, by the next reading.
    pub fn of_this_thread() -> Option<Io> {
        let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u64>().ok()
        };
        Some(Io {
            read_bytes: field("rchar:")?,
            written_bytes: field("wchar:")?,
            reads: field("syscr:")?,
            writes: field("syscw:")?,
        })
    }
}

/// Processor time, page faults and switches of the calling process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Nanoseconds on a processor, user and system.
    pub cpu_ns: u64,
    /// Faults served without a disk.
    pub minor_faults: u64,
    /// Faults that waited for a disk.
    pub major_faults: u64,
    /// Times it gave its core away.
    pub voluntary_switches: u64,
    /// Times its core was taken.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Of the calling process, all of its threads.
    pub fn of_this_process() -> Usage {
        Usage::of(UsageWho::RUSAGE_SELF)
    }

    /// Of the calling thread.
    pub fn of_this_thread() -> Usage {
        Usage::of(UsageWho::RUSAGE_THREAD)
    }

    pub(crate) fn of(who: UsageWho) -> Usage {
        let usage = getrusage(who).expect("getrusage knows SELF and THREAD");
        let time = usage.user_time() + usage.system_time();
        Usage {
            cpu_ns: time.num_microseconds() as u64 * 1000,
            minor_faults: usage.minor_page_faults() as u64,
            major_faults: usage.major_page_faults() as u64,
            voluntary_switches: usage.voluntary_context_switches() as u64,
            involuntary_switches: usage.involuntary_context_switches() as u64,
        }
    }
}

impl Sub for Io {
    type Output = Io;
    fn sub(self, earlier: Io) -> Io {
        Io {
            read_bytes: self.read_bytes.saturating_sub(earlier.read_bytes),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
            reads: self.reads.saturating_sub(earlier.reads),
            writes: self.writes.saturating_sub(earlier.writes),
        }
    }
}

impl AddAssign for Io {
    fn add_assign(&mut self, more: Io) {
        self.read_bytes += more.read_bytes;
        self.written_bytes += more.written_bytes;
        self.reads += more.reads;
        self.writes += more.writes;
    }
}

impl Sub for Usage {
    type Output = Usage;
    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Usage) {
        self.cpu_ns += more.cpu_ns;
        self.minor_faults += more.minor_faults;
        self.major_faults += more.major_faults;
        self.voluntary_switches += more.voluntary_switches;
        self.involuntary_switches += more.involuntary_switches;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_thread_s_own_writes_are_counted_to_the_byte() {
        let Some(before) = Io::of_this_thread() else {
            println!("skipped: this kernel does not count a thread's bytes");
            return;
        };
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 1000]).unwrap();
        let counted = Io::of_this_thread().unwrap() - before;
        assert_eq!((counted.written_bytes, counted.writes), (1000, 1));
    }
}
