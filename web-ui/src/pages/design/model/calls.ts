import { ask, get, post, postForText } from "../../../api/client";
import type {
  Checked,
  Compared,
  DesignText,
  DraftAnswer,
  DraftLock,
  DesignFiles as Files,
  Imported,
  KeptDraft,
  Sheet,
  SheetForm,
  Stored,
} from "../../../api/types";
import type { Tree } from "./tree";

export type { Checked, DraftAnswer, Files, Imported, KeptDraft, SheetForm };
export type Lock = DraftLock;
/** What lies on the box for whoever goes on with it. */
export type Draft = Files & {
  /** The generation that it began from, 0 for none. */
  generation: number;
};

/** What the design page asks the box. Every rule of a design is there. */
export const calls = {
  parse: (text: string) => post<{ tree: Tree }>("/design/parse", { text }).then((answer) => answer.tree),
  print: (tree: Tree) => post<DesignText>("/design/print", { tree }).then((answer) => answer.text),
  check: (files: Files) => post<Checked>("/design/check", files),
  compare: (from: Files, to: Files) =>
    post<Compared>("/design/compare", { from, to }).then((answer) => answer.differences),
  sheet: (files: Files, form: SheetForm, language: string) =>
    post<Sheet>("/design/sheet", { ...files, form, language }).then((answer) => answer.html),
  sheetAsCsv: (files: Files, form: SheetForm, language: string) =>
    postForText("/design/sheet", { ...files, form, language, written: "csv" }),
  import: (site: string, table: string, kind: "rows" | "policies") =>
    post<Imported>("/design/import", { site, table: { base64: table }, kind }),
  generation: (number: number) => get<Stored>(`/generations/${number}`),
  draft: () => get<DraftAnswer>("/design/draft"),
  /**
   * Keeps the draft on the box, which takes the lock. It follows the one that was kept at `after`; over another one, or
   * over somebody else's lock, only where that is wished.
   */
  keep: (draft: Draft, after: string | null, takeOver: boolean) =>
    ask<DraftAnswer>("PUT", "/design/draft", { ...draft, after, take_over: takeOver }),
  discard: () => ask<void>("DELETE", "/design/draft"),
};

export type Calls = typeof calls;
