/** Where the page is: `#/explain/refusals?row=juki` is page `explain`, rest `refusals`, query `row`. */
export type Route = { page: string; rest: string; query: Record<string, string> };

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", ...rest] = path.split("/").map(decoded);
  return {
    page: page || "status",
    rest: rest.join("/"),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

export function formatRoute(page: string, rest = "", query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  const path = [page, ...rest.split("/")].filter(Boolean).map(encodeURIComponent).join("/");
  return `#/${path}${search ? `?${search}` : ""}`;
}

/** What a link that carries a confirmation over to a new address says: `#confirm=GENERATION.TOKEN`. */
export function parseArrival(hash: string): { generation: number; token: string } | null {
  const [, generation, token] = /^#confirm=(\d+)\.([0-9a-f]{32})$/.exec(hash) ?? [];
  return generation && token ? { generation: Number(generation), token } : null;
}

export function formatArrival(at: string, generation: number, token: string): string {
  return `https://${at}/#confirm=${generation}.${token}`;
}

/** The box's other address with the port that the page is at, which in service is none to speak of. */
export function withPort(at: string, port: string): string {
  return port ? `${at}:${port}` : at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
