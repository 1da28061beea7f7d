import type { LiveTraffic } from "../../api/types";
import { language, useText, useTexts } from "../../app/language";
import { useStore } from "../../app/store";
import { bitRate, micros, span } from "../../ui/format";
import { useMedia } from "../../ui/use";
import { type Layout, type Line, lanHead, layout, type Place, rowHeight } from "./layout";
import type { Site, SiteCentre, SiteLan } from "./site";
import { texts } from "./text";

/** The site as a drawing, and the same as sentences for those who don't see it. */
export function Drawing({ site, traffic }: { site: Site; traffic: LiveTraffic | undefined }) {
  const t = useTexts(texts);
  const narrow = useMedia("(max-width: 44rem)");
  const places = layout(site, narrow);
  const flows = Boolean(traffic && traffic.up_bps + traffic.down_bps > 0);
  return (
    <figure>
      <svg class="site" viewBox={`0 0 ${places.width} ${places.height}`} aria-hidden="true" focusable="false">
        <Lgwan places={places} narrow={narrow} />
        {places.lans.map((place) => (
          <LanLeg key={place.of.lan} place={place} flows={flows && site.tunnel === "up"} narrow={narrow} />
        ))}
        {places.centres.map((place) => (
          <Tunnel key={place.of.name} place={place} flows={flows} />
        ))}
        {places.lans.map((place) => (
          <LanCard key={place.of.lan} place={place} />
        ))}
        {places.centres.map((place) => (
          <CentreCard key={place.of.name} place={place} narrow={narrow} />
        ))}
        <Box places={places} site={site} traffic={traffic} />
      </svg>
      <figcaption class="legend">
        <span>
          <svg viewBox="0 0 34 10" width="34" height="10" aria-hidden="true">
            <path class="leg leg-carrier" d="M2 5h30" />
          </svg>
          {t.sealedLong}
        </span>
        <span>
          <svg viewBox="0 0 34 10" width="34" height="10" aria-hidden="true">
            <path class="leg leg-clear" d="M2 5h30" />
          </svg>
          {t.clearLong}
        </span>
      </figcaption>
      <details class="as-text">
        <summary>{t.siteText}</summary>
        <Sentences site={site} traffic={traffic} />
      </details>
    </figure>
  );
}

function Sentences({ site, traffic }: { site: Site; traffic: LiveTraffic | undefined }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const hosts = (lan: SiteLan) => {
    const names = lan.rows.map(({ name, kind }) => `${name} (${t[kind]})`);
    return [...names, ...(lan.more > 0 ? [t.hosts(lan.more)] : [])].join(now === "ja" ? "、" : ", ");
  };
  const centre = ({ name, state, ageS, tripUs }: SiteCentre) =>
    t.says.centre(
      common.centres[name] ?? name,
      t[state],
      ageS === null ? "" : `${t.age(span(ageS, now))}${now === "ja" ? "。" : "."}`,
      tripUs === null ? "" : t.says.trip(micros(tripUs)),
    );
  return (
    <ul>
      {site.lans.map((lan) => (
        <li key={lan.lan}>{t.says.lan(common.lans[lan.lan], hosts(lan))}</li>
      ))}
      {site.centres.map((of) => (
        <li key={of.name}>{centre(of)}</li>
      ))}
      {traffic && <li>{t.says.traffic(bitRate(traffic.up_bps), bitRate(traffic.down_bps))}</li>}
    </ul>
  );
}

function path({ x1, y1, x2, y2 }: Line): string {
  // Level lines bend in the middle, upright ones too.
  const flat = Math.abs(x2 - x1) > Math.abs(y2 - y1) || x2 - x1 > 40;
  if (flat) {
    const middle = (x1 + x2) / 2;
    return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  }
  const middle = (y1 + y2) / 2;
  return `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`;
}

function Lgwan({ places, narrow }: { places: Layout; narrow: boolean }) {
  const { x, y, width, height } = places.lgwan;
  return (
    <g>
      <rect class="cloud" x={x} y={y} width={width} height={height} rx={narrow ? 24 : 40} />
      <text
        class="cloud-name"
        x={narrow ? x + 18 : x + width / 2}
        y={narrow ? y + height / 2 + 5 : y + 30}
        text-anchor={narrow ? "start" : "middle"}
      >
        LGWAN
      </text>
    </g>
  );
}

