import type { ComponentType } from "preact";
import type { Session } from "../api/types";
import type { Route } from "../app/routes";

export type PageProps = { route: Route; session: Session };
type Load = () => Promise<{ default: ComponentType<PageProps> }>;

/** The pages in the order of the menu. Each is a chunk of its own. */
export const pages = {
  status: () => import("./status"),
  design: () => import("./design"),
  apply: () => import("./apply"),
  check: () => import("./check"),
  explain: () => import("./explain"),
  names: () => import("./names"),
  traffic: () => import("./traffic"),
  logs: () => import("./logs"),
  care: () => import("./care"),
  help: () => import("./help"),
} satisfies Record<string, Load>;

export type PageName = keyof typeof pages;
