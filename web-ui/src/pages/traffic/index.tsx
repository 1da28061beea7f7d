import { useState } from "preact/hooks";
import type { HostTraffic, LineStatus, NaptUse, RowTraffic, Status, Traffic } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { useStore } from "../../app/store";
import { csv, saveFile, today } from "../../ui/download";
import { bitRate, bytes, count, dateTime, span } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Facts, Loading, numberHeads, PageHead, Table, Tag, TextField } from "../../ui/parts";
import { useGet } from "../../ui/use";
import type { PageProps } from "..";
import { texts } from "./text";
import "./traffic.css";

const tabs = ["rows", "hosts", "classes", "ports"] as const;
type Tab = (typeof tabs)[number];

/** What was counted: by row, by host, by class. */
export default function TrafficPage({ route }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const traffic = useGet<Traffic>("/traffic", 10);
  const status = useStore(live).status;
  const tab: Tab = tabs.find((name) => name === route.rest) ?? "rows";
  const { value } = traffic;
  return (
    <>
      <PageHead title={common.pages.traffic} lead={t.lead} />
      <nav class="tabs" aria-label={common.pages.traffic}>
        {tabs.map((name) => (
          <a key={name} href={`#/traffic/${name}`} aria-current={name === tab ? "page" : undefined}>
            {t.tabs[name]}
          </a>
        ))}
      </nav>
      <FailureNotice failure={traffic.failure} retry={traffic.reload} />
      {!value && traffic.busy && <Loading />}
      {value && tab === "rows" && <Rows rows={value.rows} />}
      {value && tab === "hosts" && <Hosts traffic={value} />}
      {value && tab === "ports" && <Ports traffic={value} />}
      {tab === "classes" && <Classes status={status} />}
    </>
  );
}

/** A length beside a number, so that the large ones stand out. */
function Bar({ part, kind }: { part: number; kind: "up" | "down" | "used" }) {
  return (
    <svg class="length" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class={`length-${kind}`} width={Math.min(100, part * 100)} height="4" />
    </svg>
  );
}

