import { useState } from "preact/hooks";
import type { Advice, RefusedFlow, RefusedFlows, Session, Side } from "../../api/types";
import { language, useSay, useText, useTexts } from "../../app/language";
import { may } from "../../app/roles";
import { formatRoute } from "../../app/routes";
import { useStore } from "../../app/store";
import { dateTime, protocol } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import { Button, Loading, Said, Tag, TextField } from "../../ui/parts";
import { useGet } from "../../ui/use";
import { mends, openingOf } from "./path";
import { texts } from "./text";

/** What was refused last, why, and what would let it pass. */
export function Refusals({ session }: { session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const refusals = useGet<RefusedFlows>("/refusals?last=500", 15);
  const [filter, setFilter] = useState("");
  const { value } = refusals;
  const has = ({ packet }: RefusedFlow) =>
    [packet.source, packet.destination, packet.translated_destination, packet.row ?? ""].some((text) =>
      text.includes(filter.trim()),
    );
  const shown = value?.flows.filter(has) ?? [];
  return (
    <>
      <div class="row apart refusals-head">
        <TextField label={t.filter} value={filter} onValue={setFilter} type="search" />
        <Button busy={refusals.busy} onClick={refusals.reload}>
          {common.refresh}
        </Button>
      </div>
      <FailureNotice failure={refusals.failure} retry={refusals.reload} />
      {!value && refusals.busy && <Loading />}
      {value && <p class="quiet small">{t.kept(value.kept, value.lost)}</p>}
      {value && shown.length === 0 && <p class="quiet">{t.refusalsEmpty}</p>}
      <ul class="refusals">
        {shown.map((flow, at) => (
          <Refusal key={at} flow={flow} session={session} />
        ))}
      </ul>
    </>
  );
}

function Refusal({ flow, session }: { flow: RefusedFlow; session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const say = useSay();
  const now = useStore(language);
  const { packet, advice } = flow;
  const opening = openingOf(packet);
  const trace =
    opening &&
    formatRoute("explain", "", { side: packet.side, from: packet.source, to: packet.destination, opening });
  return (
    <li class="card">
      <p class="refusal-line">
        <span class="mono">{packet.source}</span> → <span class="mono">{packet.destination}</span>{" "}
        <Tag tone="bad">{opening ?? protocol(packet.protocol)}</Tag>{" "}
        <span class="quiet small">
          {common.sides[packet.side as Side] ?? packet.side}
          {packet.row && ` / ${packet.row}`}
        </span>
        <span class="quiet small refusal-when">
          {t.times(flow.count)} - {dateTime(packet.at, now)}
        </span>
      </p>
      <Said word={t.why}>{say(flow.why)}</Said>
      {advice && <AdviceText advice={advice} />}
      <div class="row">
        {trace && (
          <a class="button button-small" href={trace}>
            {t.trace}
          </a>
        )}
        {advice && <AllowLink advice={advice} session={session} />}
      </div>
    </li>
  );
}

export function AdviceText({ advice }: { advice: Advice }) {
  const t = useTexts(texts);
  const say = useSay();
  return <Said word={t.advice}>{say(advice.sentence)}</Said>;
}

/** Leads to the design with the change proposed, for those who may change it. */
export function AllowLink({ advice, session }: { advice: Advice; session: Session }) {
  const t = useTexts(texts);
  if (!mends(advice.change) || !may(session.role, "draft")) return null;
  return (
    <a
      class="button button-small button-primary"
      title={t.allowHint}
      href={formatRoute("design", "", { propose: JSON.stringify(advice.change) })}
    >
      {t.allow}
    </a>
  );
}
