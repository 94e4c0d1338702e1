import {
  infiniteQueryOptions,
  QueryClient,
  useInfiniteQuery,
  useQuery,
  type InfiniteData,
  type QueryKey,
} from "@tanstack/react-query";
import { useCallback } from "react";
import type { Filter } from "../live/belongs";
import { lengthOf, LONG } from "../live/apply";
import { ALL, listQuery } from "../live/belongs";
import { catchUpList, catchUpThread, readConversation, readCurrent, readMissing } from "../live/news";
import { api, ask } from "./client";
import { keys } from "./keys";
import { problemOf } from "./problem";
import type { Conversation, ConversationPage } from "./types";

const MINUTE = 60_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The socket tells what changes: nothing is asked again by itself.
      staleTime: Infinity,
      gcTime: 30 * MINUTE,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (count, error) => problemOf(error).passing && count < 3,
      retryDelay: (count) => Math.min(8_000, 500 * 2 ** count),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: () => ask(api.GET("/api/me")) });
}

export function useSessions() {
  return useQuery({
    queryKey: keys.sessions,
    queryFn: async () => (await ask(api.GET("/api/sessions", { params: { query: { limit: 200 } } }))).items,
  });
}

function listOptions(filter: Filter, userId: string) {
  return infiniteQueryOptions({
    queryKey: keys.list(filter),
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...listQuery(filter), limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) };
      const page = await readCurrent(() => ask(api.GET("/api/conversations", { params: { query }, signal })));
      return catchUpList(page, filter, userId, (id) => {
        // Once the page is there to take it.
        if (pageParam === null && filter.query === "") setTimeout(() => readMissing(queryClient, id, userId));
      });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    staleTime: filter.query === "" ? Infinity : 10_000,
    gcTime: filter.query === "" ? 30 * MINUTE : MINUTE,
  });
}

export function useConversations(filter: Filter, userId: string) {
  return useInfiniteQuery(listOptions(filter, userId));
}

/** Counts among the newest open conversations, those that the list shows first: what is unread stands there. */
export function useUnread(userId: string, count: (conversations: readonly Conversation[]) => number): number {
  const select = useCallback(
    (data: { pages: readonly ConversationPage[] }) => count(data.pages.flatMap((page) => page.items)),
    [count],
  );
  return useInfiniteQuery({ ...listOptions(ALL, userId), select }).data ?? 0;
}

/** How long a query for messages must be: one letter begins half of all words. */
export const FEWEST_LETTERS = 2;

/** Finds messages by their texts, newest first. What answers an older query is dropped. */
export function useFoundMessages(text: string) {
  return useInfiniteQuery({
    queryKey: keys.found(text),
    enabled: text.length >= FEWEST_LETTERS,
    queryFn: ({ pageParam, signal }) => {
      const query = { q: text, limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) };
      return ask(api.GET("/api/messages", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    staleTime: 10_000,
    gcTime: MINUTE,
  });
}

export function useConversation(id: string) {
  return useQuery({
    queryKey: keys.conversation(id),
    queryFn: () => readConversation(id),
  });
}

/** Reads a thread, newest page first; the first page holds at least `first` messages. */
export function useThread(id: string, first = 50) {
  return useInfiniteQuery({
    queryKey: keys.thread(id),
    queryFn: async ({ pageParam, signal }) => {
      const limit = pageParam === null ? Math.min(200, Math.max(50, first)) : 200;
      const query = { limit, ...(pageParam === null ? {} : { cursor: pageParam }) };
      const params = { path: { conversationId: id }, query };
      const path = "/api/conversations/{conversationId}/messages";
      return catchUpThread(await readCurrent(() => ask(api.GET(path, { params, signal }))), id);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
  });
}

export function useTimeline(messageId: string) {
  return useQuery({
    queryKey: keys.timeline(messageId),
    queryFn: () => ask(api.GET("/api/messages/{messageId}/timeline", { params: { path: { messageId } } })),
    staleTime: 0,
  });
}

export function useQuickReplies() {
  return useQuery({
    queryKey: keys.quickReplies,
    queryFn: async () => (await ask(api.GET("/api/quick-replies"))).items,
    staleTime: MINUTE,
  });
}

/** Reads the labels of all conversations, whenever they are asked for. */
export function useLabels() {
  return useQuery({
    queryKey: keys.labels,
    queryFn: async () => (await ask(api.GET("/api/labels"))).items,
    staleTime: 0,
  });
}

export function useAccounts() {
  return useQuery({
    queryKey: keys.accounts,
    queryFn: async () => (await ask(api.GET("/api/accounts"))).items,
    staleTime: MINUTE,
  });
}

/** Keeps only the start of a list that has grown long, and reads that anew: who goes on from there loads the rest. */
export function shorten(queryKey: QueryKey): void {
  const data = queryClient.getQueryData<InfiniteData<{ items: readonly unknown[] }, unknown>>(queryKey);
  if (data === undefined || lengthOf(data) <= LONG || queryClient.isFetching({ queryKey, exact: true }) > 0) return;
  queryClient.setQueryData(queryKey, { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) });
  void queryClient.invalidateQueries({ queryKey, exact: true });
}

/** Asks again for what may not be true any more. */
export function refresh(...names: QueryKey[]): void {
  for (const queryKey of names) void queryClient.invalidateQueries({ queryKey });
}
