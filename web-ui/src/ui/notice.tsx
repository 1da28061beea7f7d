import type { ComponentChildren } from "preact";
import type { Failure } from "../api/types";
import { language, useSay, useText } from "../app/language";
import { useStore } from "../app/store";
import { Icon, type IconName } from "./icon";
import { Said } from "./said";

export type Tone = "ok" | "warn" | "bad" | "info";

/** Something that somebody should know. `bad` and `warn` are read out at once. */
export function Notice(props: {
  tone: Tone;
  title?: string | undefined;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}) {
  const icon: IconName = props.tone;
  return (
    <div class={`notice notice-${props.tone}`} role={props.tone === "bad" ? "alert" : "status"}>
      <Icon name={icon} />
      <div class="notice-body">
        {props.title && <p class="notice-title">{props.title}</p>}
        {props.children}
      </div>
      {props.actions && <div class="notice-actions">{props.actions}</div>}
    </div>
  );
}

/** Why something wasn't done, and the way out. */
export function FailureNotice({
  failure,
  retry,
}: {
  failure: Failure | null | undefined;
  retry?: () => void;
}) {
  const t = useText();
  const say = useSay();
  const now = useStore(language);
  if (!failure) return null;
  // The daemon speaks English; what kind of failure it is can be told in both languages.
  const kind = failure.both ? say(failure.both) : t.failures[failure.kind];
  const title = kind ?? failure.message;
  // Ways out are in English; where there is a sentence in Japanese, it has its own.
  const wayOut = failure.both && now !== "en" ? undefined : failure.way_out;
  return (
    <Notice
      tone="bad"
      title={title}
      actions={
        retry && (
          <button type="button" class="button" onClick={retry}>
            {t.again}
          </button>
        )
      }
    >
      {title !== failure.message && !failure.both && <p lang="en">{failure.message}</p>}
      {wayOut && (
        <Said word={t.wayOut}>
          <span lang="en">{wayOut}</span>
        </Said>
      )}
      {failure.problems && failure.problems.length > 0 && (
        <ul class="plain-list">
          {failure.problems.map((problem) => (
            <li key={`${problem.code}${problem.line}${problem.path}`}>
              {say(problem.sentence)} <span class="quiet">{say(problem.mend)}</span>{" "}
              <code class="quiet">
                {problem.code} {problem.file}:{problem.line}
              </code>
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
}
