//! iceoryx2, publish-subscribe: `copy` loans a sample for each task and copies the list into it; `idx`
//! publishes the list once, which the worker keeps, and then only which window. Either side polls its
//! subscriber (`spin`), or sleeps until an event comes (`event`).

use anyhow::{Context, Result, anyhow};
use iceoryx2::node::Node;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::service::port_factory::{event, publish_subscribe};

use crate::{Peer, Plan, STOP, sum};

type Ipc = ipc::Service;
/// A service of lists, and one of single words.
type Lists = publish_subscribe::PortFactory<Ipc, [i64], ()>;
type Words = publish_subscribe::PortFactory<Ipc, u64, ()>;

/// What both sides open; the first one creates it.
struct Services {
    _node: Node<Ipc>,
    lists: Lists,
    tasks: Words,
    answers: Words,
    to_worker: event::PortFactory<Ipc>,
    to_asker: event::PortFactory<Ipc>,
}

/// One publisher, one subscriber, nothing kept for latecomers, nothing lost.
macro_rules! service {
    ($node:expr, $plan:expr, $what:literal, $payload:ty) => {
        $node
            .service_builder(&format!("{}-{}", $plan.name, $what).as_str().try_into()?)
            .publish_subscribe::<$payload>()
            .max_publishers(1)
            .max_subscribers(1)
            .max_nodes(2)
            .history_size(0)
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(2)
            .subscriber_max_borrowed_samples(2)
            .open_or_create()
            .map_err(|fault| anyhow!("{}: {fault:?}", $what))?
    };
}

impl Services {
    fn open(plan: &Plan) -> Result<Services> {
        set_log_level(LogLevel::Error);
        let node = NodeBuilder::new()
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<Ipc>()
            .map_err(|fault| anyhow!("a node: {fault:?}"))?;
        let event = |what: &str| -> Result<event::PortFactory<Ipc>> {
            let name = format!("{}-{what}", plan.name);
            let event = node.service_builder(&name.as_str().try_into()?).event();
            let event = event.max_nodes(2).max_notifiers(1).max_listeners(1).event_id_max_value(1);
            event.open_or_create().map_err(|fault| anyhow!("{what}: {fault:?}"))
        };
        Ok(Services {
            lists: service!(node, plan, "lists", [i64]),
            tasks: service!(node, plan, "tasks", u64),
            answers: service!(node, plan, "answers", u64),
            to_worker: event("to-worker")?,
            to_asker: event("to-asker")?,
            _node: node,
        })
    }
}

/// How a side waits, and wakes the other.
struct Bell {
    spins: bool,
    wakes: Notifier<Ipc>,
    waits: Listener<Ipc>,
}

impl Bell {
    fn ring(&self) -> Result<()> {
        if !self.spins {
            self.wakes.notify().map_err(|fault| anyhow!("notify: {fault:?}"))?;
        }
        Ok(())
    }

    /// The next sample; looks once more after each event.
    fn next<T: ?Sized>(&mut self, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T>
    where
        T: Sized,
    {
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.spins {
                std::hint::spin_loop();
            } else {
                self.waits.blocking_wait(|_| ()).map_err(|fault| anyhow!("wait: {fault:?}"))?;
            }
        }
    }
}

fn receive_word(from: &Subscriber<Ipc, u64, ()>) -> Result<Option<u64>> {
    let sample = from.receive().map_err(|fault| anyhow!("receive: {fault:?}"))?;
    Ok(sample.map(|sample| *sample))
}

fn receive_list(from: &Subscriber<Ipc, [i64], ()>) -> Result<Option<Sample<Ipc, [i64], ()>>> {
    from.receive().map_err(|fault| anyhow!("receive: {fault:?}"))
}

/// The side that asks.
pub(crate) struct Asks {
    copies: bool,
    windows: [std::ops::Range<usize>; 2],
    lists: Publisher<Ipc, [i64], ()>,
    tasks: Publisher<Ipc, u64, ()>,
    answers: Subscriber<Ipc, u64, ()>,
    bell: Bell,
    _services: Services,
}

