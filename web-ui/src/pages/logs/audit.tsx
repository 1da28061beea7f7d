import { useEffect, useState } from "preact/hooks";
import { get, query } from "../../api/client";
import type { AuditPage, AuditRecord, AuditVerdict } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Table, Tag, TextField } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { actionOf } from "./search";
import { texts } from "./text";

/** Who did what: search, the whole of it as a file, and whether anybody changed it afterwards. */
export function Audit() {
  const t = useTexts(texts);
  const common = useText();
  const [form, setForm] = useState("");
  const [search, setSearch] = useState("");
  const [found, setFound] = useState<AuditPage | null>(null);
  const [verdict, setVerdict] = useState<AuditVerdict | null>(null);
  const look = useAction(async (before?: AuditPage["next"]) => {
    const more = await get<AuditPage>(`/audit${query({ search, before: before ?? undefined, limit: 100 })}`);
    setFound((had) =>
      before && had ? { records: [...had.records, ...more.records], next: more.next } : more,
    );
  });
  const verify = useAction(async () => setVerdict(await get<AuditVerdict>("/audit/verify")));
  useEffect(() => {
    look.run();
  }, [search]);
  return (
    <div class="stack-wide">
      <Card>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            setSearch(form.trim());
          }}
        >
          <TextField
            label={common.search}
            value={form}
            onValue={setForm}
            type="search"
            placeholder={t.searchHint}
            size={28}
          />
          <Button type="submit" kind="primary" busy={look.busy}>
            {common.search}
          </Button>
          <Button busy={verify.busy} onClick={() => verify.run()}>
            {t.verify}
          </Button>
          <a class="button" href="/api/audit/export" download="sekisho-audit.jsonl">
            {t.exportAudit}
          </a>
        </form>
        <FailureNotice failure={look.failure ?? verify.failure} />
        {verdict && (
          <div class="gap-above">
            <Notice
              tone={verdict.intact ? "ok" : "bad"}
              title={verdict.intact ? t.intact(verdict.records) : t.broken(verdict.first_broken ?? 0)}
            />
          </div>
        )}
      </Card>
      {found && (
        <Card>
          <Records records={found.records} />
          {found.next !== null && (
            <div class="row end">
              <Button busy={look.busy} onClick={() => look.run(found.next)}>
                {common.more}
              </Button>
            </div>
          )}
        </Card>
      )}
    </div>
  );
}

function Action({ what }: { what: string }) {
  const t = useTexts(texts);
  const { action, of } = actionOf(what, t.actions);
  return (
    <span title={what}>
      {action} {of && <strong>{of}</strong>}
    </span>
  );
}

const tones = { begun: "info", done: "ok", refused: "bad", failed: "bad" } as const;

/** How it was and how it is, where the record says so. */
function Change({ record }: { record: AuditRecord }) {
  const common = useText();
  if (record.before === undefined && record.after === undefined) return null;
  return (
    <details class="small">
      <summary class="quiet">{common.details}</summary>
      <code>
        {JSON.stringify(record.before)} → {JSON.stringify(record.after)}
      </code>
    </details>
  );
}

function Records({ records }: { records: AuditRecord[] }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  if (records.length === 0) return <p class="quiet">{common.none}</p>;
  return (
    <Table label={t.tabs.audit} head={[t.at, t.user, t.from, t.what, t.outcome]}>
      {records.map((record) => (
        <tr key={record.seq}>
          <td class="nowrap small">{dateTime(record.at, now)}</td>
          <td>
            {record.user} {record.role && <span class="quiet small">{common.roles[record.role]}</span>}
          </td>
          <td class="mono">{record.from}</td>
          <td>
            <Action what={record.what} />
            {record.about && <p class="quiet small">{record.about}</p>}
            <Change record={record} />
          </td>
          <td>
            <Tag tone={tones[record.result]}>{t.outcomes[record.result]}</Tag>
          </td>
        </tr>
      ))}
    </Table>
  );
}
