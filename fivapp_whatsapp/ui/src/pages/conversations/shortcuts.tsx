import { useSpeech, type Key } from "../../i18n";
import { useWatched } from "../../lib/external";
import { setSingleKeys, singleKeys } from "../../lib/shortcuts";
import { Dialog } from "../../parts/dialog";

const LIST: readonly (readonly [string, Key])[] = [
  ["J", "shortcuts.next"],
  ["K", "shortcuts.previous"],
  ["Enter", "shortcuts.open"],
  ["E", "shortcuts.close"],
  ["A", "shortcuts.assign"],
  ["R", "shortcuts.reply"],
  ["U", "shortcuts.unread"],
  ["Ctrl + K", "shortcuts.search"],
  ["Esc", "shortcuts.escape"],
  ["?", "shortcuts.help"],
];

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  const { t } = useSpeech();
  const single = useWatched(singleKeys);
  return (
    <Dialog open onClose={onClose} title={t("shortcuts.title")}>
      <dl className="facts">
        {LIST.map(([key, label]) => (
          <div key={key} className="shortcut">
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(label)}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={single} onChange={(event) => setSingleKeys(event.target.checked)} />
        {t("shortcuts.single")}
      </label>
    </Dialog>
  );
}
