//! The look at the end: every event, answer and record against the logs.

mod apart;
mod books;
mod claims;
mod expected;
mod gather;
mod promised;
mod walk;

use crate::{
    History, Ledger,
    limits::Limits,
    violation::{Rule, Violation, Violations},
};

/// Holds what the devices were told against what the server kept, and the server's books against
/// themselves. Nothing here depends on what was looked at before.
pub fn check_end(
    histories: &[History],
    ledger: &Ledger,
    limits: &Limits,
) -> Result<(), Violations> {
    let mut found = Vec::new();
    let mut told = gather::gather(histories, &mut found);
    for (app, books) in &ledger.apps {
        let mut claims = claims::Claims::default();
        let mut ended = Vec::with_capacity(books.logs.len());
        for (id, log) in &books.logs {
            let seen = told.remove(id).unwrap_or_default();
            let mut walk = walk::Walk::new(app, *id, histories, seen, limits);
            if let Some(call) = walk.run(log, &mut claims) {
                ended.push(call);
            }
            found.append(&mut walk.found);
        }
        if limits.steady_clock {
            claims.check(&mut found);
        }
        books::check(app, books, &ended, limits, &mut found);
    }
    for (call, seen) in told {
        let Some(item) = seen.items.first() else { continue };
        let what = "a call that devices were told of is not in the books";
        let history = &histories[item.history];
        found.push(history.wrong(Rule::NothingLost, what).of(call).show(history.about(call)));
    }
    promised::check(histories, ledger, &mut found);
    apart::check(histories, ledger, &mut found);
    books::check_told(histories, ledger, &mut found);
    Violations::none_of(found)
}

#[cfg(test)]
pub(crate) use expected::change as expected_change;

/// Violations found so far.
type Found = Vec<Violation>;
