import { lans } from "./fields";
import { at, isTable, listAt, plain, type Tree, textAt } from "./tree";

/** A LAN as it is drawn. */
export type LanDrawing = {
  lan: (typeof lans)[number];
  port: string;
  address: string;
  routes: string[];
  rows: { kind: "server" | "terminals"; name: string; inside: string; global: string; index: number }[];
  /** Rows beyond those that are drawn. */
  more: number;
};
export type SiteDrawing = {
  name: string;
  lgwan: { port: string; address: string; gateway: string };
  lans: LanDrawing[];
  maintenance: string | null;
  /** Rows that are on no LAN of the design yet. */
  loose: number;
};

const mostRows = 6;

/** What the drawing of the site shows of a design that may be half written. */
export function draw(tree: Tree): SiteDrawing {
  const rows = (["server", "terminals"] as const).flatMap((kind) =>
    listAt(tree, [kind]).map((row, index) => {
      const inside = at(row, [kind === "server" ? "private" : "from"]);
      return {
        kind,
        index,
        lan: textAt(row, ["interface"]),
        name: textAt(row, ["name"]),
        inside: Array.isArray(inside) ? inside.map(plain).join(", ") : plain(inside),
        global: textAt(row, ["global"]),
      };
    }),
  );
  const designed = lans.filter((lan) => isTable(at(tree, ["interface", lan])));
  const maintenance = at(tree, ["interface", "maintenance"]);
  return {
    name: textAt(tree, ["site", "name"]),
    lgwan: {
      port: textAt(tree, ["interface", "lgwan", "port"]),
      address: textAt(tree, ["interface", "lgwan", "address"]),
      gateway: textAt(tree, ["interface", "lgwan", "gateway"]),
    },
    lans: designed.map((lan) => {
      const there = rows.filter((row) => row.lan === lan);
      return {
        lan,
        port: textAt(tree, ["interface", lan, "port"]),
        address: textAt(tree, ["interface", lan, "address"]),
        routes: listAt(tree, ["interface", lan, "routes"]).map((route) => textAt(route, ["to"])),
        rows: there.slice(0, mostRows).map(({ lan: _, ...row }) => row),
        more: Math.max(0, there.length - mostRows),
      };
    }),
    maintenance: isTable(maintenance) ? textAt(maintenance, ["address"]) : null,
    loose: rows.filter((row) => !(designed as readonly string[]).includes(row.lan)).length,
  };
}

/** How high a LAN is drawn, in the units of the drawing. */
export function lanHeight(lan: LanDrawing): number {
  return 58 + 22 * (lan.rows.length + (lan.more > 0 ? 1 : 0)) + (lan.routes.length > 0 ? 20 : 0);
}
