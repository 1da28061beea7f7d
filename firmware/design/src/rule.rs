//! The rules of validity. Each has a code that never changes its meaning and is never used again.
//!
//! A code is a theme and a number:
//! `FILE` the file as a whole, `FORM` keys and values, `ORG` organisation and placement, `ADDR` interfaces and
//! networks, `LINE` how the line is divided, `POOL` global addresses, `ROW` servers and terminals, `PERM` policies and their
//! words, `NAME` name resolution, `LOG` flow log and collector, `PAGE` the device's page, `MET` its figures, `SNMP` who asks by it,
//! `BACK` its nightly backup, `ROLL` roll-outs of firmware, `PLAT` the platform, `SIGN` signature and age, `CSV` tables
//! that rows come from. The file is long because each rule stands here once.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::Timestamp;

use crate::{
    CentrePart, Column, DnsName, Environment, Global, Kind, Lan, LineRate, Name, OfficeSide,
    OrganisationCode, Placement, PortName, Private, Protocol, Role, RowKind, Service, Severity,
    Shape, Speed,
};

macro_rules! rules {
    ($(
        $(#[$doc:meta])*
        $code:literal $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })?,
    )*) => {
        /// A broken rule with what is needed to say so.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum Rule {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type,)* })?,)*
        }

        impl Rule {
            /// The codes of all rules.
            pub const CODES: &[&str] = &[$($code),*];

            /// The rule's code, like `ADDR-03`.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }
        }
    };
}

