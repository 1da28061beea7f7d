import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import type { ComingKey, Identity, Session } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, CopyButton, Dialog, Facts, Tag } from "../../ui/parts";
import { QrPicture } from "../../ui/qr-picture";
import { useAction } from "../../ui/use";
import { courseOf, forgetKey, noteKey, seenKey } from "./course";
import { texts } from "./renewal-text";

type Change = "begin" | "cancel";

const routes: Record<Change, string> = { begin: "/identity/renew", cancel: "/identity/cancel-renewal" };

/** A key that is to take the place of the tunnel's own, from its beginning to what is left to do. */
export function RenewalCard(props: { identity: Identity; session: Session; reload: () => void }) {
  const t = useTexts(texts);
  const { identity, session, reload } = props;
  const { coming } = identity;
  const [seen, setSeen] = useState(() => seenKey(identity));
  // What is asked doesn't change while somebody reads it, whatever becomes of the renewal meanwhile.
  const [asking, setAsking] = useState<Change | null>(null);
  useEffect(() => {
    if (!coming) return;
    noteKey(identity);
    setSeen(coming.public_key);
  }, [coming?.public_key]);
  const change = useAction(async (wish: Change) => {
    setAsking(null);
    try {
      await post(routes[wish]);
    } finally {
      // A refusal tells that it isn't what is shown.
      reload();
    }
  });
  const course = courseOf(identity, seen);
  const mayRenew = may(session.role, "renew-key");
  if (!mayRenew && course === "none") return null;
  const understood = () => {
    forgetKey(identity);
    setSeen(null);
  };
  const next = coming ? "cancel" : "begin";
  return (
    <Card title={t.title} actions={coming && <Tag tone="info">{t.goesOn}</Tag>}>
      {(course === "ended" || course === "withdrawn") && (
        <Over course={course} seen={seen ?? ""} onUnderstood={understood} />
      )}
      {coming ? <Coming coming={coming} /> : <p class="quiet">{t.lead}</p>}
      {change.failure && (
        <div class="gap-above">
          <FailureNotice failure={change.failure} />
        </div>
      )}
      {mayRenew && (
        <div class="row gap-above">
          <Button busy={change.busy} onClick={() => setAsking(next)}>
            {t.changes[next].word}
          </Button>
        </div>
      )}
      {asking && <Ask change={asking} onClose={() => setAsking(null)} onConfirm={() => change.run(asking)} />}
    </Card>
  );
}

function Ask(props: { change: Change; onClose: () => void; onConfirm: () => void }) {
  const t = useTexts(texts);
  const { word, not, title, sentences } = t.changes[props.change];
  return (
    <Dialog
      title={title}
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>{not}</Button>
          <Button kind={props.change === "cancel" ? "danger" : "primary"} onClick={props.onConfirm}>
            {word}
          </Button>
        </>
      }
    >
      <ul class="sentences">
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </Dialog>
  );
}

const tones = { unknown: "off", registered: "info", "in-use": "ok" } as const;

/** What the operator gets, and how far the centres are. */
function Coming({ coming }: { coming: ComingKey }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  return (
    <>
      <p>{t.course}</p>
      <div class="gap-above">
        <Facts
          facts={[
            [
              t.key,
              <>
                <code>{coming.public_key}</code>
                <p class="field-hint">{t.keyHint}</p>
              </>,
            ],
            [t.madeAt, dateTime(coming.made_at, now)],
          ]}
        />
      </div>
      <div class="row gap-above">
        <CopyButton text={coming.line} />
      </div>
      <div class="gap-above">
        <QrPicture text={coming.line} label={t.picture} />
      </div>
      <h3 class="gap-above">{t.centres}</h3>
      <div role="status">
        {coming.centres.length === 0 && <p>{t.noCentres}</p>}
        <Facts
          facts={coming.centres.map(({ name, state }) => [
            common.centres[name] ?? name,
            <>
              <Tag tone={tones[state]}>{t.states[state]}</Tag>
              <p class="field-hint">{t.meanings[state]}</p>
            </>,
          ])}
        />
      </div>
      <h3 class="gap-above">{t.next}</h3>
      <ol class="sentences">
        {t.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </>
  );
}

/** What is left to do when no key is to come any more. */
function Over(props: { course: "ended" | "withdrawn"; seen: string; onUnderstood: () => void }) {
  const t = useTexts(texts);
  const actions = <Button onClick={props.onUnderstood}>{t.understood}</Button>;
  if (props.course === "withdrawn") {
    return (
      <Notice tone="info" title={t.withdrawn} actions={actions}>
        <p>{t.withdrawnLeft(props.seen)}</p>
      </Notice>
    );
  }
  return (
    <Notice tone="ok" title={t.ended} actions={actions}>
      <ol class="sentences">
        {t.endedLeft.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      <p>
        <a href="#/care/backup">{t.toBackup}</a>
      </p>
    </Notice>
  );
}
