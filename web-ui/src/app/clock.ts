import { Store } from "./store";

/** Two clocks that lie further apart than this are worth a word: codes of a second factor count for about a minute. In seconds. */
const worthAWord = 90;

/** By how much the box's clock goes before this browser's, in seconds; 0 while they lie close enough or nothing is known. */
export const apart = new Store(0);

/** Compares the clocks, by what an answer says of the time when it was made (the header `Date`). */
export function hearClock(said: string | null, now: number): void {
  const box = Date.parse(said ?? "");
  if (Number.isNaN(box)) return;
  const seconds = Math.round((box - now) / 1000);
  const close = Math.abs(seconds) < worthAWord;
  // Answers are under way for different times: a second more or less is no news.
  if (!close && Math.abs(seconds - apart.value) < 5) return;
  apart.set(close ? 0 : seconds);
}
