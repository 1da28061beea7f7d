import { describe, expect, it } from "vitest";
import { fileTime, formatTsv, isBlock, localTime, parseTsv, paste, read, show, shown } from "./cells";
import { type Field, servers, terminals } from "./fields";

const field = (fields: readonly Field[], key: string) => fields.find((field) => field.key === key) as Field;
const words = (_: Field, option: string) => ({ "head-office": "首長部局LAN" })[option] ?? option;

describe("a cell", () => {
  it.each([
    ["from", "192.168.1.100、192.168.1.101", ["192.168.1.100", "192.168.1.101"]],
    ["services", "http, https\ntcp/8080", ["http", "https", "tcp/8080"]],
    ["services", "-", []],
    ["services", "", undefined],
    ["global", "100.64.10.30", "100.64.10.30"],
  ])("of %s: %j", (key, text, value) => {
    expect(read(field(terminals, key), text)).toEqual(value);
  });

  it("shows what it reads", () => {
    for (const [key, text] of [
      ["from", "10.0.0.0/24, 10.1.0.1"],
      ["services", "-"],
      ["name", "counter"],
    ] as const) {
      expect(show(field(terminals, key), read(field(terminals, key), text))).toBe(text);
    }
  });

  it("keeps what is no number, so that the server tells of it", () => {
    expect(read({ key: "mtu", kind: "number" }, "１４００")).toBe(1400);
    expect(read({ key: "mtu", kind: "number" }, "15oo")).toBe("15oo");
    expect(show({ key: "mtu", kind: "number" }, "15oo")).toBe("15oo");
  });

  it("keeps a time's moment", () => {
    const until: Field = { key: "until", kind: "time" };
    const value = { $time: "2099-03-31T17:00:00+09:00" };
    expect(read(until, show(until, value))).toEqual(value);
    expect(read(until, "soon")).toBe("soon");
    const local = localTime("2099-03-31T17:00:00+09:00");
    expect(new Date(fileTime(local)).toISOString()).toBe("2099-03-31T08:00:00.000Z");
    expect(localTime("never")).toBe("");
  });
});

describe("a block of cells", () => {
  it("is read as spreadsheets write it", () => {
    expect(parseTsv('a\tb\r\n"two\nlines"\t"say ""hi"""\r\n')).toEqual([
      ["a", "b"],
      ["two\nlines", 'say "hi"'],
    ]);
    expect(parseTsv("one")).toEqual([["one"]]);
    expect(parseTsv("")).toEqual([]);
    expect(isBlock(parseTsv("one"))).toBe(false);
    expect(isBlock(parseTsv("one\ttwo"))).toBe(true);
  });

  it("comes back as it was written", () => {
    const rows = [
      ["", 'a"b', "c\td"],
      ["x\ny", "", "z"],
    ];
    expect(parseTsv(formatTsv(rows))).toEqual(rows);
  });

  it("goes over rows and adds those that are missing", () => {
    const columns = ["name", "interface", "private", "global"].map((key) => field(servers, key));
    const rows = [{ name: "juki", ftp: true, private: "10.0.0.1" }];
    const cells = parseTsv(
      "首長部局LAN\t192.168.1.10\t100.64.10.11\nhead-office\t\t100.64.10.12\ttoo much\n",
    );
    expect(paste(rows, columns, { row: 0, column: 1 }, cells, words)).toEqual([
      { name: "juki", ftp: true, interface: "head-office", private: "192.168.1.10", global: "100.64.10.11" },
      { interface: "head-office", global: "100.64.10.12" },
    ]);
    expect(rows[0]).toEqual({ name: "juki", ftp: true, private: "10.0.0.1" });
  });
});

it("only the rows in sight are drawn", () => {
  expect(shown(500, 40, 4000, 400)).toEqual({ from: 94, to: 116 });
  expect(shown(3, 40, 0, 400)).toEqual({ from: 0, to: 3 });
  expect(shown(0, 40, 900, 400)).toEqual({ from: 0, to: 0 });
  expect(shown(5, 40, 90_000, 400)).toEqual({ from: 0, to: 5 });
});
