import { expect, it } from "vitest";
import { message, mine } from "../../../testing/make";
import { answeredSince, begun } from "./collision";

const rui = { kind: "agent", id: "rui", name: "Rui" } as const;

it("a colleague's answer is one that was not there at the first key, whatever the clocks say", () => {
  const before = [message(), mine({ author: rui })];
  const since = begun(before);
  expect(answeredSince(before, since, "ana")).toBeUndefined();
  const answer = mine({ author: rui, at: "2020-01-01T00:00:00Z" });
  expect(answeredSince([...before, message(), answer], since, "ana")).toBe(answer);
});

it("what the phone said counts; one's own, a bot's, notes and the customer's do not", () => {
  const since = begun([]);
  const phone = mine({ author: { kind: "phone" } });
  expect(answeredSince([phone], since, "ana")).toBe(phone);
  const others = [
    mine(),
    mine({ author: { kind: "plugin", id: "autoreply", name: "autoreply" } }),
    mine({ author: rui, kind: "note" }),
    mine({ author: rui, kind: "system" }),
    message(),
  ];
  expect(answeredSince(others, since, "ana")).toBeUndefined();
});
