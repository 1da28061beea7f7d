import { useEffect, useState } from "preact/hooks";
import { get } from "../../api/client";
import type { FlowEnd, FlowPage, FlowRecord } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { useStore } from "../../app/store";
import { csv, saveFile, today } from "../../ui/download";
import { bytes, dateTime, protocol } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, numberHeads, Table, TextField } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { type FlowSearch, flowHead, flowQuery, flowRow, gather } from "./search";
import { texts } from "./text";

const pageSize = 100;
const mostExported = 50_000;

/** Flows that have ended: search, page by page, and as CSV. */
export function Flows() {
  const t = useTexts(texts);
  const common = useText();
  const { status } = useStore(live);
  const [form, setForm] = useState<FlowSearch>({ since: "", until: "", host: "" });
  const [search, setSearch] = useState(form);
  const [found, setFound] = useState<{ flows: FlowRecord[]; next: string | null } | null>(null);
  const [exported, setExported] = useState<number | null>(null);
  const [cut, setCut] = useState(false);
  const page = (of: FlowSearch, limit: number) => (cursor: string | undefined) =>
    get<FlowPage>(`/flows${flowQuery(of, limit, cursor)}`);

  const look = useAction(async (of: FlowSearch, cursor?: string) => {
    const more = await gather(page(of, pageSize), pageSize, cursor);
    setFound((before) =>
      cursor && before ? { flows: [...before.flows, ...more.flows], next: more.next } : more,
    );
  });
  const save = useAction(async () => {
    setCut(false);
    const all = await gather(page(search, 1000), mostExported, undefined, setExported);
    setCut(all.next !== null);
    saveFile(`sekisho-flows-${today()}.csv`, csv([flowHead, ...all.flows.map(flowRow)]), "text/csv");
  });
  useEffect(() => {
    look.run(search);
  }, [search]);
  const set = (change: Partial<FlowSearch>) => setForm({ ...form, ...change });
  return (
    <div class="stack-wide">
      {status && !status.flow_log && <Notice tone="info" title={t.noLog} />}
      <FailureNotice failure={status?.flow_log?.fault} />
      <Card>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            setSearch({ ...form });
          }}
        >
          <TextField
            label={t.since}
            type="datetime-local"
            value={form.since}
            onValue={(since) => set({ since })}
          />
          <TextField
            label={t.until}
            type="datetime-local"
            value={form.until}
            onValue={(until) => set({ until })}
          />
          <TextField
            label={t.host}
            value={form.host}
            onValue={(host) => set({ host })}
            placeholder="192.168.1.101"
            size={16}
            title={t.hostHint}
          />
          <Button type="submit" kind="primary" busy={look.busy}>
            {common.search}
          </Button>
          <Button busy={save.busy} onClick={() => save.run()}>
            {save.busy && exported !== null ? t.exporting(exported) : t.export}
          </Button>
        </form>
        {cut && <Notice tone="warn" title={t.exportMost(mostExported)} />}
        <FailureNotice failure={look.failure ?? save.failure} />
      </Card>
      {found && (
        <Card>
          <FlowTable flows={found.flows} />
          {found.next && (
            <div class="row end">
              <Button busy={look.busy} onClick={() => look.run(search, found.next ?? undefined)}>
                {common.more}
              </Button>
            </div>
          )}
        </Card>
      )}
    </div>
  );
}

function FlowTable({ flows }: { flows: FlowRecord[] }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  if (flows.length === 0) return <p class="quiet">{common.none}</p>;
  return (
    <Table
      label={t.tabs.flows}
      head={[t.ended, t.opened, "", t.inside, t.global, t.platform, ...numberHeads([t.out, t.in])]}
    >
      {flows.map((flow, at) => (
        <tr key={at}>
          <td class="nowrap small">{dateTime(flow.ended, now)}</td>
          <td class="small nowrap">
            {t.openers[flow.opened_by]}
            <p class="quiet">{common.lans[flow.lan]}</p>
          </td>
          <td class="small">{protocol(flow.protocol)}</td>
          <td class="mono">{end(flow.inside)}</td>
          <td class="mono">{end(flow.global)}</td>
          <td class="mono">{end(flow.platform)}</td>
          <td class="number">{flow.out ? bytes(flow.out.bytes) : "-"}</td>
          <td class="number">{flow.in ? bytes(flow.in.bytes) : "-"}</td>
        </tr>
      ))}
    </Table>
  );
}

function end({ address, port }: FlowEnd): string {
  return port === undefined ? address : `${address}:${port}`;
}
