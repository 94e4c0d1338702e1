import { beforeAll, expect, it } from "vitest";
import { loadLanguage, translate, type Key, type Words } from "../i18n";
import { reasonText } from "./steps-asked";

const say = (language: "pt-BR" | "en") => (key: Key, words?: Words) => translate(language, key, words);

beforeAll(() => loadLanguage("en"));

it.each([
  [{ code: "late", what: "10.0", place: "bot.py:3" }, "levou mais de 10 s", "took longer than 10 s"],
  [{ code: "late", what: "0.5", place: "bot.py:3" }, "levou mais de 0,5 s", "took longer than 0.5 s"],
  [{ code: "raised", what: "KeyError", place: "bot.py:3" }, "deu o erro KeyError", "failed with KeyError"],
  [{ code: "unfit", what: "returned int" }, "devolveu o que não é uma resposta", "returned what is no answer"],
  [{ code: "paused", what: "blocking" }, "travou o servidor", "blocked the server"],
  [{ code: "paused", what: "something new" }, "está em pausa", "it is paused"],
  [{ code: "held", what: "Esta palavra não." }, "Esta palavra não.", "Esta palavra não."],
] as const)("%j is said in the page's language", (reason, portuguese, english) => {
  expect(reasonText(say("pt-BR"), { place: "", ...reason }, "pt-BR")).toBe(portuguese);
  expect(reasonText(say("en"), { place: "", ...reason }, "en")).toBe(english);
});
