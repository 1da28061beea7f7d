/**
 * Comments of a design's file live in its text, and a tree has none: what is printed from a tree gets those of the text
 * before it. A comment belongs to the line below it or to the line that it ends; it is known again by table, row name and
 * key. Only whole comments are added, so the design is the same with them and without.
 */

type Line = {
  /** What the line is about, the same in two texts of one design. */
  anchor: string;
  /** The line without the comment that ends it. */
  code: string;
  above: string[];
  beside: string | null;
};

/** The printed text with the comments of the text before it, as far as what they are about is still there. */
export function carryComments(before: string, printed: string): string {
  const { lines: old, tail } = read(before);
  const above = new Map<string, string[]>();
  const beside = new Map<string, string>();
  const { lines } = read(printed);
  const there = new Set(lines.map((line) => line.anchor));
  for (const line of old) {
    const stays = there.has(line.anchor);
    // An item that is no line of its own any more leaves its comments to the key that it belongs to.
    const anchor = stays ? line.anchor : line.anchor.split("\n", 2).join("\n");
    const comments = stays || line.beside === null ? line.above : [...line.above, line.beside];
    if (comments.length > 0) above.set(anchor, [...(above.get(anchor) ?? []), ...comments]);
    if (stays && line.beside !== null) beside.set(anchor, line.beside);
  }
  if (above.size === 0 && beside.size === 0 && tail.length === 0) return printed;
  const out: string[] = [];
  for (const line of lines) {
    const indent = /^\s*/.exec(line.code)?.[0] ?? "";
    for (const comment of above.get(line.anchor) ?? []) out.push(indent + comment);
    above.delete(line.anchor);
    const end = beside.get(line.anchor);
    out.push(end === undefined ? line.code : `${line.code}  ${end}`);
    beside.delete(line.anchor);
  }
  return [...trimmed(out), ...tail].join("\n") + (printed.endsWith("\n") ? "\n" : "");
}

/** How many lines have a comment. */
export function countComments(text: string): number {
  const { lines, tail } = read(text);
  return lines.reduce((sum, line) => sum + line.above.length + (line.beside === null ? 0 : 1), tail.length);
}

function trimmed(lines: string[]): string[] {
  let end = lines.length;
  while (end > 0 && lines[end - 1] === "") end -= 1;
  return lines.slice(0, end);
}

function read(text: string): { lines: Line[]; tail: string[] } {
  const found: Line[] = [];
  let comments: string[] = [];
  let table = "";
  let key = "";
  let open: Open = closed;
  const names = rowNames(text);
  let row = 0;
  for (const raw of text.split(/\r?\n/)) {
    const within = open.quote !== "" || open.depth > 0;
    const { code, comment, left } = scan(raw, open);
    const said = code.trim();
    if (open.quote === "" && said === "") {
      if (comment !== null) comments.push(comment);
      else if (!within && raw.trim() === "") found.push({ anchor: "", code: "", above: [], beside: null });
      continue;
    }
    if (!within) {
      const heading = /^\[+\s*([^\]]+?)\s*\]+$/.exec(said)?.[1];
      if (heading !== undefined) {
        table = said.startsWith("[[") ? `${heading}/${names[row] ?? row}` : heading;
        if (said.startsWith("[[")) row += 1;
        key = "";
      } else key = /^[^=]*/.exec(said)?.[0].trim() ?? "";
    }
    const inner = within ? `\n${said.replace(/,$/, "")}` : "";
    found.push({
      anchor: `${table}\n${key}${inner}`,
      code: code.trimEnd(),
      above: comments,
      beside: comment,
    });
    if (open.quote !== "") {
      // A line of a text in three quotes is what it is, with whatever ends it.
      const line = found.at(-1);
      if (line) line.code = comment === null ? raw : code.trimEnd();
    }
    comments = [];
    open = left;
  }
  return { lines: found, tail: comments };
}

/** The names of the rows of a text, in its order; a row without one is known by its number. */
function rowNames(text: string): (string | undefined)[] {
  const blocks = text.split(/^\s*\[\[[^\]]+\]\].*$/m).slice(1);
  const names = blocks.map((block) => {
    const own = block.split(/^\s*\[[^[\]]+\]\s*(?:#.*)?$/m)[0] ?? "";
    return /^\s*name\s*=\s*["']([^"']*)["']/m.exec(own)?.[1];
  });
  const seen = new Map<string, number>();
  return names.map((name) => {
    if (name === undefined) return undefined;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name}#${times}`;
  });
}

type Open = { quote: string; depth: number };
const closed: Open = { quote: "", depth: 0 };

/** One line as its code and the comment that ends it, and what it leaves open: a text in three quotes, or brackets. */
function scan(line: string, open: Open): { code: string; comment: string | null; left: Open } {
  let { quote, depth } = open;
  const heading = depth === 0 && quote === "" && /^\s*\[/.test(line);
  for (let index = 0; index < line.length; index += 1) {
    const letter = line[index] as string;
    if (quote !== "") {
      if (letter === "\\" && quote.startsWith('"')) index += 1;
      else if (line.startsWith(quote, index)) {
        index += quote.length - 1;
        quote = "";
      }
    } else if (letter === '"' || letter === "'") {
      quote = line.startsWith(letter.repeat(3), index) ? letter.repeat(3) : letter;
      index += quote.length - 1;
    } else if (letter === "#") {
      return { code: line.slice(0, index), comment: line.slice(index).trimEnd(), left: { quote, depth } };
    } else if (!heading && (letter === "[" || letter === "{")) depth += 1;
    else if (!heading && (letter === "]" || letter === "}")) depth = Math.max(0, depth - 1);
  }
  // Only three quotes go over the end of a line.
  return { code: line, comment: null, left: { quote: quote.length === 3 ? quote : "", depth } };
}
