import { adminApi, ask, problemFrom, type Api, type Problem } from "$lib/api";

/** Where the login stands: being looked up, not logged in, logged in, or unknown because the server could not be asked. */
export type LoginState = "checking" | "out" | "in" | "unknown";

const path = "/api/v1/admin/session";

/**
 * The admin pages' login. The key goes to the server once and is kept nowhere; an HttpOnly cookie stands for it. The CSRF token that
 * proves that this page is asking lives in memory only and is read again after a reload.
 */
export class AdminSession {
  state = $state<LoginState>("checking");
  /** Why the login could not be looked up. */
  problem = $state.raw<Problem | null>(null);
  /** Whether a login that was there has run out. */
  ended = $state(false);
  readonly api: Api;
  #csrf: string | null = null;
  readonly #fetch: (request: Request) => Promise<Response>;

  /** Both options are for tests: what stands for the browser's fetch, and where the API is. */
  constructor(options: { fetch?: (request: Request) => Promise<Response>; baseUrl?: string } = {}) {
    this.#fetch = options.fetch ?? ((request) => fetch(request));
    this.api = adminApi(() => this.#csrf, { ...options, fetch: this.#guarded });
  }

  /** Looks up whether this browser is logged in. */
  async restore(): Promise<void> {
    this.state = "checking";
    this.problem = null;
    try {
      await this.#reread();
      this.state = "in";
    } catch (cause) {
      const problem = problemFrom(cause);
      if (problem.status === 401) {
        this.ended = false;
        this.state = "out";
      } else {
        this.problem = problem;
        this.state = "unknown";
      }
    }
  }

  /** Logs in with an API key; throws a Problem if it is refused. */
  async login(key: string): Promise<void> {
    const answer = await ask(this.api.POST(path, { body: { key } }));
    this.#csrf = answer.csrf_token;
    this.ended = false;
    this.state = "in";
  }

  /** Logs out on the server, then here. */
  async logout(): Promise<void> {
    try {
      await ask(this.api.DELETE(path));
    } catch (cause) {
      if (problemFrom(cause).status !== 401) throw cause;
    }
    this.#csrf = null;
    this.ended = false;
    this.state = "out";
  }

  async #reread(): Promise<void> {
    this.#csrf = (await ask(this.api.GET(path))).csrf_token;
  }

  /** Watches each answer: a login that ran out shows the login page; a CSRF token that another tab's login replaced is read again, once. */
  #guarded = async (request: Request): Promise<Response> => {
    const isLogin = new URL(request.url).pathname === path;
    const again = !isLogin && request.method !== "GET" ? request.clone() : null;
    const answer = await this.#fetch(request);
    if (answer.status === 401 && !isLogin && this.state === "in") {
      this.#csrf = null;
      this.ended = true;
      this.state = "out";
    }
    if (answer.status === 403 && again) {
      const before = this.#csrf;
      await this.#reread().catch(() => undefined);
      if (this.#csrf !== null && this.#csrf !== before) {
        again.headers.set("X-CSRF-Token", this.#csrf);
        return this.#fetch(again);
      }
    }
    return answer;
  };
}
