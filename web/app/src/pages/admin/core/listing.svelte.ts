import { problemFrom, type Problem } from "$lib/api";

/** One page of a list, as the API answers it. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** A list that is read page by page: newest first, more on demand. The newest question wins over answers that come late. */
export class Listing<T extends { id: string }> {
  items = $state.raw<readonly T[] | null>(null);
  /** Why the list could not be read; what was read before stays in `items`. */
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  busyMore = $state(false);
  moreProblem = $state.raw<Problem | null>(null);
  #cursor = $state<string | null>(null);
  #asked = 0;
  readonly #read: (cursor: string | null) => Promise<Page<T>>;

  /** `read` asks for the page at a cursor; null is the first. */
  constructor(read: (cursor: string | null) => Promise<Page<T>>) {
    this.#read = read;
  }

  /** Whether there is more than what `items` holds. */
  get hasMore(): boolean {
    return this.#cursor !== null;
  }

  /** Reads the first page, in place of everything. */
  async load(): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    try {
      const page = await this.#read(null);
      if (asked !== this.#asked) return;
      this.items = page.items;
      this.#cursor = page.next_cursor;
      this.problem = null;
      this.moreProblem = null;
    } catch (cause) {
      if (asked === this.#asked) this.problem = problemFrom(cause);
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }

  /** Reads the next page and adds it. */
  async more(): Promise<void> {
    if (this.#cursor === null || this.busyMore) return;
    const asked = this.#asked;
    this.busyMore = true;
    this.moreProblem = null;
    try {
      const page = await this.#read(this.#cursor);
      if (asked !== this.#asked) return;
      const known = new Set(this.items?.map((item) => item.id));
      this.items = [...(this.items ?? []), ...page.items.filter((item) => !known.has(item.id))];
      this.#cursor = page.next_cursor;
    } catch (cause) {
      if (asked === this.#asked) this.moreProblem = problemFrom(cause);
    } finally {
      this.busyMore = false;
    }
  }

  /** Puts a changed item in the place of its older self. */
  replace(item: T): void {
    this.items = this.items?.map((one) => (one.id === item.id ? item : one)) ?? null;
  }

  /** Takes items away without asking again. */
  remove(ids: ReadonlySet<string>): void {
    this.items = this.items?.filter((item) => !ids.has(item.id)) ?? null;
  }

  /** Puts a new item first. */
  add(item: T): void {
    this.items = [item, ...(this.items ?? [])];
  }
}
