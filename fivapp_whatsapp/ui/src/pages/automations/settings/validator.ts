/**
 * Checks settings in the browser. It walks the schema: the validators that compile one make functions out of text, which
 * the Content-Security-Policy forbids. The server has the last word all the same.
 */
import { Validator, type OutputUnit, type Schema } from "@cfworker/json-schema";
import { toErrorSchema, type RJSFSchema, type RJSFValidationError, type ValidatorType } from "@rjsf/utils";
import type { Key, Translate } from "../../../i18n";

const SENTENCES: Readonly<Record<string, Key>> = {
  required: "form.required",
  type: "form.type",
  enum: "form.choose",
  const: "form.choose",
  minLength: "form.minLength",
  maxLength: "form.maxLength",
  pattern: "form.pattern",
  minimum: "form.minimum",
  maximum: "form.maximum",
  exclusiveMinimum: "form.above",
  exclusiveMaximum: "form.below",
  multipleOf: "form.type",
  minItems: "form.minItems",
  maxItems: "form.maxItems",
  uniqueItems: "form.twice",
};

/** Returns the errors of settings, one for each place, in the page's language. `schema` is the plugin's own. */
export function problemsOf(schema: object, values: unknown, t: Translate): RJSFValidationError[] {
  // As it will be sent: what is undefined is absent, or null in a list.
  const json: unknown = JSON.parse(JSON.stringify(values ?? {}));
  const found = new Map<string, RJSFValidationError>();
  for (const unit of unitsOf(schema, json)) {
    const key = SENTENCES[unit.keyword];
    if (key === undefined) continue;
    const missing = unit.keyword === "required" ? (/"(.+)"/.exec(unit.error)?.[1] ?? null) : null;
    const steps = [...stepsOf(unit.instanceLocation), ...(missing === null ? [] : [missing])];
    const property = `.${steps.join(".")}`;
    if (found.has(property)) continue;
    const empty = key === "form.type" || key === "form.minLength" ? isEmpty(at(json, steps)) : false;
    const message = t(empty ? "form.required" : key, { n: limitOf(schema, unit) });
    found.set(property, { name: unit.keyword, property, message, stack: message });
  }
  return [...found.values()];
}

/** Returns what the form library asks of a validator. */
export function validatorFor(schema: object, t: Translate): ValidatorType {
  return {
    validateFormData(values) {
      const errors = problemsOf(schema, values, t);
      return { errors, errorSchema: toErrorSchema(errors) };
    },
    isValid: (part: RJSFSchema, values, root: RJSFSchema) =>
      unitsOf({ ...part, $defs: root.$defs ?? {} }, JSON.parse(JSON.stringify(values ?? null))).length === 0,
    rawValidation: () => ({ errors: [] }),
  };
}

function unitsOf(schema: object, values: unknown): OutputUnit[] {
  try {
    return new Validator(schema as Schema, "2020-12", false).validate(values).errors;
  } catch {
    // A pattern that only Python understands: the server looks at it.
    return [];
  }
}

function stepsOf(location: string): string[] {
  return location
    .split("/")
    .slice(1)
    .map((step) => decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~"));
}

function at(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((part, step) => (part as Record<string, unknown> | null | undefined)?.[step], value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** Returns the number that a keyword of the schema says, where it was broken. */
function limitOf(schema: object, unit: OutputUnit): number | string {
  const path = unit.keywordLocation.split("/").slice(1);
  const value = path.reduce<unknown>((node, step) => {
    const part = (node as Record<string, unknown> | undefined)?.[step];
    if (step !== "$ref" || typeof part !== "string") return part;
    return at(schema, part.split("/").slice(1));
  }, schema);
  return typeof value === "number" ? value : "";
}
