import type { Effect, Found, Step } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { Icon } from "../../ui/icon";
import { concerns, stagesOf } from "./path";
import { type ExplainTexts, texts } from "./text";

const signs = { "goes-on": "ok", changed: "arrow", refused: "bad" } as const;

/** A packet's way, stage by stage; the rules themselves are folded away. */
export function Way({ title, steps }: { title: string | undefined; steps: Step[] }) {
  const t = useTexts(texts);
  return (
    <section class="way">
      {title && <h3>{title}</h3>}
      <ol>
        {stagesOf(steps).map(({ stage, steps: own, decided }, at) => (
          <li key={at} class={`stage stage-${decided}`}>
            <span class="stage-sign">
              <Icon name={signs[decided]} size={16} />
            </span>
            <details class="stage-body">
              <summary>
                <span class="stage-title">{t.stages[stage] ?? stage}</span>{" "}
                {decided !== "goes-on" && <span class="quiet small">{t.decided[decided]}</span>}
              </summary>
              <ul class="plain-list">
                {own.filter(concerns).map((step, index) => (
                  <StepLine key={index} step={step} />
                ))}
              </ul>
            </details>
          </li>
        ))}
      </ol>
    </section>
  );
}

function StepLine({ step }: { step: Step }) {
  const t = useTexts(texts);
  const common = useText();
  if (step.step !== "rule") return <li>{sentence(step, t)}</li>;
  const applied = "applied" in step.outcome;
  return (
    <li class={applied ? "rule rule-applied" : "rule quiet"}>
      <code>{step.rule}</code>{" "}
      <span>
        {"applied" in step.outcome
          ? step.outcome.applied.map((effect) => effectText(effect, t, common.classes)).join(" / ")
          : `${t.passedOver}: ${step.outcome["passed-over"]}`}
      </span>
    </li>
  );
}

function effectText(effect: Effect, t: ExplainTexts, classes: Record<string, string>): string {
  if (typeof effect === "string") return t.effects[effect] ?? effect;
  const [name = "", value] = Object.entries(effect)[0] ?? [];
  const said = name === "class" ? (classes[String(value)] ?? value) : name === "refused" ? "" : value;
  return `${t.effects[name] ?? name} ${said}`.trim();
}

function sentence(step: Exclude<Step, { step: "rule" }>, t: ExplainTexts): string {
  switch (step.step) {
    case "policy":
      return step.accepted ? t.nothingMore : t.noRule;
    case "connection":
      return step.known ? t.known : t.fresh;
    case "restored":
      return t.restored(step.source, step.destination);
    case "forged-source":
      return t.forged(step.source);
    case "link-down":
      return t.linkDown(step.link);
    case "not-forwarding":
      return t.notForwarding;
    case "route":
      return routed(step.to, step.found, t);
  }
}

function routed(to: string, found: Found, t: ExplainTexts): string {
  if (found === "device") return t.toDevice;
  if (found === "nowhere") return t.nowhere;
  const { action } = found.route;
  return action === "unreachable" ? t.unreachable(to) : t.routed(to, action.forward.link, action.forward.via);
}
