import { problemFrom, type Api, type Problem } from "$lib/api";
import type { Room, RoomPatch } from "$lib/api/schema.gen";
import { memberObject, type ExactObject } from "../core/exact-json";
import type { Read } from "../core/read";
import { deleteRoom } from "../rooms/service";
import { act, clearSecret, patchRoom, putMetadata, readRoom, regenerate, type RoomAct, type SecretField } from "./service";

/** One room as the admin pages hold it: what was read last, and everything that changes it. */
export class RoomManager {
  room = $state.raw<Room | null>(null);
  /** The metadata with its numbers as they were sent. */
  metadata = $state.raw<ExactObject>({});
  /** Names what was read, for changes that must not run over somebody else's. */
  etag = $state<string | null>(null);
  /** Why the room could not be read; what was read before stays in `room`. */
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  /** Counts changes of who may be inside, so that lists of people are read again at once. */
  turn = $state(0);

  constructor(
    readonly api: Api,
    readonly id: string,
  ) {}

  /** Reads the room. What goes wrong is told in `problem`. */
  async load(signal?: AbortSignal): Promise<void> {
    this.busy = true;
    const turn = this.turn;
    try {
      const read = await readRoom(this.api, this.id, signal);
      // A change that was made meanwhile knows better.
      if (turn === this.turn) this.#take(read);
    } catch (cause) {
      if (!signal?.aborted) this.problem = problemFrom(cause);
    } finally {
      this.busy = false;
    }
  }

  /** Changes some of it, unless somebody else changed it since `etag`. Throws a Problem. */
  async patch(body: RoomPatch, etag: string | null): Promise<void> {
    if (Object.keys(body).length > 0) this.#changed(await patchRoom(this.api, this.id, body, etag));
  }

  /** Replaces the metadata. Throws a Problem. */
  async setMetadata(metadata: ExactObject, etag: string | null): Promise<void> {
    this.#changed(await putMetadata(this.api, this.id, metadata, etag));
  }

  async act(what: RoomAct): Promise<void> {
    this.#changed(await act(this.api, this.id, what));
  }

  async regenerate(field: SecretField, disconnect: boolean): Promise<void> {
    this.#changed(await regenerate(this.api, this.id, field, disconnect));
  }

  async clear(field: "backup_stream_key" | "srt_passphrase"): Promise<void> {
    await clearSecret(this.api, this.id, field);
    this.turn++;
    await this.load();
  }

  async delete(): Promise<void> {
    await deleteRoom(this.api, this.id);
  }

  #changed(read: Read<Room>): void {
    this.turn++;
    this.#take(read);
  }

  #take(read: Read<Room>): void {
    this.room = read.value;
    this.metadata = memberObject(read.exact, "room_metadata");
    this.etag = read.etag;
    this.problem = null;
  }
}
