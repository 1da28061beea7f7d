import type { Report } from "../../../api/types";

/** The steps of the guided way, each with the keys at the top of the design that it is about. */
export const steps = {
  start: ["schema", "site"],
  interfaces: ["interface", "traffic", "page", "metrics", "snmp", "rollout"],
  servers: ["server"],
  terminals: ["terminals"],
  names: ["names"],
  policies: ["object", "service", "policy", "limits", "flow-log", "collector", "backup"],
  check: [],
} as const satisfies Record<string, readonly string[]>;

export type StepName = keyof typeof steps;
export const stepNames = Object.keys(steps) as StepName[];

/** Problems of the site's text, so that a field finds its own without walking through all of them. */
export class Problems {
  readonly all: readonly Report[];
  readonly #within = new Map<string, Report[]>();

  /** @param all of both files; those of the profile have no field here. */
  constructor(all: readonly Report[], site: string) {
    this.all = all;
    for (const report of all) {
      if (report.file !== site || report.path === "") continue;
      for (const prefix of prefixes(report.path)) {
        const there = this.#within.get(prefix);
        if (there) there.push(report);
        else this.#within.set(prefix, [report]);
      }
    }
  }

  /** Those of a value and of whatever it is made of. */
  under(path: string): readonly Report[] {
    return this.#within.get(path) ?? nothing;
  }

  /** Those that are about the table itself, like a key that is missing there, or about a key that has no field. */
  beside(path: string, fields: readonly string[]): readonly Report[] {
    const known = fields.map((field) => `${path}.${field}`);
    return this.under(path).filter((report) => !known.some((field) => isWithin(report.path, field)));
  }

  count(severity: Report["severity"]): number {
    return this.all.filter((report) => report.severity === severity).length;
  }
}

const nothing: readonly Report[] = [];

function prefixes(path: string): string[] {
  const found = [path];
  for (let end = path.length - 1; end > 0; end -= 1) {
    if (path[end] === "." || path[end] === "[") found.push(path.slice(0, end));
  }
  return found;
}

export function isWithin(path: string, prefix: string): boolean {
  return (
    path === prefix ||
    (path.startsWith(prefix) && (path[prefix.length] === "." || path[prefix.length] === "["))
  );
}

/** The step where a problem can be mended; the check where it has no field. */
export function stepOf(report: Report, site: string): StepName {
  if (report.file !== site) return "start";
  const top = /^[^.[]*/.exec(report.path)?.[0] ?? "";
  return stepNames.find((step) => (steps[step] as readonly string[]).includes(top)) ?? "check";
}

/** How many errors and warnings each step has. */
export function perStep(
  reports: readonly Report[],
  site: string,
): Record<StepName, { errors: number; warnings: number }> {
  const counts = Object.fromEntries(stepNames.map((step) => [step, { errors: 0, warnings: 0 }]));
  for (const report of reports) {
    const count = counts[stepOf(report, site)];
    if (count) count[report.severity === "error" ? "errors" : "warnings"] += 1;
  }
  return counts as Record<StepName, { errors: number; warnings: number }>;
}

/** The element of a field, so that a problem can lead there. */
export function fieldId(path: string): string {
  return `field-${path.replace(/[^a-z0-9]+/gi, "-")}`;
}
