//! Where the machine gives no more: an error in words, and the rows that can be had.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output};

use record::Trial;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::tools::{COORDINATOR, coordinator, recorded, skip};

const FEW: &[&str] = &["--generations", "1", "--pairs", "1", "--tasks", "8", "--quiet"];

/// A sweep of a short and a long list under what `limit` does in a shell first.
fn under(limit: &str, out: &Path, more: &[&str]) -> Output {
    let script = format!("{limit} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, COORDINATOR, "sweep", "--out", out.to_str().unwrap()]);
    command.args(FEW).args(more).output().unwrap()
}

/// Asserts that the long list's rows failed for that reason, and the short one's did not.
fn only_the_long_list_failed(output: &Output, out: &Path, reason: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let record = recorded(out);
    let (mut well, mut failed) = (0, 0);
    for trial in &record.trials {
        match &trial.error {
            None => well += 1,
            Some(error) => {
                failed += 1;
                assert!(error.contains(reason), "{error}");
                assert!(trial.params.bytes > 4096, "{trial:?}");
            }
        }
    }
    assert!(well > 0 && failed > 0, "{well} rows and {failed} failed ones: {said}");
    let end = record.end.expect("an end line");
    assert_eq!((end.segments_left, end.workers_left, end.lost), (0, 0, 0));
}

#[test]
fn a_full_dev_shm_is_a_failed_row_and_no_end_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mounted = "mount -t tmpfs -o size=1m none /dev/shm";
    let may = Command::new("unshare").args(["-rm", "sh", "-c", mounted]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip("no mount in a user namespace of one's own");
    }
    let output = Command::new("unshare")
        .args([
            "-rm",
            "sh",
            "-c",
            &format!("{mounted} && exec \"$0\" \"$@\""),
            COORDINATOR,
            "sweep",
        ])
        .args(["--out", out.to_str().unwrap()])
        .args(FEW)
        .args(["--segment", "posix", "--transport", "shared", "--sizes", "4KiB,4MiB"])
        .output()
        .unwrap();
    only_the_long_list_failed(&output, &out, "posix");
}

#[test]
fn no_address_space_is_a_failed_row_and_no_end_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let long = ["--sizes", "4KiB,256MiB", "--transport", "shared"];
    let output = under("ulimit -v 400000", &out, &long);
    only_the_long_list_failed(&output, &out, "");
}

#[test]
fn a_limit_on_files_is_a_failed_row_and_no_signal() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // In blocks of 512 bytes: a memfd is a file too.
    let output = under("ulimit -f 4096", &out, &["--sizes", "4KiB,4MiB", "--transport", "shared"]);
    only_the_long_list_failed(&output, &out, "File too large");
}

#[test]
fn a_full_disk_is_named_with_the_file_that_could_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        under("exec >/dev/full", &folder.path().join("out"), &["--json", "-", "--sizes", "4KiB"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("run.jsonl") && said.contains("No space left"), "{said}");
}

#[test]
fn a_list_larger_than_memory_is_one_sentence_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (args, word) in [
        (&["sweep", "--sizes", "4KiB,4TiB"][..], "smaller --sizes"),
        (&["sweep", "--transport", "shared", "--sizes", "4TiB", "--workers", "2"], "4 TiB"),
        (&["lab", "crossover", "--sizes", "4TiB"], "4 TiB"),
    ] {
        let output = coordinator(args).arg("--out").arg(&out).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.lines().count() == 1 && said.contains(word), "{args:?}: {said}");
        assert!(output.stdout.is_empty() && !out.exists(), "{args:?}: nothing was begun");
    }
}

/// As many pipes as this user may have without being given smaller ones, and a few more.
fn too_many_pipes() -> Vec<(OwnedFd, OwnedFd)> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap();
    let pages: usize = read("pipe-user-pages-soft").trim().parse().unwrap();
    let largest: usize = read("pipe-max-size").trim().parse().unwrap();
    let mut pipes = Vec::new();
    // Bounded by descriptors too: a system without the limit has no test.
    while pipes.len() < (pages * 4096 / largest + 2).min(200) {
        let Ok(pipe) = pipe_with(PipeFlags::CLOEXEC) else { break };
        // Refused where the limit is reached and this user may not pass it.
        let _ = fcntl_setpipe_size(&pipe.1, largest);
        pipes.push(pipe);
    }
    pipes
}

#[test]
fn pipes_at_their_user_s_limit_are_smaller_and_the_record_says_so() {
    let _pipes = too_many_pipes();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // In a user namespace of its own no process may pass the limit.
    let mut command = Command::new("unshare");
    command.args(["-r", COORDINATOR, "sweep", "--out", out.to_str().unwrap()]).args(FEW);
    let args = ["--transport", "pipe,vmsplice,shared", "--sizes", "4KiB,1MiB"];
    let output = command.args(args).output();
    let Ok(output) = output else { return skip("there is no unshare") };
    let said = String::from_utf8_lossy(&output.stderr);
    if !out.exists() {
        return skip(&format!("no user namespace of one's own: {said}"));
    }
    assert_eq!(output.status.code(), Some(0), "{said}");
    let record = recorded(&out);
    let (shared, streams): (Vec<&Trial>, Vec<_>) =
        record.trials.iter().partition(|trial| trial.params.arm.shares());
    assert!(!shared.is_empty() && streams.len() >= 4);
    assert!(shared.iter().all(|trial| trial.buffer_bytes.is_none()));
    for trial in streams {
        assert!(trial.error.is_none() && trial.verified == trial.tasks, "{trial:?}");
        assert!(trial.buffer_bytes.is_some_and(|bytes| bytes < 64 * 1024), "{trial:?}");
        assert!(trial.warnings.iter().any(|said| said.contains("pipe-user-pages-soft")));
    }
}
