import { expect, it } from "vitest";
import { translate } from "../i18n";
import { adviceOf, areShown, permissionOf, type Notices, type Permission, type Push } from "./advice";

const on: Notices = { wanted: true, permission: "granted", push: "on" };
const here = (userAgent: string, maxTouchPoints = 0) => ({ navigator: { userAgent, maxTouchPoints } });

it("what the browser allows is asked of it; without an answer the reason is found", () => {
  const asked = { isSecureContext: true, Notification: { permission: "denied" as const }, ...here("Chrome") };
  expect(permissionOf(asked)).toBe("denied");
  expect(permissionOf({ isSecureContext: false, ...here("Chrome") })).toBe("insecure");
  expect(permissionOf({ isSecureContext: true, ...here("iPhone; CPU iPhone OS 17") })).toBe("home_screen");
  expect(permissionOf({ isSecureContext: true, ...here("Macintosh; Intel Mac OS X", 5) })).toBe("home_screen");
  expect(permissionOf({ isSecureContext: true, ...here("Macintosh; Intel Mac OS X") })).toBe("unsupported");
});

it("notifications are shown where they are wanted and allowed", () => {
  expect(areShown(on)).toBe(true);
  expect(areShown({ ...on, wanted: false })).toBe(false);
  expect(areShown({ ...on, permission: "denied" })).toBe(false);
});

it("every state says how things are, and who can do something about it", () => {
  const said = (change: Partial<Notices>) => translate("pt-BR", adviceOf({ ...on, ...change }));
  expect(said({ wanted: false })).toMatch(/^Desligados/);
  expect(said({ permission: "default", wanted: false })).toMatch(/^Desligados/);
  const todo: Partial<Record<Permission, RegExp>> = {
    denied: /permita Notificações/,
    insecure: /https/,
    home_screen: /Tela de Início/,
    unsupported: /versão atual/,
  };
  for (const [permission, words] of Object.entries(todo)) {
    expect(said({ permission: permission as Permission })).toMatch(words);
    expect(said({ permission: permission as Permission, wanted: false })).toMatch(words);
  }
  const push: Record<Push, RegExp> = {
    unknown: /Ligando/,
    on: /também com esta página fechada/,
    not_installed: /fivapp-whatsapp-push/,
    not_configured: /FIVAPP_PUSH_VAPID_KEY/,
    unsupported: /este navegador não recebe/,
    refused: /FIVAPP_PUSH_HOSTS/,
    failed: /não respondeu/,
  };
  for (const [state, words] of Object.entries(push)) expect(said({ push: state as Push })).toMatch(words);
});
