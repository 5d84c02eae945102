//! The rules of the house, as docs/ARCHITECTURE.md states them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::root;

const CRATES: [&str; 7] = ["shm", "measure", "transport", "pool", "workload", "report", "lab"];

/// Which rooms each room may use: arrows run one way, and what is absent is a promise.
const ARROWS: [(&str, &[&str]); 7] = [
    ("shm", &[]),
    ("measure", &[]),
    ("transport", &["shm", "measure"]),
    ("pool", &["transport", "measure", "shm"]),
    ("workload", &["pool", "shm"]),
    ("report", &["measure"]),
    ("lab", &CRATES),
];

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.is_dir() {
            true if path.ends_with("target") => Vec::new(),
            true => files(&path, extension),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

#[test]
fn arrows_between_rooms_run_one_way() {
    for (name, may_use) in ARROWS {
        let manifest = read(root().join("crates").join(name).join("Cargo.toml"));
        let used = CRATES.iter().filter(|other| manifest.contains(&format!("\n{other}.workspace")));
        for other in used {
            assert!(may_use.contains(other), "{name} uses {other}");
        }
    }
}

#[test]
fn unsafe_code_lives_in_shm_alone_and_each_block_is_argued() {
    for name in CRATES.iter().filter(|name| **name != "shm") {
        let folder = root().join("crates").join(name);
        for file in ["src/lib.rs", "src/bin/coordinator.rs", "src/bin/worker.rs"] {
            let file = folder.join(file);
            if file.exists() {
                let text = read(&file);
                assert!(text.contains("#![forbid(unsafe_code)]"), "{}", file.display());
            }
        }
    }
    for file in files(&root().join("crates/shm/src"), "rs") {
        let text = read(&file);
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let block = line.contains("unsafe {") || line.trim_start().starts_with("unsafe impl");
            if block && !line.trim_start().starts_with("//") {
                let argued =
                    lines[at.saturating_sub(6)..at].iter().any(|l| l.contains("// SAFETY:"));
                assert!(argued, "{}:{} says no SAFETY", file.display(), at + 1);
            }
        }
    }
}

#[test]
fn the_pool_names_no_workload_and_measure_no_process() {
    for file in files(&root().join("crates/pool/src"), "rs") {
        assert!(!read(&file).contains("workload::"), "{}", file.display());
    }
    for file in files(&root().join("crates/measure/src"), "rs") {
        assert!(!read(&file).contains("std::process"), "{}", file.display());
    }
}

#[test]
fn every_transport_file_opens_with_its_ledger() {
    for transport in transport::ALL {
        let name = transport.name().replace('-', "_");
        let text = read(root().join(format!("crates/transport/src/{name}.rs")));
        let opening: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let ledger = opening.iter().any(|line| line.contains("Ledger per task:"));
        assert!(ledger, "{name}.rs does not open with its ledger");
    }
}

#[test]
fn names_are_unique_in_every_list() {
    fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) {
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{what}: {names:?}");
    }
    unique("transports", transport::ALL.iter().map(|transport| transport.name()));
    unique("wake-ups", shm::wakeup::ALL.iter().map(|wakeup| wakeup.name()));
    unique("jobs", workload::ALL.iter().map(|job| job.name()));
}

#[test]
fn each_dependency_says_why_it_is_there() {
    let manifest = read(root().join("Cargo.toml"));
    let (_, rest) = manifest.split_once("# The system.").expect("the list of dependencies");
    let (list, _) = rest.split_once("[workspace.lints").expect("the end of that list");
    for line in list.lines().filter(|line| line.contains(" = ")) {
        assert!(line.contains(" # "), "without a reason: {line}");
    }
}

#[test]
fn files_stay_small_enough_to_be_read() {
    for name in CRATES {
        for file in files(&root().join("crates").join(name).join("src"), "rs") {
            let text = read(&file);
            let code = text.split("#[cfg(test)]").next().unwrap_or("").lines().count();
            assert!(code <= 500, "{} has {code} lines: is it two ideas?", file.display());
        }
    }
}

#[test]
fn every_public_item_of_the_pool_has_an_example() {
    const KINDS: [&str; 6] = ["fn ", "struct ", "enum ", "trait ", "type ", "const "];
    let mut without = Vec::new();
    for file in files(&root().join("crates/pool/src"), "rs") {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        let lines: Vec<&str> = code.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            // A field is `pub` too, and a crate's own item is `pub(crate)`.
            let Some(item) = line.strip_prefix("pub ") else { continue };
            if !KINDS.iter().any(|kind| item.starts_with(kind)) {
                continue;
            }
            let above = lines[..at].iter().rev();
            let mut about = above.take_while(|l| l.starts_with("///") || l.starts_with("#["));
            if !about.any(|l| l.starts_with("/// ```")) {
                without.push(format!("{}:{}: {line}", file.display(), at + 1));
            }
        }
    }
    assert!(without.is_empty(), "without an example:\n{}", without.join("\n"));
}

#[test]
fn what_must_be_there_is_there() {
    for name in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "rustfmt.toml",
        "docs/ARCHITECTURE.md",
        "docs/FORMAT.md",
        "docs/METHOD.md",
        "docs/SUMMARY.md",
        "scripts/check",
        "scripts/sweep-sizes.sh",
        ".ci/run",
    ] {
        assert!(root().join(name).exists(), "{name}");
    }
}
