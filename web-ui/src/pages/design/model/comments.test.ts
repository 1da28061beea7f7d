import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { carryComments, countComments } from "./comments";

const samples = "../config-samples";
const read = (name: string) => readFileSync(`${samples}/${name}/site.toml`, "utf8");
const names = readdirSync(samples).filter((name) => !name.includes("."));

/** A text without its comments, as a server prints it from a tree. */
function bare(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/\s*#(?=([^"]*"[^"]*")*[^"]*$).*$/, ""));
  return lines.filter((line, index) => line !== "" || text.split("\n")[index] === "").join("\n");
}

describe.each(names)("the comments of %s", (name) => {
  const text = read(name);

  it("are all carried to what is printed", () => {
    expect(countComments(bare(text))).toBe(0);
    expect(countComments(carryComments(text, bare(text)))).toBe(countComments(text));
  });

  it("are all that is added", () => {
    const plain = (text: string) =>
      bare(text)
        .replace(/\n{2,}/g, "\n")
        .trim();
    expect(plain(carryComments(text, bare(text)))).toBe(plain(text));
  });

  it("are carried once", () => {
    const once = carryComments(text, bare(text));
    expect(carryComments(once, bare(once))).toBe(once);
  });
});

it("500 servers are no pause", () => {
  const text = read("large");
  const printed = bare(text);
  const times = [1, 2, 3, 4, 5].map(() => {
    const start = performance.now();
    carryComments(text, printed);
    return performance.now() - start;
  });
  // The machine may be busy with something else in any of them.
  expect(Math.min(...times)).toBeLessThan(100);
});

describe("a comment", () => {
  const before = [
    "# the head",
    "schema = 1",
    "",
    "# of juki",
    "[[server]]",
    'name = "juki"',
    'private = "10.0.0.1"  # old address',
    "",
    "# of atena",
    "[[server]]",
    'name = "atena"',
    "# the end",
    "",
  ].join("\n");

  it("follows its row when rows move, and its key when the value changes", () => {
    const printed =
      'schema = 1\n\n[[server]]\nname = "atena"\n\n[[server]]\nname = "juki"\nprivate = "10.0.0.2"\n';
    expect(carryComments(before, printed)).toBe(
      '# the head\nschema = 1\n\n# of atena\n[[server]]\nname = "atena"\n\n# of juki\n[[server]]\nname = "juki"\nprivate = "10.0.0.2"  # old address\n# the end\n',
    );
  });

  it("goes with what it is about", () => {
    const left = carryComments(before, 'schema = 1\n\n[[server]]\nname = "atena"\n');
    expect(left).not.toContain("juki");
    expect(countComments(left)).toBe(3);
  });

  it("isn't what looks like one within a text", () => {
    const text = 'a = "x # y"\nb = \'# z\'\nc = """\n# in a certificate\n"""\n';
    expect(countComments(text)).toBe(0);
    expect(carryComments("# head\na = 1\n", text)).toBe(`# head\n${text}`);
  });

  it("above an item of a list stays there, or at the list where it is one line", () => {
    const list = "[interface.lgwan]\nroutes = [\n  # leased\n  { to = 1 },\n]\n";
    expect(carryComments(list, list.replace("  # leased\n", ""))).toBe(list);
    const one = "[interface.lgwan]\nroutes = [{ to = 1 }]\n";
    expect(carryComments(list, one)).toBe("[interface.lgwan]\n# leased\nroutes = [{ to = 1 }]\n");
  });
});
