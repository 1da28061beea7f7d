import { useState } from "preact/hooks";
import { get, post } from "../../api/client";
import type { Backup, Opened, Session, Users, UsersTaken } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { live } from "../../app/live";
import { may } from "../../app/roles";
import { look } from "../../app/session";
import { useStore } from "../../app/store";
import { readBase64, saveBytes } from "../../ui/download";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, CopyButton, Dialog, Facts, Field, FileText, TextField } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { restore, restoring } from "./restore";
import { texts } from "./text";

const shortest = 12;
/** More than the box reads as a backup, in bytes. A browser that sends far more would never get to read why it is refused. */
const mostSent = 5 << 20;

export function BackupPart({ session }: { session: Session }) {
  return (
    <div class="cards">
      {may(session.role, "backup") && <Make />}
      <Open session={session} />
    </div>
  );
}

function Make() {
  const t = useTexts(texts);
  const [passphrase, setPassphrase] = useState("");
  const [withKey, setWithKey] = useState(false);
  const [told, setTold] = useState<string | null>(null);
  const common = useText();
  const { run, busy, failure } = useAction(async () => {
    const made = await post<Backup>("/backup", {
      ...(passphrase && { passphrase }),
      with_identity: withKey,
    });
    saveBytes(made.name, made.capsule);
    setPassphrase("");
    setTold(made.passphrase ?? null);
  });
  return (
    <Card title={t.make}>
      <p class="quiet">{t.makeHint}</p>
      <form
        class="stack gap-above"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <TextField
          label={t.passphrase}
          hint={t.passphraseHint}
          value={passphrase}
          onValue={setPassphrase}
          minLength={shortest}
          autocomplete="off"
          spellcheck={false}
        />
        <div>
          <label class="tick">
            <input type="checkbox" checked={withKey} onChange={() => setWithKey(!withKey)} />
            {t.withKey}
          </label>
          <p class="field-hint">{t.withKeyHint}</p>
        </div>
        <FailureNotice failure={failure} />
        <Button type="submit" kind="primary" busy={busy}>
          {t.makeButton}
        </Button>
      </form>
      {told && (
        <Dialog
          title={t.passphrase}
          onClose={() => setTold(null)}
          actions={
            <>
              <CopyButton text={told} />
              <Button kind="primary" onClick={() => setTold(null)}>
                {common.close}
              </Button>
            </>
          }
        >
          <p>{t.passphraseMade}</p>
          <code class="secret">{told}</code>
        </Dialog>
      )}
    </Card>
  );
}

function Open({ session }: { session: Session }) {
  const t = useTexts(texts);
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const [opened, setOpened] = useState<{ preview: Opened; capsule: string } | null>(null);
  const tooLarge = file !== null && file.size > mostSent;
  const { run, busy, failure } = useAction(async (given: File) => {
    setOpened(null);
    const capsule = await readBase64(given);
    setOpened({ preview: await post<Opened>("/backup/open", { passphrase, capsule }), capsule });
  });
  return (
    <Card title={t.open}>
      <p class="quiet">{t.openHint}</p>
      <form
        class="stack gap-above"
        onSubmit={(event) => {
          event.preventDefault();
          if (file && !tooLarge) run(file);
        }}
      >
        <Field label={t.file} error={tooLarge ? t.fileTooLarge : undefined}>
          {(given) => (
            <input
              {...given}
              type="file"
              required
              onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)}
            />
          )}
        </Field>
        <TextField
          label={t.passphrase}
          value={passphrase}
          onValue={setPassphrase}
          required
          autocomplete="off"
          spellcheck={false}
        />
        <FailureNotice failure={failure} />
        <Button type="submit" busy={busy} disabled={tooLarge}>
          {t.openButton}
        </Button>
      </form>
      {opened && <Preview {...opened} passphrase={passphrase} session={session} />}
    </Card>
  );
}

