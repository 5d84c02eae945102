//! Descriptors that a process would inherit though they are not meant for it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Has the process that `command` starts inherit its standard streams and no other descriptor, also where
/// another library opened one without close-on-exec.
///
/// Only that process is concerned: between fork and exec it marks its own copies. Before Linux 5.11 nothing is
/// marked, and such descriptors are inherited.
pub fn close_all_on_exec(command: &mut Command) {
    let mark = || {
        const MARK: libc::c_int = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
        // SAFETY: it touches no memory and closes nothing: it marks this process's own descriptors, which
        // the kernel closes at exec. A system call may be made between fork and exec.
        let _ = unsafe { libc::close_range(3, libc::c_uint::MAX, MARK) };
        io::Result::Ok(())
    };
    // SAFETY: `mark` is async-signal-safe: it makes one system call, and neither allocates nor locks.
    unsafe { command.pre_exec(mark) };
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use rustix::io::{FdFlags, fcntl_setfd};

    use super::*;

    #[test]
    fn a_descriptor_without_close_on_exec_is_not_inherited_and_stays_open_here() {
        let file = std::fs::File::open("/dev/null").unwrap();
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        let look = format!("test -e /proc/self/fd/{}", file.as_raw_fd());
        let inherits =
            |command: &mut Command| command.args(["-c", &look]).status().unwrap().success();
        assert!(inherits(&mut Command::new("sh")));
        let mut command = Command::new("sh");
        close_all_on_exec(&mut command);
        assert!(!inherits(&mut command));
        assert!(file.metadata().is_ok());
    }
}
