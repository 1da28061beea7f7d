//! What a process has used, from `/proc`.

use std::fs;

use anyhow::Context;

/// `USER_HZ` of every Linux that runs on x86-64: the unit of times in `/proc/PID/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU that all threads of a process have used so far, in its own code and in system calls.
pub fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}: has it ended?"))?;
    ticks(&text).map(|ticks| ticks / TICKS_PER_SECOND).with_context(|| format!("{path}: {text}"))
}

/// Memory that a process holds now, in MB.
pub fn resident(process: u32) -> anyhow::Result<f64> {
    megabytes(process, "VmRSS:")
}

/// The most memory that a process has held at one time, in MB.
pub fn peak(process: u32) -> anyhow::Result<f64> {
    megabytes(process, "VmHWM:")
}

fn megabytes(process: u32, name: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    kilobytes(&text, name).map(|kilobytes| kilobytes / 1024.0).with_context(|| path)
}

/// `utime` and `stime`, fields 14 and 15. The name, field 2, may hold anything, also spaces and parentheses.
fn ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_an_odd_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 150 50 9 9 20 0 3 0 100 200 300";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_what_is_resident_and_what_was() {
        let status = "VmHWM:\t 9 kB\nVmRSS:\t  2048 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(2048.0));
        assert_eq!(kilobytes(status, "VmHWM:"), Some(9.0));
        assert_eq!(kilobytes("Name:\tx\n", "VmRSS:"), None);
    }
}
