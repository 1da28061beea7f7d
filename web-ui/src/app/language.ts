import type { Both } from "../api/types";
import { en } from "../text/en";
import { ja, type Texts } from "../text/ja";
import { recalled, remember } from "./memory";
import { Store, useStore } from "./store";

export type Language = "ja" | "en";

export const language = new Store<Language>(recalled("language") === "en" ? "en" : "ja");

export function setLanguage(next: Language): void {
  remember("language", next);
  language.set(next);
}

/** The texts that every page shares. */
export function useText(): Texts {
  return useStore(language) === "ja" ? ja : en;
}

/** The texts of one page, which come with it. */
export function useTexts<T>(texts: { ja: T; en: T }): T {
  return texts[useStore(language)];
}

/** Picks from what the device says in both languages. */
export function useSay(): (both: Both) => string {
  const now = useStore(language);
  return (both) => both[now];
}
