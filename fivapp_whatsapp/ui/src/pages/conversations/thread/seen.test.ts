import { expect, it } from "vitest";
import { message } from "../../../testing/make";
import { look, nextRead, READ_AFTER, ripe } from "./seen";

const [a, b, c] = [message(), message(), message()];
const thread = [a, b, c] as const;

it("what was in view for a second is read, up to the newest of it", () => {
  expect(nextRead(thread, [], [a.id, b.id])).toBe(b.id);
  expect(nextRead(thread, [a.id, null], [a.id, b.id])).toBe(b.id);
});

it("old messages that are looked at make no newer one unread", () => {
  expect(nextRead(thread, [a.id, b.id], [a.id])).toBeNull();
  expect(nextRead(thread, [a.id, b.id], [b.id])).toBeNull();
  expect(nextRead(thread, [a.id, b.id], [])).toBeNull();
});

it("a mark that stands before what is loaded is older than all of it", () => {
  expect(nextRead(thread, ["long ago"], [a.id])).toBe(a.id);
});

it("a message keeps its time in view whatever comes below it", () => {
  let inView = look(new Map(), [a.id], 0);
  inView = look(inView, [a.id, b.id], 600);
  expect(ripe(inView, 999)).toEqual({ ids: [], next: 1 });
  inView = look(inView, [a.id, b.id, c.id], READ_AFTER);
  expect(ripe(inView, READ_AFTER)).toEqual({ ids: [a.id], next: 600 });
});

it("a message that left the view begins anew", () => {
  let inView = look(new Map(), [a.id], 0);
  inView = look(inView, [], 500);
  inView = look(inView, [a.id], 900);
  expect(ripe(inView, 1_500).ids).toEqual([]);
});
