import type { QueryClient } from "@tanstack/react-query";
import { keys } from "../../../api/keys";
import type { ListData } from "../../../live/apply";

/** Returns the labels of all conversations that were loaded, in the order of the alphabet. */
export function knownLabels(client: QueryClient): readonly string[] {
  const found = new Set<string>();
  for (const [, data] of client.getQueriesData<ListData>({ queryKey: keys.lists }))
    for (const page of data?.pages ?? [])
      for (const one of page.items) for (const label of one.labels) found.add(label);
  return [...found].sort((a, b) => a.localeCompare(b));
}
