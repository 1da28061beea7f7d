//! Japanese, for the clerk at the town hall.

use super::{excerpt, harmless, range};
use crate::{CentrePart, Column, Environment, Kind, Lan, OfficeSide, Role, RowKind, Rule, Shape};

#[expect(clippy::too_many_lines, reason = "one arm a rule")]
pub(super) fn sentence(rule: &Rule) -> String {
    match rule {
        Rule::TooLarge { bytes, limit } => {
            format!("ファイルが大きすぎます（{bytes}バイト。上限は{limit}バイト）。")
        }
        Rule::NotUtf8 => "ここから先がUTF-8の文字ではありません。".to_owned(),
        Rule::Syntax { detail } => {
            format!("TOMLの書き方に誤りがあります（{}）。", harmless(detail.chars()))
        }
        Rule::ProfileForSite => "これは接続情報で、IP設計ではありません。".to_owned(),
        Rule::SchemaNewer { found, known } => {
            format!("schemaが{found}です。このファームウェアで読めるのは{known}までです。")
        }
        Rule::SchemaUnknown { found, .. } => format!("schema {found}というものはありません。"),
        Rule::UnknownKey { key, .. } => {
            format!("「{}」という項目はここでは使えません。", excerpt(key))
        }
        Rule::MissingKey { key } => format!("「{key}」がありません。"),
        Rule::WrongType { expected, found } => {
            format!("{}を書く所に、{}が書かれています。", shape(*expected), shape(*found))
        }
        Rule::BadAddress { text } => format!("「{}」はIPv4アドレスではありません。", excerpt(text)),
        Rule::BadNetwork { text } => {
            format!("「{}」はIPv4ネットワークではありません。", excerpt(text))
        }
        Rule::HostBits { written, .. } => {
            format!("{written}は機器のアドレスで、ネットワークのアドレスではありません。")
        }
        Rule::BadInterfaceAddress { text } => {
            format!("「{}」はプレフィックス長付きのIPv4アドレスではありません。", excerpt(text))
        }
        Rule::BadName { text } => format!("「{}」は名前として使えません。", excerpt(text)),
        Rule::BadPort { text } => format!("「{}」はポートの名前として使えません。", excerpt(text)),
        Rule::BadService { text } => format!("「{}」は通信の種類として読めません。", excerpt(text)),
        Rule::BadChoice { text, .. } => {
            format!("「{}」はここで選べる言葉ではありません。", excerpt(text))
        }
        Rule::BadKey => "公開鍵として読めません。".to_owned(),
        Rule::BadEndpoint { text } => {
            format!(
                "「{}」はIPv4アドレスかDNS名と、UDPポート番号との組ではありません。",
                excerpt(text)
            )
        }
        Rule::BadTime { text } => format!("「{}」は日時として使えません。", excerpt(text)),
        Rule::BadZone { text } => format!("「{}」はDNSゾーンの名前ではありません。", excerpt(text)),
        Rule::EmptyList => "一覧が空です。少なくとも一つ必要です。".to_owned(),
        Rule::OutOfRange { found, least, most } => {
            format!("{}は{least}から{most}までの範囲にありません。", excerpt(found))
        }
        Rule::BadText => "名称が空か、100文字を超えるか、制御文字を含んでいます。".to_owned(),
        Rule::BadIdentity => {
            "サーバの名乗りが空か、100文字を超えるか、制御文字を含んでいます。".to_owned()
        }
        Rule::Repeated { text } => format!("一覧に「{text}」が二度書かれています。"),
        Rule::BadRate { text } => format!("「{}」は回線の速度として使えません。", excerpt(text)),
        Rule::BadApproval => {
            "承認の記録が空か、200文字を超えるか、制御文字を含むか、数式のように始まっています。"
                .to_owned()
        }
        Rule::ServiceInside { service, other } => {
            format!("{service}は、同じ一覧の{other}にすでに含まれています。")
        }
        Rule::BadDnsName { text } => {
            format!("「{}」は機器の名前（DNS名）として使えません。", excerpt(text))
        }
        Rule::BadHost { text } => {
            format!("「{}」はIPv4アドレスでもDNS名でもありません。", excerpt(text))
        }
        Rule::BadOrigin { text } => {
            format!("「{}」はIPv4ネットワークでもDNS名でもありません。", excerpt(text))
        }
        Rule::BadMember { text } => {
            format!("「{}」は通信許可の端にできません。", excerpt(text))
        }
        Rule::OrganisationShape { text } => {
            format!("「{}」は団体コードではありません。", excerpt(text))
        }
        Rule::CheckDigit { text, expected } => {
            format!("団体コード「{text}」の検査数字が合いません（正しくは{expected}）。")
        }
        Rule::NoEducationBoard { kind: of } => {
            format!("{}には教育委員会業務系LANがありません。", kind(*of))
        }
        Rule::PlacementNeedsRoute { placement } => {
            format!("接続例{}には、LANからもう一方の拠点への経路が必要です。", placement.number())
        }
        Rule::PlacementNeedsServer { placement } => {
            format!("接続例{}なのに、双方向通信サーバがありません。", placement.number())
        }
        Rule::PlacementHasNoServer => {
            "接続例4は片方向通信端末だけの構成ですが、双方向通信サーバが書かれています。".to_owned()
        }
        Rule::NoLan => "首長部局業務系LANも教育委員会業務系LANもありません。".to_owned(),
        Rule::NotPrivate { address } => {
            format!("{address}はプライベートIPアドレス（RFC 1918）ではありません。")
        }
        Rule::NetworkNotPrivate { network } => {
            format!("{network}にはプライベートIPアドレス（RFC 1918）でないものが含まれています。")
        }
        Rule::NotUnicast { network } => {
            format!("{network}のアドレスは機器に付けられません。", network = range(*network))
        }
        Rule::PrefixLength { prefix } => format!("/{prefix}はインターフェースに使えません。"),
        Rule::NetworkAddress { address, subnet } => {
            format!("{address}はネットワーク{subnet}そのものを表すアドレスです。")
        }
        Rule::BroadcastAddress { address, subnet } => {
            format!("{address}は{subnet}のブロードキャストアドレスです。")
        }
        Rule::HopOffSubnet { hop, subnet } => {
            format!("中継先{hop}がインターフェースのサブネット{subnet}の中にありません。")
        }
        Rule::OfDevice { address } => format!("{address}はこの装置自身のアドレスです。"),
        Rule::Overlap { network, role: this, other, other_role } => {
            format!(
                "{network}（{}）が{other}（{}）と重なっています。",
                role(*this),
                role(*other_role)
            )
        }
        Rule::PortTwice { port, first } => {
            format!("ポート「{port}」はすでに{first}で使われています。")
        }
        Rule::Mtu { found } => format!("MTUに{}バイトは使えません。", excerpt(found)),
        Rule::ModeInPart { missing } => {
            format!(
                "「{missing}」がありません。ポートの speed と duplex は、両方を書くか、両方を省きます。"
            )
        }
        Rule::GigabitHalf => "1Gのポートは半二重にできません。".to_owned(),
        Rule::HalfDuplex => "ポートが半二重（一度に片側だけが送る）になっています。".to_owned(),
        Rule::PortSlower { rate, speed } => {
            format!("回線の契約速度は{rate}ですが、ポートの速度は{speed}です。")
        }
        Rule::RouteUnused { to, lan: on } => {
            format!("{to}の中に、{}のサーバも端末もありません。", lan(*on))
        }
        Rule::SharesBeyond { sum } => {
            format!("通信の種類ごとの割合の合計が{sum}%で、100%を超えています。")
        }
        Rule::LanSharesBeyond { sum, rest: 0 } => {
            format!("LANごとの割合（share）の合計が{sum}%で、100%を超えています。")
        }
        Rule::LanSharesBeyond { sum, .. } => {
            format!("LANごとの割合（share）の合計が{sum}%で、share のないLANの分が残りません。")
        }
        Rule::WithoutRate { key } => {
            format!("回線の契約速度（line-rate）がないため、「{key}」は使われません。")
        }
        Rule::OutsidePool { global } => {
            format!(
                "{global}は、この団体に割り当てられた自治体中間サーバーグローバルアドレスではありません。"
            )
        }
        Rule::GlobalTwice { global, first } => {
            format!(
                "自治体中間サーバーグローバルアドレス{global}はすでに「{first}」で使われています。"
            )
        }
        Rule::GlobalOfDevice { global } => {
            format!("自治体中間サーバーグローバルアドレス{global}はこの装置自身のものです。")
        }
        Rule::DeviceOutsidePool { global } => {
            format!("装置のアドレス{global}が、割り当てられた範囲の外にあります。")
        }
        Rule::NameTwice { name } => format!("「{name}」という名前の行がほかにもあります。"),
        Rule::LanNotDesigned { lan: on } => format!("{}のインターフェースがありません。", lan(*on)),
        Rule::ServerUnreachable { address, lan: on } => {
            format!("サーバ{address}は{}のサブネットにも経路の先にもありません。", lan(*on))
        }
        Rule::PrivateTwice { address, first, .. } => {
            format!("{address}は同じLANの「{first}」ですでに使われています。")
        }
        Rule::TerminalsOutside { from, lan: on } => {
            format!(
                "端末{from}は{}のサブネットにも経路の先にもありません。",
                lan(*on),
                from = range(*from)
            )
        }
        Rule::TerminalsOverlap { from, other, row } => {
            format!(
                "{from}は、変換後のアドレスが異なる「{row}」の{other}と重なっています。",
                from = range(*from),
                other = range(*other)
            )
        }
        Rule::StaticWins { from, server, more: 0 } => {
            format!(
                "端末の範囲{from}の中に双方向通信サーバ「{server}」があります。",
                from = range(*from)
            )
        }
        Rule::StaticWins { from, server, more } => {
            format!(
                "端末の範囲{from}の中に双方向通信サーバ「{server}」ほか{more}台があります。",
                from = range(*from)
            )
        }
        Rule::NoNetworkOfEnvironment { environment: of } => {
            format!(
                "中間サーバー・プラットフォームに{}環境のネットワークがありません。",
                environment(*of)
            )
        }
        Rule::SourceOutside { from } => {
            format!(
                "{from}は中間サーバー・プラットフォームのネットワークの中にありません。",
                from = range(*from)
            )
        }
        Rule::SourceCrosses { from, environment: of } => {
            format!(
                "サーバは{}環境ですが、{from}は別の環境のものです。",
                environment(*of),
                from = range(*from)
            )
        }
        Rule::NoApproval { service, more: 0 } => {
            format!(
                "{service}はウェブ（http・https）の通信ではありませんが、承認の記録がありません。"
            )
        }
        Rule::NoApproval { service, more } => {
            format!(
                "{service}ほか{more}件はウェブ（http・https）の通信ではありませんが、承認の記録がありません。"
            )
        }
        Rule::WideTerminals { from } => {
            format!(
                "{from}のアドレスの数は、グローバルアドレス一つのポートの数（65,536）以上です。"
            )
        }
        Rule::AmongLeases { address, from } => {
            format!(
                "サーバ{address}が端末{from}のすぐ隣にあります。末尾100から199は、DHCPでよく配られる範囲です。",
                from = range(*from)
            )
        }
        Rule::OnlyServers => {
            "この行に端末がありません。どのアドレスも双方向通信サーバのものです。".to_owned()
        }
        Rule::SourceInNoZone { name } => {
            format!(
                "「{name}」は中間サーバー・プラットフォームのどのゾーンの名前でもなく、アドレスを調べられません。"
            )
        }
        Rule::DestinationOutside { to } => format!(
            "宛先{}は中間サーバー・プラットフォームのネットワークの中にありません。",
            range(*to)
        ),
        Rule::DestinationTwice { to, other, global } if to == other => {
            format!("{to}には、この行の別の項目で{global}を見せることになっています。")
        }
        Rule::DestinationTwice { to, other, global } => format!(
            "{to}が、この行の別の項目で{global}を見せる{other}と重なっています。"
        ),
        Rule::ServerWithoutFtp => {
            "サーバの行にFTP（tcp/21）の通信がなく、ftp に働く相手がありません。".to_owned()
        }
        Rule::NameTaken { name, first } => {
            format!("「{name}」という名前は、すでに{first}が使っています。")
        }
        Rule::NameOfService { name } => format!(
            "「{name}」はそれだけで一つのサービスを指すため、名前付きサービスの名前にできません。"
        ),
        Rule::NoSuchMember { name } => {
            format!("「{name}」という名前のサーバ、端末、オブジェクトはありません。")
        }
        Rule::NoSuchServices { name } => {
            format!("「{name}」という名前の [[service]] はありません。")
        }
        Rule::ObjectInItself { name } => {
            format!("ここで、オブジェクト「{name}」が自分自身を含みます。")
        }
        Rule::Unused { name } => format!("「{name}」を使う通信許可がありません。"),
        Rule::OnBothSides => {
            "庁内のものと中間サーバー・プラットフォームのものが混ざっています。".to_owned()
        }
        Rule::OneSide { office: true } => "from と to がどちらも庁内です。".to_owned(),
        Rule::OneSide { office: false } => {
            "from と to がどちらも中間サーバー・プラットフォームです。".to_owned()
        }
        Rule::InNoRow { network } => format!(
            "{}は中間サーバー・プラットフォームになく、サーバや端末のどの行にもないため、決して当てはまりません。",
            range(*network)
        ),
        Rule::BeyondPlatform { network } => {
            format!("{network}は中間サーバー・プラットフォームのネットワークからはみ出しています。")
        }
        Rule::OtherEnvironment { network, environment: of } => format!(
            "{}は{}環境のもので、この通信許可の環境ではありません。",
            range(*network),
            environment(*of)
        ),
        Rule::MemberInNoZone { name } => format!(
            "「{name}」は中間サーバー・プラットフォームのどのゾーンの名前でもなく、アドレスを調べられません。"
        ),
        Rule::TowardsTerminals { row } => format!(
            "中間サーバー・プラットフォームから端末「{row}」への通信は許可できません。"
        ),
        Rule::EndlessCrossing { row, environment: of } => format!(
            "「{row}」は{}環境のものではありませんが、環境をまたぐ許可に期限がありません。",
            environment(*of)
        ),
        Rule::PolicyWithoutFtp => {
            "services にFTP（tcp/21）がなく、ftp に働く相手がありません。".to_owned()
        }
        Rule::Shadowed { by } => {
            format!("この許可は何も変えません。すべて「{by}」がすでに許可しています。")
        }
        Rule::Contradicted { by } => format!(
            "先にある「{by}」が、同じ通信を別の class か ftp で許可しており、そちらが優先されます。"
        ),
        Rule::WidePorts { service } => {
            format!("{service}は1,000個を超えるポートです。")
        }
        Rule::WholeNetwork { network } => format!(
            "中間サーバー・プラットフォームのネットワーク{network}全体に、ウェブ以外の通信も許可しています。"
        ),
        Rule::NeverOpen { until, issued } => {
            format!("期限（{until}）が接続情報の発行日時（{issued}）より前です。")
        }
        Rule::TooManyPolicies => {
            "ここまでの通信許可が2,000件を超えるか、その両端とサービスが、オブジェクトの中身も数えて200,000件を超えています。".to_owned()
        }
        Rule::EntryForNothing => "addresses も alias もありません。".to_owned(),
        Rule::AliasAndAddresses => {
            "一つの名前に、アドレスと別名（alias）の両方は持たせられません。".to_owned()
        }
        Rule::EntryTwice { name, lan: on } => {
            format!("{}には「{name}」の項目がすでにあります。", lan(*on))
        }
        Rule::AliasLoop { name } => {
            format!("別名「{name}」をたどると元に戻り、アドレスに行き着きません。")
        }
        Rule::AliasOutOfReach { alias, lan: on } => {
            format!(
                "{}から「{alias}」を調べる先がありません（静的な項目にも、プラットフォームのゾーンにもなく、庁内DNSサーバもありません）。",
                lan(*on)
            )
        }
        Rule::EntryInZone { name, zone } => {
            format!(
                "「{name}」はプラットフォームのゾーン「{zone}」の名前です。この項目は、プラットフォームの答えより優先されます。"
            )
        }
        Rule::EntryIsZone { name } => {
            format!("「{name}」はプラットフォームのゾーンそのもので、静的な項目にはできません。")
        }
        Rule::EntryReversed { name } => {
            format!("「{name}」は逆引きの名前です。逆引きは、ほかの項目から自動で作られます。")
        }
        Rule::ForwardWithoutDns => {
            "方式 \"forward\" には庁内DNSサーバが必要ですが、書かれていません。".to_owned()
        }
        Rule::UnusedWithHosts { key } => {
            format!("方式 \"hosts\" では装置は問い合わせに答えないため、「{key}」は使われません。")
        }
        Rule::OfficeDnsUnreachable { address, lan: on } => {
            format!("DNSサーバ{address}は{}のサブネットにも経路の先にもありません。", lan(*on))
        }
        Rule::EntryUnreachable { address, lan: on } => {
            format!("この項目は{}にも使われますが、そこから{address}には届きません。", lan(*on))
        }
        Rule::EntryOfOtherLan { address, lan: on, server } => {
            format!(
                "この項目は{}にも使われますが、{address}はもう一方のLANのサーバ「{server}」です。",
                lan(*on)
            )
        }
        Rule::AnswersTooWide { network } => {
            format!("{network}では、ほとんどどんな答えでも通ってしまいます。")
        }
        Rule::AnswersInside { network, other, role: of } => {
            format!(
                "{network}が{other}（{}）と重なり、プラットフォームの名前で庁内へ導かれるおそれがあります。",
                role(*of),
                network = range(*network)
            )
        }
        Rule::BadLogSize { text } => {
            format!("「{}」は記録の大きさとして使えません。", excerpt(text))
        }
        Rule::BadCertificates | Rule::BadAuthority => "PEM形式の証明書として読めません。".to_owned(),
        Rule::TlsInPart { missing } => format!("TLSに要る「{missing}」がありません。"),
        Rule::OnlyWithTls { key } => {
            format!("「{key}」は送り方 \"tls\" のためのものです。この送り方では暗号化されません。")
        }
        Rule::CollectorUnreachable { address, interface: OfficeSide::Maintenance } => {
            format!("ログ収集サーバ{address}は保守ポートのサブネットにありません。")
        }
        Rule::CollectorUnreachable { address, interface: OfficeSide::Lan(on) } => {
            format!("ログ収集サーバ{address}は{}のサブネットにも経路の先にもありません。", lan(*on))
        }
        Rule::FlowsNotLogged => "通信を記録していないため、送るものがありません。".to_owned(),
        Rule::MaintenanceNotDesigned => "保守ポートが設計されていません。".to_owned(),
        Rule::PageSourceOutside { from } => {
            format!(
                "{}は、首長部局業務系LANのサブネットの中にも経路の先にもありません。",
                range(*from)
            )
        }
        Rule::PageWithoutLan => {
            "装置の画面を開く先の、首長部局業務系LANのインターフェースがありません。".to_owned()
        }
        Rule::PageWhole { from } => {
            format!("{}のすべての機器が、装置の画面に接続できます。", range(*from))
        }
        Rule::PageSources { count, most } => {
            format!("装置の画面の接続元が{count}件あります。書けるのは{most}件までです。")
        }
        Rule::MetricsSourceOutside { from } | Rule::SnmpSourceOutside { from } => {
            format!("{}は、保守ポートのサブネットにありません。", range(*from))
        }
        Rule::MetricsWithoutMaintenance => {
            "装置の指標を読む先の、保守ポートが設計されていません。".to_owned()
        }
        Rule::MetricsWhole { from } => {
            format!("{}のすべての機器が、装置の指標を読めてしまいます。", range(*from))
        }
        Rule::MetricsSources { count, most } => {
            format!("装置の指標の接続元が{count}件あります。書けるのは{most}件までです。")
        }
        Rule::BadRecipient => "毎晩の控えの受取人の公開鍵として読めません。".to_owned(),
        Rule::SecretRecipient => "毎晩の控えを開ける秘密鍵が書かれています。".to_owned(),
        Rule::SnmpWithoutMaintenance => {
            "SNMPで尋ねる先の、保守ポートが設計されていません。".to_owned()
        }
        Rule::SnmpWhole { from } => {
            format!("{}のすべての機器が、SNMPで尋ねることができます。", range(*from))
        }
        Rule::SnmpSources { count, most } => {
            format!("SNMPの接続元が{count}件あります。書けるのは{most}件までです。")
        }
        Rule::RolloutWithoutServer => {
            "機構の接続情報に、一斉更新のサーバがありません。".to_owned()
        }
        Rule::RolloutWithoutAuthority => {
            "一斉更新のサーバの証明書を出す認証局が書かれていません。".to_owned()
        }
        Rule::BadTenant { text } => format!("「{}」はテナントの名前として使えません。", excerpt(text)),
        Rule::NoCentre => "拠点が一つもありません。".to_owned(),
        Rule::CentreTwice { part, first } => {
            format!("拠点「{first}」と{}が同じです。", centre_part(*part))
        }
        Rule::ProbeOutside { address } => {
            format!(
                "確認用アドレス{address}が中間サーバー・プラットフォームのネットワークの中にありません。"
            )
        }
        Rule::ResolverOutside { address } => {
            format!(
                "DNSサーバ{address}が中間サーバー・プラットフォームのネットワークの中にありません。"
            )
        }
        Rule::ZoneTwice { name } => format!("ゾーン「{name}」がすでにあります。"),
        Rule::ServiceTwice { name } => format!("「{name}」という名前のサービスがすでにあります。"),
        Rule::ServiceOutside { address } => {
            format!("{address}が中間サーバー・プラットフォームのネットワークの中にありません。")
        }
        Rule::ServiceInPool { address } => {
            format!("{address}は団体のグローバルアドレスで、プラットフォームのものではありません。")
        }
        Rule::ServiceWithoutPort { protocol } => {
            format!("「port」がありません。\"{protocol}\" には決まったポート番号がありません。")
        }
        Rule::NotText { byte } => {
            format!(
                "ここからがUTF-8でもシフトJISでもありません（ファイルの先頭から{byte}バイト目）。"
            )
        }
        Rule::BadQuote => "引用符「\"」が閉じられていないか、途中に一つだけあります。".to_owned(),
        Rule::MissingColumns { columns } => {
            let columns: Vec<_> = columns.iter().map(|of| format!("「{}」", column(*of))).collect();
            format!("{}の列がありません。", columns.concat())
        }
        Rule::ColumnTwice { column: of } => format!("「{}」の列が二つあります。", column(*of)),
        Rule::UnreadColumn { heading } => format!("「{}」の列は読みません。", excerpt(heading)),
        Rule::ExtraCell { text } => format!("見出しのない所に「{}」があります。", excerpt(text)),
        Rule::EmptyCell { column: of } => format!("「{}」が空です。", column(*of)),
        Rule::LinesDisagree { name } => {
            format!("端末「{name}」の上の行と、ここの値が違います。")
        }
        Rule::ReadAs { written, read } => {
            format!("「{}」を「{}」と読みました。", excerpt(written), excerpt(read))
        }
        Rule::NoRow { kind } => format!("{}の行が一つもありません。", rows(*kind)),
        Rule::OtherRows { count, kind } => {
            format!("{}でない行が{count}行あり、読みませんでした。", rows(*kind))
        }
        Rule::SiteTooLarge { bytes, limit } => {
            format!(
                "ここまでの行で、IP設計が上限の{limit}バイトを超えます。表の行を全部入れると{bytes}バイトになります。"
            )
        }
        Rule::UplinkInside { address, network, role: of } => {
            format!(
                "{address}はLGWAN側にあるはずですが、{network}（{}）の中にあります。",
                role(*of)
            )
        }
        Rule::NameWithoutResolver { name } => {
            format!("「{name}」は名前ですが、それを調べるLGWANのDNSサーバがありません。")
        }
        Rule::ReverseZone { name } => {
            format!("ゾーン「{name}」は逆引きのゾーンです。逆引きは装置が自動で扱います。")
        }
        Rule::SignatureMissing => "接続情報に機構の署名がありません。".to_owned(),
        Rule::SignatureForm => {
            "署名の形が正しくありません（64バイトのBase64ではありません）。".to_owned()
        }
        Rule::SignatureWrong => "署名が、この内容に対する機構の署名ではありません。".to_owned(),
        Rule::OtherOrganisation { profile, site } => {
            format!("接続情報は団体{profile}のもので、このIP設計の団体{site}のものではありません。")
        }
        Rule::SerialLower { serial, in_force } => {
            format!(
                "接続情報の通し番号が{serial}で、今使っているもの（{in_force}）より古いものです。"
            )
        }
        Rule::SerialReused { serial } => {
            format!("通し番号が同じ{serial}で発行日時の違う接続情報を、今使っています。")
        }
        Rule::IssuedEarlier { issued, in_force } => {
            format!("接続情報の発行日時（{issued}）が、今使っているもの（{in_force}）より前です。")
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one arm a rule")]
pub(super) fn mend(rule: &Rule) -> String {
    let text = match rule {
        Rule::TooLarge { .. } => {
            "正しいファイルか確かめてください。IP設計はもっと小さいファイルです。"
        }
        Rule::NotUtf8 => "編集ソフトで文字コードをUTF-8にして保存し直してください。",
        Rule::Syntax { .. } => "この行の引用符、かっこ、「=」を確かめ、見本と見比べてください。",
        Rule::ProfileForSite => {
            "IP設計のファイルを指定してください。接続情報は機構が署名したもので、書き直せません。"
        }
        Rule::SchemaNewer { .. } => {
            "装置のファームウェアを更新するか、このschemaに合わせて書き直してください。"
        }
        Rule::SchemaUnknown { known, .. } => return format!("schema = {known} と書いてください。"),
        Rule::UnknownKey { known, .. } => {
            return format!("削除するか、次のどれかに直してください：{}。", known.join("、"));
        }
        Rule::MissingKey { key } => return format!("ここに「{key}」を書き足してください。"),
        Rule::WrongType { expected: Shape::List, found: Shape::Table } => {
            "[[server]] のように二重の角かっこの見出しを、行ごとに書いてください。"
        }
        Rule::WrongType { expected, .. } => {
            return format!("{}に書き直してください。", shape(*expected));
        }
        Rule::BadAddress { .. } => {
            "\"192.168.1.10\" のように、0から255までの数を四つ書いてください。"
        }
        Rule::BadNetwork { .. } => {
            "\"192.168.1.0/24\" のように、アドレスと0から32までのプレフィックス長を書いてください。"
        }
        Rule::HostBits { written, network } => {
            return format!(
                "ネットワークなら \"{network}\"、機器1台なら \"{}\" と書いてください。",
                written.addr()
            );
        }
        Rule::BadInterfaceAddress { .. } => "\"192.168.1.1/24\" のように、両方を書いてください。",
        Rule::BadName { .. } => {
            "英小文字で始まる、英小文字・数字・「-」の1から32文字にしてください。"
        }
        Rule::BadPort { .. } => {
            "\"port1\" のように、装置に表示されるポートの名前を書いてください。"
        }
        Rule::BadService { .. } => {
            "tcp/443、udp/5000-5010、icmp-echo、http、https のように書いてください。ポート番号は1から65535までです。"
        }
        Rule::BadChoice { choices, .. } => {
            return format!("次のどれかを書いてください：{}。", choices.join("、"));
        }
        Rule::BadKey => "「=」で終わる44文字のBase64を、全部写してください。",
        Rule::BadEndpoint { .. } => {
            "\"198.51.100.10:51820\" や \"east.vpn.example:51820\" のように両方を書いてください。ポート番号は1から65535までです。"
        }
        Rule::BadTime { .. } => {
            "2026-04-01T09:00:00+09:00 のように、日付・時刻・時差を書いてください。"
        }
        Rule::BadZone { .. } => {
            "\"platform.example\" のように、英数字・「-」・「.」で書いてください。最後に点は付けません。"
        }
        Rule::EmptyList => "中身を書き足すか、この行を削除してください。",
        Rule::OutOfRange { least, most, .. } => {
            return format!("{least}から{most}までの数を書いてください。");
        }
        Rule::BadText => "庁舎や団体の名称を、普段の呼び方で書いてください。",
        Rule::BadIdentity => {
            "TLS証明書にある名前（\"juki.city.example\" など）か、接続するとサーバが最初に送る行の一部を書いてください。"
        }
        Rule::Repeated { .. } | Rule::ColumnTwice { .. } => "どちらか一つを削除してください。",
        Rule::BadRate { .. } => {
            "512k、1.5M、100M、10G のように、1秒あたりのビット数を 500k（0.5Mbps）から 10G までで書いてください。"
        }
        Rule::BadApproval => {
            "誰が、いつ、どの番号で承認したかを一行で書いてください。= + - @ では始められません。"
        }
        Rule::ServiceInside { .. } => "どちらか一つを削除するか、ポート番号を直してください。",
        Rule::BadDnsName { .. } => {
            "\"juki.city.example\" のように、英数字・「-」・「.」で253文字までで書いてください。最後の区切りの後は数字だけにできません。"
        }
        Rule::BadHost { .. } => {
            "\"198.51.100.123\" のようなアドレスか、\"ntp.lgwan.example\" のような名前を書いてください。"
        }
        Rule::BadOrigin { .. } => {
            "\"203.0.113.0/24\" のようなネットワーク、アドレス、または \"web.platform.example\" のようなプラットフォームの名前を書いてください。"
        }
        Rule::BadMember { .. } => {
            "アドレス、\"203.0.113.0/24\" のようなネットワーク、\"web.platform.example\" のようなプラットフォームの名前、またはサーバ・端末・オブジェクトの名前を書いてください。"
        }
        Rule::OrganisationShape { .. } => {
            "\"011002\" のように、6桁の数字を引用符で囲んで書いてください。"
        }
        Rule::CheckDigit { .. } => "全国地方公共団体コードの表と、6桁すべてを見比べてください。",
        Rule::NoEducationBoard { .. } => {
            "[interface.education-board] とその行を削除するか、kind を直してください。"
        }
        Rule::PlacementNeedsRoute { .. } => {
            "そこへつながるLANに routes を書き足すか、placement を直してください。"
        }
        Rule::PlacementNeedsServer { .. } => {
            "[[server]] を書き足すか、端末だけの構成なら placement = 4 と書いてください。"
        }
        Rule::PlacementHasNoServer => "サーバの行を削除するか、placement を直してください。",
        Rule::NoLan => {
            "[interface.head-office] か [interface.education-board] を書き足してください。"
        }
        Rule::NotPrivate { .. } | Rule::NetworkNotPrivate { .. } => {
            "10.0.0.0/8、172.16.0.0/12、192.168.0.0/16 のどれかの中のアドレスにしてください。"
        }
        Rule::NotUnicast { .. } => "機器に付けられるアドレスにしてください。",
        Rule::PrefixLength { .. } => "/8から/30までにしてください。",
        Rule::NetworkAddress { .. } | Rule::BroadcastAddress { .. } => {
            "サブネットの最初と最後を除いたアドレスにしてください。"
        }
        Rule::HopOffSubnet { .. } => {
            "中継先のアドレスか、インターフェースのアドレスとプレフィックス長を直してください。"
        }
        Rule::OfDevice { .. } => {
            "インターフェースに付いているアドレスです。別のアドレスにしてください。"
        }
        Rule::Overlap { .. } => {
            "どちらかを変えてください。同じ範囲を使えるのは首長部局業務系LANと教育委員会業務系LANの間だけです。"
        }
        Rule::PortTwice { .. } => "インターフェースごとに別のポートにしてください。",
        Rule::Mtu { .. } => {
            "1280から9000までにしてください。1280はどの回線も通し、9000は一般の機器が扱える最大です。"
        }
        Rule::ModeInPart { .. } => {
            "ケーブルの相手の機器と同じ値を両方書くか、両方を削除してください（削除すると自動で合わせます）。"
        }
        Rule::GigabitHalf => "duplex = \"full\" とするか、speed を下げてください。",
        Rule::HalfDuplex => {
            "相手の機器も半二重か確かめ、全二重にできるなら両方を full にしてください。"
        }
        Rule::PortSlower { .. } => {
            "line-rate か speed を直してください。回線はポートより速くなりません。"
        }
        Rule::RouteUnused { .. } => {
            "経路を削除するか直すか、そこにあるサーバや端末の行を書き足してください。"
        }
        Rule::SharesBeyond { .. } => "合計が100以下になるように減らしてください。",
        Rule::LanSharesBeyond { .. } => {
            "合計を100以下にし、share のないLANがあればその分を残してください。"
        }
        Rule::WithoutRate { .. } => {
            "[interface.lgwan] に line-rate を書き足すか、この項目を削除してください。"
        }
        Rule::OutsidePool { .. } => {
            "割り当てられたアドレスを使うか、足りなければ機構に申請してください。"
        }
        Rule::GlobalTwice { .. } => {
            "空いているアドレスにしてください。共用できるのは、同じLANの片方向通信端末どうしだけです。"
        }
        Rule::GlobalOfDevice { .. } => "割り当てられた中で空いているアドレスにしてください。",
        Rule::NameTwice { .. } => "行ごとに別の名前を付けてください。",
        Rule::LanNotDesigned { .. } => {
            "そのLANの [interface] の表を書き足すか、ここのLANを直してください。"
        }
        Rule::ServerUnreachable { .. } | Rule::TerminalsOutside { .. } => {
            "アドレスか interface を直すか、LANの routes にそのネットワークを書き足してください。"
        }
        Rule::PrivateTwice { .. } => "どちらかのアドレスを直してください。",
        Rule::TerminalsOverlap { .. } => {
            "重なるアドレスを一方の行から外すか、両方の行を同じ変換後のアドレスにしてください。"
        }
        Rule::StaticWins { .. } => "そのままで構いません。サーバには静的な変換が優先されます。",
        Rule::NoNetworkOfEnvironment { .. } => {
            "environment を直すか、その環境を含む接続情報を機構に求めてください。"
        }
        Rule::SourceOutside { .. } => "機構から示された接続元のアドレスを書いてください。",
        Rule::SourceCrosses { .. } => "接続元か、サーバの environment を直してください。",
        Rule::NoApproval { .. } => {
            "services の隣に approval を書き、誰が、いつ、どの番号で承認したかを記してください。承認がなければ http と https だけにします。icmp-echo（ping）に承認は要りません。"
        }
        Rule::WideTerminals { .. } => {
            "端末のあるネットワークだけを書くか、行を分けてグローバルアドレスを分けてください。"
        }
        Rule::AmongLeases { .. } => {
            "DHCPサーバがこのアドレスを端末に配らないことを確かめるか、サーバを範囲の外に移してください。"
        }
        Rule::OnlyServers => {
            "行を削除するか、from を直してください。サーバにできる通信は、サーバの行に書きます。"
        }
        Rule::SourceInNoZone { .. } => {
            "名前を直すか、機構から示された接続元のアドレスを書いてください。"
        }
        Rule::DestinationOutside { .. } | Rule::BeyondPlatform { .. } => {
            "機構から示された接続先のアドレスを書いてください。"
        }
        Rule::DestinationTwice { .. } => {
            "宛先をどちらか一つの項目だけに書くか、両方の global をそろえてください。"
        }
        Rule::ServerWithoutFtp => {
            "services か allow-from-platform に \"tcp/21\" を書き足すか、ftp を削除してください。通信許可の行には、その行の ftp を書きます。"
        }
        Rule::NameTaken { .. } => {
            "別の名前にしてください。サーバ、端末、オブジェクトは互いに、通信許可は通信許可どうしで、名前付きサービスは名前付きサービスどうしで、同じ名前を使えません。"
        }
        Rule::NameOfService { .. } => {
            "\"http\"、\"https\"、\"icmp-echo\" のほかの名前にしてください。"
        }
        Rule::NoSuchMember { .. } => "名前を直すか、その行か [[object]] を書き足してください。",
        Rule::NoSuchServices { .. } => {
            "名前を直すか、[[service]] を書き足すか、\"tcp/443\" のようなサービスを書いてください。"
        }
        Rule::ObjectInItself { .. } => "ここに書いた名前を削除してください。",
        Rule::Unused { .. } => "削除するか、通信許可で使ってください。",
        Rule::OnBothSides => "二つのオブジェクト、または二つの通信許可に分けてください。",
        Rule::OneSide { .. } => {
            "一方を庁内、もう一方を中間サーバー・プラットフォームにしてください。庁内どうしの通信は通しません。"
        }
        Rule::InNoRow { .. } => {
            "アドレスを直すか、それを含む [[server]] か [[terminals]] の行を書き足してください。"
        }
        Rule::OtherEnvironment { .. } => {
            "アドレスを直してください。環境をまたぐ試験であれば、environment と until を書き足してください。"
        }
        Rule::MemberInNoZone { .. } => {
            "名前を直すか、機構から示された接続先のアドレスを書いてください。"
        }
        Rule::TowardsTerminals { .. } => {
            "to から端末を外してください。中間サーバー・プラットフォームから通信を受ける機器は [[server]] の行に書きます。"
        }
        Rule::EndlessCrossing { .. } => {
            "until に試験の終わる日時を書き足すか、environment を直してください。"
        }
        Rule::PolicyWithoutFtp => "services に \"tcp/21\" を書き足すか、ftp を削除してください。",
        Rule::Shadowed { .. } => {
            "削除するか、直してください。別に数えるための行であれば、そのままで構いません。"
        }
        Rule::Contradicted { .. } => {
            "範囲の狭い許可を先に書くか、どちらかの class、ftp、from、to を直してください。"
        }
        Rule::WidePorts { .. } => "実際に使うポートだけを書いてください。",
        Rule::WholeNetwork { .. } => "通信の相手となる機器だけを書いてください。",
        Rule::NeverOpen { .. } => "この許可を削除するか、until を直してください。",
        Rule::TooManyPolicies => {
            "ネットワークや行の名前を使って許可をまとめ、使わないものを削除してください。"
        }
        Rule::EntryForNothing => "addresses か alias のどちらかを書き足してください。",
        Rule::AliasAndAddresses => "addresses か alias のどちらか一つだけにしてください。",
        Rule::EntryTwice { .. } => {
            "アドレスを一つの項目にまとめるか、interfaces でLANを分けてください。"
        }
        Rule::AliasLoop { .. } => "たどる先のどれか一つを addresses にしてください。",
        Rule::AliasOutOfReach { .. } => {
            "alias を直すか、その名前の項目を書き足すか、office-dns に庁内DNSサーバを書いてください。"
        }
        Rule::EntryInZone { .. } => {
            "意図したものなら、そのままで構いません。ただし、プラットフォーム側でアドレスが変わっても気付けません。意図しないなら削除してください。"
        }
        Rule::EntryIsZone { .. } => "項目を削除するか、name を直してください。",
        Rule::EntryReversed { .. } => {
            "削除してください。アドレスから名前を調べると、そのアドレスを持つ項目の名前が返ります。"
        }
        Rule::ForwardWithoutDns => {
            "装置に転送する庁内DNSサーバを office-dns に書くか、ほかの方式にしてください。"
        }
        Rule::UnusedWithHosts { .. } => "削除するか、ほかの方式にしてください。",
        Rule::OfficeDnsUnreachable { .. } => {
            "アドレスかLANを直すか、LANの routes にそのネットワークを書き足してください。"
        }
        Rule::EntryUnreachable { .. } | Rule::EntryOfOtherLan { .. } => {
            "アドレスを直すか、項目を使うLANを interfaces に書いてください。"
        }
        Rule::AnswersTooWide { .. } => {
            "機構から示されたネットワークを、/8以上のプレフィックス長で書いてください。"
        }
        Rule::AnswersInside { .. } => {
            "機構から示されたネットワークを書いてください。庁内のネットワークは書けません。"
        }
        Rule::BadLogSize { .. } => {
            "200M、1.5G のように、バイト数を 1M から 10G までで書いてください。"
        }
        Rule::BadCertificates => {
            "ログ収集サーバを証明する認証局の証明書を、-----BEGIN CERTIFICATE----- から -----END CERTIFICATE----- まで、\"\"\" の行で挟んで貼り付けてください。秘密鍵は書けません。"
        }
        Rule::TlsInPart { .. } => {
            "認証局の証明書 certificate-authority と、ログ収集サーバの証明書にある名前 name の両方を書いてください。"
        }
        Rule::OnlyWithTls { .. } => "transport = \"tls\" と書くか、この項目を削除してください。",
        Rule::CollectorUnreachable { .. } => {
            "アドレスか interface を直してください。LANか保守ポートの先のホストに限ります。LGWANやプラットフォームのホストは書けません。"
        }
        Rule::FlowsNotLogged => "[flow-log] を書き足すか、send から \"flows\" を除いてください。",
        Rule::MaintenanceNotDesigned => {
            "[interface.maintenance] を書き足すか、LANを指定してください。"
        }
        Rule::PageSourceOutside { .. } => {
            "首長部局業務系LANの端末かネットワークを書いてください。LGWAN、教育委員会、プラットフォームから装置の画面には接続できません。"
        }
        Rule::PageWithoutLan => {
            "[interface.head-office] を書き足すか、[page] を削除してください。保守ポートからはいつでも接続できます。"
        }
        Rule::PageWhole { .. } => "画面を使う担当者の端末だけを書いてください。",
        Rule::PageSources { .. } => {
            "担当者の端末だけを残すか、隣り合うアドレスを一つのネットワークにまとめてください。"
        }
        Rule::MetricsSourceOutside { .. } => {
            "保守ポートのサブネットにある監視サーバを書いてください。LAN、LGWAN、プラットフォームから装置の指標は読めません。"
        }
        Rule::MetricsWithoutMaintenance => {
            "[interface.maintenance] を書き足すか、[metrics] を削除してください。"
        }
        Rule::MetricsWhole { .. } => {
            "指標にはパスワードがありません。監視サーバのアドレスだけを書いてください。"
        }
        Rule::BadRecipient => {
            "age-keygen が表示した公開鍵（age1 に続く58文字の英数字）を、全部写してください。"
        }
        Rule::SecretRecipient => {
            "公開鍵（age1…）を書いてください。設計は秘密ではないので、保存や送付をしていたら、age-keygen で新しい鍵の組を作ってください。"
        }
        Rule::SnmpSourceOutside { .. } => {
            "保守ポートのサブネットにある監視サーバを書いてください。LAN、LGWAN、プラットフォームからSNMPで尋ねることはできません。"
        }
        Rule::SnmpWithoutMaintenance => {
            "[interface.maintenance] を書き足すか、[snmp] を削除してください。"
        }
        Rule::SnmpWhole { .. } => "監視サーバのアドレスだけを書いてください。",
        Rule::MetricsSources { .. } | Rule::SnmpSources { .. } => {
            "監視サーバのアドレスだけを残してください。"
        }
        Rule::RolloutWithoutServer => {
            "機構が一斉更新を始めるまで、[rollout] を書かないでください。それまでの更新は手で入れます。"
        }
        Rule::NameWithoutResolver { .. } => {
            "[interface.lgwan] の dns にLGWANのDNSサーバを書くか、アドレスで書いた接続情報を機構に求めてください。"
        }
        Rule::SignatureWrong => "機構からファイルを受け取り直し、中身を変えずに使ってください。",
        Rule::OtherOrganisation { .. } => {
            "自分の団体の接続情報を使うか、organisation を直してください。"
        }
        Rule::SerialLower { .. } | Rule::IssuedEarlier { .. } => {
            "機構から配られた最新の接続情報を使ってください。"
        }
        Rule::SerialReused { .. } => "通し番号を上げた接続情報を機構に求めてください。",
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
        | Rule::SignatureForm => "直した接続情報を機構に求めてください。",
        Rule::NotText { .. } => {
            "表計算ソフトで「CSV UTF-8（コンマ区切り）」の形式で保存し直してください。"
        }
        Rule::BadQuote => {
            "表計算ソフトでCSV形式で保存し直すか、セルの中の引用符を二つ続けて書いてください。"
        }
        Rule::MissingColumns { .. } => {
            "アドレス変換設計書（通信許可の表では通信フロー一覧）のCSVと同じ見出しの列を、1行目に足してください。区切りはコンマです。"
        }
        Rule::UnreadColumn { .. } => {
            "そのままで構いません。通信の種類や許可は、IP設計の services と allow-from-platform に書きます。"
        }
        Rule::ExtraCell { .. } => "消すか、1行目に見出しを書き足してください。",
        Rule::EmptyCell { .. } => "書き足すか、この行を削除してください。",
        Rule::LinesDisagree { .. } => {
            "同じ名前の行では、LAN、変換後のアドレス、環境をそろえてください。"
        }
        Rule::ReadAs { .. } => "違っていれば、半角で書き直してください。",
        Rule::NoRow { .. } => "ファイルと、「方式」か「種類」の列の言葉を確かめてください。",
        Rule::OtherRows { kind: RowKind::Servers, .. } => {
            "端末も取り込むときは、--terminals にも同じファイルを指定してください。"
        }
        Rule::OtherRows { kind: RowKind::Policies, .. } => {
            "サーバと端末の行の通信は、IP設計の services と allow-from-platform に書きます。"
        }
        Rule::SiteTooLarge { .. } => {
            "相手をオブジェクトに、サービスを名前付きサービスにまとめ、一つのセルに並べて、行を減らしてください。"
        }
        Rule::OtherRows { kind: RowKind::Terminals, .. } => {
            "サーバも取り込むときは、--servers にも同じファイルを指定してください。"
        }
        Rule::UplinkInside { .. } => "このアドレスか、重なっているネットワークを直してください。",
    };
    text.to_owned()
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "引用符で囲んだ文字",
        Shape::Integer => "整数",
        Shape::Float => "小数",
        Shape::Boolean => "trueかfalse",
        Shape::Time => "引用符のない日時",
        Shape::List => "角かっこの一覧",
        Shape::Table => "表",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Prefecture => "都道府県",
        Kind::Municipality => "市区町村",
        Kind::Union => "一部事務組合",
        Kind::WideAreaUnion => "広域連合",
    }
}

pub(super) fn lan(lan: Lan) -> &'static str {
    match lan {
        Lan::HeadOffice => "首長部局業務系LAN",
        Lan::EducationBoard => "教育委員会業務系LAN",
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Lgwan => "LGWAN側",
        Role::Lan(on) => lan(on),
        Role::Maintenance => "保守ポート",
        Role::Platform => "中間サーバー・プラットフォーム",
        Role::Pool => "自治体中間サーバーグローバルアドレス",
    }
}

pub(super) fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "本番",
        Environment::Test => "検証",
    }
}

fn centre_part(part: CentrePart) -> &'static str {
    match part {
        CentrePart::Name => "名前",
        CentrePart::Endpoint => "接続先",
        CentrePart::PublicKey => "公開鍵",
        CentrePart::Preference => "優先順位",
        CentrePart::Probe => "確認用アドレス",
    }
}

fn column(column: Column) -> &'static str {
    match column {
        Column::Method => "方式",
        Column::Name => "名前",
        Column::Lan => "LAN",
        Column::Inside => "変換前（庁内）",
        Column::Global => "変換後（グローバル）",
        Column::Environment => "環境",
        Column::Number => "項番",
        Column::Kind => "種類",
        Column::From => "From",
        Column::To => "To",
        Column::Services => "技術仕様",
        Column::Class => "優先度",
        Column::Ftp => "FTP",
        Column::Approval => "承認",
        Column::Until => "期限",
    }
}

fn rows(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Servers => "サーバ",
        RowKind::Terminals => "端末",
        RowKind::Policies => "通信許可",
    }
}
