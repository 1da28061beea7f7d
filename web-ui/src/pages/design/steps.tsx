import { language, useText } from "../../app/language";
import { live } from "../../app/live";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { Notice } from "../../ui/notice";
import { Button, Card } from "../../ui/parts";
import { useDesignTexts, useDesk } from "./desk";
import { Drawing } from "./drawing";
import { FileButton, Files } from "./files";
import { LedgerView } from "./ledger";
import { siteFile } from "./model/editor";
import * as fields from "./model/fields";
import { perStep, type StepName, stepNames } from "./model/problems";
import { at, isTable } from "./model/tree";
import { Reports } from "./reports";
import { Rows } from "./rows";
import { OptionalSection, Section } from "./section";

export type Selected = Record<fields.RowKind, number>;
export type StepProps = {
  selected: Selected;
  select: (kind: fields.RowKind, index: number) => void;
};

/** The steps with what is wrong in each. */
export function StepList({ current }: { current: StepName }) {
  const { state } = useDesk();
  const t = useDesignTexts();
  const counts = perStep(state.problems.all, siteFile);
  return (
    <nav class="design-steps no-print" aria-label={t.views.guided}>
      <ol>
        {stepNames.map((step, index) => {
          const { errors, warnings } = counts[step];
          return (
            <li key={step}>
              <a href={`#/design/${step}`} aria-current={step === current ? "step" : undefined}>
                <span class="design-step-number">{index + 1}</span>
                <span>{t.steps[step]}</span>
                {errors > 0 && <span class="design-error small">{t.errors(errors)}</span>}
                {errors === 0 && warnings > 0 && (
                  <span class="design-warning small">{t.warnings(warnings)}</span>
                )}
              </a>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

/** One step of the guided way, the drawing that follows it, and the way on. */
export function GuidedView({ step, ...rows }: StepProps & { step: StepName }) {
  const { state } = useDesk();
  const t = useDesignTexts();
  const place = stepNames.indexOf(step);
  const [before, after] = [stepNames[place - 1], stepNames[place + 1]];
  return (
    <div class="design-guided">
      <StepList current={step} />
      <div class="design-step stack">
        <header>
          <p class="quiet small">{t.step(place + 1, stepNames.length)}</p>
          <h2>{t.steps[step]}</h2>
          {step === "start" && <p>{t.lead}</p>}
          <p>{t.stepLeads[step]}</p>
        </header>
        <Step step={step} {...rows} />
        {step !== "check" && (
          <Card title={t.drawing.title}>
            <Drawing tree={state.history.present} />
          </Card>
        )}
        <nav class="row apart no-print" aria-label={t.step(place + 1, stepNames.length)}>
          {before ? (
            <a class="button" href={`#/design/${before}`}>
              {t.back}
            </a>
          ) : (
            <span />
          )}
          {after && (
            <a class="button button-primary" href={`#/design/${after}`}>
              {t.next}: {t.steps[after]}
            </a>
          )}
        </nav>
      </div>
    </div>
  );
}

function Step({ step, selected, select }: StepProps & { step: StepName }) {
  const { state } = useDesk();
  const t = useDesignTexts();
  const rowsOf = (kind: fields.RowKind) => (
    <Rows kind={kind} selected={selected[kind]} select={(index) => select(kind, index)} />
  );
  switch (step) {
    case "start":
      return (
        <>
          <Card title={t.profile.title}>
            <Profile />
          </Card>
          <Card title={t.steps.start}>
            <Section path="site" fields={fields.site} />
          </Card>
        </>
      );
    case "interfaces":
      return <Interfaces />;
    case "servers":
    case "terminals":
      return (
        <>
          <Card title={t.steps[step]}>{rowsOf(step === "servers" ? "server" : "terminals")}</Card>
          <Card title={t.ledger.title}>
            <LedgerView />
          </Card>
        </>
      );
    case "names":
      return (
        <>
          <OptionalSection
            path="names"
            title={t.steps.names}
            tick={t.parts.names}
            fields={fields.names}
            first={{ method: "device" }}
          />
          {isTable(at(state.history.present, ["names"])) && (
            <Card title={t.rows.kinds.entry}>{rowsOf("entry")}</Card>
          )}
        </>
      );
    case "policies":
      return (
        <>
          {(["policy", "object", "service"] as const).map((kind) => (
            <Card key={kind} title={t.rows.kinds[kind]}>
              {rowsOf(kind)}
            </Card>
          ))}
          <OptionalSection path="limits" title={t.parts.limits} tick={t.parts.use} fields={fields.limits} />
          <OptionalSection
            path="flow-log"
            title={t.parts["flow-log"]}
            tick={t.parts.use}
            fields={fields.flowLog}
          />
          <OptionalSection
            path="collector"
            title={t.parts.collector}
            tick={t.parts.use}
            fields={fields.collector}
          />
          <OptionalSection path="backup" title={t.parts.backup} tick={t.parts.use} fields={fields.backup} />
        </>
      );
    case "check":
      return <CheckStep />;
  }
}

function Interfaces() {
  const t = useDesignTexts();
  return (
    <>
      {fields.interfaceNames.map((name) =>
        name === "lgwan" ? (
          <Card key={name} title={t.interfaces.lgwan}>
            <Section path="interface.lgwan" fields={fields.interfaces.lgwan} />
          </Card>
        ) : (
          <OptionalSection
            key={name}
            path={`interface.${name}`}
            title={t.interfaces[name]}
            tick={t.interfaces.use}
            fields={fields.interfaces[name]}
          />
        ),
      )}
      <OptionalSection path="page" title={t.parts.page} tick={t.parts.use} fields={fields.page} />
      <OptionalSection path="metrics" title={t.parts.metrics} tick={t.parts.use} fields={fields.metrics} />
      <OptionalSection path="snmp" title={t.parts.snmp} tick={t.parts.use} fields={fields.snmp} />
      <OptionalSection
        path="rollout"
        title={t.parts.rollout}
        tick={t.parts.use}
        fields={fields.rollout}
        first={{ enabled: true }}
      />
      <OptionalSection path="traffic" title={t.parts.traffic} tick={t.parts.use} fields={fields.traffic} />
    </>
  );
}

/** The operator's profile: the one in force, or another one to be tried. */
function Profile() {
  const { editor, state, readOnly } = useDesk();
  const t = useDesignTexts();
  const now = useStore(language);
  const stamp = useStore(live).status?.site?.profile;
  const wrong = state.problems.all.filter((report) => report.file !== siteFile);
  const { ledger } = state;
  return (
    <div class="stack">
      {state.profile !== null ? (
        <Notice tone="info" title={t.profile.loaded} />
      ) : (
        <p>{stamp ? t.profile.inForce(stamp.serial, dateTime(stamp.issued, now)) : t.profile.none}</p>
      )}
      {ledger && (
        <p>
          {t.profile.pool}: {ledger.totals.pool} ({ledger.pool[0]?.first}〜{ledger.pool.at(-1)?.last})
        </p>
      )}
      {wrong.length > 0 && (
        <Notice tone="bad" title={t.profile.problems}>
          <Reports reports={wrong} />
        </Notice>
      )}
      <div class="row">
        <FileButton
          label={t.profile.choose}
          accept=".toml,text/plain"
          disabled={readOnly}
          onFile={async (file) => editor.setProfile(await file.text())}
        />
        {state.profile !== null && stamp && (
          <Button disabled={readOnly} onClick={() => editor.setProfile(null)}>
            {t.profile.drop}
          </Button>
        )}
      </div>
    </div>
  );
}

function CheckStep() {
  const { state } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const errors = state.problems.count("error");
  return (
    <>
      {state.checked && state.problems.all.length === 0 && <Notice tone="ok" title={t.noProblems} />}
      <Card title={t.drawing.title}>
        <Drawing tree={state.history.present} />
      </Card>
      <Card title={t.ledger.title}>
        <LedgerView />
      </Card>
      <Card title={t.files.title}>
        <Files />
      </Card>
      <Card title={common.pages.apply}>
        {errors > 0 ? (
          <p>{t.toApplyErrors}</p>
        ) : (
          <a class="button button-primary" href="#/apply">
            {t.toApply}
          </a>
        )}
      </Card>
    </>
  );
}
