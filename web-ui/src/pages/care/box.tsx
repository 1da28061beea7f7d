import { useEffect, useState } from "preact/hooks";
import type { Identity, Session, Status } from "../../api/types";
import { language, useSay, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { count, fingerprint } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import { Card, CopyButton, Facts, Tag } from "../../ui/parts";
import { QrPicture } from "../../ui/qr-picture";
import { type Loaded, useGet } from "../../ui/use";
import { derOf } from "./pem";
import { RenewalCard } from "./renewal";
import { RestartCard } from "./restart";
import { texts } from "./text";

/** Seconds between two looks at the identity: while a key is to come, and otherwise. */
const often = 2;
const seldom = 15;

export function BoxPart({ session }: { session: Session }) {
  const { status } = useStore(live);
  const [pace, setPace] = useState(seldom);
  const identity = useGet<Identity>("/identity", pace);
  const { value, reload } = identity;
  const isRenewed = Boolean(value?.coming);
  useEffect(() => setPace(isRenewed ? often : seldom), [isRenewed]);
  return (
    <div class="cards">
      <IdentityCard identity={identity} />
      {value && <RenewalCard identity={value} session={session} reload={reload} />}
      <CertificateCard />
      {status?.time && <TimeCard status={status} />}
      {status?.collector && <CollectorCard status={status} />}
      {may(session.role, "restart") && <RestartCard />}
    </div>
  );
}

function IdentityCard({ identity }: { identity: Loaded<Identity> }) {
  const t = useTexts(texts);
  const { value } = identity;
  return (
    <Card title={t.identity}>
      <FailureNotice failure={identity.failure} retry={identity.reload} />
      {value && (
        <>
          <Facts
            facts={[
              [t.serial, <code key="serial">{value.serial}</code>],
              value.organisation !== undefined && [t.organisation, value.organisation],
              [t.firmware, value.version],
              [
                t.publicKey,
                <>
                  <code>{value.public_key}</code>
                  <p class="field-hint">{value.coming ? t.publicKeyStays : t.publicKeyHint}</p>
                </>,
              ],
            ]}
          />
          {/* Nobody is to take the old key to the operator by mistake. */}
          {!value.coming && (
            <>
              <div class="row gap-above">
                <CopyButton text={value.line} />
              </div>
              <div class="gap-above">
                <QrPicture text={value.line} label={t.identityPicture} />
              </div>
            </>
          )}
        </>
      )}
    </Card>
  );
}

/** The authority of this page's certificate, with what it takes to know that it is the right one. */
function CertificateCard() {
  const t = useTexts(texts);
  const [print, setPrint] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const look = async () => {
      const response = await fetch("/api/ca.pem", { signal: stop.signal });
      if (!response.ok) return;
      const der = derOf(await response.text());
      // Browsers hash only over a connection that they trust.
      if (!der || !crypto.subtle) return;
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
      setPrint(Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    };
    look().catch(() => setPrint(null));
    return () => stop.abort();
  }, []);
  return (
    <Card title={t.certificate}>
      <p class="quiet">{t.certificateHint}</p>
      {print && (
        <div class="gap-above">
          <p class="small quiet">{t.fingerprint}</p>
          <code class="secret fingerprint">{fingerprint(print)}</code>
        </div>
      )}
      <div class="row gap-above">
        <a class="button" href="/api/ca.pem" download="sekisho-ca.pem">
          {t.caDownload}
        </a>
      </div>
    </Card>
  );
}

function TimeCard({ status: { time } }: { status: Status }) {
  const t = useTexts(texts);
  const say = useSay();
  if (!time) return null;
  return (
    <Card
      title={t.time}
      actions={
        <Tag tone={time.synchronised ? "ok" : "warn"}>{time.synchronised ? t.inStep : t.outOfStep}</Tag>
      }
    >
      <p>{say(time.sentence)}</p>
      {time.way_out && <p class="quiet">{say(time.way_out)}</p>}
      <FailureNotice failure={time.fault} />
      <div class="gap-above">
        <Facts
          facts={[
            [
              t.servers,
              time.servers
                .map(({ host, addresses }) => [host, ...addresses.filter((of) => of !== host)].join(" "))
                .join(", "),
            ],
          ]}
        />
      </div>
    </Card>
  );
}

function CollectorCard({ status: { collector } }: { status: Status }) {
  const t = useTexts(texts);
  const now = useStore(language);
  if (!collector) return null;
  return (
    <Card
      title={t.collector}
      actions={
        <Tag tone={collector.connected ? "ok" : "bad"}>
          {collector.connected ? t.connected : t.notConnected}
        </Tag>
      }
    >
      <FailureNotice failure={collector.fault} />
      <Facts
        facts={[
          [t.address, `${collector.address} (${collector.transport})`],
          [t.sent, count(collector.sent, now)],
          [t.waiting, count(collector.waiting, now)],
          [t.lost, count(collector.lost, now)],
        ]}
      />
    </Card>
  );
}
