import { SignalingError, type SignalingClient } from "$lib/signaling/client";
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
  /** Called with each message of somebody else as it comes. */
  onmessage: ((message: ChatMessage) => void) | null = null;

  /** The last event known: coming back continues there. */
  #seq = 0;
  #open = false;
  readonly #client: SignalingClient;
  readonly #self: () => string | undefined;

  constructor(client: SignalingClient, self: () => string | undefined) {
    this.#client = client;
    this.#self = self;
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
      return true;
    } catch (cause) {
      this.failure = cause instanceof SignalingError ? cause.code : "internal";
      return false;
    } finally {
      this.sending = false;
    }
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
