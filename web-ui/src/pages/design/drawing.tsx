import { useText } from "../../app/language";
import { useDesignTexts } from "./desk";
import { draw, type LanDrawing, lanHeight } from "./model/drawing";
import type { Tree } from "./model/tree";

const lanWidth = 350;
const gap = 18;

/** The site as far as it is written, and the same in words. */
export function Drawing({ tree }: { tree: Tree }) {
  const t = useDesignTexts();
  const common = useText();
  const site = draw(tree);
  const heights = site.lans.map(lanHeight);
  const height = Math.max(200, heights.reduce((sum, one) => sum + one + gap, 0) + 10);
  const middle = height / 2;
  const tops = heights.map(
    (_, index) => 5 + heights.slice(0, index).reduce((sum, one) => sum + one + gap, 0),
  );
  const said = (text: string) => text || t.drawing.unwritten;
  return (
    <figure class="design-drawing">
      <svg viewBox={`0 0 860 ${height}`} aria-hidden="true" preserveAspectRatio="xMidYMin meet">
        {site.lans.map((lan, index) => {
          const y = (tops[index] ?? 0) + 24;
          return <path key={lan.lan} class="drawing-wire" d={`M${lanWidth} ${y}H400V${middle}H430`} />;
        })}
        <path class="drawing-wire" d={`M560 ${middle}H690`} />
        <path class="drawing-tunnel" d={`M560 ${middle - 10}H690`} />
        <text class="drawing-small" x="625" y={middle - 18} text-anchor="middle">
          {t.drawing.tunnel}
        </text>
        <text class="drawing-small" x="625" y={middle + 20} text-anchor="middle">
          {t.drawing.lgwan}
        </text>
        <g>
          <rect class="drawing-box" x="430" y={middle - 46} width="130" height="92" rx="8" />
          <text class="drawing-title" x="495" y={middle - 22} text-anchor="middle">
            {t.drawing.box}
          </text>
          <text class="drawing-small" x="495" y={middle} text-anchor="middle">
            {said(site.lgwan.address)}
          </text>
          <text class="drawing-small" x="495" y={middle + 18} text-anchor="middle">
            {site.name.slice(0, 10)}
          </text>
          {site.maintenance !== null && (
            <text class="drawing-small" x="495" y={middle + 66} text-anchor="middle">
              {t.drawing.maintenance(said(site.maintenance))}
            </text>
          )}
        </g>
        <rect class="drawing-far" x="690" y={middle - 34} width="160" height="68" rx="8" />
        <text class="drawing-title" x="770" y={middle + 5} text-anchor="middle">
          {t.drawing.platform}
        </text>
        {site.lans.map((lan, index) => (
          <Lan key={lan.lan} lan={lan} top={tops[index] ?? 0} height={heights[index] ?? 0} />
        ))}
      </svg>
      <details>
        <summary>{t.drawing.asText}</summary>
        <ul>
          {site.lans.map((lan) => (
            <li key={lan.lan}>
              {t.drawing.says(common.lans[lan.lan], said(lan.address), lan.rows.length + lan.more)}
              <ul>
                {lan.rows.map((row) => (
                  <li key={`${row.kind}${row.index}`}>
                    {said(row.name)}: {said(row.inside)} → {said(row.global)}
                  </li>
                ))}
                {lan.more > 0 && <li>{t.drawing.more(lan.more)}</li>}
              </ul>
            </li>
          ))}
        </ul>
      </details>
      {site.loose > 0 && <p class="small quiet">{t.drawing.loose(site.loose)}</p>}
    </figure>
  );
}

function Lan({ lan, top, height }: { lan: LanDrawing; top: number; height: number }) {
  const t = useDesignTexts();
  const common = useText();
  const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const line = (index: number) => top + 62 + 22 * index;
  return (
    <g>
      <rect class="drawing-lan" x="5" y={top} width={lanWidth - 5} height={height} rx="8" />
      <text class="drawing-title" x="18" y={top + 22}>
        {common.lans[lan.lan]}
      </text>
      <text class="drawing-small" x="18" y={top + 40}>
        {lan.port} {lan.address || t.drawing.unwritten}
      </text>
      {lan.rows.map((row, index) => (
        <g key={`${row.kind}${row.index}`}>
          <rect class={`ledger-${row.kind}`} x="18" y={line(index) - 10} width="10" height="10" />
          <text class="drawing-row" x="34" y={line(index)}>
            {cut(row.name, 12)}
          </text>
          <text class="drawing-small" x="126" y={line(index)}>
            {cut(row.inside, 16)}
          </text>
          <text class="drawing-small" x={lanWidth - 14} y={line(index)} text-anchor="end">
            → {row.global || "?"}
          </text>
        </g>
      ))}
      {lan.more > 0 && (
        <text class="drawing-small" x="34" y={line(lan.rows.length)}>
          {t.drawing.more(lan.more)}
        </text>
      )}
      {lan.routes.length > 0 && (
        <text class="drawing-small" x="18" y={top + height - 10}>
          {cut(t.drawing.routes(lan.routes.join(", ")), 44)}
        </text>
      )}
    </g>
  );
}
