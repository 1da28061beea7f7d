import type { Proposal, Role, Stored } from "../../api/types";
import { may } from "../../app/roles";
import { keptWork } from "../design/load";
import { calls } from "../design/model/calls";
import { siteFile } from "../design/model/editor";

/** What is to be applied, and where it comes from. */
export type Subject = { proposal: Proposal; from: "work" | "draft" | { generation: number } };

/** The generation that the address names, else what is being written in this tab, else the draft on the box. */
export async function subject(generation: string | undefined, role: Role): Promise<Subject | null> {
  if (generation !== undefined) {
    const stored: Stored = await calls.generation(Number(generation));
    return {
      proposal: proposal(stored.site, stored.profile),
      from: { generation: stored.generation.number },
    };
  }
  const work = keptWork();
  if (work) {
    // Fields may have been edited after the text was made.
    const text = work.ahead === "tree" ? await calls.print(work.tree) : work.text;
    return { proposal: proposal(text, work.profile), from: "work" };
  }
  if (!may(role, "draft")) return null;
  const { draft } = await calls.draft();
  return draft ? { proposal: proposal(draft.site, draft.profile ?? null), from: "draft" } : null;
}

function proposal(site: string, profile: string | null): Proposal {
  return {
    site: { name: siteFile, text: site },
    ...(profile !== null && { profile: { name: "platform-profile.toml", text: profile } }),
  };
}
