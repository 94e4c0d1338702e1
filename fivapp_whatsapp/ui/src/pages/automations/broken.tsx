import { TriangleAlert } from "lucide-react";
import type { BrokenPlugin } from "../../api/types";
import { useSpeech } from "../../i18n";

/** A plugin that could not be loaded, with every mistake that was found. */
export function Broken({ plugin }: { plugin: BrokenPlugin }) {
  const { t } = useSpeech();
  return (
    <article className="card broken">
      <TriangleAlert size={20} aria-hidden />
      <div>
        <h3>{t("broken.title", { name: plugin.name })}</h3>
        <p className="small">{t("broken.text", { distribution: plugin.distribution })}</p>
        <ul>
          {plugin.problems.map((problem) => (
            <li key={problem}>
              <code>{problem}</code>
            </li>
          ))}
        </ul>
      </div>
    </article>
  );
}
