import { MessagesSquare } from "lucide-react";
import { Suspense, useEffect, useState } from "react";
import { lazily } from "../../lib/lazily";
import { useLocation, useSearch } from "wouter";
import { useSpeech } from "../../i18n";
import { openDrafts } from "../../lib/drafts";
import { useWatched } from "../../lib/external";
import { shortcutsOpen } from "../../lib/shortcuts";
import { useLive } from "../../live/provider";
import { lookAt } from "../../notifications/looking";
import { Empty } from "../../parts/empty";
import { openFiles } from "./composer/files";
import { useNoStrayDrops } from "./composer/drop";
import { Sidebar } from "./list/sidebar";
import { newConversation } from "./new-conversation-state";
import { quickOpen } from "./quick-state";
import { Thread } from "./thread/thread";
import { useKeys } from "./keys";
import "./inbox.css";
import "./thread.css";

const NewConversation = lazily(() => import("./new-conversation"));
const QuickReplies = lazily(() => import("./quick-replies"));
const Shortcuts = lazily(() => import("./shortcuts"));

export default function Conversations({ selected }: { selected: string | null }) {
  const { t } = useSpeech();
  const { me } = useLive();
  useState(() => openDrafts(me));
  useEffect(() => void openFiles(me), [me]);
  const [, go] = useLocation();
  const target = new URLSearchParams(useSearch()).get("message");
  const opening = useWatched(newConversation);
  const managing = useWatched(quickOpen);
  const helping = useWatched(shortcutsOpen);
  useKeys(selected, go);
  useNoStrayDrops();

  useEffect(() => () => newConversation.set(null), []);
  useEffect(() => {
    lookAt(selected);
    return () => lookAt(null);
  }, [selected]);

  return (
    <div className="inbox" data-open={selected !== null}>
      <Sidebar selected={selected} target={target} />
      <div className="thread-frame">
        {selected === null ? (
          <Empty icon={MessagesSquare} title={t("inbox.pick.title")} text={t("inbox.pick.text")} />
        ) : (
          <Thread key={selected} id={selected} target={target} />
        )}
      </div>
      <Suspense fallback={null}>
        {opening !== null && <NewConversation to={opening.to} onClose={() => newConversation.set(null)} />}
        {managing && <QuickReplies onClose={() => quickOpen.set(false)} />}
        {helping && <Shortcuts onClose={() => shortcutsOpen.set(false)} />}
      </Suspense>
    </div>
  );
}
