//! Paths of one machine have no meaning on another.

use super::{File, Finding};

/// Beginnings of paths that are somebody's own.
const OF_ONE_MACHINE: [&str; 4] = ["/mnt/", "/root/", "/home/", "/Users/"];
/// In prose also this one: an example that a reader pastes should not leave files behind.
const IN_PROSE: &str = "/tmp/";

/// The file that must name them to find them.
const EXCEPTION: &str = "xtask/src/tidy/paths.rs";

pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.path == EXCEPTION {
        return Vec::new();
    }
    let prose = file.is_any(&["md"]).then_some(IN_PROSE);
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        for path in OF_ONE_MACHINE.into_iter().chain(prose) {
            if holds_path(line, path) {
                findings.push(file.finding(number, format!("`{path}…` is a path of one machine")));
            }
        }
    }
    findings
}

/// Whether a path begins with `start` in `line`; `…/x/home/` and an address go on, so do not count.
fn holds_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-~}$*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_path_of_one_machine_is_found() {
        for line in ["see /mnt/x", "(/home/me/x)", "`/tmp/y`", "a=/root/z"] {
            assert_eq!(check(&sample("docs/a.md", line)).len(), 1, "{line}");
        }
    }

    #[test]
    fn parts_of_longer_paths_and_addresses_are_not() {
        for line in ["target/tmp/x", "https://example.org/home/x", "~/mnt/x", "$HOME/mnt/x"] {
            assert_eq!(check(&sample("docs/a.md", line)), [], "{line}");
        }
        assert_eq!(check(&sample("a.rs", "\"/tmp/x\"")), [], "code may test with it");
    }
}
