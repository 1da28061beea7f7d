import { type ComponentChild, createElement } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asFailure } from "../../api/client";
import type { Failure } from "../../api/types";
import { language, useText } from "../../app/language";
import { useStore } from "../../app/store";
import { saveFile } from "../../ui/download";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Choice, Loading } from "../../ui/parts";
import { useAction } from "../../ui/use";
import { useDesignTexts, useDesk } from "./desk";
import { calls, type SheetForm } from "./model/calls";
import { type Block, blocks } from "./model/sheet";

const forms = ["translation", "flows", "firewall", "ledger"] as const satisfies readonly SheetForm[];

/** The papers that are made of a design, for A4. */
export function PrintView() {
  const { editor, state } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const now = useStore(language);
  const [form, setForm] = useState<SheetForm>("translation");
  const [sheet, setSheet] = useState<(Block | string)[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const errors = state.problems.count("error");
  const { text, profile, busy } = state;
  // Text and profile are what the editor's files are made of.
  useEffect(() => {
    if (busy || errors > 0) return;
    let left = false;
    setSheet(null);
    calls.sheet(editor.files, form, now).then(
      (html) => {
        if (left) return;
        // Its own style would be refused by the page's policy, with a word in the console.
        const plain = html.replace(/<style>[\s\S]*?<\/style>/g, "");
        setSheet(blocks(new DOMParser().parseFromString(plain, "text/html").body.childNodes));
        setFailure(null);
      },
      (thrown: unknown) => !left && setFailure(asFailure(thrown)),
    );
    return () => {
      left = true;
    };
  }, [form, now, text, profile, busy, errors]);
  const csv = useAction(async () => {
    saveFile(`${form}.csv`, await calls.sheetAsCsv(editor.files, form, now), "text/csv");
  });
  if (errors > 0) return <Notice tone="warn" title={t.print.refused} />;
  return (
    <>
      <div class="row no-print">
        <Choice
          label={t.print.form}
          value={form}
          options={forms.map((name) => [name, t.print.forms[name]] as const)}
          onValue={setForm}
        />
        <Button kind="primary" disabled={!sheet} onClick={() => print()}>
          {common.print}
        </Button>
        <Button busy={csv.busy} onClick={() => csv.run()}>
          {t.print.csv}
        </Button>
      </div>
      <FailureNotice failure={failure ?? csv.failure} />
      {!sheet && !failure && <Loading />}
      {sheet && <article class="design-paper">{sheet.map(drawn)}</article>}
    </>
  );
}

function drawn(block: Block | string, key: number): ComponentChild {
  if (typeof block === "string") return block;
  // The page has its own first heading.
  const tag = block.tag === "h1" ? "h2" : block.tag;
  return createElement(tag, { key, ...(block.span && { colSpan: block.span }) }, block.children.map(drawn));
}
