import type { JoinAnswer } from "$lib/api";

/** What somebody will be able to send, as far as the room's features say it before the first welcome. */
export function permittedAtDoor({ role, room }: JoinAnswer): { audio: boolean; video: boolean; muted: boolean } {
  const on = (feature: string) => role === "moderator" || room.features[feature] !== false;
  return { audio: on("participants_audio"), video: on("participants_video"), muted: role !== "moderator" && room.features["mute_on_join"] === true };
}
