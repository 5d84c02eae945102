//! Segments of every kind and of all pages.

use shm::{Kind, Pages};
use transport::{ALL, List, Setup, Value};

use crate::support::{Pair, list, setup};

/// Two huge pages and something, so that a slot begins inside one.
const ITEMS: usize = 600_000;

#[test]
fn every_list_arrives_whole_in_segments_of_every_kind_and_all_pages_and_each_says_what_it_got() {
    let (list, sum) = list(3, ITEMS);
    for transport in ALL.iter().filter(|transport| transport.has_segment()) {
        for (&segment, &pages) in
            Kind::ALL.iter().flat_map(|kind| Pages::ALL.iter().map(move |pages| (kind, pages)))
        {
            let name = format!("{} {segment} {pages}", transport.name());
            let wakeup = transport.wakeups()[0].0;
            let setup = Setup { segment, pages, cross_core: true, ..setup(wakeup, 1, ITEMS) };
            let mut pair = Pair::new(*transport, &setup);
            let resident = pair.hub.place(&list).unwrap();
            let got = [
                pair.ask(1, 0, List::Copy(&list)),
                pair.ask(2, 0, List::Resident(&resident, 0..ITEMS)),
                pair.ask(3, 0, List::Copy(&list)),
            ];
            assert_eq!(got, [1, 2, 3].map(|_| Ok(Value::Int(sum))), "{name}");
            let got = pair.hub.pages().expect("this kernel tells");
            assert_eq!(got.why.is_some(), pages.are_huge() && got.huge == 0, "{name}: {got:?}");
            // What was filled is in the page table, however it came there.
            assert!(got.mapped >= 2 * 8 * ITEMS, "{name}: {got:?}");
        }
    }
}
