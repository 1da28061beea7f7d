const ja = {
  title: "装置の鍵の更新",
  lead: "トンネルの鍵を、装置を取り替えずに新しくします。通信は続きます。",
  changes: {
    begin: {
      word: "鍵の更新を始める",
      not: "やめる",
      title: "装置の鍵の更新を始めますか",
      sentences: [
        "新しい鍵を、装置の中に作ります。通信は、今の鍵のまま続きます。切れる通信はありません。",
        "新しい公開鍵を、機構に届けてください。機構が両方の拠点に登録して切り替えるまで、今の鍵を使い続けます。",
        "どの拠点も新しい鍵に切り替わっていない間は、取りやめられます。",
        "新しい鍵は控えに入りません。更新が終わったら、装置の鍵を入れた控えを作り直してください。",
      ],
    },
    cancel: {
      word: "更新をやめる",
      not: "更新を続ける",
      title: "装置の鍵の更新をやめますか",
      sentences: [
        "新しい鍵を装置から消し、今の鍵を使い続けます。消した鍵は元に戻せません。通信は切れません。",
        "もう機構に届けたときは、登録を消すよう、機構に伝えてください。",
      ],
    },
  },
  goesOn: "更新中",
  course: "通信は続いています。新しい鍵に切り替わるまで、今の鍵を使います。",
  key: "新しい公開鍵",
  keyHint: "機構に届けるのはこれです。下の図を読み取ってもらうか、写して届けます。",
  madeAt: "作った日時",
  picture: "新しい公開鍵、製造番号、団体、版のQRコード",
  centres: "拠点の状態",
  noCentres: "トンネルが動いていないため、拠点の状態はわかりません。「状態」の画面を見てください。",
  states: { unknown: "応答なし", registered: "登録済み", "in-use": "切替済み" },
  meanings: {
    unknown: "未登録か、拠点が停止中です",
    registered: "通信は、まだ今の鍵です",
    "in-use": "通信は新しい鍵です",
  },
  next: "進み方",
  steps: [
    "機構に新しい公開鍵を届けます。機構は、届いた鍵を別の手段で確かめます。",
    "機構が、両方の拠点に新しい公開鍵を登録します。上が「登録済み」になります。",
    "機構が、一つずつ拠点を切り替えます。上が「切替済み」になります。",
    "両方が切替済みになって3分後に、古い鍵は装置から消えます。答えない拠点があるときは、1日待ちます。",
  ],
  ended: "装置の鍵が新しくなりました",
  endedLeft: [
    "機構に、古い鍵の登録が拠点に残っていれば消してもらってください。",
    "装置の鍵を入れた控えを、作り直してください。前の控えの鍵では、つながりません。",
  ],
  toBackup: "控えを作る",
  withdrawn: "新しい鍵は取りやめになりました",
  withdrawnLeft: (key: string) =>
    `今の鍵を使い続けます。機構に新しい鍵（${key}）を届けていたときは、登録を消してもらってください。`,
  understood: "わかりました",
};

const en: typeof ja = {
  title: "Renewal of the box's key",
  lead: "The tunnel gets a new key, and the box stays. Traffic goes on.",
  changes: {
    begin: {
      word: "Begin a renewal",
      not: "Not now",
      title: "Begin a renewal of the box's key?",
      sentences: [
        "A new key is made in the box. Traffic goes on by the present key; no connection is cut.",
        "Give the new public key to the operator. Until the operator has registered it at both centres and gone over to it, the present key stays in use.",
        "As long as no centre has gone over, you can cancel.",
        "The new key is in no backup. When the renewal has ended, make a new backup with the box's key.",
      ],
    },
    cancel: {
      word: "Cancel the renewal",
      not: "Let it go on",
      title: "Cancel the renewal of the box's key?",
      sentences: [
        "The new key is erased for good, and the present one stays in use. No connection is cut.",
        "If the operator has the new key already, say that it is to be removed.",
      ],
    },
  },
  goesOn: "under way",
  course: "Traffic goes on, by the present key until a centre goes over to the new one.",
  key: "Coming public key",
  keyHint: "What the operator gets: have the picture below scanned, or send a copy.",
  madeAt: "Made",
  picture: "QR code of the coming public key, serial number, organisation and version",
  centres: "The centres",
  noCentres: "There is no tunnel, so nothing is known of the centres. See the status.",
  states: { unknown: "no answer", registered: "registered", "in-use": "in use" },
  meanings: {
    unknown: "not registered, or the centre is down",
    registered: "traffic goes by the present key still",
    "in-use": "traffic goes by the new key",
  },
  next: "How it goes on",
  steps: [
    "Give the coming public key to the operator, who makes sure by another way that it is yours.",
    "The operator registers it at both centres: they show as registered above.",
    "The operator goes over to it, one centre after the other: they show as in use.",
    "Three minutes after both have gone over, the old key is erased from the box; a centre that is silent is waited for, for a day.",
  ],
  ended: "The box has its new key",
  endedLeft: [
    "Have the operator remove the old key where a centre still has it.",
    "Make a new backup with the box's key: with the key of an earlier one, the box reaches nobody.",
  ],
  toBackup: "Make a backup",
  withdrawn: "The new key was withdrawn",
  withdrawnLeft: (key) =>
    `The present key stays in use. If the operator has the new one (${key}), have it removed there.`,
  understood: "Understood",
};

export const texts = { ja, en };
