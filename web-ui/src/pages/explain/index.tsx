import { useText, useTexts } from "../../app/language";
import { PageHead } from "../../ui/parts";
import type { PageProps } from "..";
import "./explain.css";
import { Refusals } from "./refusals";
import { texts } from "./text";
import { TracePart } from "./trace";

export default function ExplainPage({ route, session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const refusals = route.rest === "refusals";
  return (
    <>
      <PageHead title={common.pages.explain} lead={t.lead} />
      <nav class="tabs" aria-label={common.pages.explain}>
        <a href="#/explain" aria-current={refusals ? undefined : "page"}>
          {t.tabs.trace}
        </a>
        <a href="#/explain/refusals" aria-current={refusals ? "page" : undefined}>
          {t.tabs.refusals}
        </a>
      </nav>
      {refusals ? (
        <Refusals session={session} />
      ) : (
        <TracePart key={JSON.stringify(route.query)} query={route.query} session={session} />
      )}
    </>
  );
}
