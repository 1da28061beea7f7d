//! The sentences about policies, about what they use, and about what stands beside them in rows.

use sekisho_design::diff;

use crate::diff::{CHANGES, base};

#[test]
fn a_difference_of_policies_is_a_sentence_in_both_languages() {
    let mut after = base();
    for wanted in [
        "terminals.counter.class",
        "terminals.counter.cap",
        "terminals.counter.global-for.100.72.7.0/24",
        "object.batch.members",
        "service.transfer.services",
        "policy.night.direction",
        "policy.files.to",
        "policy.files.environment",
        "policy.files.class",
        "policy.files.ftp",
        "policy.files.until",
        "policy.new",
        "policy.order",
        "limits.connections",
    ] {
        CHANGES.into_iter().find(|(path, _)| *path == wanted).unwrap().1(&mut after);
    }
    let found = diff(&base(), &after);
    let japanese: Vec<_> = found.iter().map(|found| found.sentence.ja.as_str()).collect();
    let english: Vec<_> = found.iter().map(|found| found.sentence.en.as_str()).collect();
    assert_eq!(
        japanese,
        [
            "端末「counter」の100.72.7.0/24 あてに使うグローバルアドレス（100.64.10.79）がなくなります。",
            "端末「counter」：優先度が 通常 から 一括 に変わります。",
            "端末「counter」：1台あたりの速度の上限が なし から 5M に変わります。",
            "オブジェクト「batch」：メンバーに atena が加わります。",
            "名前付きサービス「transfer」：サービスから tcp/445 がなくなります。",
            "通信許可：順番が files、copies から copies、files に変わります。",
            "通信許可「files」：プラットフォーム側の相手から 100.72.8.0/24 がなくなります。",
            "通信許可「files」：プラットフォーム側の相手に 100.72.8.0/25 が加わります。",
            "通信許可「files」：環境が 庁内側の行と同じ から 検証 に変わります。",
            "通信許可「files」：優先度が 一括 から 庁内側の行と同じ に変わります。",
            "通信許可「files」：FTPのデータ接続の許可が する から しない に変わります。",
            "通信許可「files」：期限が 2026-06-30 17:00:00 +09:00 から 2026-06-30 17:30:00 +09:00 に変わります。",
            "通信許可「night」：始める側が 庁内 から プラットフォーム に変わります。",
            "通信許可「new」（100.72.8.0/24 → batch、transfer）が加わります。",
            "送信元ごとの上限：同時の接続数が 2048 から 100 に変わります。",
        ]
    );
    assert_eq!(
        english,
        [
            "Terminals 'counter': global address towards 100.72.7.0/24 (100.64.10.79) is removed.",
            "Terminals 'counter': the class of traffic changes from normal to bulk.",
            "Terminals 'counter': the cap of each host changes from none to 5M.",
            "Object 'batch': atena joins the members.",
            "Named services 'transfer': tcp/445 leaves the services.",
            "Policies: the order changes from files, copies to copies, files.",
            "Policy 'files': 100.72.8.0/24 leaves the platform's end.",
            "Policy 'files': 100.72.8.0/25 joins the platform's end.",
            "Policy 'files': the environment changes from that of the office's row to test.",
            "Policy 'files': the class of traffic changes from bulk to that of the office's row.",
            "Policy 'files': the leave for FTP's data connections changes from yes to no.",
            "Policy 'files': the end changes from 2026-06-30 17:00:00 +09:00 to 2026-06-30 17:30:00 +09:00.",
            "Policy 'night': the side that starts changes from office to platform.",
            "Policy 'new' (100.72.8.0/24 → batch, transfer) is added.",
            "Limits of a source: the number of connections at a time changes from 2048 to 100.",
        ]
    );
}
