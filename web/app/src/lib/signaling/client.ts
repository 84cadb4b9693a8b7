/**
 * A browser client of Roomcast's signaling protocol (signaling/PROTOCOL.md), in this one file and free of any page.
 *
 *     const client = new SignalingClient({ url: () => endpoints.signaling, session: () => session.token });
 *     client.on("welcome", (welcome) => draw(welcome));
 *     client.on("chat", ({ events }) => apply(events));
 *     client.onstate = (state) => banner(state);        // "connecting", "open", "reconnecting", "closed"
 *     client.onclosed = (why) => say(why.code);         // it is over: the client will not come back by itself
 *     client.connect();
 *     await client.request({ type: "chat", text: "Hello" });
 *     client.leave();
 *
 * It keeps one WebSocket up: says hello, pings, notices a dead connection, comes back with the last `resume` after a random and then
 * growing delay, and gives up only when the server says that the participation is over. Every `welcome` replaces all that was known of
 * the room, but for a chat that goes on after `chatAfter`; what a client wants to hold across a broken socket (its view, its mutes) it says again on each welcome.
 *
 * Bounds: at most 64 messages wait for a connection and at most 128 for an answer; both fail with a SignalingError and never wait for
 * longer than 15 s.
 */
import { LIMITS, type ClientMessage, type ServerAnswer, type ServerMessage, type ServerOk } from "./protocol.gen";

/** How the connection stands. `idle` before connect, `closed` when it is over for good. */
export type SignalingState = "idle" | "connecting" | "open" | "reconnecting" | "closed";

/** Why it is over: `left` (our own doing) or the code of `ended` or of a fatal error (`banned`, `room_full`, …). */
export interface SignalingEnd {
  code: string;
  /** The server's own sentence; may be empty. */
  detail: string;
}

/** A request that was refused (the protocol's code), or had no answer: `disconnected`, `timeout`, `queue_full`. */
export class SignalingError extends Error {
  readonly code: string;
  readonly detail: string;
  /** How long the server asks to wait before trying again, in ms; null if it does not say. */
  readonly retryAfterMs: number | null;

  constructor(code: string, detail = "", retryAfterMs: number | null = null) {
    super(detail === "" ? code : `${code}: ${detail}`);
    this.name = "SignalingError";
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
  }
}

type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;
type Listener<Type extends ServerMessage["type"]> = (message: MessageOf<Type>) => void;

/** What may be asked and sent; hello and the ids are the client's own business. */
export type Sendable = Exclude<ClientMessage, { type: "hello" | "ping" | "leave" }>;

/** What a request is answered by. */
export type ReplyTo<Message extends Sendable> = Message extends { type: "offer" } ? ServerAnswer : ServerOk;

/** The part of the browser's WebSocket that is used. */
export type Socket = Pick<WebSocket, "send" | "close" | "bufferedAmount" | "onopen" | "onmessage" | "onclose" | "onerror">;

export interface SignalingOptions {
  /** `endpoints.signaling` of the join answer, asked at each connection. */
  url: () => string;
  /** The session, asked at each hello. */
  session: () => string | null;
  /** Renews the session after the server found it expired; gives whether there is a new one. Without it that is the end. */
  renew?: () => Promise<boolean>;
  /** Opens a socket; the browser's WebSocket unless told. */
  open?: (url: string) => Socket;
  /** A number from 0 to 1; Math.random unless told. */
  random?: () => number;
}

interface Pending {
  resolve: (message: ServerMessage) => void;
  reject: (cause: SignalingError) => void;
  timer: ReturnType<typeof setTimeout>;
}

interface Waiting {
  message: Sendable;
  id: string | null;
}

type Timer = "retry" | "welcome" | "ping" | "pong";

const maxWaiting = 64;
const maxPending = 128;
const maxBufferedBytes = 1 << 20;
const requestTimeoutMs = 15_000;
const welcomeTimeoutMs = 8_000;
const pongTimeoutMs = 10_000;
const firstDelayMs = 1_000;
const longestDelayMs = 10_000;
/** What a broken network is asked about only so often, whoever asks. */
const probeEveryMs = 2_000;

export class SignalingClient {
  /** Called at each change of `state`. */
  onstate: ((state: SignalingState) => void) | null = null;
  /** Called once, when it is over for good. */
  onclosed: ((why: SignalingEnd) => void) | null = null;
  /**
   * Whether the PeerConnection of the last welcome still stands, so that coming back may resume it; asked at each hello.
   * Without media (all but meetings) there is nothing to lose.
   */
  mayResume: () => boolean = () => true;
  /** The `seq` of the last chat event known, so that coming back brings what was missed; asked at each hello. 0: none. */
  chatAfter: () => number = () => 0;

  #state: SignalingState = "idle";
  #socket: Socket | null = null;
  /** Tells answers to an earlier socket's timers from ours. */
  #generation = 0;
  #resume: string | null = null;
  #nextId = 1;
  #attempts = 0;
  #renewed = false;
  #fatal: SignalingEnd | null = null;
  #afterMs: number | null = null;
  #lastProbe = 0;
  readonly #timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  readonly #pending = new Map<string, Pending>();
  #waiting: Waiting[] = [];
  readonly #listeners = new Map<string, Set<(message: never) => void>>();
  readonly #options: SignalingOptions;

