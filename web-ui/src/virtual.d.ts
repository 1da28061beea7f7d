declare module "virtual:manual" {
  import type { Section } from "./pages/help/search";

  const manuals: { name: string; title: string; load: () => Promise<{ default: Section[] }> }[];
  export default manuals;
}
