import { useState } from "preact/hooks";
import type { Generation, Session, Stored } from "../../api/types";
import { language, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { saveFile } from "../../ui/download";
import { dateTime } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import { Button, Card, Dialog, FileText, Loading, Segments, Table, Tag } from "../../ui/parts";
import { useAction, useGet } from "../../ui/use";
import { restore, restoring } from "./restore";
import { texts } from "./text";

const tones = { pending: "warn", committed: "ok", "rolled-back": "off" } as const;

/** Designs that were in force, who wrote them, and what became of them. */
export function GenerationsPart({ session }: { session: Session }) {
  const t = useTexts(texts);
  const now = useStore(language);
  const status = useStore(live).status;
  const generations = useGet<Generation[]>("/generations", 30);
  const [open, setOpen] = useState<number | null>(null);
  return (
    <>
      <FailureNotice failure={generations.failure} retry={generations.reload} />
      {!generations.value && generations.busy && <Loading />}
      {generations.value && (
        <Card>
          <Table label={t.tabs.generations} head={[t.number, t.at, t.author, t.reason, t.outcome, ""]}>
            {generations.value.map((generation) => (
              <tr key={generation.number}>
                <td>
                  <strong>{generation.number}</strong>{" "}
                  {status?.generation === generation.number && <Tag tone="info">{t.inForce}</Tag>}
                </td>
                <td class="small nowrap">{dateTime(generation.at, now)}</td>
                <td>{author(generation)}</td>
                <td>{generation.reason}</td>
                <td>
                  <Tag tone={tones[generation.outcome]}>{t.outcomes[generation.outcome]}</Tag>
                </td>
                <td>
                  <button
                    type="button"
                    class="button button-small"
                    onClick={() => setOpen(generation.number)}
                  >
                    {t.see}
                  </button>
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {open !== null && <StoredDialog number={open} session={session} onClose={() => setOpen(null)} />}
    </>
  );
}

function author({ author: { name, uid } }: Generation): string {
  return name ?? `uid ${uid}`;
}

function StoredDialog(props: { number: number; session: Session; onClose: () => void }) {
  const t = useTexts(texts);
  const { number, session, onClose } = props;
  const { status } = useStore(live);
  const stored = useGet<Stored>(`/generations/${number}`);
  const back = useAction(async () => {
    if (!stored.value) return;
    await restore(restoring(stored.value, session.role, status, t.reasonGeneration(number)));
    onClose();
  });
  const canGoBack = may(session.role, "apply") && number !== status?.generation;
  const [which, setWhich] = useState<"site" | "profile">("site");
  const { value } = stored;
  const name = which === "site" ? "site.toml" : "platform-profile.toml";
  return (
    <Dialog
      title={`${t.number} ${number}`}
      onClose={onClose}
      actions={
        value && (
          <>
            <Button onClick={() => saveFile(name, value[which], "application/toml")}>{t.saveFile}</Button>
            {canGoBack && (
              <Button kind="primary" busy={back.busy} onClick={() => back.run()}>
                {t.goBack}
              </Button>
            )}
          </>
        )
      }
    >
      <Segments
        label={t.see}
        value={which}
        options={[
          ["site", t.site],
          ["profile", t.profile],
        ]}
        onValue={setWhich}
      />
      <FailureNotice failure={stored.failure} retry={stored.reload} />
      <FailureNotice failure={back.failure} />
      {value ? <FileText label={name} text={value[which]} /> : stored.busy && <Loading />}
      {value && canGoBack && <p class="field-hint">{t.restoreHint}</p>}
    </Dialog>
  );
}
