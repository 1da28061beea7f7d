import type { Health } from "../../api/types";
import { language, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import type { Tone } from "../../ui/notice";
import { Card, Tag } from "../../ui/parts";
import { texts } from "./text";

export const levelTones = { ok: "ok", degraded: "warn", down: "bad" } as const satisfies Record<string, Tone>;

/** When the box was well and when it wasn't. */
export function ChangesCard({ health }: { health: Health }) {
  const t = useTexts(texts);
  const now = useStore(language);
  return (
    <Card title={t.changes}>
      <ul class="plain-list stack tight">
        {health.history.slice(0, 8).map((change) => (
          <li key={change.at} class="sensor">
            <Tag tone={levelTones[change.level]}>{t.levelShort[change.level]}</Tag>
            <span>
              {dateTime(change.at, now)} {change.cause && <code class="quiet">{change.cause}</code>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
