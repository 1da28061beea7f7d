#!/bin/sh
# Makes the lab's certificates anew, in the folder of this script. `make-certificates.sh` takes nothing and needs openssl.
# All but the expired one hold from 2015 to 2045, so that no clock of a test is outside.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One key for all servers: what tells them apart is the name.
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>"$work/log"; }

# authority NAME: a certificate authority, $work/NAME.key and $work/NAME.pem.
authority() {
    mkdir "$work/$1"
    : >"$work/$1/index"
    cat >"$work/$1.conf" <<END
[ca]
default_ca = lab
[lab]
dir = $work/$1
database = $work/$1/index
new_certs_dir = $work/$1
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
    key "$work/$1.key"
    openssl req -new -config "$work/$1.conf" -key "$work/$1.key" -subj "/CN=Sekisho lab $1" -out "$work/$1.csr"
    openssl ca -batch -notext -selfsign -config "$work/$1.conf" -extensions authority -keyfile "$work/$1.key" \
        -in "$work/$1.csr" -startdate 20150101000000Z -enddate 20450101000000Z -out "$work/$1.pem" 2>"$work/log"
}

# certificate FILE NAME AUTHORITY END: a server's certificate.
certificate() {
    cat "$work/$3.conf" >"$work/server.conf"
    cat >>"$work/server.conf" <<END
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$2
END
    openssl req -new -config "$work/server.conf" -key server.key -subj "/CN=$2" -out "$work/server.csr"
    openssl ca -batch -notext -config "$work/server.conf" -extensions server -keyfile "$work/$3.key" \
        -cert "$work/$3.pem" -in "$work/server.csr" -startdate 20150101000000Z -enddate "$4" -out "$1" 2>"$work/log"
}

key server.key
authority authority
authority stranger
cp "$work/authority.key" "$work/authority.pem" .
certificate web.pem web.platform.example authority 20450101000000Z
certificate juki.pem juki.city.example authority 20450101000000Z
certificate atena.pem atena.city.example authority 20450101000000Z
# What a check must not take.
certificate web-expired.pem web.platform.example authority 20160101000000Z
certificate web-wrong-name.pem other.platform.example authority 20450101000000Z
certificate web-unknown-authority.pem web.platform.example stranger 20450101000000Z
