//! Hashes the sources that both binaries are built from, so that a coordinator can tell a worker of
//! its own build from any other.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    gather(&root.join("crates"), &mut files);
    files.sort();
    let mut hash = DefaultHasher::new();
    for file in &files {
        hash.write(file.strip_prefix(&root).unwrap_or(file).as_os_str().as_encoded_bytes());
        hash.write(&fs::read(file).unwrap_or_default());
        println!("cargo::rerun-if-changed={}", file.display());
    }
    // Debug and release workers are equally right but not equally fast: they are not the same.
    hash.write(env::var("PROFILE").unwrap_or_default().as_bytes());
    println!("cargo::rustc-env=IPCLAB_BUILD={:016x}", hash.finish());
    println!("cargo::rustc-env=IPCLAB_COMMIT={}", commit(&root).unwrap_or_default());
    println!("cargo::rerun-if-changed={}", root.join(".git/logs/HEAD").display());
}

/// Sources and manifests below `folder`.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir()
            && !["target", "tests", "benches", "fuzz", "peers"]
                .iter()
                .any(|name| path.ends_with(name))
        {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "toml")
        {
            files.push(path);
        }
    }
}

fn commit(root: &Path) -> Option<String> {
    let git =
        Command::new("git").current_dir(root).args(["rev-parse", "--short=12", "HEAD"]).output();
    let output = git.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
