/** A section of a manual, as the build makes it. */
export type Section = { anchor: string; title: string; html: string };

export type Hit = { manual: string; anchor: string; title: string; excerpt: [string, string, string] };

const around = 40;

/** Sections that hold every word, those with all of them in the heading first. */
export function search(manuals: { name: string; sections: Section[] }[], wanted: string, most = 30): Hit[] {
  const words = fold(wanted).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found: { hit: Hit; inTitle: boolean }[] = [];
  for (const { name, sections } of manuals) {
    for (const section of sections) {
      const bare = plain(section.html);
      const text = fold(bare);
      if (!words.every((word) => text.includes(word))) continue;
      const inTitle = words.every((word) => fold(section.title).includes(word));
      const hit = {
        manual: name,
        anchor: section.anchor,
        title: section.title,
        excerpt: excerpt(bare, text, words[0] ?? ""),
      };
      found.push({ hit, inTitle });
    }
  }
  const ranked = found.sort((a, b) => Number(b.inTitle) - Number(a.inTitle));
  return ranked.slice(0, most).map(({ hit }) => hit);
}

const letters: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&amp;": "&",
};

/** The words of a section without its marks. */
export function plain(html: string): string {
  const bare = html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(?:lt|gt|quot|#39|amp);/g, (name) => letters[name] ?? name);
  return bare.replace(/\s+/g, " ").trim();
}

/** Letters that people mix when they type, as one. It keeps the length, so that places stay places. */
function fold(text: string): string {
  return Array.from(text, (letter) => {
    const folded = letter.normalize("NFKC").toLowerCase();
    return folded.length === letter.length ? folded : letter;
  }).join("");
}

function excerpt(text: string, folded: string, word: string): [string, string, string] {
  const at = folded.indexOf(word);
  const from = Math.max(0, at - around);
  const end = at + word.length;
  const before = `${from > 0 ? "…" : ""}${text.slice(from, at)}`;
  const after = `${text.slice(end, end + around)}${end + around < text.length ? "…" : ""}`;
  return [before, text.slice(at, end), after];
}
