import { CircleCheck, Inbox, SearchX } from "lucide-react";
import { Link } from "wouter";
import { useSessions } from "../../../api/queries";
import { useSpeech } from "../../../i18n";
import { typedNumber, phone } from "../../../lib/phones";
import type { Filter } from "../../../live/belongs";
import { useLive } from "../../../live/provider";
import { Empty } from "../../../parts/empty";
import { newConversation } from "../new-conversation-state";

/** What a list says when it is empty: why, and what to do. */
export default function EmptyList({ filter }: { filter: Filter }) {
  const { t } = useSpeech();
  const { me } = useLive();
  const sessions = useSessions();
  const unconnected = sessions.data !== undefined && !sessions.data.some((one) => one.desired === "running");
  if (filter.query !== "") {
    const number = typedNumber(filter.query);
    return (
      <Empty icon={SearchX} title={t("inbox.empty.search", { q: filter.query })}>
        {number !== null && (
          <button type="button" className="button" onClick={() => newConversation.set({ to: filter.query })}>
            {t("inbox.startWith", { phone: phone(number) })}
          </button>
        )}
      </Empty>
    );
  }
  if (filter.view !== null) return <Empty icon={CircleCheck} title={t(`inbox.empty.${filter.view}`)} />;
  return (
    <Empty icon={Inbox} title={t("inbox.empty.title")} text={t("inbox.empty.text")}>
      {unconnected && me.role === "admin" && (
        <Link to="/whatsapp-settings" className="button main">
          {t("inbox.empty.connect")}
        </Link>
      )}
    </Empty>
  );
}
