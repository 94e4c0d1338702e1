import { memo } from "react";
import { useSpeech } from "../../../i18n";
import { useMinute } from "../../../lib/clock";
import type { Row } from "../../../lib/rows";
import { dayName } from "../../../lib/time";
import { Bubble } from "./bubble";
import { LocalBubble } from "./local-bubble";

/** One row of a thread. */
export const RowView = memo(
  function RowView({ row }: { row: Row }) {
    const { t } = useSpeech();
    switch (row.type) {
      case "day":
        return <Day at={row.at} />;
      case "unread":
        return (
          <div className="unread-line">
            <span>{t("thread.unread", { n: row.count })}</span>
          </div>
        );
      case "system":
        return <p className="system-line">{row.message.text}</p>;
      case "local":
        return <LocalBubble local={row.local} />;
      default:
        return (
          <Bubble
            message={row.message}
            first={row.first}
            last={row.last}
            reactions={row.reactions}
            quoted={row.quoted}
          />
        );
    }
  },
  (before, after) => same(before.row, after.row),
);

/** Tells whether two rows show the same: rows are made anew with every change of the thread. */
function same(before: Row, after: Row): boolean {
  if (before.type !== after.type || before.key !== after.key) return false;
  if (before.type === "message" && after.type === "message") {
    return (
      before.message === after.message &&
      before.first === after.first &&
      before.last === after.last &&
      before.quoted === after.quoted &&
      before.reactions.length === after.reactions.length &&
      before.reactions.every((one, index) => one.emoji === after.reactions[index]?.emoji)
    );
  }
  if (before.type === "local" && after.type === "local") return before.local === after.local;
  if (before.type === "system" && after.type === "system") return before.message === after.message;
  return before.type !== "unread" || (after.type === "unread" && before.count === after.count);
}

function Day({ at }: { at: string }) {
  const { t, language } = useSpeech();
  const now = useMinute();
  return (
    <div className="day-line">
      <span>{dayName(at, new Date(now), language, t("common.today"), t("common.yesterday"))}</span>
    </div>
  );
}
