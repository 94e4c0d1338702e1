import "../words";
import { beforeAll, expect, it } from "vitest";
import { Problem } from "../../../api/problem";
import { loadLanguage, translate, type Key, type Words } from "../../../i18n";
import { hasErrors, refusalOf, serverErrors, stepsOf } from "./errors";
import { lineOf, previewOf } from "./played";
import { formSchema, humanized } from "./schema";
import { problemsOf, validatorFor } from "./validator";

beforeAll(() => loadLanguage("en"));

const t = (key: Key, words?: Words) => translate("en", key, words);

const SCHEMA = {
  $ref: "#/$defs/Shop",
  $defs: {
    Shop: {
      type: "object",
      properties: {
        greeting: {
          type: "string",
          title: "Greeting",
          description: "Said first.",
          i18n: { "pt-BR": { title: "Saudação", description: "Dita primeiro." } },
          maxLength: 1000,
        },
        apiKey: { type: "string", writeOnly: true, default: "" },
        limit: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null },
        hours: { anyOf: [{ $ref: "#/$defs/Hours" }, { type: "null" }], default: null },
        match: {
          enum: ["any", "exact"],
          default: "exact",
          i18n: { "pt-BR": { values: { exact: "O texto todo", any: "Qualquer texto" } } },
        },
        rules: { type: "array", items: { $ref: "#/$defs/Rule" }, maxItems: 2 },
      },
      required: [],
    },
    Hours: { type: "object", properties: { from: { type: "string" } } },
    Rule: {
      type: "object",
      properties: {
        name: { type: "string", minLength: 1, maxLength: 5 },
        words: { type: "array", items: { type: "string" } },
      },
      required: ["name"],
    },
  },
};

type Fields = Record<string, Record<string, unknown>>;

function fields(language: "pt-BR" | "en"): Fields {
  const shown = formSchema(SCHEMA, language, "None") as unknown as { $defs: { Shop: { properties: Fields } } };
  return shown.$defs.Shop.properties;
}

it("a field's words are in the page's language, and its name is made readable when it has none", () => {
  expect(fields("pt-BR").greeting).toMatchObject({ title: "Saudação", description: "Dita primeiro." });
  expect(fields("en").greeting).toMatchObject({ title: "Greeting", description: "Said first." });
  expect(fields("en").apiKey?.title).toBe("Api key");
  expect(humanized("cooldown_seconds")).toBe("Cooldown seconds");
});

it("secrets and long texts have their own fields", () => {
  expect(fields("en").apiKey?.format).toBe("secret");
  expect(fields("en").greeting?.format).toBe("textarea");
});

it("a number that may be absent is a field that may be empty; an object that may be is a choice", () => {
  expect(fields("en").limit).toMatchObject({ type: ["integer", "null"], minimum: 1 });
  expect(fields("en").limit?.anyOf).toBeUndefined();
  expect(fields("en").hours?.anyOf).toEqual([{ type: "null", title: "None" }, { $ref: "#/$defs/Hours" }]);
});

it("values that may be chosen have words, in the order of the words", () => {
  expect(fields("pt-BR").match?.oneOf).toEqual([
    { const: "exact", title: "O texto todo" },
    { const: "any", title: "Qualquer texto" },
  ]);
  expect(fields("en").match?.enum).toEqual(["any", "exact"]);
});

it("a field with a preview is played by a route of its plugin, with what stands in it and the settings that count", () => {
  const context = { plugin: "chatbot", values: { language: "en", file: "x" } };
  const schema = { type: "string", preview: { route: "preview", with: ["language", "gone"] } };
  expect(previewOf(schema, "flow", "text", context)).toEqual({
    path: "/api/chatbot/preview",
    settings: { language: "en", flow: "text" },
  });
  expect(previewOf({ type: "string" }, "flow", "", context)).toBeNull();
  for (const route of ["../messages", "//evil.example", "a/../b", "", "a?b"])
    expect(previewOf({ preview: { route } }, "flow", "", context)).toBeNull();
});

