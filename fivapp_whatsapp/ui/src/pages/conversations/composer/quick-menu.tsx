import { Settings2 } from "lucide-react";
import type { QuickReply } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { quickOpen } from "../quick-state";

interface Props {
  items: readonly QuickReply[];
  query: string;
  chosen: number;
  onChoose: (reply: QuickReply) => void;
}

/** The quick replies that fit what stands behind the slash; the keys stay in the field. */
export default function QuickMenu({ items, query, chosen, onChoose }: Props) {
  const { t } = useSpeech();
  return (
    <div className="quick">
      <div role="listbox" aria-label={t("composer.quick")}>
        {items.map((reply, index) => (
          // The field keeps the focus and its keys choose; this is for the pointer.
          <div
            key={reply.shortcut}
            role="option"
            aria-selected={index === chosen}
            className="menu-item"
            data-highlighted={index === chosen || undefined}
            onPointerDown={(event) => {
              event.preventDefault();
              onChoose(reply);
            }}
          >
            <code>/{reply.shortcut}</code>
            <span className="soft quick-text">{reply.text}</span>
          </div>
        ))}
      </div>
      {items.length === 0 && <p className="soft small quick-none">{t("composer.quickEmpty", { q: query })}</p>}
      <button type="button" className="menu-item quick-manage" onClick={() => quickOpen.set(true)}>
        <Settings2 size={16} aria-hidden />
        {t("composer.quickManage")}
      </button>
    </div>
  );
}
