import { beforeEach, describe, expect, test } from "vitest";
import { apart, hearClock } from "../src/app/clock";

const at = Date.parse("2026-04-01T00:00:00Z");
const said = (seconds: number) => new Date(at + seconds * 1000).toUTCString();

beforeEach(() => apart.set(0));

describe("the clocks of box and browser", () => {
  test.each([
    [0, 0],
    [60, 0],
    [-89, 0],
    [90, 90],
    [-10_800, -10_800],
    [8 * 365 * 86_400, 8 * 365 * 86_400],
  ])("%i s apart are told as %i", (seconds, told) => {
    hearClock(said(seconds), at);
    expect(apart.value).toBe(told);
  });

  test("an answer that was under way for a moment is no news, and a clock that was set is", () => {
    hearClock(said(3600), at);
    hearClock(said(3600), at + 4000);
    expect(apart.value).toBe(3600);
    hearClock(said(1800), at);
    expect(apart.value).toBe(1800);
    hearClock(said(1), at);
    expect(apart.value).toBe(0);
  });

  test("an answer without a time tells nothing", () => {
    hearClock(said(3600), at);
    hearClock(null, at);
    hearClock("soon", at);
    expect(apart.value).toBe(3600);
  });
});
