//! Huge pages that an administrator has set aside (hugetlb, `vm.nr_hugepages`): where enough are free, a
//! memfd of lists lies in them, to the last page.
//!
//! They cannot be made at a touch: where none is left then, the touch is a SIGBUS. So all of them are
//! taken by fallocate when the segment is made, or none.

use std::fs::read_to_string;
use std::os::fd::OwnedFd;

use super::grant::{Access, Grant, Kind};
use super::map::Map;
use super::memfd;
use super::pages::huge_page_bytes;

/// Memory in such pages alone, and `grant` says how long each is; or why not, where huge ones are wanted.
pub(super) fn create(grant: &mut Grant) -> Result<(Map, OwnedFd), Option<String>> {
    let could = grant.kind == Kind::Memfd && grant.access == Access::Lists;
    if grant.pages.are_huge() && could { take(grant).map_err(Some) } else { Err(None) }
}

fn take(grant: &mut Grant) -> Result<(Map, OwnedFd), String> {
    let (fd, page) = memfd::of_reserved(huge_page_bytes())
        .map_err(|fault| format!("memfd_create(MFD_HUGETLB): {}", fault.desc()))?;
    let asked = Grant { reserved_page: Some(page), ..grant.clone() };
    let fits =
        grant.bytes.checked_next_multiple_of(page).is_some_and(|all| i64::try_from(all).is_ok());
    if !fits {
        return Err(format!("{} bytes are more than any machine has", grant.bytes));
    }
    match memfd::finish(fd, &asked) {
        Ok(mapped) => {
            *grant = asked;
            Ok(mapped)
        }
        Err(fault) => Err(too_few(page, asked.file_bytes() / page).unwrap_or(fault.to_string())),
    }
}

/// What is said where `needed` pages are not free; nothing where they are.
fn too_few(page: usize, needed: usize) -> Option<String> {
    let of = |what: &str| -> Option<usize> {
        let path = format!("/sys/kernel/mm/hugepages/hugepages-{}kB/{what}_hugepages", page >> 10);
        read_to_string(path).ok()?.trim().parse().ok()
    };
    let (all, free) = (of("nr")?, of("free")?.saturating_sub(of("resv")?));
    match (all, free) {
        (0, _) => Some("no huge pages are reserved here".into()),
        _ if free < needed => {
            Some(format!("{free} of {all} reserved huge pages are free, and it needs {needed}"))
        }
        _ => None,
    }
}
