import { at, isTable, same, type Tree, textAt } from "../../design/model/tree";

/** The interface that the user came by and that a change touches. */
export type Touched = { interface: string; from: string; to: string | null };

/**
 * Whether a change touches the way that the user came by, as far as two designs show it: the interface with the address
 * in the browser's line, and who may open the page there. The box decides by itself whether a confirmation has to come over the new way.
 */
export function touched(host: string, before: Tree, after: Tree): Touched | null {
  const interfaces = at(before, ["interface"]);
  if (!isTable(interfaces)) return null;
  for (const [name, was] of Object.entries(interfaces)) {
    if (address(textAt(was, ["address"])) !== host) continue;
    const is = at(after, ["interface", name]);
    const sources = [before, after].map((tree) => at(tree, ["page", name]));
    if (same(was, is) && same(sources[0], sources[1])) return null;
    const to = address(textAt(is, ["address"]));
    return { interface: name, from: host, to: to === "" ? null : to };
  }
  return null;
}

/** `192.168.1.1/24` without its length. */
function address(text: string): string {
  return text.split("/")[0] ?? "";
}

/** What somebody may choose to have for looking, in seconds. */
export const waits = [60, 120, 300, 600, 1800] as const;
export const usualWait = 120;

/** The daemon counts bytes; a reason that is cut ends with a whole letter. */
export function fits(reason: string, bytes: number): boolean {
  return new TextEncoder().encode(reason).length <= bytes;
}
