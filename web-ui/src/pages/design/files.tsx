import { useId, useRef, useState } from "preact/hooks";
import type { Report } from "../../api/types";
import { language, useSay } from "../../app/language";
import { may } from "../../app/roles";
import { useStore } from "../../app/store";
import { readBase64, saveFile } from "../../ui/download";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Choice, Dialog } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { useDesignTexts, useDesk } from "./desk";
import { calls } from "./model/calls";

/** The largest file that the box reads, in bytes. */
const largest = 1 << 20;

/** A button that asks for a file of a design. The input itself can be reached by keyboard like any other. */
export function FileButton(props: {
  label: string;
  accept: string;
  disabled?: boolean;
  onFile: (file: File) => void;
}) {
  const t = useDesignTexts();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [tooLarge, setTooLarge] = useState(false);
  return (
    <span class="design-file">
      <input
        ref={input}
        id={id}
        type="file"
        class="visually-hidden"
        accept={props.accept}
        disabled={props.disabled}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (!file) return;
          setTooLarge(file.size > largest);
          if (file.size <= largest) props.onFile(file);
        }}
      />
      <label for={id} class="button" aria-disabled={props.disabled}>
        {props.label}
      </label>
      {tooLarge && (
        <strong class="field-error" role="alert">
          {t.files.tooLarge}
        </strong>
      )}
    </span>
  );
}

/** The design as a file, and tables in and out. */
export function Files() {
  const { editor, state, readOnly, session } = useDesk();
  const t = useDesignTexts();
  const say = useSay();
  const now = useStore(language);
  const [kind, setKind] = useState<"rows" | "policies">("rows");
  const [openCsv, setOpenCsv] = useState(false);
  const [notices, setNotices] = useState<Report[] | null>(null);
  const open = async (file: File) => editor.write(await file.text());
  const bring = useAction(async (file: File) => {
    // Tables come in the encodings of spreadsheets, so the box gets the bytes.
    const answer = await calls.import(state.text, await readBase64(file), kind);
    editor.write(answer.site);
    setNotices(answer.notices ?? []);
    setOpenCsv(false);
  });
  const take = useAction(async () => {
    const form = kind === "rows" ? "translation" : "flows";
    saveFile(`${form}.csv`, await calls.sheetAsCsv(editor.files, form, now), "text/csv");
  });
  const errors = state.problems.count("error") > 0;
  return (
    <div class="stack">
      <div class="row">
        <FileButton label={t.files.open} accept=".toml,text/plain" disabled={readOnly} onFile={open} />
        <Button onClick={() => saveFile("site.toml", state.text, "application/toml")}>{t.files.save}</Button>
        <Button disabled={state.ahead !== null} onClick={() => setOpenCsv(true)}>
          {t.files.csv}
        </Button>
      </div>
      {notices && (
        <Notice tone="ok" title={t.files.csvDone}>
          {notices.length > 0 && (
            <ul>
              {notices.map((notice, index) => (
                <li key={index}>
                  {notice.line}: {say(notice.sentence)} <span class="quiet">{say(notice.mend)}</span>
                </li>
              ))}
            </ul>
          )}
        </Notice>
      )}
      {openCsv && (
        <Dialog title={t.files.csv} onClose={() => setOpenCsv(false)}>
          <div class="stack">
            <Choice
              label={t.files.csvKindLabel}
              value={kind}
              options={[
                ["rows", t.files.csvKind.rows],
                ["policies", t.files.csvKind.policies],
              ]}
              onValue={setKind}
            />
            <div class="row">
              {may(session.role, "import") && (
                <FileButton
                  label={t.files.csvIn}
                  accept=".csv,text/csv"
                  disabled={bring.busy || readOnly}
                  onFile={bring.run}
                />
              )}
              <Button busy={take.busy} disabled={errors} onClick={() => take.run()}>
                {t.files.csvOut}
              </Button>
            </div>
            {errors && <p class="quiet">{t.print.refused}</p>}
            <FailureNotice failure={bring.failure ?? take.failure} />
          </div>
        </Dialog>
      )}
    </div>
  );
}
