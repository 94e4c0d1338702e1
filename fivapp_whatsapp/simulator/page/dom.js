// Small helpers for building nodes; texts only ever go in as text.

export const $ = (id) => document.getElementById(id);

/** Make an element: properties, `dataset` and `class` included, then children that are nodes or texts. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") node.className = value;
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Make a list show these items; a node whose item did not change is not touched, so it keeps focus and sound. */
export function patch(list, items, keyOf, render) {
  const keys = new Set(items.map(keyOf));
  for (const node of [...list.children]) if (!keys.has(node.dataset.key)) node.remove();
  items.forEach((item, index) => {
    const key = keyOf(item);
    const signature = JSON.stringify(item) + document.documentElement.lang;
    const there = list.children[index];
    if (there?.dataset.key === key && there.signature === signature) return;
    const old = [...list.children].find((node) => node.dataset.key === key);
    const focused = old?.contains(document.activeElement);
    const node = render(item);
    node.dataset.key = key;
    node.signature = signature;
    old?.remove();
    list.insertBefore(node, list.children[index] ?? null);
    if (focused) (node.querySelector("button, select, a") ?? node).focus();
  });
}

const ICONS = {
  group: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 19c0-3.3 2.7-5.5 6-5.5s6 2.2 6 5.5Zm13.2 0h6.8c0-3.2-2.6-5.5-6-5.5-.8 0-1.6.1-2.3.4 1 1.3 1.5 3 1.5 5.1Z",
  file: "M6 2h8l5 5v15H6Zm8 0v5h5",
};

/** Make a drawn icon. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `svg svg-${name}`);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Return a color's hue that stays with a text. */
export function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

/** Make a round face with initials. */
export function dress(node, name, isGroup) {
  const initials = name.split(/\s+/).slice(0, 2).map((part) => [...part][0] ?? "").join("").toUpperCase();
  node.replaceChildren(isGroup ? icon("group") : initials || "?");
  node.style.setProperty("--hue", hue(name));
  return node;
}

/** Return a phone number with blanks, +55 11 98888-7777. */
export function prettyPhone(address) {
  const digits = address.split("@")[0];
  const parts = /^(55)(\d\d)(\d{4,5})(\d{4})$/.exec(digits);
  return parts ? `+${parts[1]} ${parts[2]} ${parts[3]}-${parts[4]}` : /^\d+$/.test(digits) ? `+${digits}` : digits;
}
