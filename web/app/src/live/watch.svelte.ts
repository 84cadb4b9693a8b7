import type { JoinAnswer } from "$lib/api";
import type { RoomSession } from "$lib/session";
import { Room } from "../room/room.svelte";
import { Player } from "./player.svelte";
import { isOnAir, keepsPicture, showingOf, type Showing } from "./showing";

/** One viewer of one room: the room's state and the player that follows it. Used by the live page and by embeds. */
export class Watch {
  readonly room: Room;
  readonly player: Player;
  readonly joined: JoinAnswer;
  readonly #session: RoomSession;
  #played: "show" | "preview" | null = null;

  constructor(session: RoomSession, joined: JoinAnswer) {
    this.joined = joined;
    this.room = new Room(session, joined);
    this.player = new Player({
      url: () => (this.#source === "preview" ? endpointsOf(session).preview : endpointsOf(session).hls),
      rewindUrl: () => endpointsOf(session).dvr,
      rewindFrom: () => this.#rewindFrom(),
      renew: () => session.renew(),
    });
    this.#session = session;
  }

  /** The broadcast's state; "waiting" in rooms that have none. */
  get state(): string {
    return this.room.broadcast?.state ?? "waiting";
  }

  /** Whether there is, or will be, a picture here at all. */
  get hasPicture(): boolean {
    return this.joined.endpoints.hls !== undefined;
  }

  /** A picture of the broadcast to begin with; none before there is one. */
  get poster(): string | undefined {
    return isOnAir(this.state) ? endpointsOf(this.#session).poster : undefined;
  }

  get showing(): Showing {
    const { playback, problem, trouble, needsClick } = this.player;
    return showingOf({ state: this.state, playback, problem, trouble, needsClick });
  }

  get keepsPicture(): boolean {
    return this.player.playback !== "idle" && this.player.playback !== "starting" && keepsPicture(this.showing);
  }

  /** What there is to play: the show or, for moderators, what the encoder sends before it. */
  get #source(): "show" | "preview" | null {
    if (!this.hasPicture || this.room.over !== null) return null;
    if (isOnAir(this.state)) return "show";
    return this.state === "preview" && endpointsOf(this.#session).preview !== undefined ? "preview" : null;
  }

  /** Plays when there is something to play; for an effect, which runs again when that changes. */
  follow = (): void => {
    const source = this.#source;
    if (source !== this.#played) this.player.stop();
    this.#played = source;
    if (source !== null) this.player.start();
  };

  /** How far back the window reaches: to the show's beginning, or as long as the room keeps it. */
  #rewindFrom(): number | null {
    const seconds = Number(this.room.info.features["dvr_window_seconds"] ?? 0);
    const began = Date.parse(this.room.broadcast?.started_at ?? "");
    if (seconds <= 0 || Number.isNaN(began) || !isOnAir(this.state)) return null;
    return Math.max(began, (this.player.liveAt ?? Date.now()) - seconds * 1000);
  }

  close(): void {
    this.player.stop();
    this.room.close();
  }
}

function endpointsOf(session: RoomSession): Partial<JoinAnswer["endpoints"]> {
  return session.current?.endpoints ?? {};
}
