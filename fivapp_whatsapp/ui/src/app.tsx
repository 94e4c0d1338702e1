import { Suspense, type ReactNode } from "react";
import { lazily } from "./lib/lazily";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";
import { problemOf } from "./api/problem";
import { useMe } from "./api/queries";
import type { Me } from "./api/types";
import { useSpeech } from "./i18n";
import { Crash } from "./layout/crash";
import { Shell } from "./layout/shell";
import { LiveProvider } from "./live/provider";
import { Loading } from "./parts/empty";
import { Problems } from "./parts/problems";

const Login = lazily(() => import("./pages/login/page"));
const Conversations = lazily(() => import("./pages/conversations/page"));
const Settings = lazily(() => import("./pages/settings/page"));
const Automations = lazily(() => import("./pages/automations/page"));

export function App() {
  const { t } = useSpeech();
  return (
    <Crash>
      <Suspense fallback={<Loading label={t("app.loading")} />}>
        <Switch>
          <Route path="/login" component={Login} />
          <Route>
            <LoggedIn />
          </Route>
        </Switch>
      </Suspense>
    </Crash>
  );
}

/** What needs a user: without one it leads to the login, and from there back. */
function LoggedIn() {
  const { t } = useSpeech();
  const me = useMe();
  const [path] = useLocation();
  const search = useSearch();
  if (me.data !== undefined) return <Pages me={me.data} />;
  if (me.isPending) return <Loading label={t("app.loading")} />;
  if (problemOf(me.error).status === 401) {
    const next = encodeURIComponent(path + (search === "" ? "" : `?${search}`));
    return <Redirect to={`/login?next=${next}`} replace />;
  }
  return <Problems error={me.error} onRetry={() => void me.refetch()} />;
}

function Pages({ me }: { me: Me }) {
  const { t } = useSpeech();
  return (
    <LiveProvider me={me}>
      <Shell me={me}>
        <Suspense fallback={<Loading label={t("app.loading")} />}>
          <Switch>
            <Route path="/conversations/:id?">{({ id }) => <Conversations selected={id ?? null} />}</Route>
            <Route path="/whatsapp-settings">
              <AdminOnly me={me}>
                <Settings />
              </AdminOnly>
            </Route>
            <Route path="/automations">
              <AdminOnly me={me}>
                <Automations />
              </AdminOnly>
            </Route>
            <Route>
              <Redirect to="/conversations" replace />
            </Route>
          </Switch>
        </Suspense>
      </Shell>
    </LiveProvider>
  );
}

function AdminOnly({ me, children }: { me: Me; children: ReactNode }) {
  const { t } = useSpeech();
  return me.role === "admin" ? children : <p className="page soft">{t("app.adminOnly")}</p>;
}
