import { post } from "../api/client";
import type { Awaiting } from "../api/types";
import { countdown, dateTime } from "../ui/format";
import { FailureNotice, Notice } from "../ui/notice";
import { Button } from "../ui/parts";
import { useAction, useNow } from "../ui/use";
import { carryOf } from "./carry";
import { ClockNotice } from "./clock-notice";
import { language, useText } from "./language";
import { live } from "./live";
import { may } from "./roles";
import { formatArrival, withPort } from "./routes";
import { arrivalFailure, daemonAway, session } from "./session";
import { useStore } from "./store";

/** What everybody has to know, whichever page is open. */
export function Banners() {
  const t = useText();
  const { connected, heard, status } = useStore(live);
  const away = useStore(daemonAway);
  const failed = useStore(arrivalFailure);
  return (
    <div class="banners">
      {away ? (
        <Notice tone="bad" title={t.away.title}>
          <p>{t.away.text}</p>
        </Notice>
      ) : (
        !connected &&
        heard > 0 && (
          <Notice tone="warn" title={t.lost.title}>
            <p>{t.lost.text}</p>
          </Notice>
        )
      )}
      <ClockNotice />
      <FailureNotice failure={failed} />
      {status?.awaiting && <AwaitingBanner awaiting={status.awaiting} heard={heard} />}
    </div>
  );
}

/** The change that is taken back unless somebody confirms it. */
function AwaitingBanner({ awaiting, heard }: { awaiting: Awaiting; heard: number }) {
  const t = useText();
  const state = useStore(session);
  const left = awaiting.seconds_left - (useNow() - heard) / 1000;
  const role = state.name === "in" ? state.session.role : undefined;
  const { generation, proof } = awaiting;
  const confirm = useAction(() => post("/confirm", { generation }));
  const back = useAction(() => post("/roll-back", { generation }));
  const carry = carryOf(generation);
  const actions = may(role, "apply") && (
    <>
      {!proof && (
        <Button kind="primary" busy={confirm.busy} onClick={() => confirm.run()}>
          {t.awaiting.keep}
        </Button>
      )}
      {proof && carry && (
        <a
          class="button button-primary"
          href={formatArrival(withPort(carry.at, location.port), generation, carry.token)}
        >
          {t.awaiting.go}
        </a>
      )}
      <Button busy={back.busy} onClick={() => back.run()}>
        {t.awaiting.back}
      </Button>
    </>
  );
  return (
    <Notice tone="warn" title={t.awaiting.title} actions={actions}>
      <p>
        {t.awaiting.text(generation)}{" "}
        <span class="countdown" role="timer">
          {t.awaiting.left} <strong>{countdown(left)}</strong>
        </span>
      </p>
      {proof && <p>{carry ? t.awaiting.elsewhere(proof.at) : t.awaiting.otherTab}</p>}
      {proof && carry?.code && <p>{t.awaiting.code(carry.code)}</p>}
      <FailureNotice failure={confirm.failure ?? back.failure} />
    </Notice>
  );
}

/** Why the last change isn't in force any more. */
export function ReturnedNotice() {
  const t = useText();
  const now = useStore(language);
  const returned = useStore(live).status?.returned;
  if (!returned) return null;
  return (
    <Notice tone="warn" title={t.returned.title}>
      <p>
        {dateTime(returned.at, now)} - {returned.why}
      </p>
    </Notice>
  );
}
