import type {
  Awaiting,
  Cause,
  FirstCause,
  Health,
  History,
  LiveTraffic,
  RowTraffic,
  Status,
  Traffic,
} from "../src/api/types";

/** What the box is going through: `GET /api/scene/NAME` changes it. */
export type Scene = "calm" | "trouble" | "closed" | "away";

export const state: {
  scene: Scene;
  generation: number;
  awaiting: { generation: number; until: number; elsewhere: boolean } | null;
  returned: Status["returned"] | null;
} = { scene: "calm", generation: 12, awaiting: null, returned: null };

const started = Date.now();
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

export const serverOff: Cause = {
  code: "server-off",
  why: {
    ja: "サーバの電源が切れているか、LANにつながっていないか、アドレスが違います。",
    en: "The server is off, not plugged in, or has another address.",
  },
  "told-by": {
    ja: "同じLANのほかの機器は答え、このアドレスだけが答えません。",
    en: "Other hosts of the LAN answer; only this address does not.",
  },
  "next-step": {
    ja: "サーバの電源、ケーブル、アドレスと、設計の private を確かめてください。",
    en: "Look at the server's power, cable and address, and at private in the design.",
  },
};

export const firstCause: FirstCause = {
  check: "office.server.juki",
  title: { ja: "サーバ juki（庁内側 192.168.1.10）", en: "server juki (192.168.1.10 in the office)" },
  ...serverOff,
};

function awaitingNow(): Awaiting | undefined {
  const held = state.awaiting;
  if (!held) return undefined;
  const left = Math.ceil((held.until - Date.now()) / 1000);
  if (left <= 0) {
    state.returned = { generation: held.generation, why: "nobody confirmed it in time", at: ago(0) };
    state.awaiting = null;
    return undefined;
  }
  const proof = held.elsewhere ? { proof: { at: "192.168.1.254", tries_left: 5 } } : {};
  return { generation: held.generation, seconds_left: left, ...proof };
}

