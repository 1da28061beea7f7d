import type { Firmware, FirmwareSlot, InstallationState } from "../../api/types";

export type SlotState = "runs" | "trial" | "next" | "spare" | "empty";

/** What a slot is at the moment. */
export function slotState(slot: FirmwareSlot, { trial }: Pick<Firmware, "trial">): SlotState {
  const tried = trial?.slot === slot.name;
  if (slot.runs) return tried ? "trial" : "runs";
  if (tried) return "next";
  return slot.good ? "spare" : "empty";
}

/** Whether somebody is at it. */
export function goesOn(state: InstallationState | undefined): boolean {
  return state !== undefined && state.name !== "installed" && state.name !== "failed";
}

/** Why a file isn't even sent. */
export function wrongFile(
  file: { name: string; size: number },
  largest: number,
): "notRaucb" | "tooLarge" | null {
  if (!file.name.endsWith(".raucb")) return "notRaucb";
  return file.size > largest ? "tooLarge" : null;
}
