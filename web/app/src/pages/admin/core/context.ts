import { createContext } from "svelte";
import type { Api } from "$lib/api";
import type { Router } from "$lib/router.svelte";
import type { AdminSession } from "./session.svelte";

/** What every admin page works with. */
export interface Admin {
  readonly session: AdminSession;
  readonly api: Api;
  readonly router: Router;
}

/** Hands the admin pages' common things down, and takes them. */
export const [getAdmin, setAdmin] = createContext<Admin>();
