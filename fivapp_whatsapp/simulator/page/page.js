// The phone page: looks at the simulator twice a second and does what its user does.

import { chatRow, showMessages, time } from "./chat.js";
import { $, dress, el, patch, prettyPhone } from "./dom.js";
import { openGroup, showGroup } from "./groups.js";
import { buildChaos, showChaos, showLine, showSessions, showWebhook } from "./panel.js";
import { call } from "./service.js";
import { currentLanguage, remember, remembered, speak, word } from "./words.js";

const EVERY_MS = 500;
const PEOPLE = [
  { name: "Ana Souza", id: "5511988880001" }, { name: "Bruno Lima", id: "5521988880002" },
  { name: "Carla Mendes", id: "5531988880003" }, { name: "Davi Rocha", id: "5541988880004" },
];
const state = { overview: null, chosen: null, session: null, version: "", chatId: null, drafts: new Map() };

const sessionPath = (rest = "") => `/simulator/sessions/${encodeURIComponent(state.chosen)}${rest}`;

function tell(message) {
  $("alert").textContent = message ?? "";
  $("alert").hidden = !message;
}

async function act(deed) {
  try {
    await deed();
    tell(null);
  } catch (error) {
    tell(error instanceof TypeError ? word("noService") : error.message);
  }
  await look();
}

// --- looking

let looking = null;
function look() {
  looking ??= lookNow().finally(() => { looking = null; });
  return looking;
}

async function lookNow() {
  try {
    state.overview = await call("GET", "/simulator/sessions");
    const ids = state.overview.sessions.map((session) => session.id);
    if (!ids.includes(state.chosen)) choose(ids[0] ?? null);
    if (state.chosen !== null) {
      const asked = state.chosen;
      const view = await call("GET", sessionPath(`?version=${state.version}`));
      if (asked !== state.chosen) return;
      state.version = view.version;
      state.session = view.chats ? view : { ...state.session, qr: view.qr };
    }
    if ($("alert").textContent === word("noService")) tell(null);
  } catch (error) {
    if (error instanceof TypeError) tell(word("noService"));
  }
  show();
}

function choose(id) {
  Object.assign(state, { chosen: id, session: null, version: "", chatId: null });
}

// --- showing

function show() {
  if (!state.overview) return;
  showSessions(state.overview.sessions, state.chosen, (id) => { choose(id); look(); });
  showWebhook(state.overview.webhook);
  showChaos(state.overview.chaos);
  showLine(state.session);
  $("clock").textContent = time(Date.now());
  $("line").textContent = state.session?.status === "connected" ? "▂▄▆█" : "▂···";
  const screen = screenFor(state.session);
  for (const name of ["idle", "qr", "chats", "chat"]) $(`screen-${name}`).hidden = name !== screen;
  ({ idle: showIdle, qr: showQr, chats: showChats, chat: showChat })[screen](state.session);
}

function screenFor(session) {
  if (session?.status === "qr_ready" && session.qr) return "qr";
  if (!session || !["connected", "reconnecting"].includes(session.status)) return "idle";
  return state.chatId === null ? "chats" : "chat";
}

function showIdle(session) {
  const words = word(`idle.${session?.status ?? "none"}`);
  const [title, text] = Array.isArray(words) ? words : word("idle.none");
  $("idle-title").textContent = title;
  $("idle-text").textContent = text;
}

function showQr(session) {
  if ($("qr").src !== session.qrCode) $("qr").src = session.qrCode;
  $("qr").alt = word("qrAlt");
  const { number, of, expiresIn } = session.qr;
  $("qr-left").textContent = word("qrLeft", { number, of, seconds: Math.ceil(expiresIn) });
  $("qr-meter").style.width = `${Math.min(100, (100 * expiresIn) / (number === 1 ? 60 : 20))}%`;
}

