//! A test whose main is the harness's own, as most are.

#[test]
fn a_pool_in_a_unit_test_says_how_it_gets_workers() {
    let refused = pool::Pool::builder().workers(2).build().map(drop).unwrap_err().to_string();
    assert!(refused.contains("unit test") && refused.contains("Builder::launch"), "{refused}");
}
