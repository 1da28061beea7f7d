import type {
  CheckOutcome,
  KeptSelfTest,
  Planned,
  SelfTestEvent,
  SelfTestReport,
  SelfTestWish,
  Stage,
  Verdict,
} from "../src/api/types";
import { type Answer, ok } from "./answers";
import { firstCause, serverOff, state, statusNow } from "./box";

const check = (id: string, stage: Stage, ja: string, en: string, needs: string[] = []): Planned => ({
  id,
  stage,
  title: { ja, en },
  tried: { ja: `${ja}を確かめる`, en: `look at ${en}` },
  requirements: ["R19"],
  needs,
});

const planned: Planned[] = [
  check("standalone.ports", "standalone", "ポートのケーブル", "cables of the ports"),
  check("standalone.disk", "standalone", "ディスク", "the disk"),
  check("standalone.clock", "standalone", "時計", "the clock"),
  check("standalone.design", "standalone", "設計とカーネルの一致", "design and kernel"),
  check(
    "office.address",
    "office",
    "首長部局LANでの装置のアドレス",
    "the box's address on the head office LAN",
  ),
  check(
    "office.server.juki",
    "office",
    "サーバ juki（庁内側 192.168.1.10）",
    "server juki (192.168.1.10 in the office)",
  ),
  check(
    "office.server.atena",
    "office",
    "サーバ atena（庁内側 10.20.0.11）",
    "server atena (10.20.0.11 in the office)",
  ),
  check("lgwan.router", "lgwan", "LGWANのルータ", "LGWAN's router"),
  check("lgwan.ntp", "lgwan", "時刻サーバ", "the time server"),
  check("tunnel.east", "tunnel", "拠点 east とのトンネル", "the tunnel to east"),
  check("tunnel.west", "tunnel", "拠点 west とのトンネル", "the tunnel to west"),
  check("platform.web", "platform", "中間サーバーの証明書", "the certificate of the intermediate server"),
  check(
    "platform.map.juki",
    "platform",
    "juki のグローバルアドレス 100.64.10.11 から",
    "from juki's global address",
  ),
  check(
    "dial-back.juki",
    "dial-back",
    "プラットフォームからサーバ juki へ（tls/443）",
    "from the platform to juki (tls/443)",
    ["office.server.juki"],
  ),
];

function verdictOf(id: string): Verdict {
  if (state.scene !== "trouble") return id === "standalone.clock" ? "warned" : "passed";
  if (id === "office.server.juki") return "failed";
  if (id === "tunnel.west") return "warned";
  return id === "dial-back.juki" ? "not-run" : "passed";
}

function outcome(of: Planned): CheckOutcome {
  const verdict = verdictOf(of.id);
  const result = {
    passed: { ja: "正しく働いています。", en: "It works." },
    warned: { ja: "働いていますが、値が目安を外れています。", en: "It works, beyond what is usual." },
    failed: { ja: "juki（192.168.1.10）がいません。", en: "juki (192.168.1.10) isn't there." },
    "not-run": { ja: "前提が通らないため、実行していません。", en: "Not run: what it needs failed." },
  }[verdict];
  return {
    ...of,
    verdict,
    result,
    ...(of.stage === "tunnel" ? { measured: "11.3 ms", limit: "100 ms" } : {}),
    ...(verdict === "failed" || verdict === "warned" ? { cause: serverOff } : {}),
    milliseconds: 3 + of.id.length * 7,
  };
}

function report(checks: Planned[], number: string | undefined): SelfTestReport {
  const outcomes = checks.map(outcome);
  const worst = (["failed", "warned", "passed"] as const).find((verdict) =>
    outcomes.some((one) => one.verdict === verdict),
  );
  const { site } = statusNow();
  return {
    ...(number ? { "test-number": number } : {}),
    begun: new Date(Date.now() - 9000).toISOString(),
    ended: new Date().toISOString(),
    "clock-synchronised": true,
    ...(site ? { site } : {}),
    generation: state.generation,
    "design-hash": "9f2c4e0d51b7a86633d0fb1e9b7c52aa4f0e6d1c28e35b7790c4d1a2b3e4f567",
    firmware: "0.9.0",
    outcomes,
    verdict: worst ?? "not-run",
    ...(worst === "failed" ? { "first-cause": firstCause } : {}),
    "far-half": {
      "test-number": number ?? "2026-0142",
      at: new Date().toISOString(),
      from: "100.72.250.1",
      calls: [
        {
          to: "100.64.10.11:443",
          declared: true,
          outcome: worst === "failed" ? "timed-out" : "connected",
          milliseconds: 31,
        },
        { to: "100.64.10.11:22", declared: false, outcome: "refused", milliseconds: 12 },
      ],
    },
  };
}

async function* run(wish: SelfTestWish): AsyncGenerator<SelfTestEvent> {
  const { stages, only } = wish;
  const chosen = planned.filter(({ id, stage }) =>
    only?.length ? only.includes(id) : !stages?.length || stages.includes(stage),
  );
  yield { event: "begun", checks: chosen, seconds_left: chosen.length };
  for (const [at, one] of chosen.entries()) {
    yield { event: "started", id: one.id };
    await new Promise((resolve) => setTimeout(resolve, 350));
    yield { event: "ended", outcome: outcome(one), seconds_left: chosen.length - at - 1 };
  }
  yield { event: "finished", report: report(chosen, wish["test-number"]) };
}

function brief(number: number, report: SelfTestReport): KeptSelfTest {
  const { begun, generation, verdict, "first-cause": first } = report;
  return { number, begun, generation, verdict, ...(first && { "first-cause": first }) };
}

export const selfTest: Record<string, Answer> = {
  "GET /self-test": () => ok(report(planned, undefined)),
  "GET /self-tests": () => ok([2, 1].map((number) => brief(number, report(planned, undefined)))),
  "GET /self-tests/*": () => ok(report(planned, undefined)),
  "POST /self-test": (_, given: SelfTestWish) => ({ status: 200, lines: run(given) }),
};
