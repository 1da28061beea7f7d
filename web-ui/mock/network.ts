import type {
  FlowRecord,
  LiveTrace,
  NameAnswer,
  NamesStatus,
  Packet,
  RefusedFlows,
  Step,
  Trace,
} from "../src/api/types";
import { type Answer, ok, refuse } from "./answers";
import { statusNow } from "./box";

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const rule = (base: string, chain: string, text: string, applied: boolean, effects: unknown[]): Step => ({
  step: "rule",
  chain,
  base,
  rule: text,
  outcome: applied ? { applied: effects as never } : { "passed-over": String(effects[0]) },
});

function trace(packet: Packet): Trace {
  const side = packet.side ?? "head-office";
  const question = { ...packet, side };
  const passes = packet.opening === "tcp/443";
  const start: Step[] = [
    rule("classify", "classify", 'iifname "port2" meta mark set 1', true, [{ mark: 1 }]),
    rule("classify", "classify", "ip saddr != 192.168.1.0/24 counter goto spoofed", false, [
      "ip saddr != 192.168.1.0/24",
    ]),
    { step: "connection", zone: 1, known: false },
    rule("destination", "destination", "ip daddr @platform goto declared", true, ["goto"]),
    {
      step: "route",
      mark: 1,
      to: packet.to,
      found: {
        route: {
          table: 101,
          to: "100.72.0.0/16",
          metric: 0,
          action: { forward: { link: "tunnel", via: null, source: null } },
        },
      },
    },
  ];
  if (!passes) {
    return {
      question,
      there: [
        ...start,
        rule("forward", "declared", "ip saddr . tcp dport @services accept", false, [
          "ip saddr . tcp dport @services",
        ]),
        rule("forward", "declared", "counter name undeclared-service reject", true, [
          "counted",
          "logged",
          { refused: "prohibited" },
        ]),
      ],
      outcome: { result: "refused", rule: "head-office/undeclared-service", told: "prohibited" },
      counted: ["head-office/undeclared-service"],
      admitted: null,
      back: null,
      advice: {
        change: { service: { row: { terminals: "counter" }, opening: packet.opening } },
        sentence: {
          ja: `端末の行「counter」の services に ${packet.opening} を加えます。`,
          en: `Add ${packet.opening} to the services of the terminals 'counter'.`,
        },
        toml: null,
      },
    };
  }
  return {
    question,
    there: [
      ...start,
      rule("forward", "declared", "ip saddr . tcp dport @services accept", true, ["accepted"]),
      rule("translate-source", "translate-source", "snat to 100.64.10.20", true, [
        { source: "100.64.10.20" },
      ]),
      rule("account", "account", "ct mark set 4", true, [{ account: 4 }, { class: "online" }, "counted-for"]),
    ],
    outcome: {
      result: "delivered",
      side: "platform",
      via: null,
      source: "100.64.10.20",
      destination: packet.to,
    },
    counted: [],
    admitted: { row: "counter", policy: null, environment: "production", class: "online" },
    back: {
      steps: [
        { step: "connection", zone: 1, known: true },
        { step: "restored", source: packet.to, destination: packet.from },
        {
          step: "route",
          mark: 1,
          to: packet.from,
          found: {
            route: {
              table: 254,
              to: "192.168.1.0/24",
              metric: 0,
              action: { forward: { link: "port2", via: null, source: null } },
            },
          },
        },
      ],
      outcome: { result: "delivered", side, via: null, source: packet.to, destination: packet.from },
      arrives: true,
    },
    advice: null,
  };
}

