import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { carryOf, keepCarry } from "../src/app/carry";
import { drop, dropAll, keep, kept, recalled, remember } from "../src/app/memory";
import { Store } from "../src/app/store";
import { forgetKey, noteKey, seenKey } from "../src/pages/care/course";

/** What a browser's storage does, as far as it is used; `Object.keys` lists what is kept. */
function storage(): Record<string, unknown> {
  const own = (hidden: object) =>
    Object.defineProperties(
      {},
      Object.fromEntries(Object.entries(hidden).map(([key, value]) => [key, { value }])),
    );
  const kept: Record<string, unknown> = own({
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, value: string) => {
      kept[key] = value;
    },
    removeItem: (key: string) => {
      delete kept[key];
    },
  });
  return kept;
}

beforeEach(() => {
  vi.stubGlobal("sessionStorage", storage());
  vi.stubGlobal("localStorage", storage());
});
afterEach(() => vi.unstubAllGlobals());

describe("memory", () => {
  test("work is kept until it is dropped, and all of it when somebody leaves", () => {
    keep("draft", { rows: [1] });
    keep("other", "x");
    expect(kept("draft")).toEqual({ rows: [1] });
    drop("draft");
    expect(kept("draft")).toBeNull();
    remember("theme", "dark");
    dropAll();
    expect(kept("other")).toBeNull();
    expect(recalled("theme")).toBe("dark");
  });

  test("a browser that keeps nothing, or something broken, is lived with", () => {
    vi.stubGlobal("sessionStorage", {
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
      getItem: () => "{",
    });
    expect(() => keep("draft", 1)).not.toThrow();
    expect(kept("draft")).toBeNull();
  });

  test("a proof is for one change; another one's is forgotten", () => {
    const applied = { generation: 13, steps: 1, milliseconds: 1, ended_connections: 0, warnings: [] };
    keepCarry(applied);
    expect(carryOf(13)).toBeNull();
    keepCarry({ ...applied, carry: { token: "00ff", at: "192.168.1.254" }, code: "123456" });
    expect(carryOf(13)).toEqual({ generation: 13, token: "00ff", at: "192.168.1.254", code: "123456" });
    expect(carryOf(14)).toBeNull();
    expect(carryOf(13)).toBeNull();
  });
});

test("a key that is to come is remembered for each box, until somebody has read how its renewal ended", () => {
  const coming = { public_key: "new", made_at: "", centres: [], line: "" };
  const here = { serial: "0", public_key: "old", version: "1", line: "", coming };
  const elsewhere = { serial: "1", public_key: "old", version: "1", line: "" };
  noteKey(elsewhere);
  noteKey(here);
  expect([here, elsewhere].map(seenKey)).toEqual(["new", null]);
  dropAll();
  expect(seenKey(here)).toBe("new");
  forgetKey(here);
  expect(seenKey(here)).toBeNull();
});

test("a store tells changes only, and nobody who has gone", () => {
  const store = new Store(1);
  const heard: number[] = [];
  const stop = store.watch((value) => heard.push(value));
  store.set(1);
  store.set(2);
  stop();
  store.set(3);
  expect(heard).toEqual([2]);
  expect(store.value).toBe(3);
});