function Preview(props: { preview: Opened; capsule: string; passphrase: string; session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const { preview, capsule, passphrase, session } = props;
  const { status } = useStore(live);
  const [asking, setAsking] = useState<"design" | "key" | null>(null);
  const [replaced, setReplaced] = useState<string[] | null>(null);
  const [told, setTold] = useState<string | null>(null);
  const design = useAction(async () => {
    setAsking(null);
    await restore(restoring(preview, session.role, status, t.reasonBackup));
    setTold(t.restored);
  });
  const key = useAction(async () => {
    setAsking(null);
    await post("/backup/identity", { passphrase, capsule });
    setTold(t.keyRestored);
  });
  const askUsers = useAction(async () => {
    const { users } = await get<Users>("/users");
    setReplaced(users.map((user) => user.name));
  });
  const users = useAction(async () => {
    setReplaced(null);
    const taken = await post<UsersTaken>("/backup/users", { passphrase, capsule });
    setTold(t.usersRestored(taken.users.length));
    if (taken.signed_out) await look();
  });
  const inside = preview.users ?? null;
  const own = inside?.find((user) => user.name === session.user);
  return (
    <section class="stack gap-above">
      <h3>{t.preview}</h3>
      <Facts
        facts={[
          [t.madeAt, dateTime(preview.made_at, now)],
          [t.organisation, preview.organisation],
          [t.version, preview.version],
          [
            t.usersInside,
            inside
              ? inside
                  .map((user) => t.userInside(user.name, roleName(user.role, common.roles)))
                  .join(t.between)
              : t.notIncluded,
          ],
          [t.hasKey, preview.public_key ?? t.notIncluded],
        ]}
      />
      <details>
        <summary>{t.site}</summary>
        <FileText label={t.site} text={preview.site} />
      </details>
      {told && <Notice tone="ok" title={told} />}
      <FailureNotice failure={design.failure ?? key.failure ?? askUsers.failure ?? users.failure} />
      {may(session.role, "backup") && (
        <>
          <p class="field-hint">{t.restoreHint}</p>
          <div class="row">
            <Button kind="primary" busy={design.busy} onClick={() => setAsking("design")}>
              {t.restore}
            </Button>
            {inside && (
              <Button busy={askUsers.busy || users.busy} onClick={() => askUsers.run()}>
                {t.restoreUsers}
              </Button>
            )}
            {preview.public_key && !status?.generation && (
              <Button kind="danger" busy={key.busy} onClick={() => setAsking("key")}>
                {t.restoreKey}
              </Button>
            )}
          </div>
        </>
      )}
      {replaced && inside && (
        <Dialog
          title={t.restoreUsersTitle}
          onClose={() => setReplaced(null)}
          actions={
            <>
              <Button onClick={() => setReplaced(null)}>{common.cancel}</Button>
              <Button kind="primary" onClick={() => users.run()}>
                {t.restoreUsers}
              </Button>
            </>
          }
        >
          <p>
            {t.restoreUsersText(replaced.join(t.between), inside.map((user) => user.name).join(t.between))}
          </p>
          {own?.role !== session.role && <Notice tone="warn" title={t.restoreUsersOut} />}
        </Dialog>
      )}
      {asking && (
        <Dialog
          title={asking === "design" ? t.restoreTitle : t.restoreKeyTitle}
          onClose={() => setAsking(null)}
          actions={
            <>
              <Button onClick={() => setAsking(null)}>{common.cancel}</Button>
              <Button kind="primary" onClick={() => (asking === "design" ? design.run() : key.run())}>
                {asking === "design" ? t.restore : t.restoreKey}
              </Button>
            </>
          }
        >
          <p>{asking === "design" ? t.restoreHint : t.restoreKeyText}</p>
        </Dialog>
      )}
    </section>
  );
}

/** A role's name; the backup's own word where this page has none for it. */
function roleName(role: string, names: Record<string, string>): string {
  return names[role] ?? role;
}
