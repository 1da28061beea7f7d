#!/usr/bin/env bash
# Installs what building and testing need on Debian 12, 13 and Ubuntu 24.04. Says and does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$HOME/.cargo/bin:$PATH:/usr/sbin:/sbin"

# Program, and the package that brings it.
wanted=(
  cc build-essential          # C and assembly of the cryptography
  pkg-config pkg-config
  curl curl                   # rustup; a client in the lab
  update-ca-certificates ca-certificates
  git git                     # which files make check looks at
  ip iproute2                 # the lab's hosts and wires
  nft nftables                # the device's packet filter
  tcpdump tcpdump             # reads the lab's recordings
  strace strace               # refuses the daemon its calls, one by one
  faketime faketime           # a wrong clock for the daemon
  openssl openssl             # certificates of an office
  wireguard-go wireguard-go   # another WireGuard, which the tunnel is tested against
  dig bind9-dnsutils          # clients of the name service
  drill ldnsutils
  snmpwalk snmp               # a collector that asks by SNMP
  dnsmasq dnsmasq-base        # an office's own DNS server
  shellcheck shellcheck       # make check
  xz xz-utils                 # packed images
  python3 python3             # stand-ins of few lines; schemathesis, which asks all that the API's document allows
  node nodejs                 # builds the local page
  npm npm
)
if [[ ${1-} == bench ]]; then
  wanted+=(
    dnsperf dnsperf           # a client that asks fast
    ethtool ethtool           # wires as network cards have them
  )
fi
if [[ ${1-} == image ]]; then
  wanted+=(
    mmdebstrap mmdebstrap                # a Debian in a folder
    newuidmap uidmap                     # without root
    mksquashfs squashfs-tools
    genimage genimage                    # disks without loop devices
    mkfs.vfat dosfstools
    mcopy mtools
    mkfs.ext4 e2fsprogs
    jq jq                                # the list of contents
    rauc rauc                            # signs and packs updates
  )
fi
if [[ ${1-} == machine ]]; then
  wanted+=(
    qemu-system-x86_64 qemu-system-x86   # the box
    qemu-img qemu-utils                  # its disks
    mkfs.vfat dosfstools                 # a stick with a site
    mcopy mtools
    e2fsck e2fsprogs                     # what a cut leaves
    lynis lynis                          # an audit of the running box
    udhcpc udhcpc                        # the clerk's PC; busybox comes with it
    rauc rauc                            # updates, good and bad
    unsquashfs squashfs-tools            # a root file system with a fault
  )
fi
if [[ ${1-} == browser ]]; then
  wanted+=(
    chromium chromium                    # the clerk's browser
    fc-list fontconfig
    sslscan sslscan                      # what the page offers on the wire
  )
fi
# What is missing, into `missing`; $1 is the kind of set-up.
look() {
  missing=()
  local i
  for ((i = 0; i < ${#wanted[@]}; i += 2)); do
    command -v "${wanted[i]}" >/dev/null || missing+=("${wanted[i + 1]}")
  done
  case ${1-} in
    image) [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring) ;;
    machine) [[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ]] || missing+=(ovmf) ;; # firmware of the other kind, UEFI
    browser) [[ -n $(fc-list :lang=ja 2>/dev/null) ]] || missing+=(fonts-noto-cjk) ;; # Japanese letters for the clerk's screen
    api) python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv) ;; # a place of its own for a program in Python
  esac
  # A library of a server that is unpacked below.
  ldconfig -p | grep libwrap.so.0 >/dev/null || missing+=(libwrap0)
}

install() {
  local install="apt-get install -y --no-install-recommends $*" root=()
  if ! command -v apt-get >/dev/null; then
    echo "Missing, and this is no Debian or Ubuntu: $*" >&2
    exit 1
  elif ((EUID == 0)); then
    :
  elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    root=(sudo)
  else
    echo "Missing: $*. As root, run:" >&2
    echo "  apt-get update && $install" >&2
    exit 1
  fi
  echo "Installing $*"
  "${root[@]}" apt-get update -q
  # shellcheck disable=SC2086 # the words of the line that a user would type
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive $install
}

# Once more after an installation: for a package, apt takes one away that came from elsewhere and doesn't go with it.
for _ in once again; do
  look "$@"
  ((${#missing[@]} == 0)) || install "${missing[@]}"
done
look "$@"
if ((${#missing[@]})); then
  echo "Still missing after the installation: ${missing[*]}" >&2
  exit 1
fi

# A server whose package would start a service on this machine is unpacked beside: program, package, and packages that it
# needs beside it; one that needs some is unpacked even where the machine has the program.
unpack() {
  local into=${CARGO_TARGET_DIR:-target}/tools/$2
  if [[ -x $into/usr/sbin/$1 || -x $into/usr/bin/$1 ]] || { (($# == 2)) && command -v "$1" >/dev/null; }; then
    return
  fi
  echo "Unpacking $1 into $into"
  local folder
  folder=$(mktemp -d)
  if ! (cd "$folder" && apt-get download -q "${@:2}" 2>&1) >"$folder/log"; then
    cat "$folder/log" >&2
    rm -rf "$folder"
    echo "$1 can't be fetched. As root, run: apt-get update" >&2
    exit 1
  fi
  mkdir -p "$into"
  local package
  for package in "$folder"/*.deb; do
    dpkg -x "$package" "$into"
  done
  rm -rf "$folder"
}
unpack rsyslogd rsyslog rsyslog-openssl libestr0 libfastjson4 # an office's collector of log messages
unpack named bind9 # the platform's resolver in the lab; its libraries came with dig
unpack chronyd chrony # the clock's keeper on the device, and a time server of LGWAN
unpack snmpd snmpd # answers by SNMP on the device; its libraries came with snmpwalk
unpack vsftpd vsftpd # an FTP server of office or platform
if [[ ${1-} == long ]]; then
  unpack promtool prometheus # reads the figures as a collector does
fi
if [[ ${1-} == bench ]]; then
  unpack unbound unbound # left out of the race where the machine lacks its libraries
fi

if [[ ${1-} == api ]]; then
  into=${CARGO_TARGET_DIR:-target}/tools/schemathesis
  if ! cmp -s tests/api/requirements.txt "$into/requirements.txt"; then
    echo "Installing schemathesis into $into"
    python3 -m venv "$into"
    "$into/bin/pip" install -q --disable-pip-version-check -r tests/api/requirements.txt
    cp tests/api/requirements.txt "$into/"
  fi
fi

needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
new_enough() {
  local version
  version=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [[ -n $version ]] &&
    printf '%s\n%s\n' "$needed" "$version" | sort -VC
}
if ! new_enough; then
  if command -v rustup >/dev/null; then
    echo "Rust is older than $needed: rustup update stable"
    rustup update stable --no-self-update
  else
    echo "Installing Rust into ~/.cargo and ~/.rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y --profile minimal --component clippy,rustfmt --no-modify-path
  fi
  hash -r
  if ! new_enough; then
    echo "cargo is still older than $needed: $(command -v cargo) (rustup override, or another toolchain first in PATH?)" >&2
    exit 1
  fi
fi
if ! command -v cargo-clippy >/dev/null || ! command -v cargo-fmt >/dev/null; then
  if command -v rustup >/dev/null; then
    rustup component add clippy rustfmt
  else
    echo "cargo has no clippy or rustfmt; make check needs them" >&2
  fi
fi
