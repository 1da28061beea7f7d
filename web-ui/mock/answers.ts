import type { Failure, Role, Session } from "../src/api/types";
import { healthNow, history, type Scene, state, statusNow, traffic } from "./box";

export type Said = {
  status: number;
  value?: unknown;
  text?: string;
  type?: string;
  file?: string;
  lines?: AsyncIterable<unknown>;
};

export type Answer = (url: URL, given: never, rest: string) => Said;

const failure = (status: number, said: Failure): Said => ({ status, value: said });
export const ok = (value?: unknown): Said => ({ status: 200, value });
export const refuse = failure;

/** Anybody whose password is `sekisho` may in: the name is the role; `first` must change it, `code` needs 123456. */
let session: Session | null = null;

function opened(user: string): Session {
  const roles: Role[] = ["operator", "administrator", "viewer", "engineer"];
  return {
    user,
    role: roles.find((role) => role === user) ?? "administrator",
    csrf: "mock",
    must_change: user === "first",
    second_factor: user === "code",
    expires_in_s: 900,
    development: true,
  };
}

function logIn(given: { user: string; password: string; code?: string }): Said {
  if (given.password === "locked") {
    return failure(429, { kind: "locked", message: "locked", retry_after_s: 95 });
  }
  if (given.password !== "sekisho") return failure(401, { kind: "wrong", message: "wrong" });
  if (given.user === "code" && given.code === undefined) {
    return failure(401, { kind: "code-needed", message: "code needed" });
  }
  if (given.user === "code" && given.code !== "123456")
    return failure(401, { kind: "wrong", message: "wrong" });
  session = opened(given.user);
  return ok(session);
}

function settle(keepIt: boolean): Said {
  if (!state.awaiting) return failure(409, { kind: "conflict", message: "no change awaits confirmation" });
  if (keepIt) state.generation = state.awaiting.generation;
  state.awaiting = null;
  return ok({ generation: state.generation });
}

const table: Record<string, Answer> = {
  "POST /logout": () => {
    session = null;
    return ok();
  },
  "POST /password": (_, given: { old: string; new: string }) => {
    if (given.new.includes("password")) {
      const both = { ja: "よく使われる言葉が入っています。", en: "It holds a common word." };
      return failure(422, { kind: "refused", message: both.en, both });
    }
    session = { ...opened(session?.user ?? "admin"), must_change: false };
    return ok(session);
  },
  "POST /arrive": () => {
    settle(true);
    session = opened("administrator");
    return ok(session);
  },
  "GET /status": () => ok(statusNow()),
  "GET /health": () => ok(healthNow()),
  "GET /traffic": () => ok(traffic()),
  "GET /history": (url) => ok(history(url.searchParams.get("span") ?? "hour")),
  "POST /confirm": () => settle(true),
  "POST /roll-back": () => settle(false),
};

/** What the page's own server answers without the daemon. */
const own = new Set(["/logout", "/password", "/history", "/users", "/audit", "/ca.pem"]);

/** Further rooms of the mock add what they answer. */
export function answers(more: Record<string, Answer>): void {
  Object.assign(table, more);
}

/** What the mock says to a request; only these paths need no session. */
export function answer(method: string, url: URL, given: unknown): Said {
  const path = url.pathname;
  if (path === "/session")
    return session ? ok(session) : failure(401, { kind: "no-session", message: "no session" });
  if (path === "/login") return logIn(given as { user: string; password: string });
  if (path.startsWith("/scene/")) return scene(path.slice(7));
  if (!session && path !== "/arrive" && path !== "/ca.pem") {
    return failure(401, { kind: "no-session", message: "no session" });
  }
  if (state.scene === "away" && !own.has(path)) {
    const both = {
      ja: "装置の本体プログラムが応答しません。",
      en: "The box's main program does not answer.",
    };
    return failure(502, { kind: "daemon-away", message: both.en, both });
  }
  const exact = table[`${method} ${path}`];
  if (exact) return exact(url, given as never, "");
  const cut = path.lastIndexOf("/");
  const below = table[`${method} ${path.slice(0, cut)}/*`];
  if (below) return below(url, given as never, decodeURIComponent(path.slice(cut + 1)));
  return failure(404, { kind: "malformed", message: `the mock knows no ${method} ${path}` });
}

function scene(name: string): Said {
  if (name === "expired") session = null;
  else if (name === "awaiting" || name === "moved") {
    state.awaiting = {
      generation: state.generation + 1,
      until: Date.now() + 120_000,
      elsewhere: name === "moved",
    };
  } else state.scene = name as Scene;
  return ok({ scene: name });
}
