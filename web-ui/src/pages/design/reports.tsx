import type { Report } from "../../api/types";
import { useSay } from "../../app/language";
import { Icon } from "../../ui/icon";
import { useDesignTexts } from "./desk";

const most = 3;

/** What is wrong with a field, and what to do about it, beside the field. */
export function Reports({ id, reports }: { id?: string; reports: readonly Report[] }) {
  const t = useDesignTexts();
  const say = useSay();
  if (reports.length === 0) return null;
  return (
    <ul id={id} class="design-reports plain-list">
      {reports.slice(0, most).map((report, at) => (
        <li key={at} class={`design-report design-${report.severity}`}>
          <Icon name={report.severity === "error" ? "bad" : "warn"} size={16} />
          <span>
            <span class="visually-hidden">{report.severity === "error" ? t.error : t.warning}: </span>
            {say(report.sentence)} <span class="quiet">{say(report.mend)}</span>{" "}
            <code class="quiet nowrap">{report.code}</code>
          </span>
        </li>
      ))}
      {reports.length > most && <li class="quiet small">{t.moreProblems(reports.length - most)}</li>}
    </ul>
  );
}
