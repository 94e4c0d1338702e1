import { expect, it } from "vitest";
import { addressOf, BURST, isLookedAt, lookingLock, ours, readNotice, soundsAgain } from "./notice";

const SCOPE = "https://example.com/wa/";
const sent = { title: "Rita", body: "Um cliente escreveu.", tag: "0a", url: "/conversations/0a?message=0b", unread: 3 };

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
  const held = (...names: string[]) => names.map((name) => ({ name }));
  expect(isLookedAt(notice, held("other", lookingLock("/wa", "0a")), SCOPE)).toBe(true);
  expect(isLookedAt(notice, held(lookingLock("", "0a")), "https://example.com/")).toBe(true);
  expect(isLookedAt(notice, held(lookingLock("/wa", "0c"), lookingLock("/wa", ""), lookingLock("", "0a")), SCOPE)).toBe(
    false,
  );
  expect(isLookedAt(readNotice(null), held(lookingLock("/wa", "")), SCOPE)).toBe(false);
});

it("a click goes to a page of ours, at best the one with the focus", () => {
  const page = (path: string, focused = false) => ({ url: `https://example.com${path}`, focused });
  const [other, first, focused] = [page("/other/", true), page("/wa/automations"), page("/wa/x", true)];
  expect(ours([other, first, focused], SCOPE)).toEqual([focused, first]);
  expect(ours([other], SCOPE)).toEqual([]);
});

it("messages that come one upon the other make one noise", () => {
  expect(soundsAgain(undefined, 1_000)).toBe(true);
  expect(soundsAgain(1_000, 1_000 + BURST)).toBe(false);
  expect(soundsAgain(1_000, 1_001 + BURST)).toBe(true);
});
