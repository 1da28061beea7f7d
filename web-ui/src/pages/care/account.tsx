import { useState } from "preact/hooks";
import { post } from "../../api/client";
import type { Session } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { PasswordForm } from "../../app/login";
import { look } from "../../app/session";
import { groups } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, CopyButton, Dialog, Tag, TextField } from "../../ui/parts";
import { QrPicture } from "../../ui/qr-picture";
import { useAction } from "../../ui/use";
import { texts } from "./text";

/** One's own password and second factor. */
export function AccountPart({ session }: { session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const [round, setRound] = useState(0);
  return (
    <div class="cards">
      <Card title={t.changePassword}>
        {round > 0 && <Notice tone="ok" title={common.password.changed} />}
        <PasswordForm key={round} onDone={() => setRound(round + 1)} />
      </Card>
      <Card
        title={t.factor}
        actions={
          <Tag tone={session.second_factor ? "ok" : "off"}>
            {session.second_factor ? t.factorOn : t.factorOff}
          </Tag>
        }
      >
        <p class="quiet">{t.factorHint}</p>
        {session.second_factor ? <RemoveFactor /> : <SetUpFactor />}
      </Card>
    </div>
  );
}

function SetUpFactor() {
  const t = useTexts(texts);
  const [secret, setSecret] = useState<{ secret: string; uri: string } | null>(null);
  const [code, setCode] = useState("");
  const [recovery, setRecovery] = useState<string[] | null>(null);
  const begin = useAction(async () =>
    setSecret(await post<{ secret: string; uri: string }>("/second-factor/begin")),
  );
  const confirm = useAction(async () => {
    const given = await post<{ recovery_codes: string[] }>("/second-factor/confirm", { code: code.trim() });
    setRecovery(given.recovery_codes);
  });
  if (recovery) {
    return (
      <Dialog
        title={t.recovery}
        actions={
          <Button kind="primary" onClick={() => look()}>
            {t.recoveryDone}
          </Button>
        }
      >
        <p>{t.recoveryHint}</p>
        <ul class="recovery mono">
          {recovery.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </Dialog>
    );
  }
  if (!secret) {
    return (
      <div class="gap-above">
        <FailureNotice failure={begin.failure} />
        <Button busy={begin.busy} onClick={() => begin.run()}>
          {t.factorBegin}
        </Button>
      </div>
    );
  }
  return (
    <form
      class="stack gap-above"
      onSubmit={(event) => {
        event.preventDefault();
        confirm.run();
      }}
    >
      <p>{t.factorScan}</p>
      <QrPicture text={secret.uri} label={t.factorPicture} />
      <code class="secret">{groups(secret.secret)}</code>
      <div class="row">
        <CopyButton text={secret.secret} />
      </div>
      <TextField
        label={t.factorCode}
        value={code}
        onValue={setCode}
        inputMode="numeric"
        pattern="[0-9 ]{6,7}"
        autocomplete="one-time-code"
        required
      />
      <FailureNotice failure={confirm.failure} />
      <Button type="submit" kind="primary" busy={confirm.busy}>
        {t.factorConfirm}
      </Button>
    </form>
  );
}

function RemoveFactor() {
  const t = useTexts(texts);
  const common = useText();
  const [password, setPassword] = useState("");
  const { run, busy, failure } = useAction(async () => {
    await post("/second-factor/remove", { password });
    await look();
  });
  return (
    <form
      class="stack gap-above"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <TextField
        label={common.password.old}
        hint={t.factorRemoveHint}
        value={password}
        onValue={setPassword}
        type="password"
        autocomplete="current-password"
        required
      />
      <FailureNotice failure={failure} />
      <Button type="submit" busy={busy}>
        {t.factorRemove}
      </Button>
    </form>
  );
}
