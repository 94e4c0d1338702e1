import { watched } from "../lib/external";

/** Asks for the dialog about notifications, from anywhere. */
export const noticesOpen = watched(false);
