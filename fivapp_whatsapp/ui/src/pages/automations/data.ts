import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import { queryClient, refresh } from "../../api/queries";
import type { Automation, AutomationChange, FailureState, Plugin, PluginList } from "../../api/types";
import { useSpeech } from "../../i18n";
import { problemText } from "../../parts/problems";
import { toast } from "../../parts/toasts";
import { inOrder } from "./order";

// No frame tells of plugins: they are asked for anew when the page is looked at again.
const LOOKED_AT = { staleTime: 5_000, refetchOnWindowFocus: true } as const;

export function usePlugins() {
  return useQuery({ queryKey: keys.plugins, queryFn: () => ask(api.GET("/api/plugins")), ...LOOKED_AT });
}

export function useAutomations() {
  return useQuery({ queryKey: keys.automations, queryFn: () => ask(api.GET("/api/automations")), ...LOOKED_AT });
}

export function useFailures(state: FailureState | null, plugin: string | null) {
  return useInfiniteQuery({
    queryKey: [...keys.failures, state, plugin],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: 20,
        ...(state === null ? {} : { state }),
        ...(plugin === null ? {} : { plugin }),
        ...(pageParam === null ? {} : { cursor: pageParam }),
      };
      return ask(api.GET("/api/plugins/failures", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    ...LOOKED_AT,
  });
}

/** Returns what says a failure in a sentence. */
function useTold() {
  const { t } = useSpeech();
  return (error: unknown) => toast(problemText(t, error));
}

/** Changes what holds for all bots: shown at once, taken back when it is refused. */
export function useChangeAutomations() {
  const told = useTold();
  return useMutation({
    mutationFn: (change: AutomationChange) => ask(api.PUT("/api/automations", { body: change })),
    onMutate: async (change) => {
      await queryClient.cancelQueries({ queryKey: keys.automations });
      const before = queryClient.getQueryData<Automation>(keys.automations);
      const list = queryClient.getQueryData<PluginList>(keys.plugins);
      queryClient.setQueryData<Automation>(keys.automations, (all) => all && ({ ...all, ...change } as Automation));
      const order = change.order;
      if (order != null)
        queryClient.setQueryData<PluginList>(
          keys.plugins,
          (all) => all && { ...all, items: inOrder(all.items, order) },
        );
      return { before, list };
    },
    onSuccess: (automation) => queryClient.setQueryData(keys.automations, automation),
    onError: (error, _, kept) => {
      queryClient.setQueryData(keys.automations, kept?.before);
      queryClient.setQueryData(keys.plugins, kept?.list);
      told(error);
    },
  });
}

function put(plugin: Plugin): void {
  queryClient.setQueryData<PluginList>(
    keys.plugins,
    (all) => all && { ...all, items: all.items.map((one) => (one.name === plugin.name ? plugin : one)) },
  );
}

/** Switches a plugin on or off: shown at once, taken back when it is refused. */
export function useSwitch(plugin: Plugin) {
  const told = useTold();
  return useMutation({
    mutationFn: (enabled: boolean) =>
      ask(api.PUT("/api/plugins/{plugin}", { params: { path: { plugin: plugin.name } }, body: { enabled } })),
    onMutate: (enabled) => put({ ...plugin, enabled }),
    onSuccess: put,
    onError: (error) => {
      put(plugin);
      told(error);
    },
  });
}

/** Replaces a plugin's settings; null goes back to its defaults. */
export function useSaveConfig(name: string) {
  return useMutation({
    mutationFn: (config: Record<string, unknown> | null) =>
      ask(api.PUT("/api/plugins/{plugin}", { params: { path: { plugin: name } }, body: { config } })),
    onSuccess: put,
  });
}

export function useResume(name: string) {
  const told = useTold();
  return useMutation({
    mutationFn: () => ask(api.POST("/api/plugins/{plugin}/resume", { params: { path: { plugin: name } } })),
    onSuccess: put,
    onError: told,
  });
}

// So long a plugin usually takes to handle again what had failed.
const REPLAYED = 1_500;

export function useReplay() {
  const { t } = useSpeech();
  const told = useTold();
  return useMutation({
    mutationFn: (id: string) =>
      ask(api.POST("/api/plugins/failures/{failureId}/replay", { params: { path: { failureId: id } } })),
    onSuccess: () => {
      toast(t("failures.replayed"));
      setTimeout(() => refresh(keys.failures, keys.plugins), REPLAYED);
    },
    onError: told,
    onSettled: () => refresh(keys.failures),
  });
}

export function useDiscard() {
  const told = useTold();
  return useMutation({
    mutationFn: (id: string) =>
      ask(api.DELETE("/api/plugins/failures/{failureId}", { params: { path: { failureId: id } } })),
    onError: told,
    onSettled: () => refresh(keys.failures),
  });
}
