import { describe, expect, it } from "vitest";
import { begin, edit, redo, undo } from "./history";
import {
  at,
  formatPath,
  freshName,
  insert,
  type Json,
  move,
  type Path,
  parsePath,
  remove,
  same,
  set,
  type Tree,
} from "./tree";

const tree: Tree = {
  schema: 1,
  server: [
    { name: "juki", "allow-from-platform": [{ from: "100.72.0.0/16", services: ["https"] }] },
    { name: "atena" },
  ],
};

describe("paths", () => {
  it.each([
    ["server[0].private", ["server", 0, "private"]],
    [
      "server[12].allow-from-platform[0].services[1]",
      ["server", 12, "allow-from-platform", 0, "services", 1],
    ],
    ['names."a.b"[2]', ["names", "a.b", 2]],
    ["", []],
  ] as [string, Path][])("%s is read and written", (text, path) => {
    expect(parsePath(text)).toEqual(path);
    expect(formatPath(path)).toBe(text);
  });
});

describe("edits", () => {
  it("build the way there", () => {
    expect(set({}, ["interface", "lgwan", "port"], "port1")).toEqual({
      interface: { lgwan: { port: "port1" } },
    });
    expect(set({}, ["server", 0, "name"], "a")).toEqual({ server: [{ name: "a" }] });
  });

  it("leave everything beside the way as the same object", () => {
    const next = set(tree, ["server", 1, "name"], "x");
    expect(at(next, ["server", 0])).toBe(at(tree, ["server", 0]));
    expect(at(next, ["server", 1])).not.toBe(at(tree, ["server", 1]));
    expect(tree).toEqual(JSON.parse(JSON.stringify(tree)));
  });

  it("that change nothing give the same tree", () => {
    expect(set(tree, ["server", 0, "name"], "juki")).toBe(tree);
    expect(set(tree, ["server", 0, "nothing"], undefined)).toBe(tree);
    expect(set(tree, ["gone", "deep"], undefined)).toBe(tree);
    expect(remove(tree, ["server"], 7)).toBe(tree);
    expect(move(tree, ["server"], 0, 5)).toBe(tree);
  });

  it("take away a list with its last item", () => {
    const path = ["server", 0, "allow-from-platform"];
    expect(at(remove(tree, path, 0), path)).toBeUndefined();
    expect(at(remove(tree, ["server"], 0), ["server"])).toEqual([{ name: "atena" }]);
  });

  it("move an item", () => {
    expect(at(move(tree, ["server"], 1, 0), ["server", 0, "name"])).toBe("atena");
  });

  it("never take what every object has for a key", () => {
    expect(at({}, ["constructor"])).toBeUndefined();
    expect(set({}, ["toString"], "x")).toEqual({ toString: "x" });
  });

  it("can be undone and done again, whatever they were", () => {
    const random = seeded(7);
    const first: Tree = { server: [] };
    let history = begin(first);
    const states = [first];
    for (let round = 0; round < 120; round += 1) {
      const next = anyEdit(history.present, random);
      if (next === history.present) continue;
      history = edit(history, next, `edit ${round}`, round * 10_000);
      states.push(next);
    }
    for (const state of states.slice(0, -1).reverse()) {
      history = undo(history);
      expect(history.present).toBe(state);
    }
    expect(undo(history)).toBe(history);
    for (const state of states.slice(1)) {
      history = redo(history);
      expect(same(history.present, state)).toBe(true);
    }
    expect(redo(history)).toBe(history);
  });

  it("of one field while somebody types are one edit", () => {
    let history = begin(tree);
    history = edit(history, set(tree, ["schema"], 2), "schema", 1000);
    history = edit(history, set(tree, ["schema"], 23), "schema", 1800);
    expect(undo(history).present).toBe(tree);
    history = edit(history, set(tree, ["schema"], 4), "schema", 9000);
    expect(undo(history).present).toEqual({ ...tree, schema: 23 });
  });
});

it("a fresh name is nobody's", () => {
  expect(freshName([{ name: "server-2" }], "server")).toBe("server-3");
});

function anyEdit(tree: Tree, random: () => number): Tree {
  const count = (at(tree, ["server"]) as Json[] | undefined)?.length ?? 0;
  const one = Math.floor(random() * count);
  switch (Math.floor(random() * 4)) {
    case 0:
      return insert(tree, ["server"], { name: `s${random()}` }, one);
    case 1:
      return remove(tree, ["server"], one);
    case 2:
      return move(tree, ["server"], one, Math.floor(random() * count));
    default:
      return count === 0
        ? tree
        : set(tree, ["server", one, "private"], `10.0.0.${Math.floor(random() * 255)}`);
  }
}

/** The same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
