import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Report } from "../../api/types";
import { useText } from "../../app/language";
import { Button } from "../../ui/parts";
import { helpOf, labelOf, memo, optionOf, useDesignTexts } from "./desk";
import { emptyList, fileTime, localTime, read, show, timeValue } from "./model/cells";
import type { Field } from "./model/fields";
import { fieldId, isWithin } from "./model/problems";
import { isTable, type Json, plain, same, set, type Tree } from "./model/tree";
import { Reports } from "./reports";

export type FieldProps = {
  field: Field;
  /** Like `server[0].private`. */
  path: string;
  value: Json | undefined;
  /** Those of the field and of what it is made of. */
  reports: readonly Report[];
  disabled: boolean;
  put: (path: string, value: Json | undefined) => void;
  /** What else belongs below it. */
  children?: ComponentChildren;
};

/** One key of the design: its label, its input, help and problems beside it. */
export const DesignField = memo(function DesignField(props: FieldProps) {
  const { field } = props;
  if (field.kind === "rows") return <RowsField {...props} fields={field.fields} />;
  if (field.kind === "table") return <TableField {...props} fields={field.fields} />;
  if (field.kind === "flag") return <FlagField {...props} />;
  if (field.kind === "several") return <SeveralField {...props} options={field.options} />;
  return <PlainField {...props} />;
});

function PlainField(props: FieldProps) {
  const { field, path, reports, children } = props;
  const t = useDesignTexts();
  const id = fieldId(path);
  const help = helpOf(t, field);
  const described = [help && `${id}-help`, reports.length > 0 && `${id}-reports`].filter(Boolean).join(" ");
  const given = {
    id,
    disabled: props.disabled,
    "aria-describedby": described || undefined,
    "aria-invalid": reports.some((report) => report.severity === "error"),
  };
  return (
    <div class={`field design-field${props.value === undefined ? " design-unfilled" : ""}`}>
      <label for={id}>{labelOf(t, field)}</label>
      <Input {...props} given={given} />
      {children}
      <Reports id={`${id}-reports`} reports={reports} />
      {help && (
        <p id={`${id}-help`} class="field-hint">
          {help}
        </p>
      )}
    </div>
  );
}

type Given = {
  id?: string;
  class?: string;
  disabled: boolean;
  "aria-describedby"?: string | undefined;
  "aria-invalid": boolean;
  "aria-label"?: string;
  "data-row"?: number;
  "data-column"?: number;
};

/** The input of a value that has no parts, in a form or in a cell of a table. */
export function Input(props: Pick<FieldProps, "field" | "path" | "value" | "put"> & { given: Given }) {
  const { field, path, value, put, given } = props;
  const t = useDesignTexts();
  if (field.kind === "choice") {
    const now = plain(value);
    const strange = now !== "" && !field.options.includes(now);
    return (
      <select {...given} value={now} onChange={(event) => put(path, read(field, event.currentTarget.value))}>
        {(!field.needed || now === "") && <option value="">{field.needed ? "" : t.unset}</option>}
        {strange && <option value={now}>{now}</option>}
        {field.options.map((option) => (
          <option key={option} value={option}>
            {optionOf(t, field, option)}
          </option>
        ))}
      </select>
    );
  }
  if (field.kind === "time") {
    return (
      <input
        {...given}
        type="datetime-local"
        value={localTime(show(field, value))}
        onChange={(event) => {
          const typed = event.currentTarget.value;
          put(path, typed === "" ? undefined : timeValue(fileTime(typed)));
        }}
      />
    );
  }
  if (field.kind === "services" && given.id) return <ServicesInput {...props} />;
  return <TypedInput {...props} />;
}

/** What is typed stays as it is typed, as long as it means the value: `a, ` is still `a`. */
function TypedInput({ field, path, value, put, given }: Parameters<typeof Input>[0]) {
  const told = show(field, value);
  const [typed, setTyped] = useState(told);
  const now = same(read(field, typed), value) ? typed : told;
  const hear = (text: string) => {
    setTyped(text);
    put(path, read(field, text));
  };
  const leave = () => setTyped(told);
  if (field.kind === "lines") {
    return (
      <textarea
        {...given}
        class="mono"
        rows={6}
        value={now}
        onInput={(event) => hear(event.currentTarget.value)}
        onBlur={leave}
      />
    );
  }
  return (
    <input
      {...given}
      type="text"
      inputMode={field.kind === "number" ? "numeric" : undefined}
      autocomplete="off"
      spellcheck={false}
      value={now}
      onInput={(event) => hear(event.currentTarget.value)}
      onBlur={leave}
    />
  );
}

/** Services left out, none at all, and a list are three different things. */
function ServicesInput(props: Parameters<typeof Input>[0]) {
  const { field, path, value, put, given } = props;
  const t = useDesignTexts();
  const [listing, setListing] = useState(false);
  const text = show(field, value);
  const mode =
    listing || (text !== "" && text !== emptyList) ? "listed" : text === emptyList ? "none" : "usual";
  return (
    <div class="stack tight">
      <select
        {...given}
        value={mode}
        onChange={(event) => {
          const next = event.currentTarget.value;
          setListing(next === "listed");
          if (next !== "listed") put(path, next === "none" ? [] : undefined);
        }}
      >
        <option value="usual">{t.servicesUsual}</option>
        <option value="none">{t.servicesNone}</option>
        <option value="listed">{t.servicesListed}</option>
      </select>
      {mode === "listed" && (
        <TypedInput
          {...props}
          given={{ ...given, id: `${given.id}-list`, "aria-label": labelOf(t, field) }}
        />
      )}
    </div>
  );
}

