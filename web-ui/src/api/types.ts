/** The API's types: those of `openapi.json`, which `sekisho-web openapi` prints, and what the page adds. */

import type * as api from "./schema";

export type * from "./schema";

/** What went wrong, by the box's word or by the page's own. */
export type Failure = Omit<api.Refusal, "kind" | "problems"> & {
  kind: api.RefusalKind | "unreachable";
  problems?: api.Report[];
};
