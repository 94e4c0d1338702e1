/**
 * From the JSON schema of a plugin's settings to the one that the form is made of: words in the page's language, fields
 * that may be empty as what they are, secrets and long texts with their own widgets.
 */
import type { RJSFSchema } from "@rjsf/utils";
import type { Language } from "../../../lib/time";

type Node = Readonly<Record<string, unknown>>;
interface Words {
  title?: string;
  description?: string;
  /** What people read in place of a value that may be chosen. */
  values?: Readonly<Record<string, string>>;
}

const LONG_TEXT = 500;
const PARTS = ["properties", "$defs", "patternProperties"] as const;
const LISTS = ["anyOf", "oneOf", "allOf", "prefixItems"] as const;
const SINGLES = ["items", "additionalProperties"] as const;

export function formSchema(schema: Node, language: Language, none: string): RJSFSchema {
  return visit(schema, language, none) as RJSFSchema;
}

function visit(node: Node, language: Language, none: string): Node {
  const next: Record<string, unknown> = { ...nullable(node, none), ...wordsOf(node, language) };
  delete next.i18n;
  for (const part of PARTS) {
    const children = next[part] as Record<string, Node> | undefined;
    if (children === undefined) continue;
    next[part] = Object.fromEntries(
      Object.entries(children).map(([name, child]) => {
        const made = visit(child, language, none);
        return [name, part === "properties" && made.title === undefined ? { ...made, title: humanized(name) } : made];
      }),
    );
  }
  for (const list of LISTS)
    if (Array.isArray(next[list])) next[list] = (next[list] as Node[]).map((one) => visit(one, language, none));
  for (const single of SINGLES)
    if (typeof next[single] === "object") next[single] = visit(next[single] as Node, language, none);
  return named(widget(next), node, language);
}

function i18n(node: Node, language: Language): Words {
  return (node.i18n as Record<string, Words> | undefined)?.[language] ?? {};
}

function wordsOf(node: Node, language: Language): Node {
  const { title, description } = i18n(node, language);
  return { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
}

/** A simple value that may be null is a field that may be empty; anything else that may be absent is a choice. */
function nullable(node: Node, none: string): Node {
  const kinds = node.anyOf as Node[] | undefined;
  if (kinds === undefined || !kinds.some((one) => one.type === "null")) return node;
  const others = kinds.filter((one) => one.type !== "null");
  const only = others[0];
  const simple = ["string", "number", "integer", "boolean"];
  if (others.length !== 1 || only === undefined || !simple.includes(String(only.type)))
    return { ...node, anyOf: [{ type: "null", title: none }, ...others] };
  const { anyOf: _, ...rest } = node;
  return { ...only, ...rest, type: [only.type, "null"] };
}

function widget(node: Record<string, unknown>): Record<string, unknown> {
  const type = Array.isArray(node.type) ? node.type[0] : node.type;
  if (type !== "string" || node.enum !== undefined) return node;
  if (node.writeOnly === true) return { ...node, format: "secret" };
  if (node.format === undefined && Number(node.maxLength ?? 0) > LONG_TEXT) return { ...node, format: "textarea" };
  return node;
}

/** Gives values that may be chosen the words that people read. */
function named(node: Record<string, unknown>, original: Node, language: Language): Node {
  const { values } = i18n(original, language);
  if (values === undefined || !Array.isArray(node.enum)) return node;
  const { enum: choices, ...rest } = node;
  // In the order in which the words stand: the schema has its values sorted.
  const order = [...Object.keys(values), ...(choices as unknown[]).map(String)];
  const sorted = [...(choices as unknown[])].sort((a, b) => order.indexOf(String(a)) - order.indexOf(String(b)));
  const oneOf = sorted.map((value) => ({ const: value, title: values[String(value)] ?? String(value) }));
  return { type: "string", ...rest, oneOf };
}

/** Returns "Api key" for apiKey and api_key. */
export function humanized(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1).toLowerCase();
}
