// One chat on the phone: bubbles, ticks, files.

import { $, dress, el, hue, icon, patch } from "./dom.js";
import { currentLanguage, word } from "./words.js";

const TICKS = { accepted: "…", sent: "✓", delivered: "✓✓", read: "✓✓", played: "✓✓", failed: "!" };
const STATUSES = ["delivered", "read", "played", "failed"];

export function time(ms) {
  return new Date(ms).toLocaleTimeString(currentLanguage() === "pt" ? "pt-BR" : "en", { hour: "2-digit", minute: "2-digit" });
}

/** Show a chat's messages; `setStatus(message, status)` and `choose(choice)` are called when somebody picks one. */
export function showMessages(chat, owner, setStatus, choose) {
  const list = $("messages");
  const last = chat.messages.at(-1);
  // Whoever writes wants to see it, wherever they had scrolled to.
  const wrote = last && !last.outgoing && list.dataset.last !== last.id;
  const atEnd = wrote || list.scrollHeight - list.scrollTop - list.clientHeight < 80 || list.dataset.chat !== chat.id;
  Object.assign(list.dataset, { chat: chat.id, last: last?.id ?? "" });
  const texts = new Map(chat.messages.map((message) => [message.id.split("_").pop(), message.text || message.kind]));
  const shown = chat.messages.map((message) => ({
    ...message,
    isGroup: chat.isGroup,
    owner,
    quoted: message.quotedMessageId ? texts.get(message.quotedMessageId.split("_").pop()) ?? "…" : null,
  }));
  const typing = chat.typing ? [{ id: "typing", owner }] : [];
  patch(list, [...shown, ...typing], (message) => message.id,
    (message) => (message.id === "typing" ? dots(owner) : bubble(message, setStatus, choose)));
  list.classList.toggle("empty", shown.length === 0 && !chat.typing);
  list.dataset.empty = word("empty");
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** Return a chat's row in the list. */
export function chatRow(chat, open) {
  const last = chat.messages.at(-1);
  const face = dress(el("span", { class: "face", "aria-hidden": "true" }), chat.name, chat.isGroup);
  const preview = el("span", { class: chat.typing ? "preview typing" : "preview" });
  preview.textContent = chat.typing ? word("typing") : last ? `${last.outgoing ? `${TICKS[last.status]} ` : ""}${last.text || fileWord(last)}` : "";
  const button = el("button", { type: "button" }, face,
    el("span", { class: "row" }, el("strong", {}, chat.name), preview),
    el("time", {}, last ? time(last.at) : ""));
  button.addEventListener("click", () => open(chat.id));
  return el("li", {}, button);
}

function fileWord(message) {
  return ["image", "audio", "video", "document", "sticker"].includes(message.kind)
    ? word(message.kind === "image" ? "photo" : message.kind) : message.kind;
}

function dots(owner) {
  return el("li", { class: "theirs" }, el("div", { class: "bubble dots", role: "img", "aria-label": `${owner}: ${word("typing")}` },
    el("span"), el("span"), el("span")));
}

function offer(message, choose) {
  const buttons = message.choices.map((choice) => {
    const hint = choice.description ? el("span", { class: "preview" }, choice.description) : null;
    const button = el("button", { type: "button" }, el("span", { class: "row" }, el("strong", {}, choice.title), hint));
    button.addEventListener("click", () => choose(choice));
    return button;
  });
  if (message.style === "buttons") return el("div", { class: "choices" }, ...buttons);
  return el("details", { class: "choices" }, el("summary", {}, word("options")), ...buttons);
}

function bubble(message, setStatus, choose) {
  const box = el("div", { class: "bubble" });
  if (message.outgoing) box.append(el("span", { class: "who company" }, message.owner));
  else if (message.isGroup) {
    const who = el("span", { class: "who" }, message.authorName || message.author);
    who.style.setProperty("--hue", hue(message.authorName || message.author));
    box.append(who);
  }
  if (message.quoted) box.append(el("blockquote", {}, message.quoted));
  if (message.media) box.append(file(message));
  else if (!["text", "interactive"].includes(message.kind)) box.append(el("em", {}, message.kind));
  if (message.text) box.append(el("p", {}, message.text));
  const foot = el("span", { class: "foot" });
  if (message.via === "phone") foot.append(el("span", {}, word("onPhone")));
  foot.append(el("time", {}, time(message.at)));
  if (message.status) {
    foot.append(el("span", { class: `ticks ${message.status}`, role: "img", "aria-label": word(`ack.${message.status}`), title: word(`ack.${message.status}`) }, TICKS[message.status]));
    foot.append(statusPicker(message, setStatus));
  }
  box.append(foot);
  if (message.choices.length > 0) box.append(offer(message, choose));
  return el("li", { class: message.outgoing ? "theirs" : "mine" }, box);
}

function statusPicker(message, setStatus) {
  const select = el("select", { class: "pick", "aria-label": word("setStatus"), title: word("setStatus") },
    el("option", { value: "", selected: true }, "⋯"),
    ...STATUSES.map((status) => el("option", { value: status }, word(`ack.${status}`))));
  select.addEventListener("change", () => {
    if (select.value) setStatus(message, select.value);
    select.value = "";
  });
  return select;
}

function file(message) {
  const { src, filename } = message.media;
  const name = filename || word("unreadableFile");
  if (message.kind === "image" || message.kind === "sticker") {
    return el("img", { class: message.kind, src, alt: message.text || name, loading: "lazy" });
  }
  if (message.kind === "audio") return el("audio", { controls: true, src, preload: "metadata" });
  if (message.kind === "video") return el("video", { controls: true, src, preload: "metadata" });
  return el("a", { class: "file", href: src, target: "_blank", rel: "noopener noreferrer" }, icon("file"), name);
}
