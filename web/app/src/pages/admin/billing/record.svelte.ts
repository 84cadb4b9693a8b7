import { problemFrom, type Problem } from "$lib/api";
import { memberObject, type ExactObject } from "../core/exact-json";
import type { Read } from "../core/read";

/** One customer or subscription as its page holds it. */
export class Billed<T> {
  value = $state.raw<T | null>(null);
  /** Its map of keys and values, with exact numbers. */
  map = $state.raw<ExactObject>({});
  etag = $state<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  readonly #read: () => Promise<Read<T>>;
  readonly #member: string;

  /** `member` is the map's name: customer_metadata or quotas. */
  constructor(read: () => Promise<Read<T>>, member: string) {
    this.#read = read;
    this.#member = member;
  }

  /** Reads it. What goes wrong is told in `problem`. */
  async load(): Promise<void> {
    this.busy = true;
    try {
      this.take(await this.#read());
    } catch (cause) {
      this.problem = problemFrom(cause);
    } finally {
      this.busy = false;
    }
  }

  /** Takes over what a change answered. */
  take(read: Read<T>): void {
    this.value = read.value;
    this.map = memberObject(read.exact, this.#member);
    this.etag = read.etag;
    this.problem = null;
  }
}
