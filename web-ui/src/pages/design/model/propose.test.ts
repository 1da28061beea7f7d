import { describe, expect, it } from "vitest";
import type { Change } from "../../../api/types";
import { draw, lanHeight } from "./drawing";
import { fill, parseProposal } from "./propose";
import { at, type Tree } from "./tree";

const tree: Tree = {
  site: { name: "見本市役所" },
  interface: { lgwan: { port: "port1" }, "head-office": { address: "192.168.1.1/24" } },
  server: [
    {
      name: "juki",
      interface: "head-office",
      "allow-from-platform": [{ from: "100.72.0.0/16", services: ["https"] }],
    },
  ],
  terminals: [{ name: "counter", interface: "education-board", services: ["https"] }],
};

describe("a proposal", () => {
  it("is taken as the change or as the advice around it", () => {
    const change: Change = { route: { lan: "head-office", to: "10.0.0.0/24" } };
    expect(parseProposal(JSON.stringify(change))).toEqual(change);
    expect(parseProposal(JSON.stringify({ change, sentence: {}, toml: null }))).toEqual(change);
  });

  it.each(["", "[]", "null", "1", "{}", '{"nothing":"device"}', "{"])("of %j is none", (text) => {
    expect(parseProposal(text)).toBeNull();
  });

  it.each([
    [
      { service: { row: { server: "juki" }, opening: "tcp/21" } },
      "server[0].services",
      ["http", "https", "tcp/21"],
    ],
    [
      { service: { row: { terminals: "counter" }, opening: "tcp/21" } },
      "terminals[0].services",
      ["https", "tcp/21"],
    ],
    [{ service: { row: { terminals: "counter" }, opening: "https" } }, "terminals[0].services", ["https"]],
  ] as [Change, string, string[]][])("adds a service: %j", (change, _, services) => {
    const filled = fill(tree, change);
    expect(filled && at(filled.tree, filled.path)).toEqual(services);
  });

  it("adds what a server admits", () => {
    const more = fill(tree, { allowance: { server: "juki", from: "100.72.0.0/16", opening: "tcp/8443" } });
    expect(more && at(more.tree, more.path)).toEqual(["https", "tcp/8443"]);
    const other = fill(tree, { allowance: { server: "juki", from: "100.72.1.1/32", opening: "https" } });
    expect(other && at(other.tree, other.path)).toEqual({ from: "100.72.1.1", services: ["https"] });
  });

  it("adds rows and routes", () => {
    const row = fill(tree, {
      terminals: {
        lan: "head-office",
        from: "192.168.1.9",
        global: null,
        environment: "test",
        opening: "https",
      },
    });
    expect(row && at(row.tree, row.path)).toEqual({
      name: "terminals-2",
      interface: "head-office",
      from: ["192.168.1.9"],
      environment: "test",
    });
    const route = fill(tree, { route: { lan: "head-office", to: "10.0.0.0/24" } });
    expect(route && at(route.tree, route.path)).toEqual({ to: "10.0.0.0/24" });
  });

  it("about a row that is gone fills nothing", () => {
    expect(fill(tree, { service: { row: { server: "gone" }, opening: "tcp/1" } })).toBeNull();
    expect(fill(tree, { allowance: { server: "gone", from: "100.72.0.0/16", opening: "tcp/1" } })).toBeNull();
  });
});

describe("the drawing", () => {
  it("follows a design that is half written", () => {
    expect(draw({}).lans).toEqual([]);
    const drawn = draw(tree);
    expect(drawn.lans.map((lan) => [lan.lan, lan.rows.length])).toEqual([["head-office", 1]]);
    expect(drawn.loose).toBe(1);
  });

  it("stays small where there are many rows", () => {
    const server = Array.from({ length: 500 }, (_, index) => ({
      name: `s${index}`,
      interface: "head-office",
    }));
    const [lan] = draw({ ...tree, server }).lans;
    expect(lan?.more).toBe(494);
    expect(lan && lanHeight(lan)).toBeLessThan(250);
  });
});