function FlagField({ field, path, value, reports, disabled, put }: FieldProps) {
  const t = useDesignTexts();
  const id = fieldId(path);
  return (
    <div class="field design-field">
      <span class="design-label">{labelOf(t, field)}</span>
      <label class="tick" for={id}>
        <input
          id={id}
          type="checkbox"
          disabled={disabled}
          aria-describedby={`${id}-reports`}
          checked={value === true}
          onChange={(event) => put(path, event.currentTarget.checked ? true : undefined)}
        />
        {t.flags[field.key] ?? labelOf(t, field)}
      </label>
      <Reports id={`${id}-reports`} reports={reports} />
      <p class="field-hint">{helpOf(t, field)}</p>
    </div>
  );
}

function SeveralField(props: FieldProps & { options: readonly string[] }) {
  const { field, path, value, reports, disabled, put, options } = props;
  const t = useDesignTexts();
  const chosen = Array.isArray(value) ? value.map(plain) : [];
  const toggle = (option: string, on: boolean) => {
    const next = on ? [...chosen, option] : chosen.filter((one) => one !== option);
    put(path, next.length > 0 ? next : undefined);
  };
  return (
    <fieldset class="field design-field" id={fieldId(path)} tabIndex={-1}>
      <legend class="design-label">{labelOf(t, field)}</legend>
      <div class="row">
        {[...options, ...chosen.filter((one) => !options.includes(one))].map((option) => (
          <label key={option} class="tick">
            <input
              type="checkbox"
              disabled={disabled}
              checked={chosen.includes(option)}
              onChange={(event) => toggle(option, event.currentTarget.checked)}
            />
            {optionOf(t, field, option)}
          </label>
        ))}
      </div>
      <Reports reports={reports} />
      <p class="field-hint">{helpOf(t, field)}</p>
    </fieldset>
  );
}

function TableField(props: FieldProps & { fields: readonly Field[] }) {
  const { field, path, value, reports, disabled, put, fields } = props;
  const t = useDesignTexts();
  const table: Tree = isTable(value) ? value : {};
  const putPart = (part: string, next: Json | undefined) => {
    const changed = set(table, [part.slice(path.length + 1)], next);
    put(path, Object.keys(changed).length > 0 ? changed : undefined);
  };
  const paths = fields.map((part) => `${path}.${part.key}`);
  return (
    <fieldset class="design-group" id={fieldId(path)} tabIndex={-1}>
      <legend class="design-label">{labelOf(t, field)}</legend>
      <div class="design-fields">
        {fields.map((part, index) => (
          <DesignField
            key={part.key}
            field={part}
            path={paths[index] as string}
            value={table[part.key]}
            reports={reports.filter((report) => isWithin(report.path, paths[index] as string))}
            disabled={disabled}
            put={putPart}
          />
        ))}
      </div>
      <Reports reports={reports.filter((report) => !paths.some((one) => isWithin(report.path, one)))} />
      <p class="field-hint">{helpOf(t, field)}</p>
    </fieldset>
  );
}

function RowsField(props: FieldProps & { fields: readonly Field[] }) {
  const { field, path, value, reports, disabled, put, fields } = props;
  const t = useDesignTexts();
  const common = useText();
  const items = Array.isArray(value) ? value : [];
  const paths = items.map((_, index) => `${path}[${index}]`);
  const without = (index: number) => items.filter((_, one) => one !== index);
  return (
    <fieldset class="design-group" id={fieldId(path)} tabIndex={-1}>
      <legend class="design-label">{labelOf(t, field)}</legend>
      <p class="field-hint">{helpOf(t, field)}</p>
      {items.map((item, index) => {
        const itemPath = paths[index] as string;
        const partPaths = fields.map((part) => `${itemPath}.${part.key}`);
        const own = reports.filter(
          (report) => isWithin(report.path, itemPath) && !partPaths.some((one) => isWithin(report.path, one)),
        );
        return (
          <div key={index} class="design-item">
            <div class="design-fields">
              {fields.map((part, at) => (
                <DesignField
                  key={part.key}
                  field={part}
                  path={partPaths[at] as string}
                  value={isTable(item) ? item[part.key] : undefined}
                  reports={reports.filter((report) => isWithin(report.path, partPaths[at] as string))}
                  disabled={disabled}
                  put={put}
                />
              ))}
            </div>
            <Reports reports={own} />
            <Button
              disabled={disabled}
              aria-label={`${labelOf(t, field)} ${t.rows.removeItem(index + 1)}`}
              onClick={() => put(path, items.length > 1 ? without(index) : undefined)}
            >
              {common.remove}
            </Button>
          </div>
        );
      })}
      <Reports reports={reports.filter((report) => !paths.some((one) => isWithin(report.path, one)))} />
      <Button
        disabled={disabled}
        aria-label={`${labelOf(t, field)}: ${t.rows.addItem}`}
        onClick={() => put(path, [...items, {}])}
      >
        {t.rows.addItem}
      </Button>
    </fieldset>
  );
}
