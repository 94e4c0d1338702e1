import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Message, MessageKind } from "../../../api/types";
import { click, draw } from "../../../testing/draw";
import { message } from "../../../testing/make";
import { ThreadContext, type ThreadActions } from "./context";
import { Media } from "./media";

const askAgain = vi.fn();
const actions = { askAgain, showImage: () => undefined } as unknown as ThreadActions;

/** What the gateway answers to a question about a file, and what it was asked. */
let answer: () => Promise<Response>;
let asked: string[];

const status = (code: number) => () => Promise.resolve(new Response("{}", { status: code }));

beforeEach(() => {
  asked = [];
  askAgain.mockReset();
  answer = status(200);
  vi.stubGlobal("fetch", (path: string, how: RequestInit) => {
    asked.push(`${how.method ?? "GET"} ${path}`);
    return answer();
  });
});

afterEach(() => vi.unstubAllGlobals());

function file(kind: MessageKind, media: object): Message {
  return message({ id: "m1", kind, text: "", media: { mimeType: "x/y", ...media } as never });
}

function show(shown: Message) {
  const node = (one: Message) => (
    <ThreadContext value={actions}>
      <Media message={one} />
    </ThreadContext>
  );
  const drawn = draw(node(shown));
  return {
    ...drawn,
    redraw: (next: Message) => drawn.redraw(node(next)),
    text: () => drawn.place.querySelector(".absent span:not(.spinner)")?.textContent ?? null,
    buttons: () => [...drawn.place.querySelectorAll(".absent button")].map((one) => one.textContent),
  };
}

async function breakIt(place: HTMLElement, what: string) {
  const element = place.querySelector(what);
  if (element === null) throw new Error(`there is no ${what}`);
  await act(async () => void element.dispatchEvent(new Event("error")));
}

it.each([
  ["fetching", "Buscando o arquivo…", []],
  ["failed", "O arquivo não pôde ser carregado.", ["Tentar de novo", "Pedir de novo"]],
  ["expired", "O arquivo já não está guardado aqui: o tempo dele passou.", ["Buscar de novo", "Pedir de novo"]],
  ["gone", "O WhatsApp já não tem este arquivo. Peça ao contato que envie de novo.", ["Pedir de novo"]],
] as const)("a file that is %s says so, with what helps", (state, words, buttons) => {
  for (const kind of ["image", "video", "audio", "document"] as const) {
    const shown = show(file(kind, { state }));
    expect([kind, shown.text(), shown.buttons()]).toEqual([kind, words, buttons]);
    expect(shown.place.querySelector(".spinner") !== null).toBe(state === "fetching");
  }
});

it("a file that failed is fetched again, waits meanwhile, and then is there", async () => {
  const failed = file("image", { state: "failed" });
  const shown = show(failed);
  let arrive: (response: Response) => void = () => undefined;
  answer = () => new Promise((resolve) => (arrive = resolve));
  await click(shown.button("Tentar de novo"));
  expect(asked).toEqual(["POST /api/media/m1/retry"]);
  expect([shown.text(), shown.buttons()]).toEqual(["Buscando o arquivo…", []]);
  shown.redraw(file("image", { state: "ready" }));
  await act(async () => arrive(new Response("{}", { status: 200 })));
  expect(shown.place.querySelector("img")?.getAttribute("src")).toBe("/api/media/m1");
});

it("a second try that fails as the first leaves the button for a third", async () => {
  const shown = show(file("document", { state: "failed" }));
  answer = () => Promise.reject(new TypeError("no network"));
  await click(shown.button("Tentar de novo"));
  expect(shown.buttons()).toEqual(["Tentar de novo", "Pedir de novo"]);
});

it.each([
  ["image", "img"],
  ["video", "video"],
] as const)("a kept %s that does not come now may come at the next try", async (kind, element) => {
  const shown = show(file(kind, { state: "ready", filename: "f" }));
  answer = status(503);
  await breakIt(shown.place, element);
  expect(asked).toEqual(["GET /api/media/m1/facts"]);
  expect([shown.text(), shown.buttons()]).toEqual(["O arquivo não pôde ser carregado.", ["Tentar de novo"]]);
  // It may be one that no browser shows: it can still be saved.
  expect(shown.button("Baixar: f")?.getAttribute("href")).toBe("/api/media/m1?download=true");
  answer = status(200);
  await click(shown.button("Tentar de novo"));
  expect(asked.at(-1)).toBe("POST /api/media/m1/retry");
  expect(shown.place.querySelector(element)?.getAttribute("src")).toBe("/api/media/m1");
});

it.each([404, 410])("a picture that the gateway does not have any more, by its %i, has expired", async (code) => {
  const expired = file("image", { state: "ready" });
  const shown = show(expired);
  answer = status(code);
  await breakIt(shown.place, "img");
  expect(shown.text()).toBe("O arquivo já não está guardado aqui: o tempo dele passou.");
  await click(shown.button("Pedir de novo"));
  expect(askAgain).toHaveBeenCalledWith(expired, "Não consegui abrir este arquivo. Pode enviar de novo, por favor?");
  // Somebody else had it fetched meanwhile.
  shown.redraw(file("image", { state: "ready", width: 10, height: 10 }));
  expect(shown.place.querySelector("img")).not.toBeNull();
});

it("a picture that nobody keeps may be read again or asked for, and the gateway is asked nothing", async () => {
  const shown = show(file("image", { url: "https://service.test/x.jpg" }));
  await breakIt(shown.place, "img");
  expect(shown.buttons()).toEqual(["Tentar de novo", "Pedir de novo"]);
  await click(shown.button("Tentar de novo"));
  expect(shown.place.querySelector("img")?.getAttribute("src")).toBe("https://service.test/x.jpg");
  expect(asked).toEqual([]);
});

it("a recording that cannot be played says why, and the second try brings the player back", async () => {
  class Silent extends EventTarget {
    src = "";
    paused = true;
    error = { code: 4 };
    play = () => Promise.reject(new DOMException("no source", "NotSupportedError"));
    pause = () => undefined;
  }
  vi.stubGlobal("Audio", Silent);
  const shown = show(file("audio", { state: "ready" }));
  await act(() => import("./player"));
  answer = status(500);
  await click(shown.button("Tocar"));
  expect([shown.text(), shown.buttons()]).toEqual(["O arquivo não pôde ser carregado.", ["Tentar de novo"]]);
  answer = status(200);
  await click(shown.button("Tentar de novo"));
  expect(shown.button("Tocar")).toBeDefined();
});
