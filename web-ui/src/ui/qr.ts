/** QR codes (ISO/IEC 18004) of short texts: bytes, error correction M, versions 1 to 10, mask 0 to 7 by the least penalty. */

/** For each version: codewords of error correction a block, then blocks and their data codewords, shorter blocks first. */
const versions: readonly (readonly [number, readonly (readonly [number, number])[]])[] = [
  [10, [[1, 16]]],
  [16, [[1, 28]]],
  [26, [[1, 44]]],
  [18, [[2, 32]]],
  [24, [[2, 43]]],
  [16, [[4, 27]]],
  [18, [[4, 31]]],
  [
    22,
    [
      [2, 38],
      [2, 39],
    ],
  ],
  [
    22,
    [
      [3, 36],
      [2, 37],
    ],
  ],
  [
    26,
    [
      [4, 43],
      [1, 44],
    ],
  ],
];

/** Centres of the alignment patterns, by version from 2. */
const alignments: readonly (readonly number[])[] = [
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
];

type Grid = { size: number; dark: boolean[][]; fixed: boolean[][] };

/** The modules of the code, dark ones true; `null` where the text is too long. */
export function qr(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const at = versions.findIndex((_, index) => capacity(index) >= bytes.length);
  if (at < 0) return null;
  const version = at + 1;
  const grid = patterns(version);
  place(grid, interleaved(at, dataWords(at, bytes)));
  const masked = Array.from({ length: 8 }, (_, mask) => withMask(grid, version, mask));
  return masked.reduce((best, next) => (penalty(next) < penalty(best) ? next : best));
}

function words(at: number): number {
  return version(at)[1].reduce((all, [count, data]) => all + count * data, 0);
}

function version(at: number) {
  return versions[at] as (typeof versions)[number];
}

function lengthBits(at: number): number {
  return at < 9 ? 8 : 16;
}

function capacity(at: number): number {
  return Math.floor((words(at) * 8 - 4 - lengthBits(at)) / 8);
}

/** Mode, length, bytes, and padding up to what the version holds. */
function dataWords(at: number, bytes: Uint8Array): number[] {
  const bits: number[] = [];
  const push = (value: number, count: number) => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  };
  push(0b0100, 4);
  push(bytes.length, lengthBits(at));
  for (const byte of bytes) push(byte, 8);
  const total = words(at) * 8;
  push(0, Math.min(4, total - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < total; pad ^= 0xec ^ 0x11) push(pad, 8);
  const found: number[] = [];
  for (let bit = 0; bit < bits.length; bit += 8) {
    found.push(bits.slice(bit, bit + 8).reduce((word, one) => (word << 1) | one, 0));
  }
  return found;
}

/** Blocks with their error correction, a word of each in turn. */
function interleaved(at: number, data: number[]): number[] {
  const [correction, groups] = version(at);
  const divisor = generator(correction);
  const blocks: { data: number[]; extra: number[] }[] = [];
  let from = 0;
  for (const [count, length] of groups) {
    for (let block = 0; block < count; block++) {
      const own = data.slice(from, from + length);
      from += length;
      blocks.push({ data: own, extra: remainder(own, divisor) });
    }
  }
  const longest = Math.max(...blocks.map((block) => block.data.length));
  const turns = (length: number, part: "data" | "extra") =>
    Array.from({ length }, (_, turn) => blocks.flatMap((block) => block[part][turn] ?? [])).flat();
  return [...turns(longest, "data"), ...turns(correction, "extra")];
}

/** A product in the field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

function generator(degree: number): number[] {
  const found = [...new Array<number>(degree - 1).fill(0), 1];
  let root = 1;
  for (let at = 0; at < degree; at++) {
    for (let term = 0; term < degree; term++) {
      found[term] = times(found[term] ?? 0, root) ^ (found[term + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return found;
}

function remainder(data: number[], divisor: number[]): number[] {
  const rest = new Array<number>(divisor.length).fill(0);
  for (const word of data) {
    const factor = word ^ (rest.shift() ?? 0);
    rest.push(0);
    divisor.forEach((term, at) => {
      rest[at] = (rest[at] ?? 0) ^ times(term, factor);
    });
  }
  return rest;
}

function set(grid: Grid, row: number, column: number, dark: boolean): void {
  const [line, fixed] = [grid.dark[row], grid.fixed[row]];
  if (!line || !fixed || column < 0 || column >= grid.size) return;
  line[column] = dark;
  fixed[column] = true;
}

/** Everything that doesn't depend on the text; format and version are kept free for later. */
function patterns(version: number): Grid {
  const size = 17 + 4 * version;
  const empty = () => Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const grid: Grid = { size, dark: empty(), fixed: empty() };
  for (let at = 0; at < size; at++) {
    set(grid, 6, at, at % 2 === 0);
    set(grid, at, 6, at % 2 === 0);
  }
  const corners: [number, number][] = [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ];
  for (const [row, column] of corners) square(grid, row, column, 4, (ring) => ring !== 2 && ring !== 4);
  const centres = alignments[version - 2] ?? [];
  const last = centres.length - 1;
  centres.forEach((row, i) => {
    centres.forEach((column, j) => {
      const atCorner = (i === 0 && (j === 0 || j === last)) || (i === last && j === 0);
      if (!atCorner) square(grid, row, column, 2, (ring) => ring !== 1);
    });
  });
  format(grid, 0);
  versionBits(grid, version);
  return grid;
}

