import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import type { Awaiting } from "../../api/types";
import { type Carry, carryOf } from "../../app/carry";
import { useTexts } from "../../app/language";
import { formatArrival, withPort } from "../../app/routes";
import { arrive } from "../../app/session";
import { countdown } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, CopyButton, Facts } from "../../ui/parts";
import { useAction, useNow } from "../../ui/use";
import { texts } from "./text";

/** A change is in force for a while: somebody looks, and decides. */
export function Waiting(props: {
  awaiting: Awaiting;
  heard: number;
  mayApply: boolean;
  settled: (kept: boolean) => void;
}) {
  const { awaiting, heard, mayApply, settled } = props;
  const t = useTexts(texts);
  const { generation, proof } = awaiting;
  const left = awaiting.seconds_left - (useNow() - heard) / 1000;
  const confirm = useAction(async () => {
    await post("/confirm", { generation });
    settled(true);
  });
  const back = useAction(async () => {
    await post("/roll-back", { generation });
    settled(false);
  });
  const failure = confirm.failure ?? back.failure;
  const carry = proof ? carryOf(generation) : null;
  return (
    <Card title={carry ? t.carry.title : t.awaiting.title}>
      <div class="stack">
        <p class="apply-left" role="timer">
          <span class="quiet">{t.awaiting.left}</span> <strong>{countdown(left)}</strong>
        </p>
        {left <= 0 && <Notice tone="warn" title={t.awaiting.over} />}
        {carry && <CarryOver carry={carry} settled={() => settled(true)} />}
        {proof && !carry && <p>{t.carry.other(withPort(proof.at, location.port))}</p>}
        {!proof && (
          <ul class="apply-todo">
            {t.awaiting.todo.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        )}
        {failure?.kind === "conflict" ? (
          <Notice tone="warn" title={t.awaiting.conflict} />
        ) : (
          <FailureNotice failure={failure} />
        )}
        {mayApply && (
          <div class="row">
            {!proof && (
              <Button kind="primary" busy={confirm.busy} disabled={back.busy} onClick={() => confirm.run()}>
                {t.awaiting.keep}
              </Button>
            )}
            <Button kind="danger" busy={back.busy} disabled={confirm.busy} onClick={() => back.run()}>
              {t.awaiting.back}
            </Button>
          </div>
        )}
      </div>
    </Card>
  );
}

/** How long the new address and the digits can be read before the page goes there, in seconds. */
const readFor = 15;
/** How long the box needs at most until it is at the new address: it asks whether anybody else has it, then moves. In seconds. */
const movesFor = 5;

/** The confirmation has to come over the new way: this page carries the token there. */
function CarryOver({ carry, settled }: { carry: Carry; settled: () => void }) {
  const t = useTexts(texts);
  const [left, setLeft] = useState<number | null>(readFor);
  const at = withPort(carry.at, location.port);
  const address = formatArrival(at, carry.generation, carry.token);
  const isHere = at === location.host;
  const hasMoved = left === null || left <= readFor - movesFor;
  // The address of this very page: going there would load nothing, so the proof is shown from here.
  const here = useAction(async () => {
    await arrive({ generation: carry.generation, token: carry.token });
    settled();
  });
  useEffect(() => {
    if (left === null || isHere) return;
    if (left <= 0) {
      location.assign(address);
      return;
    }
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left, isHere, address]);
  if (isHere) {
    return (
      <>
        <FailureNotice failure={here.failure} />
        <div class="row">
          <Button kind="primary" busy={here.busy} onClick={() => here.run()}>
            {t.carry.here}
          </Button>
        </div>
      </>
    );
  }
  return (
    <>
      <p>{t.carry.text}</p>
      <Facts
        facts={[
          [
            t.carry.address,
            <>
              <code class="secret">https://{at}/</code>
              <CopyButton text={`https://${at}/`} />
            </>,
          ],
          [t.carry.generation, String(carry.generation)],
          carry.code !== undefined && [t.carry.code, <code class="secret apply-code">{carry.code}</code>],
        ]}
      />
      {left !== null && <p aria-live="off">{t.carry.soon(left)}</p>}
      <div class="row">
        {hasMoved ? (
          <a class="button button-primary" href={address}>
            {t.carry.now}
          </a>
        ) : (
          <Button kind="primary" disabled>
            {t.carry.now}
          </Button>
        )}
        <a class="button" href={address} target="_blank" rel="noreferrer" onClick={() => setLeft(null)}>
          {t.carry.otherTab}
        </a>
        {left !== null && <Button onClick={() => setLeft(null)}>{t.carry.stay}</Button>}
      </div>
      <p class="quiet small">{t.carry.failed}</p>
    </>
  );
}
