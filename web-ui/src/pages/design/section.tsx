import { useDesk } from "./desk";
import { DesignField } from "./field";
import type { Field } from "./model/fields";
import { at, isTable, type Json, parsePath } from "./model/tree";
import { Reports } from "./reports";

/** The fields of one table of the design, like `[site]`. */
export function Section(props: { path: string; fields: readonly Field[] }) {
  const { state, put, fieldsOff } = useDesk();
  const { path, fields } = props;
  const table = at(state.history.present, parsePath(path));
  const others = [...fields.map((field) => field.key), "entry"];
  return (
    <>
      <Reports reports={state.problems.beside(path, others)} />
      <div class="design-fields">
        {fields.map((field) => (
          <DesignField
            key={field.key}
            field={field}
            path={`${path}.${field.key}`}
            value={at(table, [field.key])}
            reports={state.problems.under(`${path}.${field.key}`)}
            disabled={fieldsOff}
            put={put}
          />
        ))}
      </div>
    </>
  );
}

/** A table that a design may leave out: a tick writes it, and takes it away again. */
export function OptionalSection(props: {
  path: string;
  title: string;
  tick: string;
  fields: readonly Field[];
  /** What is written with it at once. */
  first?: Json;
}) {
  const { state, put, fieldsOff } = useDesk();
  const { path, title, tick, fields, first } = props;
  const there = isTable(at(state.history.present, parsePath(path)));
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        <label class="tick">
          <input
            type="checkbox"
            checked={there}
            disabled={fieldsOff}
            aria-label={`${title}: ${tick}`}
            onChange={(event) => put(path, event.currentTarget.checked ? (first ?? {}) : undefined)}
          />
          {tick}
        </label>
      </div>
      {there ? <Section path={path} fields={fields} /> : <Reports reports={state.problems.under(path)} />}
    </section>
  );
}
