import { useState } from "preact/hooks";
import { get, post } from "../../api/client";
import type { Lan, NameAnswer, NameQuery, NamesStatus, UpstreamStatus, ZoneData } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { saveFile } from "../../ui/download";
import { bytes, count, micros } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import {
  Button,
  Card,
  Choice,
  Facts,
  Loading,
  numberHeads,
  PageHead,
  Table,
  Tag,
  TextField,
} from "../../ui/parts";
import { useAction, useGet } from "../../ui/use";
import { hostsFile, outcomes } from "./names";
import { texts } from "./text";

/** How the box resolves names. */
export default function NamesPage() {
  const t = useTexts(texts);
  const common = useText();
  const names = useGet<NamesStatus>("/names", 15);
  const { value } = names;
  return (
    <>
      <PageHead title={common.pages.names} lead={t.lead} />
      <FailureNotice failure={names.failure} retry={names.reload} />
      {!value && names.busy && <Loading />}
      {value && (
        <div class="stack-wide">
          <FailureNotice failure={value.fault} />
          {value.method ? <Ask lans={value.listening} /> : <p class="quiet">{t.noMethod}</p>}
          <div class="cards">
            <Overview names={value} />
            <Counts names={value} />
            <Zones names={value} />
            {value.hosts.length > 0 && <Hosts names={value} />}
            {value.method && <Zone />}
          </div>
        </div>
      )}
    </>
  );
}

function Overview({ names }: { names: NamesStatus }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const { cache } = names;
  const asked = cache.hits + cache.misses;
  return (
    <Card title={t.method}>
      <Facts
        facts={[
          [t.method, names.method ? t.methods[names.method] : common.none],
          [
            t.listening,
            names.listening.map((lan) => common.lans[lan]).join(now === "ja" ? "、" : ", ") || common.none,
          ],
          [t.cache, t.entries(count(cache.entries, now), bytes(cache.bytes))],
          [t.hits, asked > 0 ? `${Math.round((100 * cache.hits) / asked)} %` : "-"],
          [t.stale, count(cache.stale, now)],
        ]}
      />
    </Card>
  );
}

function Ask({ lans }: { lans: Lan[] }) {
  const t = useTexts(texts);
  const common = useText();
  const [name, setName] = useState("");
  const [type, setType] = useState("A");
  const [lan, setLan] = useState<Lan>(lans[0] ?? "head-office");
  const [answer, setAnswer] = useState<NameAnswer | null>(null);
  const { run, busy, failure } = useAction(async () => {
    setAnswer(null);
    const query: NameQuery = { name: name.trim(), type, lan };
    setAnswer(await post<NameAnswer>("/names/query", query));
  });
  return (
    <Card title={t.ask}>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <TextField
          label={t.name}
          value={name}
          onValue={setName}
          required
          placeholder="web.platform.example"
          autocapitalize="none"
          spellcheck={false}
          size={28}
        />
        <Choice label={t.type} value={type} options={Object.entries(t.types)} onValue={setType} />
        {lans.length > 1 && (
          <Choice
            label={t.lan}
            value={lan}
            options={lans.map((of) => [of, common.lans[of]] as const)}
            onValue={setLan}
          />
        )}
        <Button type="submit" kind="primary" busy={busy}>
          {t.query}
        </Button>
      </form>
      <p class="field-hint">{t.nameHint}</p>
      <FailureNotice failure={failure} />
      {answer && (
        <div class="gap-above">
          <Facts
            facts={[
              [
                t.code,
                <Tag key="code" tone={answer.code === "NOERROR" ? "ok" : "bad"}>
                  {t.codes[answer.code] ?? answer.code}
                </Tag>,
              ],
              [t.records, answer.records.length > 0 ? <code>{answer.records.join("\n")}</code> : common.none],
              [t.rule, t.rules[answer.rule] ?? answer.rule],
              [t.from, t.froms[answer.from] ?? answer.from],
              [t.took, micros(answer.microseconds)],
            ]}
          />
        </div>
      )}
    </Card>
  );
}

function Zones({ names }: { names: NamesStatus }) {
  const t = useTexts(texts);
  const common = useText();
  return (
    <Card wide title={t.zones}>
      <Table label={t.zones} head={[t.zone, t.owner, t.servers]}>
        {names.zones.map((zone) => (
          <tr key={`${zone.zone}${zone.of}${zone.lan ?? ""}`}>
            <td>
              <code>{zone.zone === "." ? t.allOthers : zone.zone}</code>
            </td>
            <td>
              {t.of[zone.of]}
              {zone.lan && ` (${common.lans[zone.lan]})`}
            </td>
            <td>
              <ul class="plain-list">
                {zone.upstreams.map((upstream) => (
                  <Upstream key={upstream.address} upstream={upstream} />
                ))}
              </ul>
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Upstream({ upstream }: { upstream: UpstreamStatus }) {
  const t = useTexts(texts);
  const { address, answers, failures, round_trip_us: trip } = upstream;
  return (
    <li>
      <code>{address}</code>{" "}
      {answers === null ? (
        <Tag tone="off">{t.notAsked}</Tag>
      ) : (
        <Tag tone={answers ? "ok" : "bad"}>{answers ? t.answers : t.silent(failures)}</Tag>
      )}{" "}
      <span class="quiet small">{trip !== null && micros(trip)}</span>
    </li>
  );
}

function Hosts({ names }: { names: NamesStatus }) {
  const t = useTexts(texts);
  return (
    <Card wide title={t.hosts}>
      <p class="quiet small">{t.hostsHint}</p>
      <Table label={t.hosts} head={[t.name, t.address]}>
        {names.hosts.map((host) => (
          <tr key={host.name}>
            <td>
              <code>{host.name}</code>
            </td>
            <td>
              {host.addresses.join(", ") || t.unresolved}
              {host.fault && <p class="field-error">{host.fault}</p>}
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Counts({ names }: { names: NamesStatus }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const rows = outcomes(names.counts);
  return (
    <Card title={t.counts}>
      {rows.length === 0 ? (
        <p class="quiet">{common.none}</p>
      ) : (
        <Table label={t.counts} head={["LAN", t.what, ...numberHeads([t.times])]}>
          {rows.map(({ lan, what, times }) => (
            <tr key={`${lan}/${what}`}>
              <td>{common.lans[lan as Lan] ?? lan}</td>
              <td>{t.rules[what] ?? what}</td>
              <td class="number">{count(times, now)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

function Zone() {
  const t = useTexts(texts);
  const [data, setData] = useState<ZoneData | null>(null);
  const { run, busy, failure } = useAction(async () => setData(await get<ZoneData>("/names/zone-data")));
  return (
    <Card
      wide
      title={t.zoneData}
      actions={
        <div class="row">
          {data && <Button onClick={() => saveFile("hosts", hostsFile(data), "text/plain")}>{t.file}</Button>}
          <Button busy={busy} onClick={() => run()}>
            {t.fetch}
          </Button>
        </div>
      }
    >
      <p class="quiet small">{t.zoneDataHint}</p>
      <FailureNotice failure={failure} />
      {data && (
        <Table label={t.zoneData} head={[t.name, t.address]}>
          {Object.entries(data.names).map(([name, addresses]) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <code>{addresses.join(", ")}</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
