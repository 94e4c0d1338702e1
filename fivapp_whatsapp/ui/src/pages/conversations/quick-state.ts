import { watched } from "../../lib/external";

/** Whether the dialog that manages quick replies is open. */
export const quickOpen = watched(false);
