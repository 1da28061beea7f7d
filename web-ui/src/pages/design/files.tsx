import { useId, useRef, useState } from "preact/hooks";
import type { Report } from "../../api/types";
import { useSay } from "../../app/language";
import { may } from "../../app/roles";
import { readBase64, saveFile } from "../../ui/download";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Choice, Dialog } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { useDesignTexts, useDesk } from "./desk";
import { calls } from "./model/calls";

/** The largest file that the box reads, in bytes. */
const largest = 1 << 20;

/** A button that asks for a file. The input itself can be reached by keyboard like any other. */
export function FileButton(props: {
  label: string;
  accept: string;
  disabled?: boolean;
  onFile: (file: File) => void;
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
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
          if (file) props.onFile(file);
        }}
      />
      <label for={id} class="button" aria-disabled={props.disabled}>
        {props.label}
      </label>
    </span>
  );
}

/** The design as a file, and tables in and out. */
export function Files() {
  const { editor, state, readOnly, session } = useDesk();
  const t = useDesignTexts();
  const say = useSay();
  const [kind, setKind] = useState<"rows" | "policies">("rows");
  const [importing, setImporting] = useState(false);
  const [notices, setNotices] = useState<Report[] | null>(null);
  const [tooLarge, setTooLarge] = useState(false);
  const open = async (file: File) => {
    setTooLarge(file.size > largest);
    if (file.size <= largest) editor.write(await file.text());
  };
  const bring = useAction(async (file: File) => {
    // Tables come in the encodings of spreadsheets, so the box gets the bytes.
    const answer = await calls.import(state.text, await readBase64(file), kind);
    editor.write(answer.site);
    setNotices(answer.notices ?? []);
    setImporting(false);
  });
  return (
    <div class="stack">
      <div class="row">
        <FileButton label={t.files.open} accept=".toml,text/plain" disabled={readOnly} onFile={open} />
        <Button onClick={() => saveFile("site.toml", state.text, "application/toml")}>{t.files.save}</Button>
        {may(session.role, "import") && (
          <Button disabled={readOnly || state.ahead !== null} onClick={() => setImporting(true)}>
            {t.files.csvIn}
          </Button>
        )}
      </div>
      {tooLarge && <Notice tone="bad" title={t.files.tooLarge} />}
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
      {importing && (
        <Dialog title={t.files.csvIn} onClose={() => setImporting(false)}>
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
            <FileButton
              label={t.files.csvIn}
              accept=".csv,text/csv"
              disabled={bring.busy}
              onFile={bring.run}
            />
            <FailureNotice failure={bring.failure} />
          </div>
        </Dialog>
      )}
    </div>
  );
}
