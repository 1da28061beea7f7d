import { describe, expect, test } from "vitest";
import { sections, slug, target } from "../build/manual";
import type {
  CheckOutcome,
  FlowPage,
  Identity,
  Planned,
  RefusedPacket,
  SelfTestReport,
  Status,
  Step,
} from "../src/api/types";
import { courseOf } from "../src/pages/care/course";
import { goesOn, slotState, wrongFile } from "../src/pages/care/firmware";
import { derOf } from "../src/pages/care/pem";
import { texts as renewalTexts } from "../src/pages/care/renewal-text";
import { restoring } from "../src/pages/care/restore";
import { countsOf, isTestNumber, noRun, step, tally, tree } from "../src/pages/check/run";
import { concerns, isAddress, isPort, mends, openingOf, stagesOf } from "../src/pages/explain/path";
import { plain, search } from "../src/pages/help/search";
import { actionOf, flowQuery, gather, instant } from "../src/pages/logs/search";
import { hostsFile, outcomes } from "../src/pages/names/names";
import { layout } from "../src/pages/status/layout";
import { curve, niceTop } from "../src/pages/status/plot";
import { centreState, siteOf, topRefusals } from "../src/pages/status/site";
import { csv } from "../src/ui/download";

const both = { ja: "", en: "" };
const planned = (id: string, stage: Planned["stage"]): Planned => ({
  id,
  stage,
  title: both,
  tried: both,
  requirements: [],
  needs: [],
});
const ended = (check: Planned, verdict: CheckOutcome["verdict"]): CheckOutcome => ({
  ...check,
  verdict,
  result: both,
  milliseconds: 1,
});

describe("renewal of the key", () => {
  const coming = { public_key: "new", made_at: "", centres: [], line: "" };
  const identity = (public_key: string, more: Partial<Identity> = {}): Identity => ({
    serial: "0",
    public_key,
    version: "1",
    line: "",
    ...more,
  });

  test("what is told follows from the keys that are there and the one that was to come", () => {
    expect(courseOf(identity("old"), null)).toBe("none");
    expect(courseOf(identity("old", { coming }), null)).toBe("coming");
    expect(courseOf(identity("old", { coming }), "another")).toBe("coming");
    expect(courseOf(identity("new"), "new")).toBe("ended");
    expect(courseOf(identity("old"), "new")).toBe("withdrawn");
  });

  test("nothing is left unsaid in the other language", () => {
    const counts = ({ changes: { begin, cancel }, steps, endedLeft }: typeof renewalTexts.ja) =>
      [begin.sentences, cancel.sentences, steps, endedLeft].map(({ length }) => length);
    expect(counts(renewalTexts.en)).toEqual(counts(renewalTexts.ja));
  });
});

describe("updates", () => {
  test("a slot says what it is", () => {
    const a = { name: "A" as const, runs: true, good: true };
    const b = { name: "B" as const, runs: false, good: false };
    const trial = (slot: "A" | "B") => ({ trial: { version: "2", from: "1", slot } });
    expect([a, b].map((slot) => slotState(slot, {}))).toEqual(["runs", "empty"]);
    expect([a, { ...b, good: true }].map((slot) => slotState(slot, {}))).toEqual(["runs", "spare"]);
    expect([a, b].map((slot) => slotState(slot, trial("A")))).toEqual(["trial", "empty"]);
    expect([a, b].map((slot) => slotState(slot, trial("B")))).toEqual(["runs", "next"]);
  });

  test("an installation goes on until it has an end", () => {
    const both = { ja: "", en: "" };
    expect(goesOn(undefined)).toBe(false);
    expect(goesOn({ name: "waiting" })).toBe(true);
    expect(goesOn({ name: "writing", percent: 100 })).toBe(true);
    expect(goesOn({ name: "installed", version: "2", restarts: true })).toBe(false);
    expect(goesOn({ name: "failed", why: both })).toBe(false);
  });

  test("what can't be an update isn't sent", () => {
    expect(wrongFile({ name: "a.raucb", size: 5 }, 5)).toBe(null);
    expect(wrongFile({ name: "a.raucb", size: 6 }, 5)).toBe("tooLarge");
    expect(wrongFile({ name: "a.raucb.zip", size: 5 }, 5)).toBe("notRaucb");
  });
});

