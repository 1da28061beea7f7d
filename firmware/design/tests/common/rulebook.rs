//! What `docs/rules.md` holds: every rule as it speaks in its case under `tests/bad/`.

use std::{collections::BTreeMap, fmt::Write};

use sekisho_design::{LARGEST_FILE, Language, Problem, Rule, Severity};

use crate::cases;

/// The page below the repository's root.
pub(crate) const PAGE: &str = "docs/rules.md";

const HEAD: &str = "\
# Rules of a design / 設計の決まり

`sekisho check` measures both files by these rules and reports every broken one at once. Each rule is shown here with
example values: what is wrong, and how to mend it. A code never changes its meaning and is never used again. An *error*
refuses the design; a *warning* asks somebody to look.

`sekisho check` はこの決まりで二つのファイルを検査し、破れた決まりを一度に全部示します。ここでは例の値を入れて、何が誤りか、
どう直すかを並べています。番号の意味は変わらず、使い回されません。「誤り」があると設計は受け付けられません。「注意」は確認を
求めるだけです。

This page is made from the rules: `cargo run -p sekisho-design --example rules`.
";

/// Themes, by the first part of a code.
const THEMES: [(&str, &str, &str); 18] = [
    ("FILE", "The file as a whole", "ファイル全体"),
    ("FORM", "Keys and values", "項目と値の書き方"),
    ("ORG", "Organisation and placement", "団体と接続例"),
    ("ADDR", "Interfaces and networks", "インターフェースとネットワーク"),
    ("LINE", "How the line is divided", "回線の配分"),
    ("POOL", "Global addresses", "グローバルアドレス"),
    ("ROW", "Servers and terminals", "サーバと端末の行"),
    ("PERM", "Policies, objects and named services", "通信許可、オブジェクト、名前付きサービス"),
    ("NAME", "Name resolution", "名前解決"),
    ("LOG", "Flow log and collector", "通信の記録とログ収集サーバ"),
    ("PAGE", "The device's page", "装置の画面"),
    ("MET", "The device's figures", "装置の指標"),
    ("SNMP", "Who asks by SNMP", "SNMPで尋ねる監視サーバ"),
    ("BACK", "The nightly backup", "毎晩の控え"),
    ("ROLL", "Roll-outs of firmware", "機構による一斉更新"),
    ("PLAT", "The platform", "接続情報の拠点など"),
    ("SIGN", "Signature and age", "接続情報の署名、団体、新しさ"),
    ("CSV", "Tables that `sekisho import` reads", "`sekisho import` が読む表"),
];

/// The whole page.
pub(crate) fn page() -> String {
    let examples = examples();
    let mut text = HEAD.to_owned();
    let mut theme = "";
    for code in Rule::CODES {
        let (first, _) = code.split_once('-').unwrap();
        if theme != first {
            theme = first;
            let (_, english, japanese) =
                THEMES.into_iter().find(|(known, ..)| *known == first).unwrap();
            writeln!(text, "\n## {first}: {english} / {japanese}").unwrap();
        }
        let problem =
            examples.get(code).unwrap_or_else(|| panic!("tests/bad has no case for {code}"));
        let severity = match problem.severity() {
            Severity::Error => "error / 誤り",
            Severity::Warning => "warning / 注意",
        };
        writeln!(text, "\n### {code} ({severity})\n").unwrap();
        for language in [Language::Japanese, Language::English] {
            let [sentence, mend] =
                [problem.sentence(language), problem.mend(language)].map(|said| plain(&said));
            writeln!(text, "- {sentence}\\\n  → {mend}").unwrap();
        }
    }
    text
}

/// A problem for each code: of a case that bears the code rather than of another, in the site rather than in the profile.
fn examples() -> BTreeMap<&'static str, Problem> {
    // The rules whose cases would be large files.
    let large = [
        Rule::TooLarge { bytes: 10 << 20, limit: LARGEST_FILE },
        Rule::SiteTooLarge { bytes: 10 << 20, limit: LARGEST_FILE },
    ];
    let mut all: Vec<_> = large
        .into_iter()
        .map(|rule| {
            let file = "site.toml".to_owned();
            (false, Problem { rule, file, line: 1, column: 1, path: String::new() })
        })
        .collect();
    for case in cases::all() {
        let name = case.file_name().unwrap().to_str().unwrap();
        let bears = |code| name.strip_prefix(code).is_some_and(|rest| rest.starts_with('-'));
        all.extend(cases::problems(&case).into_iter().map(|found| (!bears(found.code()), found)));
    }
    all.sort_by_key(|(other, problem)| (*other, problem.file != "site.toml"));
    let mut examples = BTreeMap::new();
    for (_, problem) in all {
        examples.entry(problem.code()).or_insert(problem);
    }
    examples
}

/// The text with the marks of Markdown taken at their word.
fn plain(text: &str) -> String {
    text.chars().fold(String::new(), |mut plain, c| {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '[' | ']') {
            plain.push('\\');
        }
        plain.push(c);
        plain
    })
}
