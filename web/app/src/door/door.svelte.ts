import { ask, publicApi, problemFrom, type Api, type DoorAnswer, type DoorRef, type JoinAnswer, type Problem } from "$lib/api";
import { RoomSession } from "$lib/session";

/** Where somebody stands before a room. */
export type DoorStage =
  | { is: "looking" }
  /** The link names nothing. */
  | { is: "broken_link" }
  /** The door is shut for now or for good; the problem says why. */
  | { is: "refused"; problem: Problem }
  /** It begins later: `startsAt` in ms since 1970. */
  | { is: "early"; startsAt: number }
  | { is: "asking" }
  /** `again`: this tab was in already, and came back after a reload. */
  | { is: "inside"; joined: JoinAnswer; again: boolean };

/** Which field a refusal is about. */
export type DoorField = "name" | "code";

const nameKey = "roomcast.name";
/** Refusals that are a state of the door rather than of what was typed. */
const shut: ReadonlySet<string> = new Set(["room_full", "room_locked", "banned", "room_suspended", "token_unknown", "not_found", "not_started", "not_ready", "origin_not_allowed"]);
const tooFast: ReadonlySet<string> = new Set(["too_many_attempts", "rate_limited"]);
/** How long to wait where the server does not say, in seconds. */
const defaultWaitSeconds = 60;

interface DoorOptions {
  api?: Api;
  session?: RoomSession;
}

/** The door of one room: looks what it asks for, takes the answers, and holds what was typed until it opens. */
export class Door {
  stage = $state.raw<DoorStage>({ is: "looking" });
  /** What the door says, once it was asked. */
  answer = $state.raw<DoorAnswer | null>(null);
  name = $state(rememberedName());
  code = $state("");
  busy = $state(false);
  /** The last refusal that belongs to the form. */
  problem = $state.raw<Problem | null>(null);
  /** Until when nothing may be tried, in ms since 1970; 0 if it may be. */
  waitUntil = $state(0);

  readonly ref: DoorRef | null;
  readonly session: RoomSession | null;
  readonly #api: Api;

  constructor(ref: DoorRef | null, options: DoorOptions = {}) {
    this.ref = ref;
    this.#api = options.api ?? publicApi();
    this.session = options.session ?? (ref === null ? null : new RoomSession(ref));
  }

  /** Which field the last refusal is about, or null. */
  get refusedField(): DoorField | null {
    const problem = this.problem;
    if (!problem) return null;
    if (problem.code.startsWith("access_code_") || problem.errors.some(({ pointer }) => pointer === "/access_code")) return "code";
    return problem.errors.some(({ pointer }) => pointer === "/name") ? "name" : null;
  }

  /** Asks the door what it wants; after a reload, goes straight back in. */
  async look(): Promise<void> {
    if (this.ref === null || this.session === null) {
      this.stage = { is: "broken_link" };
      return;
    }
    this.stage = { is: "looking" };
    try {
      const joined = await this.session.restore();
      if (joined) {
        this.stage = { is: "inside", joined, again: true };
        return;
      }
      this.answer = await ask(this.#api.POST("/api/v1/door", { body: this.ref }));
      const startsAt = this.answer.starts_at ? Date.parse(this.answer.starts_at) : 0;
      this.stage = startsAt > Date.now() && this.answer.role === "participant" ? { is: "early", startsAt } : { is: "asking" };
    } catch (cause) {
      this.#refused(problemFrom(cause));
    }
  }

  /** Joins with what was typed. */
  async join(): Promise<void> {
    if (this.ref === null || this.session === null || this.busy || Date.now() < this.waitUntil) return;
    this.busy = true;
    this.problem = null;
    const name = this.name.trim();
    const session = this.session.remembered()?.session;
    try {
      const joined = await ask(
        this.#api.POST("/api/v1/join", {
          body: { ...this.ref, ...(this.code === "" ? {} : { access_code: this.code }), ...(name === "" ? {} : { name }), ...(session === undefined ? {} : { session }) },
        }),
      );
      rememberName(name);
      this.session.keep(joined);
      this.stage = { is: "inside", joined, again: false };
    } catch (cause) {
      this.#refused(problemFrom(cause));
    } finally {
      this.busy = false;
    }
  }

  /** Goes back from a refusal to the question, with what was typed. */
  askAgain(): void {
    this.problem = null;
    if (this.answer) this.stage = { is: "asking" };
    else void this.look();
  }

  #refused(problem: Problem): void {
    const startsAt = problem.code === "not_started" ? Date.parse(String(problem.extra["starts_at"])) : NaN;
    if (Number.isFinite(startsAt)) {
      this.stage = { is: "early", startsAt };
    } else if (this.answer === null || shut.has(problem.code)) {
      this.stage = { is: "refused", problem };
    } else {
      this.problem = problem;
      if (tooFast.has(problem.code)) this.waitUntil = Date.now() + 1000 * (problem.retryAfterSeconds ?? defaultWaitSeconds);
    }
  }
}

function rememberedName(): string {
  try {
    return localStorage.getItem(nameKey) ?? "";
  } catch {
    return "";
  }
}

function rememberName(name: string): void {
  try {
    if (name !== "") localStorage.setItem(nameKey, name);
  } catch {
    // Storage is blocked: it is asked for again.
  }
}
