/** What a browser may refuse to keep: then the page goes on without. */
function guarded<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

export function recalled(key: string): string | null {
  return guarded(() => localStorage.getItem(`sekisho.${key}`));
}

export function remember(key: string, value: string): void {
  guarded(() => localStorage.setItem(`sekisho.${key}`, value));
}

export function forget(key: string): void {
  guarded(() => localStorage.removeItem(`sekisho.${key}`));
}

/** Unsaved work of this tab: it outlives an expired session and a reload, and ends with the tab. */
export function kept<T>(key: string): T | null {
  return guarded(() => JSON.parse(sessionStorage.getItem(`sekisho.${key}`) ?? "null") as T | null);
}

export function keep(key: string, value: unknown): void {
  guarded(() => sessionStorage.setItem(`sekisho.${key}`, JSON.stringify(value)));
}

export function drop(key: string): void {
  guarded(() => sessionStorage.removeItem(`sekisho.${key}`));
}

/** Logging out leaves nothing for the next person at this desk. */
export function dropAll(): void {
  guarded(() => {
    for (const key of Object.keys(sessionStorage))
      if (key.startsWith("sekisho.")) sessionStorage.removeItem(key);
  });
}
