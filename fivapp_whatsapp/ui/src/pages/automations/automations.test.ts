import { beforeEach, expect, it } from "vitest";
import type { Plugin, Tried } from "../../api/types";
import { translate } from "../../i18n";
import { leaving, aroundNav, unsaved, warn } from "../../lib/leaving";
import { drafts, keep, sameJson } from "./drafts";
import { answers, healthOf } from "./health";
import { inOrder, moved } from "./order";
import { descriptionOf, titleOf } from "./plugin-words";
import { choicesOf, factsOf, memoryOf } from "./talk";
import "./words";

function plugin(values: Partial<Plugin> = {}): Plugin {
  return {
    name: "shop",
    title: "Shop",
    version: "1",
    distribution: "shop",
    source: "installed",
    hooks: ["reply_to"],
    enabled: true,
    configured: true,
    health: { failures: 0, late: 0, stalls: 0, left: 0, pausedHooks: [], pausedIn: 0, forAll: false },
    config: {},
    schema: {},
    ...values,
  };
}

function tried(values: Partial<Tried> = {}): Tried {
  return { answers: [], steps: [], effects: [], memory: {}, ...values };
}

it("a plugin moves to a place, and not beyond the ends", () => {
  const names = ["a", "b", "c"];
  expect(moved(names, "c", 0)).toEqual(["c", "a", "b"]);
  expect(moved(names, "a", 1)).toEqual(["b", "a", "c"]);
  expect(moved(names, "a", 9)).toEqual(["b", "c", "a"]);
  expect(moved(names, "b", -1)).toEqual(["b", "a", "c"]);
  expect(moved(names, "x", 0)).toEqual(names);
});

it("what an order does not name follows as it stood", () => {
  const items = ["a", "b", "c", "d"].map((name) => ({ name }));
  expect(inOrder(items, ["d", "b"]).map((one) => one.name)).toEqual(["d", "b", "a", "c"]);
});

it("what stops a plugin is said before all else", () => {
  const failing = { ...plugin().health, reason: "failing" as const };
  expect(healthOf(plugin(), true)).toEqual({ tone: "good", key: "plugin.on" });
  expect(healthOf(plugin({ health: failing }), true).key).toBe("plugin.paused.failing");
  expect(healthOf(plugin({ health: failing, enabled: false }), true).key).toBe("plugin.off");
  expect(healthOf(plugin({ health: failing, problem: "x" }), true).key).toBe("plugin.invalid");
  const hanging = { ...failing, reason: "hanging" as const };
  expect(translate("pt-BR", healthOf(plugin({ health: hanging }), true).key)).toBe("Pausado: não responde");
  expect(healthOf(plugin(), false).key).toBe("plugin.allOff");
  expect(healthOf(plugin({ hooks: ["timer"] }), false).key).toBe("plugin.on");
  expect(healthOf(plugin({ configured: false }), true).key).toBe("plugin.defaults");
  expect(healthOf(plugin({ configured: false, schema: null }), true).key).toBe("plugin.on");
});

it("only a plugin that replies is a bot", () => {
  expect(answers(plugin())).toBe(true);
  expect(answers(plugin({ hooks: ["message_received"] }))).toBe(false);
});

it("a plugin's title and words are in the page's language where it has them", () => {
  const schema = {
    $ref: "#/$defs/S",
    $defs: { S: { description: "Sells.", i18n: { "pt-BR": { title: "Loja", description: "Vende." } } } },
  };
  expect(titleOf(plugin({ schema }), "pt-BR")).toBe("Loja");
  expect(titleOf(plugin({ schema }), "en")).toBe("Shop");
  expect(descriptionOf(plugin({ schema }), "pt-BR")).toBe("Vende.");
  expect(descriptionOf(plugin({ schema }), "en")).toBe("Sells.");
  expect(descriptionOf(plugin({ schema: null }), "en")).toBeNull();
  expect(titleOf(plugin({ name: "push", source: "bundled" }), "pt-BR")).toBe("Avisos no navegador");
  expect(titleOf(plugin({ name: "push" }), "pt-BR")).toBe("Shop");
});

it("a talk goes on from what the last answered turn remembers", () => {
  expect(memoryOf([])).toBeNull();
  const first = { id: "1", text: "a", tried: tried({ memory: { states: 1 } }) };
  expect(memoryOf([first, { id: "2", text: "b", problem: "offline" }, { id: "3", text: "c" }])).toEqual({ states: 1 });
});

it("a choice may be a text or a title with its id", () => {
  expect(choicesOf(["Sim", { id: "n", title: "Não" }])).toEqual([
    { id: "Sim", title: "Sim" },
    { id: "n", title: "Não" },
  ]);
  expect(choicesOf(undefined)).toEqual([]);
});

it("of an effect the facts are shown, not again what it is and whose", () => {
  expect(factsOf({ what: "note", plugin: "a", conversationId: "c", text: "x" })).toBe('{"text":"x"}');
  expect(factsOf({ what: "give_back", plugin: "a" })).toBe("");
});

it("settings are compared as JSON: the order of names is nothing, that of a list is", () => {
  expect(sameJson({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
  expect(sameJson({ a: undefined }, {})).toBe(true);
  expect(sameJson([1, 2], [2, 1])).toBe(false);
  expect(sameJson({ a: "" }, {})).toBe(false);
});

it("a draft is kept by plugin until it is saved or dropped", () => {
  keep("a", { x: 1 });
  keep("b", { y: 1 });
  keep("a", null);
  expect(drafts.get()).toEqual({ b: { y: 1 } });
  keep("b", null);
  expect(drafts.get()).toEqual({});
});

const gone: string[] = [];

beforeEach(() => {
  gone.length = 0;
  unsaved.set(false);
  leaving.set(null);
});

function follow(to: string) {
  aroundNav((path) => void gone.push(String(path)), to, {});
}

it("a link goes at once when all is saved", () => {
  follow("/conversations");
  expect(gone).toEqual(["/conversations"]);
});

it("a link waits for an answer while something is not saved, and so does closing the page", () => {
  unsaved.set(true);
  follow("/conversations");
  expect(gone).toEqual([]);
  leaving.get()?.();
  expect(gone).toEqual(["/conversations"]);
  const closing = new Event("beforeunload", { cancelable: true });
  warn(closing as BeforeUnloadEvent);
  expect(closing.defaultPrevented).toBe(true);
});
