import { beforeEach, describe, expect, it } from "vitest";
import { setSingleKeys, shortcutOf } from "./shortcuts";

/** Presses a key on an element of a page, and returns what the page hears of it. */
function press(html: string, key: string, more: KeyboardEventInit = {}): string | null {
  document.body.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.children);
  const target = document.querySelector("[data-here]") ?? document.body;
  let heard: string | null = null;
  const listen = (event: KeyboardEvent) => (heard = shortcutOf(event));
  addEventListener("keydown", listen);
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  removeEventListener("keydown", listen);
  return heard;
}

beforeEach(() => {
  localStorage.clear();
  setSingleKeys(true);
});

describe("Enter", () => {
  it.each([
    "<a href='/x' data-here>row</a>",
    "<button data-here>go</button>",
    "<details><summary data-here>more</summary></details>",
    "<div role='switch' tabindex='0' data-here></div>",
    "<input data-here>",
    "<textarea data-here></textarea>",
    "<div role='menu'><div role='menuitem' tabindex='-1' data-here></div></div>",
  ])("belongs to %s", (html) => {
    expect(press(html, "Enter")).toBeNull();
  });

  it.each([
    "<p>nothing has the focus</p>",
    "<main tabindex='-1' data-here></main>",
    "<div role='group' tabindex='0' data-here></div>",
    "<div role='list' tabindex='-1' data-here></div>",
  ])("goes to the field from %s", (html) => {
    expect(press(html, "Enter")).toBe("enter");
  });
});

describe("single letters", () => {
  it("act on the page and on its links, and are dead in fields", () => {
    expect(press("<p></p>", "J")).toBe("j");
    expect(press("<a href='/x' data-here>row</a>", "j")).toBe("j");
    expect(press("<input data-here>", "j")).toBeNull();
    expect(press("<select data-here></select>", "j")).toBeNull();
    expect(press("<div contenteditable='true' data-here></div>", "j")).toBeNull();
  });

  it("can be switched off, and then words with Ctrl still act", () => {
    setSingleKeys(false);
    expect(press("<p></p>", "e")).toBeNull();
    expect(press("<input data-here>", "k", { ctrlKey: true })).toBe("ctrl+k");
    expect(press("<p></p>", "Escape")).toBe("escape");
  });

  it("mean nothing while a letter is composed or with other keys held", () => {
    expect(press("<p></p>", "e", { isComposing: true })).toBeNull();
    expect(press("<p></p>", "e", { altKey: true })).toBeNull();
    expect(press("<p></p>", "r", { ctrlKey: true })).toBeNull();
  });
});
