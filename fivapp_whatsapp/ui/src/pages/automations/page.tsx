import { MessageCircleQuestion } from "lucide-react";
import { useEffect } from "react";
import { useSearch } from "wouter";
import { keys } from "../../api/keys";
import { refresh } from "../../api/queries";
import type { Automation, PluginList } from "../../api/types";
import { useSpeech } from "../../i18n";
import { Loading } from "../../parts/empty";
import { Problems } from "../../parts/problems";
import { useAutomations, usePlugins } from "./data";
import { Failures } from "./failures";
import { Master } from "./master";
import { PluginsList } from "./plugin-list";
import { PluginSettings } from "./settings/settings";
import { Trial } from "./trial";
import "./words";
import "./automations.css";
import "./settings/settings.css";

export default function Automations() {
  const { t } = useSpeech();
  const automation = useAutomations();
  const plugins = usePlugins();
  const chosen = new URLSearchParams(useSearch()).get("plugin");
  useEndOfPauses(plugins.data);
  const failed = automation.error ?? plugins.error;
  if (failed !== null && (automation.data === undefined || plugins.data === undefined))
    return <Problems error={failed} onRetry={() => refresh(keys.automations, keys.plugins)} />;
  if (automation.data === undefined || plugins.data === undefined) return <Loading label={t("app.loading")} />;
  const list = plugins.data;
  return (
    <div className="page">
      <div className="inner automations">
        <header className="page-head">
          <div>
            <h1>{t("automations.title")}</h1>
            <p>{t("automations.lead")}</p>
          </div>
          <a className="button to-trial" href={`${location.pathname}${location.search}#trial`}>
            <MessageCircleQuestion size={18} aria-hidden />
            {t("trial.title")}
          </a>
        </header>
        <div className="stack">
          <Main automation={automation.data} list={list} chosen={chosen} />
        </div>
        <aside aria-label={t("trial.title")}>
          <Trial plugins={list.items} chosen={chosen} />
        </aside>
      </div>
    </div>
  );
}

function Main({ automation, list, chosen }: { automation: Automation; list: PluginList; chosen: string | null }) {
  const plugin = list.items.find((one) => one.name === chosen && one.schema != null);
  if (plugin !== undefined) return <PluginSettings key={plugin.name} plugin={plugin} />;
  return (
    <>
      <Master automation={automation} />
      <PluginsList list={list} allOn={automation.enabled} />
      <Failures plugins={list.items} />
    </>
  );
}

/** Asks again when the next pause of a plugin ends: nobody tells of it. */
function useEndOfPauses(list: PluginList | undefined): void {
  const ends = list?.items.flatMap(({ health }) =>
    health.pausedUntil == null ? [] : [Date.parse(health.pausedUntil)],
  );
  const next = ends === undefined || ends.length === 0 ? null : Math.min(...ends);
  useEffect(() => {
    if (next === null) return undefined;
    const timer = setTimeout(() => refresh(keys.plugins), Math.max(1_000, next - Date.now() + 500));
    return () => clearTimeout(timer);
  }, [next]);
}
