import type { Health, LiveTraffic, Status } from "../api/types";
import { daemonAway, look, session } from "./session";
import { Store } from "./store";

/** What the box says of itself, second by second. */
export type Live = {
  connected: boolean;
  /** When the last word came, by the browser's clock: countdowns go on from it. */
  heard: number;
  status: Status | null;
  health: Health | null;
  /** The latest last. */
  traffic: LiveTraffic[];
};

export type LiveEvent =
  | { kind: "opened" }
  | { kind: "lost" }
  | { kind: "status"; status: Status; now: number }
  | { kind: "health"; health: Health }
  | { kind: "traffic"; traffic: LiveTraffic };

export const nothingHeard: Live = { connected: false, heard: 0, status: null, health: null, traffic: [] };

/** Five minutes, a word a second. */
const mostTraffic = 300;

export function reduce(live: Live, event: LiveEvent): Live {
  switch (event.kind) {
    case "opened":
      return { ...live, connected: true };
    case "lost":
      return { ...live, connected: false };
    case "status":
      return { ...live, status: event.status, heard: event.now };
    case "health":
      return { ...live, health: event.health };
    case "traffic":
      return { ...live, traffic: [...live.traffic, event.traffic].slice(-mostTraffic) };
  }
}

/** How long to wait before the next try, in milliseconds: growing, and not the same for every browser of an office. */
export function pause(failures: number, random: () => number = Math.random): number {
  return Math.round(Math.min(1000 * 2 ** failures, 15_000) * (0.75 + random() / 2));
}

export const live = new Store<Live>(nothingHeard);

/** The box says something each second: a connection that is silent for so long leads nowhere, though nobody has closed it. */
const longestSilence = 8_000;

let source: EventSource | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

function tell(event: LiveEvent): void {
  live.set(reduce(live.value, event));
}

/** Listens until `stopLive`. */
export function startLive(): void {
  if (source) return;
  const opened = new EventSource("/api/live");
  source = opened;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(again, longestSilence);
  };
  alive();
  const on = <T>(name: string, hear: (value: T) => void) =>
    opened.addEventListener(name, (event) => {
      alive();
      hear(JSON.parse((event as MessageEvent<string>).data) as T);
    });
  opened.addEventListener("open", () => {
    failures = 0;
    tell({ kind: "opened" });
  });
  on<Status>("status", (status) => {
    daemonAway.set(false);
    tell({ kind: "status", status, now: Date.now() });
  });
  on<Health>("health", (health) => tell({ kind: "health", health }));
  on<LiveTraffic>("traffic", (traffic) => tell({ kind: "traffic", traffic }));
  on<unknown>("daemon-away", () => daemonAway.set(true));
  // The browser's own tries end at the first answer that isn't 200, so the page tries by itself.
  opened.addEventListener("error", again);
}

/** Begins anew after a while. */
function again(): void {
  close();
  tell({ kind: "lost" });
  timer = setTimeout(async () => {
    await look();
    // Whoever logs in again starts it again.
    if (session.value.name === "in") startLive();
  }, pause(failures++));
}

function close(): void {
  source?.close();
  source = undefined;
  clearTimeout(timer);
  clearTimeout(silence);
}

export function stopLive(): void {
  close();
  live.set(nothingHeard);
}
