//! Anything in a ring instead of honest descriptors, at either end of shared memory.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::Value as Json;
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::ring::{self, Consumer, Producer};
use shm::wakeup::DOORBELL_BYTES;
use shm::{Access, AnswerList, Descriptor, Grant, Segment, Span, payloads};
use transport::{Handover, Hub, HubEvent, List, ListBuffer, Received, Reply, Spoke, Task, Value};

use crate::bounds::{
    ANSWER, DEPTH, LIST, MAX_BYTES, PAYLOAD, RESIDENTS, ROOM, bounded, descriptor, setup, task,
};

/// Slots of the segment.
const SLOTS: usize = DEPTH + 1 + RESIDENTS;

/// A link's control segment, as a malicious peer has it.
struct Control {
    segment: Arc<Segment>,
    entries: usize,
}

impl Control {
    fn of(handover: &Handover) -> Control {
        let plan: Json = serde_json::from_str(&handover.plan).expect("a plan");
        let grant = serde_json::from_value(plan["control"].clone()).expect("a grant");
        // The lists' descriptor comes first.
        let fd = handover.fds[1].try_clone().expect("a descriptor");
        let segment = Segment::open(&grant, Some(fd)).expect("a segment");
        Control { segment, entries: plan["entries"].as_u64().expect("a number") as usize }
    }

    fn tasks(&self) -> Span {
        Span::of(&self.segment, 0, ring::bytes(self.entries))
    }

    fn replies(&self) -> Span {
        let bytes = ring::bytes(self.entries);
        Span::of(&self.segment, bytes, bytes)
    }

    fn results(&self) -> Span {
        let start = 2 * ring::bytes(self.entries) + DOORBELL_BYTES;
        Span::of(&self.segment, start, payloads::bytes(self.entries))
    }

    /// Writes a word anywhere.
    fn scribble(&self, at: u64, word: u64) {
        let all = Span::of(&self.segment, 0, self.segment.bytes());
        all.word((at % all.words() as u64) as usize).store(word, Relaxed);
    }
}

/// A worker over shared memory, whose coordinator is malicious.
///
/// Item i of slot s is s * ROOM + i, so that a list says where it was read.
pub(crate) struct Worker {
    spoke: Box<dyn Spoke>,
    tasks: Producer,
    replies: Consumer,
    control: Control,
    _hub: Box<dyn Hub>,
    _lists: Vec<ListBuffer>,
}

impl Worker {
    pub(crate) fn new() -> Worker {
        let transport = transport::by_name("shared").expect("a transport of ours");
        let mut hub = transport.hub(&setup("spin")).expect("a hub");
        let handover = hub.attach(0).expect("a link");
        let control = Control::of(&handover);
        let mut lists: Vec<ListBuffer> =
            (0..SLOTS).map(|_| hub.reserve(ROOM).expect("a free slot")).collect();
        for room in &mut lists {
            let ListBuffer::Slot(slot) = room else { panic!("rooms of shared memory are slots") };
            let mut named = Descriptor::default();
            slot.describe(0..ROOM, &mut named);
            let first = (named.slot as usize * ROOM) as i64;
            slot.items_mut().iter_mut().zip(first..).for_each(|(item, value)| *item = value);
        }
        Worker {
            spoke: transport.spoke(handover).expect("a spoke"),
            tasks: Producer::new(control.tasks(), control.entries),
            replies: Consumer::new(control.replies(), control.entries),
            control,
            _hub: hub,
            _lists: lists,
        }
    }

    /// Gives it one descriptor after another. It reads what is in a slot, refuses everything else
    /// by name, and answers each.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for words in bytes.as_chunks::<DESCRIPTOR_BYTES>().0 {
            let said = descriptor(words);
            self.tasks.push(said).expect("a ring that is empty");
            bounded(MAX_BYTES, || self.answer_one(Some(&said)));
            let reply = self.replies.pop().expect("an answer");
            assert_eq!(
                (reply.task, reply.slot, reply.generation),
                (said.task, said.slot, said.generation)
            );
        }
    }

    /// Takes one task and answers it. What it was lent is inside one slot, and is what was `said`
    /// unless it was changed meanwhile.
    fn answer_one(&mut self, said: Option<&Descriptor>) {
        let Received::Task(incoming) = self.spoke.recv().expect("a spoke that is well") else {
            return;
        };
        let task = incoming.task.id;
        // What is said to be still on its way is not waited for.
        let here = incoming.list.as_ref().is_ok_and(|list| list.ready() == list.left());
        let mut first = None;
        let lent = incoming.list.as_ref().ok().map(|list| list.left());
        if let (Ok(mut list), true) = (incoming.list, here) {
            let list = list.whole(&|| true).expect("a list that is there");
            first = list.first().copied();
            let first = list.first().copied().unwrap_or_default();
            assert!(list.iter().copied().eq((first..).take(list.len())));
            let start = first as usize % ROOM;
            assert!(first as usize / ROOM < SLOTS && start + list.len() <= ROOM);
        }
        if let Some(said) = said {
            let (offset, length) = (said.offset as usize, said.length as usize);
            let wanted_first = (length > 0).then_some((said.slot as usize * ROOM + offset) as i64);
            let there = (said.slot as usize) < SLOTS && offset + length <= ROOM;
            let (_, has_list) = Task::from_descriptor(said);
            let wanted = if has_list { there.then_some(length) } else { Some(0) };
            assert_eq!(lent, wanted, "{said:?}");
            assert!(!here || !has_list || first == wanted_first, "{said:?}");
        }
        let outcome = Ok(Value::Int(0));
        let reply = Reply { task, outcome, list: AnswerList::default(), stamps: None };
        self.spoke.reply(reply, task as usize % (ANSWER + 1)).expect("a ring with room");
    }
}