rules! {
    /// A file is larger than the limit.
    "FILE-01" TooLarge {
        /// The file's size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A file is no UTF-8 text.
    "FILE-02" NotUtf8,
    /// A file breaks the grammar of TOML 1.1.
    "FILE-03" Syntax {
        /// What the parser says, in English.
        detail: String,
    },
    /// The operator's profile where the site design belongs.
    "FILE-04" ProfileForSite,

    /// The file was written for a newer firmware.
    "FORM-01" SchemaNewer {
        /// The number in the file.
        found: i64,
        /// The newest that this firmware reads.
        known: i64,
    },
    /// There never was such a schema.
    "FORM-02" SchemaUnknown {
        /// The number in the file.
        found: i64,
        /// The newest that this firmware reads.
        known: i64,
    },
    /// A key that nobody reads.
    "FORM-03" UnknownKey {
        /// The key.
        key: String,
        /// The keys that may stand here.
        known: Vec<&'static str>,
    },
    /// A key that must be there is not.
    "FORM-04" MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of another TOML type.
    "FORM-05" WrongType {
        /// The type that belongs here.
        expected: Shape,
        /// The type that stands here.
        found: Shape,
    },
    /// No IPv4 address.
    "FORM-06" BadAddress {
        /// The text.
        text: String,
    },
    /// No IPv4 network.
    "FORM-07" BadNetwork {
        /// The text.
        text: String,
    },
    /// A network whose address has bits set beyond its prefix.
    "FORM-08" HostBits {
        /// As written.
        written: Ipv4Net,
        /// The network that it stands in.
        network: Ipv4Net,
    },
    /// No IPv4 address with a prefix length.
    "FORM-09" BadInterfaceAddress {
        /// The text.
        text: String,
    },
    /// Not the form of a [`Name`].
    "FORM-10" BadName {
        /// The text.
        text: String,
    },
    /// Not the form of a [`PortName`].
    "FORM-11" BadPort {
        /// The text.
        text: String,
    },
    /// Not the form of a [`crate::Service`].
    "FORM-12" BadService {
        /// The text.
        text: String,
    },
    /// None of the words that may stand here.
    "FORM-13" BadChoice {
        /// The text.
        text: String,
        /// The words.
        choices: Vec<&'static str>,
    },
    /// Not the form of a [`crate::PublicKey`].
    "FORM-14" BadKey,
    /// Neither `ADDRESS:PORT` nor `NAME:PORT`.
    "FORM-15" BadEndpoint {
        /// The text.
        text: String,
    },
    /// A time without an offset, or one that no calendar has.
    "FORM-16" BadTime {
        /// The text.
        text: String,
    },
    /// No DNS name (RFC 1035, clause 2.3.1; no trailing dot).
    "FORM-17" BadZone {
        /// The text.
        text: String,
    },
    /// A list that needs an entry has none.
    "FORM-18" EmptyList,
    /// A number outside its bounds.
    "FORM-19" OutOfRange {
        /// The number as written.
        found: String,
        /// The least that is allowed.
        least: i64,
        /// The most that is allowed.
        most: i64,
    },
    /// The site's name is empty, longer than 100 characters, or has control characters.
    "FORM-20" BadText,
    /// A list holds one value twice.
    "FORM-21" Repeated {
        /// The value.
        text: String,
    },

    /// Not the form of a [`crate::LineRate`].
    "FORM-22" BadRate {
        /// The text.
        text: String,
    },
    /// Not the form of an [`crate::Approval`].
    "FORM-23" BadApproval,
    /// A service that another one of its list holds already.
    "FORM-24" ServiceInside {
        /// The service.
        service: Service,
        /// The other one.
        other: Service,
    },
    /// Not the form of a [`DnsName`].
    "FORM-25" BadDnsName {
        /// The text.
        text: String,
    },
    /// Neither an IPv4 address nor a [`DnsName`].
    "FORM-26" BadHost {
        /// The text.
        text: String,
    },
    /// Neither an IPv4 network nor a [`DnsName`].
    "FORM-27" BadOrigin {
        /// The text.
        text: String,
    },
    /// Neither an address, a network, a host's name nor the name of a row or an object.
    "FORM-28" BadMember {
        /// The text.
        text: String,
    },

    /// What a server calls itself is empty, longer than 100 characters, or has control characters.
    "FORM-29" BadIdentity,

    /// An organisation code is six digits.
    "ORG-01" OrganisationShape {
        /// The text.
        text: String,
    },
    /// The sixth digit doesn't follow from the other five.
    "ORG-02" CheckDigit {
        /// The text.
        text: String,
        /// The digit that the first five call for.
        expected: u8,
    },
    /// A union has no education board, and one is designed.
    "ORG-03" NoEducationBoard {
        /// What the organisation is.
        kind: Kind,
    },
    /// Office and data centre are two networks; a LAN must have a route (R24).
    "ORG-04" PlacementNeedsRoute {
        /// The placement, 2 or 3.
        placement: Placement,
    },
    /// Placements 1 to 3 are about where servers stand (R24).
    "ORG-05" PlacementNeedsServer {
        /// The placement, 1 to 3.
        placement: Placement,
    },
    /// In placement 4 the servers are at an LGWAN-ASP (R24).
    "ORG-06" PlacementHasNoServer,
    /// Neither LAN is designed.
    "ORG-07" NoLan,

    /// An address inside is not private (R6).
    "ADDR-01" NotPrivate {
        /// The address.
        address: Ipv4Addr,
    },
    /// A network inside is not wholly private (R6).
    "ADDR-02" NetworkNotPrivate {
        /// The network.
        network: Ipv4Net,
    },
    /// No host can have an address of this network: 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 (RFC 6890).
    "ADDR-03" NotUnicast {
        /// The network, or an address as /32.
        network: Ipv4Net,
    },
    /// A subnet of an interface is /8 to /30: room for the device and a neighbour.
    "ADDR-04" PrefixLength {
        /// The length as written.
        prefix: u8,
    },
    /// A host has the network's own address.
    "ADDR-05" NetworkAddress {
        /// The address.
        address: Ipv4Addr,
        /// The subnet.
        subnet: Ipv4Net,
    },
    /// A host has the broadcast address.
    "ADDR-06" BroadcastAddress {
        /// The address.
        address: Ipv4Addr,
        /// The subnet.
        subnet: Ipv4Net,
    },
    /// A router is not on the subnet that it should be reached on.
    "ADDR-07" HopOffSubnet {
        /// The router.
        hop: Ipv4Addr,
        /// The subnet.
        subnet: Ipv4Net,
    },
    /// The device itself has this address.
    "ADDR-08" OfDevice {
        /// The address.
        address: Ipv4Addr,
    },
    /// Two networks overlap that must not. Only the two LANs may share a range (R84).
    "ADDR-09" Overlap {
        /// This network.
        network: Ipv4Net,
        /// What it is.
        role: Role,
        /// The other network.
        other: Ipv4Net,
        /// What that is.
        other_role: Role,
    },
    /// One port for two interfaces.
    "ADDR-10" PortTwice {
        /// The port.
        port: PortName,
        /// The TOML path of its first use.
        first: String,
    },
    /// An MTU outside 1280 to 9000 bytes: every link carries 1280 (RFC 8200, clause 5), and 9000 is the largest
    /// frame that gigabit ports and switches agree on.
    "ADDR-11" Mtu {
        /// The number as written.
        found: String,
    },

    /// One of speed and duplex without the other.
    "ADDR-12" ModeInPart {
        /// The key that isn't there.
        missing: &'static str,
    },
    /// A gigabit port is full duplex.
    "ADDR-13" GigabitHalf,
    /// Half duplex, which hardly any line still needs.
    "ADDR-14" HalfDuplex,
    /// The line is contracted for more than its port carries.
    "ADDR-15" PortSlower {
        /// What the line is contracted for.
        rate: LineRate,
        /// The port's speed.
        speed: Speed,
    },
    /// Behind a route stands neither a server nor a terminal of its LAN.
    "ADDR-16" RouteUnused {
        /// Where it leads.
        to: Ipv4Net,
        /// Its LAN.
        lan: Lan,
    },

    /// The classes' shares are more than the line.
    "LINE-01" SharesBeyond {
        /// What they are together, in percent.
        sum: u16,
    },
    /// The LANs' shares are more than the line, or leave nothing to a LAN without one.
    "LINE-02" LanSharesBeyond {
        /// What the written ones are together, in percent.
        sum: u16,
        /// How many LANs have none.
        rest: usize,
    },
    /// Without the line's rate nothing is shaped, so this changes nothing.
    "LINE-03" WithoutRate {
        /// The key.
        key: &'static str,
    },

    /// A global address is outside the pool (R11).
    "POOL-01" OutsidePool {
        /// The address.
        global: Global,
    },
    /// A global address belongs to one server, or to terminals of one LAN (R11).
    "POOL-02" GlobalTwice {
        /// The address.
        global: Global,
        /// The row that has it already.
        first: String,
    },
    /// The device's own global address is not free for a row.
    "POOL-03" GlobalOfDevice {
        /// The address.
        global: Global,
    },
    /// The device's own global address is outside the pool.
    "POOL-04" DeviceOutsidePool {
        /// The address.
        global: Global,
    },

    /// Two rows have one name.
    "ROW-01" NameTwice {
        /// The name.
        name: Name,
    },
    /// A row names a LAN that is not designed.
    "ROW-02" LanNotDesigned {
        /// The LAN.
        lan: Lan,
    },
    /// A server is neither on its LAN's subnet nor behind a route.
    "ROW-03" ServerUnreachable {
        /// The server's address.
        address: Private,
        /// Its LAN.
        lan: Lan,
    },
    /// Two servers of one LAN have one address.
    "ROW-04" PrivateTwice {
        /// The address.
        address: Private,
        /// The row that has it already.
        first: String,
    },
    /// Terminals are neither on their LAN's subnet nor behind a route.
    "ROW-05" TerminalsOutside {
        /// The terminals.
        from: Ipv4Net,
        /// Their LAN.
        lan: Lan,
    },
    /// Terminals of one LAN stand in two rows with different NAPT addresses.
    "ROW-06" TerminalsOverlap {
        /// The terminals.
        from: Ipv4Net,
        /// The other row's terminals.
        other: Ipv4Net,
        /// The other row.
        row: String,
    },
    /// A server stands among terminals; its static address wins.
    "ROW-07" StaticWins {
        /// The terminals.
        from: Ipv4Net,
        /// The first server among them.
        server: String,
        /// How many servers more.
        more: usize,
    },
    /// The platform has no network of the row's environment (R89).
    "ROW-08" NoNetworkOfEnvironment {
        /// The environment.
        environment: Environment,
    },
    /// A source is no part of the platform (R13).
    "ROW-09" SourceOutside {
        /// The source.
        from: Ipv4Net,
    },
    /// A source belongs to the other environment (R89).
    "ROW-10" SourceCrosses {
        /// The source.
        from: Ipv4Net,
        /// The server's environment.
        environment: Environment,
    },

    /// Neither web nor echo, and no note of an approval (R32, R58).
    "ROW-11" NoApproval {
        /// The first such service of the list.
        service: Service,
        /// How many there are more.
        more: usize,
    },
    /// Terminals in as many addresses as a global address has ports, 65,536, or more: a /16 or a shorter prefix.
    "ROW-12" WideTerminals {
        /// The terminals.
        from: Ipv4Net,
    },
    /// A server's address ends in .100 to .199 on its LAN's own subnet, a /24 or smaller, is in no row of terminals, and
    /// the address before or after it is. Such ranges are what DHCP servers usually give out.
    "ROW-13" AmongLeases {
        /// The server's address.
        address: Private,
        /// The terminals beside it.
        from: Ipv4Net,
    },
    /// Every address of a row of terminals belongs to a server, whose own row counts.
    "ROW-14" OnlyServers,
    /// A source's name, or a destination's, lies in no zone of the platform, so nobody can say its addresses (R85).
    "ROW-15" SourceInNoZone {
        /// The name.
        name: DnsName,
    },
    /// A destination of another global address is no part of the platform (R86).
    "ROW-16" DestinationOutside {
        /// The destination.
        to: Ipv4Net,
    },
    /// Two entries of a row give one destination different global addresses (R86).
    "ROW-17" DestinationTwice {
        /// The destination.
        to: String,
        /// That of the other entry.
        other: String,
        /// What the other entry lets it see.
        global: Global,
    },
    /// FTP's data connections are to pass for a server that nothing lets start FTP, nor be asked for it (R90).
    "ROW-18" ServerWithoutFtp,

    /// Of objects, servers and terminals, of policies, or of named services two have one name.
    "PERM-01" NameTaken {
        /// The name.
        name: Name,
        /// The TOML path of what has it already.
        first: String,
    },
    /// A name that stands for a single service wherever services are named.
    "PERM-02" NameOfService {
        /// The name.
        name: Name,
    },
    /// An end's name is no server's, no terminals' and no object's.
    "PERM-03" NoSuchMember {
        /// The name.
        name: Name,
    },
    /// Nothing called so stands for services.
    "PERM-04" NoSuchServices {
        /// The name.
        name: Name,
    },
    /// An object is among what it stands for.
    "PERM-05" ObjectInItself {
        /// The name.
        name: Name,
    },
    /// No policy uses an object, or named services.
    "PERM-06" Unused {
        /// The name.
        name: Name,
    },
    /// An object, or an end of a policy, lies in the office and on the platform.
    "PERM-07" OnBothSides,
    /// A policy between two ends of one side (R57).
    "PERM-08" OneSide {
        /// Whether both are the office's.
        office: bool,
    },
    /// Addresses that are neither the platform's nor a declared row's, so nothing ever matches (R55).
    "PERM-09" InNoRow {
        /// The addresses.
        network: Ipv4Net,
    },
    /// Addresses of which only a part is the platform's.
    "PERM-10" BeyondPlatform {
        /// The addresses.
        network: Ipv4Net,
    },
    /// Addresses of the platform in another environment than the policy's (R89).
    "PERM-11" OtherEnvironment {
        /// The addresses.
        network: Ipv4Net,
        /// Their environment.
        environment: Environment,
    },
    /// The name of a host of the platform lies in none of its zones (R85).
    "PERM-12" MemberInNoZone {
        /// The name.
        name: DnsName,
    },
    /// The platform is to start towards terminals (R14 R74).
    "PERM-13" TowardsTerminals {
        /// The terminals.
        row: Name,
    },
    /// A policy crosses from one environment into the other without an end (R89).
    "PERM-14" EndlessCrossing {
        /// A row of the other environment.
        row: Name,
        /// The policy's environment.
        environment: Environment,
    },
    /// FTP's data connections are to pass for a policy that admits no FTP (R90).
    "PERM-15" PolicyWithoutFtp,
    /// What a policy admits is admitted already, and in the same way.
    "PERM-16" Shadowed {
        /// The earlier policy, or the row.
        by: Name,
    },
    /// Of what a policy admits an earlier one admits a part, or all, in another way.
    "PERM-17" Contradicted {
        /// The earlier policy.
        by: Name,
    },
    /// A range of more than 1,000 ports.
    "PERM-18" WidePorts {
        /// The service.
        service: Service,
    },
    /// A policy about a whole network of the platform, for more than web traffic.
    "PERM-19" WholeNetwork {
        /// The network.
        network: Ipv4Net,
    },
    /// A policy that ended before the profile was issued.
    "PERM-20" NeverOpen {
        /// When it ends.
        until: Timestamp,
        /// The profile's time of issue.
        issued: Timestamp,
    },
    /// More than 2,000 policies, or more than 200,000 members and services that they stand for together.
    "PERM-21" TooManyPolicies,

    /// A static entry has neither addresses nor an alias.
    "NAME-01" EntryForNothing,
    /// A name is an alias and has addresses, in one entry or in two of one LAN (RFC 1034, clause 3.6.2).
    "NAME-02" AliasAndAddresses,
    /// Two static entries of one LAN have one name.
    "NAME-03" EntryTwice {
        /// The name.
        name: DnsName,
        /// The LAN.
        lan: Lan,
    },
    /// Whoever follows an alias comes back to it.
    "NAME-04" AliasLoop {
        /// The alias.
        name: DnsName,
    },
    /// Nobody whom a LAN asks knows what an alias stands for.
    "NAME-05" AliasOutOfReach {
        /// What it stands for.
        alias: DnsName,
        /// The LAN.
        lan: Lan,
    },
    /// A static entry comes before what the platform says of the name.
    "NAME-06" EntryInZone {
        /// The name.
        name: DnsName,
        /// The platform's zone.
        zone: String,
    },
    /// A static entry has the name of a zone of the platform: it would be static and forwarded at once.
    "NAME-07" EntryIsZone {
        /// The name.
        name: DnsName,
    },
    /// A static entry in the reverse tree, whose names follow from the addresses of the others (RFC 1035, clause 3.5).
    "NAME-08" EntryReversed {
        /// The name.
        name: DnsName,
    },
    /// In method (b) only DNS servers that are named may ask, and none is (R17).
    "NAME-09" ForwardWithoutDns,
    /// In method (c) the device answers nobody, so this changes nothing (R17).
    "NAME-10" UnusedWithHosts {
        /// The key.
        key: &'static str,
    },
    /// A DNS server of the office is neither on its LAN's subnet nor behind a route.
    "NAME-11" OfficeDnsUnreachable {
        /// Its address.
        address: Ipv4Addr,
        /// Its LAN.
        lan: Lan,
    },
    /// A LAN that gets a static entry doesn't reach the private address that it leads to.
    "NAME-12" EntryUnreachable {
        /// The address.
        address: Ipv4Addr,
        /// The LAN.
        lan: Lan,
    },
    /// A static entry leads to a server of the other LAN than the one that gets it.
    "NAME-13" EntryOfOtherLan {
        /// The address.
        address: Ipv4Addr,
        /// The LAN that gets the entry.
        lan: Lan,
        /// The server.
        server: String,
    },
    /// Nearly any answer would pass.
    "NAME-14" AnswersTooWide {
        /// The network.
        network: Ipv4Net,
    },
    /// Answers of the platform could lead to hosts of the office (DNS rebinding).
    "NAME-15" AnswersInside {
        /// The network.
        network: Ipv4Net,
        /// The office's network.
        other: Ipv4Net,
        /// What that is.
        role: Role,
    },

    /// A size is no number with a unit, or out of bounds.
    "LOG-01" BadLogSize {
        /// The text.
        text: String,
    },
    /// A text is no certificate in PEM (RFC 7468), nor some of them.
    "LOG-02" BadCertificates,
    /// TLS without whom to trust, or without the name to look for (RFC 5425, clause 5.2).
    "LOG-03" TlsInPart {
        /// The key that is missing.
        missing: &'static str,
    },
    /// A key of TLS, and no TLS: messages would go in the clear to whoever has the address.
    "LOG-04" OnlyWithTls {
        /// The key.
        key: &'static str,
    },
    /// The collector is neither on the subnet of its interface nor behind a route.
    "LOG-05" CollectorUnreachable {
        /// Its address.
        address: Ipv4Addr,
        /// Its interface.
        interface: OfficeSide,
    },
    /// The collector is to get flows, and none are logged.
    "LOG-06" FlowsNotLogged,
    /// The collector is on the maintenance port, and there is none.
    "LOG-07" MaintenanceNotDesigned,

    /// A source of the page is neither on the head office's subnet nor behind one of its routes (R65).
    "PAGE-01" PageSourceOutside {
        /// The source.
        from: Ipv4Net,
    },
    /// The page is open to the head office, and there is no head office LAN.
    "PAGE-02" PageWithoutLan,
    /// Everybody of a LAN, or of a network behind it, gets to the page.
    "PAGE-03" PageWhole {
        /// The network.
        from: Ipv4Net,
    },
    /// More sources than anybody oversees.
    "PAGE-04" PageSources {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },

    /// A source of the figures isn't on the maintenance port's subnet.
    "MET-01" MetricsSourceOutside {
        /// The source.
        from: Ipv4Net,
    },
    /// Somebody at the maintenance port is to read the figures, and there is no such port.
    "MET-02" MetricsWithoutMaintenance,
    /// Everybody at the maintenance port would read the figures, which have no password.
    "MET-03" MetricsWhole {
        /// The network.
        from: Ipv4Net,
    },
    /// More sources than an office has collectors.
    "MET-04" MetricsSources {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },

    /// Not the form of a [`crate::BackupRecipient`].
    "BACK-01" BadRecipient,
    /// The secret key stands where the public one belongs: whoever reads the design could open every backup.
    "BACK-02" SecretRecipient,

    /// A source of SNMP isn't on the maintenance port's subnet.
    "SNMP-01" SnmpSourceOutside {
        /// The source.
        from: Ipv4Net,
    },
    /// Somebody at the maintenance port is to ask by SNMP, and there is no such port.
    "SNMP-02" SnmpWithoutMaintenance,
    /// Everybody at the maintenance port could try keys.
    "SNMP-03" SnmpWhole {
        /// The network.
        from: Ipv4Net,
    },
    /// More sources than an office has managers.
    "SNMP-04" SnmpSources {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },

    /// The site is to follow the operator's roll-outs, and the profile names no server.
    "ROLL-01" RolloutWithoutServer,
    /// A server for roll-outs whose certificate nobody vouches for.
    "ROLL-02" RolloutWithoutAuthority,
    /// A text is no tenant.
    "ROLL-03" BadTenant {
        /// The text.
        text: String,
    },

    /// The profile has no centre.
    "PLAT-01" NoCentre,
    /// Two centres share what each must have for itself.
    "PLAT-02" CentreTwice {
        /// What they share.
        part: CentrePart,
        /// The centre that has it already.
        first: String,
    },
    /// A probe address is no part of the platform.
    "PLAT-03" ProbeOutside {
        /// The address.
        address: Ipv4Addr,
    },
    /// A resolver is no part of the platform.
    "PLAT-04" ResolverOutside {
        /// The address.
        address: Ipv4Addr,
    },
    /// Two zones have one name.
    "PLAT-05" ZoneTwice {
        /// The name.
        name: String,
    },
    /// An address on LGWAN lies in a network that isn't LGWAN's.
    "PLAT-06" UplinkInside {
        /// The address.
        address: Ipv4Addr,
        /// The network.
        network: Ipv4Net,
        /// What the network is.
        role: Role,
    },
    /// A host on LGWAN is called by a name, and no resolver of LGWAN is designed (R85).
    "PLAT-07" NameWithoutResolver {
        /// The name.
        name: DnsName,
    },
    /// A zone of the reverse tree, which the device makes from the platform's networks.
    "PLAT-08" ReverseZone {
        /// The zone.
        name: String,
    },
    /// Two services of the platform have one name.
    "PLAT-09" ServiceTwice {
        /// The name.
        name: Name,
    },
    /// A service of the platform is elsewhere.
    "PLAT-10" ServiceOutside {
        /// Its address.
        address: Ipv4Addr,
    },
    /// A service of the platform has an address that is the organisation's.
    "PLAT-11" ServiceInPool {
        /// The address.
        address: Ipv4Addr,
    },
    /// A service speaks something that has no usual port, and names none.
    "PLAT-12" ServiceWithoutPort {
        /// What it speaks.
        protocol: Protocol,
    },
    /// Who signs the platform's certificates is no certificate in PEM (RFC 7468), nor some of them.
    "PLAT-13" BadAuthority,

    /// The profile carries no signature.
    "SIGN-01" SignatureMissing,
    /// The signature is not 64 bytes in base64.
    "SIGN-02" SignatureForm,
    /// The signature is not the operator's over this text.
    "SIGN-03" SignatureWrong,
    /// The profile is another organisation's.
    "SIGN-04" OtherOrganisation {
        /// Whom the profile was issued for.
        profile: OrganisationCode,
        /// Whose site it is.
        site: OrganisationCode,
    },
    /// The profile's serial is lower than that of the one in force.
    "SIGN-05" SerialLower {
        /// This profile's.
        serial: u64,
        /// The one in force.
        in_force: u64,
    },
    /// Another profile with the same serial is in force.
    "SIGN-06" SerialReused {
        /// The serial.
        serial: u64,
    },
    /// A higher serial, but issued earlier than the one in force.
    "SIGN-07" IssuedEarlier {
        /// This profile's.
        issued: Timestamp,
        /// The one in force.
        in_force: Timestamp,
    },

    /// A table is text neither in UTF-8 nor in CP932.
    "CSV-01" NotText {
        /// The first byte that belongs to neither, counted from 1.
        byte: usize,
    },
    /// A cell begins with a quote, and doesn't end with one, or has a single one inside (RFC 4180, clause 2).
    "CSV-02" BadQuote,
    /// Columns that must be there are not.
    "CSV-03" MissingColumns {
        /// The columns.
        columns: Vec<Column>,
    },
    /// Two columns for one thing.
    "CSV-04" ColumnTwice {
        /// What both hold.
        column: Column,
    },
    /// A column that nobody reads.
    "CSV-05" UnreadColumn {
        /// Its heading.
        heading: String,
    },
    /// A line has text where no heading stands above.
    "CSV-06" ExtraCell {
        /// The text.
        text: String,
    },
    /// A cell that must not be empty is.
    "CSV-07" EmptyCell {
        /// Its column.
        column: Column,
    },
    /// Two lines of one row of terminals differ in what they must share.
    "CSV-08" LinesDisagree {
        /// The row.
        name: Name,
    },
    /// A name or an address in full-width characters or the like.
    "CSV-09" ReadAs {
        /// As written.
        written: String,
        /// As taken.
        read: String,
    },
    /// A table without a line of the kind that it is read for.
    "CSV-10" NoRow {
        /// The kind.
        kind: RowKind,
    },
    /// Lines of the other kind, which nobody asked for.
    "CSV-11" OtherRows {
        /// How many.
        count: usize,
        /// The kind that they are not.
        kind: RowKind,
    },
    /// With the rows up to here the site would be larger than a file may be.
    "CSV-12" SiteTooLarge {
        /// Its size with all rows of the table.
        bytes: usize,
        /// The largest.
        limit: usize,
    },
}

impl Rule {
    /// Whether the file as a whole can't be read, so that there is nothing to judge in it.
    pub(crate) fn is_of_the_file(&self) -> bool {
        let schema = matches!(self, Self::SchemaNewer { .. } | Self::SchemaUnknown { .. });
        schema || self.code().starts_with("FILE-")
    }

    /// Whether the design is refused for it.
    pub fn severity(&self) -> Severity {
        let odd = matches!(
            self,
            Self::ServiceInside { .. }
                | Self::HalfDuplex
                | Self::PortSlower { .. }
                | Self::RouteUnused { .. }
                | Self::WithoutRate { .. }
                | Self::StaticWins { .. }
                | Self::WideTerminals { .. }
                | Self::AmongLeases { .. }
                | Self::OnlyServers
                | Self::Unused { .. }
                | Self::Shadowed { .. }
                | Self::Contradicted { .. }
                | Self::WidePorts { .. }
                | Self::WholeNetwork { .. }
                | Self::NeverOpen { .. }
                | Self::AliasOutOfReach { .. }
                | Self::EntryInZone { .. }
                | Self::UnusedWithHosts { .. }
                | Self::EntryUnreachable { .. }
                | Self::EntryOfOtherLan { .. }
                | Self::PageWhole { .. }
                | Self::RolloutWithoutServer
                | Self::UnreadColumn { .. }
                | Self::ReadAs { .. }
                | Self::OtherRows { .. }
        );
        if odd { Severity::Warning } else { Severity::Error }
    }
}
