//! Two workers of which one has far more to say.

use transport::{HubEvent, List, Received, Setup, Spoke};

use crate::support::{SUM, every, plain, setup, task};

const FLOOD: u32 = 32;

#[test]
fn an_answer_is_told_after_at_most_two_of_a_worker_that_floods() {
    for (transport, wakeup) in every() {
        for (floods, other) in [(0, 1), (1, 0)] {
            let setup = Setup { workers: 2, ..setup(wakeup, FLOOD as usize, 0) };
            let mut hub = transport.hub(&setup).unwrap();
            let mut spokes = [0, 1].map(|worker| {
                let handover = hub.attach(worker).unwrap();
                transport.spoke(handover).unwrap()
            });
            for id in 0..FLOOD {
                hub.send(floods, &task(id, SUM, 0), List::None, None).unwrap();
            }
            hub.send(other, &task(0, SUM, 0), List::None, None).unwrap();
            (0..FLOOD).for_each(|_| answer_one(&mut *spokes[floods]));
            answer_one(&mut *spokes[other]);
            let told: Vec<usize> = (0..=FLOOD)
                .map(|_| match hub.recv(None).unwrap() {
                    HubEvent::Reply { worker, .. } => worker,
                    arrival => panic!("{arrival:?}"),
                })
                .collect();
            let at = told.iter().position(|worker| *worker == other).unwrap();
            let name = format!("{} {wakeup}", transport.name());
            assert!(at <= 2, "{name}: {at} answers of worker {floods} were told before {other}'s");
        }
    }
}

fn answer_one(spoke: &mut dyn Spoke) {
    loop {
        match spoke.recv().unwrap() {
            Received::Task(incoming) => {
                let id = incoming.task.id;
                return spoke.reply(plain(id), 0).unwrap();
            }
            Received::Idle => {}
            Received::Closed => panic!("the hub is there"),
        }
    }
}
