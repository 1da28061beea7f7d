import type { ZoneData } from "../../api/types";

/** Counters like `head-office/static` as rows, the largest first. */
export function outcomes(counts: Record<string, number>): { lan: string; what: string; times: number }[] {
  return Object.entries(counts)
    .map(([key, times]) => {
      const [lan = "", what = ""] = key.split("/", 2);
      return { lan, what, times };
    })
    .sort((a, b) => b.times - a.times);
}

/** The names as a hosts file, with the line ends that Windows wants. */
export function hostsFile(data: ZoneData): string {
  const lines = Object.entries(data.names).flatMap(([name, addresses]) =>
    addresses.map((address) => `${address}\t${name}\r\n`),
  );
  return lines.join("");
}
