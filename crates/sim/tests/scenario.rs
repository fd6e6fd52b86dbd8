//! The scenario that the docs show goes as it says.

#[path = "../examples/tunnel.rs"]
#[allow(dead_code, reason = "its main prints what this looks at")]
mod tunnel;

#[test]
fn the_example_goes_as_it_says() {
    let lines = tunnel::tunnel().expect("the scenario");
    assert!(lines.iter().any(|line| line.ends_with("dies")), "the server was killed");
}
