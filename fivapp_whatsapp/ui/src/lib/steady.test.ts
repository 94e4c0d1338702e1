import { expect, it } from "vitest";
import { steady } from "./steady";

it("follows the new order while nobody points at it", () => {
  expect(steady(["a", "b"], ["b", "a"], false)).toEqual({ ids: ["b", "a"], waiting: 0 });
});

it("stays under the pointer and counts what would move", () => {
  expect(steady(["a", "b", "c"], ["c", "a", "b"], true)).toEqual({ ids: ["a", "b", "c"], waiting: 1 });
  expect(steady(["a", "b", "c"], ["x", "c", "a", "b"], true)).toEqual({ ids: ["a", "b", "c"], waiting: 2 });
});

it("lets go what is gone, and takes what was loaded at the end", () => {
  expect(steady(["a", "b", "c"], ["a", "c", "d"], true)).toEqual({ ids: ["a", "c", "d"], waiting: 0 });
});
