import { ask, problemFrom, type Api, type Problem } from "$lib/api";
import type { Recording } from "$lib/api/schema.gen";
import { poll } from "$lib/poll";

const lookEveryMs = 5_000;
/** How many are shown: the newest. */
const limit = 50;

/** The recordings and clips of a room, for its moderators and the admin pages. */
export class Recordings {
  /** Newest first; null until they were read. */
  items = $state.raw<readonly Recording[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  clipping = $state(false);

  readonly #api: Api;
  readonly #id: string;

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#id = roomId;
  }

  /** Looks every few seconds; gives what ends it. For an effect. */
  follow = (): (() => void) => poll((signal) => this.#look(signal), lookEveryMs);

  /** Keeps the last seconds as a clip. */
  async clip(seconds: number): Promise<void> {
    this.clipping = true;
    try {
      await ask(this.#api.POST("/api/v1/rooms/{id}/clips", { params: { path: { id: this.#id } }, body: { seconds } }));
      await this.#look();
    } finally {
      this.clipping = false;
    }
  }

  async delete(id: string): Promise<void> {
    await ask(this.#api.DELETE("/api/v1/rooms/{id}/recordings/{rid}", { params: { path: { id: this.#id, rid: id } } }));
    await this.#look();
  }

  async #look(signal?: AbortSignal): Promise<void> {
    try {
      const page = await ask(this.#api.GET("/api/v1/rooms/{id}/recordings", { params: { path: { id: this.#id }, query: { limit } }, ...(signal ? { signal } : {}) }));
      this.items = page.items;
      this.problem = null;
    } catch (cause) {
      if (!signal?.aborted) this.problem = problemFrom(cause);
    }
  }
}