impl Asks {
    pub(crate) fn new(plan: &Plan, all: &[i64]) -> Result<Asks> {
        let services = Services::open(plan)?;
        let ports = |what: &str| format!("{}'s {what}", plan.name);
        let lists = services
            .lists
            .publisher_builder()
            .initial_max_slice_len(all.len())
            .max_loaned_samples(2)
            .create()
            .map_err(|fault| anyhow!("{}: {fault:?}", ports("lists")))?;
        let tasks = services.tasks.publisher_builder().create();
        let answers = services.answers.subscriber_builder().create();
        let wakes = services.to_worker.notifier_builder().create();
        let waits = services.to_asker.listener_builder().create();
        let mut asks = Asks {
            copies: plan.way == "iceoryx2-copy",
            windows: [plan.window(0), plan.window(1)],
            lists,
            tasks: tasks.map_err(|fault| anyhow!("tasks: {fault:?}"))?,
            answers: answers.map_err(|fault| anyhow!("answers: {fault:?}"))?,
            bell: Bell {
                spins: plan.spins,
                wakes: wakes.map_err(|fault| anyhow!("a notifier: {fault:?}"))?,
                waits: waits.map_err(|fault| anyhow!("a listener: {fault:?}"))?,
            },
            _services: services,
        };
        // The worker says when it is there; then it gets what it keeps.
        let answers = &asks.answers;
        asks.bell.next(|| receive_word(answers)).context("waiting for the worker")?;
        if !asks.copies {
            asks.publish(all)?;
        }
        Ok(asks)
    }

    fn publish(&self, list: &[i64]) -> Result<()> {
        let sample = self.lists.loan_slice_uninit(list.len());
        let sample = sample.map_err(|fault| anyhow!("loan: {fault:?}"))?.write_from_slice(list);
        sample.send().map_err(|fault| anyhow!("send: {fault:?}"))?;
        Ok(())
    }
}

impl Peer for Asks {
    fn trip(&mut self, task: u64, all: &[i64]) -> Result<i64> {
        if self.copies {
            self.publish(&all[self.windows[(task % 2) as usize].clone()])?;
        } else {
            self.tasks.send_copy(task).map_err(|fault| anyhow!("send: {fault:?}"))?;
        }
        self.bell.ring()?;
        let answers = &self.answers;
        Ok(self.bell.next(|| receive_word(answers))? as i64)
    }

    fn stop(&mut self) -> Result<()> {
        if self.copies {
            // No list is that short.
            self.publish(&[])?;
        } else {
            self.tasks.send_copy(STOP).map_err(|fault| anyhow!("send: {fault:?}"))?;
        }
        self.bell.ring()
    }
}

/// The worker's life.
pub(crate) fn work(plan: &Plan) -> Result<()> {
    let services = Services::open(plan)?;
    let lists = services.lists.subscriber_builder().create();
    let lists = lists.map_err(|fault| anyhow!("lists: {fault:?}"))?;
    let tasks = services.tasks.subscriber_builder().create();
    let tasks = tasks.map_err(|fault| anyhow!("tasks: {fault:?}"))?;
    let answers = services.answers.publisher_builder().create();
    let answers = answers.map_err(|fault| anyhow!("answers: {fault:?}"))?;
    let wakes = services.to_asker.notifier_builder().create();
    let waits = services.to_worker.listener_builder().create();
    let mut bell = Bell {
        spins: plan.spins,
        wakes: wakes.map_err(|fault| anyhow!("a notifier: {fault:?}"))?,
        waits: waits.map_err(|fault| anyhow!("a listener: {fault:?}"))?,
    };
    let answer = |bell: &Bell, word: i64| -> Result<()> {
        answers.send_copy(word as u64).map_err(|fault| anyhow!("send: {fault:?}"))?;
        bell.ring()
    };
    // Until the other side knows that this side is there.
    while answers.send_copy(0).map_err(|fault| anyhow!("send: {fault:?}"))? == 0 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    bell.ring()?;
    if plan.way == "iceoryx2-copy" {
        loop {
            let list = bell.next(|| receive_list(&lists))?;
            if list.is_empty() {
                return Ok(());
            }
            let sum = sum(&list);
            drop(list);
            answer(&bell, sum)?;
        }
    }
    // The list comes without an event.
    let all = loop {
        if let Some(list) = receive_list(&lists)? {
            break list;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    loop {
        let task = bell.next(|| receive_word(&tasks))?;
        if task == STOP {
            return Ok(());
        }
        answer(&bell, sum(&all[plan.window(task)]))?;
    }
}
