import type { Site, SiteCentre, SiteLan } from "./site";

export type Rect = { x: number; y: number; width: number; height: number };
export type Line = { x1: number; y1: number; x2: number; y2: number };
export type Place<T> = { of: T; rect: Rect; leg: Line };
export type Layout = {
  width: number;
  height: number;
  box: Rect;
  lgwan: Rect;
  lans: Place<SiteLan>[];
  centres: Place<SiteCentre>[];
};

export const lanHead = 40;
export const rowHeight = 25;
const centreHeight = 92;
const gap = 22;

/** Where everything of the drawing stands: from left to right, or on a phone from top to bottom. */
export function layout(site: Site, narrow: boolean): Layout {
  return narrow ? topDown(site) : leftRight(site);
}

function lanHeight(lan: SiteLan): number {
  return lanHead + (lan.rows.length + (lan.more > 0 ? 1 : 0)) * rowHeight + 12;
}

function leftRight(site: Site): Layout {
  const width = 960;
  const heights = site.lans.map(lanHeight);
  const lansHeight = sum(heights) + gap * Math.max(0, heights.length - 1);
  const centresHeight = site.centres.length * centreHeight + gap * Math.max(0, site.centres.length - 1);
  const height = Math.max(lansHeight, centresHeight, 200) + 8;
  const middle = height / 2;
  const box = { x: 392, y: middle - 62, width: 132, height: 124 };
  const lgwan = { x: 588, y: 4, width: 92, height: height - 8 };
  const lans = column(heights, (height - lansHeight) / 2).map((y, at) => {
    const of = site.lans[at] as SiteLan;
    const rect = { x: 4, y, width: 252, height: heights[at] ?? 0 };
    return { of, rect, leg: across(rect, box, at, site.lans.length) };
  });
  const centreHeights = site.centres.map(() => centreHeight);
  const centres = column(centreHeights, (height - centresHeight) / 2).map((y, at) => {
    const of = site.centres[at] as SiteCentre;
    const rect = { x: 744, y, width: 212, height: centreHeight };
    return { of, rect, leg: across(box, rect, at, site.centres.length) };
  });
  return { width, height, box, lgwan, lans, centres };
}

/** A line from the right edge of one to the left edge of the other; several share the box's edge. */
function across(from: Rect, to: Rect, at: number, of: number): Line {
  const spread = (at + 1) / (of + 1);
  const isBox = (rect: Rect) => rect.width === 132;
  const y = (rect: Rect) => rect.y + rect.height * (isBox(rect) ? spread : 0.5);
  return { x1: from.x + from.width, y1: y(from), x2: to.x, y2: y(to) };
}

function topDown(site: Site): Layout {
  const width = 360;
  const lanWidth = share(width, site.lans.length);
  const heights = site.lans.map(lanHeight);
  const tallest = Math.max(0, ...heights);
  const box = { x: 106, y: tallest + 74, width: 148, height: 96 };
  const lgwan = { x: 4, y: box.y + box.height + 34, width: width - 8, height: 52 };
  const centreY = lgwan.y + lgwan.height + 34;
  const centreWidth = share(width, site.centres.length);
  const lans = site.lans.map((of, at) => {
    const rect = { x: 4 + at * (lanWidth + 8), y: 4, width: lanWidth, height: tallest };
    return { of, rect, leg: down(rect, box, at, site.lans.length) };
  });
  const centres = site.centres.map((of, at) => {
    const rect = { x: 4 + at * (centreWidth + 8), y: centreY, width: centreWidth, height: centreHeight };
    return { of, rect, leg: down(box, rect, at, site.centres.length) };
  });
  return { width, height: centreY + centreHeight + 4, box, lgwan, lans, centres };
}

function down(from: Rect, to: Rect, at: number, of: number): Line {
  const spread = (at + 1) / (of + 1);
  const isBox = (rect: Rect) => rect.width === 148;
  const x = (rect: Rect) => rect.x + rect.width * (isBox(rect) ? spread : 0.5);
  return { x1: x(from), y1: from.y + from.height, x2: x(to), y2: to.y };
}

function share(width: number, count: number): number {
  return (width - 8 - 8 * Math.max(0, count - 1)) / Math.max(1, count);
}

function column(heights: number[], top: number): number[] {
  let y = top;
  return heights.map((height) => {
    const own = y;
    y += height + gap;
    return own;
  });
}

function sum(values: number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
