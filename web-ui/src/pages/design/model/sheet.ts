/** What of a sheet is shown: its words and their order, and nothing that could run, load or be styled. */
export type Block = { tag: SheetTag; span?: number; children: (Block | string)[] };
export type SheetTag = (typeof tags)[number];

const tags = ["h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "p"] as const;

/** The part of a node that is read, so that a test needs no browser. */
export type Source = {
  nodeType: number;
  nodeName: string;
  textContent: string | null;
  childNodes: ArrayLike<Source>;
  getAttribute?: (name: string) => string | null;
};

/**
 * A sheet as blocks. The page's policy lets no sheet bring a style of its own, so it is drawn anew with the page's style for
 * paper.
 */
export function blocks(nodes: ArrayLike<Source>): (Block | string)[] {
  const found: (Block | string)[] = [];
  for (const node of Array.from(nodes)) {
    if (node.nodeType === 3) {
      if (node.textContent?.trim()) found.push(node.textContent);
      continue;
    }
    if (node.nodeType !== 1) continue;
    const name = node.nodeName.toLowerCase();
    if (name === "script" || name === "style" || name === "template") continue;
    const children = blocks(node.childNodes);
    const tag = tags.find((tag) => tag === name);
    if (!tag) {
      found.push(...children);
      continue;
    }
    const span = Number(node.getAttribute?.("colspan") ?? 1);
    found.push(span > 1 ? { tag, span, children } : { tag, children });
  }
  return found;
}
