//! Where a task's list is.

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::TaskError;

/// Where a task's list is. What it is made from can be given to [`crate::Pool::submit`] as it is.
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
///     pool.submit("sum", 0, [1, 2, 3])?,
/// ];
/// for (sum, want) in sums.into_iter().zip([0, 6, 6, 5, 6]) {
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
    Items(Items),
    /// In the room that [`crate::Pool::list`] lent: it is not copied again.
    Built(Room),
    /// In the segment, placed by [`crate::Pool::place`]: this part of it.
    Resident(Resident, Range<usize>),
}

impl Data {
    /// Checks that a pool can take it.
    ///
    /// # Errors
    /// [`TaskError::Foreign`] and [`TaskError::OutOfRange`].
    pub(crate) fn check(&self, pool: PoolId) -> Result<(), TaskError> {
        match self {
            Data::None | Data::Items(_) => Ok(()),
            Data::Built(room) if room.pool != pool => Err(TaskError::Foreign { what: "a room" }),
            Data::Built(_) => Ok(()),
            Data::Resident(list, _) if list.pool != pool => {
                Err(TaskError::Foreign { what: "a resident list" })
            }
            Data::Resident(list, part) => {
                let items = list.items();
                let is_inside = part.start <= part.end && part.end <= items;
                let part = part.clone();
                if is_inside { Ok(()) } else { Err(TaskError::OutOfRange { part, items }) }
            }
        }
    }
}

/// A list of the caller's own.
///
/// ```
/// let list = pool::Items::from(vec![1, 2, 3]);
/// assert_eq!(list.iter().sum::<i64>(), 6);
/// ```
#[derive(Clone, Debug)]
pub struct Items(Owner);

#[derive(Clone, Debug)]
enum Owner {
    Vec(Vec<i64>),
    Shared(Arc<[i64]>),
}

impl Deref for Items {
    type Target = [i64];
    fn deref(&self) -> &[i64] {
        match &self.0 {
            Owner::Vec(items) => items,
            Owner::Shared(items) => items,
        }
    }
}

impl From<Vec<i64>> for Items {
    fn from(items: Vec<i64>) -> Items {
        Items(Owner::Vec(items))
    }
}

impl From<Arc<[i64]>> for Items {
    fn from(items: Arc<[i64]>) -> Items {
        Items(Owner::Shared(items))
    }
}

/// Tells pools of one process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolId(u64);

impl PoolId {
    pub(crate) fn new() -> PoolId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the number must be another.
        PoolId(NEXT.fetch_add(1, Relaxed))
    }
}

/// Room for one list, lent by [`crate::Pool::list`]: only its own pool takes it.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = pool::Pool::builder().workers(1).longest_list(3).build()?;
/// let mut room = pool.list(2)?;
/// room.items_mut().copy_from_slice(&[1, 2]);
/// assert_eq!(pool.submit("sum", 0, room)?.result()?.value, 3.into());
/// # Ok(()) });
/// ```
#[derive(Debug)]
pub struct Room {
    inner: transport::ListBuffer,
    pool: PoolId,
}

impl Room {
    pub(crate) fn new(inner: transport::ListBuffer, pool: PoolId) -> Room {
        Room { inner, pool }
    }

    /// The list's items; what an earlier list left may still be there.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).longest_list(3).build()?;
    /// assert_eq!(pool.list(2)?.items_mut().len(), 2);
    /// # Ok(()) });
    /// ```
    pub fn items_mut(&mut self) -> &mut [i64] {
        self.inner.items_mut()
    }

    pub(crate) fn into_inner(self) -> transport::ListBuffer {
        self.inner
    }
}

/// A list that stays in the segment, placed by [`crate::Pool::place`]: only its own pool takes it. Its room is
/// free again when the last clone is dropped.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # example::main(|| {
/// let pool = pool::Pool::builder().workers(1).longest_list(3).resident_lists(1).build()?;
/// let list: pool::Resident = pool.place(&[1, 2, 3])?;
/// assert_eq!(list.items(), 3);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Resident {
    inner: transport::Resident,
    pool: PoolId,
}

impl Resident {
    pub(crate) fn new(inner: transport::Resident, pool: PoolId) -> Resident {
        Resident { inner, pool }
    }

    /// Items of the list.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
    /// # example::main(|| {
    /// let pool = pool::Pool::builder().workers(1).longest_list(3).resident_lists(1).build()?;
    /// assert_eq!(pool.place(&[7])?.items(), 1);
    /// # Ok(()) });
    /// ```
    pub fn items(&self) -> usize {
        self.inner.items()
    }

    pub(crate) fn inner(&self) -> &transport::Resident {
        &self.inner
    }
}

impl From<()> for Data {
    fn from((): ()) -> Data {
        Data::None
    }
}

impl From<Arc<[i64]>> for Data {
    fn from(items: Arc<[i64]>) -> Data {
        Data::Items(items.into())
    }
}

impl From<Vec<i64>> for Data {
    /// Without a copy.
    fn from(items: Vec<i64>) -> Data {
        Data::Items(items.into())
    }
}

impl<const N: usize> From<[i64; N]> for Data {
    fn from(items: [i64; N]) -> Data {
        Vec::from(items).into()
    }
}

impl From<&[i64]> for Data {
    /// Copies them: the task may outlive the slice.
    fn from(items: &[i64]) -> Data {
        items.to_vec().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vec_and_an_arc_are_taken_as_they_are() {
        let vec: Vec<i64> = (0..100).collect();
        let shared: Arc<[i64]> = vec.clone().into();
        for (at, data) in
            [(vec.as_ptr(), Data::from(vec)), (shared.as_ptr(), Data::from(shared.clone()))]
        {
            let Data::Items(items) = data else { panic!("{data:?}") };
            assert_eq!(items.as_ptr(), at, "no copy");
            assert_eq!(items.len(), 100);
        }
    }
}
