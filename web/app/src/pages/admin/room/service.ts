import { ask, type Api } from "$lib/api";
import type { Ban, Broadcast, JoinToken, JoinTokenCreate, Participant, Room, RoomPatch } from "$lib/api/schema.gen";
import type { ExactObject } from "../core/exact-json";
import { exactly, ifMatch, readAnswer, type Read } from "../core/read";

const path = (id: string) => ({ params: { path: { id } } });
const asText = { parseAs: "text" } as const;

/** A secret of a room that can be made anew. */
export type SecretField = "moderator_token" | "participant_token" | "stream_key" | "backup_stream_key" | "srt_passphrase";

/** What can be done to a room as a whole. */
export type RoomAct = "lock" | "unlock" | "end" | "suspend" | "resume";

/** Reads a room. */
export function readRoom(api: Api, id: string, signal?: AbortSignal): Promise<Read<Room>> {
  return readAnswer(api.GET("/api/v1/rooms/{id}", { ...path(id), ...asText, ...(signal && { signal }) }));
}

/** Changes some of a room, if it is still what it was when the ETag was read. */
export function patchRoom(api: Api, id: string, body: RoomPatch, etag: string | null): Promise<Read<Room>> {
  return readAnswer(
    api.PATCH("/api/v1/rooms/{id}", { params: { path: { id }, header: ifMatch(etag) }, body, ...asText, headers: { "Content-Type": "application/merge-patch+json" } }),
  );
}

/** Replaces a room's metadata. */
export function putMetadata(api: Api, id: string, metadata: ExactObject, etag: string | null): Promise<Read<Room>> {
  return readAnswer(
    api.PUT("/api/v1/rooms/{id}/room_metadata", { params: { path: { id }, header: ifMatch(etag) }, ...exactly(metadata), ...asText }),
  );
}

/** Locks, unlocks, ends, suspends or resumes. */
export function act(api: Api, id: string, what: RoomAct): Promise<Read<Room>> {
  return readAnswer(api.POST(`/api/v1/rooms/{id}/${what}`, { ...path(id), ...asText }));
}

/** Makes a secret anew; `disconnect` also ends those who came by the old one. */
export function regenerate(api: Api, id: string, field: SecretField, disconnect: boolean): Promise<Read<Room>> {
  return readAnswer(api.POST(`/api/v1/rooms/{id}/${field}/regenerate`, { ...path(id), body: { disconnect }, ...asText }));
}

/** Takes a secret away that a room can do without. */
export async function clearSecret(api: Api, id: string, field: "backup_stream_key" | "srt_passphrase"): Promise<void> {
  await ask(api.DELETE(`/api/v1/rooms/{id}/${field}`, path(id)));
}

/** Who is in a room now; at most 200. */
export async function participants(api: Api, id: string, signal?: AbortSignal): Promise<{ people: Participant[]; more: boolean }> {
  const page = await ask(api.GET("/api/v1/rooms/{id}/participants", { params: { path: { id }, query: { limit: 200 } }, ...(signal && { signal }) }));
  return { people: page.items, more: page.next_cursor !== null };
}

/** Sends somebody out, for this run. */
export async function removeParticipant(api: Api, id: string, pid: string, banAddress: boolean): Promise<void> {
  await ask(api.DELETE("/api/v1/rooms/{id}/participants/{pid}", { params: { path: { id, pid }, ...(banAddress && { query: { ban_address: true } }) } }));
}

/** Mutes what somebody sends. */
export async function mute(api: Api, id: string, pid: string, kind: "audio" | "video" | "screen"): Promise<void> {
  await ask(api.POST("/api/v1/rooms/{id}/participants/{pid}/mute", { params: { path: { id, pid } }, body: { kinds: [kind] } }));
}

/** The state of a room's broadcast. */
export function broadcast(api: Api, id: string, signal?: AbortSignal): Promise<Broadcast> {
  return ask(api.GET("/api/v1/rooms/{id}/stream", { ...path(id), ...(signal && { signal }) }));
}

/** Puts a previewed broadcast on air, or ends the show and keeps the publisher in preview. */
export function onAir(api: Api, id: string, what: "start" | "stop"): Promise<Broadcast> {
  return ask(api.POST(`/api/v1/rooms/{id}/stream/${what}`, path(id)));
}

/** Cuts the publisher off and refuses its key for a while. */
export async function cut(api: Api, id: string, holdSeconds: number): Promise<void> {
  await ask(api.DELETE("/api/v1/rooms/{id}/stream", { params: { path: { id }, query: { hold_seconds: holdSeconds } } }));
}

/** The newest join tokens of a room. */
export function joinTokens(api: Api, id: string, cursor: string | null): Promise<{ items: JoinToken[]; next_cursor: string | null }> {
  return ask(api.GET("/api/v1/rooms/{id}/join_tokens", { params: { path: { id }, query: { limit: 50, ...(cursor !== null && { cursor }) } } }));
}

/** Mints a join token: the answer alone holds the token and its URL. */
export function mint(api: Api, id: string, body: JoinTokenCreate): Promise<JoinToken> {
  return ask(api.POST("/api/v1/rooms/{id}/join_tokens", { ...path(id), body }));
}

/** Deletes a join token; those who came by it are sent out. */
export async function deleteJoinToken(api: Api, id: string, tid: string): Promise<void> {
  await ask(api.DELETE("/api/v1/rooms/{id}/join_tokens/{tid}", { params: { path: { id, tid } } }));
}

/** Who is banned from the run. */
export function bans(api: Api, id: string, cursor: string | null): Promise<{ items: Ban[]; next_cursor: string | null }> {
  return ask(api.GET("/api/v1/rooms/{id}/bans", { params: { path: { id }, query: { limit: 50, ...(cursor !== null && { cursor }) } } }));
}

/** Lets somebody in again. */
export async function deleteBan(api: Api, id: string, bid: string): Promise<void> {
  await ask(api.DELETE("/api/v1/rooms/{id}/bans/{bid}", { params: { path: { id, bid } } }));
}
