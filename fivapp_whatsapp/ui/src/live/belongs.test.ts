import { expect, it } from "vitest";
import type { View } from "../api/types";
import { conversation } from "../testing/make";
import { ALL, belongsTo, botAnswers, listQuery } from "./belongs";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const in_ = (view: View | null, values: Parameters<typeof conversation>[0], label: string | null = null) =>
  belongsTo({ view, label, query: "" }, "ana", () => NOW)?.(conversation(values));

it.each<[View | null, Parameters<typeof conversation>[0], boolean]>([
  [null, {}, true],
  [null, { status: "closed" }, false],
  [null, { status: "snoozed" }, true],
  ["closed", { status: "closed" }, true],
  ["closed", {}, false],
  ["to_answer", { waitingSince: "2026-11-26T11:00:00Z" }, true],
  ["to_answer", { waitingSince: "2026-11-26T11:00:00Z", status: "snoozed" }, false],
  ["to_answer", {}, false],
  ["mine", { assigneeId: "ana" }, true],
  ["mine", { assigneeId: "rui" }, false],
  ["unassigned", {}, true],
  ["unassigned", { assigneeId: "ana" }, false],
  ["groups", { isGroup: true }, true],
  ["groups", {}, false],
  ["bots", {}, true],
  ["bots", { answeredBy: "human" }, false],
  ["bots", { pausedUntil: "2026-11-26T12:30:00Z" }, false],
])("%s holds %o: %s", (view, values, expected) => {
  expect(in_(view, values)).toBe(expected);
});

it("a label's list holds what has the label", () => {
  expect(in_("label", { labels: ["order"] }, "order")).toBe(true);
  expect(in_("label", { labels: ["orders"] }, "order")).toBe(false);
});

it("what a search finds only the gateway knows", () => {
  expect(belongsTo({ ...ALL, query: "rita" }, "ana")).toBeNull();
  expect(listQuery({ ...ALL, query: "rita" })).toEqual({ q: "rita", searchIn: "names" });
  expect(listQuery(ALL)).toEqual({});
});

it("a pause that is over lets the bot answer again", () => {
  expect(botAnswers(conversation({ pausedUntil: "2026-11-26T11:59:00Z" }), NOW)).toBe(true);
});
