import { expect, it } from "vitest";
import { isEmojiOnly, parse, type Node } from "./markup";

/** Writes nodes down in one line. */
function written(nodes: readonly Node[]): string {
  return nodes
    .map((node) => {
      if (node.type === "text") return node.text;
      if (node.type === "mono") return `<mono ${node.text}>`;
      if (node.type === "link") return `<link ${node.href}>`;
      return `<${node.type} ${written(node.children)}>`;
    })
    .join("");
}

it.each([
  ["*negrito*", "<bold negrito>"],
  ["a *b* _c_ ~d~ e", "a <bold b> <italic c> <strike d> e"],
  ["*_os dois_*", "<bold <italic os dois>>"],
  ["2*3*4", "2*3*4"],
  ["snake_case_name", "snake_case_name"],
  ["* solto *", "* solto *"],
  ["```x = 1```", "<mono x = 1>"],
  ["use `npm`", "use <mono npm>"],
  ["veja https://exemplo.com/a_b_c?q=*x*.", "veja <link https://exemplo.com/a_b_c?q=*x*>."],
  ["(www.exemplo.com.br)", "(<link https://www.exemplo.com.br>)"],
  ["<b>não</b> & javascript:alert(1)", "<b>não</b> & javascript:alert(1)"],
  ["", ""],
])("%j is shown as %s", (text, expected) => {
  expect(written(parse(text))).toBe(expected);
});

it("no link leads to anything but the web", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc", "HTTPS://ok.com"]) {
    for (const node of parse(text)) if (node.type === "link") expect(node.href).toMatch(/^https?:\/\//i);
  }
});

it("emoji alone are larger, up to three", () => {
  expect(["👏", "❤️", "👨‍👩‍👧", "🇧🇷 🎉", "😀😀😀"].map(isEmojiOnly)).toEqual([true, true, true, true, true]);
  expect(["😀😀😀😀", "oi 👏", "123", "*", "", " "].map(isEmojiOnly)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});
