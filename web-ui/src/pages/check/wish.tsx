import { useState } from "preact/hooks";
import type { SelfTestWish, Stage } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { Button, Dialog, TextField } from "../../ui/parts";
import { isTestNumber, stages } from "./run";
import { texts } from "./text";

/** What is to be checked. All but the load, as the device itself takes it where nothing is said. */
export function WishForm(props: {
  busy: boolean;
  onStart: (wish: SelfTestWish) => void;
  onStop: () => void;
}) {
  const t = useTexts(texts);
  const common = useText();
  const [chosen, setChosen] = useState<ReadonlySet<Stage>>(
    new Set(stages.filter((stage) => stage !== "load")),
  );
  const [number, setNumber] = useState("");
  const [disturb, setDisturb] = useState(false);
  const [asking, setAsking] = useState(false);
  const wrong = number !== "" && !isTestNumber(number) ? t.numberWrong : undefined;
  const disturbs = disturb || chosen.has("load");

  const toggle = (stage: Stage) => {
    const next = new Set(chosen);
    if (!next.delete(stage)) next.add(stage);
    setChosen(next);
  };
  const start = () => {
    setAsking(false);
    const wish: SelfTestWish = { stages: stages.filter((stage) => chosen.has(stage)), disturb };
    props.onStart(number === "" ? wish : { ...wish, "test-number": number });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrong || chosen.size === 0) return;
    if (disturbs) setAsking(true);
    else start();
  };
  return (
    <form class="card no-print" onSubmit={submit}>
      <div class="row apart middle">
        {props.busy ? (
          <Button onClick={props.onStop}>{t.stop}</Button>
        ) : (
          <Button type="submit" kind="primary" disabled={chosen.size === 0}>
            {t.start}
          </Button>
        )}
      </div>
      <details class="wish">
        <summary>{t.options}</summary>
        <fieldset class="ticks" disabled={props.busy}>
          <legend class="visually-hidden">{t.options}</legend>
          {stages.map((stage) => (
            <label key={stage} class="tick">
              <input type="checkbox" checked={chosen.has(stage)} onChange={() => toggle(stage)} />
              {t.stages[stage]}
            </label>
          ))}
          <label class="tick">
            <input type="checkbox" checked={disturb} onChange={() => setDisturb(!disturb)} />
            {t.disturb}
          </label>
        </fieldset>
        <TextField
          label={t.number}
          hint={t.numberHint}
          error={wrong}
          value={number}
          onValue={setNumber}
          placeholder="2026-0142"
          maxLength={32}
          disabled={props.busy}
        />
      </details>
      {asking && (
        <Dialog
          title={t.disturbTitle}
          onClose={() => setAsking(false)}
          actions={
            <>
              <Button onClick={() => setAsking(false)}>{common.cancel}</Button>
              <Button kind="primary" onClick={start}>
                {t.goOn}
              </Button>
            </>
          }
        >
          <p>{t.disturbText}</p>
        </Dialog>
      )}
    </form>
  );
}
