import { expect, it } from "vitest";
import { blocks, type Source } from "./sheet";

const text = (words: string): Source => ({
  nodeType: 3,
  nodeName: "#text",
  textContent: words,
  childNodes: [],
});
const element = (nodeName: string, childNodes: Source[], span?: string): Source => ({
  nodeType: 1,
  nodeName,
  textContent: null,
  childNodes,
  getAttribute: (name) => (name === "colspan" ? (span ?? null) : "onload"),
});

it("a sheet keeps its tables and words", () => {
  const row = element("TR", [element("TH", [text("<b>")], "2"), element("TD", [text("1")])]);
  expect(blocks([text("\n"), element("TABLE", [row])])).toEqual([
    {
      tag: "table",
      children: [
        {
          tag: "tr",
          children: [
            { tag: "th", span: 2, children: ["<b>"] },
            { tag: "td", children: ["1"] },
          ],
        },
      ],
    },
  ]);
});

it("what could run or load is left out, and other elements give their words", () => {
  const image = element("IMG", []);
  const script = element("SCRIPT", [text("alert(1)")]);
  const style = element("STYLE", [text("td {}")]);
  const comment: Source = { nodeType: 8, nodeName: "#comment", textContent: "x", childNodes: [] };
  expect(blocks([image, script, style, comment, element("DIV", [element("B", [text("kept")])])])).toEqual([
    "kept",
  ]);
});