function refusals(): RefusedFlows {
  const [service, source] = statusNow().last_refusals;
  if (!service || !source) return { flows: [], kept: 0, lost: 0 };
  return {
    kept: 812,
    lost: 3,
    flows: [
      {
        count: 14,
        first: ago(800),
        packet: service,
        why: {
          ja: "この送信元の行や通信許可に、この宛先とサービスがありません。",
          en: "neither its row nor a policy declares this destination and service.",
        },
        advice: {
          change: { service: { row: { terminals: "counter" }, opening: "tcp/22" } },
          sentence: {
            ja: "端末の行「counter」の services に tcp/22 を加えます。",
            en: "Add tcp/22 to the services of the terminals 'counter'.",
          },
          toml: null,
        },
      },
      {
        count: 3,
        first: ago(900),
        packet: source,
        why: { ja: "送信元がどの行にもありません。", en: "no row declares its source (R55)." },
        advice: {
          change: {
            terminals: {
              lan: "head-office",
              from: "192.168.1.77",
              global: "100.64.10.22",
              environment: "production",
              opening: "tcp/443",
            },
          },
          sentence: {
            ja: "192.168.1.77 の端末の行を新しく作ります。",
            en: "Make a new row of terminals for 192.168.1.77.",
          },
          toml: null,
        },
      },
      {
        count: 1,
        first: ago(4000),
        packet: {
          ...source,
          at: ago(4000),
          side: "platform",
          rule: "one-way",
          source: "100.72.1.10",
          destination: "100.64.10.20",
          row: "counter",
        },
        why: {
          ja: "片方向通信端末へ、プラットフォームから通信を始めることはできません。",
          en: "the platform never starts anything towards one-way terminals (R14 R74).",
        },
        advice: {
          change: { nothing: "one-way" },
          sentence: {
            ja: "設計では通せません。サーバなら双方向通信サーバの行にします。",
            en: "No design lets it pass. A server belongs into a server's row.",
          },
          toml: null,
        },
      },
    ],
  };
}

const names: NamesStatus = {
  method: "device",
  listening: ["head-office", "education-board"],
  zones: [
    {
      zone: "platform.example",
      of: "platform",
      upstreams: [
        { address: "100.72.0.53:53", answers: true, failures: 0, round_trip_us: 12_100 },
        { address: "100.72.0.54:53", answers: false, failures: 4, round_trip_us: null },
      ],
    },
    {
      zone: "city.example",
      of: "office",
      lan: "head-office",
      upstreams: [{ address: "192.168.1.53:53", answers: true, failures: 0, round_trip_us: 410 }],
    },
    {
      zone: ".",
      of: "lgwan",
      upstreams: [{ address: "198.18.2.53:53", answers: null, failures: 0, round_trip_us: null }],
    },
  ],
  cache: { entries: 412, bytes: 98_304, hits: 81_233, misses: 4102, stale: 3 },
  counts: {
    "head-office/platform": 3120,
    "head-office/office": 71_204,
    "education-board/platform": 10_029,
    "head-office/static": 812,
    "education-board/refused-client": 7,
  },
  hosts: [{ name: "web.platform.example", addresses: ["100.72.1.10"] }],
};

function flows(): FlowRecord[] {
  return Array.from({ length: 40 }, (_, at) => ({
    began: ago(at * 97 + 30),
    ended: ago(at * 97),
    lan: at % 3 === 0 ? ("education-board" as const) : ("head-office" as const),
    opened_by: at % 5 === 0 ? ("platform" as const) : ("office" as const),
    protocol: 6,
    inside: { address: at % 3 === 0 ? "192.168.2.31" : "192.168.1.101", port: 50_000 + at },
    global: { address: at % 3 === 0 ? "100.64.10.21" : "100.64.10.20", port: 50_000 + at },
    platform: { address: "100.72.1.10", port: 443 },
    out: { packets: 12 + at, bytes: 4200 + at * 310 },
    in: { packets: 30 + at, bytes: 48_000 + at * 2100 },
  })).reverse();
}

export const network: Record<string, Answer> = {
  "POST /trace": (_, given: Packet) => {
    if (given.from.startsWith("10.")) {
      return refuse(422, {
        kind: "malformed",
        message: "10.0.0.1 lies neither on a LAN nor on the platform",
        way_out: "say at which side it arrives",
      });
    }
    const found = trace(given);
    const live: LiveTrace = {
      trace: { kernel: { trace: found }, design: found, parting: null, deviations: [] },
      tunnel: null,
    };
    return ok(live);
  },
  "GET /refusals": () => ok(refusals()),
  "GET /names": () => ok(names),
  "POST /names/query": (_, given: { name: string; type: string }) => {
    const found: NameAnswer = given.name.endsWith("platform.example")
      ? {
          rule: "platform",
          from: "cache",
          code: "NOERROR",
          records: [`${given.name}. 300 IN ${given.type} 100.72.1.10`],
          addresses: ["100.72.1.10"],
          microseconds: 84,
        }
      : {
          rule: "refused-name",
          from: "nobody",
          code: "REFUSED",
          records: [],
          addresses: [],
          microseconds: 12,
        };
    return ok(found);
  },
  "GET /names/zone-data": () =>
    ok({
      names: {
        "web.platform.example": ["100.72.1.10"],
        "api.platform.example": ["100.72.1.11", "100.72.1.12"],
      },
    }),
  "GET /flows": () => ok({ flows: flows(), next: null }),
};
