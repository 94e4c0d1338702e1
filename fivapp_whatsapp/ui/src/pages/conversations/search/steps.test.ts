import { expect, it } from "vitest";
import { stepOf } from "./steps";

it("walks through results with the arrows, and from the first one back to the field", () => {
  expect(stepOf("ArrowDown", -1, 3)).toBe(0);
  expect(stepOf("ArrowDown", 2, 3)).toBe(2);
  expect(stepOf("ArrowUp", 1, 3)).toBe(0);
  expect(stepOf("ArrowUp", 0, 3)).toBe(-1);
  expect(stepOf("End", 0, 3)).toBe(2);
  expect(stepOf("Home", 2, 3)).toBe(0);
  expect(stepOf("Escape", 1, 3)).toBe(-1);
});

it("leaves other keys alone, and has nowhere to go without results", () => {
  expect(stepOf("Enter", 1, 3)).toBeNull();
  expect(stepOf("ArrowDown", -1, 0)).toBe(-1);
  expect(stepOf("End", -1, 0)).toBeNull();
});