describe("self-test", () => {
  const [ports, juki, back] = [
    planned("standalone.ports", "standalone"),
    planned("office.juki", "office"),
    planned("dial-back.juki", "dial-back"),
  ];
  const checks = [juki, back, ports];
  const begun = step(noRun, { event: "begun", checks, seconds_left: 9 });

  test("checks wait, go on and end, each in its place", () => {
    const going = step(begun, { event: "started", id: "office.juki" });
    expect(going.items.map((item) => item.state)).toEqual(["goes-on", "waits", "waits"]);
    const outcome = ended(juki, "failed");
    const done = step(going, { event: "ended", outcome, seconds_left: 4 });
    expect(done.items[0]).toEqual({ check: juki, state: "failed", outcome });
    expect(done.secondsLeft).toBe(4);
  });

  test("the tree goes from near to far, and what was not run is no verdict beside what was", () => {
    const run = [ended(ports, "passed"), ended(juki, "failed"), ended(back, "not-run")].reduce(
      (now, outcome) => step(now, { event: "ended", outcome, seconds_left: 0 }),
      begun,
    );
    expect(tree(run).map(({ stage, worst, done }) => [stage, worst, done])).toEqual([
      ["standalone", "passed", 1],
      ["office", "failed", 1],
      ["dial-back", "not-run", 1],
    ]);
  });

  test("an event about a check that nobody announced changes nothing", () => {
    expect(step(begun, { event: "started", id: "no.such" }).items).toEqual(begun.items);
  });

  test("what is finished is the report's", () => {
    const report = { outcomes: [ended(ports, "warned")] } as unknown as SelfTestReport;
    const run = step(begun, { event: "finished", report });
    expect(run.items.map((item) => item.state)).toEqual(["warned"]);
    expect(run.report).toBe(report);
  });

  test("a tally leaves out what didn't happen", () => {
    const words = { passed: "合格", warned: "注意", failed: "不合格", "not-run": "未実施" };
    expect(tally(countsOf(["passed", "failed", "passed"]), words, "、")).toBe("合格 2、不合格 1");
    expect(tally(countsOf([]), words, "、")).toBe("");
  });

  test("numbers of tests", () => {
    expect(["2026-0142", "a", "9".repeat(32)].every(isTestNumber)).toBe(true);
    expect(["", "2026 0142", "９", "9".repeat(33)].some(isTestNumber)).toBe(false);
  });
});

describe("explain", () => {
  const packet = { protocol: 6, port: 22, icmp_type: null } as RefusedPacket;
  test("what a packet asked for", () => {
    expect(openingOf(packet)).toBe("tcp/22");
    expect(openingOf({ ...packet, protocol: 17, port: 53 })).toBe("udp/53");
    expect(openingOf({ ...packet, protocol: 1, port: null, icmp_type: 8 })).toBe("icmp-echo");
    expect(openingOf({ ...packet, protocol: 1, port: null, icmp_type: 3 })).toBeNull();
    expect(openingOf({ ...packet, protocol: 50, port: null })).toBeNull();
  });

  test("a stage is as bad as its worst step", () => {
    const steps: Step[] = [
      { step: "rule", chain: "a", base: "forward", rule: "r", outcome: { "passed-over": "x" } },
      {
        step: "rule",
        chain: "b",
        base: "forward",
        rule: "r",
        outcome: { applied: ["counted", { refused: "nothing" }] },
      },
      { step: "route", mark: 0, to: "1.1.1.1", found: "nowhere" },
      {
        step: "rule",
        chain: "c",
        base: "translate-source",
        rule: "r",
        outcome: { applied: [{ source: "2.2.2.2" }] },
      },
    ];
    expect(stagesOf(steps).map(({ stage, decided }) => [stage, decided])).toEqual([
      ["forward", "refused"],
      ["route", "refused"],
      ["translate-source", "changed"],
    ]);
  });

  test("rules of other sides are left out", () => {
    const passed = (chain: string, rule: string): Step => ({
      step: "rule",
      chain,
      base: "forward",
      rule,
      outcome: { "passed-over": 'iifname "port2"' },
    });
    expect(concerns(passed("forward", 'iifname "port2" goto from/head-office'))).toBe(false);
    expect(concerns(passed("forward", 'ip daddr 1.1.1.1 iifname "port2"'))).toBe(true);
    expect(concerns(passed("from/head-office", 'iifname "port2" accept'))).toBe(true);
    expect(concerns({ step: "not-forwarding" })).toBe(true);
  });

  test("addresses, ports and what can be mended", () => {
    expect(["192.168.1.1", "0.0.0.0"].every(isAddress)).toBe(true);
    expect(["192.168.1", "192.168.1.256", "192.168.01.1", "a.b.c.d", ""].some(isAddress)).toBe(false);
    expect(["1", "65535"].every(isPort)).toBe(true);
    expect(["0", "65536", "-1", "1e3", ""].some(isPort)).toBe(false);
    expect(mends({ nothing: "one-way" })).toBe(false);
    expect(mends({ route: { lan: "head-office", to: "10.0.0.0/8" } })).toBe(true);
  });
});