function showChats(session) {
  $("owner").textContent = session.name;
  $("owner-phone").textContent = prettyPhone(session.phone);
  patch($("chats"), session.chats, (chat) => chat.id, (chat) => chatRow(chat, openChat));
  const known = new Set(session.chats.map((chat) => chat.id));
  const strangers = PEOPLE.filter((person) => !known.has(`${person.id}@c.us`));
  $("suggestions").hidden = strangers.length === 0 || session.chats.length > 3;
  patch($("people"), strangers, (person) => person.id, (person) => {
    const button = el("button", { type: "button", class: "chip" }, person.name);
    button.addEventListener("click", () => openChat(`${person.id}@c.us`, { ...person, isGroup: false }));
    return button;
  });
}

function currentChat() {
  const found = state.session.chats.find((chat) => chat.id === state.chatId);
  // A chat exists on the phone from its first message on; before that the page remembers it.
  return found ?? { messages: [], people: [], typing: false, ...state.drafts.get(state.chatId), id: state.chatId };
}

function showChat(session) {
  const chat = currentChat();
  $("chat-name").textContent = chat.name;
  dress($("chat-face"), chat.name, chat.isGroup);
  $("chat-sub").textContent = chat.typing ? word("typing") : chat.isGroup
    ? members(chat).map((person) => person.name).join(", ") : word("writesTo", { name: session.name });
  $("chat-sub").classList.toggle("typing", chat.typing);
  $("add-member").hidden = !chat.isGroup;
  $("group-info").hidden = !chat.isGroup;
  if (chat.isGroup) showGroup(chat, changeGroup);
  showAuthors(chat, session);
  showMessages(chat, session.name, (message, status) =>
    act(() => call("POST", sessionPath(`/messages/${encodeURIComponent(message.id)}/status`), { status })),
  (choice) => send({ choiceId: choice.id, text: choice.title }));
}

function members(chat) {
  return chat.people.map((person) => ({ id: person.id.split("@")[0], name: person.name }));
}

function showAuthors(chat, session) {
  const people = chat.isGroup ? members(chat) : [{ id: chat.id, name: chat.name }];
  const options = [...people, { id: "owner", name: word("ownerOption", { name: session.name }) }];
  const signature = JSON.stringify([chat.id, options]);
  const select = $("author");
  if (select.dataset.signature === signature) return;
  const kept = select.dataset.chat === chat.id ? select.value : null;
  select.replaceChildren(...options.map((person) => el("option", { value: person.id }, person.name)));
  Object.assign(select.dataset, { signature, chat: chat.id });
  const wanted = state.drafts.get(chat.id)?.author ?? kept;
  if (options.some((person) => person.id === wanted)) select.value = wanted;
}

// --- doing

function openChat(id, draft) {
  if (draft) state.drafts.set(id, draft);
  state.chatId = id;
  show();
  $("text").focus();
}

function send(content) {
  const chat = currentChat();
  const author = $("author").value;
  const fromMe = author === "owner";
  const group = chat.isGroup ? { groupId: chat.id, groupName: chat.name } : {};
  const person = members(chat).find((one) => one.id === author);
  const from = chat.isGroup ? (fromMe ? members(chat)[0]?.id : author) ?? PEOPLE[0].id : chat.id;
  const name = fromMe ? undefined : chat.isGroup ? person?.name : chat.name;
  return act(() => call("POST", sessionPath("/messages"), { from, name, fromMe, ...group, ...content }));
}

function takeText() {
  const text = $("text").value.trim();
  $("text").value = "";
  return text || undefined;
}

function sendFile(file) {
  const kind = ["image", "audio", "video"].find((one) => file.type.startsWith(`${one}/`)) ?? "document";
  const text = takeText();
  return act(async () => {
    const { url } = await call("POST", `/simulator/media?filename=${encodeURIComponent(file.name)}`, file);
    await send({ kind, text, mediaUrl: url, filename: file.name });
  });
}

function changeGroup(change, id = state.chatId) {
  return act(() => call("POST", sessionPath(`/groups/${encodeURIComponent(id)}`), change));
}

function closeMenu() {
  $("attach-menu").hidden = true;
  $("attach").setAttribute("aria-expanded", "false");
}

