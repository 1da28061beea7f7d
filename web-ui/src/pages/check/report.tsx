import type { FarHalf, SelfTestReport } from "../../api/types";
import { language, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { Card, Facts, Table, Tag } from "../../ui/parts";
import { type Run, stages, tree } from "./run";
import { texts } from "./text";
import { verdictTones } from "./tree";

/** The stages in order, each with how it ended: what is done of a roll-out and what isn't. */
export function RollOut({ run }: { run: Run }) {
  const t = useTexts(texts);
  const branches = new Map(tree(run).map((branch) => [branch.stage, branch.worst]));
  return (
    <Card title={t.rollOut}>
      <p class="quiet small no-print">{t.rollOutHint}</p>
      <ol class="roll-out">
        {stages.map((stage) => {
          const worst = branches.get(stage) ?? "not-run";
          return (
            <li key={stage} class={`stop stop-${worst}`}>
              <span>{t.stages[stage]}</span>
              <Tag tone={verdictTones[worst]}>{t.state[worst]}</Tag>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}

export function ReportFacts({ report }: { report: SelfTestReport }) {
  const t = useTexts(texts);
  const now = useStore(language);
  const { site } = report;
  const hash = report["design-hash"];
  const number = report["test-number"];
  return (
    <Facts
      facts={[
        number !== undefined && [t.number, number],
        site && [t.site, `${site.name} (${site.organisation})`],
        [t.begun, dateTime(report.begun, now)],
        [t.ended, dateTime(report.ended, now)],
        [t.clock, report["clock-synchronised"] ? t.inStep : t.outOfStep],
        [t.generation, String(report.generation)],
        hash !== undefined && [t.hash, <code key="hash">{hash}</code>],
        [t.firmware, report.firmware],
      ]}
    />
  );
}

/** What the far end found when it called back. */
export function FarHalfCard({ half }: { half: FarHalf }) {
  const t = useTexts(texts);
  const now = useStore(language);
  return (
    <Card title={t.far}>
      <p class="quiet">{t.farFrom(half.from, dateTime(half.at, now))}</p>
      <Table label={t.far} head={[t.farTo, t.farDeclared, t.farOutcome]}>
        {half.calls.map((call) => {
          const right = (call.outcome === "connected") === call.declared;
          return (
            <tr key={call.to}>
              <td>
                <code>{call.to}</code>
              </td>
              <td>{call.declared ? t.farLetIn : t.farKeptOut}</td>
              <td>
                <Tag tone={right ? "ok" : "bad"}>{t.farOutcomes[call.outcome]}</Tag>
              </td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
}

/** Lines to sign on, on paper only. */
export function Signatures() {
  const t = useTexts(texts);
  return (
    <section class="signatures">
      <h2>{t.sign}</h2>
      <p>{t.signSite}</p>
      <p>{t.signFar}</p>
    </section>
  );
}