describe("status", () => {
  const centre = { name: "east", alive: true } as never;
  const row = (name: string, lan: "head-office" | "education-board") =>
    ({ kind: "terminals", name, lan }) as never;
  const status = {
    tunnel: { carrier: "east", cut_off: false, centres: [centre, { name: "west", alive: false }] },
  } as unknown as Status;

  test("a centre carries, stands by or is silent", () => {
    expect(centreState(centre, "east")).toBe("carrier");
    expect(centreState(centre, null)).toBe("standby");
    expect(siteOf(status, []).centres.map(({ state }) => state)).toEqual(["carrier", "silent"]);
  });

  test("many rows are counted, few are shown", () => {
    const rows = ["a", "b", "c", "d", "e"].map((name) => row(name, "head-office"));
    expect(siteOf(status, rows).lans).toMatchObject([
      { rows: [{ name: "a" }, { name: "b" }, { name: "c" }], more: 2 },
    ]);
    expect(siteOf(status, rows.slice(0, 4)).lans[0]?.more).toBe(0);
  });

  test.each([true, false])("nothing stands outside of the drawing (narrow: %s)", (narrow) => {
    const rows = [row("a", "head-office"), row("b", "education-board")];
    const { width, height, box, lgwan, lans, centres } = layout(siteOf(status, rows), narrow);
    for (const rect of [box, lgwan, ...[...lans, ...centres].map((place) => place.rect)]) {
      expect(rect.x).toBeGreaterThanOrEqual(0);
      expect(rect.y).toBeGreaterThanOrEqual(0);
      expect(rect.x + rect.width).toBeLessThanOrEqual(width);
      expect(rect.y + rect.height).toBeLessThanOrEqual(height);
    }
  });

  test("a site without rows and centres can be drawn", () => {
    const places = layout(siteOf({ tunnel: null } as Status, []), false);
    expect(Number.isFinite(places.height)).toBe(true);
  });

  test("a gap in the history stays a gap", () => {
    const frame = { width: 100, height: 100, top: 0, bottom: 0, left: 0, right: 0 };
    const points = [0, 1, 2, 50, 51].map((at) => ({ at, value: 1 }));
    expect(curve(points, 0, 100, 2, 1, frame).line.match(/M/g)).toHaveLength(2);
    expect(curve([], 0, 100, 2, 1, frame)).toEqual({ line: "", area: "" });
  });

  test.each([
    [0, 1],
    [1, 1],
    [8_200_000, 10_000_000],
    [1_300_000, 2_000_000],
    [50, 50],
  ])("%d is drawn below %d", (value, top) => expect(niceTop(value)).toBe(top));

  test("the largest refusals come first", () => {
    const refused = {
      "lgwan/unexpected": { packets: 1, bytes: 0 },
      "platform/one-way": { packets: 3, bytes: 0 },
    };
    expect(topRefusals(refused, 1)).toEqual([{ side: "platform", rule: "one-way", packets: 3 }]);
  });
});

