import type { Holding } from "../../api/types";
import { language, useText } from "../../app/language";
import { useStore } from "../../app/store";
import { count } from "../../ui/format";
import { Notice } from "../../ui/notice";
import { Table } from "../../ui/parts";
import { useDesignTexts, useDesk } from "./desk";
import { type Strip, stripLength, strips } from "./model/ledger";

const width = 4;
const height = 26;

/** The pool as strips of addresses, and as a table that says the same. */
export function LedgerView() {
  const { state } = useDesk();
  const { ledger, checked } = state;
  const t = useDesignTexts();
  const now = useStore(language);
  if (!ledger) return <p class="quiet">{t.ledger.unknown}</p>;
  const { totals } = ledger;
  return (
    <div class="stack">
      {!checked?.ledger && <p class="quiet">{t.ledger.old}</p>}
      <p>{t.ledger.totals(totals.pool - totals.free, totals.pool)}</p>
      <ul class="design-legend plain-list" aria-hidden="true">
        {(["device", "server", "terminals", "free"] as const).map((kind) => (
          <li key={kind}>
            <svg width="14" height="14" aria-hidden="true">
              <rect class={`ledger-${kind}`} width="14" height="14" />
            </svg>
            {t.ledger.kinds[kind]} {count(totals[kind], now)}
          </li>
        ))}
      </ul>
      {strips(ledger.pool).map((strip) => (
        <StripView key={strip.first} strip={strip} />
      ))}
      {ledger.to_apply.length > 0 && <Notice tone="warn" title={t.ledger.toApply} />}
      <details>
        <summary>{t.ledger.asText}</summary>
        <Table label={t.ledger.title} head={[t.ledger.address, t.ledger.who]}>
          {[...ledger.pool, ...ledger.to_apply].map((holding) => (
            <tr key={holding.first}>
              <td class="nowrap">
                {holding.first === holding.last ? holding.first : `${holding.first}〜${holding.last}`}
              </td>
              <td>
                <Holder holding={holding} />
              </td>
            </tr>
          ))}
        </Table>
      </details>
    </div>
  );
}

function Holder({ holding }: { holding: Holding }) {
  const t = useDesignTexts();
  const common = useText();
  const lans = common.lans as Record<string, string>;
  if (holding.holder === "server") {
    const where = `${lans[holding.lan] ?? holding.lan} ${holding.private}`;
    return <>{t.ledger.holder(holding.name, `${t.ledger.kinds.server}, ${where}`)}</>;
  }
  if (holding.holder === "terminals") {
    const where = lans[holding.lan] ?? holding.lan;
    return <>{t.ledger.holder(holding.rows.join(", "), `${t.ledger.kinds.terminals}, ${where}`)}</>;
  }
  return <>{t.ledger.kinds[holding.holder]}</>;
}

function nameOf(holding: Holding): string {
  if (holding.holder === "server") return holding.name;
  return holding.holder === "terminals" ? holding.rows.join(", ") : "";
}

function StripView({ strip }: { strip: Strip }) {
  const t = useDesignTexts();
  const now = useStore(language);
  if (strip.kind === "free") {
    return <p class="small quiet">{t.ledger.freeBlock(strip.first, strip.last, count(strip.count, now))}</p>;
  }
  const network = `${strip.first}/24`;
  return (
    <figure class="design-strip">
      <figcaption class="small">{network}</figcaption>
      <svg
        viewBox={`0 0 ${stripLength * width} ${height + 16}`}
        role="img"
        aria-label={t.ledger.strip(network)}
        preserveAspectRatio="xMidYMid meet"
      >
        <rect class="ledger-ground" width={stripLength * width} height={height} />
        {strip.segments.map(({ start, length, holding }) => (
          <rect
            key={start}
            class={`ledger-${holding.holder}`}
            x={start * width}
            width={Math.max(width - 0.5, length * width - 0.5)}
            height={height}
          >
            <title>
              {holding.first === holding.last ? holding.first : `${holding.first}-${holding.last}`}{" "}
              {t.ledger.kinds[holding.holder]} {nameOf(holding)}
            </title>
          </rect>
        ))}
        {[0, 64, 128, 192].map((mark) => (
          <text key={mark} class="ledger-mark" x={mark * width} y={height + 13}>
            .{mark}
          </text>
        ))}
      </svg>
    </figure>
  );
}
