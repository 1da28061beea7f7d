import manuals from "virtual:manual";
import { useEffect, useRef, useState } from "preact/hooks";
import { useText, useTexts } from "../../app/language";
import { formatRoute } from "../../app/routes";
import { Notice } from "../../ui/notice";
import { Loading, PageHead, TextField } from "../../ui/parts";
import type { PageProps } from "..";
import "./help.css";
import { type Section, search } from "./search";
import { texts } from "./text";

export default function HelpPage({ route }: PageProps) {
  const manual = manuals.find(({ name }) => name === route.rest);
  return manual ? (
    <Manual key={manual.name} name={manual.name} title={manual.title} at={route.query.at} />
  ) : (
    <Shelf />
  );
}

/** All manuals, and a search in them. */
function Shelf() {
  const t = useTexts(texts);
  const common = useText();
  const [wanted, setWanted] = useState("");
  const [read, setRead] = useState<{ name: string; sections: Section[] }[] | null>(null);
  const asked = useRef(false);
  const look = (text: string) => {
    setWanted(text);
    if (asked.current) return;
    // The manuals are loaded for the first letter of a search, no earlier.
    asked.current = true;
    const all = manuals.map(async ({ name, load }) => ({ name, sections: (await load()).default }));
    Promise.all(all).then(setRead, () => {
      asked.current = false;
    });
  };
  const hits = read ? search(read, wanted) : [];
  const title = (name: string) => manuals.find((manual) => manual.name === name)?.title ?? name;
  return (
    <>
      <PageHead title={common.pages.help} lead={t.lead} />
      {t.onlyJapanese && <p class="quiet">{t.onlyJapanese}</p>}
      <div class="help-search">
        <TextField label={t.search} hint={t.searchHint} value={wanted} onValue={look} type="search" />
      </div>
      {wanted.trim() === "" ? (
        <section>
          <h2>{t.all}</h2>
          <ul class="shelf" lang="ja">
            {manuals.map((manual) => (
              <li key={manual.name}>
                <a href={formatRoute("help", manual.name)}>{manual.title}</a>
              </li>
            ))}
          </ul>
        </section>
      ) : (
        <>
          <p role="status" class="quiet">
            {read ? t.found(hits.length) : common.loading}
          </p>
          <ul class="hits" lang="ja">
            {hits.map((hit) => (
              <li key={`${hit.manual}#${hit.anchor}`}>
                <a href={formatRoute("help", hit.manual, { at: hit.anchor })}>{hit.title}</a>{" "}
                <span class="quiet small">{title(hit.manual)}</span>
                <p class="small">
                  {hit.excerpt[0]}
                  <mark>{hit.excerpt[1]}</mark>
                  {hit.excerpt[2]}
                </p>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Manual({ name, title, at }: { name: string; title: string; at: string | undefined }) {
  const t = useTexts(texts);
  const [sections, setSections] = useState<Section[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    manuals
      .find((manual) => manual.name === name)
      ?.load()
      .then(
        (module) => setSections(module.default),
        () => setFailed(true),
      );
  }, [name]);
  useEffect(() => {
    if (!sections || !at) return;
    const heading = document.getElementById(at);
    heading?.scrollIntoView();
    heading?.focus({ preventScroll: true });
  }, [sections, at]);
  return (
    <>
      <nav class="back no-print">
        <a href="#/help">{t.all}</a>
      </nav>
      <PageHead title={title} />
      {failed && <Notice tone="bad" title={t.failed} />}
      {!sections && !failed && <Loading />}
      {sections && (
        <div class="manual-frame" lang="ja">
          <nav class="contents no-print" aria-label={t.contents}>
            <ul>
              {sections.slice(1).map((section) => (
                <li key={section.anchor}>
                  <a href={formatRoute("help", name, { at: section.anchor })}>{section.title}</a>
                </li>
              ))}
            </ul>
          </nav>
          <article class="manual">
            {sections.map((section) => (
              // Made of our own manuals at build time, raw HTML escaped
              <section key={section.anchor} dangerouslySetInnerHTML={{ __html: section.html }} />
            ))}
          </article>
        </div>
      )}
    </>
  );
}
