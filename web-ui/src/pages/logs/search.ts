import { query } from "../../api/client";
import type { FlowPage, FlowRecord } from "../../api/types";

/** What is looked for, as the form has it; times are the browser's. */
export type FlowSearch = { since: string; until: string; host: string };

/** The query of a page of flows, the latest first. */
export function flowQuery(search: FlowSearch, limit: number, cursor?: string): string {
  return query({
    since: instant(search.since),
    until: instant(search.until),
    host: search.host.trim(),
    limit,
    backwards: true,
    cursor,
  });
}

/** A time of `<input type="datetime-local">`, which is the browser's, as an instant. */
export function instant(local: string): string | undefined {
  const at = new Date(local);
  return local === "" || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** Gathers pages until there are enough flows or no more; a page may be empty and yet not the last. */
export async function gather(
  fetchPage: (cursor: string | undefined) => Promise<FlowPage>,
  enough: number,
  cursor?: string,
  heard: (count: number) => void = () => {},
): Promise<{ flows: FlowRecord[]; next: string | null }> {
  const flows: FlowRecord[] = [];
  let next: string | null | undefined = cursor;
  do {
    const page: FlowPage = await fetchPage(next ?? undefined);
    // Each page is in the log's order, the pages go backwards.
    flows.push(...[...page.flows].reverse());
    next = page.next;
    heard(flows.length);
  } while (next && flows.length < enough);
  return { flows, next: next ?? null };
}

/** What an audit record tells, by its method and path: its words, and whom it is about. */
export function actionOf(
  what: string,
  actions: Record<string, string>,
): { action: string; of: string | null } {
  const exact = actions[what];
  if (exact) return { action: exact, of: null };
  const cut = what.lastIndexOf("/");
  const below = actions[`${what.slice(0, cut)}/*`];
  return below ? { action: below, of: what.slice(cut + 1) } : { action: what, of: null };
}

export const flowHead = [
  "began",
  "ended",
  "lan",
  "opened-by",
  "protocol",
  "inside",
  "inside-port",
  "global",
  "global-port",
  "platform",
  "platform-port",
  "out-packets",
  "out-bytes",
  "in-packets",
  "in-bytes",
];

export function flowRow(flow: FlowRecord): (string | number | null | undefined)[] {
  const { inside, global, platform } = flow;
  return [
    flow.began,
    flow.ended,
    flow.lan,
    flow.opened_by,
    flow.protocol,
    ...[inside, global, platform].flatMap((end) => [end.address, end.port]),
    flow.out?.packets,
    flow.out?.bytes,
    flow.in?.packets,
    flow.in?.bytes,
  ];
}
