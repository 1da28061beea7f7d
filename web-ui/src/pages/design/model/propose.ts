import type { Advice, Change } from "../../../api/types";
import { usualServices } from "./fields";
import { at, freshName, insert, type Json, listAt, type Path, set, type Tree, textAt } from "./tree";

export type Filled = { tree: Tree; path: Path };

/** A proposal from a link; nothing where it is none. */
export function parseProposal(json: string): Change | null {
  try {
    const read = JSON.parse(json) as Partial<Advice> | Change | null;
    if (typeof read !== "object" || read === null || Array.isArray(read)) return null;
    const change = "change" in read && read.change ? read.change : (read as Change);
    return kinds.some((kind) => kind in change) ? change : null;
  } catch {
    return null;
  }
}

const kinds = ["service", "terminals", "allowance", "server", "route"];

/** Fills in what a proposal says, and where. Nothing where the row that it is about isn't there, or nothing can help. */
export function fill(tree: Tree, change: Change): Filled | null {
  if ("service" in change) {
    const { row, opening } = change.service;
    const [kind, name] = "server" in row ? ["server", row.server] : ["terminals", row.terminals];
    const path = rowPath(tree, kind as string, name as string);
    return path && within(tree, [...path, "services"], opening, usualServices);
  }
  if ("allowance" in change) {
    const { server, from, opening } = change.allowance;
    const path = rowPath(tree, "server", server);
    if (!path) return null;
    const allowed = [...path, "allow-from-platform"];
    const index = listAt(tree, allowed).findIndex((item) => textAt(item, ["from"]) === host(from));
    if (index >= 0) return within(tree, [...allowed, index, "services"], opening, []);
    return added(tree, allowed, { from: host(from), services: [opening] });
  }
  if ("terminals" in change) {
    const { lan, from, global, environment, opening } = change.terminals;
    const row: Tree = {
      name: freshName(listAt(tree, ["terminals"]), "terminals"),
      interface: lan,
      from: [from],
    };
    if (global) row.global = global;
    if (environment !== "production") row.environment = environment;
    if (!(usualServices as readonly string[]).includes(opening)) row.services = [...usualServices, opening];
    return added(tree, ["terminals"], row);
  }
  if ("server" in change) {
    const { global, from, opening } = change.server;
    return added(tree, ["server"], {
      name: freshName(listAt(tree, ["server"]), "server"),
      global,
      "allow-from-platform": [{ from: host(from), services: [opening] }],
    });
  }
  if ("route" in change) {
    return added(tree, ["interface", change.route.lan, "routes"], { to: change.route.to });
  }
  return null;
}

/** The network of one address is written as the address. */
function host(network: string): string {
  return network.replace(/\/32$/, "");
}

function rowPath(tree: Tree, kind: string, name: string): Path | null {
  const index = listAt(tree, [kind]).findIndex((row) => textAt(row, ["name"]) === name);
  return index < 0 ? null : [kind, index];
}

function within(tree: Tree, path: Path, item: string, unwritten: readonly string[]): Filled {
  const old = at(tree, path);
  const list: readonly Json[] = Array.isArray(old) ? old : unwritten;
  return { tree: list.includes(item) ? tree : set(tree, path, [...list, item]), path };
}

function added(tree: Tree, path: Path, row: Tree): Filled {
  return { tree: insert(tree, path, row), path: [...path, listAt(tree, path).length] };
}