function Rows({ rows }: { rows: RowTraffic[] }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const most = rows.reduce((top, row) => Math.max(top, row.up.bytes, row.down.bytes), 1);
  return (
    <Card>
      <Table
        label={t.tabs.rows}
        head={[t.name, t.lan, t.class, ...numberHeads([t.up, t.down, t.opened, t.refused])]}
      >
        {rows.map((row) => (
          <tr key={`${row.kind}${row.name}`}>
            <td>
              <strong>{row.name}</strong> <span class="quiet small">{t.kinds[row.kind]}</span>
              {row.until && <p class="quiet small">{t.until(dateTime(row.until, now))}</p>}
            </td>
            <td class="small">
              {row.lan && common.lans[row.lan]}
              {row.environment === "test" && (
                <>
                  {" "}
                  <Tag tone="info">{common.environments.test}</Tag>
                </>
              )}
            </td>
            <td class="small nowrap">{row.class && common.classes[row.class]}</td>
            <td class="number">
              {bytes(row.up.bytes)}
              <Bar part={row.up.bytes / most} kind="up" />
            </td>
            <td class="number">
              {bytes(row.down.bytes)}
              <Bar part={row.down.bytes / most} kind="down" />
            </td>
            <td class="number">{count(row.opened, now)}</td>
            <td class="number">{row.refused ? count(row.refused.packets, now) : ""}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Hosts({ traffic }: { traffic: Traffic }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const [filter, setFilter] = useState("");
  const has = (host: HostTraffic) =>
    host.address.includes(filter.trim()) || (host.row ?? "").includes(filter.trim());
  const total = (host: HostTraffic) => host.up.bytes + host.down.bytes;
  const shown = traffic.hosts.filter(has).sort((a, b) => total(b) - total(a));
  const save = () => {
    const head = ["lan", "address", "row", "up-bytes", "down-bytes", "refused-packets"];
    const lines = shown.map((host) => [
      host.lan,
      host.address,
      host.row,
      host.up.bytes,
      host.down.bytes,
      host.refused.packets,
    ]);
    saveFile(`sekisho-hosts-${today()}.csv`, csv([head, ...lines]), "text/csv");
  };
  return (
    <Card>
      <div class="row apart">
        <TextField label={t.filter} value={filter} onValue={setFilter} type="search" />
        <Button onClick={save}>{t.export}</Button>
      </div>
      <Table label={t.tabs.hosts} head={[t.address, t.row, t.lan, ...numberHeads([t.up, t.down, t.refused])]}>
        {shown.slice(0, 500).map((host) => (
          <tr key={`${host.lan}${host.address}`}>
            <td class="mono">{host.address}</td>
            <td>{host.row ?? <Tag tone="warn">{t.unknownRow}</Tag>}</td>
            <td class="small">{common.lans[host.lan]}</td>
            <td class="number">{bytes(host.up.bytes)}</td>
            <td class="number">{bytes(host.down.bytes)}</td>
            <td class="number">{count(host.refused.packets, now)}</td>
          </tr>
        ))}
      </Table>
      {traffic.hosts_left_out + Math.max(0, shown.length - 500) > 0 && (
        <p class="quiet small">{t.leftOut(traffic.hosts_left_out + Math.max(0, shown.length - 500))}</p>
      )}
    </Card>
  );
}

function Classes({ status }: { status: Status | null }) {
  const t = useTexts(texts);
  const now = useStore(language);
  const line = status?.line;
  if (!line) return <p class="quiet">{t.noLine}</p>;
  return (
    <>
      {line.held_back && <Notice tone="info" title={t.heldBack(span(line.held_back_left_s ?? 0, now))} />}
      <Ways line={line} />
    </>
  );
}

function Ways({ line }: { line: LineStatus }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  return (
    <>
      {line.ways.map((way) => (
        <Card key={way.link} title={way.lan ? t.towards(common.lans[way.lan]) : t.tunnel}>
          <Table
            label={way.link}
            head={[t.class, ...numberHeads([t.guaranteed, t.most, t.sent, t.dropped, t.waiting])]}
          >
            {way.classes.map((of) => (
              <tr key={of.class}>
                <td>{common.classes[of.class]}</td>
                <td class="number">
                  {bitRate(of.guaranteed)}
                  <Bar part={of.guaranteed / Math.max(1, of.most)} kind="used" />
                </td>
                <td class="number">{bitRate(of.most)}</td>
                <td class="number">{bytes(of.sent)}</td>
                <td class="number">{count(of.dropped, now)}</td>
                <td class="number">{bytes(of.waiting)}</td>
              </tr>
            ))}
          </Table>
        </Card>
      ))}
    </>
  );
}

function Ports({ traffic }: { traffic: Traffic }) {
  const t = useTexts(texts);
  const now = useStore(language);
  const { connections } = traffic;
  const tone = { roomy: "ok", near: "warn", full: "bad" } as const;
  const part = (use: NaptUse) =>
    Math.max(use.ports.tcp, use.ports.udp) / (use.last_port - use.first_port + 1);
  return (
    <div class="stack-wide">
      <Card title={t.tabs.ports}>
        <Table
          label={t.tabs.ports}
          head={[t.global, t.rows, ...numberHeads(["TCP", "UDP", t.refused]), t.ports]}
        >
          {traffic.napt.map((use) => (
            <tr key={use.global}>
              <td class="mono">{use.global}</td>
              <td>{use.rows.join(", ")}</td>
              <td class="number">{count(use.ports.tcp, now)}</td>
              <td class="number">{count(use.ports.udp, now)}</td>
              <td class="number">{count(use.refused.packets, now)}</td>
              <td class="number">
                {Math.round(part(use) * 100)} %
                <Bar part={part(use)} kind="used" />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {connections && (
        <Card title={t.connections}>
          <Facts
            facts={[
              [
                t.connectionsText(count(connections.count, now), count(connections.most, now)),
                <Tag key="fullness" tone={tone[connections.fullness]}>
                  {t.fullness[connections.fullness]}
                </Tag>,
              ],
            ]}
          />
        </Card>
      )}
    </div>
  );
}
