import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useText } from "../app/language";
import { Icon, type IconName } from "./icon";
import type { Tone } from "./notice";

/** The heading of a page: it gets the focus when the page changes, so that a screen reader begins there. */
export function PageHead(props: { title: string; lead?: string | undefined; actions?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} - Sekisho`;
    heading.current?.focus();
  }, [props.title]);
  return (
    <header class="page-head">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {props.title}
        </h1>
        {props.lead && <p class="lead">{props.lead}</p>}
      </div>
      {props.actions && <div class="row no-print">{props.actions}</div>}
    </header>
  );
}

export function Card(props: {
  title?: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <section class={props.wide ? "card wide" : "card"}>
      {(props.title || props.actions) && (
        <div class="card-head">
          {props.title && <h2>{props.title}</h2>}
          {props.actions}
        </div>
      )}
      {props.children}
    </section>
  );
}

const toneIcons: Record<Tone | "off", IconName> = {
  ok: "ok",
  warn: "warn",
  bad: "bad",
  info: "info",
  off: "dash",
};

/** One word with a colour and a sign: never the colour alone. */
export function Tag({ tone, children }: { tone: Tone | "off"; children: ComponentChildren }) {
  return (
    <span class={`tag tag-${tone}`}>
      <Icon name={toneIcons[tone]} size={14} />
      {children}
    </span>
  );
}

type FieldProps = {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (given: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean;
  }) => ComponentChildren;
};

/** A label with what belongs to it. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const told = error || hint ? `${id}-told` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": told, "aria-invalid": Boolean(error) })}
      {told && (
        <p id={told} class={error ? "field-error" : "field-hint"}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

export function TextField(
  props: {
    label: string;
    value: string;
    onValue: (value: string) => void;
    hint?: string | undefined;
    error?: string | undefined;
    /** Whether typing begins here when it appears. */
    first?: boolean;
  } & Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "label" | "value" | "ref">,
) {
  const { label, value, onValue, hint, error, first, ...rest } = props;
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (first) input.current?.focus();
  }, [first]);
  return (
    <Field label={label} hint={hint} error={error}>
      {(given) => (
        <input
          type="text"
          {...rest}
          {...given}
          ref={input}
          data-first={first || undefined}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onValue: (value: T) => void;
  hint?: string;
}) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(given) => (
        <select
          {...given}
          value={props.value}
          onChange={(event) => props.onValue(event.currentTarget.value as T)}
        >
          {props.options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A few choices side by side, of which one holds. */
export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onValue: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            checked={value === props.value}
            onChange={() => props.onValue(value)}
          />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A button that shows that its work is under way and can't be pressed twice. */
export function Button(
  props: {
    busy?: boolean;
    kind?: "primary" | "danger" | "plain";
    children: ComponentChildren;
  } & Omit<JSX.ButtonHTMLAttributes<HTMLButtonElement>, "class">,
) {
  const { busy, kind = "plain", children, disabled, type = "button", ...rest } = props;
  return (
    <button
      {...rest}
      type={type}
      class={`button button-${kind}`}
      disabled={busy || disabled}
      aria-busy={busy}
    >
      {children}
    </button>
  );
}

/** A dialog in front of the page. Escape closes it where `onClose` is given. */
export function Dialog(props: {
  title: string;
  onClose?: (() => void) | undefined;
  children: ComponentChildren;
  actions?: ComponentChildren;
}) {
  const t = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // The browser has chosen the first that can have the focus, like the button that closes.
    shown?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose?.();
      }}
      onClose={() => {
        // A browser closes it at the second Escape, whatever the page says.
        if (dialog.current && !props.onClose) dialog.current.showModal();
      }}
    >
      <div class="dialog-head">
        <h2 id={title}>{props.title}</h2>
        {props.onClose && (
          <button type="button" class="icon-button" aria-label={t.close} onClick={props.onClose}>
            <Icon name="close" />
          </button>
        )}
      </div>
      {props.children}
      {props.actions && <div class="row end">{props.actions}</div>}
    </dialog>
  );
}

/** A wide table scrolls by itself, also by keyboard. */
export function Table(props: { label: string; head: ComponentChildren[]; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="table-frame" aria-label={props.label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {props.head.map((cell, at) => (
              <th key={at} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </section>
  );
}

/** Heads of columns of numbers, above their last digits. */
export function numberHeads(heads: string[]) {
  return heads.map((head) => (
    <span key={head} class="number-head">
      {head}
    </span>
  ));
}

/** A file's text, which scrolls by itself. */
export function FileText({ label, text }: { label: string; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="file" aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  );
}

/** Pairs of a word and what it stands for. */
export function Facts({
  facts,
}: {
  facts: (readonly [string, ComponentChildren] | null | false | undefined)[];
}) {
  return (
    <dl class="facts">
      {facts.map((fact) =>
        fact ? (
          <div key={fact[0]}>
            <dt>{fact[0]}</dt>
            <dd>{fact[1]}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export function Loading() {
  const t = useText();
  return (
    <p class="loading" role="status">
      {t.loading}
    </p>
  );
}

export function CopyButton({ text }: { text: string }) {
  const t = useText();
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return (
    <button type="button" class="button button-small" onClick={copy}>
      <span aria-live="polite">{done ? t.copied : t.copy}</span>
    </button>
  );
}

export { Said } from "./said";
