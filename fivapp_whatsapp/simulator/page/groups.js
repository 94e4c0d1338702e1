// A group's dialog: its subject, who is in it, and who manages it.

import { $, el, patch, prettyPhone } from "./dom.js";
import { word } from "./words.js";

/** Show who is in a group; `change(what)` is called with what is to change. */
export function showGroup(chat, change) {
  const people = chat.people.map((person) => ({ ...person, group: chat.id }));
  $("group-nobody").hidden = people.length > 0;
  patch($("group-people"), people, (person) => person.id, (person) => {
    const manage = el("button", { type: "button", class: "quiet" }, word(person.admin ? "demote" : "promote"));
    const remove = el("button", { type: "button", class: "quiet danger" }, word("remove"));
    manage.addEventListener("click", () => change({ [person.admin ? "demote" : "promote"]: [person.id] }));
    remove.addEventListener("click", () => change({ remove: [person.id] }));
    return el("li", {},
      el("span", { class: "row" }, el("strong", {}, person.name),
        el("span", { class: "preview" }, prettyPhone(person.id) + (person.admin ? ` · ${word("admin")}` : ""))),
      manage, remove);
  });
}

/** Open the dialog of a group. */
export function openGroup(chat) {
  $("group-subject").value = chat.name;
  $("group-dialog").showModal();
}