/// A hub over shared memory, whose worker is malicious.
pub(crate) struct Coordinator(Box<dyn Hub>);

impl Coordinator {
    pub(crate) fn new() -> Coordinator {
        let transport = transport::by_name("shared").expect("a transport of ours");
        Coordinator(transport.hub(&setup("spin")).expect("a hub"))
    }

    /// Plays a worker that does what each 33 bytes say: it answers anything, or what was asked with
    /// some bits flipped or something in its payload's slot, or writes a word anywhere. Valid
    /// answers are returned in order; at the first invalid one the worker is ended. Its tasks come
    /// back, and no slot is lost.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let hub = &mut self.0;
        let handover = hub.attach(0).expect("a link");
        let control = Control::of(&handover);
        let mut replies = Producer::new(control.replies(), control.entries);
        for id in 0..DEPTH as u32 {
            let list = if id % 2 == 0 { List::Copy(&[7; ROOM]) } else { List::None };
            hub.send(0, &task(id), list, None).expect("room for a task");
        }
        let mut asked = Consumer::new(control.tasks(), control.entries);
        let asked: Vec<Descriptor> = std::iter::from_fn(|| asked.pop()).collect();
        let (mut told, mut scribbled) = (0, false);
        for step in bytes.as_chunks::<{ DESCRIPTOR_BYTES + 1 }>().0 {
            let (how, rest) = (step[0], &step[1..]);
            let said = descriptor(rest.try_into().expect("32 bytes"));
            // An honest answer of no list, where there is something to answer.
            let asked = asked.get(told).copied().unwrap_or_default();
            let honest = Descriptor { flags: 0, code: 0, offset: 0, length: 0, ..asked };
            let answer = match how % 4 {
                0 => Some(said),
                1 => Some(turned(honest, said)),
                2 => {
                    payloads::write(&control.results(), replies.position(), rest);
                    let length = u32::from(how) / 4;
                    Some(Descriptor { flags: PAYLOAD, length, ..honest })
                }
                _ => {
                    scribbled = true;
                    control.scribble(said.word, said.to_words()[0]);
                    None
                }
            };
            let pushed = answer.is_some_and(|answer| replies.push(answer).is_ok());
            let arrival = bounded(MAX_BYTES, || hub.recv(Some(Duration::ZERO)));
            match arrival.expect("a hub that is well") {
                HubEvent::Reply { worker: 0, reply } => {
                    assert_eq!(reply.task as usize, told);
                    assert!(told < DEPTH && reply.list.len() <= ANSWER);
                    let names = |said: Descriptor| (said.task, said.slot, said.generation);
                    assert!(scribbled || answer.is_some_and(|said| names(said) == names(asked)));
                    told += 1;
                }
                HubEvent::ProtocolViolation { worker: 0, .. } => break,
                // A peer that overwrites the ring may also hide its own replies.
                HubEvent::TimedOut => assert!(!pushed || scribbled),
                other => panic!("{other:?}"),
            }
        }
        let left: Vec<u32> = hub.detach(0).iter().map(|task| task.task).collect();
        assert_eq!(left, (told as u32..DEPTH as u32).collect::<Vec<_>>());
        let rooms: Vec<ListBuffer> = std::iter::from_fn(|| hub.reserve(ROOM).ok()).collect();
        assert_eq!(rooms.len(), SLOTS, "an invalid answer cost a slot");
    }

    /// Answers `rounds` tasks correctly while another thread flips bits of each answer. Each is
    /// returned as the answer to what was asked, or is a protocol violation, after which a new link
    /// is made.
    pub(crate) fn take_flipped(&mut self, rounds: usize) {
        let hub = &mut self.0;
        let mut answered = 0;
        while answered < rounds {
            let control = Control::of(&hub.attach(0).expect("a link"));
            let mut replies = Producer::new(control.replies(), control.entries);
            while_flipping(&control.replies(), || {
                let mut honest = true;
                while answered < rounds && honest {
                    let id = answered as u32;
                    hub.send(0, &task(id), List::Copy(&[7; ROOM]), None).expect("room for a task");
                    let said =
                        Descriptor { task: id, slot: 0, generation: 1, ..Descriptor::default() };
                    replies.push(said).expect("a ring with room");
                    match hub.recv(Some(Duration::ZERO)).expect("a hub that is well") {
                        HubEvent::Reply { worker: 0, reply } => {
                            assert_eq!(reply.task, id);
                            assert!(reply.list.iter().count() <= ANSWER);
                        }
                        HubEvent::ProtocolViolation { worker: 0, .. } => honest = false,
                        other => panic!("{other:?}"),
                    }
                    answered += 1;
                }
            });
            hub.detach(0);
        }
        let rooms: Vec<ListBuffer> = std::iter::from_fn(|| hub.reserve(ROOM).ok()).collect();
        assert_eq!(rooms.len(), SLOTS, "an invalid answer cost a slot");
    }
}