export function statusNow(): Status {
  const trouble = state.scene === "trouble";
  const awaiting = awaitingNow();
  const common = {
    version: "0.9.0",
    ...(awaiting ? { awaiting } : {}),
    ...(state.returned ? { returned: state.returned } : {}),
    release: { version: "0.9.0", kind: "development" as const, built: "2026-11-20T03:00:00Z" },
  };
  if (state.scene === "closed") {
    return {
      ...common,
      phase: { name: "closed" },
      generation: 0,
      site: null,
      tunnel: null,
      refused: {},
      last_refusals: [],
    };
  }
  const refusal = (seconds: number, rule: string, port: number) => ({
    at: ago(seconds),
    side: "head-office" as const,
    rule,
    row: rule === "undeclared-source" ? null : "counter",
    source: rule === "undeclared-source" ? "192.168.1.77" : "192.168.1.101",
    translated_source: "100.64.10.20",
    destination: "100.72.1.10",
    translated_destination: "100.72.1.10",
    protocol: 6,
    source_port: 50112,
    port,
    icmp_type: null,
  });
  return {
    ...common,
    phase: { name: "in-force" },
    generation: state.generation,
    site: {
      name: "見本市役所",
      organisation: "011002",
      placement: "partly-data-centre",
      profile: { serial: 3, issued: "2026-04-01T00:00:00Z" },
      servers: 2,
      terminals: 3,
    },
    tunnel: {
      carrier: "east",
      cut_off: false,
      centres: [
        {
          name: "east",
          endpoint: "198.18.11.10:51820",
          alive: true,
          round_trip_us: 11_340,
          handshake_age_s: Math.floor((Date.now() - started) / 1000) % 120,
          received: 81_234_567_890,
          sent: 7_654_321_098,
          rejected: 0,
        },
        {
          name: "west",
          endpoint: "198.18.12.10:51820",
          alive: !trouble,
          round_trip_us: trouble ? null : 18_900,
          handshake_age_s: trouble ? 8412 : 64,
          received: 1_234_567,
          sent: 1_234_321,
          rejected: 3,
        },
      ],
    },
    line: {
      rate: 50_000_000,
      held_back: false,
      ways: [
        { link: "tunnel", lan: null, classes: classes(30_000_000) },
        { link: "port2", lan: "head-office", classes: classes(21_000_000) },
        { link: "port3", lan: "education-board", classes: classes(9_000_000) },
      ],
    },
    ...(trouble
      ? {
          shortages: [
            {
              of: { name: "ports", global: "100.64.10.20" },
              used: 54_110,
              most: 64_512,
              sentence: {
                ja: "共用アドレス 100.64.10.20 のポートを 84% 使っています。",
                en: "84 % of the ports of the shared address 100.64.10.20 are in use.",
              },
              way_out: {
                ja: "端末の行を分け、もう一つのグローバルアドレスを割り当ててください。",
                en: "Divide the row of terminals and give it one more global address.",
              },
            },
          ],
        }
      : {}),
    refused: {
      "head-office/undeclared-service": { packets: 412, bytes: 24_720 },
      "head-office/undeclared-source": { packets: 96, bytes: 5760 },
      "platform/one-way": { packets: 31, bytes: 1860 },
      "lgwan/unexpected": { packets: 1203, bytes: 90_000 },
    },
    last_refusals: [
      refusal(12, "undeclared-service", 22),
      refusal(95, "undeclared-source", 443),
      refusal(300, "undeclared-service", 3389),
    ],
    flow_log: { days: 30, size: 2_147_483_648, used: 412_000_000, written: 1_204_112, lost: 0, overruns: 0 },
    collector: {
      address: "192.168.1.50:6514",
      transport: "tls",
      connected: !trouble,
      sent: 88_120,
      waiting: trouble ? 412 : 0,
      lost: 0,
      ...(trouble
        ? {
            fault: {
              kind: "device" as const,
              message: "192.168.1.50:6514: connection refused",
              way_out: "start the collector, or look at its address in the design",
            },
          }
        : {}),
    },
    time: {
      synchronised: true,
      ever: true,
      for_s: 86_211,
      error_us: 812,
      servers: [{ host: "198.18.2.123", addresses: ["198.18.2.123"] }],
      sentence: {
        ja: "時計は合っています（誤差 0.8 ms 以内）。",
        en: "The clock is in step, within 0.8 ms.",
      },
    },
    health: [
      {
        of: "temperature",
        name: "cpu",
        value: trouble ? 88_000 : 47_000,
        limit: 85_000,
        alarm: trouble,
        sentence: {
          ja: `CPUの温度は ${trouble ? 88 : 47} ℃です。`,
          en: `The CPU has ${trouble ? 88 : 47} °C.`,
        },
        ...(trouble ? { way_out: { ja: "通風口をふさがないでください。", en: "Keep the vents free." } } : {}),
      },
      {
        of: "memory",
        name: "memory",
        value: 71,
        limit: 10,
        alarm: false,
        sentence: { ja: "空きメモリは 71% です。", en: "71 % of the memory is free." },
      },
      {
        of: "room",
        name: "data",
        value: 82,
        limit: 10,
        alarm: false,
        sentence: { ja: "ディスクの空きは 82% です。", en: "82 % of the disk is free." },
      },
    ],
  };
}

function classes(rate: number) {
  const part = (share: number) => Math.round(rate * share);
  const sent = Date.now() - started;
  return [
    {
      class: "online" as const,
      guaranteed: part(0.6),
      most: rate,
      sent: 412_000_000 + sent * 90,
      dropped: 0,
      waiting: 0,
    },
    {
      class: "normal" as const,
      guaranteed: part(0.25),
      most: rate,
      sent: 1_912_000_000 + sent * 140,
      dropped: 12,
      waiting: 3010,
    },
    {
      class: "bulk" as const,
      guaranteed: part(0.15),
      most: rate,
      sent: 9_112_000_000 + sent * 800,
      dropped: 3122,
      waiting: 48_000,
    },
  ];
}

export function healthNow(): Health {
  if (state.scene !== "trouble") {
    return {
      level: "ok",
      at: ago(3),
      troubles: [],
      history: [
        { at: ago(86_400), level: "ok" },
        { at: ago(86_700), level: "degraded", cause: "centre-silent" },
      ],
    };
  }
  return {
    level: "degraded",
    at: ago(3),
    "first-cause": firstCause,
    troubles: [],
    history: [
      { at: ago(700), level: "degraded", cause: "server-off" },
      { at: ago(86_400), level: "ok" },
    ],
  };
}

