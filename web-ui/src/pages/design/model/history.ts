import type { Tree } from "./tree";

/** What was done and can be undone. */
export type History = {
  readonly past: readonly Tree[];
  readonly present: Tree;
  readonly future: readonly Tree[];
  /** What the last edit was about, and when: typing into one field is one edit. */
  readonly last: { what: string; at: number } | null;
};

const mostSteps = 200;
/** Letters typed into one field within this time are undone together, in milliseconds. */
const together = 1500;

export function begin(present: Tree): History {
  return { past: [], present, future: [], last: null };
}

export function edit(history: History, present: Tree, what: string, now: number): History {
  if (present === history.present) return history;
  const { last } = history;
  const goesOn = last !== null && last.what === what && now - last.at < together;
  const past = goesOn ? history.past : [...history.past, history.present].slice(-mostSteps);
  return { past, present, future: [], last: { what, at: now } };
}

export function undo(history: History): History {
  const present = history.past.at(-1);
  if (!present) return history;
  return {
    past: history.past.slice(0, -1),
    present,
    future: [history.present, ...history.future],
    last: null,
  };
}

export function redo(history: History): History {
  const [present, ...future] = history.future;
  if (!present) return history;
  return { past: [...history.past, history.present], present, future, last: null };
}