impl Coordinator {
    /// Collects `rounds` answers with lists while another thread flips bits in all of their
    /// segment: in the lists, and where the worker is told its slots. Each list has its length,
    /// kept ones too, and copies do not change.
    pub(crate) fn take_changed(&mut self, rounds: u32) {
        let hub = &mut self.0;
        let handover = hub.attach(0).expect("a link");
        let control = Control::of(&handover);
        let plan: Json = serde_json::from_str(&handover.plan).expect("a plan");
        let grant: Grant = serde_json::from_value(plan["answers"].clone()).expect("a grant");
        let grant = Grant { access: Access::Words, ..grant };
        let fd = handover.fds[3].try_clone().expect("a descriptor");
        let answers = Segment::open(&grant, Some(fd)).expect("a segment");
        let mut replies = Producer::new(control.replies(), control.entries);
        let mut kept: Vec<AnswerList> = Vec::new();
        while_flipping(&Span::of(&answers, 0, answers.bytes()), || {
            for id in 0..rounds {
                hub.send(0, &task(id), List::None, None).expect("room for a task");
                let offset = ANSWER as u32;
                let said = Descriptor { task: id, offset, ..Descriptor::default() };
                replies.push(said).expect("a ring with room");
                let arrival = hub.recv(Some(Duration::ZERO)).expect("a hub that is well");
                let HubEvent::Reply { worker: 0, reply } = arrival else { panic!("{arrival:?}") };
                assert_eq!((reply.list.len(), reply.list.iter().count()), (ANSWER, ANSWER));
                if id % 7 == 0 {
                    kept.push(reply.list);
                }
                kept.truncate(3 * DEPTH);
            }
            assert_eq!(kept.iter().filter(|list| list.is_in_place()).count(), DEPTH);
            for list in &kept {
                let copy = list.to_vec();
                assert_eq!(copy.len(), ANSWER);
                assert!(list.is_in_place() || *list == copy);
            }
        });
        hub.detach(0);
    }
}

impl Worker {
    /// Takes `rounds` descriptors while another thread flips their bits.
    pub(crate) fn take_flipped(&mut self, rounds: usize) {
        while_flipping(&self.control.tasks(), || {
            for round in 0..rounds as u32 {
                let slot = round % SLOTS as u32;
                let said = Descriptor {
                    task: round,
                    flags: LIST,
                    slot,
                    length: 40,
                    ..Descriptor::default()
                };
                self.tasks.push(said).expect("a ring that is empty");
                self.answer_one(None);
                self.replies.pop().expect("an answer");
            }
        });
    }
}

/// `honest` with the bits turned that are set in `by`.
fn turned(honest: Descriptor, by: Descriptor) -> Descriptor {
    let by = by.to_words();
    let mut words = honest.to_words();
    words.iter_mut().zip(by).for_each(|(word, by)| *word ^= by);
    Descriptor::from_words(words)
}

/// Runs `work` while another thread flips bits of each entry of `ring`, except those of the lap
/// mark: flipping these would only hide the others.
fn while_flipping(ring: &Span, work: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 0x9E37_79B9_7F4A_7C15_u64;
            while !over.load(Relaxed) {
                for at in shm::CACHE_LINE_PAIR_BYTES / 8..ring.words() {
                    // Marsaglia's xorshift is random enough.
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let mask = if at % 4 == 0 { u64::MAX >> 8 } else { u64::MAX };
                    // Few bits, also low ones, so that some invalid values are nearly valid.
                    ring.word(at).fetch_xor(1 << (random % 64) & mask, Relaxed);
                }
                if random.is_multiple_of(4) {
                    std::thread::yield_now();
                }
            }
        });
        let end = Ended(&over);
        work();
        drop(end);
    });
}

/// Ends the flipping, also where `work` panics.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
