import { describe, expect, it } from "vitest";
import { fits, touched } from "./way";

const before = {
  interface: {
    "head-office": { port: "port2", address: "192.168.1.1/24" },
    maintenance: { port: "port4", address: "192.168.254.1/24" },
  },
  server: [],
};
const moved = (address?: string) => ({
  ...before,
  interface: { ...before.interface, "head-office": { port: "port2", ...(address && { address }) } },
});

describe("the way that the user came by", () => {
  it("is touched where its interface changes", () => {
    expect(touched("192.168.1.1", before, moved("192.168.9.1/24"))).toEqual({
      interface: "head-office",
      from: "192.168.1.1",
      to: "192.168.9.1",
    });
  });

  it("may have no new address", () => {
    expect(touched("192.168.1.1", before, moved())?.to).toBeNull();
    expect(touched("192.168.1.1", before, { interface: {} })?.to).toBeNull();
  });

  it("is touched where those who may open the page change", () => {
    const narrowed = { ...before, page: { "head-office": ["192.168.1.20"] } };
    expect(touched("192.168.1.1", before, narrowed)).toMatchObject({ to: "192.168.1.1" });
    expect(touched("192.168.254.1", before, narrowed)).toBeNull();
  });

  it("isn't touched by a change elsewhere", () => {
    expect(touched("192.168.254.1", before, moved("192.168.9.1/24"))).toBeNull();
    expect(touched("192.168.1.1", before, { ...before, server: [{ name: "juki" }] })).toBeNull();
    expect(touched("sekisho", before, moved("192.168.9.1/24"))).toBeNull();
    expect(touched("", {}, {})).toBeNull();
  });
});

it("a reason is measured in bytes", () => {
  expect(fits("あ".repeat(333), 1000)).toBe(true);
  expect(fits("あ".repeat(334), 1000)).toBe(false);
});
