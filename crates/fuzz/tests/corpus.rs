//! Every target over its corpus, over what once broke it, and over seeded mutations of both.
//!
//! The same input every time: this finds what a change breaks. What nobody thought of, a run of
//! `cargo xtask fuzz` finds.

// All of this crate is a test; clippy's own exemption sees only the functions marked so.
#![allow(clippy::unwrap_used)]

use std::{
    cell::Cell,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::{Path, PathBuf},
    sync::Once,
};

use bellwire_fuzz::{TARGETS, Target};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Inputs in the repository are small, so that a reader sees what each is about.
const FILE_BYTES: u64 = 4096;
const FILES: usize = 60;
/// Of which the mutations grow.
const SEED: u64 = 0x6265_6c6c;

thread_local! {
    /// Panics on this thread; those in tasks of a runtime are caught by it and would go unseen.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn checks() {
    run("checks", 10_000);
}

#[test]
fn commands() {
    run("commands", 1_000);
}

#[test]
fn configuration() {
    run("configuration", 3_000);
}

#[test]
fn connection() {
    run("connection", 600);
}

#[test]
fn frames() {
    run("frames", 10_000);
}

#[test]
fn framing() {
    run("framing", 10_000);
}

#[test]
fn journal() {
    run("journal", 300);
}

#[test]
fn offers() {
    run("offers", 500);
}

#[test]
fn replies() {
    run("replies", 5_000);
}

#[test]
fn rewriting() {
    run("rewriting", 10_000);
}

#[test]
fn tokens() {
    run("tokens", 3_000);
}

#[test]
fn every_target_has_a_small_corpus_and_a_program() {
    for (name, _) in TARGETS {
        let files = files("corpus", name);
        assert!((1..=FILES).contains(&files.len()), "{name} has {} inputs", files.len());
        for file in files.iter().chain(&self::files("regressions", name)) {
            let size = fs::metadata(file).unwrap().len();
            assert!(size <= FILE_BYTES, "{} has {size} bytes", file.display());
        }
        let program = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let text = fs::read_to_string(&program).unwrap();
        assert!(text.contains(&format!("bellwire_fuzz::{name}(data)")), "{}", program.display());
    }
}

fn run(name: &str, mutations: usize) {
    count_panics();
    let target = TARGETS.iter().find(|(other, _)| *other == name).unwrap().1;
    let paths = [files("corpus", name), files("regressions", name)].concat();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, input) in paths.iter().zip(&seeds) {
        assert!(holds(target, input), "{} breaks target {name}", path.display());
    }
    let mut chance = StdRng::seed_from_u64(SEED);
    for n in 0..mutations {
        let input = mutated(&seeds, &mut chance);
        if !holds(target, &input) {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{n}"));
            fs::write(&kept, &input).unwrap();
            panic!(
                "an input breaks target {name}; run it again with\n  \
                 cargo xtask fuzz {name} --input {0}\nand keep it: mv {0} fuzz/regressions/{name}/",
                kept.display()
            );
        }
    }
}

/// Whether the target gets through the input without a panic, of its own or of a task.
fn holds(target: Target, input: &[u8]) -> bool {
    let before = PANICS.get();
    // Whatever state a panic leaves behind, the test ends with it.
    let _ = catch_unwind(AssertUnwindSafe(|| target(input)));
    PANICS.get() == before
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            usual(info);
        }));
    });
}

/// One of `seeds`, changed in a few places.
fn mutated(seeds: &[Vec<u8>], chance: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[chance.random_range(0..seeds.len())].clone();
    for _ in 0..chance.random_range(1..=4) {
        let at = chance.random_range(0..=input.len());
        let end = (at + chance.random_range(0..=16)).min(input.len());
        match chance.random_range(0..7) {
            0 if at < input.len() => input[at] ^= 1 << chance.random_range(0..8),
            1 if at < input.len() => input[at] = chance.random(),
            2 => input.insert(at, chance.random()),
            3 => drop(input.drain(at..end)),
            4 => {
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            5 => {
                let other = &seeds[chance.random_range(0..seeds.len())];
                let from = chance.random_range(0..=other.len());
                let until = (from + chance.random_range(0..=256)).min(other.len());
                input.splice(at..end, other[from..until].iter().copied());
            }
            _ => input.truncate(at.max(input.len() / 2)),
        }
    }
    input.truncate(usize::try_from(FILE_BYTES).unwrap());
    input
}

/// The inputs of a target, in an order that is the same everywhere.
fn files(kind: &str, name: &str) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(fuzz().join(kind).join(name)) else { return Vec::new() };
    let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}