  constructor(options: SignalingOptions) {
    this.#options = options;
  }

  get state(): SignalingState {
    return this.#state;
  }

  /** Listens to one type of message; gives what ends it. Answers to requests come here too. */
  on<Type extends ServerMessage["type"]>(type: Type, listener: Listener<Type>): () => void {
    let set = this.#listeners.get(type);
    if (!set) this.#listeners.set(type, (set = new Set()));
    set.add(listener as (message: never) => void);
    return () => void set.delete(listener as (message: never) => void);
  }

  /** Connects, once. */
  connect(): void {
    if (this.#state !== "idle") return;
    this.#become("connecting");
    this.#dial();
  }

  /**
   * Sends a message and gives its answer. While there is no connection it waits for one, except `offer` and `candidate`, which belong to
   * the connection they were made on.
   */
  request<Message extends Sendable>(message: Message): Promise<ReplyTo<Message>> {
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return reject(new SignalingError("disconnected"));
      if (this.#pending.size >= maxPending) return reject(new SignalingError("queue_full"));
      const id = String(this.#nextId++);
      const timer = setTimeout(() => this.#settle(id)?.reject(new SignalingError("timeout")), requestTimeoutMs);
      this.#pending.set(id, { resolve: resolve as (message: ServerMessage) => void, reject, timer });
      const failure = this.#enqueue(message, id);
      if (failure) this.#settle(id)?.reject(failure);
    });
  }

  /** Sends a message that needs no answer; gives whether it was sent or now waits for the connection. */
  send(message: Sendable): boolean {
    return this.#state !== "closed" && this.#enqueue(message, null) === null;
  }

  /** Gives the seat up at once and ends the session; it is over. */
  leave(): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#transmit({ type: "leave" });
    this.#end({ code: "left", detail: "" });
  }

  /** Closes the socket and keeps the session: the seat is held for another 15 s. For when the page goes away. */
  close(): void {
    if (this.#state !== "closed") this.#end({ code: "closed", detail: "" });
  }

  /** Asks at once whether the connection still stands, or tries at once to come back: for when the network or the page woke up. */
  probe(): void {
    const now = Date.now();
    if (now - this.#lastProbe < probeEveryMs) return;
    this.#lastProbe = now;
    if (this.#state === "reconnecting" && this.#timers.has("retry")) {
      this.#stop("retry");
      this.#dial();
    } else if (this.#state === "open") {
      this.#ping();
    }
  }

  #enqueue(message: Sendable, id: string | null): SignalingError | null {
    if (this.#state === "open") {
      if (this.#transmit(id === null ? message : { ...message, id })) return null;
      return new SignalingError("queue_full");
    }
    if (message.type === "offer" || message.type === "candidate") return new SignalingError("disconnected");
    if (this.#waiting.length >= maxWaiting) return new SignalingError("queue_full");
    this.#waiting.push({ message, id });
    return null;
  }

  #transmit(message: ClientMessage): boolean {
    const socket = this.#socket;
    // After a fatal error the server only closes.
    if (!socket || this.#fatal || socket.bufferedAmount > maxBufferedBytes) return false;
    const text = JSON.stringify(message);
    if (text.length > LIMITS.maxMessageBytes) return false;
    try {
      socket.send(text);
      return true;
    } catch {
      return false;
    }
  }

  #dial(): void {
    const generation = ++this.#generation;
    this.#fatal = null;
    this.#afterMs = null;
    let socket: Socket;
    try {
      socket = this.#options.open ? this.#options.open(this.#options.url()) : new WebSocket(this.#options.url());
    } catch {
      this.#comeBack();
      return;
    }
    this.#socket = socket;
    const ours = () => this.#generation === generation && this.#state !== "closed";
    socket.onopen = () => {
      if (ours()) this.#hello();
    };
    socket.onmessage = (event: MessageEvent) => {
      if (ours()) this.#receive(event.data);
    };
    socket.onclose = (event: CloseEvent) => {
      if (ours()) this.#closed(event.code);
    };
    socket.onerror = null;
    this.#start("welcome", welcomeTimeoutMs, () => this.#drop());
  }

  #hello(): void {
    const session = this.#options.session();
    if (session === null) {
      this.#end({ code: "session_invalid", detail: "" });
      return;
    }
    const resume = this.#resume !== null && this.mayResume() ? { resume: this.#resume } : {};
    const chatAfter = this.chatAfter();
    this.#transmit({ type: "hello", session, ...resume, ...(chatAfter > 0 ? { chat_after: chatAfter } : {}) });
  }

  #receive(data: unknown): void {
    const message = parse(data);
    if (!message) return;
    if (message.type === "welcome") this.#welcomed(message.resume);
    else if (message.type === "pong") this.#stop("pong");
    else if (message.type === "reconnect") this.#afterMs = message.after_ms;
    else if (message.type === "ended" || (message.type === "error" && message.fatal)) this.#fatal = { code: message.code, detail: message.detail };
    if (message.re !== undefined) this.#answer(message.re, message);
    this.#emit(message);
    // After the listeners of welcome have said what they want, so that it comes first.
    if (message.type === "welcome") this.#flush();
    else if (message.type === "ended") this.#end({ code: message.code, detail: message.detail });
  }

  #welcomed(resume: string): void {
    this.#resume = resume;
    this.#attempts = 0;
    this.#renewed = false;
    this.#stop("welcome");
    this.#pingLater();
    this.#become("open");
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, id } of waiting) {
      // One that timed out while it waited is not sent any more.
      if (id !== null && !this.#pending.has(id)) continue;
      if (!this.#transmit(id === null ? message : { ...message, id }) && id !== null) {
        this.#settle(id)?.reject(new SignalingError("queue_full"));
      }
    }
  }

  #answer(id: string, message: ServerMessage): void {
    const pending = this.#settle(id);
    if (!pending) return;
    if (message.type === "error") pending.reject(new SignalingError(message.code, message.detail, message.retry_after_ms ?? null));
    else pending.resolve(message);
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending) {
      clearTimeout(pending.timer);
      this.#pending.delete(id);
    }
    return pending;
  }

  #emit(message: ServerMessage): void {
    for (const listener of this.#listeners.get(message.type) ?? []) (listener as (message: ServerMessage) => void)(message);
  }

  #pingLater(): void {
    this.#start("ping", LIMITS.pingIntervalMs, () => this.#ping());
  }

  #ping(): void {
    this.#pingLater();
    this.#transmit({ type: "ping" });
    if (!this.#timers.has("pong")) this.#start("pong", pongTimeoutMs, () => this.#drop());
  }

  /** Gives up a socket that does not answer. Its own close event may take minutes, so none is waited for. */
  #drop(): void {
    this.#detach();
    this.#comeBack();
  }

  #closed(closeCode: number): void {
    this.#detach();
    if (closeCode === 1000) this.#end({ code: "left", detail: "" });
    else if (closeCode === 4401 && this.#fatal?.code === "session_expired" && this.#options.renew && !this.#renewed) void this.#renewAndComeBack(this.#options.renew);
    else if (closeCode === 1008 || (closeCode >= 4400 && closeCode < 4500)) this.#end(this.#fatal ?? endOf(closeCode));
    else this.#comeBack();
  }

  async #renewAndComeBack(renew: () => Promise<boolean>): Promise<void> {
    this.#renewed = true;
    this.#become("reconnecting");
    this.#failAnswers();
    const expired = this.#fatal ?? { code: "session_expired", detail: "" };
    let renewed = false;
    try {
      renewed = await renew();
    } catch {
      // Not renewed.
    }
    if (this.#state !== "reconnecting") return;
    if (renewed) this.#comeBack();
    else this.#end(expired);
  }

  #comeBack(): void {
    if (this.#state === "closed") return;
    this.#become(this.#resume === null ? "connecting" : "reconnecting");
    this.#failAnswers();
    const longest = Math.min(firstDelayMs * 2 ** this.#attempts, longestDelayMs);
    const spread = longest * (this.#options.random ?? Math.random)();
    // After the first try, half of the delay is certain: a random one near 0 each time would be no delay at all.
    const delay = this.#afterMs ?? (this.#attempts === 0 ? spread : (longest + spread) / 2);
    this.#attempts += 1;
    this.#start("retry", delay, () => this.#dial());
  }

  /** What was sent on a socket that broke may or may not have been done: nobody will say any more. */
  #failAnswers(): void {
    const waiting = new Set(this.#waiting.map(({ id }) => id));
    for (const id of [...this.#pending.keys()]) {
      if (!waiting.has(id)) this.#settle(id)?.reject(new SignalingError("disconnected"));
    }
  }

  #end(why: SignalingEnd): void {
    this.#become("closed");
    this.#detach();
    this.#stop("retry");
    this.#waiting = [];
    this.#failAnswers();
    this.onclosed?.(why);
  }

  #detach(): void {
    this.#generation += 1;
    this.#stop("welcome");
    this.#stop("ping");
    this.#stop("pong");
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close(1000);
  }

  #become(state: SignalingState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.onstate?.(state);
  }

  /** Starts a timer, in place of an earlier one of that name. */
  #start(timer: Timer, delayMs: number, then: () => void): void {
    this.#stop(timer);
    this.#timers.set(
      timer,
      setTimeout(() => {
        this.#timers.delete(timer);
        then();
      }, delayMs),
    );
  }

  #stop(timer: Timer): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }
}

function parse(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string") return null;
    return value as ServerMessage;
  } catch {
    return null;
  }
}

/** What a close code means when no message came before it. */
function endOf(closeCode: number): SignalingEnd {
  const codes: Record<number, string> = { 4401: "session_invalid", 4403: "forbidden", 4404: "not_found", 4409: "room_full", 4410: "ended", 4429: "rate_limited" };
  return { code: codes[closeCode] ?? "unexpected", detail: `close code ${closeCode}` };
}
