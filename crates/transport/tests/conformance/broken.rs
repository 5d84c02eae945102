//! Tasks that can be sent only in part: their list is in a file that was truncated.

use std::fs::{self, File};
use std::time::Duration;

use shm::list_file::ListFile;
use transport::{HubEvent, List, Received, Setup, Value};

use crate::support::{Pair, SUM, every, plain, setup, task};

const ITEMS: usize = 40_000;
/// What is left of it, which any stream holds.
const LEFT: usize = 16 * 1024;

/// Transports whose list the kernel copies: others would read the missing part themselves, a SIGBUS.
const COPIED_BY_THE_KERNEL: [&str; 3] = ["pipe", "socket", "vmsplice"];

#[test]
fn after_half_a_frame_a_worker_is_sent_nothing_more_and_its_other_tasks_come_back() {
    let path = std::env::temp_dir().join(format!("ipclab-cut-{}", std::process::id()));
    for (at, (transport, wakeup)) in every().enumerate() {
        if !COPIED_BY_THE_KERNEL.contains(&transport.name()) {
            continue;
        }
        let name = format!("{} {wakeup}", transport.name());
        fs::write(&path, vec![1; 8 * ITEMS]).unwrap();
        let list = ListFile::open(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(8 * LEFT as u64).unwrap();

        let setup = Setup { cross_core: at % 2 == 0, workers: 2, ..setup(wakeup, 4, ITEMS) };
        let mut pair = Pair::of(transport, transport.hub(&setup).unwrap());
        let hub = &mut *pair.hub;
        let mut spoke = transport.spoke(hub.attach(1).unwrap()).unwrap();
        hub.send(1, &task(1, SUM, 0), List::None, None).unwrap();
        let refused = hub.send(1, &task(2, SUM, 0), List::Copy(list.items()), None);
        assert!(refused.is_err(), "{name}: a list that is not there was sent");
        hub.send(1, &task(3, SUM, 0), List::Copy(&[7; 600]), None).expect(&name);
        assert_eq!(hub.in_flight(1), 2, "{name}");
        // Its answer is returned first.
        assert!(matches!(spoke.recv(), Ok(Received::Task(_))));
        spoke.reply(plain(1), 0).unwrap();
        let told = hub.recv(Some(Duration::from_secs(5))).unwrap();
        assert!(matches!(told, HubEvent::Reply { worker: 1, .. }), "{name}: {told:?}");
        let told = hub.recv(None).unwrap();
        assert!(matches!(told, HubEvent::Broken { worker: 1, .. }), "{name}: {told:?}");
        let left: Vec<u32> = hub.detach(1).iter().map(|task| task.task).collect();
        assert_eq!(left, [3], "{name}");
        // The other worker is well.
        assert_eq!(pair.ask(4, 0, List::Copy(&[7; 100])), Ok(Value::Int(700)), "{name}");
    }
    fs::remove_file(&path).unwrap();
}
