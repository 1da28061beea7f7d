import type { CheckOutcome, Planned, SelfTestEvent, SelfTestReport, Stage, Verdict } from "../../api/types";

/** A self-test as it is seen while it goes on, and after it. */
export type Run = {
  items: Item[];
  /** Seconds that the rest takes at the longest. */
  secondsLeft: number | null;
  report: SelfTestReport | null;
};

export type Item = { check: Planned; state: "waits" | "goes-on" | Verdict; outcome: CheckOutcome | null };

export const noRun: Run = { items: [], secondsLeft: null, report: null };

export function step(run: Run, event: SelfTestEvent): Run {
  switch (event.event) {
    case "begun": {
      const items = event.checks.map((check) => ({ check, state: "waits" as const, outcome: null }));
      return { items, secondsLeft: event.seconds_left, report: null };
    }
    case "started":
      return { ...run, items: changed(run.items, event.id, (item) => ({ ...item, state: "goes-on" })) };
    case "ended": {
      const { outcome, seconds_left } = event;
      const end = (item: Item): Item => ({ ...item, state: outcome.verdict, outcome });
      return { ...run, items: changed(run.items, outcome.id, end), secondsLeft: seconds_left };
    }
    case "finished":
      return ofReport(event.report);
  }
}

export function ofReport(report: SelfTestReport): Run {
  const items = report.outcomes.map((outcome) => ({ check: outcome, state: outcome.verdict, outcome }));
  return { items, secondsLeft: null, report };
}

function changed(items: Item[], id: string, change: (item: Item) => Item): Item[] {
  return items.map((item) => (item.check.id === id ? change(item) : item));
}

export const stages: readonly Stage[] = [
  "standalone",
  "office",
  "lgwan",
  "tunnel",
  "platform",
  "dial-back",
  "load",
];

export type Branch = {
  stage: Stage;
  items: Item[];
  counts: Record<Verdict, number>;
  done: number;
  worst: Verdict | null;
};

/** The checks by stage, the nearest first; stages without any are left out. */
export function tree(run: Run): Branch[] {
  return stages.flatMap((stage) => {
    const items = run.items.filter((item) => item.check.stage === stage);
    return items.length > 0 ? [branch(stage, items)] : [];
  });
}

/** The worst last, as `Verdict` is ordered in the report; what was not run doesn't count beside what was. */
const order: readonly Verdict[] = ["not-run", "passed", "warned", "failed"];

function branch(stage: Stage, items: Item[]): Branch {
  const verdicts = items.flatMap((item) => item.outcome?.verdict ?? []);
  const counts = countsOf(verdicts);
  const worst = order.filter((verdict) => counts[verdict] > 0).at(-1) ?? null;
  const done = verdicts.length;
  return { stage, items, counts, done, worst };
}

export function countsOf(verdicts: Verdict[]): Record<Verdict, number> {
  const counts = { passed: 0, "not-run": 0, warned: 0, failed: 0 };
  for (const verdict of verdicts) counts[verdict] += 1;
  return counts;
}

export function needsMending(item: Item): boolean {
  return item.state === "failed" || item.state === "warned";
}

/** How many ended how, as a line; what didn't happen is left out. */
export function tally(
  counts: Record<Verdict, number>,
  words: Record<Verdict, string>,
  between: string,
): string {
  const shown = (["passed", "warned", "failed", "not-run"] as const).filter((verdict) => counts[verdict] > 0);
  return shown.map((verdict) => `${words[verdict]} ${counts[verdict]}`).join(between);
}

/** The number of a check that both sides agreed on. */
export function isTestNumber(text: string): boolean {
  return /^[0-9A-Za-z-]{1,32}$/.test(text);
}