describe("records", () => {
  test("pages are gathered over an empty one, the latest first", async () => {
    const flow = (ended: string) => ({ ended }) as FlowPage["flows"][number];
    const pages: FlowPage[] = [
      { flows: [flow("3"), flow("4")], next: "a-1" },
      { flows: [], next: "a-0" },
      { flows: [flow("2")], next: "b-0" },
    ];
    const asked: (string | undefined)[] = [];
    const got = await gather(async (cursor) => {
      asked.push(cursor);
      return pages.shift() as FlowPage;
    }, 3);
    expect(got.flows.map(({ ended }) => ended)).toEqual(["4", "3", "2"]);
    expect(got.next).toBe("b-0");
    expect(asked).toEqual([undefined, "a-1", "a-0"]);
  });

  test("an audit record in plain words, or as it is", () => {
    const actions = { "POST /api/users": "add", "POST /api/users/*": "change" };
    expect(actionOf("POST /api/users", actions)).toEqual({ action: "add", of: null });
    expect(actionOf("POST /api/users/tanaka", actions)).toEqual({ action: "change", of: "tanaka" });
    expect(actionOf("started", actions)).toEqual({ action: "started", of: null });
  });

  test("a search as a query", () => {
    const asked = flowQuery({ since: "", until: "", host: " 192.168.1.9 " }, 100, "1-2");
    expect(asked).toBe("?host=192.168.1.9&limit=100&backwards=true&cursor=1-2");
    expect(instant("yesterday")).toBeUndefined();
  });

  test("cells of CSV are quoted, and none is a formula", () => {
    expect(csv([["a,b", 'c"d', null, 5, "=1+1"]])).toBe('\ufeff"a,b","c""d",,5,\'=1+1\r\n');
  });
});

describe("going back", () => {
  const files = { site: "s", profile: "p" };
  const status = { generation: 12, site: { name: "n" } } as unknown as Status;
  const profile = (role: "administrator" | "operator", now: Status | null) =>
    restoring(files, role, now, "why").proposal.profile?.text;

  test("the profile goes along only where the role may bring one, or none is there", () => {
    expect(profile("administrator", status)).toBeUndefined();
    expect(profile("operator", status)).toBe("p");
    expect(profile("administrator", { ...status, site: null })).toBe("p");
  });

  test("it has to be confirmed, and names the generation that was seen", () => {
    expect(restoring(files, "administrator", status, "why")).toMatchObject({
      seen: 12,
      confirm_within_s: 300,
    });
    expect(restoring(files, "administrator", null, "why").seen).toBe(0);
  });
});

describe("names and certificates", () => {
  test("counters and hosts files", () => {
    expect(outcomes({ "head-office/static": 1, "head-office/cache": 2 })[0]).toEqual({
      lan: "head-office",
      what: "cache",
      times: 2,
    });
    expect(hostsFile({ names: { "a.example": ["1.1.1.1", "1.1.1.2"] } })).toBe(
      "1.1.1.1\ta.example\r\n1.1.1.2\ta.example\r\n",
    );
  });

  test("the certificate in a PEM text", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    expect(Array.from(derOf(pem) ?? [])).toEqual([1, 2, 3]);
    expect(derOf("nothing")).toBeNull();
    expect(derOf(pem.replace("AQID", "!!"))).toBeNull();
  });
});

describe("manuals", () => {
  test("headings can be linked to, and links stay on the page", () => {
    expect(slug("3.5 二つのLANが同じ範囲（例外）")).toBe("35-二つのlanが同じ範囲例外");
    expect(target("office", "design.ja.md")).toBe("#/help/design");
    expect(target("office", "design.ja.md#a%20b")).toBe("#/help/design?at=a%20b");
    expect(target("office", "#x")).toBe("#/help/office?at=x");
    expect(target("office", "https://example.com/")).toBe("#/help");
  });

  test("raw HTML of a manual is shown, not obeyed", () => {
    const [, part] = sections("office", "# A\n\n## `B`\n\n<script>alert(1)</script>\n");
    expect(part?.title).toBe("B");
    expect(part?.html).not.toContain("<script");
  });

  test("the search knows full-width letters, and headings come first", () => {
    const section = (anchor: string, title: string, text: string) => ({
      anchor,
      title,
      html: `<p>${text}</p>`,
    });
    const manuals = [
      {
        name: "office",
        sections: [section("a", "その他", "ＤＮＳの設定"), section("b", "DNS", "DNS を使う")],
      },
    ];
    expect(search(manuals, "dns").map((hit) => hit.anchor)).toEqual(["b", "a"]);
    expect(search(manuals, "dns")[1]?.excerpt).toEqual(["", "ＤＮＳ", "の設定"]);
    expect(plain("<p>a &lt;b&gt; &amp;amp;</p>")).toBe("a <b> &amp;");
    expect(search(manuals, "  ")).toEqual([]);
    expect(search(manuals, "dns 無い")).toEqual([]);
  });
});
