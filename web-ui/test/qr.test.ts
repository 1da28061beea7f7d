import { describe, expect, test } from "vitest";
import { qr, qrPath } from "../src/ui/qr";

/** What a reader would find in the code: its own way through the modules, without the writer's tables. */
function formatOf(dark: boolean[][]): number {
  const cells: [number, number][] = [
    ...[0, 1, 2, 3, 4, 5].map((row): [number, number] => [row, 8]),
    [7, 8],
    [8, 8],
    [8, 7],
    ...[5, 4, 3, 2, 1, 0].map((column): [number, number] => [8, column]),
  ];
  return cells.reduce((bits, [row, column], at) => bits | (dark[row]?.[column] ? 1 << at : 0), 0) ^ 0x5412;
}

describe("QR code", () => {
  test("it is as large as the text needs, and no text is cut", () => {
    expect(qr("a".repeat(14))?.length).toBe(21);
    expect(qr("a".repeat(15))?.length).toBe(25);
    expect(qr("a".repeat(213))?.length).toBe(57);
    expect(qr("a".repeat(214))).toBeNull();
  });

  test("its corners can be found", () => {
    const dark = qr("https://sekisho/") ?? [];
    const ring = (row: number, column: number) =>
      Array.from({ length: 7 }, (_, at) => [dark[row]?.[column + at], dark[row + 6]?.[column + at]]).flat();
    const size = dark.length;
    for (const [row, column] of [
      [0, 0],
      [0, size - 7],
      [size - 7, 0],
    ] as const) {
      expect(ring(row, column).every(Boolean)).toBe(true);
      expect(dark[row + 3]?.[column + 3]).toBe(true);
      expect(dark[row + 1]?.[column + 1]).toBe(false);
    }
  });

  test("both copies of the format say M and the same mask", () => {
    const dark = qr("otpauth://totp/Sekisho:admin?secret=JBSWY3DPEHPK3PXP") ?? [];
    const size = dark.length;
    const bits = formatOf(dark);
    expect(bits >> 13).toBe(0);
    const second = Array.from({ length: 15 }, (_, at) =>
      at < 8 ? dark[8]?.[size - 1 - at] : dark[size - 15 + at]?.[8],
    );
    expect(second.reduce((all, one, at) => all | (one ? 1 << at : 0), 0) ^ 0x5412).toBe(bits);
    expect(dark[size - 8]?.[8]).toBe(true);
  });

  test("a path has a square for each dark module", () => {
    expect(
      qrPath([
        [true, false],
        [false, true],
      ]),
    ).toBe("M0 0h1v1h-1zM1 1h1v1h-1z");
  });
});
