import { useState } from "preact/hooks";
import type { Cause, SelfTestReport, Verdict } from "../../api/types";
import { language, useSay, useText, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { span } from "../../ui/format";
import { Notice, type Tone } from "../../ui/notice";
import { Card, Facts, Tag } from "../../ui/parts";
import { type Branch, countsOf, type Item, needsMending, type Run, tally, tree } from "./run";
import { texts } from "./text";

export const verdictTones = {
  passed: "ok",
  warned: "warn",
  failed: "bad",
  "not-run": "off",
} as const satisfies Record<Verdict, Tone | "off">;

function toneOf(state: Item["state"]): Tone | "off" {
  if (state === "goes-on") return "info";
  return state === "waits" ? "off" : verdictTones[state];
}

/** How far it is, and what it looks at now. */
export function Progress({ run }: { run: Run }) {
  const t = useTexts(texts);
  const say = useSay();
  const now = useStore(language);
  const done = run.items.filter((item) => item.outcome).length;
  const current = run.items.find((item) => item.state === "goes-on");
  return (
    <Card>
      <p role="status">
        <strong>{t.running}</strong> {run.items.length > 0 && `${done} / ${run.items.length}`}{" "}
        <span class="quiet">{run.secondsLeft !== null && t.left(span(run.secondsLeft, now))}</span>
      </p>
      <progress class="progress" value={done} max={Math.max(1, run.items.length)} aria-label={t.running} />
      <p class="quiet small">{current ? say(current.check.title) : "\u00a0"}</p>
    </Card>
  );
}

/** However many crosses there are, the first cause is mostly the only one. */
export function FirstToMend({ report }: { report: SelfTestReport }) {
  const t = useTexts(texts);
  const common = useText();
  const say = useSay();
  const first = report["first-cause"];
  const tone = toneOf(report.verdict);
  return (
    <Notice
      tone={tone === "off" ? "info" : tone}
      title={`${t.verdict}${common.colon}${t.state[report.verdict]}`}
    >
      <p class="small">
        {tally(countsOf(report.outcomes.map((outcome) => outcome.verdict)), t.state, t.between)}
      </p>
      {first && (
        <div class="first">
          <p>
            <strong>
              {t.first}
              {common.colon}
              {say(first.title)}
            </strong>
          </p>
          <CauseText cause={first} />
        </div>
      )}
    </Notice>
  );
}

function CauseText({ cause }: { cause: Cause }) {
  const t = useTexts(texts);
  const say = useSay();
  return (
    <Facts
      facts={[
        [t.why, say(cause.why)],
        [t.toldBy, say(cause["told-by"])],
        [t.next, <strong key="next">{say(cause["next-step"])}</strong>],
      ]}
    />
  );
}

/** All checks by stage. Stages in which all is well are folded. */
export function Tree({ run, again }: { run: Run; again: ((id: string) => void) | undefined }) {
  const t = useTexts(texts);
  const [onlyBad, setOnlyBad] = useState(false);
  const branches = tree(run);
  const shown = onlyBad ? branches.filter((branch) => branch.items.some(needsMending)) : branches;
  return (
    <section>
      <label class="tick no-print only-bad">
        <input type="checkbox" checked={onlyBad} onChange={() => setOnlyBad(!onlyBad)} />
        {t.onlyBad}
      </label>
      {shown.length === 0 && <p class="quiet">{t.nothingBad}</p>}
      {shown.map((branch) => (
        <BranchView key={branch.stage} branch={branch} onlyBad={onlyBad} again={again} />
      ))}
    </section>
  );
}

function BranchView(props: { branch: Branch; onlyBad: boolean; again: ((id: string) => void) | undefined }) {
  const t = useTexts(texts);
  const { branch, onlyBad, again } = props;
  const { counts, worst } = branch;
  const open = branch.items.some((item) => needsMending(item) || item.state === "goes-on");
  return (
    <details class="branch" open={open}>
      <summary>
        <span class="branch-title">{t.stages[branch.stage]}</span>
        {worst && <Tag tone={verdictTones[worst]}>{t.state[worst]}</Tag>}
        <span class="quiet small branch-count">
          {branch.done < branch.items.length
            ? `${branch.done} / ${branch.items.length}`
            : tally(counts, t.state, t.between)}
        </span>
      </summary>
      <ul class="checks">
        {branch.items
          .filter((item) => !onlyBad || needsMending(item))
          .map((item) => (
            <ItemView key={item.check.id} item={item} again={again} />
          ))}
      </ul>
    </details>
  );
}

function ItemView({ item, again }: { item: Item; again: ((id: string) => void) | undefined }) {
  const t = useTexts(texts);
  const say = useSay();
  const { check, outcome, state } = item;
  return (
    <li class={`check check-${state}`}>
      <details open={state === "failed"}>
        <summary>
          <Tag tone={toneOf(state)}>{t.state[state]}</Tag>
          <span class="check-title">{say(check.title)}</span>
          <span class="check-result quiet">{outcome && (outcome.measured ?? say(outcome.result))}</span>
        </summary>
        <div class="check-body">
          {outcome && <p>{say(outcome.result)}</p>}
          {outcome?.cause && <CauseText cause={outcome.cause} />}
          <Facts
            facts={[
              [t.tried, say(check.tried)],
              outcome?.measured !== undefined && [t.measured, outcome.measured],
              outcome?.limit !== undefined && [t.limit, outcome.limit],
              outcome && [t.took, `${outcome.milliseconds} ms`],
              check.needs.length > 0 && [t.needs, check.needs.join(", ")],
              check.requirements.length > 0 && [t.requirements, check.requirements.join(", ")],
            ]}
          />
          {again && (
            <button type="button" class="button button-small no-print" onClick={() => again(check.id)}>
              {t.one}
            </button>
          )}
        </div>
      </details>
    </li>
  );
}
