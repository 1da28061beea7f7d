import type { Applied } from "../api/types";
import { drop, keep, kept } from "./memory";

/** What this tab has to show at the box's new address so that its change stays. */
export type Carry = { generation: number; at: string; token: string; code?: string };

export function keepCarry(applied: Applied): void {
  if (!applied.carry) return;
  const carry: Carry = { generation: applied.generation, ...applied.carry };
  keep("carry", applied.code ? { ...carry, code: applied.code } : carry);
}

/** The proof for this change, if this tab made it. */
export function carryOf(generation: number): Carry | null {
  const carry = kept<Carry>("carry");
  if (carry && carry.generation !== generation) drop("carry");
  return carry?.generation === generation ? carry : null;
}
