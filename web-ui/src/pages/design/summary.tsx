import { useState } from "preact/hooks";
import { useSay } from "../../app/language";
import { formatRoute } from "../../app/routes";
import { Icon } from "../../ui/icon";
import { useDesignTexts, useDesk } from "./desk";
import { siteFile } from "./model/editor";
import { stepOf } from "./model/problems";

const few = 5;

/** Every problem, each a way to its field. */
export function Summary() {
  const { state } = useDesk();
  const t = useDesignTexts();
  const say = useSay();
  const [all, setAll] = useState(false);
  const { problems } = state;
  const errors = problems.count("error");
  const warnings = problems.count("warning");
  if (problems.all.length === 0) return null;
  const sorted = [...problems.all].sort(
    (a, b) => Number(b.severity === "error") - Number(a.severity === "error"),
  );
  const shown = all ? sorted : sorted.slice(0, few);
  return (
    <details class={`design-problems design-problems-${errors > 0 ? "bad" : "warn"}`}>
      <summary>
        <Icon name={errors > 0 ? "bad" : "warn"} />
        {t.summary(errors, warnings)}
      </summary>
      <ol class="design-summary">
        {shown.map((report, index) => (
          <li key={index}>
            <a href={formatRoute("design", stepOf(report, siteFile), { at: report.path || undefined })}>
              {say(report.sentence)}
            </a>{" "}
            <span class="quiet small">{say(report.mend)}</span>
          </li>
        ))}
      </ol>
      {sorted.length > few && !all && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          {t.moreProblems(sorted.length - few)}
        </button>
      )}
    </details>
  );
}
