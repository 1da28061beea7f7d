//! English.

use super::{excerpt, harmless, range};
use crate::{CentrePart, Column, Environment, Kind, Lan, OfficeSide, Role, RowKind, Rule, Shape};

#[expect(clippy::too_many_lines, reason = "one arm a rule")]
pub(super) fn sentence(rule: &Rule) -> String {
    match rule {
        Rule::TooLarge { bytes, limit } => {
            format!("the file has {bytes} bytes; {limit} are the limit")
        }
        Rule::NotUtf8 => "the file is not UTF-8 text from here on".to_owned(),
        Rule::Syntax { detail } => format!("this is not TOML: {}", harmless(detail.chars())),
        Rule::ProfileForSite => "this is a platform profile, not a site design".to_owned(),
        Rule::SchemaNewer { found, known } => {
            format!("the file has schema {found}; this firmware reads up to {known}")
        }
        Rule::SchemaUnknown { found, .. } => format!("there is no schema {found}"),
        Rule::UnknownKey { key, .. } => format!("'{}' is not a key of this table", excerpt(key)),
        Rule::MissingKey { key } => format!("'{key}' is missing"),
        Rule::WrongType { expected, found } => {
            format!("{} belongs here, not {}", shape(*expected), shape(*found))
        }
        Rule::BadAddress { text } => format!("'{}' is not an IPv4 address", excerpt(text)),
        Rule::BadNetwork { text } => format!("'{}' is not an IPv4 network", excerpt(text)),
        Rule::HostBits { written, .. } => {
            format!("{written} is an address inside a network, not a network")
        }
        Rule::BadInterfaceAddress { text } => {
            format!("'{}' is not an IPv4 address with a prefix length", excerpt(text))
        }
        Rule::BadName { text } => format!("'{}' can't be a name", excerpt(text)),
        Rule::BadPort { text } => format!("'{}' can't be the name of a port", excerpt(text)),
        Rule::BadService { text } => format!("'{}' is not a service", excerpt(text)),
        Rule::BadChoice { text, .. } => {
            format!("'{}' is none of the words for this key", excerpt(text))
        }
        Rule::BadKey => "this is not a public key".to_owned(),
        Rule::BadEndpoint { text } => {
            format!("'{}' is neither an address nor a name with a UDP port", excerpt(text))
        }
        Rule::BadTime { text } => format!("'{}' is not a point in time", excerpt(text)),
        Rule::BadZone { text } => format!("'{}' is not a DNS zone", excerpt(text)),
        Rule::EmptyList => "the list is empty; it needs at least one entry".to_owned(),
        Rule::OutOfRange { found, least, most } => {
            format!("{} is not between {least} and {most}", excerpt(found))
        }
        Rule::BadText => {
            "the name is empty, longer than 100 characters or has control characters".to_owned()
        }
        Rule::BadIdentity => {
            "what it calls itself is empty, longer than 100 characters or has control characters".to_owned()
        }
        Rule::Repeated { text } => format!("'{text}' stands in the list twice"),
        Rule::BadRate { text } => format!("'{}' can't be the rate of a line", excerpt(text)),
        Rule::BadApproval => {
            "the note is empty, longer than 200 characters, has control characters or starts like a formula".to_owned()
        }
        Rule::ServiceInside { service, other } => {
            format!("{service} says nothing new: {other} of the same list holds it")
        }
        Rule::BadDnsName { text } => format!("'{}' can't be the name of a host", excerpt(text)),
        Rule::BadHost { text } => {
            format!("'{}' is neither an IPv4 address nor a name", excerpt(text))
        }
        Rule::BadOrigin { text } => {
            format!("'{}' is neither an IPv4 network nor a name", excerpt(text))
        }
        Rule::BadMember { text } => {
            format!("'{}' can't be an end of a policy", excerpt(text))
        }
        Rule::OrganisationShape { text } => {
            format!("'{}' is not an organisation code", excerpt(text))
        }
        Rule::CheckDigit { text, expected } => {
            format!("the check digit of organisation code '{text}' should be {expected}")
        }
        Rule::NoEducationBoard { kind: of } => format!("{} has no education board LAN", kind(*of)),
        Rule::PlacementNeedsRoute { placement } => {
            format!("placement {} needs a route from a LAN to the other place", placement.number())
        }
        Rule::PlacementNeedsServer { placement } => {
            format!("placement {} has servers, and none is designed", placement.number())
        }
        Rule::PlacementHasNoServer => {
            "placement 4 has terminals only, and a server is designed".to_owned()
        }
        Rule::NoLan => {
            "neither the head office LAN nor the education board LAN is designed".to_owned()
        }
        Rule::NotPrivate { address } => format!("{address} is not a private address (RFC 1918)"),
        Rule::NetworkNotPrivate { network } => {
            format!("{network} is not wholly private address space (RFC 1918)")
        }
        Rule::NotUnicast { network } => {
            format!("no host can have an address of {network}", network = range(*network))
        }
        Rule::PrefixLength { prefix } => format!("/{prefix} is no prefix for an interface"),
        Rule::NetworkAddress { address, subnet } => {
            format!("{address} is the address of network {subnet} itself")
        }
        Rule::BroadcastAddress { address, subnet } => {
            format!("{address} is the broadcast address of {subnet}")
        }
        Rule::HopOffSubnet { hop, subnet } => {
            format!("router {hop} is not on the interface's subnet {subnet}")
        }
        Rule::OfDevice { address } => format!("{address} is the device's own address"),
        Rule::Overlap { network, role: this, other, other_role } => {
            format!("{network} ({}) overlaps {other} ({})", role(*this), role(*other_role))
        }
        Rule::PortTwice { port, first } => format!("port '{port}' is used by {first} already"),
        Rule::Mtu { found } => format!("an MTU of {} bytes can't be used", excerpt(found)),
        Rule::ModeInPart { missing } => {
            format!("'{missing}' is missing: speed and duplex of a port are written both or neither")
        }
        Rule::GigabitHalf => "a port of 1G is never half duplex".to_owned(),
        Rule::HalfDuplex => "the port is half duplex: only one end sends at a time".to_owned(),
        Rule::PortSlower { rate, speed } => {
            format!("the line is contracted for {rate}, and its port is held to {speed}")
        }
        Rule::RouteUnused { to, lan: on } => {
            format!("no server and no terminals of the {} stand in {to}", lan(*on))
        }
        Rule::SharesBeyond { sum } => {
            format!("the shares of the classes add up to {sum}%, more than the line")
        }
        Rule::LanSharesBeyond { sum, rest: 0 } => {
            format!("the shares of the LANs add up to {sum}%, more than the line")
        }
        Rule::LanSharesBeyond { sum, .. } => {
            format!("the shares of the LANs add up to {sum}% and leave nothing to a LAN without one")
        }
        Rule::WithoutRate { key } => {
            format!("'{key}' changes nothing: the line has no 'line-rate'")
        }
        Rule::OutsidePool { global } => {
            format!("global address {global} is not among those assigned to this organisation")
        }
        Rule::GlobalTwice { global, first } => {
            format!("global address {global} belongs to '{first}' already")
        }
        Rule::GlobalOfDevice { global } => format!("global address {global} is the device's own"),
        Rule::DeviceOutsidePool { global } => {
            format!("the device address {global} is outside the profile's pool")
        }
        Rule::NameTwice { name } => format!("another row is called '{name}' already"),
        Rule::LanNotDesigned { lan: on } => format!("the {} is not designed", lan(*on)),
        Rule::ServerUnreachable { address, lan: on } => {
            format!(
                "{address} is neither on the subnet of the {} nor behind one of its routes",
                lan(*on)
            )
        }
        Rule::PrivateTwice { address, first, .. } => {
            format!("'{first}' on the same LAN has {address} already")
        }
        Rule::TerminalsOutside { from, lan: on } => {
            format!(
                "{from} is neither on the subnet of the {} nor behind one of its routes",
                lan(*on),
                from = range(*from)
            )
        }
        Rule::TerminalsOverlap { from, other, row } => {
            format!(
                "{from} overlaps {other} of '{row}', which has another NAPT address",
                from = range(*from),
                other = range(*other)
            )
        }
        Rule::StaticWins { from, server, more: 0 } => {
            format!("server '{server}' stands among terminals {from}", from = range(*from))
        }
        Rule::StaticWins { from, server, more } => {
            format!(
                "server '{server}' and {more} more stand among terminals {from}",
                from = range(*from)
            )
        }
        Rule::NoNetworkOfEnvironment { environment: of } => {
            format!("the platform has no {} network", environment(*of))
        }
        Rule::SourceOutside { from } => {
            format!("{from} is not inside a network of the platform", from = range(*from))
        }
        Rule::SourceCrosses { from, environment: of } => {
            format!(
                "{from} is not of the {} environment, and the server is",
                environment(*of),
                from = range(*from)
            )
        }
        Rule::NoApproval { service, more: 0 } => {
            format!("{service} is not web, and no approval of it is noted")
        }
        Rule::NoApproval { service, more } => {
            format!("{service} and {more} more are not web, and no approval of them is noted")
        }
        Rule::WideTerminals { from } => {
            format!("{from} has as many addresses as one global address has ports (65,536), or more")
        }
        Rule::AmongLeases { address, from } => {
            format!(
                "server {address} stands right beside terminals {from}, where DHCP servers usually give out addresses (.100 to .199)",
                from = range(*from)
            )
        }
        Rule::OnlyServers => {
            "the row has no terminal: every address of it belongs to a server".to_owned()
        }
        Rule::SourceInNoZone { name } | Rule::MemberInNoZone { name } => {
            format!("'{name}' lies in no zone of the platform, so its addresses can't be asked for")
        }
        Rule::DestinationOutside { to } => {
            format!("destination {to} is not inside a network of the platform", to = range(*to))
        }
        Rule::DestinationTwice { to, other, global } if to == other => {
            format!("{to} sees {global} by another entry of this row already")
        }
        Rule::DestinationTwice { to, other, global } => {
            format!("{to} overlaps {other}, which sees {global} by another entry of this row")
        }
        Rule::ServerWithoutFtp => {
            "nothing lets the server start FTP (tcp/21) or be asked for it, so 'ftp' does nothing"
                .to_owned()
        }
        Rule::NameTaken { name, first } => format!("{first} is called '{name}' already"),
        Rule::NameOfService { name } => {
            format!("'{name}' is a service by itself, so nobody could name these services")
        }
        Rule::NoSuchMember { name } => {
            format!("no server, no terminals and no object are called '{name}'")
        }
        Rule::NoSuchServices { name } => format!("no [[service]] is called '{name}'"),
        Rule::ObjectInItself { name } => {
            format!("whoever follows object '{name}' comes back to it here")
        }
        Rule::Unused { name } => format!("no policy uses '{name}'"),
        Rule::OnBothSides => "the members lie partly in the office, partly on the platform".to_owned(),
        Rule::OneSide { office: true } => "'from' and 'to' both lie in the office".to_owned(),
        Rule::OneSide { office: false } => "'from' and 'to' both lie on the platform".to_owned(),
        Rule::InNoRow { network } => format!(
            "{} is neither the platform's nor in a row of servers or terminals, so it never matches",
            range(*network)
        ),
        Rule::BeyondPlatform { network } => {
            format!("{network} reaches beyond the platform's network")
        }
        Rule::OtherEnvironment { network, environment: of } => format!(
            "{} is of the {} environment, and the policy isn't about that",
            range(*network),
            environment(*of)
        ),
        Rule::TowardsTerminals { row } => {
            format!("the platform would start connections to terminals ('{row}')")
        }
        Rule::EndlessCrossing { row, environment: of } => format!(
            "'{row}' is not of the {} environment, and the policy lets it cross without an end",
            environment(*of)
        ),
        Rule::PolicyWithoutFtp => {
            "no service of the policy holds FTP (tcp/21), so 'ftp' does nothing".to_owned()
        }
        Rule::Shadowed { by } => {
            format!("the policy changes nothing: '{by}' admits all of it already")
        }
        Rule::Contradicted { by } => format!(
            "the earlier policy '{by}' admits the same flows with another class or 'ftp', and counts for them"
        ),
        Rule::WidePorts { service } => format!("{service} is more than 1,000 ports"),
        Rule::WholeNetwork { network } => {
            format!("the policy is about the platform's whole network {network}, and not only for web")
        }
        Rule::NeverOpen { until, issued } => {
            format!("the policy ended at {until}, before the profile was issued ({issued})")
        }
        Rule::TooManyPolicies => {
            "the policies up to here are more than 2,000, or have more than 200,000 members and services, with what objects stand for".to_owned()
        }
        Rule::EntryForNothing => "the entry has neither addresses nor an alias".to_owned(),
        Rule::AliasAndAddresses => "a name has addresses or is an alias, not both".to_owned(),
        Rule::EntryTwice { name, lan: on } => {
            format!("the {} has an entry for '{name}' already", lan(*on))
        }
        Rule::AliasLoop { name } => {
            format!("whoever follows the alias '{name}' comes back to it and finds no address")
        }
        Rule::AliasOutOfReach { alias, lan: on } => {
            format!(
                "nobody whom the {} asks knows '{alias}': no entry, no zone of the platform, no DNS server of the office",
                lan(*on)
            )
        }
        Rule::EntryInZone { name, zone } => {
            format!("'{name}' is of the platform's zone '{zone}'; the entry comes before what the platform says")
        }
        Rule::EntryIsZone { name } => {
            format!("'{name}' is a zone of the platform, and can't be an entry too")
        }
        Rule::EntryReversed { name } => {
            format!("'{name}' is of the reverse tree, which follows from the other entries")
        }
        Rule::ForwardWithoutDns => {
            "method \"forward\" needs the office's DNS servers, and none is named".to_owned()
        }
        Rule::UnusedWithHosts { key } => {
            format!("'{key}' changes nothing: with method \"hosts\" the device answers nobody")
        }
        Rule::OfficeDnsUnreachable { address, lan: on } => {
            format!(
                "DNS server {address} is neither on the subnet of the {} nor behind one of its routes",
                lan(*on)
            )
        }
        Rule::EntryUnreachable { address, lan: on } => {
            format!("the {} gets this entry and doesn't reach {address}", lan(*on))
        }
        Rule::EntryOfOtherLan { address, lan: on, server } => {
            format!(
                "the {} gets this entry, but {address} is server '{server}' of the other LAN",
                lan(*on)
            )
        }
        Rule::AnswersTooWide { network } => {
            format!("{network} would let nearly any answer pass")
        }
        Rule::AnswersInside { network, other, role: of } => {
            format!(
                "{network} overlaps {other} ({}), so names of the platform could lead there",
                role(*of),
                network = range(*network)
            )
        }
        Rule::BadLogSize { text } => format!("'{}' can't be the size of a log", excerpt(text)),
        Rule::BadCertificates | Rule::BadAuthority => "this is no certificate in PEM".to_owned(),
        Rule::TlsInPart { missing } => format!("'{missing}' is missing: TLS takes it"),
        Rule::OnlyWithTls { key } => {
            format!("'{key}' belongs to transport \"tls\"; by this one, messages go in the clear")
        }
        Rule::CollectorUnreachable { address, interface: OfficeSide::Maintenance } => {
            format!("collector {address} is not on the subnet of the maintenance port")
        }
        Rule::CollectorUnreachable { address, interface: OfficeSide::Lan(on) } => {
            format!(
                "collector {address} is neither on the subnet of the {} nor behind one of its routes",
                lan(*on)
            )
        }
        Rule::FlowsNotLogged => "no flows are logged, so none can be sent".to_owned(),
        Rule::MaintenanceNotDesigned => "the maintenance port is not designed".to_owned(),
        Rule::PageSourceOutside { from } => {
            format!(
                "{} is neither on the subnet of the head office LAN nor behind one of its routes",
                range(*from)
            )
        }
        Rule::PageWithoutLan => {
            "the page is opened to the head office LAN, which is not designed".to_owned()
        }
        Rule::PageWhole { from } => format!("every host of {} gets to the page", range(*from)),
        Rule::PageSources { count, most } => {
            format!("the page has {count} sources, more than {most}")
        }
        Rule::MetricsSourceOutside { from } | Rule::SnmpSourceOutside { from } => {
            format!("{} is not on the subnet of the maintenance port", range(*from))
        }
        Rule::MetricsWithoutMaintenance => {
            "the figures are opened to the maintenance port, which is not designed".to_owned()
        }
        Rule::MetricsWhole { from } => {
            format!("every host of {} could read the figures", range(*from))
        }
        Rule::MetricsSources { count, most } => {
            format!("the figures have {count} sources, more than {most}")
        }
        Rule::BadRecipient => "this is no recipient's public key".to_owned(),
        Rule::SecretRecipient => "this is the secret key of the backups".to_owned(),
        Rule::SnmpWithoutMaintenance => {
            "SNMP is opened to the maintenance port, which is not designed".to_owned()
        }
        Rule::SnmpWhole { from } => format!("every host of {} could ask by SNMP", range(*from)),
        Rule::SnmpSources { count, most } => {
            format!("SNMP has {count} sources, more than {most}")
        }
        Rule::RolloutWithoutServer => {
            "the operator's profile names no server for roll-outs".to_owned()
        }
        Rule::RolloutWithoutAuthority => {
            "nobody is named who signs the certificate of the server for roll-outs".to_owned()
        }
        Rule::BadTenant { text } => format!("'{}' can't be a tenant", excerpt(text)),
        Rule::NoCentre => "the profile has no centre".to_owned(),
        Rule::CentreTwice { part, first } => {
            format!("centre '{first}' has the same {}", centre_part(*part))
        }
        Rule::ProbeOutside { address } => {
            format!("probe address {address} is not inside a network of the platform")
        }
        Rule::ResolverOutside { address } => {
            format!("resolver {address} is not inside a network of the platform")
        }
        Rule::ZoneTwice { name } => format!("zone '{name}' stands there already"),
        Rule::ServiceTwice { name } => format!("another service is named '{name}' already"),
        Rule::ServiceOutside { address } => {
            format!("{address} is not inside a network of the platform")
        }
        Rule::ServiceInPool { address } => {
            format!("{address} is a global address of the organisation, not the platform's")
        }
        Rule::ServiceWithoutPort { protocol } => {
            format!("'port' is missing: protocol \"{protocol}\" has no usual one")
        }
        Rule::NotText { byte } => {
            format!("from here on (byte {byte} of the file) this is neither UTF-8 nor Shift JIS")
        }
        Rule::BadQuote => "a quote is not closed, or stands alone inside a quoted cell".to_owned(),
        Rule::MissingColumns { columns } => {
            let columns: Vec<_> = columns.iter().map(|of| format!("'{}'", column(*of))).collect();
            format!("columns are missing: {}", columns.join(", "))
        }
        Rule::ColumnTwice { column: of } => format!("there are two columns '{}'", column(*of)),
        Rule::UnreadColumn { heading } => format!("the column '{}' is not read", excerpt(heading)),
        Rule::ExtraCell { text } => format!("'{}' stands under no heading", excerpt(text)),
        Rule::EmptyCell { column: of } => format!("'{}' is empty", column(*of)),
        Rule::LinesDisagree { name } => {
            format!("this is different from an earlier line of terminals '{name}'")
        }
        Rule::ReadAs { written, read } => {
            format!("'{}' is read as '{}'", excerpt(written), excerpt(read))
        }
        Rule::NoRow { kind } => format!("there is no row of {}", rows(*kind)),
        Rule::OtherRows { count, kind } => {
            format!("rows that are not of {} were passed by: {count}", rows(*kind))
        }
        Rule::SiteTooLarge { bytes, limit } => {
            format!("with the rows up to here the site exceeds {limit} bytes, the most that it may have; with all rows it would have {bytes}")
        }
        Rule::UplinkInside { address, network, role: of } => {
            format!("{address} should be on LGWAN, but lies in {network} ({})", role(*of))
        }
        Rule::NameWithoutResolver { name } => {
            format!("'{name}' is a name, and no resolver of LGWAN is designed that could be asked")
        }
        Rule::ReverseZone { name } => {
            format!("zone '{name}' is of the reverse tree, which the device makes by itself")
        }
        Rule::SignatureMissing => "the profile carries no signature".to_owned(),
        Rule::SignatureForm => "the signature is not 64 bytes in base64".to_owned(),
        Rule::SignatureWrong => "the signature is not the operator's over this text".to_owned(),
        Rule::OtherOrganisation { profile, site } => {
            format!("the profile was issued for organisation {profile}; the site is of {site}")
        }
        Rule::SerialLower { serial, in_force } => {
            format!("the profile has serial {serial}; {in_force} is in force")
        }
        Rule::SerialReused { serial } => {
            format!("another profile with serial {serial} and another time of issue is in force")
        }
        Rule::IssuedEarlier { issued, in_force } => {
            format!("the profile was issued at {issued}, before the one in force ({in_force})")
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one arm a rule")]
pub(super) fn mend(rule: &Rule) -> String {
    let text = match rule {
        Rule::TooLarge { .. } => "Check that it is the right file; a design is far smaller.",
        Rule::NotUtf8 => "Save the file as UTF-8 in your editor.",
        Rule::Syntax { .. } => {
            "Check this line for quotes, brackets and '='; compare it with a sample."
        }
        Rule::ProfileForSite => {
            "Name the site design. A profile is signed by the operator and can't be rewritten."
        }
        Rule::SchemaNewer { .. } => {
            "Update the device's firmware, or write the file for this schema."
        }
        Rule::SchemaUnknown { known, .. } => return format!("Write schema = {known}."),
        Rule::UnknownKey { known, .. } => {
            return format!("Remove it, or use one of: {}.", known.join(", "));
        }
        Rule::MissingKey { key } => return format!("Add '{key}' to this table."),
        Rule::WrongType { expected: Shape::List, found: Shape::Table } => {
            "Write the heading in double brackets, like [[server]], once for each row."
        }
        Rule::WrongType { expected, .. } => return format!("Write {}.", shape(*expected)),
        Rule::BadAddress { .. } => "Write four numbers from 0 to 255, like \"192.168.1.10\".",
        Rule::BadNetwork { .. } => {
            "Write an address with a prefix length from 0 to 32, like \"192.168.1.0/24\"."
        }
        Rule::HostBits { written, network } => {
            return format!(
                "Write \"{network}\" for the network, or \"{}\" for the host.",
                written.addr()
            );
        }
        Rule::BadInterfaceAddress { .. } => "Write both, like \"192.168.1.1/24\".",
        Rule::BadName { .. } => "Use 1 to 32 of a-z, 0-9 and '-', starting with a letter.",
        Rule::BadPort { .. } => "Use the name of the port as the device shows it, like \"port1\".",
        Rule::BadService { .. } => {
            "Write tcp/443, udp/5000-5010, icmp-echo, http or https; ports are 1 to 65535."
        }
        Rule::BadChoice { choices, .. } => return format!("Use one of: {}.", choices.join(", ")),
        Rule::BadKey => "Copy the whole key: 44 characters of base64, the last one '='.",
        Rule::BadEndpoint { .. } => {
            "Write both, like \"198.51.100.10:51820\" or \"east.vpn.example:51820\"; the port is 1 to 65535."
        }
        Rule::BadTime { .. } => "Write date, time and offset, like 2026-04-01T09:00:00+09:00.",
        Rule::BadZone { .. } => {
            "Write it like \"platform.example\": letters, digits, '-' and '.', no dot at the end."
        }
        Rule::EmptyList => "Add an entry, or remove the row.",
        Rule::OutOfRange { least, most, .. } => {
            return format!("Write a number from {least} to {most}.");
        }
        Rule::BadText => "Write the site's name as people say it.",
        Rule::BadIdentity => {
            "Write the name in its TLS certificate, like \"juki.city.example\", or a part of the first line that it says."
        }
        Rule::Repeated { .. } | Rule::ColumnTwice { .. } => "Remove one of the two.",
        Rule::BadRate { .. } => {
            "Write 512k, 1.5M, 100M or 10G in bits a second, from 500k (0.5 Mb/s) to 10G."
        }
        Rule::BadApproval => {
            "Write who approved it, when and under which number, in one line; don't start with = + - or @."
        }
        Rule::ServiceInside { .. } => "Remove one of the two, or correct the ports.",
        Rule::BadDnsName { .. } => {
            "Write it like \"juki.city.example\": letters, digits, inner '-' and '.', 253 characters at most; the last part is no number."
        }
        Rule::BadHost { .. } => {
            "Write an address like \"198.51.100.123\", or a name like \"ntp.lgwan.example\"."
        }
        Rule::BadOrigin { .. } => {
            "Write a network like \"203.0.113.0/24\", an address, or a name of the platform like \"web.platform.example\"."
        }
        Rule::BadMember { .. } => {
            "Write an address, a network like \"203.0.113.0/24\", a name of the platform like \"web.platform.example\", or the name of a server, of terminals or of an object."
        }
        Rule::OrganisationShape { .. } => {
            "Write the six digits of the code in quotes, like \"011002\"."
        }
        Rule::CheckDigit { .. } => "Compare all six digits with the official list of codes.",
        Rule::NoEducationBoard { .. } => {
            "Remove [interface.education-board] and its rows, or correct 'kind'."
        }
        Rule::PlacementNeedsRoute { .. } => {
            "Add 'routes' to the LAN that leads there, or correct 'placement'."
        }
        Rule::PlacementNeedsServer { .. } => {
            "Add a [[server]], or write placement = 4 for a site of terminals only."
        }
        Rule::PlacementHasNoServer => "Remove the servers, or correct 'placement'.",
        Rule::NoLan => "Add [interface.head-office] or [interface.education-board].",
        Rule::NotPrivate { .. } | Rule::NetworkNotPrivate { .. } => {
            "Use addresses of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
        }
        Rule::NotUnicast { .. } => "Use an address that a host can have.",
        Rule::PrefixLength { .. } => "Use /8 to /30.",
        Rule::NetworkAddress { .. } | Rule::BroadcastAddress { .. } => {
            "Use an address between the first and the last of the subnet."
        }
        Rule::HopOffSubnet { .. } => {
            "Correct the router's address, or the interface's address and prefix."
        }
        Rule::OfDevice { .. } => "Use another address; this one is taken by the interface.",
        Rule::Overlap { .. } => {
            "Change one of the two. Only the head office and education board LANs may share a range."
        }
        Rule::PortTwice { .. } => "Give each interface a port of its own.",
        Rule::Mtu { .. } => {
            "Write 1280 to 9000: every line carries 1280 bytes, and 9000 is the largest usual Ethernet frame."
        }
        Rule::ModeInPart { .. } => {
            "Write both as the other end of the cable has them, or remove both: the ends then agree by themselves."
        }
        Rule::GigabitHalf => "Write duplex = \"full\", or a lower speed.",
        Rule::HalfDuplex => {
            "Check that the other end is half duplex too; if it can do more, write \"full\" at both ends."
        }
        Rule::PortSlower { .. } => {
            "Correct 'line-rate' or 'speed'; the line never gets faster than its port."
        }
        Rule::RouteUnused { .. } => {
            "Remove the route, correct it, or add the rows of those who stand there."
        }
        Rule::SharesBeyond { .. } => "Lessen them so that they add up to 100 at most.",
        Rule::LanSharesBeyond { .. } => {
            "Lessen them so that they add up to 100 at most, with something left for a LAN without one."
        }
        Rule::WithoutRate { .. } => "Add 'line-rate' to [interface.lgwan], or remove this.",
        Rule::OutsidePool { .. } => {
            "Use an address of the pool, or apply to the operator for more."
        }
        Rule::GlobalTwice { .. } => {
            "Use a free address of the pool; only terminal rows of one LAN may share one."
        }
        Rule::GlobalOfDevice { .. } => "Use a free address of the pool.",
        Rule::NameTwice { .. } => "Give each row a name of its own.",
        Rule::LanNotDesigned { .. } => "Add the LAN's [interface] table, or name another LAN here.",
        Rule::ServerUnreachable { .. } | Rule::TerminalsOutside { .. } => {
            "Correct the address or 'interface', or add the network to the LAN's 'routes'."
        }
        Rule::PrivateTwice { .. } => "Correct one of the two addresses.",
        Rule::TerminalsOverlap { .. } => {
            "Take the addresses out of one row, or give both rows one NAPT address."
        }
        Rule::StaticWins { .. } => {
            "Nothing need be done: a server keeps its static global address."
        }
        Rule::NoNetworkOfEnvironment { .. } => {
            "Correct 'environment', or ask the operator for a profile that has one."
        }
        Rule::SourceOutside { .. }
        | Rule::DestinationOutside { .. }
        | Rule::BeyondPlatform { .. } => {
            "Write the platform's addresses as the operator gave them."
        }
        Rule::SourceCrosses { .. } => "Correct the source, or the server's 'environment'.",
        Rule::NoApproval { .. } => {
            "Add 'approval' beside 'services': who approved it, when and under which number. Without one, keep to http and https; icmp-echo needs none."
        }
        Rule::WideTerminals { .. } => {
            "Name the networks that terminals stand in, or part them into rows with a global address each."
        }
        Rule::AmongLeases { .. } => {
            "Make sure that no DHCP server gives this address to a terminal, or move the server out of the range."
        }
        Rule::OnlyServers => {
            "Remove the row, or correct 'from'. A server's own row says what the server may do."
        }
        Rule::SourceInNoZone { .. } | Rule::MemberInNoZone { .. } => {
            "Correct the name, or write the platform's addresses as the operator gave them."
        }
        Rule::DestinationTwice { .. } => {
            "Keep the destination in one of the entries, or give both the same 'global'."
        }
        Rule::ServerWithoutFtp => {
            "Add \"tcp/21\" to 'services' or 'allow-from-platform', or remove 'ftp'. A policy has an 'ftp' of its own."
        }
        Rule::NameTaken { .. } => {
            "Choose another name. Servers, terminals and objects share their names; policies have theirs, and so do named services."
        }
        Rule::NameOfService { .. } => {
            "Choose another name than \"http\", \"https\" and \"icmp-echo\"."
        }
        Rule::NoSuchMember { .. } => "Correct the name, or add the row or an [[object]].",
        Rule::NoSuchServices { .. } => {
            "Correct the name, add a [[service]], or write a service like \"tcp/443\"."
        }
        Rule::ObjectInItself { .. } => "Remove this member.",
        Rule::Unused { .. } => "Remove it, or name it in a policy.",
        Rule::OnBothSides => "Part the members into two objects, or two policies.",
        Rule::OneSide { .. } => {
            "Let one end be in the office and the other on the platform. Between networks of the office nothing passes."
        }
        Rule::InNoRow { .. } => {
            "Correct the address, or add a [[server]] or [[terminals]] row that holds it."
        }
        Rule::OtherEnvironment { .. } => {
            "Correct the address. For a test that crosses, add 'environment' and 'until'."
        }
        Rule::TowardsTerminals { .. } => {
            "Take terminals out of 'to'. A host that the platform must reach is a [[server]]."
        }
        Rule::EndlessCrossing { .. } => {
            "Add 'until', when the test is over, or correct 'environment'."
        }
        Rule::PolicyWithoutFtp => "Add \"tcp/21\" to 'services', or remove 'ftp'.",
        Rule::Shadowed { .. } => {
            "Remove it, or correct it. If it shall be counted apart, leave it as it is."
        }
        Rule::Contradicted { .. } => {
            "Put the narrower policy first, or correct 'class', 'ftp' or the ends of one of them."
        }
        Rule::WidePorts { .. } => "Name only the ports that are used.",
        Rule::WholeNetwork { .. } => "Name only the hosts that it is about.",
        Rule::NeverOpen { .. } => "Remove the policy, or correct 'until'.",
        Rule::TooManyPolicies => {
            "Let one policy speak for several hosts by a network or a row's name, and remove what nobody uses."
        }
        Rule::EntryForNothing => "Add 'addresses' or 'alias'.",
        Rule::AliasAndAddresses => "Keep the addresses or the alias, and remove the other.",
        Rule::EntryTwice { .. } => {
            "Put all addresses into one entry, or part the entries by 'interfaces'."
        }
        Rule::AliasLoop { .. } => "Let one of the entries lead to addresses.",
        Rule::AliasOutOfReach { .. } => {
            "Correct the alias, add an entry for what it stands for, or name the office's DNS servers in 'office-dns'."
        }
        Rule::EntryInZone { .. } => {
            "If that is meant, it may stay; when the platform gives the name another address, nobody here notices. Otherwise remove the entry."
        }
        Rule::EntryIsZone { .. } => "Remove the entry, or correct its name.",
        Rule::EntryReversed { .. } => {
            "Remove it: whoever asks for the name of an address gets it from the entry that has the address."
        }
        Rule::ForwardWithoutDns => {
            "Add 'office-dns' with the servers that forward to the device, or choose another method."
        }
        Rule::UnusedWithHosts { .. } => "Remove it, or choose another method.",
        Rule::OfficeDnsUnreachable { .. } => {
            "Correct the address or the LAN, or add the network to the LAN's 'routes'."
        }
        Rule::EntryUnreachable { .. } | Rule::EntryOfOtherLan { .. } => {
            "Correct the address, or name the LANs that get the entry in 'interfaces'."
        }
        Rule::AnswersTooWide { .. } => {
            "Write the networks that the operator named, each /8 or longer."
        }
        Rule::AnswersInside { .. } => {
            "Write the networks that the operator named; the office's own are no place for the platform's names."
        }
        Rule::BadLogSize { .. } => "Write 200M or 1.5G in bytes, from 1M to 10G.",
        Rule::BadCertificates => {
            "Paste the certificate of whoever vouches for the collector, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, between two lines of \"\"\". A private key has no place here."
        }
        Rule::TlsInPart { .. } => {
            "Write both: 'certificate-authority', the certificate of whoever vouches for the collector, and 'name', the name in the collector's own."
        }
        Rule::OnlyWithTls { .. } => "Write transport = \"tls\", or remove the key.",
        Rule::CollectorUnreachable { .. } => {
            "Correct the address or 'interface'. It must be a host of a LAN or of the maintenance port; nothing on LGWAN or the platform."
        }
        Rule::FlowsNotLogged => "Add [flow-log], or take \"flows\" out of 'send'.",
        Rule::MaintenanceNotDesigned => "Add [interface.maintenance], or name a LAN here.",
        Rule::PageSourceOutside { .. } => {
            "Name terminals or networks of the head office LAN. From LGWAN, the education board and the platform nobody gets to the page."
        }
        Rule::PageWithoutLan => {
            "Add [interface.head-office], or remove [page]. From the maintenance port the page can always be reached."
        }
        Rule::PageWhole { .. } => "Name the terminals of those who use the page, and no others.",
        Rule::PageSources { .. } => {
            "Leave the terminals of those who use the page, or write neighbouring addresses as one network."
        }
        Rule::MetricsSourceOutside { .. } => {
            "Name the collector on the subnet of the maintenance port. From the LANs, LGWAN and the platform nobody reads the figures."
        }
        Rule::MetricsWithoutMaintenance => "Add [interface.maintenance], or remove [metrics].",
        Rule::MetricsWhole { .. } => {
            "The figures have no password: name the collector's address alone."
        }
        Rule::BadRecipient => {
            "Copy the public key that age-keygen shows: 'age1' and 58 letters and digits."
        }
        Rule::SecretRecipient => {
            "Write the public key (age1…). The design isn't secret, so make a new pair with age-keygen if this one was ever saved or sent."
        }
        Rule::SnmpSourceOutside { .. } => {
            "Name the collector on the subnet of the maintenance port. From the LANs, LGWAN and the platform nobody asks by SNMP."
        }
        Rule::SnmpWithoutMaintenance => "Add [interface.maintenance], or remove [snmp].",
        Rule::SnmpWhole { .. } => "Name the collector's address alone.",
        Rule::MetricsSources { .. } | Rule::SnmpSources { .. } => {
            "Leave the collectors' addresses alone."
        }
        Rule::RolloutWithoutServer => {
            "Leave [rollout] out until the operator offers roll-outs; new firmware is installed by hand until then."
        }
        Rule::NameWithoutResolver { .. } => {
            "Add LGWAN's resolvers as 'dns' to [interface.lgwan], or ask the operator for addresses."
        }
        Rule::SignatureWrong => "Fetch the file from the operator again, and change nothing in it.",
        Rule::OtherOrganisation { .. } => {
            "Use the profile of your own organisation, or correct 'organisation'."
        }
        Rule::SerialLower { .. } | Rule::IssuedEarlier { .. } => {
            "Use the newest profile of the operator."
        }
        Rule::SerialReused { .. } => "Ask the operator for a profile with a higher serial.",
        Rule::DeviceOutsidePool { .. }
        | Rule::NoCentre
        | Rule::CentreTwice { .. }
        | Rule::ProbeOutside { .. }
        | Rule::ResolverOutside { .. }
        | Rule::ZoneTwice { .. }
        | Rule::ReverseZone { .. }
        | Rule::ServiceTwice { .. }
        | Rule::ServiceOutside { .. }
        | Rule::ServiceInPool { .. }
        | Rule::ServiceWithoutPort { .. }
        | Rule::BadAuthority
        | Rule::RolloutWithoutAuthority
        | Rule::BadTenant { .. }
        | Rule::SignatureMissing
        | Rule::SignatureForm => "Ask the operator for a corrected profile.",
        Rule::NotText { .. } => "Save it in the spreadsheet as 'CSV UTF-8 (comma delimited)'.",
        Rule::BadQuote => {
            "Save it as CSV in the spreadsheet, or write a quote inside a cell as two."
        }
        Rule::MissingColumns { .. } => {
            "Add them to the first line, with the headings of the address-translation sheet's CSV, for policies those of the flow inventory's. Commas part the columns."
        }
        Rule::UnreadColumn { .. } => {
            "It may stay. What may be started is written in the site design: services and allow-from-platform."
        }
        Rule::ExtraCell { .. } => "Remove it, or write a heading for it in the first line.",
        Rule::EmptyCell { .. } => "Fill it in, or remove the line.",
        Rule::LinesDisagree { .. } => {
            "Lines of one name share LAN, global address and environment: make them equal."
        }
        Rule::ReadAs { .. } => "If that is wrong, write it in plain (half-width) characters.",
        Rule::NoRow { .. } => {
            "Check that it is the right file, and the words in the column 'Method' or 'Kind'."
        }
        Rule::OtherRows { kind: RowKind::Servers, .. } => {
            "To import terminals as well, give the same file to --terminals."
        }
        Rule::OtherRows { kind: RowKind::Policies, .. } => {
            "What servers and terminals may start is written in the site design: services and allow-from-platform."
        }
        Rule::SiteTooLarge { .. } => {
            "Make fewer rows: gather hosts in objects and services under names, and put several into one cell."
        }
        Rule::OtherRows { kind: RowKind::Terminals, .. } => {
            "To import servers as well, give the same file to --servers."
        }
        Rule::UplinkInside { .. } => "Correct the address, or the network that it falls into.",
    };
    text.to_owned()
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "text in quotes",
        Shape::Integer => "a whole number",
        Shape::Float => "a number with a fraction",
        Shape::Boolean => "true or false",
        Shape::Time => "a date and time without quotes",
        Shape::List => "a list in brackets",
        Shape::Table => "a table",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Prefecture => "a prefecture",
        Kind::Municipality => "a municipality",
        Kind::Union => "a union of municipalities",
        Kind::WideAreaUnion => "a wide-area union",
    }
}

pub(super) fn lan(lan: Lan) -> &'static str {
    match lan {
        Lan::HeadOffice => "head office LAN",
        Lan::EducationBoard => "education board LAN",
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Lgwan => "LGWAN side",
        Role::Lan(on) => lan(on),
        Role::Maintenance => "maintenance port",
        Role::Platform => "platform",
        Role::Pool => "global addresses",
    }
}

pub(super) fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Test => "test",
    }
}

fn centre_part(part: CentrePart) -> &'static str {
    match part {
        CentrePart::Name => "name",
        CentrePart::Endpoint => "endpoint",
        CentrePart::PublicKey => "public key",
        CentrePart::Preference => "preference",
        CentrePart::Probe => "probe address",
    }
}

fn column(column: Column) -> &'static str {
    match column {
        Column::Method => "Method",
        Column::Name => "Name",
        Column::Lan => "LAN",
        Column::Inside => "Inside",
        Column::Global => "Global",
        Column::Environment => "Environment",
        Column::Number => "No.",
        Column::Kind => "Kind",
        Column::From => "From",
        Column::To => "To",
        Column::Services => "Technical specification",
        Column::Class => "Class",
        Column::Ftp => "FTP",
        Column::Approval => "Approval",
        Column::Until => "Until",
    }
}

fn rows(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Servers => "servers",
        RowKind::Terminals => "terminals",
        RowKind::Policies => "policies",
    }
}
