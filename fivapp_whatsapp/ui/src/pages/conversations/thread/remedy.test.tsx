import { beforeEach, expect, it, vi } from "vitest";
import type { MessageKind } from "../../../api/types";
import { click, draw } from "../../../testing/draw";
import { newConversation } from "../new-conversation-state";
import { ThreadContext, type ThreadActions } from "./context";
import { Remedy } from "./remedy";

const me = vi.hoisted(() => ({ role: "admin" }));
vi.mock("../../../live/provider", () => ({ useLive: () => ({ me }) }));

const onRetry = vi.fn();
const onEdit = vi.fn();
const actions = { number: "+55 11 98888-7777" } as unknown as ThreadActions;

beforeEach(() => {
  me.role = "admin";
  onRetry.mockReset();
  onEdit.mockReset();
  newConversation.set(null);
});

function show(code: string, kind: MessageKind = "text") {
  const remedy = <Remedy kind={kind} code={code} detail="…" onRetry={onRetry} onEdit={onEdit} />;
  const drawn = draw(<ThreadContext value={actions}>{remedy}</ThreadContext>);
  const buttons = [...drawn.place.querySelectorAll("button, a")].map((one) => one.textContent);
  return { ...drawn, said: drawn.place.querySelector("span")?.textContent, buttons };
}

it("a number that is not on WhatsApp is checked where conversations begin, with the number there", async () => {
  const { said, buttons, button } = show("not_on_whatsapp");
  expect([said, buttons]).toEqual(["Este número não está no WhatsApp.", ["Conferir o número"]]);
  await click(button("Conferir o número"));
  expect(newConversation.get()).toEqual({ to: "+55 11 98888-7777" });
});

it("one whose number is logged out reconnects it, where that is allowed", () => {
  const { said, buttons, button } = show("logged_out");
  expect([said, buttons]).toEqual(["O número está desconectado.", ["Reconectar"]]);
  expect(button("Reconectar")?.getAttribute("href")).toBe("/whatsapp-settings");
  me.role = "agent";
  expect(show("logged_out").buttons).toEqual(["Tentar de novo", "Editar"]);
});

it.each([
  ["image", "5 MB"],
  ["video", "16 MB"],
  ["document", "64 MB"],
] as const)("a file that is too large, %s, is told its limit, and not to be sent again as it is", (kind, limit) => {
  const { said, buttons } = show("too_large", kind);
  expect([said, buttons]).toEqual([`O arquivo passa do limite de ${limit} do WhatsApp.`, ["Editar"]]);
});

it("after a day of silence one waits for the customer, with the text as a draft", async () => {
  const { said, buttons, button } = show("window_closed");
  expect(said).toBe("Passaram 24 horas desde a última mensagem do cliente: espere que ele escreva e envie de novo.");
  expect(buttons).toEqual(["Guardar como rascunho"]);
  await click(button("Guardar como rascunho"));
  expect(onEdit).toHaveBeenCalledOnce();
  expect(show("window_closed", "image").buttons).toContain("Tentar de novo");
});

it("what nobody knows a remedy for is tried again", async () => {
  const { button } = show("rejected");
  await click(button("Tentar de novo"));
  expect(onRetry).toHaveBeenCalledOnce();
});
