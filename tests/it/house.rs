//! The rules of the house, as docs/ARCHITECTURE.md states them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::imports;
use crate::tools::root;

/// Which crates each crate may use: arrows run one way, and what is absent is a promise.
const ARROWS: [(&str, &[&str]); 10] = [
    ("shm", &[]),
    ("measure", &[]),
    ("stats", &[]),
    ("record", &["measure", "stats"]),
    ("transport", &["shm", "measure"]),
    ("pool", &["transport", "measure", "shm"]),
    ("workload", &["pool", "shm"]),
    ("harness", &["pool", "workload", "record", "stats", "transport", "measure", "shm"]),
    ("report", &["record", "stats", "measure"]),
    (
        "lab",
        &[
            "harness",
            "report",
            "record",
            "stats",
            "pool",
            "workload",
            "transport",
            "measure",
            "shm",
        ],
    ),
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

/// What cargo knows of the workspace.
fn metadata() -> Json {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn arrows_between_crates_run_one_way() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().map(|of| of["name"].as_str().unwrap()).collect();
    let mut listed: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, listed, "ARROWS names each crate of the workspace");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, may_use) = ARROWS.iter().find(|(of, _)| *of == name).unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let used = dependencies
            .filter(|of| of["kind"].is_null())
            .map(|of| of["name"].as_str().unwrap())
            .filter(|of| names.contains(of));
        for other in used {
            assert!(may_use.contains(&other), "{name} uses {other}");
            let place = |of| ARROWS.iter().position(|(name, _)| *name == of);
            assert!(place(other) < place(name), "{name} stands before {other}, which it uses");
        }
    }
}

#[test]
fn no_file_of_a_crate_imports_another_that_imports_it() {
    for (name, _) in ARROWS {
        let circles = imports::circles(&root().join("crates").join(name).join("src"));
        assert!(circles.is_empty(), "{name}: circles of files\n{}", circles.join("\n"));
    }
}

#[test]
fn a_circle_of_files_is_found_also_through_a_re_export_and_a_parent() {
    let circles = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        imports::circles(folder.path())
    };
    let fine = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "pub struct A;"),
        ("b.rs", "use crate::A;"),
    ];
    assert_eq!(circles(&fine), [""; 0]);
    let two =
        [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a;")];
    assert_eq!(circles(&two), ["a.rs -> b.rs -> a.rs"]);
    let parent = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; use self::b::B; pub struct A;"),
        ("a/b.rs", "use super::A;"),
    ];
    assert_eq!(circles(&parent), ["a/mod.rs -> a/b.rs -> a/mod.rs"]);
    let path = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "fn f() { crate::b::g() }"),
        ("b.rs", "use crate::a::f;"),
    ];
    assert_eq!(circles(&path).len(), 1);
    let tests = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "#[cfg(test)] mod tests { use crate::b::B; }"),
        ("b.rs", "use crate::a::A;"),
    ];
    assert_eq!(circles(&tests), [""; 0]);
}

#[test]
fn unsafe_code_lives_in_shm_alone_and_each_block_is_argued() {
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "shm") {
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
fn measure_knows_no_process_and_stats_and_record_no_name_of_a_job_or_a_lab() {
    for file in files(&root().join("crates/measure/src"), "rs") {
        assert!(!read(&file).contains("std::process"), "{}", file.display());
    }
    let jobs = workload::ALL.iter().map(|job| job.name());
    let names: Vec<&str> = jobs.chain(lab::labs::ALL.iter().map(|lab| lab.name())).collect();
    for folder in ["crates/stats/src", "crates/record/src", "crates/report/src"] {
        // Records of schema 1 are known by the names of their time.
        let named = |path: &PathBuf| !path.ends_with("schema1.rs");
        for file in files(&root().join(folder), "rs").into_iter().filter(named) {
            let text = read(&file);
            let code = text.split("#[cfg(test)]").next().unwrap_or("");
            let code: String = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
            for name in &names {
                assert!(!code.contains(&format!("== \"{name}\"")), "{}: {name}", file.display());
            }
        }
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

/// Names of tests have at least five words; names of fields in the docs have fewer.
const MIN_UNDERSCORES: usize = 4;

#[test]
fn every_test_that_a_page_names_is_there() {
    let sources = ["crates", "tests"].map(|folder| files(&root().join(folder), "rs"));
    let source: String = sources.concat().iter().map(read).collect();
    let pages = files(&root().join("docs"), "md").into_iter();
    for page in pages.chain(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name))) {
        let text = read(&page);
        // Code inside a line is every second part.
        let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let names =
            code.filter(is_name).filter(|word| word.matches('_').count() >= MIN_UNDERSCORES);
        for name in names {
            let known = source.contains(&format!("fn {name}("));
            assert!(known, "{} names `{name}`, which is not there", page.display());
        }
    }
}

#[test]
fn files_stay_small_enough_to_be_read() {
    for (name, _) in ARROWS {
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
