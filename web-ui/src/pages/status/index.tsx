import type { Health, Status, Traffic } from "../../api/types";
import { ReturnedNotice } from "../../app/banners";
import { language, useSay, useText, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { useStore } from "../../app/store";
import { bitRate, bytes, clock, count, dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Card, Facts, Loading, PageHead, Said, Tag } from "../../ui/parts";
import { useGet } from "../../ui/use";
import { ChangesCard, levelTones as tones } from "./changes";
import { Drawing } from "./drawing";
import { siteOf, topRefusals } from "./site";
import "./status.css";
import { texts } from "./text";
import { Throughput } from "./throughput";

/** How the box is, at a glance. */
export default function StatusPage() {
  const common = useText();
  const heard = useStore(live);
  // Before the live channel's first word, and where it doesn't get through, the page asks by itself.
  const asked = useGet<Status>(heard.connected ? null : "/status", 5);
  const health = useGet<Health>(heard.connected ? null : "/health", 5);
  const status = heard.status ?? asked.value;
  const traffic = useGet<Traffic>("/traffic", 60);
  if (!status) {
    return (
      <>
        <PageHead title={common.pages.status} />
        {asked.failure ? <FailureNotice failure={asked.failure} retry={asked.reload} /> : <Loading />}
      </>
    );
  }
  return (
    <>
      <PageHead title={common.pages.status} />
      <Troubles status={status} health={heard.health ?? health.value} />
      <div class="cards">
        {status.site && <SiteCard status={status} traffic={traffic.value} latest={heard.traffic.at(-1)} />}
        {status.site && <Throughput traffic={heard.traffic} />}
        <RefusalsCard status={status} />
        <BoxCard status={status} />
        {status.health && status.health.length > 0 && <SensorsCard status={status} />}
        {heard.health && heard.health.history.length > 0 && (
          <ChangesCard health={heard.health ?? health.value} />
        )}
      </div>
    </>
  );
}

function SiteCard(props: {
  status: Status;
  traffic: Traffic | null;
  latest: { at: string; up_bps: number; down_bps: number } | undefined;
}) {
  const t = useTexts(texts);
  return (
    <Card wide title={t.site}>
      <Drawing site={siteOf(props.status, props.traffic?.rows ?? [])} traffic={props.latest} />
    </Card>
  );
}

/** What is wrong, the most important first, and what to do about it. */
function Troubles({ status, health }: { status: Status; health: Health | null }) {
  const t = useTexts(texts);
  const common = useText();
  const say = useSay();
  const first = health?.["first-cause"];
  const rivals = status.tunnel?.centres.filter((centre) => centre.rival_age_s !== undefined) ?? [];
  const { phase } = status;
  return (
    <div class="banners">
      {phase.name === "closed" && (
        <Notice tone="info" title={t.closed.title}>
          <p>{t.closed.text}</p>
        </Notice>
      )}
      {phase.name === "faulty" && (
        <Wrong title={t.faulty} message={phase.fault.message} wayOut={phase.fault.way_out} />
      )}
      {phase.name === "rollback-failed" && (
        <Wrong title={t.rollbackFailed} message={phase.fault.message} wayOut={phase.fault.way_out} />
      )}
      {rivals.map((centre) => (
        <Notice key={centre.name} tone="bad" title={t.rival(common.centres[centre.name] ?? centre.name)} />
      ))}
      {health && (phase.name !== "closed" || health.level !== "ok") && (
        <Notice
          tone={tones[health.level]}
          title={t.level[health.level]}
          actions={
            first && (
              <a class="button" href="#/check">
                {t.toCheck}
              </a>
            )
          }
        >
          {first && (
            <>
              <Said word={t.firstCause}>{say(first.title)}</Said>
              <Said word={t.why}>{say(first.why)}</Said>
              <Said word={t.next}>{say(first["next-step"])}</Said>
            </>
          )}
        </Notice>
      )}
      {status.tunnel?.cut_off && <Notice tone="bad" title={t.cutOff} />}
      {status.storage && <FailureNotice failure={status.storage} />}
      {status.fault && <FailureNotice failure={status.fault} />}
      {status.shortages?.map((shortage) => (
        <Notice key={shortage.sentence.en} tone="warn" title={say(shortage.sentence)}>
          <p>{say(shortage.way_out)}</p>
        </Notice>
      ))}
      <ReturnedNotice />
    </div>
  );
}

function Wrong(props: { title: string; message: string; wayOut: string | undefined }) {
  const common = useText();
  return (
    <Notice tone="bad" title={props.title}>
      <p>{props.message}</p>
      {props.wayOut && <Said word={common.wayOut}>{props.wayOut}</Said>}
    </Notice>
  );
}

function RefusalsCard({ status }: { status: Status }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const top = topRefusals(status.refused, 5);
  const most = top[0]?.packets ?? 1;
  return (
    <Card title={t.refused} actions={<a href="#/explain/refusals">{t.refusedMore}</a>}>
      {top.length === 0 && <p class="quiet">{t.refusedNone}</p>}
      <ul class="bars">
        {top.map(({ side, rule, packets }) => (
          <li key={`${side}/${rule}`}>
            <span>
              {t.rules[rule] ?? rule}{" "}
              <span class="quiet small">{common.sides[side as keyof typeof common.sides] ?? side}</span>
            </span>
            <span class="number">{count(packets, now)}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
              <rect class="bar-ground" width="100" height="4" />
              <rect class="bar" width={Math.max(1, (100 * packets) / most)} height="4" />
            </svg>
          </li>
        ))}
      </ul>
      {status.last_refusals.length > 0 && (
        <>
          <h3 class="gap-above">{t.refusedRecent}</h3>
          <ul class="plain-list small">
            {status.last_refusals.slice(0, 4).map((packet, at) => (
              <li key={at} class="recent">
                <span class="quiet nowrap">{clock(packet.at, now)}</span>
                <span>
                  {packet.source} → {packet.destination}
                  {packet.port === null ? "" : `:${packet.port}`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

function BoxCard({ status }: { status: Status }) {
  const t = useTexts(texts);
  const say = useSay();
  const now = useStore(language);
  const { site, line, time, flow_log: log, collector } = status;
  return (
    <Card title={t.facts}>
      <Facts
        facts={[
          site && [t.organisation, `${site.name} (${site.organisation})`],
          [t.version, status.version],
          [t.generation, String(status.generation)],
          site && [t.profile, `${site.profile.serial} (${dateTime(site.profile.issued, now)})`],
          line && [t.line, line.held_back ? `${bitRate(line.rate)} - ${t.heldBack}` : bitRate(line.rate)],
          time && [
            t.clock,
            <>
              <Tag tone={time.synchronised ? "ok" : "warn"}>{time.synchronised ? t.inStep : t.outOfStep}</Tag>
              <p class="small quiet">{say(time.way_out ?? time.sentence)}</p>
            </>,
          ],
          log && [t.flowLog, `${bytes(log.used)} / ${bytes(log.size)}`],
          collector && [
            t.collector,
            <Tag key="collector" tone={collector.connected ? "ok" : "bad"}>
              {collector.connected ? t.connected : t.notConnected}
            </Tag>,
          ],
        ]}
      />
    </Card>
  );
}

function SensorsCard({ status }: { status: Status }) {
  const t = useTexts(texts);
  const say = useSay();
  return (
    <Card title={t.sensors}>
      <ul class="plain-list stack tight">
        {status.health?.map((reading) => (
          <li key={`${reading.of}${reading.name}`} class="sensor">
            <Tag tone={reading.alarm ? "bad" : "ok"}>
              {reading.alarm ? t.levelShort.degraded : t.levelShort.ok}
            </Tag>
            <span>
              {say(reading.sentence)}
              {reading.way_out && <span class="quiet"> {say(reading.way_out)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
