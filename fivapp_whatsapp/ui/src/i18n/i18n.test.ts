import { expect, it } from "vitest";
import { loadLanguage, preferred, translate } from ".";
import * as automations from "../pages/automations/words";
import { en } from "./en";
import { pt, type Entry } from "./pt";

const words = (entry: Entry) =>
  [...new Set((typeof entry === "string" ? entry : entry.one + entry.other).match(/\{\w+\}/g) ?? [])].sort();

it.each([
  ["all pages", { pt, en }],
  ["automations", automations],
] as const)("both languages fill the same words in: %s", (_, tables) => {
  const english: Record<string, Entry> = tables.en;
  for (const [key, entry] of Object.entries<Entry>(tables.pt)) {
    if (key === "quick.textHelp") continue; // it shows braces, in each language's own word
    expect(words(english[key] ?? ""), key).toEqual(words(entry));
  }
});

it("a page's own words are known once it is loaded, and none has two meanings", () => {
  expect(translate("pt-BR", "plugin.resume")).toBe("Retomar agora");
  expect(Object.keys(automations.pt).filter((key) => key in pt)).toEqual([]);
});

it("English is Portuguese until its words were loaded, and nothing that a page has learnt is lost then", async () => {
  const english = automations.en["plugin.resume"];
  expect(translate("en", "thread.unread", { n: 1 })).toBe("1 nova mensagem");
  expect(translate("en", "plugin.resume")).toBe(english);
  await loadLanguage("en");
  expect(translate("en", "thread.unread", { n: 1 })).toBe("1 new message");
  expect(translate("en", "plugin.resume")).toBe(english);
});

it("one and many are told apart", async () => {
  await loadLanguage("en");
  expect(translate("pt-BR", "thread.unread", { n: 1 })).toBe("1 nova mensagem");
  expect(translate("en", "thread.unread", { n: 3 })).toBe("3 new messages");
});

it("what somebody chose counts, then the browser, then Portuguese", () => {
  expect(preferred("en", ["pt-BR"])).toBe("en");
  expect(preferred(null, ["fr", "en-US", "pt"])).toBe("en");
  expect(preferred(null, ["pt-PT"])).toBe("pt-BR");
  expect(preferred("nonsense", ["fr"])).toBe("pt-BR");
});
