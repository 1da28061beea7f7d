import { useState } from "preact/hooks";
import type { History, HistoryPoint, LiveTraffic } from "../../api/types";
import { language, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { bitRate } from "../../ui/format";
import { FailureNotice } from "../../ui/notice";
import { Card, Segments } from "../../ui/parts";
import { useGet, useMedia } from "../../ui/use";
import { curve, type Frame, largest, niceTop, ticks } from "./plot";
import { texts } from "./text";

type Span = "hour" | "day";
const lengths = { hour: 3_600_000, day: 86_400_000 };
const tickEvery = { hour: 10 * 60_000, day: 4 * 3_600_000 };

/** What went up and down, over the last hour or day. */
export function Throughput({ traffic }: { traffic: LiveTraffic[] }) {
  const t = useTexts(texts);
  const [length, setLength] = useState<Span>("hour");
  const history = useGet<History>(`/history?span=${length}`, length === "hour" ? 30 : 300);
  const options = [
    ["hour", t.span.hour],
    ["day", t.span.day],
  ] as const;
  const latest = traffic.at(-1);
  return (
    <Card
      wide
      title={t.throughput}
      actions={<Segments label={t.span.label} value={length} options={options} onValue={setLength} />}
    >
      <FailureNotice failure={history.failure} retry={history.reload} />
      {history.value && (
        <Plot history={history.value} length={length} traffic={length === "hour" ? traffic : []} />
      )}
      <p class="legend">
        <span>
          <svg viewBox="0 0 34 10" width="34" height="10" aria-hidden="true">
            <path class="curve curve-up" d="M2 5h30" />
          </svg>
          {t.up} {latest && bitRate(latest.up_bps)}
        </span>
        <span>
          <svg viewBox="0 0 34 10" width="34" height="10" aria-hidden="true">
            <path class="curve curve-down" d="M2 5h30" />
          </svg>
          {t.down} {latest && bitRate(latest.down_bps)}
        </span>
        <span>
          <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <path class="refusals-mark" d="M5 2v6" />
          </svg>
          {t.refused}
        </span>
      </p>
    </Card>
  );
}

/** A small sign on the floor wherever something was refused. */
function marks(
  points: HistoryPoint[],
  from: number,
  to: number,
  floor: number,
  x: (at: number) => number,
): string {
  const times = points.filter((point) => point.refused > 0).map((point) => Date.parse(point.at));
  const shown = times.filter((at) => at >= from && at <= to);
  return shown.map((at) => `M${x(at).toFixed(1)} ${floor}v6`).join("");
}

function Plot({ history, length, traffic }: { history: History; length: Span; traffic: LiveTraffic[] }) {
  const t = useTexts(texts);
  const now = useStore(language);
  const narrow = useMedia("(max-width: 44rem)");
  const frame: Frame = { width: narrow ? 380 : 960, height: 210, top: 12, bottom: 26, left: 4, right: 4 };
  // What came by the live channel since the history's last point.
  const last = history.points.at(-1)?.at;
  const fresh = traffic.filter(({ at }) => !last || at > last).filter((_, at) => at % 5 === 0);
  const points: HistoryPoint[] = [...history.points, ...fresh.map((point) => ({ ...point, refused: 0 }))];
  const to = points.reduce((latest, { at }) => Math.max(latest, Date.parse(at)), 0) || Date.now();
  const from = to - lengths[length];
  const top = niceTop(largest(points));
  const step = history.step_s * 1000;
  const of = (key: "up_bps" | "down_bps") =>
    curve(
      points.map((point) => ({ at: Date.parse(point.at), value: point[key] })),
      from,
      to,
      top,
      step,
      frame,
    );
  const [up, down] = [of("up_bps"), of("down_bps")];
  const floor = frame.height - frame.bottom;
  const x = (at: number) =>
    frame.left + ((at - from) / (to - from)) * (frame.width - frame.left - frame.right);
  const label = `${t.throughput}: ${t.most} ${bitRate(largest(points))}`;
  return (
    <svg class="plot" viewBox={`0 0 ${frame.width} ${frame.height}`} role="img" aria-label={label}>
      {[0, 0.5, 1].map((part) => {
        const y = floor - part * (floor - frame.top);
        return (
          <g key={part}>
            <path class="grid" d={`M${frame.left} ${y}H${frame.width - frame.right}`} />
            {part > 0 && (
              <text class="plot-text" x={frame.left + 2} y={y + 13}>
                {bitRate(part * top)}
              </text>
            )}
          </g>
        );
      })}
      {ticks(from, to, tickEvery[length] * (narrow ? 2 : 1)).map((at) => (
        <text
          key={at}
          class="plot-text"
          x={Math.min(Math.max(x(at), 20), frame.width - 20)}
          y={frame.height - 7}
          text-anchor="middle"
        >
          {new Date(at).toLocaleTimeString(now === "ja" ? "ja-JP" : "en-GB", {
            hour: "2-digit",
            minute: "2-digit",
          })}
        </text>
      ))}
      <path class="refusals-mark" d={marks(points, from, to, floor, x)} />
      <path class="area area-down" d={down.area} />
      <path class="area area-up" d={up.area} />
      <path class="curve curve-down" d={down.line} />
      <path class="curve curve-up" d={up.line} />
    </svg>
  );
}
