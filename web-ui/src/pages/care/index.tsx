import type { ComponentType } from "preact";
import type { Session } from "../../api/types";
import { useText, useTexts } from "../../app/language";
import { may } from "../../app/roles";
import { PageHead } from "../../ui/parts";
import type { PageProps } from "..";
import { AccountPart } from "./account";
import { BackupPart } from "./backup";
import { BoxPart } from "./box";
import "./care.css";
import { GenerationsPart } from "./generations";
import { texts } from "./text";
import { UpdatePart } from "./update";
import { UsersPart } from "./users";

type Part = {
  name: "account" | "users" | "generations" | "backup" | "update" | "box";
  View: ComponentType<{ session: Session }>;
};

function partsFor({ role }: Session): Part[] {
  const parts: (Part | false)[] = [
    { name: "account", View: AccountPart },
    may(role, "users") && { name: "users", View: UsersPart },
    { name: "generations", View: GenerationsPart },
    may(role, "inspect-backup") && { name: "backup", View: BackupPart },
    { name: "update", View: UpdatePart },
    { name: "box", View: BoxPart },
  ];
  return parts.filter((part): part is Part => part !== false);
}

/** What keeps the box in good order. */
export default function CarePage({ route, session }: PageProps) {
  const t = useTexts(texts);
  const common = useText();
  const parts = partsFor(session);
  const shown = parts.find((part) => part.name === route.rest) ?? (parts[0] as Part);
  return (
    <>
      <PageHead title={common.pages.care} />
      <nav class="tabs" aria-label={common.pages.care}>
        {parts.map(({ name }) => (
          <a key={name} href={`#/care/${name}`} aria-current={name === shown.name ? "page" : undefined}>
            {t.tabs[name]}
          </a>
        ))}
      </nav>
      <shown.View session={session} />
    </>
  );
}
