//! The page's files are part of the program: it is built anew where they change.

const BUILT: &str = "../../web-ui/dist";

fn main() {
    // Cargo takes a folder that is missing for one that changed, each time. An empty one is nothing to git; where the source can't be
    // written, it only builds more often.
    drop(std::fs::create_dir_all(BUILT));
    println!("cargo::rerun-if-changed={BUILT}");
}
