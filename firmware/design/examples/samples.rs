//! Writes the generated files under `config-samples/`: every profile, signed, and the large site.

#![expect(clippy::unwrap_used, reason = "a tool for developers, who see the panic")]

#[path = "../tests/common/keys.rs"]
mod keys;
#[path = "../tests/common/samples.rs"]
mod samples;

fn main() -> std::io::Result<()> {
    for (below, text) in samples::generated() {
        std::fs::write(keys::path("config-samples").join(below), text)?;
    }
    Ok(())
}
