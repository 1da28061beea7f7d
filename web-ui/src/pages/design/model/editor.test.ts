import { describe, expect, it } from "vitest";
import { ApiError } from "../../../api/client";
import type { Report } from "../../../api/types";
import type { Draft } from "./calls";
import { type Editing, Editor, opened, type Surroundings } from "./editor";
import { set, type Tree } from "./tree";

/** A desk with a clock of its own, and a server that prints JSON and takes `bad` for a problem. */
function desk(change: Partial<Surroundings["calls"]> = {}) {
  const timers = new Set<{ at: number; run: () => void }>();
  const kept: unknown[] = [];
  const drafts: [Draft, string | null, boolean][] = [];
  const states: Editing[] = [];
  let now = 0;
  const report = { code: "FORM-01", severity: "error", file: "site.toml", path: "site.name" } as Report;
  const around: Surroundings = {
    calls: {
      print: async (tree) => JSON.stringify(tree),
      parse: async (text) => {
        if (!text.startsWith("{")) throw new ApiError(422, { kind: "refused", message: "no TOML" });
        return JSON.parse(text) as Tree;
      },
      check: async ({ site }) => ({ problems: site.includes("bad") ? [report] : [] }),
      keep: async (draft, after, takeOver) => {
        drafts.push([draft, after, takeOver]);
        const kept = { ...draft, by: "me", at: `${drafts.length}` };
        return { lock: { user: "me", since: "", mine: true }, draft: kept };
      },
      draft: async () => ({ lock: null, draft: null }),
      ...change,
    },
    now: () => now,
    later: (run, milliseconds) => {
      const timer = { at: now + milliseconds, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    breath: () => Promise.resolve(),
    keep: (work) => kept.push(work),
    tell: (state) => states.push(state),
  };
  const tree: Tree = { site: { name: "a" } };
  const work = { text: "# a comment\n{}", tree, ahead: null, profile: null, base: 0, after: null };
  const editor = new Editor(opened(work, null), around);
  const pass = async (milliseconds: number) => {
    now += milliseconds;
    for (const timer of [...timers].filter((timer) => timer.at <= now)) {
      timers.delete(timer);
      timer.run();
    }
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  };
  return { editor, pass, kept, drafts, states, timers };
}

const named = (editor: Editor, name: string) => set(editor.state.history.present, ["site", "name"], name);

describe("an edit", () => {
  it("is printed and checked a moment after the last letter, and kept", async () => {
    const { editor, pass, kept, drafts } = desk();
    editor.edit(named(editor, "b"), "site.name");
    editor.edit(named(editor, "bad"), "site.name");
    expect(editor.state).toMatchObject({ busy: true, ahead: "tree" });
    await pass(100);
    expect(editor.state.busy).toBe(true);
    await pass(300);
    expect(editor.state).toMatchObject({ busy: false, ahead: null, text: '{"site":{"name":"bad"}}' });
    expect(editor.state.problems.under("site.name")).toHaveLength(1);
    expect(kept).toHaveLength(1);
    await pass(5000);
    expect(drafts).toEqual([[{ site: '{"site":{"name":"bad"}}', generation: 0 }, null, false]]);
    expect(editor.state).toMatchObject({ saved: true, lock: { user: "me" }, after: "1" });
  });

  it("says where comments were lost, and undo brings them back", async () => {
    const { editor, pass } = desk();
    editor.edit(named(editor, "b"), "site.name");
    await pass(400);
    expect(editor.state.lostComments).toBe(true);
    editor.undo();
    await pass(400);
    expect(editor.state).toMatchObject({ text: "# a comment\n{}", lostComments: false, ahead: null });
  });

  it("drops the answer to an earlier state", async () => {
    const answers: ((text: string) => void)[] = [];
    const { editor, pass } = desk({ print: () => new Promise((resolve) => answers.push(resolve)) });
    editor.edit(named(editor, "first"), "one");
    await pass(400);
    editor.edit(named(editor, "second"), "two");
    await pass(400);
    answers[1]?.("second");
    await pass(0);
    answers[0]?.("first");
    await pass(0);
    expect(editor.state).toMatchObject({ text: "second", busy: false });
  });

  it("stays where the server doesn't answer", async () => {
    const { editor, pass, kept } = desk({ print: () => Promise.reject(new Error("away")) });
    editor.edit(named(editor, "b"), "site.name");
    await pass(400);
    expect(editor.state).toMatchObject({ busy: false, failure: { message: "away" } });
    expect(kept).toHaveLength(1);
  });

  it("is kept and asks nothing more once the page is closed", async () => {
    const { editor, pass, kept, timers } = desk();
    editor.edit(named(editor, "b"), "site.name");
    editor.close();
    expect(timers.size).toBe(0);
    await pass(9000);
    expect(kept).toMatchObject([{ ahead: "tree", tree: { site: { name: "b" } } }]);
  });
});

describe("the text", () => {
  it("becomes the tree, and can be undone there", async () => {
    const { editor, pass } = desk();
    editor.write('{"site":{"name":"c"}}');
    await pass(400);
    expect(editor.state.history.present).toEqual({ site: { name: "c" } });
    editor.undo();
    await pass(400);
    expect(editor.state.history.present).toEqual({ site: { name: "a" } });
    expect(editor.state.text).toBe("# a comment\n{}");
  });

  it("that is no TOML leaves the tree, and is checked all the same", async () => {
    const { editor, pass } = desk();
    editor.write("bad");
    await pass(400);
    expect(editor.state).toMatchObject({
      text: "bad",
      ahead: "text",
      busy: false,
      unread: { message: "no TOML" },
    });
    expect(editor.state.history.present).toEqual({ site: { name: "a" } });
    expect(editor.state.problems.all).toHaveLength(1);
  });
});

describe("the draft on the box", () => {
  it("of somebody else isn't written over", async () => {
    const lock = { user: "other", since: "", mine: false };
    const tries: boolean[] = [];
    const { editor, pass } = desk({
      keep: async (_, _after, takeOver) => {
        tries.push(takeOver);
        if (!takeOver) throw new ApiError(409, { kind: "conflict", message: "held" });
        return { lock: { ...lock, user: "me", mine: true }, draft: null };
      },
      draft: async () => ({ lock, draft: null }),
    });
    expect(await editor.save()).toBe(false);
    expect(editor.state.lock).toEqual(lock);
    editor.edit(named(editor, "b"), "site.name");
    await pass(400);
    await pass(9000);
    expect(tries).toEqual([false]);
    expect(await editor.save(true)).toBe(true);
    expect(editor.state.lock?.mine).toBe(true);
  });

  it("that is taken over all the same, and refused, says why", async () => {
    const lock = { user: "other", since: "", mine: false };
    const { editor } = desk({
      keep: () => Promise.reject(new ApiError(409, { kind: "conflict", message: "other writes" })),
      draft: async () => ({ lock, draft: null }),
    });
    expect(await editor.save(true)).toBe(false);
    expect(editor.state).toMatchObject({ lock, failure: { message: "other writes" } });
  });

  it("follows the one before it, one after the other", async () => {
    const { editor, drafts } = desk();
    await Promise.all([editor.save(), editor.save()]);
    expect(drafts.map(([, after]) => after)).toEqual([null, "1"]);
  });

  it("of another window of one's own is written over only where that is wished", async () => {
    const tries: boolean[] = [];
    const { editor, pass, timers } = desk({
      keep: async (draft, _, takeOver) => {
        tries.push(takeOver);
        if (!takeOver) throw new ApiError(409, { kind: "changed", message: "another window" });
        const lock = { user: "me", since: "", mine: true };
        return { lock, draft: { ...draft, by: "me", at: "9" } };
      },
    });
    expect(await editor.save()).toBe(false);
    expect(editor.state).toMatchObject({ clash: true, failure: null });
    editor.edit(named(editor, "b"), "site.name");
    await pass(400);
    expect(timers.size).toBe(0);
    expect(await editor.save(true)).toBe(true);
    expect(editor.state).toMatchObject({ clash: false, after: "9" });
    expect(tries).toEqual([false, true]);
  });

  it("that was changed meanwhile isn't called saved", async () => {
    let keepIt = () => {};
    const { editor } = desk({
      keep: () => new Promise((resolve) => (keepIt = () => resolve({ lock: null, draft: null }))),
    });
    const saving = editor.save();
    await Promise.resolve();
    editor.edit(named(editor, "b"), "site.name");
    keepIt();
    await saving;
    expect(editor.state.saved).toBe(false);
  });
});
