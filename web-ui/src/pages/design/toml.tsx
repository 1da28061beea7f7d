import { useRef } from "preact/hooks";
import { useSay } from "../../app/language";
import { Card } from "../../ui/parts";
import { useDesignTexts, useDesk } from "./desk";
import { Files } from "./files";
import { siteFile } from "./model/editor";
import { Reports } from "./reports";

/** The design as its file. */
export function TomlView() {
  const { editor, state, readOnly } = useDesk();
  const t = useDesignTexts();
  const say = useSay();
  const area = useRef<HTMLTextAreaElement>(null);
  const reports = state.problems.all.filter((report) => report.file === siteFile);
  const unread = state.unread?.problems ?? [];
  const go = (line: number, column: number) => {
    const text = area.current;
    if (!text) return;
    const lines = text.value.split("\n");
    const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(before + column - 1, before + (lines[line - 1]?.length ?? 0));
    // Browsers don't scroll to a selection by themselves.
    text.scrollTop = (text.scrollHeight / Math.max(1, lines.length)) * Math.max(0, line - 5);
  };
  return (
    <div class="stack">
      <Card title={t.files.title}>
        <Files />
      </Card>
      <div class="design-toml">
        <div class="field">
          <label for="design-toml">{t.text.label}</label>
          <p id="design-toml-hint" class="field-hint">
            {t.text.hint}
          </p>
          <textarea
            ref={area}
            id="design-toml"
            class="mono"
            rows={28}
            wrap="off"
            spellcheck={false}
            autocomplete="off"
            readOnly={readOnly}
            aria-describedby="design-toml-hint"
            aria-invalid={reports.some((report) => report.severity === "error")}
            value={state.text}
            onInput={(event) => editor.write(event.currentTarget.value)}
          />
        </div>
        <ol class="design-places plain-list" aria-live="polite">
          {(reports.length > 0 ? reports : unread).map((report, index) => (
            <li key={index}>
              <button type="button" class="link" onClick={() => go(report.line, report.column)}>
                {t.text.place(report.line, report.column)}
                <span class="visually-hidden"> {say(report.sentence)}</span>
              </button>
              <Reports reports={[report]} />
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}
