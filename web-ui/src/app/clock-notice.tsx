import { dateTime, span } from "../ui/format";
import { Notice } from "../ui/notice";
import { apart } from "./clock";
import { language, useText } from "./language";
import { live } from "./live";
import { useStore } from "./store";

/** Says that the box's clock and this browser's don't agree, which one is wrong as far as it is known, and what that means. */
export function ClockNotice() {
  const t = useText().clocks;
  const now = useStore(language);
  const seconds = useStore(apart);
  const time = useStore(live).status?.time;
  if (seconds === 0) return null;
  const here = Date.now();
  const shown = (at: number) => dateTime(new Date(at).toISOString(), now);
  const wrong = !time ? t.eitherWrong : time.synchronised ? t.hereWrong : t.boxWrong;
  return (
    <Notice tone="warn" title={t.title(span(Math.round(Math.abs(seconds) / 60) * 60, now))}>
      <p>{t.both(shown(here + seconds * 1000), shown(here))}</p>
      <p>{wrong}</p>
      <p>{t.codes}</p>
      <p>{t.certificates}</p>
    </Notice>
  );
}
