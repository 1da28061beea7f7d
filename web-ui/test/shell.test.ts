import { afterEach, describe, expect, test, vi } from "vitest";
import { failureOf, get, Lines, post, query, stream, surround } from "../src/api/client";
import type { Role } from "../src/api/types";
import { nothingHeard, pause, reduce } from "../src/app/live";
import { may } from "../src/app/roles";
import { formatArrival, formatRoute, parseArrival, parseRoute, withPort } from "../src/app/routes";
import { bitRate, bytes, countdown, fingerprint, groups, micros, span } from "../src/ui/format";

describe("routes", () => {
  test("an address reads as it was written", () => {
    const hash = formatRoute("design", "rows/juki", { propose: '{"a":"&="}', none: undefined });
    expect(parseRoute(hash)).toEqual({ page: "design", rest: "rows/juki", query: { propose: '{"a":"&="}' } });
  });

  test("without an address it is the status, and half an escape breaks nothing", () => {
    expect(parseRoute("")).toEqual({ page: "status", rest: "", query: {} });
    expect(parseRoute("#/%E0%A4%A/x").page).toBe("%E0%A4%A");
  });

  test("a proof is carried over whole, and nothing else is taken for one", () => {
    const token = `${"0".repeat(31)}f`;
    const link = formatArrival("192.168.1.254", 13, token);
    expect(parseArrival(new URL(link).hash)).toEqual({ generation: 13, token });
    expect(formatArrival(withPort("192.168.1.254", "8443"), 13, token)).toContain("//192.168.1.254:8443/#");
    expect(withPort("192.168.1.254", "")).toBe("192.168.1.254");
    for (const hash of ["", "#/status", "#confirm=13", "#confirm=x.00", `#confirm=13.${token}0`]) {
      expect(parseArrival(hash)).toBeNull();
    }
  });
});

describe("roles", () => {
  test("a viewer changes nothing, and nobody may anything without a session", () => {
    const all = [
      "apply",
      "audit",
      "backup",
      "draft",
      "import",
      "renew-key",
      "restart",
      "self-test",
      "users",
    ] as const;
    expect(all.filter((right) => may("viewer", right))).toEqual([]);
    expect(all.filter((right) => may(undefined, right))).toEqual([]);
  });

  test("the profile is the operator's, users are the administrator's", () => {
    const who = (right: Parameters<typeof may>[1]) =>
      (["operator", "administrator", "viewer", "engineer"] as Role[]).filter((role) => may(role, right));
    expect(who("apply-profile")).toEqual(["operator", "engineer"]);
    expect(who("users")).toEqual(["administrator"]);
    expect(who("renew-key")).toEqual(["administrator"]);
  });
});

describe("live channel", () => {
  test("what came last stays when the connection is lost", () => {
    const opened = reduce(nothingHeard, { kind: "opened" });
    const traffic = { at: "2026-04-01T00:00:00Z", up_bps: 1, down_bps: 2 };
    const lost = reduce(reduce(opened, { kind: "traffic", traffic }), { kind: "lost" });
    expect(lost.connected).toBe(false);
    expect(lost.traffic).toEqual([traffic]);
  });

  test("it remembers five minutes of traffic", () => {
    const many = Array.from({ length: 400 }, (_, at) => at).reduce(
      (live, at) => reduce(live, { kind: "traffic", traffic: { at: String(at), up_bps: 0, down_bps: 0 } }),
      nothingHeard,
    );
    expect(many.traffic.length).toBe(300);
    expect(many.traffic.at(-1)?.at).toBe("399");
  });

  test("tries come less often, 19 seconds apart at the most", () => {
    expect(pause(0, () => 0.5)).toBe(1000);
    expect(pause(2, () => 0.5)).toBe(4000);
    expect(pause(50, () => 1)).toBeLessThan(19_000);
  });
});

describe("client", () => {
  test("lines are whole, however they are cut", () => {
    const lines = new Lines();
    expect(lines.take('{"a":1}\n{"b"')).toEqual(['{"a":1}']);
    expect(lines.take(":2}\n\n")).toEqual(['{"b":2}']);
  });

  test("an answer that is no failure of ours is told as it is", () => {
    expect(failureOf(500, "<html>").message).toBe("HTTP 500: <html>");
    expect(failureOf(409, '{"kind":"conflict","message":"no"}')).toEqual({ kind: "conflict", message: "no" });
  });

  test("a query leaves out what isn't given", () => {
    expect(query({ search: "a b", before: undefined, empty: "", limit: 5 })).toBe("?search=a+b&limit=5");
    expect(query({})).toBe("");
  });
});

