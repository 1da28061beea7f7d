import { useText, useTexts } from "../../app/language";
import { may } from "../../app/roles";
import { PageHead } from "../../ui/parts";
import type { PageProps } from "..";
import { Audit } from "./audit";
import { Flows } from "./flows";
import { texts } from "./text";

export default function LogsPage({ route, session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const audits = may(session.role, "audit");
  const audit = audits && route.rest === "audit";
  return (
    <>
      <PageHead title={common.pages.logs} lead={audit ? t.auditLead : t.flowsLead} />
      {audits && (
        <nav class="tabs" aria-label={common.pages.logs}>
          <a href="#/logs" aria-current={audit ? undefined : "page"}>
            {t.tabs.flows}
          </a>
          <a href="#/logs/audit" aria-current={audit ? "page" : undefined}>
            {t.tabs.audit}
          </a>
        </nav>
      )}
      {audit ? <Audit /> : <Flows />}
    </>
  );
}
