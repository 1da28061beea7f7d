import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync(new URL("../src/styles/base.css", import.meta.url), "utf8");

function theme(selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(selector)).split("}")[0] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

/** Contrast by WCAG 2.2. */
function contrast(a: string, b: string): number {
  const light = (colour: string) => {
    const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r = 0, g = 0, blue = 0] = parts.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [dim = 0, bright = 0] = [light(a), light(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dim + 0.05);
}

const grounds = ["ground", "surface", "sunken"];
const pairs = [
  ...["ink", "quiet", "accent"].flatMap((ink) => grounds.map((ground) => [ink, ground])),
  ...["ok", "warn", "bad", "info"].flatMap((tone) => [
    [tone, `${tone}-soft`],
    ["ink", `${tone}-soft`],
    [tone, "surface"],
  ]),
  ["quiet", "bad-soft"],
  ["quiet", "warn-soft"],
  ["accent-ink", "accent"],
  ["accent", "accent-soft"],
] as [string, string][];

test.each([
  ["light", ":root {"],
  ["dark, by the switch", ':root[data-theme="dark"]'],
  ["dark, by the system", ':root:not([data-theme="light"])'],
])("ink on its ground can be read: %s", (_, selector) => {
  const colours = theme(selector);
  const weak = pairs.filter(([ink, ground]) => contrast(colours[ink] ?? "", colours[ground] ?? "") < 4.5);
  expect(weak).toEqual([]);
  // What is no text, like the frame of a field (WCAG 1.4.11).
  expect(contrast(colours["line-strong"] ?? "", colours.surface ?? "")).toBeGreaterThan(3);
});

test("both dark themes are one", () => {
  expect(theme(':root[data-theme="dark"]')).toEqual(theme(':root:not([data-theme="light"])'));
});
