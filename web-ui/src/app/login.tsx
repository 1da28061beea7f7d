import { useState } from "preact/hooks";
import { ApiError, asFailure } from "../api/client";
import type { Failure, Session } from "../api/types";
import { span } from "../ui/format";
import { FailureNotice, Notice } from "../ui/notice";
import { Button, Dialog, PageHead, TextField } from "../ui/parts";
import { useAction } from "../ui/use";
import { ClockNotice } from "./clock-notice";
import { language, setLanguage, useText } from "./language";
import { arrivalFailure, arrive, changePassword, leave, logIn } from "./session";
import { useStore } from "./store";

/** User, password and, where it is asked for, the second factor. */
function LoginForm({ fixedUser }: { fixedUser?: string }) {
  const t = useText();
  const now = useStore(language);
  const [user, setUser] = useState(fixedUser ?? "");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [codeNeeded, setCodeNeeded] = useState(false);
  const [told, setTold] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTold(null);
    setFailure(null);
    try {
      await logIn(user, password, codeNeeded ? code.replace(/\s/g, "") : undefined);
    } catch (thrown) {
      const { kind, retry_after_s } = asFailure(thrown);
      const status = thrown instanceof ApiError ? thrown.status : 0;
      if (kind === "code-needed") setCodeNeeded(true);
      else if (status === 429) setTold(t.login.locked(span(retry_after_s ?? 60, now)));
      else if (status === 401) setTold(codeNeeded ? t.login.wrongCode : t.login.wrong);
      else setFailure(asFailure(thrown));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form class="stack" onSubmit={submit}>
      <TextField
        label={t.login.user}
        value={user}
        onValue={setUser}
        name="username"
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
        required
        first={fixedUser === undefined}
        readOnly={fixedUser !== undefined}
      />
      <TextField
        label={t.login.password}
        value={password}
        onValue={setPassword}
        type="password"
        name="password"
        autocomplete="current-password"
        required
        first={fixedUser !== undefined}
      />
      {codeNeeded && (
        <TextField
          label={t.login.code}
          hint={t.login.codeHint}
          value={code}
          onValue={setCode}
          autocomplete="one-time-code"
          required
          first
        />
      )}
      {told && <Notice tone="bad" title={told} />}
      <FailureNotice failure={failure} />
      <Button type="submit" kind="primary" busy={busy}>
        {t.login.submit}
      </Button>
    </form>
  );
}

export function LoginPage() {
  const t = useText();
  const failed = useStore(arrivalFailure);
  const now = useStore(language);
  return (
    <main class="gate">
      <div class="gate-box">
        <div class="gate-mark">
          <Gate />
        </div>
        <PageHead title={t.product} lead={t.login.lead} />
        <ClockNotice />
        <FailureNotice failure={failed} />
        <LoginForm />
        <ArriveForm />
        <p class="gate-foot">
          <button
            type="button"
            class="link"
            lang={now === "ja" ? "en" : "ja"}
            onClick={() => setLanguage(now === "ja" ? "en" : "ja")}
          >
            {now === "ja" ? "English" : "日本語"}
          </button>
        </p>
      </div>
    </main>
  );
}

/** For whoever opens the new address on another PC and has six digits in place of the link. */
function ArriveForm() {
  const t = useText();
  const [generation, setGeneration] = useState("");
  const [code, setCode] = useState("");
  const { run, busy, failure } = useAction(() =>
    arrive({ generation: Number(generation), code: code.trim() }),
  );
  return (
    <details class="gate-more">
      <summary>{t.login.arriveTitle}</summary>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <p class="quiet">{t.login.arriveText}</p>
        <div class="row">
          <TextField
            label={t.login.generation}
            value={generation}
            onValue={setGeneration}
            inputMode="numeric"
            pattern="[0-9]+"
            required
            size={5}
          />
          <TextField
            label={t.login.sixDigits}
            value={code}
            onValue={setCode}
            inputMode="numeric"
            pattern="[0-9]{6}"
            required
            size={8}
            autocomplete="off"
          />
        </div>
        <FailureNotice failure={failure} />
        <Button type="submit" busy={busy}>
          {t.login.arrive}
        </Button>
      </form>
    </details>
  );
}

/** In front of the page, which keeps what was typed. */
export function LoginAgain({ session }: { session: Session }) {
  const t = useText();
  return (
    <Dialog title={t.login.again}>
      <p>{t.login.againText}</p>
      <LoginForm fixedUser={session.user} />
      <p class="gate-foot">
        <button type="button" class="link" onClick={leave}>
          {t.login.other}
        </button>
      </p>
    </Dialog>
  );
}

/** The new password twice. The server knows the rules; two of them need no question. */
export function PasswordForm({ onDone }: { onDone?: () => void }) {
  const t = useText();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [repeat, setRepeat] = useState("");
  const [tried, setTried] = useState(false);
  const { run, busy, failure } = useAction(() => changePassword(old, next));
  const short = tried && next.length < 12 ? t.password.short : undefined;
  const different = tried && next !== repeat ? t.password.different : undefined;
  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (next.length < 12 || next !== repeat) return;
    if (await run()) onDone?.();
  };
  return (
    <form class="stack" onSubmit={submit}>
      <TextField
        label={t.password.old}
        value={old}
        onValue={setOld}
        type="password"
        autocomplete="current-password"
        required
      />
      <TextField
        label={t.password.next}
        hint={t.password.rules}
        error={short}
        value={next}
        onValue={setNext}
        type="password"
        autocomplete="new-password"
        required
      />
      <TextField
        label={t.password.repeat}
        error={different}
        value={repeat}
        onValue={setRepeat}
        type="password"
        autocomplete="new-password"
        required
      />
      <FailureNotice failure={failure} />
      <Button type="submit" kind="primary" busy={busy}>
        {t.password.submit}
      </Button>
    </form>
  );
}

/** Nothing else is offered before the password that somebody else chose is replaced. */
export function MustChangePage() {
  const t = useText();
  return (
    <main class="gate">
      <div class="gate-box">
        <PageHead title={t.password.title} lead={t.password.forced} />
        <PasswordForm />
        <p class="gate-foot">
          <button type="button" class="link" onClick={leave}>
            {t.login.other}
          </button>
        </p>
      </div>
    </main>
  );
}

/** The gate of the road where travellers were checked. */
export function Gate() {
  return (
    <svg
      viewBox="0 0 48 40"
      width="48"
      height="40"
      fill="none"
      stroke="currentColor"
      stroke-width="3.2"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M4 8c13 3 27 3 40 0M8 17h32M12 9v28M36 9v28M24 11v6" />
    </svg>
  );
}
