import { SvelteMap } from "svelte/reactivity";
import { ask, type JoinAnswer, type PublicRoom } from "$lib/api";
import type { RoomSession } from "$lib/session";
import { SignalingClient, type SignalingEnd, type SignalingState, type Socket } from "$lib/signaling/client";
import type { Broadcast, ICEServer, LeftReason, MuteKind, Participant, Permissions, ServerWelcome } from "$lib/signaling/protocol.gen";
import { Announcer } from "./announcer.svelte";
import { Chat } from "./chat.svelte";

/** What a room tells the page that draws it, beyond its state. */
export interface RoomNews {
  joined?: (participant: Participant) => void;
  left?: (participant: Participant, reason: LeftReason) => void;
  hand?: (participant: Participant) => void;
  warned?: (remainingSeconds: number) => void;
}

interface RoomOptions {
  /** Opens a socket; the browser's WebSocket unless told. */
  open?: (url: string) => Socket;
}

const nothing: Permissions = { audio: false, video: false, screen: false, chat: false, chat_muted: false, moderate: false };

const leaveTimeoutMs = 3_000;
/** After these the session is gone on the server too; after others one may come back by it. */
const finalCodes: ReadonlySet<string> = new Set(["banned", "ended", "max_duration", "room_deleted", "session_invalid", "session_expired", "not_found", "left"]);

/**
 * A room as one participant sees it, of any type: the connection, who is there, the chat, the broadcast's state, and how it ended.
 * Components read it; the meeting's media stands on it (meet/meeting.svelte.ts).
 */
export class Room {
  link = $state<SignalingState>("idle");
  /** Why it is over, or null while it is not. */
  over = $state.raw<SignalingEnd | null>(null);
  info = $state.raw<PublicRoom>() as PublicRoom;
  you = $state.raw<Participant | null>(null);
  /** The others, by id, oldest first; empty where participants are only counted. */
  readonly others = new SvelteMap<string, Participant>();
  total = $state(0);
  permissions = $state.raw<Permissions>(nothing);
  locked = $state(false);
  broadcast = $state.raw<Broadcast | null>(null);
  /** For new PeerConnections. */
  iceServers: ICEServer[] = [];
  news: RoomNews = {};

  readonly client: SignalingClient;
  readonly chat: Chat;
  readonly announcer = new Announcer();
  readonly session: RoomSession;
  #woken = () => this.client.probe();

  constructor(session: RoomSession, joined: JoinAnswer, options: RoomOptions = {}) {
    this.session = session;
    this.info = joined.room;
    this.broadcast = joined.stream;
    this.client = new SignalingClient({
      url: () => session.current?.endpoints.signaling ?? "",
      session: () => session.token,
      renew: async () => {
        const before = session.token;
        await session.renew();
        return session.token !== null && session.token !== before;
      },
      ...(options.open ? { open: options.open } : {}),
    });
    this.chat = new Chat(
      this.client,
      () => this.you?.id,
      () => (this.permissions.moderate ? 0 : Number(this.info.features["slow_mode_seconds"] ?? 0)),
    );
    this.#listen();
  }

  /** Connects, and from then on comes back when the network does. */
  enter(): void {
    window.addEventListener("online", this.#woken);
    document.addEventListener("visibilitychange", this.#woken);
    this.client.connect();
  }

  /** Leaves for good: the seat is free at once. */
  async leave(): Promise<void> {
    if (this.client.state !== "open") {
      // The socket cannot say it. If this cannot either, the seat is free 15 s later.
      await ask(this.session.api.DELETE("/api/v1/session", { signal: AbortSignal.timeout(leaveTimeoutMs) })).catch(() => undefined);
    }
    this.client.leave();
    this.session.end();
  }

  /** Lets go of the connection and keeps the session: for when the page goes away. */
  close(): void {
    window.removeEventListener("online", this.#woken);
    document.removeEventListener("visibilitychange", this.#woken);
    this.announcer.close();
    this.client.close();
  }

  find(id: string): Participant | undefined {
    return id === this.you?.id ? this.you : this.others.get(id);
  }

  /** Raises or lowers one's own hand, or lowers that of another. */
  async raiseHand(raised: boolean, participant?: string): Promise<void> {
    await this.client.request({ type: "hand", raised, ...(participant === undefined ? {} : { participant }) });
  }

  async muteOther(participant: string, kinds: MuteKind[]): Promise<void> {
    await this.client.request({ type: "moderator_mute", participant, kinds });
  }

  async remove(participant: string): Promise<void> {
    await this.client.request({ type: "remove", participant });
  }

  async setLocked(locked: boolean): Promise<void> {
    await this.client.request({ type: locked ? "lock" : "unlock" });
  }

  async endForAll(): Promise<void> {
    await this.client.request({ type: "end" });
  }

  #listen(): void {
    const { client } = this;
    client.onstate = (state) => (this.link = state);
    client.onclosed = (why) => {
      this.over ??= why;
      if (finalCodes.has(why.code)) this.session.end();
    };
    client.on("welcome", (welcome) => this.#welcomed(welcome));
    client.on("joined", ({ participant }) => {
      if (!this.others.has(participant.id)) this.total += 1;
      this.others.set(participant.id, participant);
      this.news.joined?.(participant);
    });
    client.on("left", ({ participant, reason }) => {
      this.total = Math.max(1, this.total - 1);
      const gone = this.others.get(participant);
      this.others.delete(participant);
      if (gone) this.news.left?.(gone, reason);
    });
    client.on("updated", ({ participant }) => this.#updated(participant));
    client.on("count", ({ participants_total }) => (this.total = participants_total));
    client.on("room", ({ room, locked, permissions }) => {
      this.info = room as PublicRoom;
      this.locked = locked;
      this.permissions = permissions;
    });
    client.on("broadcast", ({ broadcast }) => (this.broadcast = broadcast));
    client.on("warning", ({ remaining_seconds }) => this.news.warned?.(remaining_seconds));
  }

  #welcomed(welcome: ServerWelcome): void {
    this.you = welcome.you;
    this.info = welcome.room as PublicRoom;
    this.locked = welcome.locked;
    this.permissions = welcome.permissions;
    this.iceServers = welcome.ice_servers;
    this.total = welcome.participants_total;
    this.broadcast = welcome.broadcast;
    this.others.clear();
    for (const participant of welcome.participants) this.others.set(participant.id, participant);
  }

  #updated(participant: Participant): void {
    const before = this.find(participant.id);
    if (participant.id === this.you?.id) this.you = participant;
    else this.others.set(participant.id, participant);
    if (participant.hand && before && !before.hand) this.news.hand?.(participant);
  }
}
