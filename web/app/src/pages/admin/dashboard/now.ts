import { problemFrom, type Api, type Problem } from "$lib/api";
import type { Broadcast, Room } from "$lib/api/schema.gen";
import { filtersOf } from "../rooms/filters";
import { listRooms } from "../rooms/service";
import { broadcast, participants } from "../room/service";

/** How many rooms the dashboard looks into at a time: each costs a call. */
export const watched = 30;
const atOnce = 4;

/** One room in use, as the dashboard shows it. */
export interface RoomNow {
  room: Room;
  /** Seats taken; null if the room did not answer. */
  inside: number | null;
  /** More seats than were counted. */
  insideMore: boolean;
  /** Of live and simulcast rooms. */
  cast: Broadcast | null;
  /** Since when: a broadcast's start, or the earliest of those still inside. */
  since: string | null;
  problem: Problem | null;
}

/** Everything the dashboard shows. */
export interface Now {
  rooms: RoomNow[];
  /** There are more rooms in use than were looked into. */
  more: boolean;
}

/** Looks into the rooms in use. A room that does not answer is shown all the same; throws a Problem if the list itself fails. */
export async function lookAround(api: Api, signal: AbortSignal): Promise<Now> {
  const page = await listRooms(api, { ...filtersOf(new URLSearchParams()), status: "active" }, null, watched);
  const rooms = page.items.map((room): RoomNow => ({ room, inside: null, insideMore: false, cast: null, since: null, problem: null }));
  const waiting = [...rooms];
  async function worker(): Promise<void> {
    for (let one = waiting.shift(); one !== undefined && !signal.aborted; one = waiting.shift()) await lookInto(api, one, signal);
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { rooms, more: page.next_cursor !== null };
}

async function lookInto(api: Api, one: RoomNow, signal: AbortSignal): Promise<void> {
  try {
    if (one.room.room_type === "live" || one.room.room_type === "simulcast") {
      one.cast = await broadcast(api, one.room.id, signal);
      one.inside = one.cast.viewers;
      one.since = one.cast.started_at;
    } else {
      const { people, more } = await participants(api, one.room.id, signal);
      one.inside = people.length;
      one.insideMore = more;
      one.since = people.map((person) => person.joined_at).toSorted((a, b) => Date.parse(a) - Date.parse(b))[0] ?? null;
    }
  } catch (cause) {
    one.problem = problemFrom(cause);
  }
}

/** The numbers over the list. */
export function totals(now: Now): { rooms: number; people: number; onAir: number } {
  return {
    rooms: now.rooms.length,
    people: now.rooms.reduce((sum, one) => sum + (one.inside ?? 0), 0),
    onAir: now.rooms.filter((one) => one.cast?.state === "live").length,
  };
}
