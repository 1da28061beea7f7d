import type { Change, Effect, Found, RefusedPacket, Step, Trace } from "../../api/types";

/** What a packet asks for, from what the log has of it; none for what opens no flow. */
export function openingOf(packet: RefusedPacket): string | null {
  if (packet.protocol === 6 && packet.port !== null) return `tcp/${packet.port}`;
  if (packet.protocol === 17 && packet.port !== null) return `udp/${packet.port}`;
  return packet.protocol === 1 && packet.icmp_type === 8 ? "icmp-echo" : null;
}

/** Whether a change of the design lets it pass. */
export function mends(change: Change): boolean {
  return !("nothing" in change);
}

/** The steps of a trace by the stage that they belong to, without the rules that are about others. */
export type StageOfWay = { stage: string; steps: Step[]; decided: Decided };
export type Decided = "goes-on" | "changed" | "refused";

export function stagesOf(steps: Step[]): StageOfWay[] {
  const found: StageOfWay[] = [];
  for (const step of steps) {
    const stage = stageOf(step);
    const last = found.at(-1);
    if (last?.stage === stage) {
      last.steps.push(step);
      last.decided = worse(last.decided, decision(step));
    } else {
      found.push({ stage, steps: [step], decided: decision(step) });
    }
  }
  return found;
}

/** A rule of a base chain whose first condition already fails is about another side. */
export function concerns(step: Step): boolean {
  if (step.step !== "rule" || !("passed-over" in step.outcome)) return true;
  return step.chain !== step.base || !step.rule.startsWith(step.outcome["passed-over"]);
}

function stageOf(step: Step): string {
  switch (step.step) {
    case "rule":
      return step.base;
    case "policy":
      return step.chain;
    case "connection":
    case "restored":
      return "conntrack";
    case "link-down":
      return "link";
    case "forged-source":
    case "not-forwarding":
    case "route":
      return "route";
  }
}

const weight: Record<Decided, number> = { "goes-on": 0, changed: 1, refused: 2 };

function worse(a: Decided, b: Decided): Decided {
  return weight[a] >= weight[b] ? a : b;
}

function decision(step: Step): Decided {
  switch (step.step) {
    case "rule":
      return "applied" in step.outcome
        ? step.outcome.applied.map(effect).reduce(worse, "goes-on")
        : "goes-on";
    case "policy":
      return step.accepted ? "goes-on" : "refused";
    case "restored":
      return "changed";
    case "connection":
      return "goes-on";
    case "route":
      return leadsAway(step.found) ? "refused" : "goes-on";
    case "forged-source":
    case "link-down":
    case "not-forwarding":
      return "refused";
  }
}

function effect(of: Effect): Decided {
  if (typeof of === "string") return "goes-on";
  if ("refused" in of) return "refused";
  return "destination" in of || "source" in of ? "changed" : "goes-on";
}

function leadsAway(found: Found): boolean {
  return found === "nowhere" || (typeof found === "object" && found.route.action === "unreachable");
}

/** Source and destination before and after the box, where the packet leaves it. */
export function translation(
  trace: Trace,
): { source: [string, string]; destination: [string, string] } | null {
  const { question, outcome } = trace;
  if (outcome.result !== "delivered") return null;
  return { source: [question.from, outcome.source], destination: [question.to, outcome.destination] };
}

export function isAddress(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

export function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}
