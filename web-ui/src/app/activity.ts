/** After so long without a key or a click, a page asks no more by itself: its session must be able to end. */
const patience = 5 * 60_000;

let last = Date.now();

export function startActivity(): void {
  for (const event of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(
      event,
      () => {
        last = Date.now();
      },
      { passive: true },
    );
  }
}

export function isWatched(now: number = Date.now()): boolean {
  return !document.hidden && now - last < patience;
}
