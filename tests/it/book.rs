//! The book: mdBook builds it without a warning, nothing in it points nowhere, and its answers unfold.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::browser::Browser;
use crate::tools::{root, skip};

/// Builds it, and gives what mdBook said; nothing where there is no mdBook.
fn build(into: &Path) -> Option<String> {
    let mut mdbook = Command::new("mdbook");
    let output = mdbook.arg("build").arg(root().join("docs")).arg("-d").arg(into).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    Some(said)
}

/// Values of all attributes of that name.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    html.split(begin.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What links and pictures of the pages point to that is not there.
fn broken(pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, html) in pages {
        for link in [attributes(html, "href"), attributes(html, "src")].concat() {
            if link.starts_with("https://") || link == "#" {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.with_file_name(file),
            };
            let names = |html: &String| attributes(html, "id").contains(&anchor);
            if !target.exists() || !anchor.is_empty() && !pages.get(&target).is_some_and(names) {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    broken
}

#[test]
fn the_book_builds_without_a_warning_and_no_link_in_it_is_broken_and_its_answers_unfold() {
    let folder = tempfile::tempdir().unwrap();
    let Some(said) = build(folder.path()) else { return skip("no mdbook") };
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(folder.path()).unwrap().flatten() {
        let path = entry.path();
        // That one is for servers: its links begin at their root.
        if path.extension().is_some_and(|found| found == "html") && !path.ends_with("404.html") {
            pages.insert(path.clone(), fs::read_to_string(path).unwrap());
        }
    }
    assert_eq!(broken(&pages), Vec::<String>::new());
    for lab in lab::labs::ALL {
        let ending = format!("-{}.html", lab.name());
        let of_lab = pages.iter().find(|(path, _)| path.to_str().unwrap().ends_with(&ending));
        let (path, html) = of_lab.unwrap_or_else(|| panic!("no page of lab {}", lab.name()));
        assert!(html.matches("<summary>").count() >= 2, "{}: answers to unfold", path.display());
    }
    let chapter = folder.path().join("01-price-of-a-copy.html");
    let whole = fs::read_to_string(&chapter).unwrap();
    let mut cut = BTreeMap::from([(chapter.clone(), whole.clone())]);
    for link in ["href=\"nowhere.html\"", "href=\"#nowhere\"", "src=\"pictures/nowhere.png\""] {
        cut.insert(chapter.clone(), format!("{whole}<a {link}>"));
        assert!(broken(&cut).iter().any(|found| found.contains("nowhere")), "{link} is noticed");
    }
    let Some(mut browser) = Browser::start() else { return skip("no chromium") };
    browser.open(&chapter);
    let own = |said: &&String| {
        ["asked for file:", "asked for data:"].iter().any(|begin| said.starts_with(begin))
    };
    let said = browser.said.iter().filter(|said| !own(said));
    assert_eq!(said.collect::<Vec<_>>(), Vec::<&String>::new());
    let drawn = "[...document.querySelectorAll('main img')].map((img) => img.naturalWidth)";
    let drawn = browser.evaluate(drawn);
    let widths = drawn.as_array().unwrap();
    assert!(!widths.is_empty() && widths.iter().all(|width| width != 0), "{drawn}");
    let height = "document.querySelector('main details').offsetHeight";
    let folded = browser.evaluate(height).as_u64();
    browser.evaluate("document.querySelector('main summary').click()");
    let unfolded = browser.evaluate(height).as_u64();
    assert!(unfolded > folded.map(|height| 2 * height), "{folded:?} to {unfolded:?}");
}
