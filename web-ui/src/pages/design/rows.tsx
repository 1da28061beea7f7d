import { useId, useState } from "preact/hooks";
import type { Report } from "../../api/types";
import { useText } from "../../app/language";
import { Icon } from "../../ui/icon";
import { Button } from "../../ui/parts";
import { memo, useDesignTexts, useDesk } from "./desk";
import { DesignField } from "./field";
import { type Field, type RowKind, rowKinds } from "./model/fields";
import { firstFree } from "./model/ledger";
import { fieldId } from "./model/problems";
import {
  at,
  freshName,
  insert,
  isTable,
  type Json,
  listAt,
  move,
  plain,
  remove,
  type Tree,
  textAt,
} from "./model/tree";
import { Reports } from "./reports";
import { useWindow } from "./window";

const itemHeight = 52;

/** The rows of one kind: a list to choose from, and the form of the one that is chosen. */
export function Rows(props: { kind: RowKind; selected: number; select: (index: number) => void }) {
  const { kind, selected, select } = props;
  const { state, editor, fieldsOff } = useDesk();
  const t = useDesignTexts();
  const { path, stem } = rowKinds[kind];
  const rows = listAt(state.history.present, path);
  const [told, setTold] = useState("");
  const put = (tree: Tree, what: string) => editor.edit(tree, what);
  const add = (row: Tree) => {
    put(insert(state.history.present, path, row), `add ${kind} ${rows.length}`);
    select(rows.length);
    focusRow(kind, rows.length);
  };
  const fresh = (): Tree => {
    const row: Tree = stem ? { name: freshName(rows, stem) } : {};
    const used = at(rows.at(-1), ["interface"]);
    if ((kind === "server" || kind === "terminals") && typeof used === "string") row.interface = used;
    return row;
  };
  const drop = (index: number) => {
    put(remove(state.history.present, path, index), `remove ${kind} ${index}`);
    setTold(t.rows.removed(rowName(rows[index], index, t.rows.unnamed)));
    select(Math.max(0, Math.min(index, rows.length - 2)));
  };
  const row = rows[selected];
  return (
    <div class="design-rows">
      <div class="design-rows-list">
        <RowList kind={kind} rows={rows} selected={selected} select={select} />
        <Button kind="primary" disabled={fieldsOff} onClick={() => add(fresh())}>
          {t.rows.add[kind]}
        </Button>
        <p class="small quiet" aria-live="polite">
          {told}
        </p>
      </div>
      {row !== undefined && (
        <section class="design-row-form" aria-label={rowName(row, selected, t.rows.unnamed)}>
          <RowForm key={`${kind}${selected}`} kind={kind} index={selected} row={row} />
          <div class="row">
            <Button
              disabled={fieldsOff}
              onClick={() => isTable(row) && add({ ...row, ...(stem && { name: freshName(rows, stem) }) })}
            >
              {t.rows.copy}
            </Button>
            {kind === "policy" && (
              <>
                <Button
                  disabled={fieldsOff || selected === 0}
                  onClick={() => {
                    put(move(state.history.present, path, selected, selected - 1), `up ${selected}`);
                    select(selected - 1);
                  }}
                >
                  {t.rows.up}
                </Button>
                <Button
                  disabled={fieldsOff || selected === rows.length - 1}
                  onClick={() => {
                    put(move(state.history.present, path, selected, selected + 1), `down ${selected}`);
                    select(selected + 1);
                  }}
                >
                  {t.rows.down}
                </Button>
              </>
            )}
            <Button kind="danger" disabled={fieldsOff} onClick={() => drop(selected)}>
              {t.rows.remove}
            </Button>
          </div>
        </section>
      )}
    </div>
  );
}

export function rowName(row: Json | undefined, index: number, unnamed: (number: number) => string): string {
  return textAt(row, ["name"]) || unnamed(index + 1);
}

function focusRow(kind: RowKind, index: number): void {
  // The form is drawn first.
  setTimeout(() => {
    const first = rowKinds[kind].fields[0]?.key;
    const input = document.getElementById(fieldId(rowPath(kind, index, first)));
    if (input instanceof HTMLInputElement) {
      input.focus();
      input.select();
    }
  }, 50);
}

export function rowPath(kind: RowKind, index: number, key?: string): string {
  const row = `${rowKinds[kind].path.join(".")}[${index}]`;
  return key ? `${row}.${key}` : row;
}

function summary(row: Json): string {
  const inside = ["private", "from", "addresses", "alias", "members", "services"].map((key) =>
    at(row, [key]),
  );
  const first = inside.find((value) => value !== undefined);
  const text = Array.isArray(first) ? first.map(plain).join(", ") : plain(first);
  const global =
    textAt(row, ["global"]) || (at(row, ["to"]) ? listAt(row, ["to"]).map(plain).join(", ") : "");
  return global ? `${text} → ${global}` : text;
}

