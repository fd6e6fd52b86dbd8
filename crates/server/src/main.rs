//! bin
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "not served from yet"))]
mod journal;
fn main() {}
