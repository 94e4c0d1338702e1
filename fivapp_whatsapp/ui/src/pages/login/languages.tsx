import { useSpeech } from "../../i18n";

/** The switch of languages for those who have no menu yet. */
export function Languages() {
  const { t, language, setLanguage } = useSpeech();
  return (
    <div className="languages" role="group" aria-label={t("nav.language")}>
      {(["pt-BR", "en"] as const).map((one) => (
        <button
          key={one}
          type="button"
          lang={one}
          className="button quiet slim"
          aria-pressed={language === one}
          onClick={() => setLanguage(one)}
        >
          {one === "en" ? "English" : "Português"}
        </button>
      ))}
    </div>
  );
}
