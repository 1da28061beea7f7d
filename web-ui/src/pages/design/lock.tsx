import { useState } from "preact/hooks";
import { language, useText } from "../../app/language";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Dialog } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { useDesignTexts, useDesk } from "./desk";
import { calls } from "./model/calls";

/** Who edits. Another one's work is taken over only by somebody who has read what that does. */
export function LockNotice() {
  const { editor, state } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const now = useStore(language);
  const [asking, setAsking] = useState(false);
  const take = useAction(async () => {
    if (await editor.save(true)) setAsking(false);
  });
  const { lock } = state;
  if (!lock || lock.mine) return null;
  return (
    <>
      <Notice
        tone="warn"
        title={t.lock.other(lock.user)}
        actions={<Button onClick={() => setAsking(true)}>{t.lock.takeOver}</Button>}
      >
        <p>{t.lock.otherText(dateTime(lock.since, now))}</p>
      </Notice>
      {asking && (
        <Dialog
          title={t.lock.takeOverTitle}
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>{common.cancel}</Button>
              <Button kind="danger" busy={take.busy} onClick={() => take.run()}>
                {t.lock.takeOver}
              </Button>
            </>
          }
        >
          <p>{t.lock.takeOverText(lock.user)}</p>
          <FailureNotice failure={state.failure} />
        </Dialog>
      )}
    </>
  );
}

/** Two windows of one session have written: nobody but the writer knows which of the two is right. */
export function ClashNotice({ begin }: { begin: () => void }) {
  const { editor, state } = useDesk();
  const t = useDesignTexts();
  const over = useAction(() => editor.save(true));
  const open = () => {
    editor.drop();
    begin();
  };
  if (!state.clash) return null;
  return (
    <Notice
      tone="warn"
      title={t.lock.changed}
      actions={
        <>
          <Button onClick={open}>{t.lock.openDraft}</Button>
          <Button busy={over.busy} onClick={() => over.run()}>
            {t.lock.overwrite}
          </Button>
        </>
      }
    >
      <p>{t.lock.changedText}</p>
    </Notice>
  );
}

/** Gives the draft back, so that others may edit. */
export function Release({ begin }: { begin: () => void }) {
  const { editor } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const [asking, setAsking] = useState(false);
  const release = useAction(async () => {
    editor.drop();
    await calls.discard();
    setAsking(false);
    begin();
  });
  return (
    <>
      <Button onClick={() => setAsking(true)}>{t.lock.release}</Button>
      {asking && (
        <Dialog
          title={t.lock.releaseTitle}
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>{common.cancel}</Button>
              <Button kind="danger" busy={release.busy} onClick={() => release.run()}>
                {t.lock.release}
              </Button>
            </>
          }
        >
          <p>{t.lock.releaseText}</p>
          <FailureNotice failure={release.failure} />
        </Dialog>
      )}
    </>
  );
}