function RowList(props: {
  kind: RowKind;
  rows: readonly Json[];
  selected: number;
  select: (index: number) => void;
}) {
  const { kind, rows, selected, select } = props;
  const { state } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const [wanted, setWanted] = useState("");
  const id = useId();
  const word = wanted.trim().toLowerCase();
  const found = rows
    .map((row, index) => ({ row, index }))
    .filter(
      ({ row }) => word === "" || `${textAt(row, ["name"])} ${summary(row)}`.toLowerCase().includes(word),
    );
  const { frame, from, to, before, after } = useWindow<HTMLUListElement>(found.length, itemHeight);
  if (rows.length === 0) return <p class="quiet">{t.rows.none}</p>;
  return (
    <>
      {rows.length > 8 && (
        <div class="field">
          <label for={id} class="visually-hidden">
            {t.rows.filter}
          </label>
          <input
            id={id}
            type="search"
            placeholder={t.rows.filter}
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
          <p class="field-hint" aria-live="polite">
            {word === "" ? t.rows.count(rows.length) : t.rows.found(found.length, rows.length)}
          </p>
        </div>
      )}
      {found.length === 0 && <p class="quiet">{common.none}</p>}
      <ul ref={frame} class="design-list plain-list" aria-label={t.rows.list(t.rows.kinds[kind])}>
        <Space height={before} />
        {found.slice(from, to).map(({ row, index }, at) => (
          <li key={index} aria-setsize={found.length} aria-posinset={from + at + 1}>
            <RowItem
              row={row}
              index={index}
              current={index === selected}
              reports={state.problems.under(rowPath(kind, index))}
              select={select}
            />
          </li>
        ))}
        <Space height={after} />
      </ul>
    </>
  );
}

/** Room for the rows that aren't drawn. */
function Space({ height }: { height: number }) {
  return height > 0 ? (
    <li>
      <svg class="design-space" width="1" height={height} aria-hidden="true" />
    </li>
  ) : null;
}

const RowItem = memo(function RowItem(props: {
  row: Json;
  index: number;
  current: boolean;
  reports: readonly Report[];
  select: (index: number) => void;
}) {
  const t = useDesignTexts();
  const errors = props.reports.filter((report) => report.severity === "error").length;
  const warnings = props.reports.length - errors;
  return (
    <button
      type="button"
      class="design-list-item"
      aria-current={props.current ? "true" : undefined}
      onClick={() => props.select(props.index)}
    >
      <span class="design-list-name">{rowName(props.row, props.index, t.rows.unnamed)}</span>
      <span class="design-list-summary">{summary(props.row)}</span>
      {props.reports.length > 0 && (
        <span class={errors > 0 ? "design-error" : "design-warning"}>
          <Icon name={errors > 0 ? "bad" : "warn"} size={18} />
          <span class="visually-hidden">
            {errors > 0 ? t.errors(errors) : ""} {warnings > 0 ? t.warnings(warnings) : ""}
          </span>
        </span>
      )}
    </button>
  );
});

/** All fields of one row, the usual ones first. */
export function RowForm({ kind, index, row }: { kind: RowKind; index: number; row: Json }) {
  const { state, put, fieldsOff } = useDesk();
  const t = useDesignTexts();
  const { fields, main } = rowKinds[kind] as { fields: readonly Field[]; main: number };
  const path = rowPath(kind, index);
  const draw = (field: Field) => {
    const own = `${path}.${field.key}`;
    return (
      <DesignField
        key={field.key}
        field={field}
        path={own}
        value={at(row, [field.key])}
        reports={state.problems.under(own)}
        disabled={fieldsOff}
        put={put}
      >
        {field.key === "global" && kind === "server" && <NextFree path={own} value={at(row, ["global"])} />}
      </DesignField>
    );
  };
  const rest = fields.slice(main);
  const open = rest.some(
    (field) => at(row, [field.key]) !== undefined || state.problems.under(`${path}.${field.key}`).length > 0,
  );
  return (
    <>
      <Reports
        reports={state.problems.beside(
          path,
          fields.map((field) => field.key),
        )}
      />
      <div class="design-fields">{fields.slice(0, main).map(draw)}</div>
      {rest.length > 0 && (
        <details class="design-more" open={open}>
          <summary>{t.rows.more}</summary>
          <div class="design-fields">{rest.map(draw)}</div>
        </details>
      )}
    </>
  );
}

/** Offers an address that nobody has, as long as none is written. */
function NextFree({ path, value }: { path: string; value: Json | undefined }) {
  const { state, put, fieldsOff } = useDesk();
  const t = useDesignTexts();
  const { ledger } = state;
  if (plain(value) !== "" || !ledger || fieldsOff) return null;
  const tree = state.history.present;
  const used = new Set(
    [...listAt(tree, ["server"]), ...listAt(tree, ["terminals"])].map((row) => textAt(row, ["global"])),
  );
  const free = firstFree(ledger, used);
  if (!free) return null;
  return (
    <button type="button" class="link" onClick={() => put(path, free)}>
      {t.rows.nextFree(free)}
    </button>
  );
}
