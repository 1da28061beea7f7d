import { useState } from "preact/hooks";
import { ask, post } from "../../api/client";
import type { Role, Session, User, Users } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import { Button, Card, Choice, CopyButton, Dialog, Loading, Tag, TextField } from "../../ui/parts";
import { useAction, useGet } from "../../ui/use";
import { texts } from "./text";

const roles: readonly Role[] = ["administrator", "viewer", "engineer", "operator"];

type Told = { name: string; password: string };
type Made = { password?: string };

export function UsersPart({ session }: { session: Session }) {
  const t = useTexts(texts);
  const common = useText();
  const users = useGet<Users>("/users");
  const [told, setTold] = useState<Told | null>(null);
  const heard = (name: string, made: Made | undefined) => {
    if (made?.password) setTold({ name, password: made.password });
    users.reload();
  };
  return (
    <div class="stack-wide">
      <FailureNotice failure={users.failure} retry={users.reload} />
      {!users.value && users.busy && <Loading />}
      {users.value && (
        <Card>
          <ul class="users">
            {users.value.users.map((user) => (
              <UserRow key={user.name} user={user} self={user.name === session.user} heard={heard} />
            ))}
          </ul>
        </Card>
      )}
      <NewUser heard={heard} />
      {told && (
        <Dialog
          title={t.firstPassword(told.name)}
          onClose={() => setTold(null)}
          actions={
            <>
              <CopyButton text={told.password} />
              <Button kind="primary" onClick={() => setTold(null)}>
                {common.close}
              </Button>
            </>
          }
        >
          <p>{t.firstPasswordHint}</p>
          <code class="secret">{told.password}</code>
        </Dialog>
      )}
    </div>
  );
}

function UserRow(props: {
  user: User;
  self: boolean;
  heard: (name: string, made: Made | undefined) => void;
}) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const { user, self, heard } = props;
  const [asking, setAsking] = useState(false);
  const path = `/users/${encodeURIComponent(user.name)}`;
  const change = useAction(async (body: unknown) => heard(user.name, await post<Made>(path, body)));
  const remove = useAction(async () => {
    await ask("DELETE", path);
    setAsking(false);
    heard(user.name, undefined);
  });
  return (
    <li>
      <div class="user-line">
        <div>
          <strong>{user.name}</strong> <span class="quiet">{common.roles[user.role]}</span>
          <p class="quiet small">
            {user.until && `${t.until} ${dateTime(user.until, now)} / `}
            {t.sessions(user.sessions)}
          </p>
        </div>
        <div class="tags">
          {user.locked_for_s !== undefined && <Tag tone="bad">{t.locked}</Tag>}
          {user.must_change && <Tag tone="info">{t.mustChange}</Tag>}
          {user.second_factor && <Tag tone="ok">{t.withFactor}</Tag>}
          {user.password_old && <Tag tone="warn">{t.passwordOld(user.password_age_days)}</Tag>}
        </div>
        <div class="actions">
          {user.locked_for_s !== undefined && (
            <button
              type="button"
              class="button button-small"
              disabled={change.busy}
              onClick={() => change.run({ unlock: true })}
            >
              {t.unlock}
            </button>
          )}
          {!self && (
            <>
              <button
                type="button"
                class="button button-small"
                disabled={change.busy}
                onClick={() => change.run({ reset_password: true })}
              >
                {t.resetPassword}
              </button>
              <button type="button" class="button button-small button-danger" onClick={() => setAsking(true)}>
                {t.deleteUser}
              </button>
            </>
          )}
        </div>
      </div>
      <FailureNotice failure={change.failure} />
      {asking && (
        <Dialog
          title={t.deleteTitle(user.name)}
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>{common.cancel}</Button>
              <Button kind="danger" busy={remove.busy} onClick={() => remove.run()}>
                {t.deleteUser}
              </Button>
            </>
          }
        >
          <p>{t.deleteText}</p>
          <FailureNotice failure={remove.failure} />
        </Dialog>
      )}
    </li>
  );
}

const lengths = ["1", "4", "8", "24"] as const;

function NewUser({ heard }: { heard: (name: string, made: Made) => void }) {
  const t = useTexts(texts);
  const common = useText();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [hours, setHours] = useState<(typeof lengths)[number]>("4");
  const create = useAction(async () => {
    const until = new Date(Date.now() + Number(hours) * 3_600_000).toISOString();
    heard(name, await post<Made>("/users", role === "engineer" ? { name, role, until } : { name, role }));
    setName("");
  });
  return (
    <Card title={t.newUser}>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          create.run();
        }}
      >
        <TextField
          label={t.userName}
          value={name}
          onValue={setName}
          pattern="[a-z][a-z0-9\-]{0,31}"
          title={t.userNameHint}
          required
          autocapitalize="none"
          autocomplete="off"
          spellcheck={false}
          size={16}
        />
        <Choice
          label={t.role}
          value={role}
          options={roles.map((of) => [of, common.roles[of]] as const)}
          onValue={setRole}
        />
        {role === "engineer" && (
          <Choice
            label={t.until}
            value={hours}
            options={lengths.map((of) => [of, t.hours(Number(of))] as const)}
            onValue={setHours}
          />
        )}
        <Button type="submit" kind="primary" busy={create.busy}>
          {t.create}
        </Button>
      </form>
      <p class="field-hint">
        {common.roles[role]}
        {common.colon}
        {t.roleHints[role]}
      </p>
      <FailureNotice failure={create.failure} />
    </Card>
  );
}
