import { readFileSync } from "node:fs";
import { parse, stringify, TomlError } from "smol-toml";
import type { Failure, Plan, Report } from "../src/api/types";
import { type Answer, ok, refuse, type Said } from "./answers";

const sample = (name: string) => readFileSync(`../config-samples/2-partly-data-centre/${name}.toml`, "utf8");
/** What is in force in the mock: the sample of a city with a part of its servers in a data centre. */
export const files = { site: sample("site"), profile: sample("platform-profile") };

type Row = { name?: string; global?: string; private?: string; interface?: string };
type Site = { server?: Row[]; terminals?: Row[] };

/** A file that is no TOML is refused with the place, as the box does. */
function withTree(text: string, then: (site: Site) => unknown): Said {
  try {
    return ok(then(parse(text) as Site));
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    const report: Report = {
      code: "FILE-02",
      severity: "error",
      file: "site.toml",
      line: thrown.line,
      column: thrown.column,
      path: "",
      sentence: { ja: "TOMLとして読めません。", en: "This is no TOML." },
      mend: { ja: "この行の書き方を確かめてください。", en: "Look at how this line is written." },
    };
    const failure: Failure = { kind: "refused", message: thrown.message, problems: [report] };
    return refuse(422, failure);
  }
}

/** One rule, so that there is a problem to be seen: global addresses are of the pool. */
function problems(site: Site): Report[] {
  return (["server", "terminals"] as const).flatMap((kind) =>
    (site[kind] ?? []).flatMap((row, at): Report[] => {
      if (row.global?.startsWith("100.64.10.")) return [];
      return [
        {
          code: "ADDR-03",
          severity: "error",
          file: "site.toml",
          line: 1,
          column: 1,
          path: `${kind}[${at}].global`,
          sentence: {
            ja: `グローバルアドレス ${row.global ?? ""} は、団体に割り当てられた範囲にありません。`,
            en: `The global address ${row.global ?? ""} isn't in the organisation's pool.`,
          },
          mend: {
            ja: "100.64.10.0/24 の空きから選んでください。",
            en: "Choose a free one of 100.64.10.0/24.",
          },
        },
      ];
    }),
  );
}

function ledger(site: Site) {
  const held = new Map<number, object>([[1, { holder: "device" }]]);
  for (const row of site.terminals ?? []) {
    held.set(last(row), { holder: "terminals", lan: row.interface, rows: [row.name] });
  }
  for (const { name, interface: lan, private: inside, ...row } of site.server ?? []) {
    held.set(last(row), { holder: "server", name, lan, private: inside, environment: "production" });
  }
  const address = (at: number) => `100.64.10.${at}`;
  const pool: object[] = [];
  for (let at = 0, free = 0; at <= 256; at++) {
    const holding = held.get(at);
    if (at < 256 && !holding) continue;
    if (free < at) pool.push({ first: address(free), last: address(at - 1), holder: "free" });
    if (holding) pool.push({ first: address(at), last: address(at), ...holding });
    free = at + 1;
  }
  const [server, terminals] = [site.server?.length ?? 0, site.terminals?.length ?? 0];
  return {
    organisation: "011002",
    profile: { serial: 3, issued: "2026-04-01T00:00:00Z" },
    totals: { pool: 256, device: 1, server, terminals, free: 255 - server - terminals, to_apply: 0 },
    pool,
    to_apply: [],
  };
}

function last(row: Row): number {
  return Number(row.global?.split(".").at(-1) ?? 0);
}

const plan: Plan = {
  changes: [
    {
      path: "terminals.counter.services",
      sentence: {
        ja: "端末 counter のサービスに tcp/22 が加わります。",
        en: "The terminals 'counter' get the service tcp/22.",
      },
    },
  ],
  steps: [
    {
      step: { what: "table" },
      sentence: { ja: "通信の規則を、一度に置き換えます。", en: "The packet filter is replaced at once." },
    },
  ],
  warnings: [],
};

let draft: unknown = null;
let since: string | null = null;
const held = () => ({ lock: since ? { user: "administrator", since, mine: true } : null, draft });

export const design: Record<string, Answer> = {
  "POST /design/parse": (_, given: { text: string }) => withTree(given.text, (tree) => ({ tree })),
  "POST /design/print": (_, given: { tree: object }) => ok({ text: stringify(given.tree) }),
  "POST /design/check": (_, given: { site: string }) => {
    const said = withTree(given.site, (site) => ({ problems: problems(site), ledger: ledger(site) }));
    return said.status === 200 ? said : ok({ problems: (said.value as Failure).problems });
  },
  "POST /design/compare": () => ok({ differences: plan.changes }),
  "POST /design/sheet": (_, given: { written?: string; form: string }) =>
    given.written === "csv"
      ? { status: 200, type: "text/csv", text: "a,b\r\n" }
      : ok({ html: `<table><caption>${given.form}</caption><tr><td>100.64.10.11</td></tr></table>` }),
  "POST /design/import": (_, given: { site: string }) => ok({ site: given.site, changes: {}, notices: [] }),
  "GET /design/draft": () => ok(held()),
  "PUT /design/draft": (_, { after: _after, take_over: _over, ...given }: Record<string, unknown>) => {
    draft = { ...given, by: "administrator", at: new Date().toISOString() };
    since ??= new Date().toISOString();
    return ok(held());
  },
  "DELETE /design/draft": () => {
    [draft, since] = [null, null];
    return ok();
  },
  "POST /plan": () => ok(plan),
};
