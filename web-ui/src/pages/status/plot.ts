import type { HistoryPoint } from "../../api/types";

export type Frame = {
  width: number;
  height: number;
  top: number;
  bottom: number;
  left: number;
  right: number;
};

/** A round number that is no smaller: 1, 2 or 5 times a power of ten. */
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((step) => step * power >= value) ?? 10;
  return factor * power;
}

export type Curve = { line: string; area: string };

/** A curve over the time from `from` to `to`, in milliseconds. A gap of more than three steps stays a gap. */
export function curve(
  points: { at: number; value: number }[],
  from: number,
  to: number,
  top: number,
  stepMs: number,
  frame: Frame,
): Curve {
  const x = (at: number) =>
    frame.left + ((at - from) / (to - from)) * (frame.width - frame.left - frame.right);
  const floor = frame.height - frame.bottom;
  const y = (value: number) => floor - (value / top) * (floor - frame.top);
  const parts: { at: number; value: number }[][] = [];
  for (const point of points.filter(({ at }) => at >= from && at <= to)) {
    const last = parts.at(-1);
    const before = last?.at(-1);
    if (last && before && point.at - before.at <= 3 * stepMs) last.push(point);
    else parts.push([point]);
  }
  const place = (point: { at: number; value: number }) => `${round(x(point.at))} ${round(y(point.value))}`;
  const line = parts.map((part) => `M${part.map(place).join("L")}`).join("");
  const area = parts
    .map((part) => {
      const [first, last] = [part[0], part.at(-1)];
      if (!first || !last) return "";
      return `M${round(x(first.at))} ${floor}L${part.map(place).join("L")}L${round(x(last.at))} ${floor}Z`;
    })
    .join("");
  return { line, area };
}

/** Times to be written below a span, at round minutes or hours of the browser's clock. */
export function ticks(from: number, to: number, everyMs: number): number[] {
  const offset = new Date(to).getTimezoneOffset() * 60_000;
  const first = Math.ceil((from - offset) / everyMs) * everyMs + offset;
  const found: number[] = [];
  for (let at = first; at <= to; at += everyMs) found.push(at);
  return found;
}

export function largest(points: HistoryPoint[]): number {
  return points.reduce((most, point) => Math.max(most, point.up_bps, point.down_bps), 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
