import { expect, it } from "vitest";
import { currentToken, takeToken } from "../api/token";
import type { Me } from "../api/types";
import { nextPath } from "../pages/login/next";
import { neighbour } from "../pages/conversations/neighbour";
import { canLogOut } from "./logout";
import { noteOf } from "./note";

const down = { state: "waiting", downSince: 1000, missed: 0, backAt: null } as const;
const back = { state: "live", downSince: null, missed: 4, backAt: 20_000 } as const;

it("a connection that is away is named after two seconds, and more calmly after ten", () => {
  expect(noteOf(down, 2_500, false)).toBeNull();
  expect(noteOf(down, 3_100, false)).toEqual({ kind: "reconnecting" });
  expect(noteOf(down, 11_100, false)).toEqual({ kind: "offline" });
});

it("that it is back is said shortly, and only to whom it was said that it was away", () => {
  expect(noteOf(back, 20_100, true)).toEqual({ kind: "back", missed: 4 });
  expect(noteOf(back, 20_100, false)).toBeNull();
  expect(noteOf(back, 30_000, true)).toBeNull();
});

it("the login leads back to a path of ours and nowhere else", () => {
  expect(nextPath("next=%2Fconversations%2F0a%3Fmessage%3Dm")).toBe("/conversations/0a?message=m");
  for (const evil of ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:x", ""])
    expect(nextPath(new URLSearchParams({ next: evil }).toString())).toBe("/conversations");
});

it("J and K walk the list and stop at its ends", () => {
  expect(neighbour(["a", "b"], null, 1)).toBe("a");
  expect(neighbour(["a", "b"], "a", 1)).toBe("b");
  expect(neighbour(["a", "b"], "b", 1)).toBe("b");
  expect(neighbour(["a", "b"], "a", -1)).toBe("a");
  expect(neighbour([], null, 1)).toBeNull();
});

it("a token leaves the address and stays in memory", () => {
  const seen: string[] = [];
  const place = { hash: "#token=a.b.c", pathname: "/conversations", search: "?x=1" } as Location;
  takeToken(place, {
    state: null,
    replaceState: (_: unknown, __: string, url: string) => seen.push(url),
  } as unknown as History);
  expect(currentToken()).toBe("a.b.c");
  expect(seen).toEqual(["/conversations?x=1"]);
  expect(Object.values({ ...localStorage, ...sessionStorage })).toEqual([]);
});

it("logging out is offered where it ends something", () => {
  const me = (login: string, logoutUrl: string | null = null) => ({ login, logoutUrl }) as Me;
  expect([me("account"), me("bearer")].map(canLogOut)).toEqual([true, true]);
  expect(canLogOut(me("cookie"))).toBe(false);
  expect(canLogOut(me("cookie", "https://app.test/logout"))).toBe(true);
});