function LanLeg({ place, flows, narrow }: { place: Place<SiteLan>; flows: boolean; narrow: boolean }) {
  const t = useTexts(texts);
  const { leg } = place;
  const [x, y] = [(leg.x1 + leg.x2) / 2, (leg.y1 + leg.y2) / 2];
  const half = narrow ? 46 : 48;
  return (
    <g>
      <path class={flows ? "leg leg-clear leg-flow" : "leg leg-clear"} d={path(leg)} />
      <g transform={`translate(${x} ${y})`}>
        <rect class="mark" x={-half} y={-13} width={2 * half} height={26} rx={13} />
        <path
          class="mark-icon"
          transform={`translate(${10 - half} -8) scale(0.66)`}
          d="M6 11h12v9H6zM8 11V7a4 4 0 017.5-2"
        />
        <text class="mark-text" x={9} y={4.5} text-anchor="middle">
          {t.clear}
        </text>
      </g>
    </g>
  );
}

function Tunnel({ place, flows }: { place: Place<SiteCentre>; flows: boolean }) {
  const { state } = place.of;
  const [x, y] = [(place.leg.x1 + place.leg.x2) / 2, (place.leg.y1 + place.leg.y2) / 2];
  return (
    <g>
      <path class={`leg leg-${state}`} d={path(place.leg)} />
      {state === "carrier" && flows && <path class="leg-stream" d={path(place.leg)} />}
      {state === "silent" && <path class="cut" d={`M${x - 7} ${y - 7}l14 14M${x + 7} ${y - 7}l-14 14`} />}
      {state === "carrier" && (
        <g transform={`translate(${x - 13} ${y - 13})`}>
          <circle class="mark" cx={13} cy={13} r={14} />
          <path
            class="mark-lock"
            transform="translate(4.5 4) scale(0.72)"
            d="M6 11h12v9H6zM8 11V8a4 4 0 018 0v3"
          />
        </g>
      )}
    </g>
  );
}

function LanCard({ place: { of, rect } }: { place: Place<SiteLan> }) {
  const t = useTexts(texts);
  const common = useText();
  return (
    <g transform={`translate(${rect.x} ${rect.y})`}>
      <rect class="node" width={rect.width} height={rect.height} rx={10} />
      <text class="node-title" x={14} y={26}>
        {common.lans[of.lan]}
      </text>
      {of.rows.map((row, at) => (
        <g key={row.name} transform={`translate(14 ${lanHead + at * rowHeight})`}>
          {row.kind === "server" ? <ServerSign /> : <TerminalSign />}
          <text class="node-text" x={26} y={15}>
            {row.name}
          </text>
          {rect.width > 200 && (
            <text class="node-quiet" x={rect.width - 28} y={15} text-anchor="end">
              {t[row.kind]}
            </text>
          )}
        </g>
      ))}
      {of.more > 0 && (
        <text class="node-quiet" x={40} y={lanHead + of.rows.length * rowHeight + 15}>
          {t.hosts(of.more)}
        </text>
      )}
    </g>
  );
}

function ServerSign() {
  return <path class="sign" d="M3 2h12v6H3zM3 11h12v6H3zM6 5h.1M6 14h.1" />;
}

function TerminalSign() {
  return <path class="sign" d="M1 3h16v10H1zM6 17h6M9 13v4" />;
}

function CentreCard({ place: { of, rect }, narrow }: { place: Place<SiteCentre>; narrow: boolean }) {
  const t = useTexts(texts);
  const common = useText();
  const now = useStore(language);
  const age = of.ageS === null ? "" : t.age(span(of.ageS, now));
  return (
    <g transform={`translate(${rect.x} ${rect.y})`}>
      <rect class={`node centre-${of.state}`} width={rect.width} height={rect.height} rx={10} />
      <text class="node-title" x={14} y={27}>
        {common.centres[of.name] ?? of.name}
      </text>
      <circle class={`lamp lamp-${of.state}`} cx={20} cy={48} r={5} />
      <text class="node-text" x={32} y={53}>
        {t[of.state]}
        {!narrow && of.tripUs !== null ? ` - ${micros(of.tripUs)}` : ""}
      </text>
      <text class="node-quiet" x={14} y={76}>
        {narrow && age.length > 14 && of.tripUs !== null ? micros(of.tripUs) : age}
      </text>
    </g>
  );
}

function Box({ places, site, traffic }: { places: Layout; site: Site; traffic: LiveTraffic | undefined }) {
  const t = useTexts(texts);
  const { x, y, width, height } = places.box;
  const middle = height / 2;
  return (
    <g transform={`translate(${x} ${y})`}>
      <rect class={site.tunnel === "up" ? "box" : "box box-down"} width={width} height={height} rx={12} />
      <text class="box-title" x={width / 2} y={middle - 20} text-anchor="middle">
        {t.box}
      </text>
      {traffic && (
        <>
          <text class="box-text" x={width / 2} y={middle + 8} text-anchor="middle">
            ↑ {bitRate(traffic.up_bps)}
          </text>
          <text class="box-text" x={width / 2} y={middle + 30} text-anchor="middle">
            ↓ {bitRate(traffic.down_bps)}
          </text>
        </>
      )}
    </g>
  );
}
