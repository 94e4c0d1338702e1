import type { ErrorSchema } from "@rjsf/utils";
import type { Problem } from "../../../api/problem";
import type { Language } from "../../../lib/time";

const ROOT = "#/config";

/** Returns the steps of a JSON pointer below the settings; null for one that leads elsewhere. */
export function stepsOf(pointer: string): string[] | null {
  if (pointer !== ROOT && !pointer.startsWith(`${ROOT}/`)) return null;
  const rest = pointer.slice(ROOT.length + 1);
  if (rest === "") return [];
  return rest.split("/").map((step) => step.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** Returns what the server refused, beside the fields that it names, as the form wants it. */
export function serverErrors(problem: Problem, language: Language): ErrorSchema {
  const root: Record<string, unknown> = {};
  for (const error of problem.errors) {
    const steps = typeof error.pointer === "string" ? stepsOf(error.pointer) : null;
    if (steps === null || steps.length === 0) continue;
    let place = root;
    for (const step of steps) place = (place[step] ??= {}) as Record<string, unknown>;
    place.__errors = [wordsOf(problem, error, language)];
  }
  return root as ErrorSchema;
}

/** Returns what the plugin says of its settings: in the page's language, if it has that, else in English. */
export function refusalOf(problem: Problem, language: Language): string {
  return wordsOf(problem, problem.errors[0], language);
}

function wordsOf(problem: Problem, error: Problem["errors"][number] | undefined, language: Language): string {
  const words = error?.i18n as Readonly<Record<string, { detail?: string }>> | undefined;
  return words?.[language]?.detail ?? problem.message;
}

/** Tells whether any field has an error, at any depth; branches without one may be left of errors before. */
export function hasErrors(errors: unknown): boolean {
  if (typeof errors !== "object" || errors === null) return false;
  return Object.entries(errors).some(([name, part]) =>
    name === "__errors" ? Array.isArray(part) && part.length > 0 : hasErrors(part),
  );
}
