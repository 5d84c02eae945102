//! Names that dead makers left.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::segment::stale::{locked, path};
use crate::segment::{Access, Kind, Segment, StaleSegment, posix, stale_segments};

#[test]
fn a_living_maker_s_segment_is_no_leftover_is_its_user_s_alone_and_has_no_name_to_guess() {
    let segments = [0; 8].map(|_| Segment::create(Kind::Posix, Access::Lists, 4096).unwrap());
    let names = segments.iter().map(|segment| segment.grant().unwrap().0.name.unwrap());
    let mut randoms: Vec<u64> = names
        .map(|name| {
            let name = name.trim_start_matches('/').to_owned();
            assert!(stale_segments().iter().all(|left| left.name != name), "{name}");
            assert!(!StaleSegment { name: name.clone(), bytes: 0 }.remove().unwrap());
            let mode = path(&name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            u64::from_str_radix(name.rsplit('-').next().unwrap(), 16).unwrap()
        })
        .collect();
    randoms.sort_unstable();
    randoms.dedup();
    assert_eq!(randoms.len(), 8);
}

#[test]
fn of_a_hundred_stale_names_and_a_living_one_only_the_stale_are_found_and_removed() {
    let living = Segment::create(Kind::Posix, Access::Lists, 4096).unwrap();
    let living = living.grant().unwrap().0.name.unwrap();
    // No process has such a number.
    let dead = 1 << 30;
    let stale: Vec<String> =
        (0..100).map(|at| format!("ipclab-{dead}-{:016x}", 0xabcd_0000_u32 + at)).collect();
    let others = [format!("ipclab-{dead}-short"), format!("other-{dead}-{:016x}", 1)];
    stale.iter().chain(&others).for_each(|name| std::fs::write(path(name), [7; 100]).unwrap());
    let ours = |left: &StaleSegment| left.name.contains(&format!("-{dead}-"));
    let found: Vec<StaleSegment> = stale_segments().into_iter().filter(ours).collect();
    let removed: Vec<bool> = found.iter().map(|left| left.remove().unwrap()).collect();
    let there: Vec<bool> = others.iter().map(|name| path(name).exists()).collect();
    others.iter().for_each(|name| std::fs::remove_file(path(name)).unwrap());
    assert_eq!(found.iter().map(|left| left.name.clone()).collect::<Vec<_>>(), stale);
    assert!(found.iter().all(|left| left.bytes == 100) && removed == [true; 100]);
    assert!(stale.iter().all(|name| !path(name).exists()));
    assert_eq!(there, [true, true], "not ours");
    assert!(path(living.trim_start_matches('/')).exists());
}

#[test]
fn a_lock_says_that_its_maker_lives_and_one_that_was_made_a_moment_ago_may_have_none_yet() {
    // Of a maker that no longer goes by that number, as in another container; and one of ours.
    let elsewhere = format!("ipclab-{}-{:016x}", 1 << 30, 0xbeef);
    let young = format!("ipclab-{}-{:016x}", std::process::id(), 0xbeef);
    let [held, _fresh] = [&elsewhere, &young].map(|name| File::create_new(path(name)).unwrap());
    posix::lock(&held).unwrap();
    let found = stale_segments();
    let refused = [&elsewhere, &young]
        .map(|name| StaleSegment { name: name.clone(), bytes: 0 }.remove().unwrap());
    drop(held);
    let then = locked(&elsewhere).unwrap().is_some();
    let there = [&elsewhere, &young].map(|name| std::fs::remove_file(path(name)).is_ok());
    assert!(found.iter().all(|left| left.name != elsewhere && left.name != young));
    assert_eq!((refused, there), ([false; 2], [true; 2]));
    assert!(then, "the lock has gone with its holder");
}

#[test]
fn a_look_for_stale_segments_takes_nothing_from_one_that_is_being_made() {
    let done = Arc::new(AtomicBool::new(false));
    let lookers: Vec<_> = (0..3)
        .map(|_| {
            let done = done.clone();
            std::thread::spawn(move || {
                while !done.load(Relaxed) {
                    stale_segments();
                }
            })
        })
        .collect();
    let made: Vec<_> =
        (0..2000).map(|_| Segment::create(Kind::Posix, Access::Lists, 4096).map(drop)).collect();
    done.store(true, Relaxed);
    lookers.into_iter().for_each(|looker| looker.join().unwrap());
    let failed: Vec<_> = made.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of 2000 failed: {}", failed.len(), failed[0]);
}
