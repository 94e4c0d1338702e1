// What stands beside the phone: sessions, the line, webhooks, chaos.

import { $, el, patch, prettyPhone } from "./dom.js";
import { word } from "./words.js";

const SHARES = ["duplicate", "reorder", "dropAck", "error", "refuse", "ambiguous", "garbage"];

/** Show the list of sessions. */
export function showSessions(sessions, chosen, choose) {
  $("no-sessions").hidden = sessions.length > 0;
  const rows = sessions.map((session) => ({ ...session, chosen: session.id === chosen }));
  patch($("sessions"), rows, (session) => session.id, (session) => {
    const button = el("button", { type: "button", class: "session", "aria-current": session.chosen ? "true" : null },
      el("span", { class: `dot ${session.status}`, "aria-hidden": "true" }),
      el("span", { class: "row" }, el("strong", {}, session.name),
        el("span", { class: "preview" }, ["connected", "reconnecting"].includes(session.status)
          ? prettyPhone(session.phone) : word(`status.${session.status}`))));
    button.addEventListener("click", () => choose(session.id));
    return el("li", {}, button);
  });
}

/** Show the line's state and which of its buttons fit. */
export function showLine(session) {
  const status = session?.status;
  $("state").textContent = session ? word(`status.${status}`) + (session.waiting ? ` · ${word("waiting", { count: session.waiting })}` : "") : "–";
  $("state").className = `state ${status ?? ""}`;
  $("drop").disabled = status !== "connected";
  $("restore").disabled = status !== "reconnecting";
  $("logout").disabled = status !== "connected" && status !== "reconnecting";
}

/** Show what became of webhooks. */
export function showWebhook(webhook) {
  $("hook-url").textContent = webhook.url ?? word("noUrl");
  for (const name of ["delivered", "pending", "retried", "lost"]) $(`hook-${name}`).textContent = webhook[name];
}

/** Build the sliders; `change(chaos)` is called with all of it when one was moved. */
export function buildChaos(change) {
  const form = $("chaos");
  form.replaceChildren(
    ...SHARES.map((name) => slider(name, 0, 1, 0.05)),
    slider("latencyMs", 0, 3000, 50),
    el("button", { type: "reset", class: "quiet", dataset: { word: "calm" } }, word("calm")),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", labels);
  form.addEventListener("change", () => change(read()));
  form.addEventListener("reset", () => setTimeout(() => { labels(); change(read()); }));
}

/** Show the chaos that is in force, unless a slider is being moved. */
export function showChaos(chaos) {
  const form = $("chaos");
  if (form.contains(document.activeElement) && document.activeElement.type === "range") return;
  for (const input of form.querySelectorAll("input")) input.value = chaos[input.name];
  form.dataset.seed = chaos.seed ?? "";
  labels();
}

function slider(name, min, max, step) {
  return el("p", { class: "slider" },
    el("label", { htmlFor: `chaos-${name}`, dataset: { word: name } }, word(name)),
    el("output", { id: `out-${name}` }, "0"),
    el("input", { id: `chaos-${name}`, name, type: "range", min, max, step, defaultValue: "0" }));
}

function labels() {
  for (const input of $("chaos").querySelectorAll("input")) {
    const text = input.name === "latencyMs" ? `${input.value} ms` : `${Math.round(input.value * 100)} %`;
    $(`out-${input.name}`).textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--part", `${(100 * input.value) / input.max}%`);
  }
}

function read() {
  const form = $("chaos");
  const chaos = Object.fromEntries([...form.querySelectorAll("input")].map((input) => [input.name, Number(input.value)]));
  return form.dataset.seed ? { ...chaos, seed: Number(form.dataset.seed) } : chaos;
}
