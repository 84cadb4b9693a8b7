import { SignalingError, type SignalingClient } from "$lib/signaling/client";
import { LIMITS, type ChatMessage } from "$lib/signaling/protocol.gen";

/** The longest history a page keeps; the oldest go first. */
const maxMessages = 500;

/** The chat of a room: what was said, what is unread, and what became of sending. */
export class Chat {
  /** Oldest first. */
  messages = $state.raw<readonly ChatMessage[]>([]);
  /** How many came while nobody was looking. */
  unread = $state(0);
  /** Why the last message was not sent, as a code of the protocol; null when it was. */
  failure = $state<string | null>(null);
  sending = $state(false);
  /** Called with each message of somebody else as it comes. */
  onmessage: ((message: ChatMessage) => void) | null = null;

  #open = false;
  readonly #client: SignalingClient;
  readonly #self: () => string | undefined;

  constructor(client: SignalingClient, self: () => string | undefined) {
    this.#client = client;
    this.#self = self;
    client.on("welcome", ({ chat }) => this.#replace(chat));
    client.on("chat", ({ message }) => this.#add(message));
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

  /** After a broken connection the history comes again, whole: what we had not seen of it counts as new. */
  #replace(history: readonly ChatMessage[]): void {
    const known = new Set(this.messages.map(({ id }) => id));
    const fresh = this.messages.length === 0 ? [] : history.filter(({ id }) => !known.has(id));
    this.messages = history;
    for (const message of fresh) this.#notice(message);
  }

  #add(message: ChatMessage): void {
    if (this.messages.some(({ id }) => id === message.id)) return;
    this.messages = [...this.messages.slice(1 - maxMessages), message];
    this.#notice(message);
  }

  #notice(message: ChatMessage): void {
    if (message.participant === this.#self()) return;
    if (!this.#open) this.unread += 1;
    this.onmessage?.(message);
  }
}
