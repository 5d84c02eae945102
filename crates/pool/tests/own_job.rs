//! The example of a job of one's own, as a user would run it.

use std::process::Command;

#[test]
fn the_example_of_a_job_of_ones_own_runs_and_is_short() {
    let text = include_str!("../examples/own_job.rs");
    assert!(text.lines().count() <= 60, "it should stay short");
    // Cargo builds examples beside tests: target/PROFILE/deps/own_job-HASH, target/PROFILE/examples.
    let this = std::env::current_exe().unwrap();
    let example = this.parent().unwrap().with_file_name("examples").join("own_job");
    let output = Command::new(&example).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("numbers 1 to 100000 take 10753840 steps together"), "{said}");
    assert!(said.contains("-1 is not positive; as its type: Some(NotPositive { number: -1 })"));
}
