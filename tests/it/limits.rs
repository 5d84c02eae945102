//! Where the machine gives no more: an error in words, and the rows that can be had.

use std::path::Path;
use std::process::{Command, Output};

use measure::record::Line;

use crate::tools::{COORDINATOR, skip};

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
    let record = measure::run::read(out).unwrap();
    let (mut well, mut failed) = (0, 0);
    for line in &record.lines {
        let Line::Trial(trial) = line else { continue };
        match &trial.error {
            None => well += 1,
            Some(error) => {
                failed += 1;
                assert!(error.contains(reason), "{error}");
                assert!(trial.cell.bytes > 4096, "{trial:?}");
            }
        }
    }
    assert!(well > 0 && failed > 0, "{well} rows and {failed} failed ones: {said}");
    let Some(Line::End(end)) = record.lines.last() else { panic!("no end line") };
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
