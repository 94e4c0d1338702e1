import { expect, it } from "vitest";
import { addressOf, BURST, looksAt, readNotice, soundsAgain, windowFor } from "./notice";

const SCOPE = "https://example.com/wa/";
const sent = { title: "Rita", body: "Um cliente escreveu.", tag: "0a", url: "/conversations/0a?message=0b", unread: 3 };

function page(path: string, focused = false, visibilityState = "visible") {
  return { url: `https://example.com${path}`, focused, visibilityState };
}

it("a push of the plugin becomes a notice of its conversation", () => {
  expect(readNotice(sent)).toEqual({
    title: "Rita (3)",
    body: "Um cliente escreveu.",
    tag: "0a",
    path: "/conversations/0a?message=0b",
  });
  expect(readNotice({ ...sent, unread: 1 }).title).toBe("Rita");
});

it("a push that cannot be read still tells that something came", () => {
  for (const odd of [null, "x", 7, [], { title: 3, url: {} }])
    expect(readNotice(odd)).toEqual({ title: "Fi.VApp", body: "", tag: "fivapp", path: "/conversations" });
});

it("a click leads nowhere but below our prefix", () => {
  expect(addressOf(readNotice(sent).path, SCOPE)).toBe("https://example.com/wa/conversations/0a?message=0b");
  for (const url of ["//evil.test/x", "https://evil.test", "javascript:alert(1)", "/\\evil.test", "/../admin"])
    expect(addressOf(readNotice({ ...sent, url }).path, SCOPE)).toBe("https://example.com/wa/conversations");
});

it("the conversation that somebody looks at is not told of, any other is", () => {
  const notice = readNotice(sent);
  expect(looksAt([page("/wa/conversations/0a", true)], notice, SCOPE)).toBe(true);
  expect(looksAt([page("/wa/conversations/0a?message=0c", true)], notice, SCOPE)).toBe(true);
  expect(looksAt([page("/wa/conversations/0a", false)], notice, SCOPE)).toBe(false);
  expect(looksAt([page("/wa/conversations/0a", true, "hidden")], notice, SCOPE)).toBe(false);
  expect(looksAt([page("/wa/conversations/0c", true)], notice, SCOPE)).toBe(false);
  expect(looksAt([page("/wa/conversations", true)], readNotice(null), SCOPE)).toBe(false);
});

it("a click goes to a page that is open and logged in, at best the one with the focus", () => {
  const [login, other, first, focused] = [
    page("/wa/login"),
    page("/other/"),
    page("/wa/automations"),
    page("/wa/x", true),
  ];
  expect(windowFor([login, other], SCOPE)).toBeNull();
  expect(windowFor([login, other, first, focused], SCOPE)).toBe(focused);
  expect(windowFor([login, first], SCOPE)).toBe(first);
});

it("messages that come one upon the other make one noise", () => {
  expect(soundsAgain(undefined, 1_000)).toBe(true);
  expect(soundsAgain(1_000, 1_000 + BURST)).toBe(false);
  expect(soundsAgain(1_000, 1_001 + BURST)).toBe(true);
});
