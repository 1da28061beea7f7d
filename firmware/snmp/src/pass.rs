//! snmpd's protocol `pass_persist`: commands and names a line each, answers a line each (`snmpd.conf(5)`).
//!
//! What is no question gets the answer that there is nothing, and the next line is read as a command again; so neither
//! garbage nor a half question ends the conversation or puts it out of step for longer than one line.

use std::io::{self, BufRead, Read as _, Write};

use crate::{Oid, Tree, Value};

/// The longest line, in bytes: a name of 128 numbers, with room to spare.
const LONGEST: u64 = 4096;

/// Answers questions until the other side ends. A tree is asked for with each.
///
/// # Errors
/// Where lines can't be read or written any more.
pub fn serve(
    mut input: impl BufRead,
    mut output: impl Write,
    mut tree: impl FnMut() -> Tree,
) -> io::Result<()> {
    while let Some(command) = line(&mut input)? {
        let answer = match &*command {
            "PING" => "PONG\n".to_owned(),
            "get" => match line(&mut input)? {
                Some(name) => get(&name, &tree()),
                None => break,
            },
            "getnext" => match line(&mut input)? {
                Some(name) => next(&name, &tree()),
                None => break,
            },
            "set" => match (line(&mut input)?, line(&mut input)?) {
                (Some(_), Some(_)) => "not-writable\n".to_owned(),
                _ => break,
            },
            // snmpd ends a conversation with an empty line.
            "" => break,
            _ => nothing(),
        };
        output.write_all(answer.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

/// The next line without its end; what is longer than any is cut, and none at the end.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    input.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() as u64 == LONGEST && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

fn get(name: &str, tree: &Tree) -> String {
    let Ok(name) = name.parse() else { return nothing() };
    tree.get(&name).map_or_else(nothing, |value| told(&name, value))
}

fn next(name: &str, tree: &Tree) -> String {
    let Ok(name) = name.parse() else { return nothing() };
    tree.next(&name).map_or_else(nothing, |(name, value)| told(name, value))
}

fn nothing() -> String {
    "NONE\n".to_owned()
}

fn told(name: &Oid, value: &Value) -> String {
    match value {
        Value::Integer(value) => format!("{name}\ninteger\n{value}\n"),
        Value::Gauge(value) => format!("{name}\ngauge\n{value}\n"),
        Value::Counter(value) => format!("{name}\ncounter64\n{value}\n"),
        Value::Text(value) => format!("{name}\nstring\n{value}\n"),
    }
}

#[cfg(test)]
mod tests;
