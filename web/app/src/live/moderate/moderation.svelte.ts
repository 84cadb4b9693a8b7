import { ask, problemFrom, type Api, type Problem } from "$lib/api";
import type { Broadcast, Ingest } from "$lib/api/schema.gen";
import { poll } from "$lib/poll";

const lookEveryMs = 2_000;
/** Two minutes of looks. */
const maxHistory = 60;

/** What a broadcast's moderator sees and does, by the API and the room's session. */
export class Moderation {
  cast = $state.raw<Broadcast | null>(null);
  /** Why the broadcast could not be read; what was read before stays. */
  problem = $state.raw<Problem | null>(null);
  /** Bits per second of all tracks, oldest first, one for each look while a publisher is there. */
  rates = $state.raw<readonly number[]>([]);
  /** Pictures per second, likewise. */
  frames = $state.raw<readonly number[]>([]);
  ingest = $state.raw<Ingest | null>(null);
  ingestProblem = $state.raw<Problem | null>(null);
  now = $state(Date.now());

  readonly #api: Api;
  readonly #id: string;

  constructor(api: Api, roomId: string) {
    this.#api = api;
    this.#id = roomId;
  }

  get bitrate(): number {
    return this.rates.at(-1) ?? 0;
  }

  /** Looks every two seconds; gives what ends it. For an effect. */
  follow = (): (() => void) => poll((signal) => this.#look(signal), lookEveryMs);

  async #look(signal?: AbortSignal): Promise<void> {
    try {
      this.#take(await ask(this.#api.GET("/api/v1/rooms/{id}/stream", { params: { path: { id: this.#id } }, ...(signal ? { signal } : {}) })));
    } catch (cause) {
      if (!signal?.aborted) this.problem = problemFrom(cause);
    }
  }

  async goLive(): Promise<void> {
    this.#take(await ask(this.#api.POST("/api/v1/rooms/{id}/stream/start", this.#path)));
  }

  /** Ends the show; with a preview the encoder stays connected, else the run ends and encoders are refused for half a minute. */
  async endShow(keepsPreview: boolean): Promise<void> {
    if (keepsPreview) this.#take(await ask(this.#api.POST("/api/v1/rooms/{id}/stream/stop", this.#path)));
    else await ask(this.#api.POST("/api/v1/rooms/{id}/end", this.#path));
    await this.#look();
  }

  async cutOff(holdSeconds: number): Promise<void> {
    await ask(this.#api.DELETE("/api/v1/rooms/{id}/stream", { params: { path: { id: this.#id }, query: { hold_seconds: holdSeconds } } }));
    await this.#look();
  }

  /** Reads the publishing addresses, once: they are secrets, so only when asked for. */
  async readIngest(): Promise<void> {
    try {
      this.ingest = await ask(this.#api.GET("/api/v1/rooms/{id}/stream/ingest", this.#path));
      this.ingestProblem = null;
    } catch (cause) {
      this.ingestProblem = problemFrom(cause);
    }
  }

  get #path() {
    return { params: { path: { id: this.#id } } };
  }

  #take(cast: Broadcast): void {
    this.now = Date.now();
    this.cast = cast;
    this.problem = null;
    if (!cast.publisher) {
      this.rates = this.frames = [];
      return;
    }
    const total = cast.tracks.reduce((sum, track) => sum + track.bitrate_bps, 0);
    this.rates = [...this.rates, total].slice(-maxHistory);
    this.frames = [...this.frames, cast.tracks.find(({ kind }) => kind === "video")?.frame_rate ?? 0].slice(-maxHistory);
  }
}
