import type { CentreStatus, Lan, RowTraffic, Status } from "../../api/types";

/** What the drawing shows, without a word about where. */
export type Site = { lans: SiteLan[]; centres: SiteCentre[]; tunnel: "up" | "down" | "none" };
export type SiteLan = { lan: Lan; rows: { name: string; kind: "server" | "terminals" }[]; more: number };
export type CentreState = "carrier" | "standby" | "silent";
export type SiteCentre = { name: string; state: CentreState; ageS: number | null; tripUs: number | null };

const mostRows = 4;

/** The site as designed, by the rows that traffic is counted for, and as it is. */
export function siteOf(status: Status, rows: RowTraffic[]): Site {
  const known: Lan[] = ["head-office", "education-board"];
  const lans = known.flatMap((lan) => {
    const own = rows.filter((row) => row.lan === lan && row.kind !== "policy");
    if (own.length === 0) return [];
    const shown = own.length > mostRows ? mostRows - 1 : own.length;
    const names = own
      .slice(0, shown)
      .map(({ name, kind }) => ({ name, kind: kind as "server" | "terminals" }));
    return [{ lan, rows: names, more: own.length - shown }];
  });
  const tunnel = status.tunnel;
  const centres = (tunnel?.centres ?? []).map((centre) => ({
    name: centre.name,
    state: centreState(centre, tunnel?.carrier ?? null),
    ageS: centre.handshake_age_s,
    tripUs: centre.round_trip_us,
  }));
  return { lans, centres, tunnel: tunnel ? (tunnel.carrier ? "up" : "down") : "none" };
}

export function centreState(centre: CentreStatus, carrier: string | null): CentreState {
  if (!centre.alive) return "silent";
  return centre.name === carrier ? "carrier" : "standby";
}

/** The refusals' counters of a status, the largest first. */
export function topRefusals(
  refused: Status["refused"],
  most: number,
): { side: string; rule: string; packets: number }[] {
  return Object.entries(refused)
    .map(([key, { packets }]) => {
      const [side = "", rule = ""] = key.split("/", 2);
      return { side, rule, packets };
    })
    .sort((a, b) => b.packets - a.packets)
    .slice(0, most);
}
