//! What a process has used, from `/proc`.

use std::fs;

use anyhow::Context;

/// `USER_HZ` of every Linux that runs on x86-64: the unit of times in `/proc/PID/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU that all threads of a process have used so far, in its own code and in system calls.
pub(crate) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}: has it ended?"))?;
    ticks(&text).map(|ticks| ticks / TICKS_PER_SECOND).with_context(|| format!("{path}: {text}"))
}

/// Memory that a process holds now, in MB.
pub(crate) fn resident(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    resident_kilobytes(&text).map(|kilobytes| kilobytes / 1024.0).with_context(|| path)
}

/// `utime` and `stime`, fields 14 and 15. The name, field 2, may hold anything, also spaces and parentheses.
fn ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

fn resident_kilobytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
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
    fn memory_is_what_is_resident() {
        assert_eq!(resident_kilobytes("VmHWM:\t 9 kB\nVmRSS:\t  2048 kB\n"), Some(2048.0));
        assert_eq!(resident_kilobytes("Name:\tx\n"), None);
    }
}
