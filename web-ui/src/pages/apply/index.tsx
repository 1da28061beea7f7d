import { useEffect, useRef, useState } from "preact/hooks";
import { asFailure, get, post } from "../../api/client";
import type { Applied, Apply, Awaiting, Failure, Plan, Status } from "../../api/types";
import { ReturnedNotice } from "../../app/banners";
import { keepCarry } from "../../app/carry";
import { useSay, useText, useTexts } from "../../app/language";
import { type Live, live } from "../../app/live";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Choice, Field, Loading, PageHead } from "../../ui/parts";
import { useAction } from "../../ui/use";
import type { PageProps } from "..";
import { Differences } from "../design/compare";
import { dropWork, keepWork, keptWork } from "../design/load";
import { calls } from "../design/model/calls";
import { Reports } from "../design/reports";
import "../design/design.css";
import "./apply.css";
import { fits, type Touched, touched, usualWait, waits } from "./model/way";
import { type Subject, subject } from "./subject";
import { texts } from "./text";
import { Waiting } from "./waiting";

/** The longest reason, in bytes, as the control API says. */
const longestReason = 1000;

/** What applying would do, as it was asked. */
type Looked = { subject: Subject | null; seen: number; plan: Plan | null; way: Touched | null };

/** Puts a design in force. */
export default function ApplyPage({ route, session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const heard = useStore(live);
  const [looked, setLooked] = useState<Looked | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [applied, setApplied] = useState<{ answer: Applied; at: number } | null>(null);
  const [outcome, setOutcome] = useState<"kept" | "returned" | null>(null);
  const [round, setRound] = useState(0);
  const { generation } = route.query;
  useEffect(() => {
    let left = false;
    setLooked(null);
    setFailure(null);
    look(generation, session.role).then(
      (found) => !left && setLooked(found),
      (thrown: unknown) => !left && setFailure(asFailure(thrown)),
    );
    return () => {
      left = true;
    };
    // A round is a wish to look again, and so is the end of a change that was waited for.
  }, [generation, session.role, round, heard.status?.awaiting?.generation]);
  const again = () => setRound((now) => now + 1);
  const told = useRef<number>();
  const waited = heard.status?.awaiting?.generation;
  useEffect(() => {
    // The live channel is a moment behind the answer, and tells the end of the waiting first.
    if (waited === undefined && told.current !== undefined) setApplied(null);
    told.current = waited;
  }, [waited]);
  const returned = heard.status?.returned?.generation;
  useEffect(() => {
    // A change of the way may have come and gone while the box wasn't heard here.
    if (applied && returned === applied.answer.generation) setApplied(null);
  }, [returned, applied]);
  const { awaiting, since } = waiting(heard, applied);
  const mayApply = may(session.role, "apply");
  const settled = (kept: boolean) => {
    setOutcome(kept ? "kept" : "returned");
    setApplied(null);
    if (kept) void clear();
    again();
  };
  return (
    <>
      <PageHead title={common.pages.apply} lead={t.lead} />
      <div class="stack">
        {outcome === "kept" && <Notice tone="ok" title={t.awaiting.kept} />}
        {outcome === "returned" && <Notice tone="info" title={t.awaiting.returned} />}
        {outcome === null && !awaiting && <ReturnedNotice />}
        {applied && <Done applied={applied.answer} />}
        {awaiting ? (
          <Waiting
            key={awaiting.generation}
            awaiting={awaiting}
            heard={since}
            mayApply={mayApply}
            settled={settled}
          />
        ) : (
          <>
            {failure && (
              <>
                <FailureNotice failure={failure} retry={again} />
                <a class="button" href="#/design">
                  {t.back}
                </a>
              </>
            )}
            {!looked && !failure && <Loading />}
            {looked && !looked.subject && (
              <Notice
                tone="info"
                title={t.nothing}
                actions={
                  <a class="button" href="#/design">
                    {t.toDesign}
                  </a>
                }
              />
            )}
            {looked?.subject && looked.plan && (
              <Review
                looked={looked}
                subject={looked.subject}
                plan={looked.plan}
                inForce={heard.status?.generation ?? looked.seen}
                mayApply={mayApply}
                mayProfile={may(session.role, "apply-profile") || looked.seen === 0}
                again={again}
                applied={(answer) => {
                  setOutcome(null);
                  setApplied({ answer, at: Date.now() });
                  if (answer.confirm_within_s === undefined) settled(true);
                }}
              />
            )}
          </>
        )}
      </div>
    </>
  );
}

/** The change that waits, as the live channel says; until it does, as the answer to applying it said. */
function waiting(
  heard: Live,
  applied: { answer: Applied; at: number } | null,
): { awaiting: Awaiting | undefined; since: number } {
  const told = heard.status?.awaiting;
  if (told || applied?.answer.confirm_within_s === undefined) return { awaiting: told, since: heard.heard };
  const { generation, confirm_within_s: seconds_left, carry } = applied.answer;
  const proof = carry && { at: carry.at, tries_left: 1 };
  return { awaiting: { generation, seconds_left, ...(proof && { proof }) }, since: applied.at };
}

async function look(generation: string | undefined, role: Parameters<typeof subject>[1]): Promise<Looked> {
  const status = await get<Status>("/status");
  const seen = status.generation;
  const found = await subject(generation, role);
  if (!found || status.awaiting) return { subject: found, seen, plan: null, way: null };
  const plan = await post<Plan>("/plan", found.proposal);
  return { subject: found, seen, plan, way: seen > 0 ? await wayOf(seen, found) : null };
}

/** The warning is a help beside the box's own decision: where it can't be found out, the plan is shown without it. */
async function wayOf(seen: number, found: Subject): Promise<Touched | null> {
  try {
    const stored = await calls.generation(seen);
    const [before, after] = await Promise.all([
      calls.parse(stored.site),
      calls.parse(found.proposal.site.text),
    ]);
    return touched(location.hostname, before, after);
  } catch {
    return null;
  }
}

/** What was written is in force and kept: the next one begins from there. */
async function clear(): Promise<void> {
  dropWork();
  try {
    const { lock } = await calls.draft();
    if (lock?.mine) await calls.discard();
  } catch {
    // The draft stays; the design page shows it, and that it is what is in force.
  }
}

function Review(props: {
  looked: Looked;
  subject: Subject;
  plan: Plan;
  inForce: number;
  mayApply: boolean;
  mayProfile: boolean;
  again: () => void;
  applied: (answer: Applied) => void;
}) {
  const { looked, subject, plan, inForce, mayApply, mayProfile, again, applied } = props;
  const t = useTexts(texts);
  const say = useSay();
  const [reason, setReason] = useState("");
  const [wait, setWait] = useState(String(usualWait));
  const isLong = !fits(reason, longestReason);
  const isStale = inForce !== looked.seen;
  const forbidden = subject.proposal.profile !== undefined && typeof subject.from === "string" && !mayProfile;
  const apply = useAction(async () => {
    const wish: Apply = {
      proposal: subject.proposal,
      seen: looked.seen,
      confirm_within_s: Number(wait),
      ...(reason.trim() && { reason: reason.trim() }),
    };
    const answer = await post<Applied>("/apply", wish);
    keepCarry(answer);
    const work = keptWork();
    if (work && subject.from === "work") keepWork({ ...work, base: answer.generation });
    applied(answer);
  });
  const changes = plan.changes;
  if (changes?.length === 0 && plan.steps.length === 0) {
    return (
      <Notice
        tone="ok"
        title={t.none}
        actions={
          subject.from !== "work" ? null : <Button onClick={() => clear().then(again)}>{t.clear}</Button>
        }
      />
    );
  }
  const failure = apply.failure;
  return (
    <>
      {looked.way && <WayNotice way={looked.way} />}
      <Card
        title={t.what}
        actions={
          <a class="button button-small" href="#/design">
            {t.back}
          </a>
        }
      >
        <div class="stack">
          {typeof subject.from === "object" && <p>{t.restores(subject.from.generation)}</p>}
          {subject.proposal.profile && <p>{t.withProfile}</p>}
          {changes === null ? (
            <p>{t.first}</p>
          ) : (
            <Differences differences={changes} lead={t.against(looked.seen)} />
          )}
          {plan.warnings.length > 0 && (
            <Notice tone="warn" title={t.warnings}>
              <Reports reports={plan.warnings} />
            </Notice>
          )}
          <details>
            <summary>{t.steps(plan.steps.length)}</summary>
            <ol class="design-differences small">
              {plan.steps.map((step, index) => (
                <li key={index}>{say(step.sentence)}</li>
              ))}
            </ol>
          </details>
        </div>
      </Card>
      <Card title={t.go}>
        <form
          class="apply-form"
          onSubmit={(event) => {
            event.preventDefault();
            void apply.run();
          }}
        >
          <Field label={t.reason} hint={t.reasonHint} error={isLong ? t.reasonLong : undefined}>
            {(given) => (
              <textarea
                {...given}
                rows={2}
                value={reason}
                onInput={(event) => setReason(event.currentTarget.value)}
              />
            )}
          </Field>
          <Choice
            label={t.wait}
            hint={t.waitHint}
            value={wait}
            options={waits.map((seconds) => [String(seconds), t.seconds(seconds)] as const)}
            onValue={setWait}
          />
          {!mayApply && <Notice tone="info" title={t.forbidden} />}
          {forbidden && <Notice tone="bad" title={t.profileForbidden} />}
          {isStale && !apply.busy && (
            <Notice
              tone="warn"
              title={t.stale(inForce)}
              actions={<Button onClick={again}>{t.look}</Button>}
            />
          )}
          {failure?.kind === "conflict" && (
            <Notice tone="bad" title={t.conflict} actions={<Button onClick={again}>{t.look}</Button>}>
              <p>{t.conflictText}</p>
            </Notice>
          )}
          {failure?.kind === "unreachable" && (
            <Notice tone="bad" title={t.unanswered}>
              <p>{t.unansweredText}</p>
            </Notice>
          )}
          {failure && failure.kind !== "conflict" && failure.kind !== "unreachable" && (
            <FailureNotice failure={failure} />
          )}
          <div class="row">
            <Button
              type="submit"
              kind="primary"
              busy={apply.busy}
              disabled={!mayApply || forbidden || isLong || isStale}
            >
              {apply.busy ? t.going : t.go}
            </Button>
          </div>
        </form>
      </Card>
    </>
  );
}

function WayNotice({ way }: { way: Touched }) {
  const t = useTexts(texts);
  const text =
    way.to === null ? t.way.gone : way.to === way.from ? t.way.same : t.way.moved(way.from, way.to);
  return (
    <Notice tone="warn" title={t.way.title}>
      <p>{text}</p>
    </Notice>
  );
}

function Done({ applied }: { applied: Applied }) {
  const t = useTexts(texts);
  return (
    <Notice
      tone="ok"
      title={applied.carry ? t.begun(applied.generation) : t.done(applied.generation, applied.milliseconds)}
    >
      {applied.ended_connections > 0 && <p>{t.ended(applied.ended_connections)}</p>}
      {applied.confirm_within_s === undefined && <p>{t.keptAtOnce}</p>}
      {applied.warnings.length > 0 && <Reports reports={applied.warnings} />}
    </Notice>
  );
}