const wave = (at: number, size: number, period: number) =>
  size * (1.2 + Math.sin(at / period)) * (0.8 + 0.2 * Math.sin(at / 7001));

export function trafficNow(): LiveTraffic {
  const at = Date.now();
  return {
    at: new Date(at).toISOString(),
    up_bps: Math.round(wave(at, 1_400_000, 410_000)),
    down_bps: Math.round(wave(at, 8_200_000, 733_000)),
  };
}

export function history(span: string): History {
  const step = span === "day" ? 300 : 15;
  const length = span === "day" ? 288 : 240;
  const points = Array.from({ length }, (_, index) => {
    const at = Date.now() - (length - index) * step * 1000;
    const hour = new Date(at).getUTCHours() + 9;
    const office = span === "day" && (hour % 24 < 8 || hour % 24 > 18) ? 0.08 : 1;
    return {
      at: new Date(at).toISOString(),
      up_bps: Math.round(office * wave(at, 1_400_000, 410_000)),
      down_bps: Math.round(office * wave(at, 8_200_000, 733_000)),
      refused: index % 30 === 0 ? 4 : 0,
    };
  });
  return { step_s: step, points };
}

const tally = (bytes: number) => ({ packets: Math.round(bytes / 700), bytes });

export function traffic(): Traffic {
  const row = (
    kind: RowTraffic["kind"],
    name: string,
    extra: Partial<RowTraffic>,
    up: number,
    down: number,
  ): RowTraffic => ({
    kind,
    name,
    ...extra,
    up: tally(up),
    down: tally(down),
    opened: Math.round(up / 40_000),
    ...(kind === "policy" ? {} : { refused: tally(kind === "server" ? 0 : 21_000) }),
  });
  const head = { lan: "head-office" as const, environment: "production" as const };
  const board = { lan: "education-board" as const, environment: "production" as const };
  return {
    rows: [
      row("server", "juki", { ...head, class: "online" }, 812_000_000, 2_400_000_000),
      row("server", "atena", { ...head, class: "normal" }, 412_000_000, 980_000_000),
      row("terminals", "counter", { ...head, class: "online" }, 212_000_000, 3_120_000_000),
      row("terminals", "batch", { ...head, class: "bulk" }, 4_120_000_000, 690_000_000),
      row("terminals", "school", { ...board, class: "normal" }, 98_000_000, 720_000_000),
      row(
        "terminals",
        "trial",
        { ...board, environment: "test", class: "normal", until: "2027-03-31T15:00:00Z" },
        120_000,
        410_000,
      ),
      row("policy", "remote-care", { until: "2026-12-31T15:00:00Z" }, 2_100_000, 8_100_000),
    ],
    hosts: [
      {
        lan: "head-office",
        address: "192.168.1.10",
        row: "juki",
        up: tally(812_000_000),
        down: tally(2_400_000_000),
        refused: tally(0),
      },
      {
        lan: "head-office",
        address: "192.168.1.101",
        row: "counter",
        up: tally(112_000_000),
        down: tally(1_800_000_000),
        refused: tally(12_000),
      },
      {
        lan: "head-office",
        address: "192.168.1.102",
        row: "counter",
        up: tally(100_000_000),
        down: tally(1_320_000_000),
        refused: tally(9000),
      },
      {
        lan: "education-board",
        address: "192.168.2.31",
        row: "school",
        up: tally(98_000_000),
        down: tally(720_000_000),
        refused: tally(0),
      },
      {
        lan: "head-office",
        address: "192.168.1.77",
        row: null,
        up: tally(0),
        down: tally(0),
        refused: tally(5760),
      },
    ],
    hosts_left_out: 0,
    napt: [
      {
        global: "100.64.10.20",
        rows: ["counter", "batch"],
        first_port: 1024,
        last_port: 65535,
        ports: { tcp: state.scene === "trouble" ? 54_110 : 812, udp: 31 },
        refused: tally(1860),
      },
      {
        global: "100.64.10.21",
        rows: ["school"],
        first_port: 1024,
        last_port: 65535,
        ports: { tcp: 77, udp: 4 },
        refused: tally(0),
      },
    ],
    connections: { count: 1844, most: 262_144, fullness: "roomy" },
  };
}
