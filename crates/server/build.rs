//! The pages are embedded where they have been built; a build of them is a change of the server.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../web/dist");
}
