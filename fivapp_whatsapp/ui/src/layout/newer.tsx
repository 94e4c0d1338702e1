import { useWatched, watched } from "../lib/external";
import { useSpeech } from "../i18n";

const newer = watched(false);

/** After a deploy, a part of the page that was not loaded yet is no longer there: then the page asks to be reloaded. */
export function watchChunks(): void {
  addEventListener("vite:preloadError", (event) => {
    event.preventDefault();
    newer.set(true);
  });
}

export function NewerVersion() {
  const { t } = useSpeech();
  if (!useWatched(newer)) return null;
  return (
    <div className="banner" role="alert">
      <span>{t("app.newVersion")}</span>
      <button type="button" className="button slim" onClick={() => location.reload()}>
        {t("app.reload")}
      </button>
    </div>
  );
}
