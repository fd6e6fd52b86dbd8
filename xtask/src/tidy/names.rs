//! Names of files and folders.

use super::{File, Finding};

/// Names for "everything else", where nobody finds anything.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "misc", "stuff"];

pub(super) fn check(file: &File) -> Vec<Finding> {
    let parts = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    parts
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| file.finding(0, format!("`{part}` says nothing: name what is in it")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_name_for_everything_else_is_found() {
        for path in ["a/utils.rs", "a/src/common/mod.rs", "web/helpers.test.ts", "misc/x.md"] {
            assert_eq!(check(&sample(path, "")).len(), 1, "{path}");
        }
        for path in ["crates/core/src/call.rs", "docs/common-mistakes.md"] {
            assert_eq!(check(&sample(path, "")), [], "{path}");
        }
    }
}
