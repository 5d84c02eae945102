//! Owners on purpose: jobs that hold a lock or a segment until they are killed.

use std::fmt::Display;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};

use pool::{Call, Job, JobError, Value};
use shm::lock::{MUTEX_BYTES, Mutex, take_file};
use shm::{Access, Grant, ITEM_BYTES, Kind, Pages, Segment, Slots, Span};

/// Takes both locks of a memfd of its parent's, whose descriptor is its argument: the mutex at its start,
/// and the lock on the file. Then it sleeps.
pub struct HoldLocks;

/// Makes a segment of the kind whose place in [`Kind::ALL`] is its argument, and writes there again and
/// again.
pub struct OwnSegment;

/// How long anything is held at most.
const MAX_HOLD: Duration = Duration::from_secs(60);
/// Bytes of a segment that is owned.
const BYTES: usize = 1 << 20;

impl Job for HoldLocks {
    fn name(&self) -> &'static str {
        "hold_locks"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let path = format!("/proc/{}/fd/{}", parent_id(), call.int()?);
        let file = File::options().read(true).write(true).open(path).map_err(refused)?;
        let bytes = MUTEX_BYTES;
        let (kind, access, pages) = (Kind::Memfd, Access::Words, Pages::Ready);
        let grant = Grant { kind, access, bytes, name: None, pages, reserved_page: None };
        let fd = file.try_clone().map_err(refused)?.into();
        let segment = Segment::open(&grant, Some(fd)).map_err(refused)?;
        let mutex = Mutex::open(Span::of(&segment, 0, MUTEX_BYTES)).map_err(refused)?;
        if !mutex.take() {
            return Err(JobError::new("Held", "another process holds the mutex"));
        }
        // A process that looks whether it is held holds it for a moment.
        while !take_file(&file) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(MAX_HOLD);
        Ok(Value::Int(0))
    }
}

impl Job for OwnSegment {
    fn name(&self) -> &'static str {
        "own_segment"
    }
    fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
        let kind = usize::try_from(call.int()?).ok().and_then(|at| Kind::ALL.get(at));
        let kind = *kind.ok_or_else(|| JobError::new("NoKind", "no such kind of segment"))?;
        let room = 1000;
        let slots = Slots::create(kind, BYTES / (room * ITEM_BYTES), room, Pages::Ready);
        let slots = slots.map_err(refused)?;
        let mut slot = slots.reserve(room).ok_or_else(|| JobError::new("NoRoom", "no slot"))?;
        let begun = Instant::now();
        while begun.elapsed() < MAX_HOLD {
            black_box(slot.items_mut()).fill(7);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Value::Int(0))
    }
}

fn refused(cause: impl Display) -> JobError {
    JobError::new("Refused", cause.to_string())
}
