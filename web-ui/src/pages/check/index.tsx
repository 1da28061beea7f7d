import { useEffect, useRef, useState } from "preact/hooks";
import { asFailure, stream } from "../../api/client";
import type { Failure, SelfTestEvent, SelfTestReport, SelfTestWish } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { FailureNotice } from "../../ui/notice";
import { Button, Card, Loading, PageHead } from "../../ui/parts";
import { useGet } from "../../ui/use";
import type { PageProps } from "..";
import "./check.css";
import { ChangesCard } from "../status/changes";
import { FarHalfCard, ReportFacts, RollOut, Signatures } from "./report";
import { noRun, ofReport, type Run, step } from "./run";
import { texts } from "./text";
import { FirstToMend, Progress, Tree } from "./tree";
import { WishForm } from "./wish";

/** The connection check: live while it goes on, else the last one. */
export default function CheckPage({ session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const { health } = useStore(live);
  const last = useGet<SelfTestReport | null>("/self-test");
  const [run, setRun] = useState<Run | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const stop = useRef<AbortController | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => () => stop.current?.abort(), []);

  const start = async (wish: SelfTestWish) => {
    const control = new AbortController();
    stop.current = control;
    setFailure(null);
    setBusy(true);
    setRun(noRun);
    let now = noRun;
    const hear = (event: SelfTestEvent) => {
      now = step(now, event);
      setRun(now);
    };
    try {
      await stream("/self-test", wish, hear, control.signal);
    } catch (thrown) {
      if (!control.signal.aborted) setFailure(asFailure(thrown));
    } finally {
      setBusy(false);
    }
  };

  const shown = run ?? (last.value ? ofReport(last.value) : null);
  const allowed = may(session.role, "self-test");
  // The daemon has no kind of its own for a test that was never made.
  const never =
    !last.busy &&
    !last.value &&
    (!last.failure || last.failure.message.includes("no self-test was ever run"));
  return (
    <>
      <PageHead
        title={common.pages.check}
        lead={t.lead}
        actions={shown?.report && <Button onClick={() => print()}>{common.print}</Button>}
      />
      <div class="stack-wide">
        {allowed ? (
          <WishForm busy={busy} onStart={start} onStop={() => stop.current?.abort()} />
        ) : (
          <p class="quiet no-print">{t.notAllowed}</p>
        )}
        <FailureNotice failure={failure} />
        {!shown && !never && !last.failure && <Loading />}
        {!shown && last.failure && !never && <FailureNotice failure={last.failure} retry={last.reload} />}
        {!shown && never && <p class="quiet">{t.neverRun}</p>}
        {busy && shown && <Progress run={shown} />}
        {shown?.report && (
          <>
            <RollOut run={shown} />
            <FirstToMend report={shown.report} />
          </>
        )}
        {shown && shown.items.length > 0 && (
          <Tree run={shown} again={allowed && !busy ? (id) => start({ only: [id] }) : undefined} />
        )}
        {shown?.report && (
          <Card title={t.report}>
            <ReportFacts report={shown.report} />
          </Card>
        )}
        {shown?.report?.["far-half"] && <FarHalfCard half={shown.report["far-half"]} />}
        {shown?.report && <Signatures />}
        {health && health.history.length > 0 && (
          <div class="no-print">
            <ChangesCard health={health} />
          </div>
        )}
      </div>
    </>
  );
}