describe("formats", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [5 * 2 ** 50, "5120 TiB"],
  ])("%d bytes", (count, text) => expect(bytes(count)).toBe(text));

  test.each([
    [0, "0秒", "0 s"],
    [65, "1分5秒", "1 min 5 s"],
    [3600, "1時間", "1 h"],
    [90_061, "1日1時間", "1 d 1 h"],
  ])("%d seconds", (seconds, ja, en) => {
    expect(span(seconds, "ja")).toBe(ja);
    expect(span(seconds, "en")).toBe(en);
  });

  test("others", () => {
    expect(bitRate(50_000_000)).toBe("50.0 Mbps");
    expect(micros(812)).toBe("812 µs");
    expect(micros(11_340)).toBe("11.3 ms");
    expect(countdown(245)).toBe("4:05");
    expect(countdown(-3)).toBe("0:00");
    expect(fingerprint("ab01ff")).toBe("AB:01:FF");
    expect(groups("ABCDEFGHIJ")).toBe("ABCD EFGH IJ");
  });
});

describe("client against a box", () => {
  const json = (status: number, value: unknown) => new Response(JSON.stringify(value), { status });
  const over = { kind: "no-session", message: "Nobody is signed in." };

  function box(...answers: Response[]) {
    const asked: { url: string; init: RequestInit }[] = [];
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
      asked.push({ url, init });
      const next = answers.shift();
      return next ? Promise.resolve(next) : Promise.reject(new TypeError("no box"));
    });
    return asked;
  }

  function page(again: boolean) {
    const told: boolean[] = [];
    const expired = vi.fn(() => Promise.resolve(again));
    surround({ csrf: () => "token", expired, daemon: (away) => told.push(away), clock: () => {} });
    return { told, expired };
  }

  afterEach(() => vi.unstubAllGlobals());

  test("what changes something carries the token, what reads doesn't", async () => {
    page(true);
    const asked = box(json(200, 1), json(200, 2));
    await post("/apply", { a: 1 });
    await get("/status");
    const token = (at: number) => new Headers(asked[at]?.init.headers).get("X-Sekisho-Token");
    expect([token(0), token(1)]).toEqual(["token", null]);
  });

  test("after a new log-in it asks once more, and no third time", async () => {
    const { expired } = page(true);
    box(json(401, over), json(200, "there"));
    expect(await get("/status")).toBe("there");
    box(json(401, over), json(401, over));
    await expect(get("/status")).rejects.toMatchObject({ status: 401 });
    expect(expired).toHaveBeenCalledTimes(2);
  });

  test("who doesn't log in again is told, and a wrong password is no end of the session", async () => {
    const { expired } = page(false);
    box(json(401, over));
    await expect(get("/status")).rejects.toMatchObject({ failure: over });
    box(json(401, { kind: "wrong", message: "wrong" }));
    await expect(post("/second-factor/remove")).rejects.toMatchObject({ failure: { kind: "wrong" } });
    box(json(401, over));
    await expect(post("/login")).rejects.toMatchObject({ status: 401 });
    expect(expired).toHaveBeenCalledTimes(1);
  });

  test("a daemon that is away is told, and so is its return", async () => {
    const { told } = page(true);
    box(json(502, { kind: "daemon-away", message: "away" }), json(200, {}));
    await expect(get("/traffic")).rejects.toMatchObject({ failure: { kind: "daemon-away" } });
    await get("/status");
    expect(told).toEqual([true, false]);
  });

  test("no box at all has a way out in both languages", async () => {
    page(true);
    box();
    await expect(get("/status")).rejects.toMatchObject({ status: 0, failure: { kind: "unreachable" } });
  });

  test("a stream hands over each line, and ends with the failure in it", async () => {
    page(true);
    box(new Response('{"event":"a"}\n{"event":"b"}\n{"kind":"device","message":"broken"}\n'));
    const heard: unknown[] = [];
    await expect(stream("/self-test", {}, (value) => heard.push(value))).rejects.toMatchObject({
      failure: { message: "broken" },
    });
    expect(heard).toEqual([{ event: "a" }, { event: "b" }]);
  });
});
