import { ask, type Api } from "$lib/api";
import type { Room, RoomCreate, RoomList } from "$lib/api/schema.gen";
import { apiQuery, type RoomFilters } from "./filters";

const one = (id: string) => ({ params: { path: { id } } });

/** One page of the rooms that the filters leave. */
export function listRooms(api: Api, filters: RoomFilters, cursor: string | null, limit = 50): Promise<RoomList> {
  return ask(api.GET("/api/v1/rooms", { params: { query: { ...apiQuery(filters), limit, ...(cursor !== null && { cursor }) } } }));
}

/** Makes a room. */
export function createRoom(api: Api, body: RoomCreate): Promise<Room> {
  return ask(api.POST("/api/v1/rooms", { body }));
}

/** Deletes a room with all that belongs to it. */
export async function deleteRoom(api: Api, id: string): Promise<void> {
  await ask(api.DELETE("/api/v1/rooms/{id}", one(id)));
}

/** Suspends a room by itself, or takes that back. */
export function setSuspended(api: Api, id: string, suspended: boolean): Promise<Room> {
  return ask(suspended ? api.POST("/api/v1/rooms/{id}/suspend", one(id)) : api.POST("/api/v1/rooms/{id}/resume", one(id)));
}
