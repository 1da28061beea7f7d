import { recalled, remember } from "./memory";
import { Store } from "./store";

export type Theme = "auto" | "light" | "dark";

const saved = recalled("theme");
export const theme = new Store<Theme>(saved === "light" || saved === "dark" ? saved : "auto");

/** The stylesheet follows the attribute; without it the system's wish counts. */
function show(wish: Theme): void {
  if (wish === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wish;
}

export function setTheme(wish: Theme): void {
  remember("theme", wish);
  theme.set(wish);
  show(wish);
}

export function startTheme(): void {
  show(theme.value);
}
