import { useState } from "preact/hooks";
import { post } from "../../api/client";
import { useText, useTexts } from "../../app/language";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Card, Dialog } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { texts } from "./text";

/** The box's restart, asked about twice: all traffic stops for a while. */
export function RestartCard() {
  const t = useTexts(texts);
  const common = useText();
  const [asking, setAsking] = useState(false);
  const [told, setTold] = useState(false);
  const { run, busy, failure } = useAction(async () => {
    setAsking(false);
    await post("/restart");
    setTold(true);
  });
  return (
    <Card title={t.restart}>
      <p class="quiet">{t.restartHint}</p>
      {told && <Notice tone="info" title={t.restarted} />}
      <FailureNotice failure={failure} />
      <div class="row gap-above">
        <Button kind="danger" busy={busy} onClick={() => setAsking(true)}>
          {t.restartButton}
        </Button>
      </div>
      {asking && (
        <Dialog
          title={t.restartTitle}
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>{common.cancel}</Button>
              <Button kind="danger" onClick={() => run()}>
                {t.restartButton}
              </Button>
            </>
          }
        >
          <p>{t.restartHint}</p>
        </Dialog>
      )}
    </Card>
  );
}
