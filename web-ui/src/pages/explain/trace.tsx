import { useEffect, useState } from "preact/hooks";
import { post } from "../../api/client";
import type { LiveTrace, Packet, Session, Side, Trace } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Choice, TextField } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { isAddress, isPort, translation } from "./path";
import { AdviceText, AllowLink } from "./refusals";
import { texts } from "./text";
import { Way } from "./way";

type Kind = "tcp" | "udp" | "echo";

/** The question as the form has it. */
function initial(query: Record<string, string>) {
  const [kind, port] = (query.opening ?? "tcp/443").split("/");
  return {
    from: query.from ?? "",
    to: query.to ?? "",
    kind: (kind === "udp" ? "udp" : kind === "tcp" ? "tcp" : "echo") as Kind,
    port: port ?? "443",
    side: (query.side ?? "auto") as Side | "auto",
  };
}

export function TracePart({ query, session }: { query: Record<string, string>; session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const [form, setForm] = useState(() => initial(query));
  const [tried, setTried] = useState(false);
  const [found, setFound] = useState<LiveTrace | null>(null);
  const { run, busy, failure } = useAction(async (packet: Packet) => {
    setFound(null);
    setFound(await post<LiveTrace>("/trace", packet));
  });
  const set = (change: Partial<typeof form>) => setForm({ ...form, ...change });
  const wrong = {
    from: tried && !isAddress(form.from) ? t.address : undefined,
    to: tried && !isAddress(form.to) ? t.address : undefined,
    port: tried && form.kind !== "echo" && !isPort(form.port) ? t.portWrong : undefined,
  };
  const ask = () => {
    setTried(true);
    if (!isAddress(form.from) || !isAddress(form.to) || (form.kind !== "echo" && !isPort(form.port))) return;
    const opening = form.kind === "echo" ? "icmp-echo" : `${form.kind}/${form.port}`;
    const packet = { from: form.from, to: form.to, opening };
    run(form.side === "auto" ? packet : { ...packet, side: form.side });
  };
  // Whoever comes with a whole question from another page has asked it already.
  useEffect(() => {
    if (query.from && query.to) ask();
  }, []);
  const sides = Object.entries(common.sides) as [Side, string][];
  return (
    <div class="stack-wide">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <div class="question">
          <TextField
            label={t.from}
            value={form.from}
            onValue={(from) => set({ from: from.trim() })}
            error={wrong.from}
            placeholder="192.168.1.101"
            inputMode="decimal"
          />
          <TextField
            label={t.to}
            value={form.to}
            onValue={(to) => set({ to: to.trim() })}
            error={wrong.to}
            placeholder="100.72.1.10"
            inputMode="decimal"
          />
          <Choice
            label={t.service}
            value={form.kind}
            options={[
              ["tcp", t.services.tcp],
              ["udp", t.services.udp],
              ["echo", t.services.echo],
            ]}
            onValue={(kind) => set({ kind })}
          />
          {form.kind !== "echo" && (
            <TextField
              label={t.port}
              value={form.port}
              onValue={(port) => set({ port: port.trim() })}
              error={wrong.port}
              inputMode="numeric"
              size={6}
            />
          )}
          <Choice
            label={t.side}
            value={form.side}
            options={[["auto", t.sideAuto], ...sides]}
            onValue={(side) => set({ side })}
          />
        </div>
        <div class="row end">
          <Button type="submit" kind="primary" busy={busy}>
            {t.run}
          </Button>
        </div>
      </form>
      <FailureNotice failure={failure} />
      {found && <Answer found={found} session={session} />}
    </div>
  );
}

function Answer({ found, session }: { found: LiveTrace; session: Session }) {
  const t = useTexts(texts);
  const { kernel, design, parting, deviations } = found.trace;
  const trace = "trace" in kernel ? kernel.trace : design;
  return (
    <>
      <Result trace={trace} session={session} />
      {"unknown" in kernel && (
        <Notice tone="warn" title={t.unknown}>
          <p>{kernel.unknown}</p>
        </Notice>
      )}
      {deviations.length > 0 && (
        <Notice tone="warn" title={t.unlike}>
          <p>
            {t.unlikeText} {parting && t.parts}
          </p>
        </Notice>
      )}
      <Translation trace={trace} />
      <Card title={t.way}>
        <p class="quiet small">{t.technical}</p>
        <Way title={trace.back ? t.there : undefined} steps={trace.there} />
        {trace.back && <Way title={t.back} steps={trace.back.steps} />}
      </Card>
    </>
  );
}

function Result({ trace, session }: { trace: Trace; session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const { outcome, admitted, advice, back } = trace;
  if (outcome.result === "refused") {
    return (
      <Notice
        tone="bad"
        title={t.refused}
        actions={advice && <AllowLink advice={advice} session={session} />}
      >
        {advice && <AdviceText advice={advice} />}
        <p class="quiet small">
          {t.told[outcome.told]} {outcome.rule && <code>{outcome.rule}</code>}
        </p>
      </Notice>
    );
  }
  const lost = back !== null && !back.arrives;
  const title = outcome.result === "device" ? t.device : t.delivered(common.sides[outcome.side]);
  return (
    <Notice tone={lost ? "warn" : "ok"} title={title}>
      {lost && <p>{t.noAnswer}</p>}
      {admitted && (
        <p>
          {t.admitted(admitted.row, admitted.policy)}{" "}
          <span class="quiet">
            {common.environments[admitted.environment]} / {common.classes[admitted.class]}
          </span>
        </p>
      )}
    </Notice>
  );
}

/** What the box makes of the two addresses. */
function Translation({ trace }: { trace: Trace }) {
  const t = useTexts(texts);
  const found = translation(trace);
  if (!found) return null;
  const cell = (before: string, after: string) => (before === after ? after : <strong>{after}</strong>);
  return (
    <Card>
      <table class="translation">
        <thead>
          <tr>
            <td />
            <th scope="col">{t.source}</th>
            <th scope="col">{t.destination}</th>
          </tr>
        </thead>
        <tbody class="mono">
          <tr>
            <th scope="row">{t.inside}</th>
            <td>{found.source[0]}</td>
            <td>{found.destination[0]}</td>
          </tr>
          <tr>
            <th scope="row">{t.outside}</th>
            <td>{cell(...found.source)}</td>
            <td>{cell(...found.destination)}</td>
          </tr>
        </tbody>
      </table>
    </Card>
  );
}
