import { expect, it } from "vitest";
import { problemText, sentence } from "../parts/problems";
import { Problem } from "../api/problem";
import type { Translate } from "../i18n";
import { limitOf, remedyOf } from "./remedies";

const t: Translate = (key) => key;

it.each([
  ["not_on_whatsapp", "error.not_on_whatsapp", "checkNumber"],
  ["too_large", "error.too_large", "edit"],
  ["capability_missing", "error.capability_missing", "edit"],
  ["session_not_connected", "error.session_not_connected", "reconnect"],
  ["connector_not_connected", "error.session_not_connected", "reconnect"],
  ["logged_out", "error.session_not_connected", "reconnect"],
  ["window_closed", "error.window_closed", "keep"],
  ["rejected", "error.rejected", "retry"],
  ["message_expired", "error.expired", "retry"],
  ["rate_limited", "error.tooFast", "retry"],
  ["something_new", "error.generic", "retry"],
] as const)("%s is one sentence and one thing to do", (code, words, remedy) => {
  expect(sentence(t, code, "…")).toBe(words);
  expect(problemText(t, new Problem(422, { code }))).toBe(words);
  expect(remedyOf(code, true)).toBe(remedy);
});

it("who may not connect numbers is not sent to do so", () => {
  expect(remedyOf("logged_out", false)).toBe("retry");
});

it("what is too large names its limit", () => {
  expect(limitOf("video")).toBe(16 * 1024 * 1024);
  expect(limitOf("text")).toBeUndefined();
});
