import type { InstallationState, SentBundle, UpdateStatus } from "../src/api/types";
import { type Answer, ok, refuse } from "./answers";
import { state } from "./box";

let sent: SentBundle | undefined;
let begun: { at: number; restart: boolean } | undefined;

/** An installation takes ten seconds; without a token it finds the version too old where the box has trouble. */
function installation(): InstallationState | undefined {
  if (!begun) return undefined;
  const seconds = (Date.now() - begun.at) / 1000;
  if (seconds < 1) return { name: "waiting" };
  if (seconds < 2) return { name: "taking" };
  if (seconds < 3) return { name: "checking" };
  if (state.scene === "trouble") {
    return {
      name: "failed",
      why: {
        ja: "版 0.7.0 は、戻せる最も古い版 0.8.0 より古い版です。",
        en: "Version 0.7.0 is older than 0.8.0, the oldest that this firmware goes back to.",
      },
      way_out: { ja: "機構から許可証を受け取ってください。", en: "Ask the operator for a token." },
    };
  }
  if (seconds < 10) return { name: "writing", percent: Math.floor((seconds - 3) * 14) };
  return { name: "installed", version: "0.10.0", restarts: begun.restart };
}

function statusNow(): UpdateStatus {
  const now = installation();
  const written = now?.name === "installed";
  return {
    firmware: {
      version: "0.9.0",
      kind: "development",
      floor: "0.8.0",
      slots: [
        { name: "A", runs: true, good: true, version: "0.9.0" },
        { name: "B", runs: false, good: true, version: written ? "0.10.0" : "0.8.2" },
      ],
      ...(written ? { trial: { version: "0.10.0", from: "0.9.0", slot: "B" as const } } : {}),
      last:
        state.scene === "trouble"
          ? {
              version: "0.9.1",
              from: "0.9.0",
              went_back: {
                ja: "東拠点のトンネル：応答がありません",
                en: "Tunnel to the east centre: no answer",
              },
            }
          : { version: "0.9.0", from: "0.8.2" },
    },
    ...(now ? { installation: { at: new Date().toISOString(), state: now } } : {}),
  };
}

export const update: Record<string, Answer> = {
  "GET /update": () => ok({ status: statusNow(), ...(sent ? { sent } : {}), largest: 256 * 1024 * 1024 }),
  "PUT /update/bundle": (url, given: { bytes: number }) => {
    sent = {
      name: url.searchParams.get("name") ?? "",
      bytes: given.bytes,
      sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    };
    return ok(sent);
  },
  "DELETE /update/bundle": () => {
    sent = undefined;
    return ok();
  },
  "POST /update/install": (_, given: { restart: boolean }) => {
    if (!sent) return refuse(409, { kind: "conflict", message: "nothing was sent" });
    begun = { at: Date.now(), restart: given.restart };
    return ok(statusNow());
  },
};
