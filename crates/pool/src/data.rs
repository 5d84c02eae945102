//! Where a task's list is.

use std::ops::Range;
use std::sync::Arc;

use transport::{Resident, Room};

/// Where a task's list is. Whatever it is made from can be given to [`crate::Pool::submit`] as it
/// is.
///
/// ```
/// use std::sync::Arc;
/// use pool::{Data, Pool, Value};
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = Pool::builder().workers(1).longest_list(3).resident_lists(1).build()?;
/// let list: Arc<[i64]> = Arc::new([1, 2, 3]);
/// let resident = pool.place(&list)?;
/// let mut room = pool.list(3)?;
/// room.items_mut().copy_from_slice(&list);
/// let sums = [
///     pool.submit("sum", 0, ())?,
///     pool.submit("sum", 0, list)?,
///     pool.submit("sum", 0, room)?,
///     pool.submit("sum", 0, (resident, 1..3))?,
/// ];
/// for (sum, want) in sums.into_iter().zip([0, 6, 6, 5]) {
///     assert_eq!(sum.result()?.value, Value::Int(want));
/// }
/// # Ok(()) });
/// ```
#[derive(Debug, Default)]
pub enum Data {
    /// It has none.
    #[default]
    None,
    /// Here: it is copied when the task is sent, or by its worker. The pool keeps it until then.
    Items(Arc<[i64]>),
    /// In the room that [`crate::Pool::list`] lent: it is not copied again.
    Built(Room),
    /// In the segment, placed by [`crate::Pool::place`]: this part of it.
    Resident(Resident, Range<usize>),
}

impl From<()> for Data {
    fn from((): ()) -> Data {
        Data::None
    }
}

impl From<Arc<[i64]>> for Data {
    fn from(items: Arc<[i64]>) -> Data {
        Data::Items(items)
    }
}

impl From<Vec<i64>> for Data {
    fn from(items: Vec<i64>) -> Data {
        Data::Items(items.into())
    }
}

impl From<Room> for Data {
    fn from(room: Room) -> Data {
        Data::Built(room)
    }
}

impl From<(Resident, Range<usize>)> for Data {
    fn from((list, part): (Resident, Range<usize>)) -> Data {
        Data::Resident(list, part)
    }
}