function openDialog(onlyMember) {
  $("new-dialog").dataset.member = onlyMember ? "yes" : "";
  $("new-form").reset();
  $("new-kind").hidden = onlyMember;
  $("new-title").textContent = word(onlyMember ? "addMember" : "newChat");
  $("group-field").hidden = true;
  $("new-phone").value = `55119${8 + Math.floor(Math.random() * 2)}${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
  $("new-dialog").showModal();
  $("new-name").focus();
}

function fromDialog() {
  const id = $("new-phone").value.replace(/\D/g, "");
  const person = { id, name: $("new-name").value.trim() || prettyPhone(id) };
  $("new-dialog").close();
  if ($("new-dialog").dataset.member) {
    state.drafts.set(state.chatId, { author: id });
    changeGroup({ add: [person] });
    return;
  }
  const isGroup = new FormData($("new-form")).get("kind") === "group";
  if (!isGroup) {
    openChat(`${id}@c.us`, { ...person, isGroup });
    return;
  }
  const groupId = `1203630${Date.now()}@g.us`;
  const subject = $("group-name").value.trim() || word("group");
  changeGroup({ subject, add: [person] }, groupId).then(() => openChat(groupId, { name: subject, isGroup }));
}

function wire() {
  for (const deed of ["scan", "expire", "drop", "restore", "logout"]) {
    $(deed).addEventListener("click", () => act(() => call("POST", sessionPath(`/${deed}`))));
  }
  $("back").addEventListener("click", () => { state.chatId = null; show(); });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = takeText();
    if (text) send({ text });
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  $("author").addEventListener("change", () => {
    state.drafts.set(state.chatId, { ...state.drafts.get(state.chatId), author: $("author").value });
  });
  $("attach").addEventListener("click", () => {
    $("attach-menu").hidden = !$("attach-menu").hidden;
    $("attach").setAttribute("aria-expanded", String(!$("attach-menu").hidden));
  });
  for (const button of $("attach-menu").querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => {
      closeMenu();
      send({ kind: button.dataset.kind, text: takeText() });
      $("text").focus();
    });
  }
  $("pick").addEventListener("click", () => { closeMenu(); $("file").click(); });
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) sendFile(file);
    $("file").value = "";
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || $("new-dialog").open || $("group-dialog").open) return;
    if (!$("attach-menu").hidden) { closeMenu(); $("attach").focus(); } else if (state.chatId !== null) $("back").click();
  });
  $("new-chat").addEventListener("click", () => openDialog(false));
  $("add-member").addEventListener("click", () => openDialog(true));
  $("group-info").addEventListener("click", () => openGroup(currentChat()));
  $("group-add").addEventListener("click", () => openDialog(true));
  $("group-close").addEventListener("click", () => $("group-dialog").close());
  $("group-form").addEventListener("submit", (event) => {
    event.preventDefault();
    changeGroup({ subject: $("group-subject").value.trim() || word("group") });
  });
  $("new-cancel").addEventListener("click", () => $("new-dialog").close());
  $("new-form").addEventListener("submit", (event) => { event.preventDefault(); fromDialog(); });
  $("new-kind").addEventListener("change", () => {
    $("group-field").hidden = new FormData($("new-form")).get("kind") !== "group";
  });
  buildChaos((chaos) => act(() => call("PUT", "/simulator/chaos", chaos)));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = word({ light: "themeLight", dark: "themeDark" }[theme] ?? "themeAuto");
  remember("theme", theme);
}

wire();
speak();
setTheme(remembered("theme") ?? "auto");
$("language").value = currentLanguage();
$("language").addEventListener("change", () => {
  speak($("language").value);
  remember("language", currentLanguage());
  setTheme(document.documentElement.dataset.theme);
  $("author").dataset.signature = "";
  show();
});
$("theme").addEventListener("click", () => {
  setTheme({ auto: "light", light: "dark" }[document.documentElement.dataset.theme] ?? "auto");
});
setInterval(() => { if (!document.hidden) look(); }, EVERY_MS);
look();
