import { ask, problemFrom, sessionApi, type Api, type DoorRef, type JoinAnswer, type Problem } from "$lib/api";

/** The part of the browser's Storage that sessions are kept in. */
export type SessionStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

interface SessionOptions {
  /** Where to keep it; the tab's sessionStorage unless told. Only the tab that joined knows the session, and no address ever holds it. */
  storage?: SessionStorage | null;
  /** Asks the server for the next session; the API's refresh call unless told. */
  refresh?: (api: Api) => Promise<JoinAnswer>;
}

/** Codes after which a session is over for good, so that keeping it would be of no use. */
const ending: ReadonlySet<string> = new Set(["session_invalid", "session_expired", "banned", "room_suspended", "token_unknown", "not_found"]);

const renewBeforeMs = 5 * 60_000;
const shortestWaitMs = 5_000;
const longestRetryMs = 60_000;
/** setTimeout's largest delay; anything longer would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * One joined session: remembers it across reloads of the tab, and renews it before it expires.
 *
 * `keep` what joining answered; `restore` it after a reload; `end` it on leaving. Callers take the session from `token` and every
 * address from `current.endpoints`, at the moment of use, because both change when the session is renewed.
 */
export class RoomSession {
  /** Called with each new answer: after `keep`, `restore`, and every renewal. */
  onchange: ((answer: JoinAnswer) => void) | null = null;
  /** Called once when the server has ended the session; the problem says why. */
  onended: ((problem: Problem) => void) | null = null;

  readonly api: Api;
  #current: JoinAnswer | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  readonly #key: string;
  readonly #storage: SessionStorage | null;
  readonly #refresh: (api: Api) => Promise<JoinAnswer>;

  constructor(door: DoorRef, options: SessionOptions = {}) {
    this.#key = "roomcast.session." + ("token" in door ? `join.${door.token}` : `room.${door.room_id}`);
    this.#storage = options.storage === undefined ? tabStorage() : options.storage;
    this.#refresh = options.refresh ?? ((api) => ask(api.POST("/api/v1/session/refresh")));
    this.api = sessionApi(() => this.token);
  }

  /** What the server last said about this session, or null before joining and after the end. */
  get current(): JoinAnswer | null {
    return this.#current;
  }

  /** The bearer of the session, or null. */
  get token(): string | null {
    return this.#current?.session ?? null;
  }

  /** Takes what joining answered. */
  keep(answer: JoinAnswer): void {
    this.#current = answer;
    this.#failures = 0;
    this.#store(JSON.stringify(answer));
    this.#schedule(Date.parse(answer.expires_at) - Date.now() - renewBeforeMs);
    this.onchange?.(answer);
  }

  /**
   * The session this tab held before, still to be proven: hand it to the join call as `session` to get seat and identity back.
   * Null if there was none or what was kept cannot be read.
   */
  remembered(): JoinAnswer | null {
    try {
      const kept: unknown = JSON.parse(this.#storage?.getItem(this.#key) ?? "null");
      return isJoinAnswer(kept) ? kept : null;
    } catch {
      return null;
    }
  }

  /**
   * Takes up the remembered session after a reload by renewing it, so that what comes back is true now.
   * Gives null if there is none or the server has ended it, and throws a Problem if the server could not say.
   */
  async restore(): Promise<JoinAnswer | null> {
    const kept = this.remembered();
    if (kept === null) return null;
    this.#current = kept;
    try {
      this.keep(await this.#refresh(this.api));
      return this.#current;
    } catch (cause) {
      this.#current = null;
      const problem = problemFrom(cause);
      if (!ending.has(problem.code)) throw problem;
      this.end();
      return null;
    }
  }

  /** Renews now. Fails silently into a retry if the server cannot be reached, and into `onended` if it says no. */
  async renew(): Promise<void> {
    const before = this.#current;
    if (before === null) return;
    try {
      const answer = await this.#refresh(this.api);
      if (this.#current === before) this.keep(answer);
    } catch (cause) {
      if (this.#current !== before) return;
      const problem = problemFrom(cause);
      if (ending.has(problem.code)) {
        this.end();
        this.onended?.(problem);
        return;
      }
      this.#failures += 1;
      this.#schedule(problem.retryAfterSeconds === null ? Math.min(shortestWaitMs * 2 ** (this.#failures - 1), longestRetryMs) : problem.retryAfterSeconds * 1000);
    }
  }

  /** Forgets the session here. Leaving the room on the server is a call of its own: `DELETE /api/v1/session`. */
  end(): void {
    this.#current = null;
    this.#stopTimer();
    this.#store(null);
  }

  /** Stops renewing and keeps what is remembered: for when the page goes away. */
  close(): void {
    this.#stopTimer();
  }

  #schedule(waitMs: number): void {
    this.#stopTimer();
    const wait = Math.min(Math.max(Number.isFinite(waitMs) ? waitMs : 0, shortestWaitMs), longestTimerMs);
    this.#timer = setTimeout(() => void this.renew(), wait);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #store(value: string | null): void {
    try {
      if (value === null) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, value);
    } catch {
      // Storage is full or blocked: the session then lasts as long as the page.
    }
  }
}

function tabStorage(): SessionStorage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

function isJoinAnswer(value: unknown): value is JoinAnswer {
  return typeof value === "object" && value !== null && "session" in value && typeof value.session === "string" && "expires_at" in value && "endpoints" in value;
}
