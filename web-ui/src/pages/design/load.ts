import { ApiError, get } from "../../api/client";
import type { Status } from "../../api/types";
import { drop, keep, kept } from "../../app/memory";
import { session } from "../../app/session";
import { calls, type KeptDraft, type Lock } from "./model/calls";
import { blank, type Kept } from "./model/editor";
import type { Tree } from "./model/tree";

const key = "design";

/** Keeps unsaved work in this tab; not once somebody has logged out, for the desk is another one's then. */
export function keepWork(work: Kept): void {
  if (session.value.name !== "out") keep(key, work);
}

export function keptWork(): Kept | null {
  return kept<Kept>(key);
}

export function dropWork(): void {
  drop(key);
}

export type Found = {
  work: Kept;
  lock: Lock | null;
  /** Where it comes from: this tab, the box's draft, the design in force, or nowhere. */
  from: "tab" | "draft" | "generation" | "nothing";
  draft: KeptDraft | null;
};

/** Where the page begins: with what this tab has, else with the draft on the box, else with what is in force. */
export async function load(mayDraft: boolean): Promise<Found> {
  const { lock, draft } = mayDraft ? await calls.draft() : { lock: null, draft: null };
  // What the page knows of the status may be from before a change that has just come in force.
  const { generation } = await get<Status>("/status");
  const tab = keptWork();
  if (tab) return { work: following(tab, draft), lock, draft, from: "tab" };
  if (draft) return { work: await ofDraft(draft), lock, draft, from: "draft" };
  if (generation > 0) return { work: await ofGeneration(generation), lock, draft, from: "generation" };
  const work: Kept = { text: "", tree: blank(), ahead: "tree", profile: null, base: 0, after: null };
  return { work, lock, draft, from: "nothing" };
}

async function ofDraft(draft: KeptDraft): Promise<Kept> {
  return {
    ...(await ofText(draft.site)),
    profile: draft.profile ?? null,
    base: draft.generation,
    after: draft.at,
  };
}

/** What this tab has is on the box already where it was closed before the box's answer came. */
function following(tab: Kept, draft: KeptDraft | null): Kept {
  return draft && draft.site === tab.text ? { ...tab, after: draft.at } : tab;
}

export async function ofGeneration(number: number): Promise<Kept> {
  const stored = await calls.generation(number);
  return { ...(await ofText(stored.site)), profile: null, base: number, after: null };
}

/** A text that can't be read is edited as text. */
async function ofText(text: string): Promise<{ text: string; tree: Tree; ahead: Kept["ahead"] }> {
  try {
    return { text, tree: await calls.parse(text), ahead: null };
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.status < 400 || thrown.status >= 500) throw thrown;
    return { text, tree: blank(), ahead: "text" };
  }
}
