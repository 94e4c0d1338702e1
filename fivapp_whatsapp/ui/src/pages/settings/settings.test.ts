import { expect, it } from "vitest";
import type { Session } from "../../api/types";
import { codeSeen, codeState, endsAt } from "./qr";
import { troubleOf } from "./trouble";

const NOW = 1_800_000_000_000;

it("the first code of an attempt lives a minute from its beginning, each further one twenty seconds", () => {
  const first = codeSeen(null, "a", NOW + 2_000, NOW);
  expect(endsAt(first)).toBe(NOW + 60_000);
  expect(codeSeen(first, "a", NOW + 30_000, NOW)).toBe(first);
  const second = codeSeen(first, "b", NOW + 60_500, NOW);
  expect(endsAt(second)).toBe(NOW + 80_500);
});

it("a page that is opened late promises no more than a code has", () => {
  expect(endsAt(codeSeen(null, "a", NOW + 90_000, NOW))).toBe(NOW + 110_000);
});

it("a clock that is wrong makes no odd promise", () => {
  expect(endsAt(codeSeen(null, "a", NOW, NOW + 600_000))).toBe(NOW + 60_000);
});

it("what had no code yet begins with its first one", () => {
  const none = codeSeen(null, null, NOW, NOW);
  expect(endsAt(codeSeen(none, "a", NOW + 1_000, NOW))).toBe(NOW + 60_000);
});

it("a code counts down, is renewed, and is over when nobody renews it", () => {
  const code = codeSeen(null, "a", NOW, NOW);
  expect(codeState(code, NOW + 500)).toEqual({ kind: "valid", seconds: 60 });
  expect(codeState(code, NOW + 59_900)).toEqual({ kind: "valid", seconds: 1 });
  expect(codeState(code, NOW + 60_000)).toEqual({ kind: "renewing" });
  expect(codeState(code, NOW + 80_000)).toEqual({ kind: "expired" });
});

const session = (values: Partial<Session>) =>
  troubleOf({ desired: "running", status: "connected", ...values } as Session);

it("what is wrong is said in words with the next step, and what was heard stands beside it", () => {
  expect(session({})).toBeNull();
  expect(session({ problem: "unreachable", error: "connection refused" })).toEqual({
    key: "trouble.unreachable",
    words: {},
    detail: "connection refused",
  });
  expect(session({ status: "logged_out", error: "logged out from phone" })?.key).toBe("trouble.logged_out");
  expect(session({ status: "logged_out", error: "logged_out_on_phone" })?.detail).toBeNull();
  expect(session({ status: "failed", error: "qr_timeout" })).toMatchObject({ key: "trouble.qr_timeout", detail: null });
  expect(session({ status: "disconnected" })?.key).toBe("trouble.disconnected");
});

it("a session that is connected and does not work says what does not", () => {
  const since = "2026-11-26 12:00 UTC";
  const said = (error: string) => session({ problem: "degraded", error });
  expect(said(`The connection service has not answered its sends since ${since}.`)).toEqual({
    key: "trouble.sends",
    words: { since },
    detail: null,
  });
  expect(said(`Nothing came back by webhook for what was sent since ${since}.`)?.key).toBe("trouble.silence");
  expect(said(`No webhook came since ${since}.`)?.key).toBe("trouble.quiet");
  expect(said("The connection service refuses our key; nothing was done.")?.key).toBe("trouble.key");
  expect(said("something else")).toMatchObject({ key: "trouble.degraded", detail: "something else" });
});

it("a number that was switched off by hand is nobody's trouble", () => {
  expect(session({ desired: "stopped", problem: "unreachable" })?.key).toBe("trouble.disconnected");
});
