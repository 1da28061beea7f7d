//! PEM (RFC 7468).

use data_encoding::BASE64;

/// Letters of a line.
const LINE: usize = 64;

/// DER as PEM.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};

    use super::*;

    #[test]
    fn it_is_read_again() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der: Vec<u8> = (0..length).map(|n: usize| n.to_le_bytes()[0]).collect();
            let pem = write("CERTIFICATE", &der);
            assert!(pem.lines().all(|line| line.len() <= LINE));
            assert_eq!(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref(), der);
        }
    }
}
