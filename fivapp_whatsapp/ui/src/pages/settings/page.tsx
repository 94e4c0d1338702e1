import { useQuery } from "@tanstack/react-query";
import { Plus, Smartphone } from "lucide-react";
import { useState, type FormEvent } from "react";
import { address } from "../../base";
import { keys } from "../../api/keys";
import { useSessions } from "../../api/queries";
import { useSpeech } from "../../i18n";
import { Empty, Loading } from "../../parts/empty";
import { Field } from "../../parts/field";
import { Problems } from "../../parts/problems";
import { AddSession } from "./add-session";
import { useConnect } from "./actions";
import { SessionCard } from "./session-card";
import "./settings.css";

/** The address of the simulated phone's page, which only the demo has. */
function usePhonePage(): string | null {
  const index = useQuery({
    queryKey: keys.index,
    queryFn: async () => (await (await fetch(address("/"))).json()) as { links?: { phone?: string } },
  });
  return index.data?.links?.phone ?? null;
}

export default function Settings() {
  const { t } = useSpeech();
  const sessions = useSessions();
  const phonePage = usePhonePage();
  const [adding, setAdding] = useState(false);
  if (sessions.isPending) return <Loading label={t("app.loading")} />;
  if (sessions.isError) return <Problems error={sessions.error} onRetry={() => void sessions.refetch()} />;
  const list = [...sessions.data].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div>
            <h1>{t("settings.title")}</h1>
            <p>{t("settings.lead")}</p>
          </div>
          <div className="actions">
            {phonePage !== null && (
              <a className="button" href={phonePage} target="_blank" rel="noopener noreferrer">
                <Smartphone size={18} aria-hidden />
                {t("settings.openPhone")}
              </a>
            )}
            {list.length > 0 && (
              <button type="button" className="button main" onClick={() => setAdding(true)}>
                <Plus size={18} aria-hidden />
                {t("settings.add")}
              </button>
            )}
          </div>
        </header>
        {list.length === 0 ? <FirstSession /> : null}
        <ul className="sessions">
          {list.map((session) => (
            <SessionCard key={session.id} session={session} />
          ))}
        </ul>
      </div>
      <AddSession open={adding} onClose={() => setAdding(false)} />
    </div>
  );
}

function FirstSession() {
  const { t } = useSpeech();
  const connect = useConnect();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
    connect.mutate(name === "" ? {} : { name });
  }

  return (
    <div className="card first-session">
      <Empty icon={Smartphone} title={t("settings.empty.title")} text={t("settings.empty.text")}>
        <form className="stack" onSubmit={submit}>
          <Field label={t("settings.nameOptional")} help={t("settings.nameHelp")}>
            {(ids) => <input {...ids} className="input" name="name" maxLength={100} autoComplete="off" />}
          </Field>
          <button type="submit" className="button main" disabled={connect.isPending}>
            {connect.isPending && <span className="spinner" aria-hidden />}
            {t("settings.connect")}
          </button>
        </form>
      </Empty>
    </div>
  );
}
