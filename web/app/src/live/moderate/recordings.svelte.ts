import { problemFrom, type Problem } from "$lib/api";
import { problemFromAnswer } from "$lib/api/problem";
import { poll } from "$lib/poll";
import type { RoomSession } from "$lib/session";

/** Something that was kept of a broadcast. */
export interface Recording {
  id: string;
  kind: "recording" | "clip";
  title: string;
  state: "recording" | "ready" | "failed";
  started_at: string;
  duration_seconds: number | null;
  size_bytes: number;
  download_url: string | null;
}

const lookEveryMs = 5_000;

/** The recordings and clips of a room, as its moderators see them. */
export class Recordings {
  /** Newest first; null until they were read. */
  items = $state.raw<readonly Recording[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  clipping = $state(false);

  readonly #session: RoomSession;
  readonly #path: string;

  constructor(session: RoomSession, roomId: string) {
    this.#session = session;
    this.#path = `/api/v1/rooms/${encodeURIComponent(roomId)}`;
  }

  /** Looks every few seconds; gives what ends it. For an effect. */
  follow = (): (() => void) => poll((signal) => this.#look(signal), lookEveryMs);

  /** Keeps the last seconds as a clip. */
  async clip(seconds: number): Promise<void> {
    this.clipping = true;
    try {
      await this.#ask("/clips", { method: "POST", body: JSON.stringify({ seconds }) });
      await this.#look();
    } finally {
      this.clipping = false;
    }
  }

  async delete(id: string): Promise<void> {
    await this.#ask(`/recordings/${encodeURIComponent(id)}`, { method: "DELETE" });
    await this.#look();
  }

  async #look(signal?: AbortSignal): Promise<void> {
    try {
      const page = (await this.#ask("/recordings?limit=50", signal ? { signal } : {})) as { items: Recording[] };
      this.items = page.items;
      this.problem = null;
    } catch (cause) {
      if (!signal?.aborted) this.problem = problemFrom(cause);
    }
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    const headers = { Authorization: `Bearer ${this.#session.token ?? ""}`, ...(init.body ? { "Content-Type": "application/json" } : {}) };
    const answer = await fetch(this.#path + path, { ...init, headers });
    const body: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw problemFromAnswer(answer, body);
    return body;
  }
}
