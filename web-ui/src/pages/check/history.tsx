import type { KeptSelfTest } from "../../api/types";
import { language, useSay, useTexts } from "../../app/language";
import { formatRoute } from "../../app/routes";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { Notice } from "../../ui/notice";
import { Card, Table, Tag } from "../../ui/parts";
import { texts } from "./text";
import { verdictTones } from "./tree";

/** The checks whose reports the box keeps, the latest first; each is a way to its report. */
export function HistoryCard({ kept, shown }: { kept: readonly KeptSelfTest[]; shown: number | null }) {
  const t = useTexts(texts);
  const say = useSay();
  const now = useStore(language);
  return (
    <Card title={t.history}>
      <Table label={t.history} head={[t.begun, t.verdict, t.first, t.number]}>
        {kept.map((one) => {
          const first = one["first-cause"];
          return (
            <tr key={one.number}>
              <td class="nowrap">
                <a
                  href={formatRoute("check", String(one.number))}
                  aria-current={one.number === shown ? "page" : undefined}
                >
                  {dateTime(one.begun, now)}
                </a>
              </td>
              <td>
                <Tag tone={verdictTones[one.verdict]}>{t.state[one.verdict]}</Tag>
              </td>
              <td>{first && say(first.title)}</td>
              <td>{one["test-number"]}</td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
}

/** Says that what is shown is no news, and leads back to what is. */
export function EarlierNotice({ begun }: { begun: string | undefined }) {
  const t = useTexts(texts);
  const now = useStore(language);
  return (
    <div class="no-print">
      <Notice
        tone="info"
        title={begun ? t.earlier(dateTime(begun, now)) : t.history}
        actions={
          <a class="button" href={formatRoute("check")}>
            {t.toLast}
          </a>
        }
      />
    </div>
  );
}
