//! The core reads no clock, does no I/O and iterates in no random order.

use super::{File, Finding};

/// Where the rule holds.
const PURE: &str = "crates/core/src/";

/// What breaks it, and what to do instead.
const IMPURE: [(&str, &str); 10] = [
    ("SystemTime", "take the time as an argument"),
    ("Instant", "take the time as an argument"),
    ("HashMap", "its order is random: use BTreeMap"),
    ("HashSet", "its order is random: use BTreeSet"),
    ("std::env", "take it as an argument"),
    ("std::fs", "I/O belongs to the server"),
    ("std::net", "I/O belongs to the server"),
    ("std::thread", "waiting belongs to the server"),
    ("thread_local!", "state belongs to the call"),
    ("async fn", "waiting belongs to the server"),
];

pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.path.starts_with(PURE) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (name, instead) in IMPURE {
            if line.contains(name) {
                findings.push(file.finding(number, format!("`{name}` in the core: {instead}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn what_is_impure_is_found_in_the_core_alone() {
        for (name, _) in IMPURE {
            let text = format!("//! Not even a {name}.\n\nuse {name};\n");
            let findings = check(&sample("crates/core/src/call.rs", &text));
            assert_eq!(findings.len(), 1, "{name}");
            assert_eq!(findings[0].line, 3);
            assert!(check(&sample("crates/server/src/main.rs", &text)).is_empty());
        }
    }
}
