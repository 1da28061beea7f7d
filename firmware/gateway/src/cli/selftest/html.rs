//! A report on paper: one file of HTML, A4 upright, nothing fetched from elsewhere, room for both sides to sign.

use std::fmt::Write as _;

use sekisho_control::{Cause, CheckOutcome, FirstCause, SelfTestReport, Stage, Verdict};
use sekisho_design::Language;

use super::{
    merge::Merged,
    words::{self, Counts, plain},
};

const STYLE: &str = "\
@page { size: A4; margin: 14mm 12mm 16mm; @bottom-right { content: counter(page) \" / \" counter(pages); font: 8pt sans-serif; } }
* { box-sizing: border-box; }
body { font: 9.5pt/1.5 \"Noto Sans CJK JP\", \"Yu Gothic\", Meiryo, sans-serif; color: #000; background: #fff; max-width: 190mm; margin: 1em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0 0 .4em; border-bottom: 2pt solid #000; }
h2 { font-size: 11.5pt; margin: 1.2em 0 .3em; break-after: avoid; }
p { margin: .2em 0; }
table { border-collapse: collapse; width: 100%; margin: 0 0 .8em; }
th, td { border: .5pt solid #555; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; font-weight: 600; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
thead { display: table-header-group; }
tr, .first, .sign { break-inside: avoid; }
.about th { width: 11em; white-space: nowrap; }
.checks { table-layout: fixed; }
.checks .stage { background: #ddd; font-size: 10.5pt; }
.checks th, .calls th { white-space: nowrap; }
.checks td p, .first dd { white-space: pre-line; }
.mark { text-align: center; white-space: nowrap; }
col.mark { width: 5.6em; }
col.what { width: 36%; }
col.value { width: 8.5em; }
col.requirement { width: 4em; }
.small { font-size: 8pt; color: #333; }
.id { font-size: 7.5pt; display: inline-block; }
p, dd { line-break: strict; }
.failed .mark { font-weight: 700; background: #f4c7c3; }
.warned .mark { font-weight: 700; background: #fce8b2; }
.mark, .first { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.verdict { font-size: 13pt; font-weight: 700; }
.first { border: 1.5pt solid #000; padding: .5em .8em; margin: .6em 0 .8em; }
.first h2 { margin: 0 0 .2em; }
.first dl, .checks dl { margin: 0; }
dt { font-weight: 600; float: left; clear: left; margin-right: .6em; }
dd { margin: 0; overflow-wrap: anywhere; }
.checks dl { margin-top: .2em; padding-top: .2em; border-top: .5pt dotted #555; }
.sign { margin-top: 1.5em; }
.sign td { height: 3.2em; }
.sign .seal { width: 6em; text-align: center; vertical-align: middle; color: #777; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 9pt; } }
";

/// The page; with the far end's half where both were joined.
pub(super) fn page(report: &SelfTestReport, merged: Option<&Merged>, language: Language) -> String {
    let say = |ja, en| language.pick(ja, en);
    let title = match merged {
        None => say("接続確認報告書", "Connection check report"),
        Some(_) => say("接続確認報告書（双方）", "Connection check report of both sides"),
    };
    let lang = say("ja", "en");
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<table class=\"about\">\n"
    );
    for (heading, about) in words::about(report, language) {
        let _ = writeln!(text, "<tr><th>{heading}</th><td>{}</td></tr>", escaped(&about));
    }
    let verdict = words::verdict(report.verdict, language);
    let counts = Counts::of(&report.outcomes).sentence(language);
    let _ = writeln!(
        text,
        "<tr><th>{}</th><td><span class=\"verdict\">{verdict}</span>　{counts}</td></tr>\n</table>",
        say("判定", "Verdict")
    );
    if let Some(first) = &report.first_cause {
        first_cause(&mut text, first, language);
    }
    if let Some(merged) = merged {
        both_sides(&mut text, merged, language);
    }
    for stage in Stage::ALL {
        let mut outcomes =
            report.outcomes.iter().filter(|outcome| outcome.check.stage == stage).peekable();
        if outcomes.peek().is_none() {
            continue;
        }
        // The stage stands in the head, which is printed again on every page that the table goes on to.
        let _ = writeln!(
            text,
            "<table class=\"checks\">\n<colgroup><col class=\"mark\"><col class=\"what\"><col>\
             <col class=\"value\"><col class=\"requirement\"></colgroup>\n\
             <thead>\n<tr><th class=\"stage\" colspan=\"5\">{}</th></tr>\n\
             <tr><th class=\"mark\">{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr>\n</thead>\n<tbody>",
            words::stage(stage, language),
            say("判定", "Verdict"),
            say("確認したこと", "What was tried"),
            say("結果", "Result"),
            say("測定値／基準", "Value / limit"),
            say("要件", "Req."),
        );
        for outcome in outcomes {
            check(&mut text, outcome, language);
        }
        text += "</tbody>\n</table>\n";
    }
    signatures(&mut text, language);
    text + "</body>\n</html>\n"
}

fn first_cause(text: &mut String, first: &FirstCause, language: Language) {
    let FirstCause { check, title, cause } = first;
    let heading = language.pick("まず直すところ：", "To mend first: ");
    let title = escaped(title.get(language));
    let _ = write!(
        text,
        "<section class=\"first\">\n<h2>{heading}{title}</h2>\n<p class=\"small\">{} / {}</p>\n",
        escaped(check),
        escaped(&cause.code)
    );
    why(text, cause, language);
    *text += "</section>\n";
}

fn check(text: &mut String, outcome: &CheckOutcome, language: Language) {
    let CheckOutcome { check, verdict, result, measured, limit, cause, milliseconds: _ } = outcome;
    let class = match verdict {
        Verdict::Passed => "passed",
        Verdict::Warned => "warned",
        Verdict::Failed => "failed",
        Verdict::NotRun => "not-run",
    };
    // Words stand beside Japanese signs: a printer without colour and a reader who doesn't know them see them all the same.
    let word = words::verdict(*verdict, language);
    let mark =
        language.pick(format!("{} {word}", words::mark(*verdict, language)), word.to_owned());
    let _ = write!(
        text,
        "<tr class=\"{class}\"><td class=\"mark\">{mark}</td><td><p>{}</p><p class=\"small\">{} \
         <span class=\"id\">{}</span></p></td><td><p>{}</p>",
        escaped(check.title.get(language)),
        escaped(check.tried.get(language)),
        escaped(&check.id),
        escaped(result.get(language)),
    );
    if let Some(cause) = cause {
        why(text, cause, language);
    }
    *text += "</td><td>";
    if let Some(measured) = measured {
        let _ = write!(text, "<p>{}</p>", escaped(measured));
    }
    if let Some(limit) = limit {
        let label = language.pick("基準：", "limit: ");
        let _ = write!(text, "<p class=\"small\">{label}{}</p>", escaped(limit));
    }
    let _ = writeln!(text, "</td><td>{}</td></tr>", escaped(&check.requirements.join(" ")));
}

fn why(text: &mut String, cause: &Cause, language: Language) {
    let Cause { code: _, why, told_by, next_step } = cause;
    *text += "<dl>\n";
    for (ja, en, said) in [
        ("原因", "Cause", why),
        ("判断の根拠", "Told by", told_by),
        ("次にすること", "Next step", next_step),
    ] {
        let label = language.pick(ja, en);
        let _ = writeln!(text, "<dt>{label}</dt><dd>{}</dd>", escaped(said.get(language)));
    }
    *text += "</dl>\n";
}

fn both_sides(text: &mut String, merged: &Merged, language: Language) {
    let heading = language.pick("双方の突合せ", "Both sides compared");
    let _ = write!(
        text,
        "<h2>{heading}</h2>\n<p>{}</p>\n<table class=\"calls\">\n<thead>\n<tr>",
        escaped(&merged.clock_sentence(language))
    );
    for column in Merged::columns(language) {
        let _ = write!(text, "<th>{column}</th>");
    }
    *text += "</tr>\n</thead>\n<tbody>\n";
    for row in merged.rows(language) {
        *text += "<tr>";
        for cell in row {
            let _ = write!(text, "<td>{}</td>", escaped(&cell));
        }
        *text += "</tr>\n";
    }
    *text += "</tbody>\n</table>\n";
    if merged.disagreements.is_empty() {
        let none = language.pick("食い違いはありません。", "Both sides agree.");
        let _ = writeln!(text, "<p>{none}</p>");
        return;
    }
    let heading = language.pick("食い違い", "Disagreements");
    let _ = writeln!(text, "<section class=\"first\">\n<h2>{heading}</h2>\n<ul>");
    for disagreement in &merged.disagreements {
        let _ = writeln!(text, "<li>{}</li>", escaped(disagreement.get(language)));
    }
    *text += "</ul>\n</section>\n";
}

fn signatures(text: &mut String, language: Language) {
    let say = |ja, en| language.pick(ja, en);
    let _ = writeln!(
        text,
        "<section class=\"sign\">\n<h2>{}</h2>\n<p>{}</p>\n<table>\n<tr><th></th><th>{}</th>\
         <th>{}</th><th>{}</th><th>{}</th></tr>",
        say("確認", "Signatures"),
        say(
            "上の結果を双方で確認しました。",
            "Both sides have seen the results above and agree that they are what was found."
        ),
        say("確認日", "Date"),
        say("所属", "Department"),
        say("氏名", "Name"),
        say("印", "Seal"),
    );
    for side in language.pick(["団体", "機構"], ["Office", "Operator"]) {
        let seal = say("印", "");
        let _ = writeln!(
            text,
            "<tr><th>{side}</th><td></td><td></td><td></td><td class=\"seal\">{seal}</td></tr>"
        );
    }
    *text += "</table>\n</section>\n";
}

/// A text as HTML shows it, whatever another host put into it.
fn escaped(text: &str) -> String {
    sekisho_design::escaped(&plain(text))
}
