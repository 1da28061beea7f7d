import { post } from "../../api/client";
import type { Applied, Apply, Role, Status } from "../../api/types";
import { keepCarry } from "../../app/carry";
import { may } from "../../app/roles";

/** Seconds in which somebody has to confirm what was restored. */
export const restoreWaitS = 300;

type Files = { site: string; profile: string };

/** An earlier design as a change. The profile goes with it where the role may bring one, or where none is in force. */
export function restoring(files: Files, role: Role, status: Status | null, reason: string): Apply {
  const site = { name: "site.toml", text: files.site };
  const withProfile = may(role, "apply-profile") || !status?.site;
  return {
    proposal: withProfile
      ? { site, profile: { name: "platform-profile.toml", text: files.profile } }
      : { site },
    seen: status?.generation ?? 0,
    confirm_within_s: restoreWaitS,
    reason,
  };
}

export async function restore(apply: Apply): Promise<void> {
  keepCarry(await post<Applied>("/apply", apply));
}
