import { useSpeech } from "../../i18n";

export default function Automations() {
  const { t } = useSpeech();
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div>
            <h1>{t("automations.title")}</h1>
            <p>{t("automations.lead")}</p>
          </div>
        </header>
      </div>
    </div>
  );
}
