import { useEffect, useRef, useState } from "preact/hooks";
import { asFailure, stream } from "../../api/client";
import type { Failure, KeptSelfTest, SelfTestEvent, SelfTestReport, SelfTestWish } from "../../api/types";
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
import { EarlierNotice, HistoryCard } from "./history";
import { FarHalfCard, ReportFacts, RollOut, Signatures } from "./report";
import { noRun, ofReport, type Run, step } from "./run";
import { texts } from "./text";
import { FirstToMend, Progress, Tree } from "./tree";
import { WishForm } from "./wish";

/** The connection check: live while it goes on, else the last one, or an earlier one by its number in the address. */
export default function CheckPage({ route, session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const { health } = useStore(live);
  const number = /^\d+$/.test(route.rest) ? Number(route.rest) : null;
  const kept = useGet<KeptSelfTest[]>("/self-tests");
  const wanted = number ?? kept.value?.[0]?.number;
  const last = useGet<SelfTestReport>(wanted === undefined ? null : `/self-tests/${wanted}`);
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
      kept.reload();
    }
  };

  const shown = (number === null && run) || (last.value ? ofReport(last.value) : null);
  const allowed = number === null && may(session.role, "self-test");
  const never = wanted === undefined && kept.value !== null;
  return (
    <>
      <PageHead
        title={common.pages.check}
        lead={t.lead}
        actions={shown?.report && <Button onClick={() => print()}>{common.print}</Button>}
      />
      <div class="stack-wide">
        {number !== null ? (
          <EarlierNotice begun={shown?.report?.begun} />
        ) : allowed ? (
          <WishForm busy={busy} onStart={start} onStop={() => stop.current?.abort()} />
        ) : (
          <p class="quiet no-print">{t.notAllowed}</p>
        )}
        <FailureNotice failure={failure} />
        {!shown && !never && !last.failure && !kept.failure && <Loading />}
        {!shown && last.failure && !never && <FailureNotice failure={last.failure} retry={last.reload} />}
        {!shown && never && <p class="quiet">{t.neverRun}</p>}
        {busy && shown && number === null && <Progress run={shown} />}
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
        <FailureNotice failure={kept.failure} retry={kept.reload} />
        {kept.value && kept.value.length > 0 && (
          <div class="no-print">
            <HistoryCard kept={kept.value} shown={number} />
          </div>
        )}
        {health && health.history.length > 0 && (
          <div class="no-print">
            <ChangesCard health={health} />
          </div>
        )}
      </div>
    </>
  );
}
