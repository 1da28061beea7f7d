import { ApiError, asFailure, ask, get, post, surround } from "../api/client";
import type { Failure, Session } from "../api/types";
import { hearClock } from "./clock";
import { dropAll } from "./memory";
import { Store } from "./store";

export type SessionState =
  | { name: "unknown" }
  | { name: "out" }
  | { name: "in"; session: Session }
  /** It is over, and the page is still there with whatever was typed: its user is asked to log in again. */
  | { name: "expired"; session: Session };

export const session = new Store<SessionState>({ name: "unknown" });
/** Why the proof that somebody came with from the old address wasn't taken. */
export const arrivalFailure = new Store<Failure | null>(null);
export const daemonAway = new Store(false);

let timer: ReturnType<typeof setTimeout> | undefined;
let waiting: ((again: boolean) => void)[] = [];

/** A session begins, or goes on. */
export function enter(opened: Session): void {
  session.set({ name: "in", session: opened });
  clearTimeout(timer);
  // Timers of a browser end at 24.8 days.
  timer = setTimeout(look, Math.min(opened.expires_in_s * 1000 + 500, 2 ** 31 - 1));
  settle(true);
}

function settle(again: boolean): void {
  const heard = waiting;
  waiting = [];
  for (const resolve of heard) resolve(again);
}

function expire(): void {
  const state = session.value;
  if (state.name === "in") session.set({ name: "expired", session: state.session });
}

/** How long the box may take to say who is logged in: a connection that leads nowhere is given up after that. */
const answersWithin = 8_000;

/** Whether the session is still there. */
export async function look(): Promise<void> {
  try {
    enter(await get<Session>("/session", AbortSignal.timeout(answersWithin)));
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.status !== 401) {
      // The box doesn't answer: whether the session is over shows when it does.
      if (session.value.name === "unknown") session.set({ name: "out" });
      return;
    }
    if (session.value.name === "in") expire();
    else if (session.value.name === "unknown") session.set({ name: "out" });
  }
}

export async function logIn(user: string, password: string, code?: string): Promise<void> {
  enter(await post<Session>("/login", code ? { user, password, code } : { user, password }));
}

export async function changePassword(old: string, next: string): Promise<void> {
  enter(await post<Session>("/password", { old, new: next }));
}

/** Shows the proof that somebody reaches the box at its new address; that confirms the change and opens a session. */
export async function arrive(
  proof: { generation: number; token: string } | { generation: number; code: string },
) {
  enter(await post<Session>("/arrive", proof));
}

/** The same for whoever came by a link: a failure is shown on the page. */
export async function arrived(proof: { generation: number; token: string }): Promise<boolean> {
  try {
    await arrive(proof);
    return true;
  } catch (thrown) {
    arrivalFailure.set(asFailure(thrown));
    return false;
  }
}

export async function logOut(): Promise<void> {
  try {
    await ask("POST", "/logout");
  } catch (thrown) {
    // A session that is over already is what was wanted.
    if (!(thrown instanceof ApiError && thrown.status === 401)) throw thrown;
  }
  leave();
}

/** Leaves the page to the next person. */
export function leave(): void {
  clearTimeout(timer);
  dropAll();
  settle(false);
  session.set({ name: "out" });
  location.hash = "#/status";
}

surround({
  csrf: () => {
    const state = session.value;
    return state.name === "in" || state.name === "expired" ? state.session.csrf : undefined;
  },
  expired: () => {
    if (session.value.name === "out" || session.value.name === "unknown") return Promise.resolve(false);
    expire();
    return new Promise((resolve) => waiting.push(resolve));
  },
  daemon: (away) => daemonAway.set(away),
  clock: (said) => hearClock(said, Date.now()),
});
