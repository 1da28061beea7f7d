import type { Field } from "./fields";
import { isTable, type Json, plain, type Tree } from "./tree";

/** What stands for a list that is written and empty, which is not the same as one that is left out. */
export const emptyList = "-";

/** A value as the text of one input or one cell. */
export function show(field: Field, value: Json | undefined): string {
  switch (field.kind) {
    case "list":
    case "services":
    case "several":
      if (!Array.isArray(value)) return plain(value);
      return value.length === 0 ? emptyList : value.map(plain).join(", ");
    case "flag":
      return value === true ? "true" : "";
    case "time":
      return timeText(value);
    default:
      return plain(value);
  }
}

/** The value that a text means. What it can't be stays as it was typed, so that the server says what is wrong with it. */
export function read(field: Field, typed: string): Json | undefined {
  const text = typed.trim();
  if (text === "") return undefined;
  switch (field.kind) {
    case "list":
    case "services":
    case "several":
      return text === emptyList ? [] : items(text);
    case "number":
      return asNumber(text);
    case "choice":
      return field.numeric ? asNumber(text) : text;
    case "time":
      return Number.isNaN(Date.parse(text)) ? text : timeValue(text);
    case "flag":
      return /^(true|yes|はい|○|1)$/i.test(text) ? true : undefined;
    default:
      return text;
  }
}

function asNumber(text: string): Json {
  const half = text.normalize("NFKC");
  return /^-?\d{1,15}$/.test(half) ? Number(half) : text;
}

/** `a, b` and `a、b` and one a line are two items each. */
export function items(text: string): string[] {
  return text.split(/[\s,、，]+/u).filter((item) => item !== "");
}

/** TOML's times have no kind of their own in JSON: the server writes them as a table with this key. */
const timeKey = "$time";

export function timeText(value: Json | undefined): string {
  return isTable(value) ? plain(value[timeKey]) : plain(value);
}

export function timeValue(text: string): Json {
  return { [timeKey]: text };
}

/** A time as an input of the browser wants it, in this browser's zone; empty where it is none. */
export function localTime(text: string): string {
  const time = new Date(text);
  if (text === "" || Number.isNaN(time.getTime())) return "";
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** A time of this browser's zone as the file wants it: `2099-03-31T17:00:00+09:00`. */
export function fileTime(local: string): string {
  const time = new Date(local);
  if (Number.isNaN(time.getTime())) return local;
  const offset = -time.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const two = (value: number) => String(value).padStart(2, "0");
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local.length === 16 ? `${local}:00` : local}${zone}`;
}

/** Cells as a spreadsheet puts them on the clipboard: tabs between them, quotes around those with line breaks. */
export function parseTsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    row.push(cell);
    cell = "";
  };
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] as string;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[index + 1] === '"') {
        cell += '"';
        index += 1;
      } else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === "\t") end();
    else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text[index + 1] === "\n") index += 1;
      end();
      rows.push(row);
      row = [];
    } else cell += letter;
  }
  if (cell !== "" || row.length > 0) {
    end();
    rows.push(row);
  }
  return rows;
}

export function formatTsv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join("\t")}\n`).join("");
}

/** Whether what is pasted is a piece of a table rather than a text for one cell. */
export function isBlock(cells: readonly (readonly string[])[]): boolean {
  return cells.length > 1 || (cells[0]?.length ?? 0) > 1;
}

/**
 * Puts a block of cells over the cells of rows, from one cell on; rows that are missing are added. Words for choices are
 * taken in the user's language too. Cells beyond the last column are left out.
 */
export function paste(
  rows: readonly Json[],
  columns: readonly Field[],
  start: { row: number; column: number },
  cells: readonly (readonly string[])[],
  words: (field: Field, option: string) => string,
): Json[] {
  const next = [...rows];
  cells.forEach((line, down) => {
    const where = start.row + down;
    const old = next[where];
    const row: Tree = isTable(old) ? { ...old } : {};
    line.forEach((cell, across) => {
      const field = columns[start.column + across];
      if (!field) return;
      const value = read(field, meant(field, cell, words));
      if (value === undefined) delete row[field.key];
      else row[field.key] = value;
    });
    next[Math.min(where, next.length)] = row;
  });
  return next;
}

/** A choice by its word in the file, for one that people use. */
function meant(field: Field, cell: string, words: (field: Field, option: string) => string): string {
  if (field.kind !== "choice" && field.kind !== "several") return cell;
  const plainly = (text: string) => text.normalize("NFKC").trim().toLowerCase();
  const option = (text: string) =>
    field.options.find((option) => [option, words(field, option)].map(plainly).includes(plainly(text))) ??
    text;
  return field.kind === "choice" ? option(cell) : items(cell).map(option).join(", ");
}

/** The rows of a table that are drawn: those to be seen and a few on either side. */
export function shown(
  count: number,
  rowHeight: number,
  top: number,
  height: number,
): { from: number; to: number } {
  const spare = 6;
  const from = Math.max(0, Math.min(count, Math.floor(top / rowHeight)) - spare);
  const to = Math.min(count, Math.ceil((top + height) / rowHeight) + spare);
  return { from, to: Math.max(from, to) };
}
