//! Programs that give the pool what is not its own, or does not fit.

use std::time::{Duration, Instant};

use pool::{Data, Pool, TaskError, Value};

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_room_of_another_pool_is_refused_by_the_call", a_room_of_another_pool),
        Case::new("a_resident_list_of_another_pool_is_refused_by_the_call", a_resident_list),
        Case::new("a_part_past_the_end_of_a_list_is_refused_by_the_call", a_part_past_the_end),
        Case::new("a_future_of_another_pool_is_given_once_it_is_done", a_future_of_another_pool),
        Case::new("a_pool_with_unfinished_tasks_does_not_park", parking_with_a_task),
        Case::new("a_parked_pool_wakes_for_a_task", a_task_for_a_parked_pool),
        Case::new("what_the_pool_was_not_set_up_for_names_the_setting", a_setting_is_named),
        Case::new("a_conversion_into_a_list_may_use_the_pool", a_conversion_that_uses_the_pool),
    ]
}

fn pools() -> [Pool; 2] {
    let builder = Pool::builder().workers(1).longest_list(3).resident_lists(1);
    [builder.clone().build().unwrap(), builder.build().unwrap()]
}

fn a_room_of_another_pool() {
    let [ours, theirs] = pools();
    let mut room = theirs.list(3).unwrap();
    room.items_mut().copy_from_slice(&[1, 2, 3]);
    let refused = ours.submit("sum", 0, room).map(|future| future.result());
    assert!(matches!(refused, Err(TaskError::Foreign { .. })), "{refused:?}");
    let room = theirs.list(3).unwrap();
    let refused = ours.try_submit("sum", 0, room).map(drop).unwrap_err();
    assert!(matches!(refused.why, TaskError::Foreign { .. }));
    // It comes back, and its own pool takes it.
    assert!(theirs.submit("sum", 0, refused.data).unwrap().result().is_ok());
}

fn a_resident_list() {
    let [ours, theirs] = pools();
    let list = theirs.place(&[1, 2, 3]).unwrap();
    ours.place(&[7, 7, 7]).unwrap();
    let refused = ours.submit("sum", 0, (list.clone(), 0..3)).map(|future| future.result());
    assert!(matches!(refused, Err(TaskError::Foreign { .. })), "{refused:?}");
    let sum = theirs.submit("sum", 0, (list, 0..3)).unwrap().result().unwrap();
    assert_eq!(sum.value, Value::Int(6));
}

fn a_part_past_the_end() {
    let pool = Pool::builder().workers(1).bound(1).longest_list(3).resident_lists(1);
    let pool = pool.build().unwrap();
    let list = pool.place(&[1, 2, 3]).unwrap();
    #[allow(clippy::reversed_empty_ranges, reason = "that is the misuse")]
    for part in [0..4, 4..4, 2..1, usize::MAX - 1..usize::MAX] {
        let refused = pool.submit("sum", 0, (list.clone(), part.clone()));
        let refused = refused.map(|future| future.result()).unwrap_err();
        assert!(matches!(refused, TaskError::OutOfRange { items: 3, .. }), "{part:?}: {refused:?}");
    }
    let sum = pool.submit("sum", 0, (list, 3..3)).unwrap().result().unwrap();
    assert_eq!(sum.value, Value::Int(0));
}

fn a_future_of_another_pool() {
    let [ours, theirs] = pools();
    let futures = [
        ours.submit("sleep", 30, ()).unwrap(),
        theirs.submit("sleep", 60, ()).unwrap(),
        theirs.submit("twice", 7, ()).unwrap(),
        ours.submit("twice", 8, ()).unwrap(),
    ];
    let mut values: Vec<Value> = Vec::new();
    for future in ours.as_completed(futures) {
        assert!(future.done());
        values.push(future.result().unwrap().value);
    }
    values.sort_by_key(|value| format!("{value}"));
    assert_eq!(values, [14, 16, 30, 60].map(Value::Int));
}

fn parking_with_a_task() {
    let pool = Pool::builder().workers(1).build().unwrap();
    let slow = pool.submit("sleep", 50, ()).unwrap();
    let refused = pool.park().unwrap_err().to_string();
    assert!(refused.contains("1 task"), "{refused}");
    assert_eq!(slow.result().unwrap().value, Value::Int(50));
    pool.park().unwrap();
    pool.unpark().unwrap();
}

fn a_task_for_a_parked_pool() {
    let pool = Pool::builder().workers(2).build().unwrap();
    pool.park().unwrap();
    let twice = pool.submit("twice", 4, ()).unwrap();
    assert_eq!(twice.result().unwrap().value, Value::Int(8));
    pool.unpark().unwrap();
    pool.park().unwrap();
    let asked = Instant::now();
    drop(pool);
    assert!(asked.elapsed() < Duration::from_secs(1));
}

fn a_setting_is_named() {
    let pool = Pool::builder().workers(1).build().unwrap();
    let told = |said: String, setting: &str| assert!(said.contains(setting), "{said}");
    told(pool.list(3).unwrap_err().to_string(), "longest_list");
    let sum = pool.submit("sum", 0, [1, 2, 3]).unwrap().result();
    told(sum.unwrap_err().to_string(), "longest_list");
    let pool = Pool::builder().workers(1).longest_list(3).build().unwrap();
    told(pool.place(&[1]).unwrap_err().to_string(), "resident_lists");
}

/// A list that builds itself in a room of its pool, when it is submitted.
struct Squares<'a>(&'a Pool);

impl From<Squares<'_>> for Data {
    fn from(Squares(pool): Squares<'_>) -> Data {
        let mut room = pool.list(3).unwrap();
        room.items_mut().copy_from_slice(&[1, 4, 9]);
        room.into()
    }
}

fn a_conversion_that_uses_the_pool() {
    let [pool, _] = pools();
    let sum = pool.submit("sum", 0, Squares(&pool)).unwrap().result().unwrap();
    assert_eq!(sum.value, Value::Int(14));
    let sum = pool.try_submit("sum", 0, Squares(&pool)).unwrap().result().unwrap();
    assert_eq!(sum.value, Value::Int(14));
}
