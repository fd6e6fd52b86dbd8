//! Named as in the tests of the core, so that the paths in them hold.

#[path = "../../../../core/tests/rules/properties/invariants.rs"]
mod invariants;

use super::World;

/// What must hold after every step.
pub(crate) fn check_step(world: &World) {
    invariants::check_step(world);
}

/// What must hold once everybody has been gone for long.
pub(crate) fn check_end(world: &World) {
    invariants::check_end(world);
}