function square(
  grid: Grid,
  row: number,
  column: number,
  most: number,
  dark: (ring: number) => boolean,
): void {
  for (let y = -most; y <= most; y++) {
    for (let x = -most; x <= most; x++)
      set(grid, row + y, column + x, dark(Math.max(Math.abs(x), Math.abs(y))));
  }
}

/** Error correction M and the mask, twice. */
function format(grid: Grid, mask: number): void {
  let rest = mask;
  for (let at = 0; at < 10; at++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((mask << 10) | rest) ^ 0x5412;
  const bit = (at: number) => ((bits >> at) & 1) === 1;
  const { size } = grid;
  for (let at = 0; at < 6; at++) set(grid, at, 8, bit(at));
  set(grid, 7, 8, bit(6));
  set(grid, 8, 8, bit(7));
  set(grid, 8, 7, bit(8));
  for (let at = 9; at < 15; at++) set(grid, 8, 14 - at, bit(at));
  for (let at = 0; at < 8; at++) set(grid, 8, size - 1 - at, bit(at));
  for (let at = 8; at < 15; at++) set(grid, size - 15 + at, 8, bit(at));
  set(grid, size - 8, 8, true);
}

function versionBits(grid: Grid, version: number): void {
  if (version < 7) return;
  let rest = version;
  for (let at = 0; at < 12; at++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let at = 0; at < 18; at++) {
    const [near, far] = [Math.floor(at / 3), grid.size - 11 + (at % 3)];
    set(grid, near, far, ((bits >> at) & 1) === 1);
    set(grid, far, near, ((bits >> at) & 1) === 1);
  }
}

/** The words' bits, in columns of two, up and down from the right. */
function place(grid: Grid, data: number[]): void {
  let at = 0;
  let up = true;
  for (let right = grid.size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < grid.size; step++) {
      const row = up ? grid.size - 1 - step : step;
      for (const column of [right, right - 1]) {
        const line = grid.dark[row];
        if (!line || grid.fixed[row]?.[column]) continue;
        line[column] = (((data[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
        at += 1;
      }
    }
    up = !up;
  }
}

const masks: readonly ((row: number, column: number) => boolean)[] = [
  (y, x) => (x + y) % 2 === 0,
  (y) => y % 2 === 0,
  (_, x) => x % 3 === 0,
  (y, x) => (x + y) % 3 === 0,
  (y, x) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (y, x) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (y, x) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (y, x) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function withMask(grid: Grid, version: number, mask: number): boolean[][] {
  const flips = masks[mask] ?? (() => false);
  const dark = grid.dark.map((line, row) =>
    line.map((one, column) => (grid.fixed[row]?.[column] ? one : one !== flips(row, column))),
  );
  const masked: Grid = { size: grid.size, dark, fixed: grid.fixed.map((line) => [...line]) };
  format(masked, mask);
  versionBits(masked, version);
  return dark;
}

/** How hard it is to read: long runs, squares, what looks like a corner, and too much of one kind. */
function penalty(dark: boolean[][]): number {
  const size = dark.length;
  const at = (row: number, column: number) => dark[row]?.[column] ?? false;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < size; i++) {
    const row = Array.from({ length: size }, (_, j) => (at(i, j) ? "1" : "0")).join("");
    const column = Array.from({ length: size }, (_, j) => (at(j, i) ? "1" : "0")).join("");
    for (const line of [row, column]) {
      for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
      sum += 40 * [...line.matchAll(/(?=10111010000|00001011101)/g)].length;
    }
    for (let j = 0; j < size; j++) {
      count += at(i, j) ? 1 : 0;
      if (i + 1 < size && j + 1 < size) {
        const same = at(i, j) === at(i + 1, j) && at(i, j) === at(i, j + 1) && at(i, j) === at(i + 1, j + 1);
        sum += same ? 3 : 0;
      }
    }
  }
  return sum + 10 * Math.floor(Math.abs((20 * count) / (size * size) - 10));
}

/** The dark modules as one path of an SVG, a unit each. */
export function qrPath(dark: boolean[][]): string {
  return dark.flatMap((line, y) => line.flatMap((one, x) => (one ? `M${x} ${y}h1v1h-1z` : []))).join("");
}
