import type { Failure } from "./types";

/** An answer other than the one that was asked for. */
export class ApiError extends Error {
  readonly status: number;
  readonly failure: Failure;

  constructor(status: number, failure: Failure) {
    super(failure.message);
    this.status = status;
    this.failure = failure;
  }
}

/** What the client needs of the session, and what it tells it. */
export type Surroundings = {
  /** The token of the session, for whatever changes something. */
  csrf(): string | undefined;
  /** Nobody is logged in any more. Resolves to whether somebody has logged in again. */
  expired(): Promise<boolean>;
  /** Whether the daemon behind the page answers. */
  daemon(away: boolean): void;
  /** When an answer was made, by the box's clock. */
  clock(said: string | null): void;
};

let surroundings: Surroundings = {
  csrf: () => undefined,
  expired: () => Promise.resolve(false),
  daemon: () => {},
  clock: () => {},
};

export function surround(given: Surroundings): void {
  surroundings = given;
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

const local = new Set(["/session", "/login", "/logout", "/password", "/arrive"]);

async function send(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const csrf = surroundings.csrf();
  if (method !== "GET" && csrf) headers["X-Sekisho-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) request.body = JSON.stringify(body);
  if (signal) request.signal = signal;
  try {
    const response = await fetch(`/api${path}`, request);
    surroundings.clock(response.headers.get("Date"));
    return response;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, unreachable);
  }
}

const unreachable: Failure = {
  kind: "unreachable",
  message: "no answer from the box",
  both: {
    ja: "装置から応答がありません。LANケーブルと、装置の電源を確かめてください。",
    en: "The box does not answer. Look at the LAN cable and at the box's power.",
  },
};

/** The failure that an answer carries. Something between browser and box may have put another text in its place. */
export function failureOf(status: number, text: string): Failure {
  try {
    const read = JSON.parse(text) as Partial<Failure>;
    if (typeof read.kind === "string" && typeof read.message === "string") return read as Failure;
  } catch {
    // It is told below.
  }
  return { kind: "device", message: `HTTP ${status}${text ? `: ${text.slice(0, 200)}` : ""}` };
}

async function answered(
  method: Method,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  const isLocal = local.has(path);
  let response = await send(method, path, body, signal);
  let failure = response.ok ? null : failureOf(response.status, await response.text());
  if (!isLocal && response.status === 401 && isOver(failure) && (await surroundings.expired())) {
    response = await send(method, path, body, signal);
    failure = response.ok ? null : failureOf(response.status, await response.text());
  }
  if (failure) {
    if (failure.kind === "daemon-away") surroundings.daemon(true);
    throw new ApiError(response.status, failure);
  }
  if (path === "/status") surroundings.daemon(false);
  return response;
}

/** A wrong password or code in the middle of a session is no end of the session. */
function isOver(failure: Failure | null): boolean {
  return failure?.kind !== "wrong" && failure?.kind !== "code-needed";
}

/** Asks the API. Where the session is over, it waits until somebody has logged in again, and asks once more. */
export async function ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await answered(method, path, body, signal);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>("GET", path, undefined, signal);
}

export function post<T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>("POST", path, body, signal);
}

/** Asks for an answer that is a file as it is. */
export async function postForText(path: string, body: unknown): Promise<string> {
  return (await answered("POST", path, body)).text();
}

/** Sends a file as it is, and tells how many of its bytes have gone: `fetch` doesn't. */
export function sendFile<T>(
  path: string,
  file: Blob,
  gone: (bytes: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api${path}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    const csrf = surroundings.csrf();
    if (csrf) request.setRequestHeader("X-Sekisho-Token", csrf);
    request.upload.addEventListener("progress", (event) => gone(event.loaded));
    request.addEventListener("load", () => {
      const { status, responseText } = request;
      if (status === 200) resolve(JSON.parse(responseText) as T);
      else reject(new ApiError(status, failureOf(status, responseText)));
    });
    for (const end of ["error", "abort"] as const) {
      request.addEventListener(end, () => reject(new ApiError(0, unreachable)));
    }
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Asks for an answer of one JSON value a line, and hands each over as it comes. */
export async function stream<T>(
  path: string,
  body: unknown,
  each: (value: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  const response = await answered("POST", path, body, signal);
  const reader = response.body?.getReader();
  if (!reader) return;
  const lines = new Lines();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    const text = done ? `${decoder.decode()}\n` : decoder.decode(value, { stream: true });
    for (const line of lines.take(text)) {
      const read = JSON.parse(line) as T | Failure;
      if (isFailure(read)) throw new ApiError(response.status, read);
      each(read);
    }
    if (done) return;
  }
}

function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "kind" in value && "message" in value;
}

/** Cuts pieces of text into whole lines. */
export class Lines {
  #rest = "";

  take(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => line.trim()).filter((line) => line !== "");
  }
}

export function query(pairs: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(pairs).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return text ? `?${text}` : "";
}

/** What went wrong, whatever was thrown. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof ApiError) return thrown.failure;
  return { kind: "device", message: thrown instanceof Error ? thrown.message : String(thrown) };
}
