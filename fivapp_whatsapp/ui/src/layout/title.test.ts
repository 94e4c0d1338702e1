import { expect, it } from "vitest";
import type { Session } from "../api/types";
import { conversation } from "../testing/make";
import { countUnread } from "./title";
import { troubleOf } from "./trouble-banner";

it("the title counts conversations with something unread, those of others left out", () => {
  const list = [
    conversation({ id: "a", unreadCount: 3 }),
    conversation({ id: "a", unreadCount: 3 }),
    conversation({ id: "b", unreadCount: 0 }),
    conversation({ id: "c", unreadCount: 1, assigneeId: "ana" }),
    conversation({ id: "d", unreadCount: 1, assigneeId: "rui" }),
  ];
  expect(countUnread(list, "ana")).toBe(2);
  expect(countUnread([], "ana")).toBe(0);
});

it("the banner names what needs a person, and nothing that mends itself or was wanted", () => {
  const session = (values: Partial<Session>) => troubleOf({ desired: "running", ...values } as Session);
  expect(session({ status: "logged_out" })).toBe("trouble.logged_out");
  expect(session({ status: "failed" })).toBe("trouble.failed");
  expect(session({ status: "restricted" })).toBe("trouble.restricted");
  expect(session({ status: "connected", problem: "unreachable" })).toBe("trouble.unreachable");
  expect(session({ status: "connected", problem: "degraded" })).toBe("trouble.degraded");
  for (const status of ["connected", "reconnecting", "connecting", "qr_ready", "disconnected", "unknown"] as const)
    expect(session({ status })).toBeNull();
  expect(session({ status: "logged_out", desired: "stopped" })).toBeNull();
});
