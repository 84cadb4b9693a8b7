import { SvelteSet } from "svelte/reactivity";
import { SignalingError, type Sendable, type SignalingClient } from "$lib/signaling/client";
import { LIMITS, type ChatEvent, type ChatHistory, type ChatMessage } from "$lib/signaling/protocol.gen";

/** The longest history a page keeps; the oldest go first. */
const maxMessages = 500;

/** The chat of a room: what was said and pinned, what is unread, and what became of sending. */
export class Chat {
  /** Oldest first. */
  messages = $state.raw<readonly ChatMessage[]>([]);
  pinned = $state.raw<ChatMessage | null>(null);
  /** How many came while nobody was looking. */
  unread = $state(0);
  /** Why the last message was not sent, as a code of the protocol; null when it was. */
  failure = $state<string | null>(null);
  sending = $state(false);
  /** From when on the next message may be sent, in ms since the epoch: slow mode, or too many at once. */
  openAgain = $state(0);
  /** Whom this moderator has muted here, by id. */
  readonly muted = new SvelteSet<string>();
  /** Why a moderator's act was refused, as a code of the protocol. */
  actFailure = $state<string | null>(null);
  /** Called with each message of somebody else as it comes. */
  onmessage: ((message: ChatMessage) => void) | null = null;

  /** The last event known: coming back continues there. */
  #seq = 0;
  #open = false;
  readonly #client: SignalingClient;
  readonly #self: () => string | undefined;
  readonly #slowSeconds: () => number;

  /** `slowSeconds` is how long one has to wait after each message. */
  constructor(client: SignalingClient, self: () => string | undefined, slowSeconds: () => number = () => 0) {
    this.#client = client;
    this.#self = self;
    this.#slowSeconds = slowSeconds;
    client.on("welcome", ({ chat }) => this.#replace(chat));
    client.on("chat", ({ events }) => this.#apply(events));
    client.chatAfter = () => this.#seq;
  }

  /** Says whether the chat is on screen: then nothing is unread. */
  look(open: boolean): void {
    this.#open = open;
    if (open) this.unread = 0;
  }

  /** Sends a text; gives whether it went out, so that the field may be cleared. Otherwise `failure` says why not. */
  async send(text: string): Promise<boolean> {
    const trimmed = text.trim().slice(0, LIMITS.maxChatChars);
    if (trimmed === "" || this.sending) return false;
    this.sending = true;
    this.failure = null;
    try {
      await this.#client.request({ type: "chat", text: trimmed });
      this.#waitFor(this.#slowSeconds() * 1000);
      return true;
    } catch (cause) {
      this.failure = codeOf(cause);
      if (cause instanceof SignalingError && cause.retryAfterMs !== null) this.#waitFor(cause.retryAfterMs);
      return false;
    } finally {
      this.sending = false;
    }
  }

  /** Takes a message out of everybody's history. */
  async delete(message: string): Promise<void> {
    await this.#act({ type: "chat_delete", message });
  }

  /** Shows a message on top for everybody; null takes it down. */
  async pin(message: string | null): Promise<void> {
    await this.#act(message === null ? { type: "chat_unpin" } : { type: "chat_pin", message });
  }

  /** Keeps somebody from writing for the rest of the run, or lets them again. */
  async mute(participant: string, muted: boolean): Promise<void> {
    if (!(await this.#act({ type: muted ? "moderator_mute" : "moderator_unmute", participant, kinds: ["chat"] }))) return;
    if (muted) this.muted.add(participant);
    else this.muted.delete(participant);
  }

  async #act(message: Sendable): Promise<boolean> {
    this.actFailure = null;
    try {
      await this.#client.request(message);
      return true;
    } catch (cause) {
      this.actFailure = codeOf(cause);
      return false;
    }
  }

  #waitFor(ms: number): void {
    if (ms > 0) this.openAgain = Math.max(this.openAgain, Date.now() + ms);
  }

  /** After a broken connection comes what was missed, or the history, whole: what we had not seen of it counts as new. */
  #replace(history: ChatHistory): void {
    if (history.resumed) {
      this.#apply(history.events);
    } else {
      const known = new Set(this.messages.map(({ id }) => id));
      const said = history.events.flatMap(({ message }) => message ?? []);
      const fresh = this.#seq === 0 ? [] : said.filter(({ id }) => !known.has(id));
      this.messages = said;
      for (const message of fresh) this.#notice(message);
    }
    this.pinned = history.pinned;
    this.#seq = history.seq;
  }

  #apply(events: readonly ChatEvent[]): void {
    const fresh = events.filter(({ seq }) => seq > this.#seq);
    const deleted = new Set(fresh.flatMap(({ deleted }) => deleted ?? []));
    const said = fresh.flatMap(({ kind, message }) => (kind === "said" && message ? [message] : []));
    if (said.length > 0 || deleted.size > 0) {
      this.messages = [...this.messages, ...said].filter(({ id }) => !deleted.has(id)).slice(-maxMessages);
    }
    for (const event of fresh) this.#pin(event);
    this.#seq = fresh.at(-1)?.seq ?? this.#seq;
    for (const message of said) if (!deleted.has(message.id)) this.#notice(message);
  }

  #pin({ kind, message, deleted }: ChatEvent): void {
    if (kind === "pinned") this.pinned = message;
    else if (kind === "unpinned" || (kind === "deleted" && deleted === this.pinned?.id)) this.pinned = null;
  }

  #notice(message: ChatMessage): void {
    if (message.participant === this.#self()) return;
    if (!this.#open) this.unread += 1;
    this.onmessage?.(message);
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof SignalingError ? cause.code : "internal";
}
