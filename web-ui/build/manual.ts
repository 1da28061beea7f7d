import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Marked } from "marked";
import type { Plugin } from "vite";

const listId = "virtual:manual";
const prefix = "virtual:manual/";

/** The manuals as modules: `virtual:manual` lists them, `virtual:manual/NAME` is one of them as HTML, by section. */
export function manual(folder: string): Plugin {
  const path = (name: string) => join(folder, `${name}.ja.md`);
  return {
    name: "manual",
    resolveId: (id) => (id === listId || id.startsWith(prefix) ? `\0${id}` : null),
    load(id) {
      if (id === `\0${listId}`) return list(folder);
      if (!id.startsWith(`\0${prefix}`)) return null;
      const name = id.slice(prefix.length + 1);
      this.addWatchFile(path(name));
      return `export default ${JSON.stringify(sections(name, readFileSync(path(name), "utf8")))};`;
    },
  };
}

function list(folder: string): string {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".ja.md"))
    .map((name) => basename(name, ".ja.md"));
  const entries = names.map((name) => {
    const title = /^# (.+)$/m.exec(readFileSync(join(folder, `${name}.ja.md`), "utf8"))?.[1] ?? name;
    return `{ name: ${JSON.stringify(name)}, title: ${JSON.stringify(title)}, load: () => import("${prefix}${name}") }`;
  });
  return `export default [${entries.join(",")}];`;
}

/** A document by its second-level headings, each with its HTML. */
export function sections(name: string, markdown: string): { anchor: string; title: string; html: string }[] {
  const used = new Map<string, number>();
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ tokens, depth, text }) {
        const id = unique(used, slug(text));
        return `<h${depth} id="${id}" tabindex="-1">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escapeHtml(target(name, href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      html: ({ text }) => escapeHtml(text),
      image: ({ text }) => escapeHtml(text),
    },
  });
  return markdown.split(/^(?=## )/m).map((part) => {
    const title = /^##? (.+)$/m.exec(part)?.[1] ?? "";
    return {
      anchor: slug(title),
      title: title.replace(/[`*]/g, ""),
      html: marked.parse(part, { async: false }),
    };
  });
}

/** GitHub's way to name headings, so that links of the manuals lead to them. */
export function slug(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replace(/ /g, "-");
}

function unique(used: Map<string, number>, slug: string): string {
  const count = used.get(slug) ?? 0;
  used.set(slug, count + 1);
  return count === 0 ? slug : `${slug}-${count}`;
}

/** Links between manuals stay on the page; what lies outside of them isn't there. */
export function target(name: string, href: string): string {
  const [, file, anchor] = /^(?:([\w-]+)\.ja\.md)?(?:#(.+))?$/.exec(href) ?? [];
  if (!file && !anchor) return "#/help";
  return `#/help/${file ?? name}${anchor ? `?at=${encodeURIComponent(decodeURIComponent(anchor))}` : ""}`;
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
