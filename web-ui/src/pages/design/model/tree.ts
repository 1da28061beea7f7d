/** A site design as the server reads it from TOML. What it means is the server's business; here it is only edited. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Tree = { [key: string]: Json };
export type Path = readonly (string | number)[];

/** `server[0].private` as its parts. */
export function parsePath(text: string): Path {
  const parts: (string | number)[] = [];
  for (const [, quoted, key, index] of text.matchAll(/"((?:[^"\\]|\\.)*)"|([^.[\]"]+)|\[(\d+)\]/g)) {
    if (index !== undefined) parts.push(Number(index));
    else parts.push(quoted === undefined ? (key ?? "") : quoted.replace(/\\(.)/g, "$1"));
  }
  return parts;
}

export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else {
      const key = /^[^.[\]"]+$/.test(part) ? part : `"${part.replace(/["\\]/g, "\\$&")}"`;
      text += text === "" ? key : `.${key}`;
    }
  }
  return text;
}

export function isTable(value: Json | undefined): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands at a path; nothing where the way there leads nowhere. */
export function at(tree: Json | undefined, path: Path): Json | undefined {
  let value: Json | undefined = tree;
  for (const part of path) {
    if (typeof part === "number") value = Array.isArray(value) ? value[part] : undefined;
    else value = isTable(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}

export function listAt(tree: Json | undefined, path: Path): readonly Json[] {
  const value = at(tree, path);
  return Array.isArray(value) ? value : [];
}

/** The text of a plain value: empty for what isn't there, and for what has parts. */
export function plain(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export function textAt(tree: Json | undefined, path: Path): string {
  return plain(at(tree, path));
}

/**
 * Puts a value at a path. The way there is built where it is missing; everything beside it stays the same object, which
 * is what keeps 500 rows from being drawn again. `undefined` takes away what is there.
 */
export function set(tree: Tree, path: Path, value: Json | undefined): Tree {
  if (path.length === 0) return isTable(value) ? value : tree;
  return replaced(tree, path, value) as Tree;
}

function replaced(old: Json | undefined, path: Path, value: Json | undefined): Json | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  if (typeof part === "number") {
    const list = Array.isArray(old) ? old : [];
    if (part >= list.length && value === undefined) return old;
    const next = replaced(list[part], rest, value);
    if (next === list[part]) return old;
    if (next === undefined) return spliced(list, part, 1);
    return spliced(list, Math.min(part, list.length), 1, next);
  }
  const table = isTable(old) ? old : {};
  const before = Object.hasOwn(table, part) ? table[part] : undefined;
  if (before === undefined && value === undefined) return old;
  const next = replaced(before, rest, value);
  if (next === before) return old;
  if (next !== undefined) return { ...table, [part]: next };
  const { [part]: _, ...others } = table;
  return others;
}

/** A new item in a list, at its end where no place is named. */
export function insert(tree: Tree, path: Path, value: Json, where?: number): Tree {
  const list = listAt(tree, path);
  return set(tree, path, spliced(list, where ?? list.length, 0, value));
}

/** Takes an item out; a list without items goes with it, because most lists of a design may not be empty. */
export function remove(tree: Tree, path: Path, where: number): Tree {
  const list = listAt(tree, path);
  if (where < 0 || where >= list.length) return tree;
  return set(tree, path, list.length === 1 ? undefined : spliced(list, where, 1));
}

/** Moves an item: the order of policies means something. */
export function move(tree: Tree, path: Path, from: number, to: number): Tree {
  const list = listAt(tree, path);
  const item = list[from];
  if (item === undefined || to < 0 || to >= list.length || from === to) return tree;
  return set(tree, path, spliced(spliced(list, from, 1), to, 0, item));
}

function spliced(list: readonly Json[], start: number, gone: number, ...items: Json[]): Json[] {
  return [...list.slice(0, start), ...items, ...list.slice(start + gone)];
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  }
  if (!isTable(a) || !isTable(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
  );
}

/** A name that no row has yet: `server-3`. */
export function freshName(rows: readonly Json[], stem: string): string {
  const taken = new Set(rows.map((row) => textAt(row, ["name"])));
  let number = rows.length + 1;
  while (taken.has(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}
