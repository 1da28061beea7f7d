const ja = {
  lead: "装置に入っている手引きです。インターネットがなくても読めます。",
  search: "手引きの中を探す",
  searchHint: "例：グローバルアドレス、再起動、証明書",
  found: (count: number) => (count === 0 ? "見つかりません。短い言葉で探してみてください。" : `${count}か所`),
  all: "手引きの一覧",
  contents: "目次",
  onlyJapanese: "",
  failed: "手引きを読み込めませんでした。",
};

const en: typeof ja = {
  lead: "The manuals in the box; no internet needed.",
  search: "Search the manuals",
  searchHint: "In Japanese, like グローバルアドレス",
  found: (count) => (count === 0 ? "Nothing found." : `${count} places`),
  all: "Manuals",
  contents: "Contents",
  onlyJapanese: "The manuals are in Japanese, for the people who use them.",
  failed: "The manual could not be loaded.",
};

export const texts = { ja, en };
