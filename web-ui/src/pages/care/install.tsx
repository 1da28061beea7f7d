import { useEffect, useRef, useState } from "preact/hooks";
import { ask, post, query, sendFile } from "../../api/client";
import type { InstallationState, SentBundle, UpdatePage } from "../../api/types";
import { useSay, useText, useTexts } from "../../app/language";
import { bytes } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Dialog, Facts, Field, Said, Segments } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { goesOn, wrongFile } from "./firmware";
import { texts } from "./update-text";

/** More than a token has, in bytes. */
const longestToken = 16 << 10;

/** From the maker's file to the slot: sent, looked at, written. */
export function InstallCard({ told, reload }: { told: UpdatePage; reload: () => void }) {
  const t = useTexts(texts);
  const { sent, largest, status } = told;
  const state = status.installation?.state;
  return (
    <Card title={t.install}>
      <p class="quiet">{t.installHint}</p>
      {state && (
        <div class="gap-above">
          <Course state={state} />
        </div>
      )}
      {!goesOn(state) && !(state?.name === "installed" && state.restarts) && (
        <div class="stack gap-above">
          {sent ? <Sent bundle={sent} reload={reload} /> : <Send largest={largest} reload={reload} />}
        </div>
      )}
    </Card>
  );
}

/** How far an installation is, or how it ended. */
function Course({ state }: { state: InstallationState }) {
  const t = useTexts(texts);
  const say = useSay();
  const common = useText();
  if (state.name === "failed") {
    return (
      <Notice tone="bad" title={t.failed}>
        <p>{say(state.why)}</p>
        {state.way_out && <Said word={common.wayOut}>{say(state.way_out)}</Said>}
      </Notice>
    );
  }
  if (state.name === "installed") {
    // Where it doesn't restart, the notice above says what is next.
    if (!state.restarts) return null;
    return (
      <Notice tone="info" title={t.restarting(state.version)}>
        <p>{t.restartingText}</p>
      </Notice>
    );
  }
  const writing = state.name === "writing";
  return (
    <>
      <Bar
        label={t.progress}
        percent={writing ? state.percent : undefined}
        said={writing ? t.writing(state.percent) : t.phases[state.name]}
      />
      <p class="field-hint">{t.leave}</p>
    </>
  );
}

function Bar(props: { label: string; percent: number | undefined; said: string }) {
  return (
    <>
      <p role="status">{props.said}</p>
      <progress class="progress" max={100} value={props.percent} aria-label={props.label} />
    </>
  );
}

function Send({ largest, reload }: { largest: number; reload: () => void }) {
  const t = useTexts(texts);
  const [file, setFile] = useState<File | null>(null);
  const [gone, setGone] = useState(0);
  const [stopped, setStopped] = useState(false);
  const stop = useRef<AbortController | null>(null);
  // Whoever leaves the page stops it.
  useEffect(() => () => stop.current?.abort(), []);
  const { run, busy, failure } = useAction(async (given: File) => {
    const stopping = new AbortController();
    stop.current = stopping;
    setGone(0);
    setStopped(false);
    try {
      await sendFile<SentBundle>(
        `/update/bundle${query({ name: given.name })}`,
        given,
        setGone,
        stopping.signal,
      );
    } catch (thrown) {
      if (!stopping.signal.aborted) throw thrown;
      setStopped(true);
    }
    reload();
  });
  const wrong = file && wrongFile(file, largest);
  const error =
    wrong === "tooLarge" ? t.tooLarge(bytes(largest)) : wrong === "notRaucb" ? t.notRaucb : undefined;
  const percent = file ? Math.floor((gone * 100) / Math.max(1, file.size)) : 0;
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (file && !wrong) run(file);
      }}
    >
      <Field label={t.file} error={error}>
        {(given) => (
          <input
            {...given}
            type="file"
            accept=".raucb"
            required
            disabled={busy}
            onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)}
          />
        )}
      </Field>
      {busy && (
        <div>
          <Bar label={t.progress} percent={percent} said={percent < 100 ? t.sending(percent) : t.checking} />
          <p class="field-hint">{t.sendingText}</p>
        </div>
      )}
      {stopped && <Notice tone="info" title={t.stopped} />}
      <FailureNotice failure={failure} />
      <div class="row">
        <Button type="submit" kind="primary" busy={busy} disabled={Boolean(wrong)}>
          {t.send}
        </Button>
        {busy && <Button onClick={() => stop.current?.abort()}>{t.stop}</Button>}
      </div>
    </form>
  );
}

function Sent({ bundle, reload }: { bundle: SentBundle; reload: () => void }) {
  const t = useTexts(texts);
  const [token, setToken] = useState<File | null>(null);
  const [asking, setAsking] = useState(false);
  const tooLong = token !== null && token.size > longestToken;
  const install = useAction(async (restart: boolean) => {
    setAsking(false);
    await post("/update/install", { restart, ...(token && { token: await token.text() }) });
    reload();
  });
  const remove = useAction(async () => {
    await ask("DELETE", "/update/bundle");
    reload();
  });
  return (
    <>
      <h3>{t.sent}</h3>
      <Facts
        facts={[
          [t.name, bundle.name],
          [t.size, bytes(bundle.bytes)],
          [
            t.hash,
            <>
              <code class="hash">{bundle.sha256}</code>
              <p class="field-hint">{t.hashHint}</p>
            </>,
          ],
        ]}
      />
      <Field label={t.token} hint={t.tokenHint} error={tooLong ? t.tokenLarge : undefined}>
        {(given) => (
          <input
            {...given}
            type="file"
            onChange={(event) => setToken(event.currentTarget.files?.[0] ?? null)}
          />
        )}
      </Field>
      <FailureNotice failure={install.failure ?? remove.failure} />
      <div class="row">
        <Button kind="primary" busy={install.busy} disabled={tooLong} onClick={() => setAsking(true)}>
          {t.write}
        </Button>
        <Button busy={remove.busy} onClick={() => remove.run()}>
          {t.remove}
        </Button>
      </div>
      {asking && <Confirm onClose={() => setAsking(false)} onConfirm={(now) => install.run(now)} />}
    </>
  );
}

/** Asks once more, and whether the box restarts then: that is when traffic stops. */
function Confirm(props: { onClose: () => void; onConfirm: (restart: boolean) => void }) {
  const t = useTexts(texts);
  const common = useText();
  const [when, setWhen] = useState<"now" | "later">("later");
  return (
    <Dialog
      title={t.confirmTitle}
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>{common.cancel}</Button>
          <Button
            kind={when === "now" ? "danger" : "primary"}
            onClick={() => props.onConfirm(when === "now")}
          >
            {t.confirm}
          </Button>
        </>
      }
    >
      <div class="stack">
        <p>{t.confirmText}</p>
        <Segments
          label={t.restartLabel}
          value={when}
          options={[
            ["later", t.restart.later],
            ["now", t.restart.now],
          ]}
          onValue={setWhen}
        />
        <p>{when === "now" ? t.restartNow : t.restartLater}</p>
      </div>
    </Dialog>
  );
}
