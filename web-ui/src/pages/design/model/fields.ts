/** How the keys of a design are shown. Which values are right is the server's to say. */
export type Field = {
  readonly key: string;
  /** The key of its label and help, where another field has the same key and means something else. */
  readonly text?: string;
} & (
  | { readonly kind: "text" | "list" | "number" | "flag" | "time" | "lines" | "services" }
  | {
      readonly kind: "choice";
      readonly options: readonly string[];
      readonly numeric?: true;
      readonly needed?: true;
    }
  | { readonly kind: "several"; readonly options: readonly string[] }
  | { readonly kind: "table"; readonly fields: readonly Field[] }
  | { readonly kind: "rows"; readonly fields: readonly Field[] }
);

export const lans = ["head-office", "education-board"] as const;
export const classes = ["online", "normal", "bulk"] as const;
export const environments = ["production", "test"] as const;
/** What a row that names no services starts: the file's own default, written out where one more is added to it. */
export const usualServices = ["http", "https"] as const;

const text = (key: string, name?: string): Field => ({ key, kind: "text", ...(name && { text: name }) });
const list = (key: string, name?: string): Field => ({ key, kind: "list", ...(name && { text: name }) });
const number = (key: string, name?: string): Field => ({ key, kind: "number", ...(name && { text: name }) });
const choice = (key: string, options: readonly string[], needed?: true): Field => ({
  key,
  kind: "choice",
  options,
  ...(needed && { needed }),
});

const lan = choice("interface", lans, true);
const environment = choice("environment", environments);
const priority = choice("class", classes);
const mode: readonly Field[] = [choice("speed", ["10M", "100M", "1G"]), choice("duplex", ["full", "half"])];
const globalFor: Field = {
  key: "global-for",
  kind: "rows",
  fields: [list("to", "global-for.to"), text("global")],
};

export const site: readonly Field[] = [
  text("name", "site.name"),
  text("organisation"),
  choice("kind", ["prefecture", "municipality", "union", "wide-area-union"], true),
  { key: "placement", kind: "choice", options: ["1", "2", "3", "4"], numeric: true, needed: true },
];

export const interfaces = {
  lgwan: [
    text("port"),
    text("address", "interface.address"),
    text("gateway"),
    list("dns"),
    text("line-rate"),
    number("mtu"),
    ...mode,
  ],
  "head-office": lanFields(),
  "education-board": lanFields(),
  maintenance: [text("port"), text("address", "interface.address"), ...mode],
} as const satisfies Record<string, readonly Field[]>;

export type InterfaceName = keyof typeof interfaces;
export const interfaceNames = Object.keys(interfaces) as InterfaceName[];

function lanFields(): Field[] {
  const routes: Field = { key: "routes", kind: "rows", fields: [text("to", "routes.to"), text("via")] };
  return [text("port"), text("address", "interface.address"), routes, number("share"), ...mode];
}

export const traffic: readonly Field[] = [
  { key: "shares", kind: "table", fields: classes.map((name) => number(name, `classes.${name}`)) },
  number("hold-back"),
];

export const servers: readonly Field[] = [
  text("name"),
  lan,
  text("private"),
  text("global", "server.global"),
  {
    key: "allow-from-platform",
    kind: "rows",
    fields: [text("from", "allow.from"), list("services", "allow.services"), text("approval")],
  },
  text("identity"),
  { key: "services", kind: "services", text: "server.services" },
  text("approval"),
  environment,
  priority,
  { key: "ftp", kind: "flag" },
  globalFor,
];

export const terminals: readonly Field[] = [
  text("name"),
  lan,
  list("from", "terminals.from"),
  text("global", "terminals.global"),
  { key: "services", kind: "services", text: "terminals.services" },
  text("approval"),
  environment,
  priority,
  text("cap"),
  globalFor,
];

export const names: readonly Field[] = [
  choice("method", ["device", "forward", "hosts"], true),
  { key: "office-dns", kind: "table", fields: lans.map((key) => list(key, `lans.${key}`)) },
  { key: "rewrite-own", kind: "flag" },
  list("outside-answers"),
  number("query-log-days"),
];

export const entries: readonly Field[] = [
  text("name", "entry.name"),
  list("addresses"),
  text("alias"),
  { key: "interfaces", kind: "several", options: lans },
];

export const objects: readonly Field[] = [text("name"), list("members")];
export const services: readonly Field[] = [text("name"), list("services", "service.services")];
export const policies: readonly Field[] = [
  text("name"),
  list("from", "policy.from"),
  list("to", "policy.to"),
  list("services", "allow.services"),
  text("approval"),
  priority,
  environment,
  { key: "ftp", kind: "flag" },
  { key: "until", kind: "time" },
];

/** Who may open the box's own page from the office. */
export const page: readonly Field[] = [list("head-office", "page.head-office")];
/** Who may read the box's figures at the maintenance port. */
export const metrics: readonly Field[] = [list("maintenance", "metrics.maintenance")];
/** Who may ask the box by SNMP at the maintenance port. */
export const snmp: readonly Field[] = [list("maintenance", "snmp.maintenance")];

/** For whom the backup of each night is sealed. */
export const backup: readonly Field[] = [text("recipient", "backup.recipient")];

/** Whether the box takes the firmware that the operator rolls out. */
export const rollout: readonly Field[] = [{ key: "enabled", kind: "flag", text: "rollout.enabled" }];

export const limits: readonly Field[] = [number("connections"), number("new-per-second")];
export const flowLog: readonly Field[] = [number("days"), text("size")];
export const collector: readonly Field[] = [
  text("address", "collector.address"),
  choice("interface", [...lans, "maintenance"], true),
  { key: "send", kind: "several", options: ["flows", "refusals"] },
  choice("transport", ["udp", "tcp", "tls"]),
  number("port", "collector.port"),
  text("name", "collector.name"),
  { key: "certificate-authority", kind: "lines" },
];

/** The kinds of rows that are edited as tables, by their key in the file; the first `main` fields are always in sight. */
export const rowKinds = {
  server: { path: ["server"], fields: servers, main: 5, stem: "server" },
  terminals: { path: ["terminals"], fields: terminals, main: 6, stem: "terminals" },
  entry: { path: ["names", "entry"], fields: entries, main: 4, stem: "" },
  object: { path: ["object"], fields: objects, main: 2, stem: "object" },
  service: { path: ["service"], fields: services, main: 2, stem: "service" },
  policy: { path: ["policy"], fields: policies, main: 5, stem: "policy" },
} as const satisfies Record<
  string,
  { path: readonly string[]; fields: readonly Field[]; main: number; stem: string }
>;

export type RowKind = keyof typeof rowKinds;

/** Fields that fit into one cell of a table. */
export function isCell(field: Field): boolean {
  return field.kind !== "rows" && field.kind !== "table" && field.kind !== "lines";
}
