//! The device stands between clients and servers and changes nothing that isn't its business (RFC 5625).

use anyhow::ensure;

use crate::{ask::dig, clients::NAMES, peers::Site};

const DEVICE: &str = "192.168.1.1";

pub(crate) fn everything_passes_as_it_is() -> anyhow::Result<()> {
    let (lab, _servers) = Site::with("1-office", NAMES)?.lab()?;
    let ask = |words: &[&str]| dig(&lab, "terminal", DEVICE, words);

    // Too long for a datagram: said so over UDP, whole over TCP, and never the cut answer from memory.
    for _ in 0..2 {
        let cut = ask(&["+ignore", "+bufsize=1232", "long.platform.example", "TXT"])?;
        ensure!(cut.flags.contains("tc") && cut.answer.is_empty(), "{cut:?}");
        let whole = ask(&["long.platform.example", "TXT"])?;
        ensure!(whole.code == "NOERROR" && whole.answer.len() == 1, "{whole:?}");
        ensure!(whole.answer[0].len() > 1_300, "{whole:?}");
    }
    // A client without EDNS gets no more than 512 bytes.
    let plain = ask(&["+noedns", "+ignore", "long.platform.example", "TXT"])?;
    ensure!(plain.flags.contains("tc"), "{plain:?}");

    // DNSSEC: signatures for who asks for them, and for nobody else; the buffer that fits.
    let signed = ask(&["+dnssec", "web.platform.example"])?;
    ensure!(signed.answer.iter().any(|record| record.contains(" RRSIG A ")), "{signed:?}");
    ensure!(signed.whole.contains("flags: do; udp: 1232"), "{signed:?}");
    let unsigned = ask(&["web.platform.example"])?;
    ensure!(!unsigned.whole.contains("RRSIG"), "{unsigned:?}");
    let keys = ask(&["platform.example", "DNSKEY"])?;
    ensure!(keys.code == "NOERROR" && !keys.answer.is_empty(), "{keys:?}");

    // A type that nobody knows (RFC 3597), and a question's case (0x20).
    let odd = ask(&["odd.platform.example", "TYPE65534"])?;
    ensure!(odd.data() == ["\\# 4 0A0B0C0D"], "{odd:?}");
    let mixed = ask(&["wEb.PlAtForm.eXample"])?;
    ensure!(mixed.whole.contains(";wEb.PlAtForm.eXample."), "{mixed:?}");

    // Time runs in what is remembered, also in what isn't there.
    let ttl = |told: &crate::ask::Told| -> Option<u32> {
        told.answer.first()?.split(' ').nth(1)?.parse().ok()
    };
    let first = ttl(&ask(&["ns.platform.example"])?);
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let later = ttl(&ask(&["ns.platform.example"])?);
    ensure!(first == Some(300) && later.is_some_and(|left| left < 299), "{first:?} {later:?}");
    let gone = ask(&["gone.platform.example"])?;
    ensure!(gone.code == "NXDOMAIN" && gone.whole.contains("SOA"), "{gone:?}");
    Ok(())
}
