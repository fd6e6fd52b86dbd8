//! The bench against the real server (`cargo build --package bellwire` makes it) and against
//! something that is none.
//!
//! 1. A short run of `calls` prints one JSON document with the promised fields, without a fault.
//! 2. So does `idle`.
//! 3. `hostile` fails no honest call while others flood the server with frames.
//! 4. `media` reports what forwarding costs, and every stream comes through.
//! 5. Where no server is, nothing is printed, and the exit status says so.

use std::{
    io::Read,
    net::TcpListener,
    process::{Command, Output},
    thread,
};

use serde_json::Value;

fn bench(line: &str) -> Output {
    let args = line.split_whitespace();
    Command::new(env!("CARGO_BIN_EXE_bellwire-bench")).args(args).output().expect("the bench runs")
}

/// The one document on standard output.
fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn calls_reports_pace_price_and_latency_beside_the_relay() {
    let report = json(&bench("calls --json --seconds 1 --rounds 2 --pairs 40 --in-flight 8"));
    for field in [
        "calls_per_s",
        "calls_per_server_cpu_s",
        "relay_calls_per_s",
        "relay_calls_per_server_cpu_s",
        "of_relay",
    ] {
        assert!(report[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {report}");
    }
    for stage in ["invited", "ringing", "started", "ended"] {
        let ms = |part: &str| report["latency_ms"][stage][part].as_f64().expect("a number");
        assert!(0.0 < ms("p50") && ms("p50") <= ms("p99") && ms("p99") <= ms("max"), "{stage}");
    }
    assert_eq!(report["errors"], 0);
    assert!(report["limit"].is_string());
    assert_eq!(report["rounds"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["relay_rounds"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["frames_out_per_life"], 13);
}

#[test]
fn calls_at_a_rate_name_the_rate_as_their_limit() {
    let report = json(&bench("calls --json --seconds 1 --rounds 1 --pairs 40 --rate 20"));
    assert_eq!(report["limit"], "rate");
    let pace = report["calls_per_s"].as_f64().expect("a number");
    assert!((10.0..=21.0).contains(&pace), "{pace} calls a second instead of 20");
}

#[test]
fn idle_reports_the_slope_and_what_it_is_made_of() {
    let report = json(&bench("idle --json --devices 60"));
    assert!(report["server_bytes_per_device"].is_number());
    let devices: Vec<_> = report["measurements"].as_array().expect("a list").iter().collect();
    assert_eq!(devices.iter().map(|point| &point["devices"]).collect::<Vec<_>>(), [0, 30, 60]);
}

#[test]
fn no_honest_call_fails_under_a_flood_of_frames() {
    let report = json(&bench("hostile --json --attack frames --pairs 20 --rate 20 --seconds 1"));
    assert_eq!(report["attacks"][0]["honest_failures"], 0);
    assert!(report["attacks"][0]["attempts"].as_u64().is_some_and(|attempts| attempts > 0));
}

#[test]
fn media_reports_what_forwarding_costs_and_how_late_it_is() {
    let report = json(&bench("media --json --rooms 4 --rounds 1 --seconds 1"));
    assert_eq!(report["errors"], 0, "{report}");
    let carriers = report["carriers"].as_array().expect("a list");
    let names: Vec<_> = carriers.iter().map(|carried| &carried["carrier"]).collect();
    assert_eq!(names, ["direct", "bellwire"]);
    for carried in carriers {
        // Eight who send 50 sounds a second, and 30 pictures of at least 4 packets.
        let packets = carried["packets_per_s"].as_f64().expect("a number");
        assert!((400.0..3_000.0).contains(&packets), "{carried}");
        let ms = |part: &str| carried["delay_ms"][part].as_f64().expect("a number");
        assert!(0.0 < ms("p50") && ms("p50") <= ms("p99") && ms("p99") <= ms("max"), "{carried}");
        assert!(carried["limit"].is_string());
    }
    assert!(carriers[0]["server"].is_null());
    let server = &carriers[1]["server"];
    for field in ["mbit_per_cpu_s", "packets_per_cpu_s", "streams_per_cpu_s"] {
        assert!(server[field]["median"].as_f64().is_some_and(|value| value > 0.0), "{server}");
    }
    assert!(server["bytes_per_participant"].is_number(), "{server}");
    assert!(report["of_janus"].is_null());
}

#[test]
fn something_that_is_no_server_is_named_and_nothing_printed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            // It takes what comes and hangs up.
            let _ = socket.read(&mut [0; 256]);
        }
    });
    let pid = std::process::id();
    let output = bench(&format!("calls --json --server ws://{address} --pid {pid} --pairs 1"));
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("cannot log in"), "{errors}");
}
