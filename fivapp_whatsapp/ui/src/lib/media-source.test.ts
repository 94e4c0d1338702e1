import { afterEach, expect, it, vi } from "vitest";
import { queryClient } from "../api/queries";
import { forgetToken, takeToken } from "../api/token";
import { message } from "../testing/make";
import { mediaSource } from "./media-source";

const kept = message({ id: "m1", kind: "audio", media: { state: "ready", preview: true } as never });
const asked: [string, string | null][] = [];

function answer(expiresAt: string) {
  vi.stubGlobal("fetch", (path: string, how: { headers: Record<string, string> }) => {
    asked.push([path, how.headers.Authorization ?? null]);
    const url = `http://inside:8000/api/media/signed/tok${asked.length}`;
    return Promise.resolve(new Response(JSON.stringify({ url, expiresAt }), { status: 200 }));
  });
}

function logInWithToken() {
  const place = { hash: "#token=a.b.c", pathname: "/", search: "" } as Location;
  takeToken(place, { state: null, replaceState: () => undefined } as unknown as History);
}

afterEach(() => {
  forgetToken();
  queryClient.clear();
  vi.unstubAllGlobals();
  asked.length = 0;
});

it("with a cookie a file is read where it is, and nothing is asked", () => {
  answer("");
  expect(mediaSource(kept)).toBe("/api/media/m1");
  expect(mediaSource(kept, "download")).toBe("/api/media/m1?download=true");
  expect(asked).toEqual([]);
});

it("with a token in memory it is read by a link of our own address, asked for with the token and used while it lasts", async () => {
  logInWithToken();
  answer(new Date(Date.now() + 300_000).toISOString());
  expect(await mediaSource(kept)).toBe("/api/media/signed/tok1");
  expect(await mediaSource(kept, "download")).toBe("/api/media/signed/tok1?download=true");
  expect(asked).toEqual([["/api/media/m1/link", "Bearer a.b.c"]]);
  expect(await mediaSource(kept, "preview")).toBe("/api/media/signed/tok2");
  expect(asked[1]?.[0]).toBe("/api/media/m1/link?preview=true");
});

it("a link that is nearly over is asked for anew", async () => {
  logInWithToken();
  answer(new Date(Date.now() + 10_000).toISOString());
  await mediaSource(kept);
  expect(await mediaSource(kept)).toBe("/api/media/signed/tok2");
});

it("what nobody keeps is read from the connection service as before", () => {
  logInWithToken();
  const away = message({ kind: "image", media: { url: "https://service.test/x.jpg" } as never });
  expect(mediaSource(away)).toBe("https://service.test/x.jpg");
});