it("a mistake is told with its line, and in the page's language where the plugin has it", () => {
  const mistake = { severity: "error", detail: "no such step", line: 3 } as const;
  expect(lineOf(mistake, t, "en")).toBe("Line 3: no such step");
  expect(lineOf({ ...mistake, line: null }, t, "pt-BR")).toBe("no such step");
  const both = { ...mistake, i18n: { "pt-BR": { detail: "não há a etapa" } } };
  expect(lineOf(both, (key, words) => translate("pt-BR", key, words), "pt-BR")).toBe("Linha 3: não há a etapa");
  expect(lineOf(both, t, "en")).toBe("Line 3: no such step");
});

it("the schema itself is not changed", () => {
  const before = JSON.stringify(SCHEMA);
  formSchema(SCHEMA, "pt-BR", "None");
  expect(JSON.stringify(SCHEMA)).toBe(before);
});

const said = (values: unknown) => Object.fromEntries(problemsOf(SCHEMA, values, t).map((e) => [e.property, e.message]));

it("what is wrong is said once for each place, in words, with the limit", () => {
  expect(said({})).toEqual({});
  expect(said({ rules: [{ name: "toolong" }] })).toEqual({ ".rules.0.name": "At most 5 characters." });
  expect(said({ limit: 0 })[".limit"]).toBe("The least is 1.");
  expect(said({ match: "x" })).toEqual({ ".match": "Choose one of the options." });
  expect(said({ rules: [{ name: "a" }, { name: "b" }, { name: "c" }] })).toEqual({ ".rules": "At most 2." });
});

it("what is missing or empty is to be filled in", () => {
  expect(said({ rules: [{}] })).toEqual({ ".rules.0.name": "Fill in this field." });
  expect(said({ rules: [{ name: "" }] })).toEqual({ ".rules.0.name": "Fill in this field." });
  expect(said({ rules: [{ name: "a", words: [undefined] }] })).toEqual({ ".rules.0.words.0": "Fill in this field." });
});

it("the form finds which of several kinds a value is", () => {
  const validator = validatorFor(SCHEMA, t);
  const isHours = (value: unknown) => validator.isValid({ $ref: "#/$defs/Hours" }, value, SCHEMA as never);
  expect(isHours({ from: "08:00" })).toBe(true);
  expect(isHours(null)).toBe(false);
});

it("a pattern that only the server understands is left to the server", () => {
  expect(
    problemsOf({ type: "object", properties: { a: { type: "string", pattern: "(?P<x>a)" } } }, { a: "b" }, t),
  ).toEqual([]);
});

it("no function is made out of text: the policy of the pages forbids it", () => {
  const original = globalThis.Function;
  globalThis.Function = (() => {
    throw new Error("made out of text");
  }) as unknown as FunctionConstructor;
  try {
    expect(said({ rules: [{ name: "" }] })).toEqual({ ".rules.0.name": "Fill in this field." });
  } finally {
    globalThis.Function = original;
  }
});

it("what a plugin refuses is said in the page's language where the plugin has it", () => {
  const i18n = { "pt-BR": { detail: "duas regras têm o mesmo nome" } };
  const refused = (pointer: string) =>
    new Problem(400, { detail: "two rules have one name", errors: [{ pointer, code: "invalid", i18n }] });
  expect(refusalOf(refused("#/config"), "pt-BR")).toBe("duas regras têm o mesmo nome");
  expect(refusalOf(refused("#/config"), "en")).toBe("two rules have one name");
  expect(refusalOf(new Problem(400, { detail: "no" }), "pt-BR")).toBe("no");
  expect(serverErrors(refused("#/config/rules"), "pt-BR")).toEqual({
    rules: { __errors: ["duas regras têm o mesmo nome"] },
  });
});

it("a pointer of the server leads to its field", () => {
  expect(stepsOf("#/config")).toEqual([]);
  expect(stepsOf("#/config/rules/0/a~1b")).toEqual(["rules", "0", "a/b"]);
  expect(stepsOf("#/order")).toBeNull();
  const refused = (pointer: string) =>
    new Problem(400, { detail: "No such day.", errors: [{ pointer, code: "invalid" }] });
  expect(serverErrors(refused("#/config/rules/0/name"), "en")).toEqual({
    rules: { 0: { name: { __errors: ["No such day."] } } },
  });
  expect(hasErrors(serverErrors(refused("#/config/rules/0/name"), "en"))).toBe(true);
  expect(hasErrors(serverErrors(refused("#/config"), "en"))).toBe(false);
  expect(hasErrors({ rules: { 0: { __errors: [] } } })).toBe(false);
});
