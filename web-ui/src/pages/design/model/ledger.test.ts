import { expect, it } from "vitest";
import type { Holding, Ledger } from "../../../api/types";
import { addressNumber, addressText, firstFree, strips } from "./ledger";

const free = (first: string, last: string): Holding => ({ first, last, holder: "free" });
const device = (at: string): Holding => ({ first: at, last: at, holder: "device" });

it("addresses are numbers and back", () => {
  for (const text of ["0.0.0.0", "100.64.10.255", "255.255.255.255"])
    expect(addressText(addressNumber(text))).toBe(text);
});

it("each strip has 256 addresses, held or free, without a gap", () => {
  const found = strips([
    free("100.64.10.0", "100.64.10.9"),
    device("100.64.10.10"),
    free("100.64.10.11", "100.64.10.255"),
  ]);
  expect(found).toHaveLength(1);
  const block = found[0];
  if (block?.kind !== "block") throw new Error("a block");
  expect(block.segments.map(({ start, length }) => [start, length])).toEqual([
    [0, 10],
    [10, 1],
    [11, 245],
  ]);
});

it("a large pool isn't drawn address by address", () => {
  const found = strips([device("10.0.0.0"), free("10.0.0.1", "10.255.255.255")]);
  expect(found.map((strip) => strip.kind)).toEqual(["block", "free"]);
  expect(found[1]).toMatchObject({ first: "10.0.1.0", last: "10.255.255.255", count: 2 ** 24 - 256 });
});

it("every address is on one strip", () => {
  const holdings = [free("10.0.0.200", "10.0.2.3"), device("10.0.2.4"), free("10.0.2.5", "10.0.9.17")];
  const count = strips(holdings).reduce(
    (sum, strip) =>
      sum + (strip.kind === "free" ? strip.count : strip.segments.reduce((all, one) => all + one.length, 0)),
    0,
  );
  expect(count).toBe(addressNumber("10.0.9.17") - addressNumber("10.0.0.200") + 1);
});

it("the next free address is nobody's and no end of its block", () => {
  const ledger = {
    pool: [free("10.0.0.0", "10.0.0.1"), device("10.0.0.2"), free("10.0.0.3", "10.0.0.255")],
  } as Ledger;
  expect(firstFree(ledger, new Set())).toBe("10.0.0.1");
  expect(firstFree(ledger, new Set(["10.0.0.1"]))).toBe("10.0.0.3");
  expect(firstFree({ ...ledger, pool: [] }, new Set())).toBeNull();
});
