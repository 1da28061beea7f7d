import type { Identity } from "../../api/types";
import { forget, recalled, remember } from "../../app/memory";

/** What becomes of a renewal, as far as this browser has seen. */
export type Course = "none" | "coming" | "ended" | "withdrawn";

/** @param seen the coming key that was there when this browser looked last. */
export function courseOf({ coming, public_key }: Identity, seen: string | null): Course {
  if (coming) return "coming";
  if (seen === null) return "none";
  return public_key === seen ? "ended" : "withdrawn";
}

// A renewal takes days, so it outlives session and tab. The key is the public half, and a browser may know several boxes.
const place = ({ serial }: Identity) => `renewal.${serial}`;

export const seenKey = (identity: Identity) => recalled(place(identity));

/** Notes the key that is to come. */
export function noteKey(identity: Identity): void {
  if (identity.coming) remember(place(identity), identity.coming.public_key);
}

export const forgetKey = (identity: Identity) => forget(place(identity));
