import type { Holding, Ledger } from "../../../api/types";

/** A run of addresses on a strip, counted from its first address. */
export type Segment = { start: number; length: number; holding: Holding };
/** 256 addresses side by side, or more of them that are all free. */
export type Strip =
  | { kind: "block"; first: string; last: string; segments: Segment[] }
  | { kind: "free"; first: string; last: string; count: number };

export const stripLength = 256;

export function addressNumber(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

/** Holdings as strips: one for each 256 addresses of which any is held; free ones between them are told by their number. */
export function strips(holdings: readonly Holding[]): Strip[] {
  const found: Strip[] = [];
  for (const holding of holdings) {
    let first = addressNumber(holding.first);
    const last = addressNumber(holding.last);
    while (first <= last) {
      const block = first - (first % stripLength);
      const end = Math.min(last, block + stripLength - 1);
      const whole = first === block && end === block + stripLength - 1;
      if (holding.holder === "free" && whole) {
        // As many whole blocks as there are.
        const blocks = Math.floor((last + 1 - block) / stripLength);
        skip(found, block, blocks * stripLength);
        first = block + blocks * stripLength;
        continue;
      }
      lay(found, block, { start: first - block, length: end + 1 - first, holding });
      first = end + 1;
    }
  }
  return found;
}

function skip(found: Strip[], first: number, count: number): void {
  found.push({ kind: "free", first: addressText(first), last: addressText(first + count - 1), count });
}

function lay(found: Strip[], block: number, segment: Segment): void {
  const first = addressText(block);
  const open = found.at(-1);
  if (open?.kind === "block" && open.first === first) open.segments.push(segment);
  else found.push({ kind: "block", first, last: addressText(block + stripLength - 1), segments: [segment] });
}

/** The first address of the pool that nobody holds, and that isn't in use by these rows meanwhile. */
export function firstFree(ledger: Ledger, used: ReadonlySet<string>): string | null {
  for (const holding of ledger.pool) {
    if (holding.holder !== "free") continue;
    const last = addressNumber(holding.last);
    for (let number = addressNumber(holding.first); number <= last; number += 1) {
      // The ends of a /24 are addresses like others in a pool, but people don't expect them.
      const text = addressText(number);
      if (number % 256 !== 0 && number % 256 !== 255 && !used.has(text)) return text;
    }
  }
  return null;
}
