import { api, whenLoggedOut } from "../api/client";
import { queryClient } from "../api/queries";
import type { Me } from "../api/types";
import { forgetToken } from "../api/token";
import { base } from "../base";
import * as outgoing from "../live/outgoing";
import { closeDrafts } from "../lib/drafts";
import { keptFiles } from "../lib/kept-files";
import { wipe } from "../lib/storage";
import { leaveNotices } from "../notifications/notices";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("fivapp.login");

/** Tells whether a user can log out from here: a cookie of the main application is only ended by that application. */
export function canLogOut(me: Me): boolean {
  return me.login !== "cookie" || me.logoutUrl != null;
}

/** Logs out here and in every other tab; what was written and not sent goes with it. */
export async function logOut(me: Me): Promise<void> {
  await leaveNotices();
  await api.POST("/api/auth/logout").catch(() => undefined);
  forgetToken();
  closeDrafts();
  await keptFiles.forget();
  wipe("fivapp.draft.");
  wipe("fivapp.outgoing.");
  channel?.postMessage("out");
  leave(me.logoutUrl ?? `${base}/login`);
}

function leave(to: string): void {
  closeDrafts();
  outgoing.clear();
  queryClient.clear();
  location.assign(to);
}

/** Follows a log-out in another tab, and a login that ended: drafts stay for the next login of the same user. */
export function followLogOut(): void {
  if (channel !== null) channel.onmessage = () => leave(`${base}/login`);
  whenLoggedOut(() => {
    if (location.pathname !== `${base}/login` && queryClient.getQueryData(["me"]) !== undefined) {
      const next = encodeURIComponent(location.pathname.slice(base.length) + location.search);
      location.assign(`${base}/login?ended=1&next=${next}`);
    }
  });
}
