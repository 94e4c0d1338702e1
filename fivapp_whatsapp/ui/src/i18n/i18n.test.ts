import { expect, it } from "vitest";
import { preferred, translate } from ".";
import { en } from "./en";
import { pt, type Key } from "./pt";

const words = (entry: string | { one: string; other: string }) =>
  [...new Set((typeof entry === "string" ? entry : entry.one + entry.other).match(/\{\w+\}/g) ?? [])].sort();

it("both languages fill the same words in", () => {
  for (const key of Object.keys(pt) as Key[]) {
    if (key === "quick.textHelp") continue; // it shows braces, in each language's own word
    expect(words(en[key]), key).toEqual(words(pt[key]));
  }
});

it("one and many are told apart", () => {
  expect(translate("pt-BR", "thread.unread", { n: 1 })).toBe("1 nova mensagem");
  expect(translate("en", "thread.unread", { n: 3 })).toBe("3 new messages");
});

it("what somebody chose counts, then the browser, then Portuguese", () => {
  expect(preferred("en", ["pt-BR"])).toBe("en");
  expect(preferred(null, ["fr", "en-US", "pt"])).toBe("en");
  expect(preferred(null, ["pt-PT"])).toBe("pt-BR");
  expect(preferred("nonsense", ["fr"])).toBe("pt-BR");
});
