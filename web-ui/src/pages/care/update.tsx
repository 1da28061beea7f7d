import { useEffect, useState } from "preact/hooks";
import type { Firmware, Session, UpdatePage } from "../../api/types";
import { useSay, useTexts } from "../../app/language";
import { may } from "../../app/roles";
import { FailureNotice, Notice } from "../../ui/notice";
import { Card, Facts, Loading, Said, Table, Tag } from "../../ui/parts";
import { useGet } from "../../ui/use";
import { goesOn, slotState } from "./firmware";
import { InstallCard } from "./install";
import { texts } from "./update-text";

/** Seconds between two looks: while something goes on, and otherwise. */
const often = 1;
const seldom = 15;

/** Which firmware is where, and how the box gets a new one. */
export function UpdatePart({ session }: { session: Session }) {
  const t = useTexts(texts);
  const [pace, setPace] = useState(seldom);
  const told = useGet<UpdatePage>("/update", pace);
  const { value } = told;
  const state = value?.status.installation?.state;
  useEffect(() => setPace(goesOn(state) ? often : seldom), [state]);
  const restarts = state?.name === "installed" && state.restarts;
  return (
    <>
      {/* A box that restarts doesn't answer for a while. */}
      {!restarts && <FailureNotice failure={told.failure} retry={told.reload} />}
      {!value && told.busy && <Loading />}
      {value && !value.status.firmware && <Notice tone="info" title={t.noSlots} />}
      {value?.status.firmware && (
        <>
          {/* What is next is told below while it happens. */}
          {!restarts && <Trial firmware={value.status.firmware} />}
          <div class="cards gap-above">
            <SlotsCard firmware={value.status.firmware} />
            {may(session.role, "update") && <InstallCard told={value} reload={told.reload} />}
          </div>
        </>
      )}
    </>
  );
}

/** What is on trial, or how the last trial ended. */
function Trial({ firmware: { trial, last, slots } }: { firmware: Firmware }) {
  const t = useTexts(texts);
  const say = useSay();
  if (trial) {
    const runs = slots.some((slot) => slot.runs && slot.name === trial.slot);
    return (
      <Notice tone="info" title={runs ? t.onTrial(trial.version) : t.written(trial.version)}>
        <p>{runs ? t.onTrialText : t.writtenText}</p>
      </Notice>
    );
  }
  if (!last) return null;
  if (!last.went_back) return <Notice tone="ok" title={t.kept(last.from, last.version)} />;
  return (
    <Notice tone="warn" title={t.wentBack(last.version, last.from)}>
      <Said word={t.why}>{say(last.went_back)}</Said>
    </Notice>
  );
}

function SlotsCard({ firmware }: { firmware: Firmware }) {
  const t = useTexts(texts);
  return (
    <Card title={t.slots}>
      <Facts
        facts={[
          [
            t.running,
            <>
              {firmware.version}{" "}
              <Tag tone={firmware.kind === "release" ? "ok" : "warn"}>{t.kinds[firmware.kind]}</Tag>
            </>,
          ],
          [t.floor, firmware.floor],
        ]}
      />
      <div class="gap-above">
        <Table label={t.slots} head={[t.slot, t.version, t.state]}>
          {firmware.slots.map((slot) => {
            const state = slotState(slot, firmware);
            return (
              <tr key={slot.name}>
                <td>
                  <strong>{slot.name}</strong>
                </td>
                <td>{slot.version ?? "–"}</td>
                <td>
                  <Tag tone={tones[state]}>{t.states[state]}</Tag>
                </td>
              </tr>
            );
          })}
        </Table>
      </div>
    </Card>
  );
}

const tones = { runs: "ok", trial: "info", next: "info", spare: "off", empty: "off" } as const;
