import { useState } from "preact/hooks";
import type { Report } from "../../api/types";
import { useSay } from "../../app/language";
import { Button } from "../../ui/parts";
import { labelOf, memo, optionOf, useDesignTexts, useDesk } from "./desk";
import { Input } from "./field";
import { isBlock, parseTsv, paste } from "./model/cells";
import { type Field, isCell, type RowKind, rowKinds } from "./model/fields";
import { fieldId, isWithin } from "./model/problems";
import { at, freshName, insert, type Json, listAt, set, type Tree } from "./model/tree";
import { Reports } from "./reports";
import { rowName, rowPath } from "./rows";
import { useWindow } from "./window";

const rowHeight = 46;

/** The rows of one kind as a table to type and paste into. */
export function RowTable({ kind, openRow }: { kind: RowKind; openRow: (index: number) => void }) {
  const { state, editor, put, fieldsOff } = useDesk();
  const t = useDesignTexts();
  const { path, stem } = rowKinds[kind];
  const fields = (rowKinds[kind].fields as readonly Field[]).filter(isCell);
  const rows = listAt(state.history.present, path);
  const { frame, from, to, before, after, reveal } = useWindow<HTMLElement>(rows.length, rowHeight);
  const [active, setActive] = useState(0);
  const [told, setTold] = useState("");

  const hearPaste = (event: ClipboardEvent) => {
    const place = cellOf(event.target);
    const cells = parseTsv(event.clipboardData?.getData("text/plain") ?? "");
    if (!place || fieldsOff || !isBlock(cells)) return;
    event.preventDefault();
    const words = (field: Field, option: string) => optionOf(t, field, option);
    const next = paste(rows, fields, place, cells, words);
    editor.edit(set(state.history.present, path, next), `paste ${kind} ${place.row} ${Date.now()}`);
    setTold(t.table.pasted(cells.length));
  };
  const hearKey = (event: KeyboardEvent) => {
    const place = cellOf(event.target);
    const down = { ArrowDown: 1, ArrowUp: -1, Enter: 1 }[event.key];
    const isSelect = event.target instanceof HTMLSelectElement;
    if (!place || down === undefined || event.isComposing || (isSelect && event.key !== "Enter")) return;
    const row = place.row + down;
    if (row < 0 || row >= rows.length) return;
    event.preventDefault();
    reveal(row);
    // The row may have to be drawn first.
    setTimeout(() => {
      frame.current
        ?.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${place.column}"]`)
        ?.focus();
    }, 30);
  };
  const add = () => {
    const row: Tree = stem ? { name: freshName(rows, stem) } : {};
    editor.edit(insert(state.history.present, path, row), `add ${kind} ${rows.length}`);
    setTimeout(() => reveal(rows.length), 50);
  };
  const reports = state.problems.under(rowPath(kind, active));
  return (
    <>
      <p class="quiet small" id={`${kind}-hint`}>
        {t.table.hint}
      </p>
      <section
        ref={frame}
        class="design-grid"
        aria-label={t.rows.kinds[kind]}
        aria-describedby={`${kind}-hint`}
        onPaste={hearPaste}
        onKeyDown={hearKey}
        onFocusIn={(event) => {
          const place = cellOf(event.target);
          if (place) setActive(place.row);
        }}
      >
        <table aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              <th scope="col">{t.table.row}</th>
              {fields.map((field) => (
                <th key={field.key} scope="col">
                  {labelOf(t, field)}
                </th>
              ))}
              <th scope="col">{t.table.problems}</th>
            </tr>
          </thead>
          <tbody>
            <Space height={before} span={fields.length + 2} />
            {rows.slice(from, to).map((row, index) => (
              <TableRow
                key={from + index}
                kind={kind}
                row={row}
                index={from + index}
                reports={state.problems.under(rowPath(kind, from + index))}
                disabled={fieldsOff}
                put={put}
                openRow={openRow}
              />
            ))}
            <Space height={after} span={fields.length + 2} />
          </tbody>
        </table>
      </section>
      <div class="row middle">
        <Button disabled={fieldsOff} onClick={add}>
          {t.rows.add[kind]}
        </Button>
        <span class="small quiet" aria-live="polite">
          {told || t.rows.count(rows.length)}
        </span>
      </div>
      {reports.length > 0 && (
        <div class="design-row-reports" aria-live="polite">
          <h3>{rowName(rows[active], active, t.rows.unnamed)}</h3>
          <Reports reports={reports} />
        </div>
      )}
    </>
  );
}

/** Room for the rows that aren't drawn. */
function Space({ height, span }: { height: number; span: number }) {
  return height > 0 ? (
    <tr>
      <td colSpan={span} class="design-space">
        <svg class="design-space" width="1" height={height} aria-hidden="true" />
      </td>
    </tr>
  ) : null;
}

function cellOf(target: EventTarget | null): { row: number; column: number } | null {
  if (!(target instanceof HTMLElement)) return null;
  const { row, column } = target.dataset;
  return row === undefined || column === undefined ? null : { row: Number(row), column: Number(column) };
}

const TableRow = memo(function TableRow(props: {
  kind: RowKind;
  row: Json;
  index: number;
  reports: readonly Report[];
  disabled: boolean;
  put: (path: string, value: Json | undefined) => void;
  openRow: (index: number) => void;
}) {
  const { kind, row, index, reports, disabled, put, openRow } = props;
  const t = useDesignTexts();
  const say = useSay();
  const fields = (rowKinds[kind].fields as readonly Field[]).filter(isCell);
  const first = reports[0];
  return (
    <tr aria-rowindex={index + 2}>
      <th scope="row">
        <button type="button" class="link" title={t.table.open} onClick={() => openRow(index)}>
          {index + 1}
          <span class="visually-hidden">
            {rowName(row, index, t.rows.unnamed)}: {t.table.open}
          </span>
        </button>
      </th>
      {fields.map((field, column) => {
        const path = rowPath(kind, index, field.key);
        const wrong = reports.some((report) => report.severity === "error" && isWithin(report.path, path));
        const given = {
          class: "design-cell",
          disabled,
          "aria-label": `${labelOf(t, field)} ${index + 1}`,
          "aria-invalid": wrong,
          "data-row": index,
          "data-column": column,
        };
        const value = at(row, [field.key]);
        return (
          <td key={field.key}>
            {field.kind === "flag" ? (
              <input
                {...given}
                type="checkbox"
                checked={value === true}
                onChange={(event) => put(path, event.currentTarget.checked ? true : undefined)}
              />
            ) : (
              <Input field={field} path={path} value={value} put={put} given={given} />
            )}
          </td>
        );
      })}
      <td class="design-cell-problem" id={fieldId(`${rowPath(kind, index)}.problems`)}>
        {first && (
          <span class={`design-${first.severity}`} title={say(first.sentence)}>
            {say(first.sentence)}
          </span>
        )}
      </td>
    </tr>
  );
});
